//! The BSP clients against the stand-in over real HTTP: every shape and every fault of the contract, and what is made of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use wabacus::bsp::{Account, Action, BspError, Bsps, Options, StopReason};
use wabacus::domain::account_usage::{UsageReport, UsageUnit};
use wabacus::domain::channel::BspKind;
use wabacus::domain::clock::{Clock, Instant, ManualClock};
use wabacus::domain::money::Currency;
use wabacus::domain::period::{DateRange, Zone};
use wabacus::sim::{EmptyShape, Fault, Often, Sim, SimAccount, SimDay, cost_of};

const APP: &str = "app-1";
const WABA: &str = "900000000000001";
const TOKEN: &str = "sk_0123456789abcdef";

struct World {
    sim: Sim,
    bsps: Bsps,
    clock: ManualClock,
}

fn india() -> Zone {
    Zone::from_name("Asia/Kolkata").unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn week() -> DateRange {
    DateRange::new(date("2026-06-01"), date("2026-06-07")).unwrap()
}

fn start() -> Instant {
    "2026-06-10T03:30:00Z".parse().unwrap()
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = ManualClock::at(start());
        let sim = Sim::start(7, Arc::new(clock.clone())).unwrap();
        sim.add(SimAccount::gupshup(APP, TOKEN, india()));
        sim.add(SimAccount::interakt(WABA, TOKEN, india()).billed_in(Currency::from_code("INR").unwrap()));
        let plenty = NonZeroU32::new(1_000).unwrap();
        let mut options = Options {
            gupshup_url: sim.gupshup_url(),
            interakt_url: sim.interakt_url(),
            gupshup_per_minute: plenty,
            graph_per_hour: plenty,
            bsp_per_second: plenty,
            ..Options::default()
        };
        change(&mut options);
        Self { bsps: Bsps::new(options, Arc::new(clock.clone())).unwrap(), sim, clock }
    }

    async fn ask(&self, kind: BspKind, range: DateRange) -> Result<UsageReport, BspError> {
        self.bsps.get(kind).account_usage(&account(kind, Some(TOKEN)), range).await
    }

    async fn gupshup(&self) -> Result<UsageReport, BspError> {
        self.ask(BspKind::Gupshup, week()).await
    }

    async fn interakt(&self) -> Result<UsageReport, BspError> {
        self.ask(BspKind::Interakt, week()).await
    }

    /// What the report must say: what the stand-in's own books say of each day.
    fn assert_matches_books(&self, kind: BspKind, report: &UsageReport) {
        let id = id_of(kind);
        assert_eq!(report.days.len(), usize::try_from(report.range.count_days()).unwrap());
        for (day, expected) in report.days.iter().zip(report.range.days()) {
            assert_eq!(day.figures.date, expected);
            let book = self.sim.day(id, expected).unwrap();
            let total: i64 = book.lines.iter().map(|line| line.count).sum();
            assert_eq!(day.figures.counts.total(), Some(total), "{expected}");
            assert_eq!(day.details.iter().map(|detail| detail.count).sum::<i64>(), total, "{expected}");
            if kind == BspKind::Interakt {
                assert_eq!(day.figures.fees.unwrap().amount, cost_of(&book).unwrap(), "{expected}");
                assert_eq!(day.details.len(), book.lines.len(), "{expected}");
            }
        }
    }
}

const fn id_of(kind: BspKind) -> &'static str {
    match kind {
        BspKind::Gupshup => APP,
        BspKind::Interakt => WABA,
    }
}

fn account(kind: BspKind, token: Option<&str>) -> Account {
    Account { id: id_of(kind).to_owned(), token: token.map(Into::into), zone: Zone::UTC }
}

/// The error, after a look at what no error may show.
fn failure(answer: Result<UsageReport, BspError>) -> BspError {
    let error = answer.expect_err("the fault was not noticed");
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        let text = cause.to_string();
        assert!(!error.to_string().contains(&text), "the message repeats its source: {text}");
        shown.push_str(&text);
        source = cause.source();
    }
    assert!(!shown.contains(TOKEN), "a token is shown: {shown}");
    error
}

