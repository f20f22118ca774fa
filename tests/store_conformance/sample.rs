//! Things to put into the database.

use chrono::{NaiveDate, TimeDelta};
use wabacus::domain::account_usage::{
    DayFigures, DayUsage, MessageCounts, MonthlyUsage, ReceivedPayload, UsageCategory, UsageCounts, UsageDetail,
    UsageReport, UsageUnit,
};
use wabacus::domain::channel::{BspAccountRef, BspKind, Channel, ChannelKind, ChannelStatus};
use wabacus::domain::clock::Instant;
use wabacus::domain::id::{ChannelId, JobRunId, OrganisationId, ScheduleId, TokenId};
use wabacus::domain::job::{JobKind, JobRun, JobRunState, JobTrigger, Schedule};
use wabacus::domain::money::{Currency, Fees, Money};
use wabacus::domain::organisation::Organisation;
use wabacus::domain::period::{DateRange, Month, Zone};
use wabacus::domain::schedule::Cron;
use wabacus::domain::shard::Shard;
use wabacus::domain::token::{Token, TokenScope};
use wabacus::store;

use crate::harness::{Database, write};

/// With microseconds, so that a database that drops them is found out.
pub(crate) fn now() -> Instant {
    "2026-06-05T12:00:00.000001Z".parse().expect("a time")
}

pub(crate) fn hour(hours: i64) -> Instant {
    now() + TimeDelta::hours(hours)
}

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub(crate) fn range(from: &str, to: &str) -> DateRange {
    DateRange::new(date(from), date(to)).expect("a range")
}

pub(crate) fn month(text: &str) -> Month {
    Month::parse("month", text).expect("a month")
}

pub(crate) fn zone(name: &str) -> Zone {
    Zone::from_name(name).expect("a zone")
}

pub(crate) fn fees(nanos: i64) -> Fees {
    let currency = Currency::from_code("USD").expect("a currency");
    Fees { amount: Money::from_nanos(nanos), currency }
}

pub(crate) fn every_shard() -> Vec<Shard> {
    Shard::all().collect()
}

pub(crate) fn organisation(name: &str) -> Organisation {
    Organisation {
        id: OrganisationId::generate(now()),
        name: name.to_owned(),
        external_id: None,
        time_zone: zone("Asia/Kolkata"),
        currency: Currency::from_code("INR").expect("a currency"),
        plan_code: "free-trial".to_owned(),
        active: true,
        created_at: now(),
    }
}

pub(crate) fn channel(organisation: OrganisationId, name: &str) -> Channel {
    Channel {
        id: ChannelId::generate(now()),
        organisation_id: organisation,
        kind: ChannelKind::Whatsapp,
        account: Some(BspAccountRef { bsp: BspKind::Gupshup, account: format!("app of {name}") }),
        name: name.to_owned(),
        phone_number: Some("+911234567890".to_owned()),
        status: ChannelStatus::Active,
        status_reason: None,
        usage_high_water: None,
        account_zone: None,
        created_at: now(),
    }
}

pub(crate) fn token(organisation: Option<OrganisationId>) -> Token {
    Token {
        id: TokenId::generate(now()),
        organisation_id: organisation,
        name: "dashboard".to_owned(),
        scopes: vec![TokenScope::Read, TokenScope::Record],
        expires_at: Some(hour(24)),
        last_used_at: None,
        revoked_at: None,
        created_at: now(),
    }
}

pub(crate) fn schedule(organisation: OrganisationId, kind: JobKind, next_run_at: Option<Instant>) -> Schedule {
    Schedule {
        id: ScheduleId::generate(now()),
        organisation_id: organisation,
        kind,
        cron: Cron::parse("cron", "0 9 * * *").expect("a cron text"),
        time_zone: zone("Asia/Kolkata"),
        paused: next_run_at.is_none(),
        next_run_at,
    }
}

pub(crate) fn run(organisation: OrganisationId, state: JobRunState, scheduled_for: Instant) -> JobRun {
    JobRun {
        id: JobRunId::generate(now()),
        organisation_id: organisation,
        schedule_id: None,
        kind: JobKind::DailyUsage,
        subject: None,
        customer_id: None,
        trigger: JobTrigger::Schedule,
        state,
        scheduled_for,
        started_at: None,
        finished_at: None,
        attempt: 1,
        max_attempts: 8,
        next_attempt_at: None,
        error: None,
        range: None,
        progress: None,
        bootstrap: None,
        cancel_requested: false,
    }
}

pub(crate) fn detail(raw: &str, pricing_type: Option<&str>, country: Option<&str>, count: i64) -> UsageDetail {
    UsageDetail {
        category: UsageCategory::of_raw(raw),
        raw_category: raw.to_owned(),
        pricing_type: pricing_type.map(str::to_owned),
        country: country.map(str::to_owned),
        count,
        fees: Some(fees(count)),
    }
}

/// A day with `marketing` messages of that category.
pub(crate) fn day(on: &str, marketing: i64) -> DayUsage {
    DayUsage {
        figures: DayFigures {
            date: date(on),
            unit: UsageUnit::Message,
            counts: UsageCounts { marketing, ..UsageCounts::default() },
            messages: Some(MessageCounts { outgoing: marketing, total: marketing, ..MessageCounts::default() }),
            fees: Some(fees(marketing)),
        },
        details: vec![detail("MARKETING", Some("REGULAR"), Some("IN"), marketing)],
    }
}

/// A report whose body differs when its days do.
pub(crate) fn report(range: DateRange, days: Vec<DayUsage>) -> UsageReport {
    let body = format!("{days:?}");
    UsageReport {
        range,
        days,
        payload: ReceivedPayload { source: "gupshup usage".to_owned(), body },
        account_zone: None,
        account_currency: None,
    }
}

pub(crate) fn empty_month(channel: &Channel, of: &str) -> MonthlyUsage {
    MonthlyUsage {
        organisation_id: channel.organisation_id,
        channel_id: channel.id,
        month: month(of),
        counts: UsageCounts::default(),
        messages: None,
        fees: None,
        days: 0,
    }
}

/// An organisation that is in the database.
pub(crate) async fn stored_organisation(database: &Database, name: &str) -> Organisation {
    let organisation = organisation(name);
    write!(database, |tx| store::organisation::insert(&tx, &organisation, now())).expect("the organisation is added");
    organisation
}

/// A channel that is in the database.
pub(crate) async fn stored_channel(database: &Database, organisation: OrganisationId, name: &str) -> Channel {
    let channel = channel(organisation, name);
    write!(database, |tx| store::channel::insert(&tx, &channel, None, now())).expect("the channel is added");
    channel
}
