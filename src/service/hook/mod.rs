//! Webhooks out: the addresses that events are sent to, made, tried out, replayed and enabled; and what is due to be sent.

mod delivery;
mod due;
mod payload;

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use tokio::sync::Semaphore;
use url::Url;

use super::access::Caller;
use super::event::{EventService, Follow};
use super::webhook::signature;
use super::{Core, ServiceError, alarm, alert};
use crate::domain::clock::Instant;
use crate::domain::event::{Cursor, FactKind, Hint, Log};
use crate::domain::hook::{Attempt, ENDPOINTS_MAX, Endpoint, EndpointState};
use crate::domain::id::{AttemptId, EndpointId, OrganisationId};
use crate::domain::input::BadInput;
use crate::domain::page::{Page, PageRequest};
use crate::store::{self, Db};
pub use delivery::Visit;
use due::Watched;
pub use due::{LOOK_MAX, News};
pub use store::hook::Behind;

/// Tries that run at the same time; each may take as long as a receiver may.
const TESTS_MAX: usize = 8;

/// How far events that wait are counted.
pub const PENDING_MAX: u64 = 10_000;

/// Keeps addresses, and sends to them.
#[derive(Debug, Clone)]
pub struct HookService {
    core: Arc<Core>,
    events: EventService,
    watched: Arc<Watched>,
    tests: Arc<Semaphore>,
}

impl HookService {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let events = EventService::new(Arc::clone(&core));
        Self { core, events, watched: Arc::default(), tests: Arc::new(Semaphore::new(TESTS_MAX)) }
    }

    /// Makes an address to which events from now on are sent; its secret is known to the caller alone, from here on. `event_types`: codes of
    /// kinds of events; `None`: all.
    pub async fn create(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        url: &str,
        event_types: Option<Vec<String>>,
    ) -> Result<(Endpoint, SecretString), ServiceError> {
        caller.require_hooks()?;
        let event_types = event_types.map(kinds).transpose()?;
        let url = self.core.hooks().check("url", url).await?;
        let work = self.core.begin().await?;
        // Locked, so that two at once do not make one too many.
        let found = store::organisation::find_for_update(work.tx(), organisation).await?;
        found.ok_or(ServiceError::NotFound("organisation"))?;
        if store::hook::count(work.tx(), organisation).await? >= ENDPOINTS_MAX {
            return Err(ServiceError::Conflict(format!(
                "an organisation has at most {ENDPOINTS_MAX} webhook endpoints"
            )));
        }
        let endpoint = Endpoint {
            id: EndpointId::generate(work.now()),
            organisation_id: organisation,
            url: url.into(),
            event_types,
            cursor: store::event::last_sequence(work.tx(), organisation).await?,
            state: EndpointState::Active,
            failures: 0,
            failing_since: None,
            next_attempt_at: None,
            revision: 1,
            created_at: work.now(),
        };
        let secret = signature::new_secret();
        let sealed = self.core.keys().seal_hook_secret(endpoint.id, &secret);
        store::hook::insert(work.tx(), &endpoint, &sealed).await?;
        let details = json!({ "host": host(&endpoint.url), "eventTypes": endpoint.event_types });
        let target = Some(endpoint.id.to_string());
        work.audit(caller, "createWebhookEndpoint", Some(organisation), target, details).await?;
        work.commit().await?;
        self.look_at(organisation, endpoint.cursor);
        Ok((endpoint, secret))
    }

    /// Deletes an address; nothing more is sent to it. False where there is none.
    pub async fn delete(&self, caller: &Caller, id: EndpointId) -> Result<bool, ServiceError> {
        caller.require_hooks()?;
        let mut work = self.core.begin().await?;
        let endpoint = reached(work.tx(), caller, id).await?;
        let organisation = endpoint.organisation_id;
        let deleted = store::hook::delete(work.tx(), organisation, id, work.now()).await?;
        alert::recover(&mut work, organisation, alarm::of_hook(organisation, id).key()).await?;
        let (target, details) = (Some(id.to_string()), json!({ "host": host(&endpoint.url) }));
        work.audit(caller, "deleteWebhookEndpoint", Some(organisation), target, details).await?;
        work.commit().await?;
        Ok(deleted)
    }

    /// Goes on after the event that `after` is the cursor of, and sends what came since again; the next try is made at once.
    pub async fn replay(&self, caller: &Caller, id: EndpointId, after: &str) -> Result<Endpoint, ServiceError> {
        caller.require_hooks()?;
        let cursor = Cursor::parse("after", after, Log::Organisation)?.after;
        let found = reached(self.core.store().read(), caller, id).await?;
        let last = store::event::last_sequence(self.core.store().read(), found.organisation_id).await?;
        self.events.refuse_unknown(Follow::Organisation(found.organisation_id), cursor, last).await?;
        let again = |endpoint: Endpoint| Endpoint { cursor, failures: 0, next_attempt_at: None, ..endpoint };
        self.change(caller, "replayWebhookEndpoint", id, json!({ "after": after }), again).await
    }

    /// Sends to an address again that was disabled; one that is tried again later is tried at once.
    pub async fn enable(&self, caller: &Caller, id: EndpointId) -> Result<Endpoint, ServiceError> {
        caller.require_hooks()?;
        self.change(caller, "enableWebhookEndpoint", id, json!({}), Endpoint::enabled).await
    }

    /// Changes an address until nobody else changed it at the same time.
    async fn change(
        &self,
        caller: &Caller,
        action: &str,
        id: EndpointId,
        details: serde_json::Value,
        change: impl Fn(Endpoint) -> Endpoint,
    ) -> Result<Endpoint, ServiceError> {
        loop {
            let mut work = self.core.begin().await?;
            let mut endpoint = change(reached(work.tx(), caller, id).await?);
            if !store::hook::update(work.tx(), &endpoint, work.now()).await? {
                continue;
            }
            endpoint.revision += 1;
            let organisation = endpoint.organisation_id;
            if endpoint.state == EndpointState::Active {
                alert::recover(&mut work, organisation, alarm::of_hook(organisation, id).key()).await?;
            }
            work.audit(caller, action, Some(organisation), Some(id.to_string()), details).await?;
            work.commit().await?;
            self.look_at(organisation, endpoint.cursor);
            return Ok(endpoint);
        }
    }

    /// Sends a test to an address now, whatever its state, and says how it went. What is to be sent stays as it is.
    pub async fn test(&self, caller: &Caller, id: EndpointId) -> Result<Attempt, ServiceError> {
        caller.require_hooks()?;
        let endpoint = reached(self.core.store().read(), caller, id).await?;
        let turn = self.tests.try_acquire();
        let turn = turn.map_err(|_| ServiceError::Busy("too many webhooks are being tested, try again later"))?;
        let at = self.core.now();
        let attempt_id = AttemptId::generate(at);
        let message = payload::test(&endpoint, attempt_id, at);
        let secret = self.secret(self.core.store().read(), &endpoint).await?;
        let outcome = self.send(&endpoint, &secret, &message, at).await?;
        drop(turn);
        let attempt = delivery::attempt(&endpoint, &message, attempt_id, at, 1, &outcome);
        let work = self.core.begin().await?;
        store::hook::insert_attempt(work.tx(), &attempt).await?;
        let details = json!({ "statusCode": attempt.status_code });
        let organisation = Some(endpoint.organisation_id);
        work.audit(caller, "testWebhookEndpoint", organisation, Some(id.to_string()), details).await?;
        work.commit().await?;
        Ok(attempt)
    }

    /// The address with this id, whosever it is: the caller must look at its organisation.
    pub async fn find(&self, id: EndpointId) -> Result<Option<Endpoint>, ServiceError> {
        Ok(store::hook::find_any(self.core.store().read(), id).await?)
    }

    /// The organisation's addresses, oldest first.
    pub async fn list(&self, organisation: OrganisationId) -> Result<Vec<Endpoint>, ServiceError> {
        Ok(store::hook::list(self.core.store().read(), organisation).await?)
    }

    /// How many events of its kinds an address was not sent yet, counted up to [`PENDING_MAX`].
    pub async fn pending(&self, endpoint: &Endpoint) -> Result<u64, ServiceError> {
        Ok(store::hook::pending(self.core.store().read(), endpoint, PENDING_MAX).await?)
    }

    /// The tries at an address, newest first.
    pub async fn attempts(
        &self,
        endpoint: &Endpoint,
        request: &PageRequest<AttemptId>,
    ) -> Result<Page<Attempt>, ServiceError> {
        let db = self.core.store().read();
        Ok(store::hook::page_attempts(db, endpoint.organisation_id, endpoint.id, request).await?)
    }

    /// Makes whoever delivers look at the organisation, here and on other nodes.
    fn look_at(&self, organisation: OrganisationId, sequence: i64) {
        if self.holds(organisation) {
            self.watched.add(organisation);
        } else {
            // Who holds it may not know that it has addresses, and passes its hints over.
            self.core.bus().wake(organisation);
        }
        self.core.bus().publish(&[Hint { organisation_id: organisation, sequence }]);
    }
}