#[tokio::test]
async fn a_week_of_gupshup_is_what_its_books_say() {
    let world = World::new();
    let report = world.gupshup().await.unwrap();
    world.assert_matches_books(BspKind::Gupshup, &report);
    let day = &report.days[0];
    assert_eq!(day.figures.unit, UsageUnit::Message);
    assert_eq!(day.figures.messages.unwrap().incoming, world.sim.day(APP, date("2026-06-01")).unwrap().incoming);
    assert_eq!(day.figures.fees.unwrap().currency.code(), "USD");
    assert_eq!(report.account_zone, None);
    assert_eq!(report.account_currency, Currency::from_code("USD"));
    assert_eq!(report.payload.source, "gupshup usage");
    assert!(report.payload.body.starts_with(r#"{"status":"success""#));
    let requests = world.sim.requests(APP);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/partner/app/app-1/usage");
    assert_eq!(requests[0].query, "from=2026-06-01&to=2026-06-07");
}

#[tokio::test]
async fn a_week_of_interakt_is_cut_at_the_accounts_own_midnight() {
    let world = World::new();
    let report = world.interakt().await.unwrap();
    world.assert_matches_books(BspKind::Interakt, &report);
    assert_eq!(report.account_zone, Some(india()), "and not the organisation's zone");
    assert_eq!(report.account_currency, Currency::from_code("INR"));
    assert_eq!(report.payload.source, "graph pricing_analytics");
    let requests = world.sim.requests(WABA);
    assert_eq!(requests.len(), 2, "facts first, then usage");
    assert_eq!(requests[0].query, "currency,timezone_id");
    // 2026-05-31T18:30Z to 2026-06-07T18:30Z.
    assert!(requests[1].query.contains("pricing_analytics.start(1780252200).end(1780857000).granularity(DAILY)"));
    world.interakt().await.unwrap();
    assert_eq!(world.sim.requests(WABA).len(), 3, "the facts are known for a day");
    world.clock.advance(TimeDelta::days(2));
    world.interakt().await.unwrap();
    assert_eq!(world.sim.requests(WABA).len(), 5, "and then asked again");
}

#[tokio::test]
async fn every_transport_fault_is_told_from_the_others_and_heals() {
    let cases = [
        (Fault::ServerError(500), Action::Retry, "500"),
        (Fault::ServerError(503), Action::Retry, "503"),
        (Fault::CutConnection, Action::Retry, "cut off"),
        (Fault::NotJson, Action::Retry, "<!doctype html>"),
        (Fault::WrongShape, Action::Retry, "unexpected shape"),
        (Fault::HugeBody { bytes: 4 * 1024 * 1024 }, Action::Retry, "more than 1000000 bytes"),
        (Fault::TokenExpired, Action::Stop(StopReason::Token), "401"),
        (Fault::RedirectElsewhere, Action::Stop(StopReason::Refused), "elsewhere.invalid"),
    ];
    let world = World::with(|options| options.body_bytes_max = 1_000_000);
    for kind in [BspKind::Gupshup, BspKind::Interakt] {
        for (fault, action, words) in cases.clone() {
            world.sim.fault(id_of(kind), fault.clone(), Often::Times(1));
            let error = failure(world.ask(kind, week()).await);
            assert_eq!(error.action, action, "{kind} {fault:?}: {error}");
            assert!(error.message.contains(words), "{kind} {fault:?}: {error}");
            let report = world.ask(kind, week()).await.unwrap();
            world.assert_matches_books(kind, &report);
        }
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up_and_tried_again() {
    let world = World::with(|options| options.request_timeout = Duration::from_millis(200));
    for kind in [BspKind::Gupshup, BspKind::Interakt] {
        world.sim.fault(id_of(kind), Fault::Timeout, Often::Always);
        let error = failure(world.ask(kind, week()).await);
        assert_eq!(error.action, Action::Retry);
        assert!(error.message.contains("did not answer in time"), "{error}");
    }
}

#[tokio::test]
async fn a_bsp_that_is_not_there_is_tried_again() {
    // Nothing listens on port 1 of this machine.
    let nowhere: url::Url = "http://127.0.0.1:1".parse().unwrap();
    let world = World::with(|options| {
        options.gupshup_url = nowhere.clone();
        options.interakt_url = nowhere;
    });
    for kind in [BspKind::Gupshup, BspKind::Interakt] {
        let error = failure(world.ask(kind, week()).await);
        assert_eq!(error.action, Action::Retry);
        assert!(error.message.contains("cannot be reached"), "{error}");
    }
    world.sim.stop();
}

#[tokio::test]
async fn a_wrong_or_missing_token_and_an_unknown_account_stop_the_channel() {
    let world = World::new();
    let ask = async |kind: BspKind, id: &str, token: Option<&str>| {
        let account = Account { id: id.to_owned(), ..account(kind, token) };
        failure(world.bsps.get(kind).account_usage(&account, week()).await).action
    };
    for kind in [BspKind::Gupshup, BspKind::Interakt] {
        assert_eq!(ask(kind, id_of(kind), Some("another")).await, Action::Stop(StopReason::Token));
        assert_eq!(ask(kind, id_of(kind), None).await, Action::Stop(StopReason::Token));
        assert_eq!(ask(kind, id_of(kind), Some("")).await, Action::Stop(StopReason::Token));
        assert_eq!(ask(kind, "nobody", Some(TOKEN)).await, Action::Stop(StopReason::NotFound));
        for odd in ["", "..", "a/b", "me?fields=id", "a b"] {
            assert_eq!(ask(kind, odd, Some(TOKEN)).await, Action::Stop(StopReason::NotFound), "{odd:?}");
        }
    }
    let with_fallback = World::with(|options| options.interakt_token = Some(TOKEN.into()));
    let bsp = with_fallback.bsps.get(BspKind::Interakt);
    assert!(bsp.account_usage(&account(BspKind::Interakt, None), week()).await.is_ok());
}

#[tokio::test]
async fn graph_is_judged_by_its_code() {
    let world = World::new();
    let cases = [
        (1, None, Action::Retry),
        (2, None, Action::Retry),
        (190, Some(460), Action::Stop(StopReason::Token)),
        (102, None, Action::Stop(StopReason::Token)),
        (3, None, Action::Stop(StopReason::Permission)),
        (10, None, Action::Stop(StopReason::Permission)),
        (200, Some(1_349_174), Action::Stop(StopReason::Permission)),
        (368, None, Action::Stop(StopReason::Blocked)),
        (100, Some(33), Action::Stop(StopReason::NotFound)),
        (100, None, Action::Stop(StopReason::Refused)),
    ];
    for (code, subcode, action) in cases {
        world.sim.fault(WABA, Fault::GraphCode { code, subcode }, Often::Times(1));
        let error = failure(world.interakt().await);
        assert_eq!(error.action, action, "{error}");
        assert!(error.message.contains(&format!("code {code}")), "{error}");
    }
    for code in [4, 17, 32, 613, 80_007, 80_008] {
        world.sim.fault(WABA, Fault::GraphCode { code, subcode: None }, Often::Times(1));
        let Action::Wait(until) = failure(world.interakt().await).action else {
            panic!("{code} is no reason to wait?")
        };
        assert!(until > world.clock.now(), "{code}");
        world.clock.set(until);
    }
    assert!(world.interakt().await.is_ok());
}

#[tokio::test]
async fn too_many_requests_closes_the_gate_for_as_long_as_was_said() {
    let world = World::new();
    for kind in [BspKind::Gupshup, BspKind::Interakt] {
        world.sim.fault(id_of(kind), Fault::TooManyRequests { retry_after_seconds: Some(90) }, Often::Times(1));
        let until = world.clock.now() + TimeDelta::seconds(90);
        assert_eq!(failure(world.ask(kind, week()).await).action, Action::Wait(until));
        let sent = world.sim.requests(id_of(kind)).len();
        world.clock.advance(TimeDelta::seconds(89));
        assert_eq!(failure(world.ask(kind, week()).await).action, Action::Wait(until));
        assert_eq!(world.sim.requests(id_of(kind)).len(), sent, "nothing is sent while the gate is closed");
        let states = world.bsps.limiter_states();
        let state = states.iter().find(|state| state.account.as_deref() == Some(id_of(kind))).unwrap();
        assert_eq!((state.bsp, state.closed_until), (kind, Some(until)));
        assert!(state.reason.as_ref().unwrap().contains("429"), "{state:?}");
        world.clock.set(until);
        assert!(world.ask(kind, week()).await.is_ok());
    }
}

#[tokio::test]
async fn too_many_requests_without_a_time_waits_longer_each_time() {
    let world = World::new();
    world.sim.fault(APP, Fault::TooManyRequests { retry_after_seconds: None }, Often::Times(9));
    let mut waits = Vec::new();
    for _ in 0..9 {
        let Action::Wait(until) = failure(world.gupshup().await).action else { panic!("no wait") };
        waits.push((until - world.clock.now()).num_seconds());
        world.clock.set(until);
    }
    assert!((30..=60).contains(&waits[0]), "{waits:?}");
    assert!((240..=480).contains(&waits[3]), "{waits:?}");
    assert!((1_800..=3_600).contains(&waits[8]), "{waits:?}");
    assert!(world.gupshup().await.is_ok());
}

#[tokio::test]
async fn full_usage_headers_close_the_gate_but_the_answer_counts() {
    let world = World::new();
    world.interakt().await.unwrap();
    for (regain_minutes, wait) in [(19, 19), (0, 5)] {
        world.sim.fault(WABA, Fault::UsageHeaders { percent: 100, regain_minutes }, Often::Times(1));
        let report = world.interakt().await.unwrap();
        world.assert_matches_books(BspKind::Interakt, &report);
        let until = world.clock.now() + TimeDelta::minutes(wait);
        assert_eq!(failure(world.interakt().await).action, Action::Wait(until));
        world.clock.set(until);
    }
    world.sim.fault(WABA, Fault::UsageHeaders { percent: 99, regain_minutes: 0 }, Often::Times(1));
    assert!(world.interakt().await.is_ok());
    assert!(world.interakt().await.is_ok());
}

#[tokio::test]
async fn the_vendors_rate_is_kept_without_being_told() {
    let world = World::with(|options| options.gupshup_per_minute = NonZeroU32::new(10).unwrap());
    world.sim.limit(APP, Some(10));
    let mut sent = 0;
    for _ in 0..300 {
        let mut call = Box::pin(world.gupshup());
        let answer = loop {
            if let Poll::Ready(answer) = futures::poll!(&mut call) {
                break answer;
            }
            if world.clock.next_waited_for().is_some() {
                world.clock.advance(TimeDelta::seconds(1));
            } else {
                tokio::task::yield_now().await;
            }
        };
        answer.expect("the vendor's own limit is never reached");
        sent += 1;
        if world.clock.now() > start() + TimeDelta::minutes(5) {
            break;
        }
    }
    assert!((25..300).contains(&sent), "{sent} requests in five minutes");
}

#[tokio::test]
async fn an_unknown_field_is_made_good_by_the_other() {
    let world = World::new();
    world.sim.fault(WABA, Fault::UnknownField("pricing_analytics".to_owned()), Often::Always);
    let report = world.interakt().await.unwrap();
    world.assert_matches_books(BspKind::Interakt, &report);
    assert_eq!(report.days[0].figures.unit, UsageUnit::Conversation);
    assert_eq!(report.payload.source, "graph conversation_analytics");
    world.sim.fault(WABA, Fault::UnknownField("conversation_analytics".to_owned()), Often::Always);
    assert_eq!(failure(world.interakt().await).action, Action::Stop(StopReason::Refused));
}

#[tokio::test]
async fn days_before_july_2025_are_asked_as_conversations() {
    let world = World::new();
    let range = DateRange::new(date("2025-06-29"), date("2025-07-02")).unwrap();
    let report = world.ask(BspKind::Interakt, range).await.unwrap();
    world.assert_matches_books(BspKind::Interakt, &report);
    let units: Vec<UsageUnit> = report.days.iter().map(|day| day.figures.unit).collect();
    assert_eq!(units, [UsageUnit::Conversation, UsageUnit::Conversation, UsageUnit::Message, UsageUnit::Message]);
    assert_eq!(report.payload.source, "graph conversation_analytics + graph pricing_analytics");
    assert_eq!(report.payload.body.lines().count(), 2);
    // An account whose pricing field is older than the change: the other way round.
    world.sim.fault(WABA, Fault::UnknownField("conversation_analytics".to_owned()), Often::Times(1));
    let report = world.ask(BspKind::Interakt, range).await.unwrap();
    assert!(report.days.iter().all(|day| day.figures.unit == UsageUnit::Message));
}

#[tokio::test]
async fn cost_that_is_not_shown_is_asked_once_and_then_left_out_for_a_day() {
    let world = World::new();
    world.sim.change(WABA, |account| account.shows_cost = false);
    world.sim.fault(WABA, Fault::CostNotAvailable, Often::Always);
    let report = world.interakt().await.unwrap();
    assert!(report.days.iter().all(|day| day.figures.fees.is_none() && day.figures.counts.total() > Some(0)));
    assert_eq!(world.sim.requests(WABA).len(), 3, "facts, with cost, without");
    world.interakt().await.unwrap();
    assert_eq!(world.sim.requests(WABA).len(), 4);
    world.sim.clear(WABA);
    world.sim.change(WABA, |account| account.shows_cost = true);
    world.clock.advance(TimeDelta::days(1));
    assert!(world.interakt().await.unwrap().days[0].figures.fees.is_some(), "it is asked for again the next day");
}

#[tokio::test]
async fn pages_are_followed_with_the_token_in_no_address_and_no_payload() {
    let world = World::new();
    world.sim.fault(WABA, Fault::Paged { pages: 4 }, Often::Times(1));
    let report = world.interakt().await.unwrap();
    world.assert_matches_books(BspKind::Interakt, &report);
    assert_eq!(report.payload.body.lines().count(), 4);
    assert!(!report.payload.body.contains(TOKEN));
    let requests = world.sim.requests(WABA);
    assert_eq!(requests.len(), 1 + 4);
    assert!(requests.iter().all(|request| !request.query.contains("token")), "{requests:?}");
}

#[tokio::test]
async fn a_page_that_fails_fails_the_call() {
    let world = World::new();
    world.sim.fault(WABA, Fault::Paged { pages: 3 }, Often::Times(1));
    world.interakt().await.unwrap();
    world.sim.fault(WABA, Fault::Paged { pages: 3 }, Often::Times(1));
    world.sim.fault(WABA, Fault::ServerError(500), Often::Times(1));
    assert_eq!(failure(world.interakt().await).action, Action::Retry);
}

#[tokio::test]
async fn pages_without_end_or_at_another_host_are_not_followed() {
    let world = World::with(|options| options.pages_max = 5);
    world.sim.fault(WABA, Fault::Paged { pages: 6 }, Often::Times(1));
    let error = failure(world.interakt().await);
    assert_eq!(error.action, Action::Retry);
    assert!(error.message.contains("more than 5 pages"), "{error}");
    assert_eq!(world.sim.requests(WABA).len(), 1 + 5);
    world.sim.fault(WABA, Fault::Paged { pages: 5 }, Often::Times(1));
    assert!(world.interakt().await.is_ok(), "exactly as many as are allowed");
    world.sim.fault(WABA, Fault::ForeignNextPage, Often::Times(1));
    let error = failure(world.interakt().await);
    assert_eq!(error.action, Action::Stop(StopReason::Refused));
    assert!(error.message.contains("elsewhere.invalid"), "{error}");
}

#[tokio::test]
async fn a_bucket_off_midnight_is_flagged_and_gives_nothing() {
    let world = World::new();
    world.sim.fault(WABA, Fault::OffMidnight, Often::Times(1));
    let error = failure(world.interakt().await);
    assert_eq!(error.action, Action::Stop(StopReason::OffMidnight));
    assert!(error.message.contains("Asia/Kolkata"), "{error}");
}

#[tokio::test]
async fn an_account_that_moved_to_another_zone_is_asked_again_there() {
    let world = World::new();
    world.interakt().await.unwrap();
    let tokyo = Zone::from_name("Asia/Tokyo").unwrap();
    world.sim.change(WABA, |account| {
        account.zone = tokyo;
        account.timezone_id = 77;
    });
    let report = world.interakt().await.unwrap();
    world.assert_matches_books(BspKind::Interakt, &report);
    assert_eq!(report.account_zone, Some(tokyo));
    assert_eq!(world.sim.requests(WABA).len(), 2 + 2);
}

#[tokio::test]
async fn an_account_without_a_known_zone_has_its_organisations_days() {
    let world = World::new();
    world.sim.change(WABA, |account| {
        account.zone = Zone::UTC;
        account.timezone_id = 0;
    });
    let report = world.interakt().await.unwrap();
    world.assert_matches_books(BspKind::Interakt, &report);
    assert_eq!(report.account_zone, None);
}

#[tokio::test]
async fn nothing_used_is_a_report_without_days_in_every_shape() {
    let world = World::new();
    for shape in [EmptyShape::NoPoints, EmptyShape::NoData, EmptyShape::NoField] {
        world.sim.fault(WABA, Fault::EmptyShape(shape), Often::Times(1));
        assert_eq!(world.interakt().await.unwrap().days, [], "{shape:?}");
    }
    for kind in [BspKind::Gupshup, BspKind::Interakt] {
        let future = DateRange::day(date("2026-07-01"));
        assert_eq!(world.ask(kind, future).await.unwrap().days, []);
    }
}

#[tokio::test]
async fn an_amount_beyond_what_a_float_holds_arrives_exactly() {
    let world = World::new();
    let day = SimDay::default().with("UTILITY", "REGULAR", "IN", 3, "9007199.254740993");
    for kind in [BspKind::Gupshup, BspKind::Interakt] {
        world.sim.set_day(id_of(kind), date("2026-06-03"), day.clone());
        let report = world.ask(kind, DateRange::day(date("2026-06-03"))).await.unwrap();
        let gupshup_part = if kind == BspKind::Gupshup { 3 * 1_000_000 } else { 0 };
        assert_eq!(report.days[0].figures.fees.unwrap().amount.nanos(), 9_007_199_254_740_993 + gupshup_part);
        assert_eq!(report.days[0].figures.counts.utility, 3);
    }
}

#[tokio::test]
async fn a_day_that_was_revised_or_vanished_is_told_so() {
    let world = World::new();
    let day = date("2026-06-04");
    for kind in [BspKind::Gupshup, BspKind::Interakt] {
        let before = world.ask(kind, week()).await.unwrap();
        world.sim.revise(id_of(kind), day);
        let revised = world.ask(kind, week()).await.unwrap();
        assert_ne!(before.days[3].content_hash(), revised.days[3].content_hash());
        assert_eq!(before.days[2], revised.days[2]);
        world.sim.vanish(id_of(kind), day);
        let vanished = world.ask(kind, week()).await.unwrap();
        assert!(vanished.days.iter().all(|left| left.figures.date != day));
        assert_eq!(vanished.days.len(), 6);
    }
}

#[tokio::test]
async fn a_request_can_be_parked_so_that_others_overtake_it() {
    let world = World::new();
    world.sim.hold(APP);
    let mut parked = Box::pin(world.gupshup());
    tokio::select! {
        _ = &mut parked => panic!("a parked request was answered"),
        () = world.sim.arrived(APP, 1) => {}
    }
    assert!(world.interakt().await.is_ok());
    world.sim.release(APP);
    assert!(parked.await.is_ok());
}
