//! One visit to an address: what it has not seen yet is sent in order, each event noted before the next.

use rand::random;
use secrecy::SecretString;

use super::payload::{self, Message};
use super::{HookService, milliseconds, seconds};
use crate::domain::clock::Instant;
use crate::domain::event::Event;
use crate::domain::hook::{Attempt, Endpoint, EndpointState, GAP, Verdict};
use crate::domain::id::{AttemptId, EndpointId, OrganisationId};
use crate::domain::shard::Term;
use crate::hook::{self, Outcome};
use crate::service::webhook::signature;
use crate::service::{ServiceError, alarm, alert};
use crate::store::{self, Db, Store};

/// Events that one visit reads and sends before others get their turn.
const VISIT_EVENTS_MAX: u64 = 20;

/// HTTP 410.
const GONE: u16 = 410;

/// What a visit to an address came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Nothing is left to be sent.
    CaughtUp,
    /// There may be more.
    More,
    /// Nothing is sent before then.
    Rests { until: Instant },
}

/// What an address has not seen, as of one moment.
struct Reading {
    endpoint: Endpoint,
    /// Everything up to here was deleted for its age.
    lost_to: i64,
    events: Vec<Event>,
    /// The newest event, whoever it is for.
    last: i64,
}

impl HookService {
    /// Sends an address what it has not seen, in order, until something fails or others are to have their turn. The cursor moves only
    /// over what was taken, so that what is sent twice after a crash is sent under the same id. To the addresses of an organisation that is
    /// another node's, nothing is sent.
    pub async fn deliver(&self, organisation: OrganisationId, id: EndpointId) -> Result<Visit, ServiceError> {
        // Asked for once: what is taken over during the visit ends it.
        let Some(term) = self.core.holdings().term_of(organisation) else { return Ok(Visit::CaughtUp) };
        let Some(reading) = self.read(id).await? else { return Ok(Visit::CaughtUp) };
        let Reading { mut endpoint, lost_to, events, last } = reading;
        if let Some(until) = endpoint.next_attempt_at.filter(|at| *at > self.core.now()) {
            return Ok(Visit::Rests { until });
        }
        if endpoint.cursor < lost_to {
            self.note_gap(term, endpoint, lost_to).await?;
            return Ok(Visit::More);
        }
        if events.is_empty() {
            if endpoint.cursor < last {
                self.watched.pass(&endpoint, last);
            }
            return Ok(Visit::CaughtUp);
        }
        let secret = self.secret(self.core.store().read(), &endpoint).await?;
        for event in &events {
            let Some(after) = self.deliver_one(term, endpoint, &secret, event).await? else { return Ok(Visit::More) };
            if let Some(until) = after.next_attempt_at {
                return Ok(Visit::Rests { until });
            }
            if after.state == EndpointState::Disabled {
                return Ok(Visit::CaughtUp);
            }
            endpoint = after;
        }
        Ok(Visit::More)
    }

    async fn read(&self, id: EndpointId) -> Result<Option<Reading>, ServiceError> {
        // One view, so that what retention deletes meanwhile is either read or known to be lost.
        let view = self.core.store().begin_reading().await?;
        let found = store::hook::find_any(&view, id).await?;
        let Some(mut endpoint) = found.filter(|found| found.state == EndpointState::Active) else { return Ok(None) };
        let organisation = endpoint.organisation_id;
        // What was passed over is not missed.
        let passed = self.watched.passed(id, endpoint.revision);
        endpoint.cursor = passed.map_or(endpoint.cursor, |passed| passed.max(endpoint.cursor));
        let last = store::event::last_sequence(&view, organisation).await?;
        let oldest = store::event::oldest_sequence(&view, organisation).await?;
        let events = store::event::after(&view, organisation, endpoint.cursor, endpoint.kinds(), VISIT_EVENTS_MAX);
        let events = events.await?;
        Store::commit(view).await?;
        Ok(Some(Reading { endpoint, lost_to: oldest.unwrap_or(last + 1) - 1, events, last }))
    }

