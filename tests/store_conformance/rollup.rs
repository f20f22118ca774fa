//! Rollups as they are read for what is shown: summed by the database, of one organisation alone.

use wabacus::domain::channel::ChannelKind;
use wabacus::domain::id::{CustomerId, OrganisationId, RateId};
use wabacus::domain::money::Money;
use wabacus::domain::quantity::Quantity;
use wabacus::domain::rollup::{CustomerDayKey, HourKey, PeriodKey, Rollups, Totals};
use wabacus::domain::statistics::{HourSpend, Spend};
use wabacus::domain::usage::{Country, Resource, ResourceType};
use wabacus::store;
use wabacus::store::rollup::customer_day::CustomerOrder;

use crate::harness::{Database, stories, write};
use crate::sample::{date, month, now, organisation, range};

stories! {
    hours_are_summed_over_everything_that_they_hold,
    days_are_summed_by_kind_and_resource,
    the_hours_of_rates_keep_what_a_price_depends_on,
    customers_are_ordered_by_what_was_asked_for,
}

fn totals(quantity: i64, nanos: i64, records: i64) -> Totals {
    Totals { quantity: Quantity::from_micros(quantity), cost: Money::from_nanos(nanos), records, unpriced: 0 }
}

fn resource(kind: ChannelKind, name: &str, country: Option<&str>) -> Resource {
    let resource_type = ResourceType::from_code(name).unwrap();
    Resource { kind, resource_type, category: None, country: country.and_then(Country::from_code) }
}

fn rate(number: u128) -> RateId {
    RateId::from_uuid(uuid::Uuid::from_u128(number))
}

fn hour(organisation_id: OrganisationId, day: &str, hour: u8, resource: Resource, rate_id: Option<RateId>) -> HourKey {
    HourKey { organisation_id, date: date(day), hour, resource, channel_id: None, rate_id }
}

/// Usage of two organisations, the first one's id.
async fn filled(database: &Database) -> OrganisationId {
    let [own, other] = [organisation("Kirana"), organisation("Bazaar")];
    for organisation in [&own, &other] {
        write!(database, |tx| store::organisation::insert(&tx, organisation, now())).unwrap();
    }
    let mut rollups = Rollups::default();
    let (sms, india) = (resource(ChannelKind::Sms, "message", None), resource(ChannelKind::Sms, "message", Some("IN")));
    let voice = resource(ChannelKind::Voice, "minute", None);
    for (key, totals) in [
        (hour(own.id, "2026-06-01", 9, sms.clone(), Some(rate(1))), totals(3, 30, 3)),
        (hour(own.id, "2026-06-01", 9, india.clone(), Some(rate(2))), totals(4, 0, 2)),
        (hour(own.id, "2026-06-01", 9, voice, None), totals(5, 0, 1)),
        (hour(own.id, "2026-06-01", 10, sms.clone(), Some(rate(1))), totals(-1, -10, 0)),
        (hour(own.id, "2026-06-03", 0, india, Some(rate(2))), totals(7, 0, 1)),
        (hour(own.id, "2026-06-04", 0, sms.clone(), Some(rate(1))), totals(100, 100, 100)),
        (hour(other.id, "2026-06-01", 9, sms.clone(), Some(rate(1))), totals(1_000, 1_000, 1_000)),
    ] {
        rollups.hours.insert(key.clone(), totals);
        let period = PeriodKey {
            organisation_id: key.organisation_id,
            billing_month: month("2026-07"),
            usage_month: month("2026-06"),
            resource: key.resource,
            rate_id: key.rate_id,
        };
        rollups.periods.insert(period, totals);
    }
    for (customer, day, organisation_id, nanos, records) in [
        (1, "2026-06-01", own.id, 10, 1),
        (1, "2026-06-02", own.id, 15, 1),
        (2, "2026-06-03", own.id, 20, 5),
        (3, "2026-06-03", own.id, 20, 4),
        (4, "2026-06-03", own.id, 0, 0),
        (5, "2026-06-04", own.id, 100, 100),
        (6, "2026-06-03", other.id, 1_000, 1_000),
    ] {
        let key = CustomerDayKey { organisation_id, date: date(day), customer_id: person(customer) };
        rollups.customer_days.insert(key, totals(0, nanos, records));
    }
    write!(database, |tx| store::rollup::apply(&tx, &rollups)).unwrap();
    own.id
}

fn person(number: u128) -> CustomerId {
    CustomerId::from_uuid(uuid::Uuid::from_u128(number))
}

async fn hours_are_summed_over_everything_that_they_hold(database: &Database) {
    let own = filled(database).await;
    let read = database.store.read();
    let mut hours = store::rollup::hour::by_hour(read, own, range("2026-06-01", "2026-06-03")).await.unwrap();
    hours.sort_by_key(|hour| (hour.date, hour.hour));
    let hour = |day: &str, hour, nanos, records| {
        let spend = Spend { cost: Money::from_nanos(nanos), records };
        HourSpend { date: date(day), hour, spend }
    };
    assert_eq!(hours, [hour("2026-06-01", 9, 30, 6), hour("2026-06-01", 10, -10, 0), hour("2026-06-03", 0, 0, 1)]);
}

async fn days_are_summed_by_kind_and_resource(database: &Database) {
    let own = filled(database).await;
    let read = database.store.read();
    let days = store::rollup::hour::by_resource(read, own, range("2026-06-01", "2026-06-03")).await.unwrap();
    let mut found: Vec<_> = days
        .iter()
        .map(|day| (day.date, day.kind, day.quantity.micros(), day.spend.cost.nanos(), day.spend.records))
        .collect();
    found.sort_unstable();
    let (first, third) = (date("2026-06-01"), date("2026-06-03"));
    assert_eq!(
        found,
        [(first, ChannelKind::Voice, 5, 0, 1), (first, ChannelKind::Sms, 6, 20, 5), (third, ChannelKind::Sms, 7, 0, 1),]
    );
}

async fn the_hours_of_rates_keep_what_a_price_depends_on(database: &Database) {
    let own = filled(database).await;
    let read = database.store.read();
    let mut used = store::rollup::rates_of_usage_months(read, own, month("2026-06"), month("2026-06")).await.unwrap();
    used.sort_unstable();
    assert_eq!(used, [rate(1), rate(2)]);
    let none = store::rollup::rates_of_usage_months(read, own, month("2026-07"), month("2026-08")).await.unwrap();
    assert_eq!(none, []);
    let days = range("2026-06-01", "2026-06-03");
    let rows = store::rollup::hour::of_rates(read, own, &[rate(2), rate(9)], days).await.unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.date, row.hour, row.quantity.micros())).collect();
    assert_eq!(found, [(date("2026-06-01"), 9, 4), (date("2026-06-03"), 0, 7)]);
    assert!(rows.iter().all(|row| row.rate_id == rate(2) && row.resource.country == Country::from_code("IN")));
}

async fn customers_are_ordered_by_what_was_asked_for(database: &Database) {
    let own = filled(database).await;
    let top = async |order, limit| {
        let days = range("2026-06-01", "2026-06-03");
        let found = store::rollup::customer_day::top(database.store.read(), own, days, order, limit).await.unwrap();
        found.into_iter().map(|(id, spend)| (id, spend.cost.nanos(), spend.records)).collect::<Vec<_>>()
    };
    let [first, second, third] = [(person(1), 25, 2), (person(2), 20, 5), (person(3), 20, 4)];
    assert_eq!(top(CustomerOrder::Cost, 10).await, [first, second, third], "of equals, more records");
    assert_eq!(top(CustomerOrder::Records, 2).await, [second, third]);
}
