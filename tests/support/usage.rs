//! What the stories about usage ask of a world: single runs, channels, the event log, and whether a month is the sum of its days.

use chrono::NaiveDate;
use futures::StreamExt as _;
use serde_json::{Value, json};
use wabacus::domain::clock::Instant;
use wabacus::domain::event::{Fact, FactKind};
use wabacus::domain::id::OrganisationId;
use wabacus::domain::money::Money;
use wabacus::service::event::Follow;

use super::World;

/// Every kind of fact that a story about usage looks at.
const KINDS: [FactKind; 3] = [FactKind::AccountUsageChanged, FactKind::JobRunChanged, FactKind::ChannelNeedsAttention];

/// More attempts than any run makes, waits included.
const TRIES_MAX: usize = 30;

pub fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// The id of a run, a channel or whatever else has one.
pub fn id_of(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// The time that a field of an answer says.
pub fn instant(value: &Value) -> Instant {
    value.as_str().unwrap_or_else(|| panic!("{value} is no time")).parse().expect("a time")
}

/// The dates of days, as they stand.
pub fn dates(days: &[Value]) -> Vec<&str> {
    days.iter().map(|day| day["date"].as_str().expect("a date")).collect()
}

/// Checks that a month of one channel is what its days are together: counts, fees, and the running total of the last day.
pub fn assert_is_sum(month: &Value, days: &[Value]) {
    let total: i64 = days.iter().map(|day| day["counts"]["total"].as_i64().expect("a count")).sum();
    assert_eq!(month["counts"]["total"], total, "the counts of {month}");
    assert_eq!(month["days"], days.len(), "the days of {month}");
    let amounts = days.iter().filter_map(|day| day["fees"]["amount"].as_str());
    let fees = amounts.fold(Money::ZERO, |sum, amount| {
        sum.checked_add(Money::parse(amount).expect("an amount")).expect("a sum of 64 bits")
    });
    let stored = month["fees"]["amount"].as_str().map_or(Money::ZERO, |text| Money::parse(text).expect("an amount"));
    assert_eq!(stored, fees, "the fees of {month}");
    if let Some(last) = days.last() {
        assert_eq!(last["monthToDate"]["total"], total, "the running total of the last day");
    }
}

impl World {
    /// A run by its id; null once it is gone.
    pub async fn run(&self, id: &str) -> Value {
        let query = "query($id: ID!) { node(id: $id) { ... on JobRun {
            id kind state trigger scheduledFor startedAt finishedAt attempt maxAttempts nextAttemptAt error from to
            progress { done total } channels { channel { id } succeeded days error } } } }";
        let mut answer = self.ask_as(&self.admin, query, json!({ "id": id })).await;
        let error = &answer["errors"][0]["extensions"]["code"];
        assert!(error.is_null() || error == "NOT_FOUND", "{answer:#}");
        answer["data"]["node"].take()
    }

    /// Asks for a range of days and waits until no more is due at the present time; the run as it is then.
    pub async fn backfill(&self, organisation: &str, from: &str, to: &str) -> Value {
        let query = "mutation($id: ID!, $from: Date!, $to: Date!) {
            backfillAccountUsage(organisationId: $id, from: $from, to: $to) { id } }";
        let data = self.ask(query, json!({ "id": organisation, "from": from, "to": to })).await;
        self.settle().await;
        self.run(id_of(&data["backfillAccountUsage"])).await
    }

    /// Retries a run by hand and waits; the run as it is then.
    pub async fn retry(&self, id: &str) -> Value {
        let query = "mutation($id: ID!) { retryJobRun(id: $id) { id state trigger attempt } }";
        let queued = self.ask(query, json!({ "id": id })).await["retryJobRun"].take();
        let expected = json!({ "id": id, "state": "QUEUED", "trigger": "RETRY", "attempt": 0 });
        assert_eq!(queued, expected, "a retry is the same run, its attempts counted anew");
        self.settle().await;
        self.run(id).await
    }

    /// Moves time from attempt to attempt until the run is over; the run as it ended.
    pub async fn until_over(&self, run: &Value) -> Value {
        let id = id_of(run);
        let mut run = self.run(id).await;
        for _ in 0..TRIES_MAX {
            if run["state"] != "RETRYING" {
                return run;
            }
            let next = instant(&run["nextAttemptAt"]);
            assert!(next > self.now(), "the next attempt lies ahead: {run:#}");
            self.advance(next - self.now()).await;
            run = self.run(id).await;
        }
        panic!("the run does not end: {run:#}");
    }

    /// A channel's status and the reason for it.
    pub async fn channel_status(&self, channel: &str) -> (String, Option<String>) {
        let query = "query($id: ID!) { node(id: $id) { ... on Channel { status statusReason } } }";
        let data = self.ask(query, json!({ "id": channel })).await;
        let status = data["node"]["status"].as_str().expect("a status").to_owned();
        (status, data["node"]["statusReason"].as_str().map(str::to_owned))
    }

    /// How many requests of an account have arrived at the BSP.
    pub fn asked(&self, account: &str) -> usize {
        self.sim.requests(account).len()
    }

    /// How many messages the BSP says now that an account sent on a day.
    pub fn said(&self, account: &str, day: &str) -> i64 {
        let day = self.sim.day(account, date(day)).expect("the BSP knows of the day");
        day.lines.iter().map(|line| line.count).sum()
    }

    /// What the event log tells from when a run was first heard of until it was over as it is over now.
    pub async fn facts_of(&self, organisation: &str, run: &Value) -> Vec<Fact> {
        let follow = Follow::Organisation(OrganisationId::parse("id", organisation).expect("an organisation's id"));
        let log = self.app().services().event.follow(follow, Some(0), KINDS.to_vec()).await.expect("the log opens");
        let mut log = Box::pin(log);
        let mut facts: Vec<Fact> = Vec::new();
        loop {
            let fact = log.next().await.expect("the log goes on").expect("the log can be read").fact;
            let own = match &fact {
                Fact::JobRunChanged { run: told } => Some(told).filter(|told| told.id.to_string() == id_of(run)),
                Fact::AccountUsageChanged { .. }
                | Fact::ChannelNeedsAttention { .. }
                | Fact::ActorQuarantined { .. }
                | Fact::UsageChanged { .. }
                | Fact::UsageUnpriced { .. }
                | Fact::InvoiceChanged { .. }
                | Fact::MessagesChanged { .. }
                | Fact::SnapshotGenerated { .. }
                | Fact::AllowanceChanged
                | Fact::AlertRaised { .. }
                | Fact::AlertRecovered { .. } => None,
            };
            let is_over = own.is_some_and(|told| told.state.is_final() && run["state"] == told.state.code());
            if own.is_some() || !facts.is_empty() {
                facts.push(fact);
            }
            if is_over {
                return facts;
            }
        }
    }

    /// The days that the event log told of as changed while a run was under way.
    pub async fn changed_days(&self, organisation: &str, run: &Value) -> Vec<String> {
        let facts = self.facts_of(organisation, run).await;
        let changed = facts.iter().filter_map(|fact| match fact {
            Fact::AccountUsageChanged { dates, .. } => Some(dates),
            Fact::JobRunChanged { .. }
            | Fact::ChannelNeedsAttention { .. }
            | Fact::ActorQuarantined { .. }
            | Fact::UsageChanged { .. }
            | Fact::UsageUnpriced { .. }
            | Fact::InvoiceChanged { .. }
            | Fact::MessagesChanged { .. }
            | Fact::SnapshotGenerated { .. }
            | Fact::AllowanceChanged
            | Fact::AlertRaised { .. }
            | Fact::AlertRecovered { .. } => None,
        });
        changed.flatten().map(ToString::to_string).collect()
    }
}