    /// Sends one event and writes down what became of it; `None`: the address was changed meanwhile.
    async fn deliver_one(
        &self,
        term: Term,
        before: Endpoint,
        secret: &SecretString,
        event: &Event,
    ) -> Result<Option<Endpoint>, ServiceError> {
        let message = payload::event(event);
        let at = self.core.now();
        let outcome = self.send(&before, secret, &message, at).await?;
        let number = before.failures.saturating_add(1);
        let attempt = attempt(&before, &message, AttemptId::generate(at), at, number, &outcome);
        let verdict = match (&outcome.error, outcome.status) {
            (None, _) => Verdict::Taken,
            (Some(_), Some(GONE)) => Verdict::Gone,
            (Some(_), _) => Verdict::Failed { retry_after: outcome.retry_after },
        };
        let mut work = self.core.begin_as(term).await?;
        let mut after = before.after(event.sequence, verdict, work.now(), random());
        store::hook::insert_attempt(work.tx(), &attempt).await?;
        let updated = store::hook::update(work.tx(), &after, work.now()).await?;
        if updated && after.state == EndpointState::Disabled {
            alert::raise(&mut work, vec![alarm::of_hook(after.organisation_id, after.id)]).await?;
        }
        work.commit().await?;
        if let Some(error) = &attempt.error {
            let (endpoint, organisation) = (after.id, after.organisation_id);
            tracing::info!(
                organisation.id = %organisation, endpoint.id = %endpoint, attempt.number = number, error,
                "a webhook was not taken"
            );
        }
        after.revision += 1;
        Ok(updated.then_some(after))
    }

    /// Goes on after events that were deleted before they could be sent, and says so.
    async fn note_gap(&self, term: Term, mut endpoint: Endpoint, lost_to: i64) -> Result<(), ServiceError> {
        let work = self.core.begin_as(term).await?;
        let first = endpoint.cursor + 1;
        let attempt = Attempt {
            id: AttemptId::generate(work.now()),
            organisation_id: endpoint.organisation_id,
            endpoint_id: endpoint.id,
            sequence: Some(lost_to),
            event_type: GAP.to_owned(),
            number: 1,
            status_code: None,
            error: Some(format!("events {first} to {lost_to} were deleted for their age before they were sent")),
            duration_ms: 0,
            at: work.now(),
        };
        endpoint.cursor = lost_to;
        if store::hook::update(work.tx(), &endpoint, work.now()).await? {
            store::hook::insert_attempt(work.tx(), &attempt).await?;
            tracing::warn!(
                organisation.id = %endpoint.organisation_id, endpoint.id = %endpoint.id, first, last = lost_to,
                "events were deleted for their age before they were sent"
            );
        }
        work.commit().await
    }

    /// What messages to the address are signed with.
    pub(super) async fn secret(&self, db: &impl Db, endpoint: &Endpoint) -> Result<SecretString, ServiceError> {
        let sealed = store::hook::sealed(db, endpoint.organisation_id, endpoint.id).await?;
        let sealed = sealed.ok_or(ServiceError::NotFound("webhook endpoint"))?;
        let secret = self.core.keys().open_hook_secret(endpoint.id, &sealed);
        secret.map_err(|error| ServiceError::Internal(error.into()))
    }

    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        secret: &SecretString,
        message: &Message,
        at: Instant,
    ) -> Result<Outcome, ServiceError> {
        let Message { id, body, .. } = message;
        let signature = signature::sign(secret, id, seconds(at), body.as_bytes());
        let signature = signature.ok_or_else(|| ServiceError::Internal("a stored secret signs nothing".into()))?;
        let message = hook::Message { id, timestamp: seconds(at), signature: &signature, body };
        let outcome = self.core.hooks().send(&endpoint.url, message, at).await;
        let result = if outcome.error.is_none() { "taken" } else { "failed" };
        metrics::counter!("wabacus_webhook_attempts_total", "result" => result).increment(1);
        metrics::histogram!("wabacus_webhook_duration_seconds").record(outcome.took);
        Ok(outcome)
    }
}

/// A try as it is kept.
pub(super) fn attempt(
    endpoint: &Endpoint,
    message: &Message,
    id: AttemptId,
    at: Instant,
    number: i32,
    outcome: &Outcome,
) -> Attempt {
    Attempt {
        id,
        organisation_id: endpoint.organisation_id,
        endpoint_id: endpoint.id,
        sequence: message.sequence,
        event_type: message.kind.to_owned(),
        number,
        status_code: outcome.status,
        error: outcome.error.clone(),
        duration_ms: milliseconds(outcome.took),
        at,
    }
}
