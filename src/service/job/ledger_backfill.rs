//! A backfill of the ledger: the records that stored calls and messages lack are made, however long ago these were.
//!
//! Doing it twice is doing it once, because the record of a call or a message has one key. Calls are those that were made in the range of
//! days, messages those that became known in it, as their counters have it.

use std::fmt;

use super::JobContext;
use crate::domain::attempt::Verdict;
use crate::domain::job::Progress;
use crate::domain::message::usage_key;
use crate::domain::organisation::Organisation;
use crate::domain::period::{DateRange, Period};
use crate::domain::recording::{CallDetail, Ruling, call_key};
use crate::domain::usage::Outcome;
use crate::service::ServiceError;
use crate::service::access::Caller;
use crate::service::ledger::{LedgerService, Window};
use crate::service::message::{self, MadeUp};
use crate::store;
use crate::store::call_detail::Place;

/// How many calls are looked at between two words about the progress; the ledger takes no more at once.
const BATCH: u32 = 1_000;

/// What became of the calls and messages.
#[derive(Debug, Default)]
struct Counts {
    recorded: i64,
    /// They had a record.
    duplicates: i64,
    skipped: i64,
    rejected: i64,
    first_rejection: Option<String>,
}

impl Counts {
    fn count(&mut self, call: &str, outcome: Outcome) {
        match outcome {
            Outcome::Recorded(_) => self.recorded += 1,
            // Another word of the same call was recorded meanwhile, so no record is missing.
            Outcome::Duplicate(_) | Outcome::Conflict(_) => self.duplicates += 1,
            Outcome::Skipped(_) => self.skipped += 1,
            Outcome::Rejected(refusal) => {
                self.rejected += 1;
                self.first_rejection.get_or_insert_with(|| format!("{call}: {refusal}"));
            }
        }
    }

    fn count_message(&mut self, message: &str, made_up: MadeUp) {
        match made_up {
            MadeUp::Recorded => self.recorded += 1,
            MadeUp::Kept => self.duplicates += 1,
            MadeUp::Skipped => self.skipped += 1,
            MadeUp::Refused(reason) => {
                self.rejected += 1;
                self.first_rejection.get_or_insert_with(|| format!("the message {message}: {reason}"));
            }
        }
    }

    const fn all(&self) -> i64 {
        self.recorded + self.duplicates + self.skipped + self.rejected
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recorded, duplicates, skipped, rejected, .. } = self;
        write!(f, "{recorded} recorded, {duplicates} recorded before, {skipped} skipped, {rejected} rejected")
    }
}

/// Makes the records that calls and messages of the organisation's local days lack.
pub(super) async fn run(context: &JobContext, range: DateRange) -> Result<Verdict, ServiceError> {
    let read = context.core().store().read();
    let organisation = store::organisation::find(read, context.run().organisation_id).await?;
    let Some(organisation) = organisation.filter(|organisation| organisation.active) else {
        return Ok(Verdict::Stop { error: "the organisation is not active".to_owned(), partial: false });
    };
    let messages = store::message::count_reached(read, organisation.id, range).await?;
    let mut counts = backfill_calls(context, &organisation, range, messages).await?;
    backfill_messages(context, &organisation, range, messages, &mut counts).await?;
    tracing::info!(
        organisation.id = %organisation.id,
        from = %range.from(),
        to = %range.to(),
        recorded = counts.recorded,
        duplicates = counts.duplicates,
        skipped = counts.skipped,
        rejected = counts.rejected,
        "made the records that stored calls and messages lacked"
    );
    Ok(match &counts.first_rejection {
        Some(first) => Verdict::Partial { error: format!("{counts}; the first that was rejected is {first}") },
        None => Verdict::Done,
    })
}

async fn backfill_calls(
    context: &JobContext,
    organisation: &Organisation,
    range: DateRange,
    messages: i64,
) -> Result<Counts, ServiceError> {
    let (read, zone) = (context.core().store().read(), organisation.time_zone);
    let period = Period { start: zone.day(range.from()).start, end: zone.day(range.to()).end };
    let total = messages + store::call_detail::count(read, organisation.id, period).await?;
    let ledger = context.ledger();
    let (mut counts, mut after) = (Counts::default(), None);
    loop {
        let calls = store::call_detail::page(read, organisation.id, period, after, BATCH).await?;
        after = calls.last().map(|call| Place { occurred_at: call.occurred_at, resource_id: call.resource_id.clone() });
        if after.is_none() {
            break;
        }
        record(context, &ledger, calls, &mut counts).await?;
        let done = counts.all();
        context.progress(Progress { done, total: total.max(done) }).await?;
    }
    if total == 0 {
        context.progress(Progress { done: 0, total }).await?;
    }
    Ok(counts)
}

/// Looks through the messages after the calls, which `counts` has; so many as `messages` were there at the beginning.
async fn backfill_messages(
    context: &JobContext,
    organisation: &Organisation,
    range: DateRange,
    messages: i64,
    counts: &mut Counts,
) -> Result<(), ServiceError> {
    let (core, total) = (context.core(), messages + counts.all());
    let mut after = None;
    loop {
        let read = core.store().read();
        let messages = store::message::page_reached(read, organisation.id, range, after, BATCH).await?;
        let last = messages.last();
        after = last.map(|last| store::message::Place { date: last.date, external_id: last.external_id.clone() });
        if after.is_none() {
            return Ok(());
        }
        let keys: Vec<_> = messages.iter().map(|message| usage_key(&message.external_id)).collect();
        let known = store::call_detail::recorded(read, organisation.id, &keys).await?;
        let missing = messages.iter().zip(&keys).filter(|(_, key)| !known.contains(*key));
        let missing: Vec<_> = missing.map(|(message, _)| message.external_id.as_str()).collect();
        counts.duplicates += i64::try_from(messages.len() - missing.len()).unwrap_or(i64::MAX);
        for (name, made_up) in message::make_up(core, context.term(), organisation.id, &missing).await? {
            counts.count_message(&name, made_up);
        }
        let done = counts.all();
        context.progress(Progress { done, total: total.max(done) }).await?;
    }
}

/// Records those of the calls that count and have no record.
async fn record(
    context: &JobContext,
    ledger: &LedgerService,
    calls: Vec<CallDetail>,
    counts: &mut Counts,
) -> Result<(), ServiceError> {
    let organisation = context.run().organisation_id;
    let keys: Vec<_> = calls.iter().map(|call| call_key(&call.resource_id)).collect();
    let known = store::call_detail::recorded(context.core().store().read(), organisation, &keys).await?;
    let (mut names, mut drafts) = (Vec::new(), Vec::new());
    for (call, key) in calls.into_iter().zip(keys) {
        let name = format!("the call {}", call.resource_id);
        if known.contains(&key) {
            counts.duplicates += 1;
            continue;
        }
        match call.rule("call") {
            Ruling::Counts(draft) => {
                names.push(name);
                drafts.push(*draft);
            }
            Ruling::Skipped(reason) => counts.count(&name, Outcome::Skipped(reason)),
            Ruling::Rejected(bad) => counts.count(&name, Outcome::Rejected(bad.into())),
        }
    }
    if drafts.is_empty() {
        return Ok(());
    }
    let outcomes = ledger.record(&Caller::command_line(), organisation, drafts, Window::Backfill).await?;
    for (name, outcome) in names.iter().zip(outcomes) {
        counts.count(name, outcome);
    }
    Ok(())
}
