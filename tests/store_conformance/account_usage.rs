//! Account usage: days are replaced, not added; what vanished is gone; every number is exact.

use chrono::NaiveDate;
use wabacus::domain::account_usage::{
    DailyUsage, DayUsage, MessageCounts, MonthlyUsage, UsageCounts, UsageReport, month_of_days,
};
use wabacus::domain::channel::Channel;
use wabacus::domain::id::PayloadId;
use wabacus::domain::period::DateRange;
use wabacus::store::{self, Store, StoreError};

use crate::harness::{Database, stories, write};
use crate::sample::{
    date, day, detail, empty_month, fees, hour, month, now, organisation, range, report, stored_channel,
    stored_organisation,
};

stories! {
    a_day_reads_back_exactly_to_the_last_digit,
    a_revised_day_is_overwritten_and_says_so,
    a_day_that_is_no_longer_reported_is_gone,
    a_day_that_is_over_becomes_complete_without_a_revision,
    days_outside_of_the_range_stay,
    a_year_of_days_is_replaced_in_one_go,
    pulls_of_one_channel_at_the_same_time_follow_each_other,
    a_channel_of_another_organisation_is_not_written,
    a_body_that_comes_again_is_one_payload,
    a_payload_that_is_removed_leaves_its_days,
    a_month_is_written_over_and_a_missing_one_is_made,
}

async fn first_channel(database: &Database) -> Channel {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    stored_channel(database, organisation, "first").await
}

/// Stores a report as a pull does; what changed.
async fn pull(
    database: &Database,
    channel: &Channel,
    report: &UsageReport,
    complete_until: Option<&str>,
) -> Vec<String> {
    let (organisation, complete_until) = (channel.organisation_id, complete_until.map(date));
    let tx = database.store.begin().await.unwrap();
    let payload = store::account_usage::store_payload(&tx, organisation, channel.id, report, now()).await.unwrap();
    let changed =
        store::account_usage::replace_days(&tx, organisation, channel.id, report, payload, complete_until, now()).await;
    Store::commit(tx).await.unwrap();
    changed.unwrap().iter().map(NaiveDate::to_string).collect()
}

async fn daily(database: &Database, channel: &Channel, range: DateRange) -> Vec<DailyUsage> {
    let db = database.store.read();
    store::account_usage::daily(db, channel.organisation_id, range, Some(channel.id)).await.unwrap()
}

/// The stored days with their details, as a report would say them.
async fn as_reported(database: &Database, channel: &Channel, range: DateRange) -> Vec<DayUsage> {
    let days = daily(database, channel, range).await;
    let keys: Vec<_> = days.iter().map(|day| (day.channel_id, day.figures.date)).collect();
    let mut details = store::account_usage::details(database.store.read(), &keys).await.unwrap();
    let day = |day: DailyUsage| {
        let details = details.remove(&(day.channel_id, day.figures.date)).unwrap_or_default();
        DayUsage { figures: day.figures, details }
    };
    days.into_iter().map(day).collect()
}

fn june() -> DateRange {
    range("2026-06-01", "2026-06-05")
}

async fn a_day_reads_back_exactly_to_the_last_digit(database: &Database) {
    let channel = first_channel(database).await;
    let big = 9_007_199_254_740_993; // The first integer that a float of 64 bits cannot hold.
    let mut full = day("2026-06-01", big);
    full.figures.counts = UsageCounts::from_array([big, 1, 2, 3, 4, 5, 6, 7, 8, i64::MAX]);
    full.figures.messages = Some(MessageCounts::from_array([big, 1, 2, 3, 4, i64::MAX]));
    full.figures.fees = Some(fees(-big));
    full.details = vec![
        detail("AUTHENTICATION", None, None, 1),
        detail("MARKETING", None, Some("IN"), 2),
        detail("MARKETING", Some("FREE_TIER"), None, 3),
        detail("MARKETING", Some("REGULAR"), Some("BR"), 4),
        detail("MARKETING", Some("REGULAR"), Some("IN"), i64::MAX),
        detail("group_service", Some("REGULAR"), Some("IN"), big),
    ];
    let mut bare = day("2026-06-02", 1);
    (bare.figures.messages, bare.figures.fees, bare.details) = (None, None, Vec::new());
    let report = report(june(), vec![full, bare]);
    assert_eq!(pull(database, &channel, &report, None).await, ["2026-06-01", "2026-06-02"]);
    assert_eq!(as_reported(database, &channel, june()).await, report.days);
    let stored = daily(database, &channel, june()).await;
    assert!(stored.iter().all(|day| day.fetched_at == now() && !day.complete && day.revision == 0));
    let figures: Vec<_> = report.days.iter().map(|day| day.figures).collect();
    let db = database.store.read();
    let of_month = store::account_usage::days_of_month(db, channel.organisation_id, channel.id, month("2026-06")).await;
    assert_eq!(of_month.unwrap(), figures);
}

