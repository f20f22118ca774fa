//! The figures of a period: summed by the database from counters, the same as the rules of `domain` make of the same rows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use entity::{campaign, campaign_day, contact, contact_day, conversation, customer, metric_day};
use uuid::Uuid;
use wabacus::domain::id::{ChannelId, OrganisationId};
use wabacus::domain::metric::{
    CampaignFigures, ContactFigures, ConversationFigures, MessageFigures, Rate, engagement_score,
};
use wabacus::domain::period::{DateRange, Period};
use wabacus::store;
use wabacus::store::metric::Scope;

use crate::harness::{Database, fill, stories, write};
use crate::sample::{date, hour, now, range};

stories! {
    messages_are_summed_by_day_and_channel,
    conversations_are_open_as_of_a_time,
    campaigns_count_while_their_life_touches_the_period,
    contacts_are_known_new_and_blocked_by_channel,
    people_score_in_the_database_as_by_the_rule,
}

/// What tells one thing from another; 0 is nobody.
fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

const OWN: u128 = 1;
const OTHER: u128 = 2;

fn scope(channel: Option<u128>) -> Scope {
    Scope {
        organisation_id: OrganisationId::from_uuid(id(OWN)),
        channel_id: channel.map(|number| ChannelId::from_uuid(id(number))),
    }
}

fn day(organisation: u128, on: &str, channel: u128, total: i64) -> metric_day::Model {
    metric_day::Model {
        organisation_id: id(organisation),
        date: date(on),
        channel_id: id(channel),
        total,
        sent: 2 * total,
        delivered: 3 * total,
        read: 4 * total,
        failed: 5 * total,
        replied: 6 * total,
        inbound: 7 * total,
        outbound: 8 * total,
        conversations: 9 * total,
        responses: 10 * total,
        response_seconds: 11 * total,
        contacts_new: 0,
    }
}

async fn messages_are_summed_by_day_and_channel(database: &Database) {
    let rows = vec![
        day(OWN, "2026-05-31", 7, 1_000_000),
        day(OWN, "2026-06-01", 7, 1),
        day(OWN, "2026-06-01", 8, 10),
        day(OWN, "2026-06-02", 7, 100),
        day(OWN, "2026-06-03", 8, 1_000),
        day(OTHER, "2026-06-01", 7, 10_000),
    ];
    fill(database, rows).await;
    let db = database.store.read();
    let total = async |channel, from, to| {
        let found = store::metric::messages(db, scope(channel), range(from, to)).await.unwrap();
        let MessageFigures { total, sent, delivered, read, failed, replied, inbound, outbound } = found;
        let times = [sent, delivered, read, failed, replied, inbound, outbound];
        assert_eq!(times, [2, 3, 4, 5, 6, 7, 8].map(|times| times * total), "each counter in its place");
        total
    };
    assert_eq!(total(None, "2026-06-01", "2026-06-02").await, 111);
    assert_eq!(total(None, "2026-06-01", "2026-06-01").await, 11, "a day alone");
    assert_eq!(total(Some(8), "2026-06-01", "2026-06-03").await, 1_010);
    assert_eq!(total(Some(9), "2026-06-01", "2026-06-03").await, 0, "nothing is nothing");
    let found = store::metric::conversations(db, scope(None), range("2026-06-01", "2026-06-02"), now()).await.unwrap();
    let expected = ConversationFigures { total: 999, open: 0, responses: 1_110, response_seconds: 1_221 };
    assert_eq!(found, expected);
}

async fn conversations_are_open_as_of_a_time(database: &Database) {
    let conversation = |organisation, name: &str, channel, on: &str, closes: i64| conversation::Model {
        organisation_id: id(organisation),
        external_id: name.to_owned(),
        channel_id: id(channel),
        customer_id: None,
        date: date(on),
        opened_at: hour(0),
        last_activity_at: hour(0),
        expires_at: None,
        closed_at: None,
        closes_at: hour(closes),
        told_channel_id: None,
        told_opened_at: None,
        told_response_at: None,
        first_inbound_at: None,
        first_response_at: None,
        updated_at: now(),
    };
    let rows = vec![
        conversation(OWN, "early", 7, "2026-06-04", 100),
        conversation(OWN, "open", 7, "2026-06-05", 3),
        conversation(OWN, "elsewhere", 8, "2026-06-05", 3),
        conversation(OWN, "just over", 7, "2026-06-05", 2),
        conversation(OTHER, "open", 7, "2026-06-05", 3),
    ];
    fill(database, rows).await;
    let open = async |channel, at| {
        let days = range("2026-06-05", "2026-06-06");
        store::metric::conversations(database.store.read(), scope(channel), days, hour(at)).await.unwrap().open
    };
    assert_eq!((open(None, 2).await, open(Some(7), 2).await, open(None, 1).await), (2, 1, 3));
}

