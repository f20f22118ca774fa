//! Whatever a BSP does wrong, the run says what happened, and the rows are those of before or those of the answer, never a mixture.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wabacus::domain::channel::BspKind;
use wabacus::sim::{EmptyShape, Fault, Often};

use crate::support::usage::{assert_is_sum, date, dates, id_of};
use crate::support::{NOON, Setup, World};

const FROM: &str = "2026-05-28";
const TO: &str = "2026-06-04";

/// What a fault leads to, and the words that say so.
enum Leads {
    /// To another attempt.
    Retry(&'static str),
    /// To another attempt at a time that was said, which does not count.
    Wait(&'static str),
    /// To the end of the run; the channel is sound.
    End(&'static str),
    /// To the end of the run, and of asking for the channel.
    Attention(&'static str),
    /// To an answer after all.
    Answer(Answer),
}

/// What the answer holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Everything,
    NoFees,
    Conversations,
    NoDays,
}

/// The name of a fault. A new kind of fault does not compile until it is named here, and is then missed by
/// [`the_tables_know_every_fault`].
const fn name(fault: &Fault) -> &'static str {
    match fault {
        Fault::TooManyRequests { .. } => "too many requests",
        Fault::UsageHeaders { .. } => "usage headers",
        Fault::GraphCode { .. } => "Graph code",
        Fault::ServerError(_) => "server error",
        Fault::Timeout => "time-out",
        Fault::CutConnection => "cut connection",
        Fault::TokenExpired => "token expired",
        Fault::NotJson => "not JSON",
        Fault::WrongShape => "wrong shape",
        Fault::HugeBody { .. } => "huge body",
        Fault::OffMidnight => "off midnight",
        Fault::RedirectElsewhere => "redirect elsewhere",
        Fault::UnknownField(_) => "unknown field",
        Fault::CostNotAvailable => "cost not available",
        Fault::Paged { .. } => "paged",
        Fault::ForeignNextPage => "foreign next page",
        Fault::EmptyShape(_) => "empty shape",
    }
}

/// How many names there are.
const NAMES: usize = 17;

/// What both BSPs may do.
fn common() -> Vec<(Fault, Leads)> {
    vec![
        (Fault::TooManyRequests { retry_after_seconds: Some(45) }, Leads::Wait("429")),
        (Fault::TooManyRequests { retry_after_seconds: None }, Leads::Wait("429")),
        (Fault::ServerError(500), Leads::Retry("500")),
        (Fault::ServerError(503), Leads::Retry("503")),
        (Fault::Timeout, Leads::Retry("did not answer in time")),
        (Fault::CutConnection, Leads::Retry("was cut off in the middle of an answer")),
        (Fault::TokenExpired, Leads::Attention("401")),
        (Fault::NotJson, Leads::Retry("<!doctype html>")),
        (Fault::WrongShape, Leads::Retry("unexpected shape")),
        (Fault::HugeBody { bytes: 17 * 1024 * 1024 }, Leads::Retry("more than 16777216 bytes")),
        (Fault::RedirectElsewhere, Leads::End("a redirect to \"elsewhere.invalid\"")),
    ]
}

/// What Graph may do besides.
fn of_graph() -> Vec<(Fault, Leads)> {
    let code = |code, subcode| Fault::GraphCode { code, subcode };
    vec![
        (code(1, None), Leads::Retry("code 1")),
        (code(2, None), Leads::Retry("code 2")),
        (code(4, None), Leads::Wait("code 4")),
        (code(17, None), Leads::Wait("code 17")),
        (code(613, None), Leads::Wait("code 613")),
        (code(80007, None), Leads::Wait("code 80007")),
        (code(80008, None), Leads::Wait("code 80008")),
        (code(102, None), Leads::Attention("code 102")),
        (code(190, Some(463)), Leads::Attention("code 190, subcode 463")),
        (code(10, None), Leads::Attention("code 10")),
        (code(200, None), Leads::Attention("code 200")),
        (code(368, None), Leads::Attention("code 368")),
        (code(100, Some(33)), Leads::Attention("code 100, subcode 33")),
        (code(100, None), Leads::End("code 100")),
        (Fault::OffMidnight, Leads::End("no day from midnight to midnight")),
        (Fault::ForeignNextPage, Leads::End("sends elsewhere for the next page")),
        (Fault::UsageHeaders { percent: 100, regain_minutes: 3 }, Leads::Answer(Answer::Everything)),
        (Fault::Paged { pages: 5 }, Leads::Answer(Answer::Everything)),
        (Fault::CostNotAvailable, Leads::Answer(Answer::NoFees)),
        (Fault::UnknownField("pricing_analytics".to_owned()), Leads::Answer(Answer::Conversations)),
        (Fault::EmptyShape(EmptyShape::NoPoints), Leads::Answer(Answer::NoDays)),
        (Fault::EmptyShape(EmptyShape::NoData), Leads::Answer(Answer::NoDays)),
        (Fault::EmptyShape(EmptyShape::NoField), Leads::Answer(Answer::NoDays)),
    ]
}

/// All that is stored of the days that a story looks at: the days and their months.
async fn stored(world: &World, organisation: &str) -> (Vec<Value>, Vec<Value>) {
    let days = world.days(organisation, FROM, TO).await;
    (days, world.months(organisation, "2026-05", "2026-06").await)
}

/// Checks that what is stored is what the BSP says of the days now, and no day more.
async fn assert_is_answer(world: &World, organisation: &str, account: &str, answer: Answer) {
    let (days, months) = stored(world, organisation).await;
    for month in months {
        let name = month["month"].as_str().expect("a month");
        let of_month = |day: &&Value| day["date"].as_str().is_some_and(|date| date.starts_with(name));
        let days: Vec<_> = days.iter().filter(of_month).cloned().collect();
        assert_is_sum(&month, &days);
    }
    let known = date(FROM).iter_days().take(8).filter(|day| world.sim.day(account, *day).is_some());
    let known: Vec<_> = known.map(|day| day.to_string()).collect();
    if answer == Answer::NoDays {
        assert_eq!(dates(&days), Vec::<&str>::new());
        return;
    }
    assert_eq!(dates(&days), known);
    for day in &days {
        let date = day["date"].as_str().expect("a date");
        assert_eq!(day["counts"]["total"], world.said(account, date), "{date}");
        assert_eq!(day["fees"].is_null(), answer == Answer::NoFees, "{date}");
        assert_eq!(day["unit"], if answer == Answer::Conversations { "CONVERSATION" } else { "MESSAGE" }, "{date}");
    }
}

/// One fault from its first request to what becomes of it.
async fn endure(world: &World, bsp: BspKind, account: &str, fault: Fault, leads: Leads) {
    let organisation = world.organisation(account, "Asia/Kolkata").await;
    let channel = world.channel(&organisation, bsp, account, "Asia/Kolkata").await;
    world.settle().await;
    let before = stored(world, &organisation).await;
    assert_eq!(before.0.len(), 8);
    // The answer, once it comes, differs from what is stored in every way that it can.
    world.sim.revise(account, date("2026-05-30"));
    world.sim.revise(account, date("2026-06-02"));
    world.sim.vanish(account, date("2026-06-01"));
    let often = if matches!(leads, Leads::Answer(_)) { Often::Always } else { Often::Times(1) };
    world.sim.fault(account, fault, often);

    let run = world.backfill(&organisation, FROM, TO).await;

    let (state, status, words) = match leads {
        Leads::Retry(words) | Leads::Wait(words) => ("RETRYING", "ACTIVE", words),
        Leads::End(words) => ("FAILED", "ACTIVE", words),
        Leads::Attention(words) => ("FAILED", "NEEDS_ATTENTION", words),
        Leads::Answer(_) => ("SUCCEEDED", "ACTIVE", ""),
    };
    assert_eq!(run["state"], state, "{run:#}");
    assert!(run["error"].as_str().unwrap_or_default().contains(words), "{words}: {run:#}");
    assert_eq!(world.channel_status(&channel).await.0, status);
    if let Leads::Answer(answer) = leads {
        return assert_is_answer(world, &organisation, account, answer).await;
    }
    assert!(!run.to_string().contains("secret-"), "no token is shown: {run:#}");
    assert_eq!(run["attempt"], i32::from(!matches!(leads, Leads::Wait(_))));
    assert_eq!(stored(world, &organisation).await, before, "a failed answer leaves all as it was");
    let run = match leads {
        Leads::Retry(_) | Leads::Wait(_) => world.until_over(&run).await,
        Leads::End(_) => world.retry(id_of(&run)).await,
        Leads::Attention(_) | Leads::Answer(_) => return,
    };
    assert_eq!((&run["state"], &run["error"]), (&json!("SUCCEEDED"), &Value::Null), "{run:#}");
    assert_is_answer(world, &organisation, account, Answer::Everything).await;
    assert_eq!(world.changed_days(&organisation, &run).await, ["2026-05-30", "2026-06-01", "2026-06-02"]);
}

async fn endure_all(bsp: BspKind, table: Vec<(Fault, Leads)>) {
    let world = Setup::at(NOON).with("BSP_TIMEOUT_SECONDS", "1").begin().await;
    for (number, (fault, leads)) in table.into_iter().enumerate() {
        let account = format!("account-{number}");
        Box::pin(endure(&world, bsp, &account, fault, leads)).await;
    }
}

#[test]
fn the_tables_know_every_fault() {
    let names: BTreeSet<_> = common().iter().chain(&of_graph()).map(|(fault, _)| name(fault)).collect();
    assert_eq!(names.len(), NAMES, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gupshup_may_fail_as_it_likes() {
    endure_all(BspKind::Gupshup, common()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interakt_may_fail_as_gupshup_does() {
    endure_all(BspKind::Interakt, common()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interakt_may_fail_as_graph_does() {
    endure_all(BspKind::Interakt, of_graph()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_later_part_fails_is_no_answer() {
    let world = World::begin().await;
    let organisation = world.organisation("Toko", "Asia/Kolkata").await;
    world.channel(&organisation, BspKind::Interakt, "waba-1", "Asia/Kolkata").await;
    world.settle().await;
    // Pages of one question, and the two questions of a range across the day on which Meta changed what it counts.
    for (from, to, pages) in [(FROM, TO, 3), ("2025-06-25", "2025-07-05", 1)] {
        let first = world.backfill(&organisation, from, to).await;
        assert_eq!(first["state"], "SUCCEEDED", "{first:#}");
        let before = world.days(&organisation, from, to).await;
        date(from).iter_days().take(8).for_each(|day| world.sim.revise("waba-1", day));
        world.sim.fault("waba-1", Fault::Paged { pages }, Often::Times(1));
        world.sim.fault("waba-1", Fault::CutConnection, Often::Times(1));
        let asked = world.asked("waba-1");

        let run = world.backfill(&organisation, from, to).await;

        assert_eq!((&run["state"], world.asked("waba-1")), (&json!("RETRYING"), asked + 2), "{run:#}");
        assert_eq!(world.days(&organisation, from, to).await, before, "not even what had been answered is written");
        let run = world.until_over(&run).await;
        assert_eq!(run["state"], "SUCCEEDED");
        let days = world.days(&organisation, from, to).await;
        assert!(days[..8].iter().all(|day| day["revision"] == 1) && days[8..].iter().all(|day| day["revision"] == 0));
    }
}