async fn a_revised_day_is_overwritten_and_says_so(database: &Database) {
    let channel = first_channel(database).await;
    let first = report(june(), vec![day("2026-06-01", 10), day("2026-06-02", 20)]);
    pull(database, &channel, &first, None).await;
    assert_eq!(pull(database, &channel, &first, None).await, Vec::<String>::new(), "the same again changes nothing");

    let mut revised = report(june(), vec![day("2026-06-01", 10), day("2026-06-02", 21)]);
    revised.days[1].details.push(detail("UTILITY", None, None, 1));
    assert_eq!(pull(database, &channel, &revised, None).await, ["2026-06-02"]);
    assert_eq!(as_reported(database, &channel, june()).await, revised.days);
    let stored = daily(database, &channel, june()).await;
    assert_eq!(stored.iter().map(|day| day.revision).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(stored[0].payload_id, stored[1].payload_id, "an unchanged day too comes from the newest payload");

    revised.days[1].details.pop();
    assert_eq!(pull(database, &channel, &revised, None).await, ["2026-06-02"], "a change of details is a change");
    assert_eq!(as_reported(database, &channel, june()).await, revised.days);
    assert_eq!(daily(database, &channel, june()).await[1].revision, 2);
}

async fn a_day_that_is_no_longer_reported_is_gone(database: &Database) {
    let channel = first_channel(database).await;
    pull(database, &channel, &report(june(), vec![day("2026-06-01", 1), day("2026-06-02", 2)]), None).await;
    let rest = report(june(), vec![day("2026-06-02", 2), day("2026-06-05", 5)]);
    assert_eq!(pull(database, &channel, &rest, None).await, ["2026-06-01", "2026-06-05"]);
    assert_eq!(as_reported(database, &channel, june()).await, rest.days);
    let gone = [(channel.id, date("2026-06-01"))];
    assert!(store::account_usage::details(database.store.read(), &gone).await.unwrap().is_empty());
    assert_eq!(pull(database, &channel, &report(june(), Vec::new()), None).await, ["2026-06-02", "2026-06-05"]);
    assert_eq!(as_reported(database, &channel, june()).await, []);
}

async fn a_day_that_is_over_becomes_complete_without_a_revision(database: &Database) {
    let channel = first_channel(database).await;
    let report = report(june(), vec![day("2026-06-01", 1), day("2026-06-02", 2)]);
    pull(database, &channel, &report, Some("2026-06-01")).await;
    assert_eq!(pull(database, &channel, &report, Some("2026-06-02")).await, ["2026-06-02"]);
    let state = |day: &DailyUsage| (day.complete, day.revision);
    let stored = daily(database, &channel, june()).await;
    assert_eq!(stored.iter().map(state).collect::<Vec<_>>(), [(true, 0), (true, 0)]);
}

async fn days_outside_of_the_range_stay(database: &Database) {
    let channel = first_channel(database).await;
    let neighbour = stored_channel(database, channel.organisation_id, "neighbour").await;
    let whole = report(june(), vec![day("2026-06-01", 1), day("2026-06-02", 2), day("2026-06-03", 3)]);
    pull(database, &channel, &whole, None).await;
    pull(database, &neighbour, &whole, None).await;
    let middle = report(range("2026-06-02", "2026-06-02"), Vec::new());
    assert_eq!(pull(database, &channel, &middle, None).await, ["2026-06-02"]);
    assert_eq!(as_reported(database, &channel, june()).await, [whole.days[0].clone(), whole.days[2].clone()]);
    assert_eq!(as_reported(database, &neighbour, june()).await, whole.days);

    let db = database.store.read();
    let all = store::account_usage::daily(db, channel.organisation_id, june(), None).await.unwrap();
    let places: Vec<_> = all.iter().map(|day| (day.figures.date, day.channel_id)).collect();
    assert!(places.is_sorted() && places.len() == 5, "{places:?}");
    let strangers = store::account_usage::daily(db, organisation("stranger").id, june(), Some(channel.id)).await;
    assert_eq!(strangers.unwrap(), []);
}

async fn a_year_of_days_is_replaced_in_one_go(database: &Database) {
    let channel = first_channel(database).await;
    let year = range("2025-01-01", "2026-02-04");
    let days = |marketing: i64| -> Vec<DayUsage> {
        let reported = |on: NaiveDate| {
            let mut day = day(&on.to_string(), marketing);
            day.details.push(detail("SERVICE", None, None, 1));
            day
        };
        year.days().map(reported).collect()
    };
    let first = report(year, days(1));
    assert_eq!(pull(database, &channel, &first, None).await.len(), 400);
    let second = report(year, days(2));
    assert_eq!(pull(database, &channel, &second, None).await.len(), 400);
    assert_eq!(as_reported(database, &channel, year).await, second.days);
}

async fn pulls_of_one_channel_at_the_same_time_follow_each_other(database: &Database) {
    let channel = first_channel(database).await;
    let pulls = (0..6_i64).map(|marketing| {
        let (store, channel) = (database.store.clone(), channel.clone());
        tokio::spawn(async move {
            let report = report(june(), vec![day("2026-06-01", marketing + 1)]);
            let organisation = channel.organisation_id;
            let tx = store.begin().await?;
            let payload = store::account_usage::store_payload(&tx, organisation, channel.id, &report, now()).await?;
            store::account_usage::replace_days(&tx, organisation, channel.id, &report, payload, None, now()).await?;
            Store::commit(tx).await
        })
    });
    for pulled in futures::future::join_all(pulls).await {
        pulled.unwrap().unwrap();
    }
    let stored = as_reported(database, &channel, june()).await;
    let details: Vec<_> = stored[0].details.iter().map(|detail| detail.count).collect();
    assert_eq!(details, [stored[0].figures.counts.marketing], "a day and its details are of one pull");
    assert_eq!(daily(database, &channel, june()).await[0].revision, 5);
}

async fn a_channel_of_another_organisation_is_not_written(database: &Database) {
    let channel = first_channel(database).await;
    let stranger = stored_organisation(database, "stranger").await.id;
    let report = report(june(), vec![day("2026-06-01", 1)]);
    let payload = PayloadId::generate(now());
    let refused = write!(database, |tx| store::account_usage::replace_days(
        &tx,
        stranger,
        channel.id,
        &report,
        payload,
        None,
        now()
    ));
    assert!(matches!(refused, Err(StoreError::Other(_))), "{refused:?}");
    assert_eq!(as_reported(database, &channel, june()).await, []);
}

async fn a_body_that_comes_again_is_one_payload(database: &Database) {
    let channel = first_channel(database).await;
    let other = stored_channel(database, channel.organisation_id, "other").await;
    let organisation = channel.organisation_id;
    let mut report = report(june(), vec![day("2026-06-01", 1)]);
    report.payload.body = String::from("{\"name\": \"é\"}\n{}");
    let keep = async |channel: &Channel, report: &UsageReport, at: i64| {
        write!(database, |tx| store::account_usage::store_payload(&tx, organisation, channel.id, report, hour(at)))
            .unwrap()
    };
    let id = keep(&channel, &report, 1).await;
    assert_eq!(keep(&channel, &report, 2).await, id);
    assert_ne!(keep(&other, &report, 2).await, id);
    let db = database.store.read();
    let payload = store::account_usage::payload(db, organisation, id).await.unwrap().unwrap();
    assert_eq!((payload.id, payload.channel_id, payload.range), (id, channel.id, june()));
    assert_eq!((payload.fetched_at, payload.source), (hour(2), report.payload.source.clone()));
    assert_eq!((payload.sha256, payload.body), (report.payload.sha256(), report.payload.body));
    let facts = store::account_usage::payload_facts(db, &[id, PayloadId::generate(now())]).await.unwrap();
    assert_eq!(facts.iter().map(|fact| (fact.id, fact.organisation_id)).collect::<Vec<_>>(), [(id, organisation)]);
    assert_eq!(store::account_usage::payload(db, crate::sample::organisation("stranger").id, id).await.unwrap(), None);
}

async fn a_payload_that_is_removed_leaves_its_days(database: &Database) {
    let channel = first_channel(database).await;
    let organisation = channel.organisation_id;
    pull(database, &channel, &report(range("2026-06-01", "2026-06-01"), vec![day("2026-06-01", 1)]), None).await;
    pull(database, &channel, &report(range("2026-06-02", "2026-06-02"), vec![day("2026-06-02", 2)]), None).await;
    let delete = async |before: i64, limit: u64| {
        write!(database, |tx| store::account_usage::delete_payloads(&tx, organisation, hour(before), limit)).unwrap()
    };
    assert_eq!(delete(0, 10).await, 0);
    let stranger = crate::sample::organisation("stranger").id;
    let strangers = write!(database, |tx| store::account_usage::delete_payloads(&tx, stranger, hour(1), 10)).unwrap();
    assert_eq!(strangers, 0);
    assert_eq!(delete(1, 1).await, 1);
    let stored = daily(database, &channel, june()).await;
    assert_eq!(stored.len(), 2);
    let sources: Vec<PayloadId> = stored.iter().filter_map(|day| day.payload_id).collect();
    assert_eq!(sources.len(), 1);
    assert!(store::account_usage::payload(database.store.read(), organisation, sources[0]).await.unwrap().is_some());
    assert_eq!(delete(1, 10).await, 1);
    assert!(daily(database, &channel, june()).await.iter().all(|day| day.payload_id.is_none()));
}

async fn a_month_is_written_over_and_a_missing_one_is_made(database: &Database) {
    let channel = first_channel(database).await;
    let days = [day("2026-06-01", i64::MAX - 5).figures, day("2026-06-02", 5).figures];
    let june = month_of_days(channel.organisation_id, channel.id, month("2026-06"), &days).unwrap();
    let months = [empty_month(&channel, "2026-05"), empty_month(&channel, "2026-06"), empty_month(&channel, "2026-07")];
    let ensure = async || write!(database, |tx| store::account_usage::ensure_months(&tx, &months, now())).unwrap();
    write!(database, |tx| store::account_usage::save_months(&tx, &months[1..2], now())).unwrap();
    write!(database, |tx| store::account_usage::save_months(&tx, std::slice::from_ref(&june), now())).unwrap();
    assert_eq!(ensure().await, 2);
    assert_eq!(ensure().await, 0);
    let monthly = async |from: &str, to: &str, of: Option<&Channel>| -> Vec<MonthlyUsage> {
        let (db, of) = (database.store.read(), of.map(|channel| channel.id));
        store::account_usage::monthly(db, channel.organisation_id, month(from), month(to), of).await.unwrap()
    };
    assert_eq!(monthly("2026-05", "2026-07", None).await, [months[0].clone(), june.clone(), months[2].clone()]);
    assert_eq!(monthly("2026-06", "2026-06", Some(&channel)).await, [june]);
    let other = stored_channel(database, channel.organisation_id, "other").await;
    assert_eq!(monthly("2026-05", "2026-07", Some(&other)).await, []);
}
