//! Interakt, which is the Meta Graph API: the usage of a WhatsApp Business Account.

mod answer;
mod question;
mod refusal;
mod zone;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{Days, NaiveDate, TimeDelta};
use moka::future::Cache;
use secrecy::SecretString;
use url::Url;

use self::answer::{Facts, Reading};
use self::question::Field;
use super::error::{Advice, BspError, Complaint, StopReason, name, quote};
use super::http::{Scheme, Transport, no_token};
use super::limiter::{LimiterState, Rates, Share};
use super::{Account, Bsp, Options};
use crate::domain::account_usage::{DayUsage, ReceivedPayload, UsageReport};
use crate::domain::channel::BspKind;
use crate::domain::clock::{Instant, SharedClock};
use crate::domain::period::{DateRange, Period, Zone};

/// From this day on Meta prices messages, before it conversations, each told by a field of its own.
const MESSAGES_SINCE: NaiveDate = NaiveDate::from_ymd_opt(2025, 7, 1).expect("a literal date");

/// How long an account's zone and currency are believed without asking. Every answer names them again.
const FACTS_AGE_MAX: TimeDelta = TimeDelta::days(1);
/// Accounts whose facts are kept.
const FACTS_COUNT_MAX: u64 = 100_000;

/// Asks Graph for the analytics of a WhatsApp Business Account.
#[derive(Debug)]
pub(super) struct Interakt {
    transport: Transport,
    /// For accounts that have no token of their own.
    token: Option<SecretString>,
    pages_max: u32,
    known: Cache<String, Known>,
    clock: SharedClock,
}

/// What is remembered of an account.
#[derive(Debug, Clone, Copy)]
struct Known {
    facts: Facts,
    since: Instant,
    /// When Graph last said that the account's cost is somebody else's to see.
    cost_refused: Option<Instant>,
}

impl Known {
    /// Whether to ask for cost: always, but for a day after it was refused.
    fn asks_cost(&self, now: Instant) -> bool {
        self.cost_refused.is_none_or(|refused| now - refused >= FACTS_AGE_MAX)
    }
}

/// The pages of one answer, and what they were an answer to.
#[derive(Debug)]
struct Pages {
    field: Field,
    bodies: Vec<String>,
    /// False where the cost was refused.
    has_cost: bool,
    /// What the answer says of the account; `None` where it says nothing.
    facts: Option<Facts>,
}

/// How reading an answer ended.
enum Outcome {
    Report(Box<UsageReport>),
    /// The account's days are cut in another zone than was thought when asking.
    ZoneMoved,
}

impl Interakt {
    pub(super) fn new(options: Options, clock: SharedClock, share: Share) -> Result<Self, reqwest::Error> {
        let rates = Rates {
            account_max: options.graph_per_hour,
            window: Duration::from_secs(60 * 60),
            per_second: options.bsp_per_second,
            concurrent_max: options.concurrent_max,
        };
        let base = options.interakt_url.clone();
        let transport = Transport::new(BspKind::Interakt, base, &options, rates, clock.clone(), share)?;
        let known = Cache::new(FACTS_COUNT_MAX);
        Ok(Self { transport, token: options.interakt_token, pages_max: options.pages_max, known, clock })
    }

    pub(super) fn limiter_states(&self) -> Vec<LimiterState> {
        self.transport.limiter_states()
    }

    async fn ask(&self, account: &Account, range: DateRange) -> Result<UsageReport, Complaint> {
        let token = account.token.as_ref().or(self.token.as_ref());
        let token = token.ok_or_else(|| no_token(BspKind::Interakt, &account.id))?;
        let mut known = self.known(account, token).await?;
        // The zone may have moved since it was last asked; once it is known anew, the question is put once more.
        for _ in 0..2 {
            match self.ask_as_known(account, token, &mut known, range).await? {
                Outcome::Report(report) => return Ok(*report),
                Outcome::ZoneMoved => {}
            }
        }
        let message = format!("{} named another time zone in each answer for {}", name(BspKind::Interakt), account.id);
        Err(Complaint::new(Advice::Retry, message))
    }

    /// Asks with the zone that is believed to be the account's. What the answers say anew goes into `known`.
    async fn ask_as_known(
        &self,
        account: &Account,
        token: &SecretString,
        known: &mut Known,
        range: DateRange,
    ) -> Result<Outcome, Complaint> {
        let zone = known.facts.zone.unwrap_or(account.zone);
        let mut days: Vec<DayUsage> = Vec::new();
        let (mut sources, mut bodies) = (Vec::new(), Vec::new());
        for (field, part) in parts(range) {
            let now = self.clock.now();
            let asks_cost = known.asks_cost(now);
            let pages = self.usage(account, token, field, period(zone, part), asks_cost).await?;
            if asks_cost {
                known.cost_refused = (!pages.has_cost).then_some(now);
            }
            if let Some(facts) = pages.facts {
                known.facts = facts.or(known.facts);
                known.since = now;
            }
            self.known.insert(account.id.clone(), *known).await;
            if known.facts.zone.unwrap_or(account.zone) != zone {
                return Ok(Outcome::ZoneMoved);
            }
            let reading = Reading { field: pages.field, range: part, zone, currency: known.facts.currency };
            days.extend(answer::days(&pages.bodies, reading)?);
            sources.push(format!("graph {}", pages.field.name()));
            bodies.extend(pages.bodies);
        }
        sources.dedup();
        Ok(Outcome::Report(Box::new(UsageReport {
            range,
            days,
            payload: ReceivedPayload { source: sources.join(" + "), body: bodies.join("\n") },
            account_zone: known.facts.zone,
            account_currency: known.facts.currency,
        })))
    }

