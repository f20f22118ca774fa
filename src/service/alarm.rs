//! Alerts within a transaction: raised once under their key, recovered, and made out of what the transaction has to say.

use crate::domain::alert::{Alert, AlertKind, NewAlert};
use crate::domain::clock::Instant;
use crate::domain::event::{Fact, NewEvent};
use crate::domain::id::{AlertId, ChannelId, EndpointId, JobRunId, OrganisationId};
use crate::domain::job::{JobRun, JobRunState, JobTrigger};
use crate::store::{self, StoreError, Transaction};

/// How much of a reason is quoted.
const REASON_CHARS_MAX: usize = 300;

/// Raises alerts, but those that stand already; what there is to say of it.
pub(super) async fn raise(tx: &Transaction, new: Vec<NewAlert>, now: Instant) -> Result<Vec<NewEvent>, StoreError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let alert = |about| Alert { id: AlertId::generate(now), about, raised_at: now, recovered_at: None };
    let alerts: Vec<_> = new.into_iter().map(alert).collect();
    let raised = store::alert::insert(tx, &alerts).await?;
    let mut told = Vec::with_capacity(raised.len());
    for alert in alerts.iter().filter(|alert| raised.contains(&alert.id)) {
        let organisation_id = alert.about.organisation_id;
        tracing::warn!(organisation.id = %organisation_id, alert.kind = %alert.about.kind, "{}", alert.about.message);
        told.push(NewEvent { organisation_id, fact: Fact::AlertRaised { alert_id: alert.id } });
    }
    Ok(told)
}

/// Ends alerts that stand; what there is to say of it.
pub(super) async fn recover(tx: &Transaction, over: &[Alert], now: Instant) -> Result<Vec<NewEvent>, StoreError> {
    let ids: Vec<_> = over.iter().map(|alert| alert.id).collect();
    store::alert::recover(tx, &ids, now).await?;
    let told = over.iter().map(|alert| NewEvent {
        organisation_id: alert.about.organisation_id,
        fact: Fact::AlertRecovered { alert_id: alert.id },
    });
    Ok(told.collect())
}

/// Raises what the facts of a transaction are alerts of, and ends what they say is over; what there is to say of it.
pub(super) async fn out_of(tx: &Transaction, facts: &[NewEvent], now: Instant) -> Result<Vec<NewEvent>, StoreError> {
    let mut raised = Vec::new();
    let mut over = Vec::new();
    for NewEvent { organisation_id, fact } in facts {
        match fact {
            Fact::ChannelNeedsAttention { channel_id, reason } => {
                raised.push(of_channel(*organisation_id, *channel_id, reason));
            }
            Fact::JobRunChanged { run } if run.state == JobRunState::Failed => raised.push(of_run(run)),
            // Only what failed is retried, so that no other run can have an alert.
            Fact::JobRunChanged { run } if is_mended(run) => over.push((*organisation_id, of_run(run).key())),
            Fact::UsageUnpriced { resources } => {
                raised.extend(resources.iter().map(|resource| of_unpriced(*organisation_id, resource)));
            }
            Fact::ActorQuarantined { restarts } => raised.push(of_quarantine(*organisation_id, *restarts)),
            Fact::AccountUsageChanged { .. }
            | Fact::JobRunChanged { .. }
            | Fact::UsageChanged { .. }
            | Fact::InvoiceChanged { .. }
            | Fact::MessagesChanged { .. }
            | Fact::SnapshotGenerated { .. }
            | Fact::AllowanceChanged
            | Fact::AlertRaised { .. }
            | Fact::AlertRecovered { .. } => {}
        }
    }
    let mut told = raise(tx, raised, now).await?;
    if !over.is_empty() {
        let standing = store::alert::standing_under(tx, &over).await?;
        told.extend(recover(tx, &standing, now).await?);
    }
    Ok(told)
}

fn is_mended(run: &JobRun) -> bool {
    run.trigger == JobTrigger::Retry && run.state == JobRunState::Succeeded
}

/// The alert of a channel that needs attention.
pub(super) fn of_channel(organisation: OrganisationId, channel: ChannelId, reason: &str) -> NewAlert {
    let message = format!("a channel needs attention: {}", cut(reason));
    let new = NewAlert::new(organisation, AlertKind::ChannelNeedsAttention, message);
    NewAlert { channel_id: Some(channel), ..new }
}

fn of_run(run: &JobRun) -> NewAlert {
    let reason = run.error.as_deref().unwrap_or("nothing is known of why");
    let message = format!("a run of {} failed for good: {}", run.kind, cut(reason));
    let id: JobRunId = run.id;
    NewAlert { job_run_id: Some(id), ..NewAlert::new(run.organisation_id, AlertKind::JobFailed, message) }
}

/// The alert of a resource that has no rate, as `KIND/type`.
pub(super) fn of_unpriced(organisation: OrganisationId, resource: &str) -> NewAlert {
    let message = format!("{resource} is used and the plan has no rate for it");
    let new = NewAlert::new(organisation, AlertKind::UsageUnpriced, message);
    NewAlert { subject: Some(resource.to_owned()), ..new }
}

/// The alert of an organisation whose jobs do not run.
pub(super) fn of_quarantine(organisation: OrganisationId, restarts: u32) -> NewAlert {
    let message = format!("what runs the organisation's jobs died {restarts} times and is left alone for a while");
    NewAlert::new(organisation, AlertKind::SchedulerQuarantined, message)
}

/// The alert of an address that webhooks are not sent to any more.
pub(super) fn of_hook(organisation: OrganisationId, endpoint: EndpointId) -> NewAlert {
    let message = "a webhook endpoint took nothing for five days, or is gone, and nothing is sent to it any more";
    let new = NewAlert::new(organisation, AlertKind::WebhookFailing, message);
    NewAlert { subject: Some(endpoint.to_string()), ..new }
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}