/// The address, if the caller reaches it; any other is as one that does not exist.
async fn reached(db: &impl Db, caller: &Caller, id: EndpointId) -> Result<Endpoint, ServiceError> {
    let found = store::hook::find_any(db, id).await?.filter(|found| caller.may_see(found.organisation_id));
    found.ok_or(ServiceError::NotFound("webhook endpoint"))
}

/// The part of an address that holds no secret.
fn host(url: &str) -> Option<String> {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned))
}

fn kinds(codes: Vec<String>) -> Result<Vec<FactKind>, BadInput> {
    if codes.is_empty() || codes.len() > FactKind::ALL.len() {
        let accepted = "expected at least one type of event, each once; leave it out for all";
        return Err(BadInput::new("eventTypes", codes.len(), accepted));
    }
    let read = |(place, code): (usize, String)| {
        FactKind::from_code(&code).ok_or_else(|| {
            let known: Vec<_> = FactKind::ALL.iter().map(|kind| kind.code()).collect();
            BadInput::new(format!("eventTypes[{place}]"), &code, format!("expected one of {}", known.join(", ")))
        })
    };
    let mut kinds = codes.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// How long something took, for a row.
fn milliseconds(took: std::time::Duration) -> i64 {
    i64::try_from(took.as_millis()).unwrap_or(i64::MAX)
}

/// The seconds of `webhook-timestamp`.
const fn seconds(at: Instant) -> i64 {
    at.timestamp()
}