    /// Zone and currency of the account, asked at most once a day.
    async fn known(&self, account: &Account, token: &SecretString) -> Result<Known, Complaint> {
        let now = self.clock.now();
        if let Some(known) = self.known.get(&account.id).await.filter(|known| now - known.since < FACTS_AGE_MAX) {
            return Ok(known);
        }
        let url = self.transport.address(&[&account.id], &account.id)?;
        let body = self.fetch(account, token, question::with_fields(url, question::FACTS), None).await?;
        let known = Known { facts: answer::facts(&body)?, since: now, cost_refused: None };
        self.known.insert(account.id.clone(), known).await;
        Ok(known)
    }

    /// One answer with its pages; asked again without cost where cost is refused, and of the other field where `field` is
    /// unknown, each at most once.
    async fn usage(
        &self,
        account: &Account,
        token: &SecretString,
        mut field: Field,
        period: Period,
        mut has_cost: bool,
    ) -> Result<Pages, Complaint> {
        let address = self.transport.address(&[&account.id], &account.id)?;
        let mut is_other_field = false;
        let first = loop {
            let url = question::with_fields(address.clone(), &question::fields(field, period, has_cost));
            match self.fetch(account, token, url, Some(field)).await {
                Err(complaint) if complaint.advice == Advice::CostNotAvailable && has_cost => has_cost = false,
                Err(complaint) if complaint.advice == Advice::UnknownField && !is_other_field => {
                    is_other_field = true;
                    field = field.other();
                }
                answer => break answer?,
            }
        };
        let mut page = answer::page(&first, field)?;
        let facts = page.facts;
        let mut bodies = vec![first];
        while let Some(next) = page.next {
            let url = self.next(&next, bodies.len())?;
            let body = self.fetch(account, token, url, Some(field)).await?;
            page = answer::page(&body, field)?;
            bodies.push(body);
        }
        Ok(Pages { field, bodies, has_cost, facts })
    }

    /// The address of the page after `count` pages, if it may be followed.
    fn next(&self, next: &str, count: usize) -> Result<Url, Complaint> {
        let url = Url::parse(next).ok().filter(|url| self.transport.is_own(url)).ok_or_else(|| {
            // Only the beginning of the address, up to its query, which may hold anything.
            let place = next.split(['?', '#']).next().unwrap_or_default();
            let message =
                format!("{} sends elsewhere for the next page: {}", name(BspKind::Interakt), quote(place.as_bytes()));
            Complaint::new(Advice::Stop(StopReason::Refused), message)
        })?;
        if u32::try_from(count).is_ok_and(|count| count < self.pages_max) {
            return Ok(question::without_access_token(&url));
        }
        let message = format!("{} has more than {} pages for one answer", name(BspKind::Interakt), self.pages_max);
        Err(Complaint::new(Advice::Retry, message))
    }

    /// One request; an answer that is an error is sorted.
    async fn fetch(
        &self,
        account: &Account,
        token: &SecretString,
        url: Url,
        asked: Option<Field>,
    ) -> Result<String, Complaint> {
        let received = self.transport.get(&account.id, url, Scheme::Bearer, token).await?;
        let (status, wait) = (received.status.as_u16(), received.wait);
        let body = match self.transport.text(received, token) {
            Ok(body) => body,
            Err(complaint) if (200..300).contains(&status) => return Err(complaint),
            // An error need not be text, and is sorted by its status then.
            Err(_) => String::new(),
        };
        refusal::of(status, &body, wait, asked).map_or(Ok(body), Err)
    }
}

/// The days of `range` by the field that tells them.
fn parts(range: DateRange) -> Vec<(Field, DateRange)> {
    let last_of_conversations = MESSAGES_SINCE.pred_opt().unwrap_or(MESSAGES_SINCE);
    let before = DateRange::new(range.from(), range.to().min(last_of_conversations));
    let since = DateRange::new(range.from().max(MESSAGES_SINCE), range.to());
    let before = before.map(|part| (Field::Conversation, part));
    before.into_iter().chain(since.map(|part| (Field::Pricing, part))).collect()
}

/// From the local midnight that begins `range` to the one that ends it.
fn period(zone: Zone, range: DateRange) -> Period {
    let after = range.to().checked_add_days(Days::new(1)).unwrap_or(range.to());
    Period { start: zone.midnight(range.from()), end: zone.midnight(after) }
}

#[async_trait]
impl Bsp for Interakt {
    fn kind(&self) -> BspKind {
        BspKind::Interakt
    }

    /// Meta documents no limit.
    fn span_days_max(&self) -> u32 {
        90
    }

    /// One year (Meta, since 2025-12-01).
    fn look_back_days(&self) -> u32 {
        365
    }

    async fn account_usage(&self, account: &Account, range: DateRange) -> Result<UsageReport, BspError> {
        let answer = self.ask(account, range).await;
        self.transport.end(&account.id, answer)
    }
}
