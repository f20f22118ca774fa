//! The whole server as the composition root builds it, over a file with one organisation and a month of one channel.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use chrono::NaiveDate;
use secrecy::ExposeSecret as _;
use serde_json::json;
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::account_usage::{
    DayFigures, DayUsage, MessageCounts, ReceivedPayload, UsageCounts, UsageReport, UsageUnit,
};
use wabacus::domain::channel::{BspAccountRef, BspKind, Channel, ChannelKind, ChannelStatus};
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::domain::id::{ChannelId, OrganisationId};
use wabacus::domain::money::{Currency, Fees, Money};
use wabacus::domain::organisation::{Organisation, PLAN_CODE_DEFAULT};
use wabacus::domain::period::{DateRange, Zone};
use wabacus::service::access::{Caller, NewToken};
use wabacus::store::{self, Store};

use crate::load::Question;

/// A running server and what it takes to ask it.
pub(crate) struct Real {
    pub(crate) database: String,
    pub(crate) organisation: OrganisationId,
    app: App,
    token: String,
}

impl Real {
    /// The days of June 2026, with the token of their organisation.
    pub(crate) fn question(&self) -> Question {
        self.post(
            "query($from: Date!, $to: Date!) { organisation { dailyUsage(from: $from, to: $to) { \
             date unit counts { marketing utility authentication service total } fees { amount currency } complete } } }",
        )
    }

    /// Fragments that each spread the one before twice, so that the innermost field is asked for 2 to the power of `levels` times.
    pub(crate) fn bomb(&self, levels: usize) -> Question {
        let mut query = format!("{{ ...f{levels} }} fragment f0 on Query {{ __typename }}");
        for level in 1..=levels {
            let inner = level - 1;
            write!(query, " fragment f{level} on Query {{ ...f{inner} ...f{inner} }}").expect("memory is there");
        }
        self.post(&query)
    }

    fn post(&self, query: &str) -> Question {
        let variables = json!({ "from": "2026-06-01", "to": "2026-06-30" });
        Question::graphql(self.app.address(), &self.token, query, &variables)
    }

    pub(crate) async fn stop(self) {
        self.app.stop().await;
    }
}

/// Fills a database in `folder` and starts a server on it.
pub(crate) async fn start(folder: &Path) -> Real {
    drop(rustls::crypto::ring::default_provider().install_default());
    let database = format!("sqlite://{}", folder.join("bench.db").display());
    let organisation = fill(&database).await;
    let settings = BTreeMap::from([
        ("DATABASE_URL".to_owned(), database.clone()),
        ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
        ("MASTER_KEY".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
    ]);
    let config = Config::from_sources(settings, BTreeMap::new()).expect("settings");
    let app = App::start(config, Wiring::default()).await.expect("the server starts");
    let new =
        NewToken { name: "bench".to_owned(), organisation_id: Some(organisation), scopes: None, expires_at: None };
    let (_, secret) = app.services().access.create_token(&Caller::command_line(), new).await.expect("a token");
    Real { database, organisation, app, token: secret.expose_secret().to_owned() }
}

/// One organisation with one channel, which is paused so that nothing is pulled, and its June 2026.
async fn fill(database: &str) -> OrganisationId {
    let options = store::Options { url: database.to_owned(), ..store::Options::default() };
    let store = Store::open(&options).await.expect("a SQLite file");
    store.migrate().await.expect("tables");
    let now = SystemClock.now();
    let organisation = Organisation {
        id: OrganisationId::generate(now),
        name: "Toko Kopi".to_owned(),
        external_id: None,
        time_zone: Zone::from_name("Asia/Jakarta").expect("a zone"),
        currency: Currency::from_code("IDR").expect("a currency"),
        plan_code: PLAN_CODE_DEFAULT.to_owned(),
        active: true,
        created_at: now,
    };
    let channel = Channel {
        id: ChannelId::generate(now),
        organisation_id: organisation.id,
        kind: ChannelKind::Whatsapp,
        account: Some(BspAccountRef { bsp: BspKind::Gupshup, account: "app".to_owned() }),
        name: "Kasir".to_owned(),
        phone_number: None,
        status: ChannelStatus::Paused,
        status_reason: None,
        usage_high_water: None,
        account_zone: None,
        created_at: now,
    };
    let tx = store.begin().await.expect("a transaction");
    store::organisation::insert(&tx, &organisation, now).await.expect("an organisation");
    store::channel::insert(&tx, &channel, None, now).await.expect("a channel");
    let report = report();
    let ids = (organisation.id, channel.id);
    let payload = store::account_usage::store_payload(&tx, ids.0, ids.1, &report, now).await.expect("a payload");
    let until = Some(report.range.to());
    store::account_usage::replace_days(&tx, ids.0, ids.1, &report, payload, until, now).await.expect("days");
    Store::commit(tx).await.expect("a commit");
    store.close().await.expect("nothing else uses it");
    organisation.id
}

fn report() -> UsageReport {
    let day = |text: &str| text.parse().expect("a literal date");
    let range = DateRange::new(day("2026-06-01"), day("2026-06-30")).expect("a month");
    let days =
        range.days().zip(1..).map(|(date, number)| DayUsage { figures: figures(date, number), details: Vec::new() });
    UsageReport {
        range,
        days: days.collect(),
        payload: ReceivedPayload { source: "gupshup usage".to_owned(), body: "{}".to_owned() },
        account_zone: None,
        account_currency: None,
    }
}

fn figures(date: NaiveDate, number: i64) -> DayFigures {
    let currency = Currency::from_code("USD").expect("a currency");
    DayFigures {
        date,
        unit: UsageUnit::Message,
        counts: UsageCounts {
            marketing: 113 * number,
            utility: 31 * number,
            authentication: 17 * number,
            service: 59 * number,
            free_utility: 7 * number,
            ..UsageCounts::default()
        },
        messages: Some(MessageCounts { incoming: 411, outgoing: 388, total: 799, ..MessageCounts::default() }),
        fees: Some(Fees { amount: Money::from_nanos(2_206_500_000 * number), currency }),
    }
}