fn campaign(
    number: u128,
    organisation: u128,
    state: &str,
    channel: Option<u128>,
    [created, started, finished]: [Option<i64>; 3],
) -> campaign::Model {
    campaign::Model {
        id: id(number),
        organisation_id: id(organisation),
        external_id: number.to_string(),
        name: "Monsoon".to_owned(),
        channel_id: channel.map(id),
        state: state.to_owned(),
        recipients: 10,
        started_at: started.map(hour),
        finished_at: finished.map(hour),
        created_at: created.map_or(now(), hour),
        updated_at: now(),
    }
}

async fn campaigns_count_while_their_life_touches_the_period(database: &Database) {
    let rows = vec![
        campaign(101, OWN, "ACTIVE", Some(7), [Some(0), None, None]),
        campaign(102, OWN, "COMPLETED", None, [Some(50), Some(-50), Some(0)]),
        campaign(103, OWN, "FAILED", Some(8), [Some(-9), Some(50), None]),
        campaign(104, OWN, "DRAFT", None, [Some(9), None, None]),
        campaign(105, OWN, "COMPLETED", None, [Some(-9), Some(-9), Some(-1)]),
        campaign(106, OWN, "ACTIVE", None, [Some(10), Some(10), None]),
        campaign(107, OTHER, "ACTIVE", None, [Some(0), None, None]),
    ];
    fill(database, rows).await;
    let sent = |organisation, on: &str, campaign, channel, [sent, delivered, read]: [i64; 3]| campaign_day::Model {
        organisation_id: id(organisation),
        date: date(on),
        campaign_id: id(campaign),
        channel_id: id(channel),
        total: sent,
        sent,
        delivered,
        read,
        failed: 0,
        replied: 0,
        engaged: read,
    };
    let rows = vec![
        sent(OWN, "2026-06-05", 101, 7, [300, 200, 25]),
        sent(OWN, "2026-06-06", 101, 7, [500, 1, 0]),
        sent(OWN, "2026-06-05", 102, 8, [3, 0, 0]),
        sent(OWN, "2026-06-05", 104, 8, [0, 0, 0]),
        sent(OWN, "2026-05-05", 105, 8, [9, 9, 9]),
        sent(OTHER, "2026-06-05", 107, 7, [7, 7, 7]),
    ];
    fill(database, rows).await;
    let period = Period { start: hour(0), end: hour(10) };
    let days = range("2026-06-05", "2026-06-06");
    let found =
        async |channel| store::metric::campaigns(database.store.read(), scope(channel), days, period).await.unwrap();
    let rates = [Rate::percent(201, 800), Rate::percent(25, 201), Rate::percent(0, 3)].map(Rate::hundredths);
    let expected = CampaignFigures {
        total: 4,
        active: 1,
        completed: 1,
        failed: 1,
        recipients: 40,
        messages_sent: 803,
        sending: 2,
        delivery_rates: rates[0] + rates[2],
        read_rates: rates[1],
    };
    assert_eq!(found(None).await, expected, "what was over before it began and what begins at its end are out");
    let of_seven = found(Some(7)).await;
    assert_eq!((of_seven.total, of_seven.sending, of_seven.messages_sent), (1, 1, 800));
    let of_eight = found(Some(8)).await;
    assert_eq!(
        (of_eight.total, of_eight.failed, of_eight.completed),
        (2, 1, 1),
        "a channel that it sent on is its own"
    );
}

