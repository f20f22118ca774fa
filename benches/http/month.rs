//! What is asked for: an organisation with one channel and its June 2026.

use chrono::NaiveDate;
use wabacus::domain::account_usage::{
    DayFigures, DayUsage, MessageCounts, ReceivedPayload, UsageCounts, UsageReport, UsageUnit,
};
use wabacus::domain::channel::{BspAccountRef, BspKind, Channel, ChannelKind, ChannelStatus};
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::domain::id::{ChannelId, OrganisationId};
use wabacus::domain::money::{Currency, Fees, Money};
use wabacus::domain::organisation::{Organisation, PLAN_CODE_DEFAULT};
use wabacus::domain::period::{DateRange, Zone};
use wabacus::store::{self, Store};

/// Asks for the days of June 2026, with the token of their organisation.
pub(crate) const QUERY: &str = "query($from: Date!, $to: Date!) { organisation { dailyUsage(from: $from, to: $to) { \
    date unit counts { marketing utility authentication service total } fees { amount currency } complete } } }";

/// The variables of [`QUERY`].
pub(crate) fn variables() -> serde_json::Value {
    serde_json::json!({ "from": "2026-06-01", "to": "2026-06-30" })
}

/// One organisation with one channel, which is paused so that nothing is pulled, and its June 2026.
pub(crate) async fn fill(database: &str) -> OrganisationId {
    let options = store::Options { url: database.to_owned(), ..store::Options::default() };
    let store = Store::open(&options).await.expect("a database");
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