async fn contacts_are_known_new_and_blocked_by_channel(database: &Database) {
    let new = |organisation, on: &str, channel, contacts_new| metric_day::Model {
        contacts_new,
        ..day(organisation, on, channel, 0)
    };
    let rows = vec![
        new(OWN, "2026-01-01", 0, 5),
        new(OWN, "2026-01-01", 7, 4),
        new(OWN, "2026-06-05", 0, 2),
        new(OWN, "2026-06-05", 7, 1),
        new(OWN, "2026-06-06", 0, 100),
        new(OTHER, "2026-06-05", 0, 1_000),
    ];
    fill(database, rows).await;
    let customer = |number: u128, organisation, blocked| customer::Model {
        id: id(number),
        organisation_id: id(organisation),
        phone: format!("+91980000{number:04}"),
        name: None,
        registered: true,
        blocked,
        external_id: None,
        created_at: now(),
        updated_at: now(),
    };
    let rows =
        vec![customer(21, OWN, true), customer(22, OWN, true), customer(23, OWN, false), customer(24, OTHER, true)];
    for customer in &rows {
        let owner = wabacus::domain::organisation::Organisation {
            id: OrganisationId::from_uuid(customer.organisation_id),
            ..crate::sample::organisation("Kirana")
        };
        if store::organisation::find(database.store.read(), owner.id).await.unwrap().is_none() {
            write!(database, |tx| store::organisation::insert(&tx, &owner, now())).unwrap();
        }
    }
    fill(database, rows).await;
    let contact = |channel, customer| contact::Model {
        organisation_id: id(OWN),
        channel_id: id(channel),
        customer_id: id(customer),
        first_date: date("2026-06-05"),
    };
    fill(database, vec![contact(7, 21), contact(7, 23), contact(8, 22)]).await;
    let found = async |channel| {
        let days = DateRange::day(date("2026-06-05"));
        store::metric::contacts(database.store.read(), scope(channel), days).await.unwrap()
    };
    assert_eq!(found(None).await, ContactFigures { total: 7, new: 2, blocked: 2, ..ContactFigures::default() });
    assert_eq!(found(Some(7)).await, ContactFigures { total: 5, new: 1, blocked: 1, ..ContactFigures::default() });
    assert_eq!(found(Some(9)).await, ContactFigures::default());
}

/// The finaliser of `SplitMix64`, which leaves no pattern in numbers that follow each other.
fn scattered(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What two hundred people did on every fifth day of the year before the sixth of June, by no particular plan.
fn doings() -> Vec<contact_day::Model> {
    let mut rows = BTreeMap::new();
    for number in 0..4_000_u64 {
        let some = |of: u64, salt: u64| scattered(number * 16 + salt) % of;
        let counted = |of: u64, salt: u64| i64::try_from(some(of, salt)).unwrap();
        let on = date("2026-06-05") - Days::new(5 * some(60, 1));
        let (messages, delivered) = (counted(5, 5), counted(4, 6));
        let key = (id(u128::from(10 + some(200, 2))), id(u128::from(7 + some(2, 3))), id(u128::from(some(4, 4))));
        let delivered = delivered.min(messages);
        let row = contact_day::Model {
            organisation_id: id(OWN),
            date: on,
            customer_id: key.0,
            channel_id: key.1,
            campaign_id: key.2,
            messages,
            delivered,
            engaged: counted(3, 7).min(delivered),
            replied: counted(2, 8).min(delivered),
        };
        rows.insert((on, key), row);
    }
    rows.into_values().collect()
}

/// The same by the rule, person by person.
fn scored(rows: &[contact_day::Model], channel: Option<u128>, days: DateRange) -> (i64, i64) {
    let own = |row: &&contact_day::Model| {
        row.messages > 0 && days.contains(row.date) && channel.is_none_or(|channel| row.channel_id == id(channel))
    };
    let mut people: BTreeMap<Uuid, Vec<&contact_day::Model>> = BTreeMap::new();
    for row in rows.iter().filter(own) {
        people.entry(row.customer_id).or_default().push(row);
    }
    let score = |did: &Vec<&contact_day::Model>| {
        let campaigns = |happened: fn(&contact_day::Model) -> i64| {
            let which = did.iter().filter(|row| !row.campaign_id.is_nil() && happened(row) > 0);
            i64::try_from(which.map(|row| row.campaign_id).collect::<BTreeSet<_>>().len()).unwrap()
        };
        let last: Option<NaiveDate> = did.iter().map(|row| row.date).max();
        engagement_score(
            did.iter().map(|row| row.messages).sum(),
            did.iter().map(|row| row.replied).sum(),
            last.map(|last| (days.to() - last).num_days()),
            campaigns(|row| row.delivered),
            campaigns(|row| row.engaged),
        )
    };
    let scores = people.values().map(|did| score(did).hundredths()).sum();
    (i64::try_from(people.len()).unwrap(), scores)
}

async fn people_score_in_the_database_as_by_the_rule(database: &Database) {
    let rows = doings();
    fill(database, rows.clone()).await;
    fill(database, vec![contact_day::Model { organisation_id: id(OTHER), ..rows[0].clone() }]).await;
    for days in
        ["2026-06-05", "2026-06-01", "2026-05-07", "2026-01-01", "2025-06-06"].map(|from| range(from, "2026-06-05"))
    {
        for channel in [None, Some(7), Some(8), Some(9)] {
            let found = store::metric::contacts(database.store.read(), scope(channel), days).await.unwrap();
            let expected = scored(&rows, channel, days);
            assert_eq!((found.active, found.scores), expected, "{channel:?} in {days}");
            assert_eq!(found.active == 0, channel == Some(9), "there is something to compare");
        }
    }
}
