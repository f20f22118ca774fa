//! What is sent: `{"type", "timestamp", "data"}`, written out for each kind of event, so that the names of our own parts stay ours.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use crate::domain::clock::Instant;
use crate::domain::event::{Cursor, Event, Fact, Log};
use crate::domain::hook::{Endpoint, TEST};
use crate::domain::id::AttemptId;
use crate::domain::job::JobRun;

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// `webhook-id`: the same however often it is sent.
    pub(super) id: String,
    /// The type that it says it has.
    pub(super) kind: &'static str,
    /// Of the event; `None`: a test.
    pub(super) sequence: Option<i64>,
    pub(super) body: String,
}

/// An event, for whoever listens.
pub(super) fn event(event: &Event) -> Message {
    let kind = event.fact.kind().code();
    let mut data = data(&event.fact);
    data["organisationId"] = json!(event.organisation_id);
    data["cursor"] = json!(Cursor { log: Log::Organisation, after: event.sequence }.to_string());
    Message {
        id: format!("evt_{}_{}", event.organisation_id.uuid().as_simple(), event.sequence),
        kind,
        sequence: Some(event.sequence),
        body: json!({ "type": kind, "timestamp": instant(event.at), "data": data }).to_string(),
    }
}

/// A test of an address.
pub(super) fn test(endpoint: &Endpoint, attempt: AttemptId, at: Instant) -> Message {
    let data = json!({ "organisationId": endpoint.organisation_id, "endpointId": endpoint.id });
    let body = json!({ "type": TEST, "timestamp": instant(at), "data": data }).to_string();
    Message { id: attempt.to_string(), kind: TEST, sequence: None, body }
}

fn data(fact: &Fact) -> Value {
    match fact {
        Fact::AccountUsageChanged { channel_id, dates } => json!({ "channelId": channel_id, "dates": dates }),
        Fact::JobRunChanged { run } => json!({ "jobRun": job_run(run) }),
        Fact::ChannelNeedsAttention { channel_id, reason } => json!({ "channelId": channel_id, "reason": reason }),
        Fact::ActorQuarantined { restarts } => json!({ "restarts": restarts }),
        Fact::UsageChanged { kinds } => json!({ "kinds": kinds }),
        Fact::UsageUnpriced { resources } => json!({ "resources": resources }),
        Fact::InvoiceChanged { invoice_id } => json!({ "invoiceId": invoice_id }),
        Fact::MessagesChanged { channels, dates } => json!({ "channelIds": channels, "dates": dates }),
        Fact::SnapshotGenerated { snapshot_id } => json!({ "snapshotId": snapshot_id }),
        Fact::AllowanceChanged => json!({}),
        Fact::AlertRaised { alert_id } | Fact::AlertRecovered { alert_id } => json!({ "alertId": alert_id }),
    }
}

fn job_run(run: &JobRun) -> Value {
    json!({
        "id": run.id, "kind": run.kind, "state": run.state, "trigger": run.trigger,
        "scheduledFor": instant(run.scheduled_for), "startedAt": run.started_at.map(instant),
        "finishedAt": run.finished_at.map(instant), "attempt": run.attempt, "maxAttempts": run.max_attempts,
        "nextAttemptAt": run.next_attempt_at.map(instant), "error": run.error,
        "from": run.range.map(|range| range.from()), "to": run.range.map(|range| range.to()),
        "progress": run.progress.map(|progress| json!({ "done": progress.done, "total": progress.total })),
    })
}

/// As the API writes it.
fn instant(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::ChannelKind;
    use crate::domain::id::{AlertId, ChannelId, InvoiceId, JobRunId, OrganisationId, SnapshotId};
    use crate::domain::job::{JobKind, JobRunState, JobTrigger, Progress};
    use crate::domain::period::DateRange;

    fn now() -> Instant {
        "2026-06-05T06:00:00.123456Z".parse().unwrap()
    }

    fn organisation() -> OrganisationId {
        OrganisationId::parse("id", "org_0192b7c0f0007000800000000000000a").unwrap()
    }

    fn sent(fact: Fact) -> (Message, Value) {
        let message = event(&Event { organisation_id: organisation(), sequence: 7, position: 9, fact, at: now() });
        let body = serde_json::from_str(&message.body).unwrap();
        (message, body)
    }

    #[test]
    fn an_event_says_what_happened_when_and_from_where_to_go_on() {
        let channel = ChannelId::generate(now());
        let dates = vec!["2026-06-04".parse().unwrap()];
        let (message, body) = sent(Fact::AccountUsageChanged { channel_id: channel, dates });
        assert_eq!(message.id, "evt_0192b7c0f0007000800000000000000a_7");
        let expected = json!({
            "type": "account_usage.changed",
            "timestamp": "2026-06-05T06:00:00.123Z",
            "data": { "organisationId": organisation(), "cursor": "ZTo3", "channelId": channel, "dates": ["2026-06-04"] },
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_run_is_told_in_the_words_of_the_api() {
        let run = JobRun {
            id: JobRunId::generate(now()),
            organisation_id: organisation(),
            schedule_id: None,
            kind: JobKind::Backfill,
            subject: None,
            customer_id: None,
            trigger: JobTrigger::Manual,
            state: JobRunState::Retrying,
            scheduled_for: now(),
            started_at: Some(now()),
            finished_at: None,
            attempt: 1,
            max_attempts: 8,
            next_attempt_at: None,
            error: Some("HTTP 500".to_owned()),
            range: DateRange::new("2026-06-01".parse().unwrap(), "2026-06-04".parse().unwrap()),
            progress: Some(Progress { done: 1, total: 4 }),
            bootstrap: None,
            cancel_requested: false,
        };
        let (_, body) = sent(Fact::JobRunChanged { run: Box::new(run.clone()) });
        let at = "2026-06-05T06:00:00.123Z";
        let expected = json!({
            "id": run.id, "kind": "BACKFILL", "state": "RETRYING", "trigger": "MANUAL", "scheduledFor": at, "startedAt": at,
            "finishedAt": null, "attempt": 1, "maxAttempts": 8, "nextAttemptAt": null, "error": "HTTP 500",
            "from": "2026-06-01", "to": "2026-06-04", "progress": { "done": 1, "total": 4 },
        });
        assert_eq!(body["data"]["jobRun"], expected);
    }

    #[test]
    fn every_kind_of_event_has_data_of_its_own() {
        let facts = [
            (
                Fact::ChannelNeedsAttention { channel_id: ChannelId::generate(now()), reason: "401".to_owned() },
                "reason",
            ),
            (Fact::ActorQuarantined { restarts: 5 }, "restarts"),
            (Fact::UsageChanged { kinds: vec![ChannelKind::Whatsapp] }, "kinds"),
            (Fact::UsageUnpriced { resources: vec!["SMS/message".to_owned()] }, "resources"),
            (Fact::InvoiceChanged { invoice_id: InvoiceId::generate(now()) }, "invoiceId"),
            (Fact::MessagesChanged { channels: vec![], dates: vec![] }, "channelIds"),
            (Fact::SnapshotGenerated { snapshot_id: SnapshotId::generate(now()) }, "snapshotId"),
            (Fact::AllowanceChanged, "cursor"),
            (Fact::AlertRaised { alert_id: AlertId::generate(now()) }, "alertId"),
            (Fact::AlertRecovered { alert_id: AlertId::generate(now()) }, "alertId"),
        ];
        for (fact, field) in facts {
            let kind = fact.kind().code();
            let (message, body) = sent(fact);
            assert_eq!((message.kind, &body["type"]), (kind, &json!(kind)));
            assert!(!body["data"][field].is_null() && !body["data"]["cursor"].is_null(), "{body}");
            assert!(!message.body.contains("channel_id") && !message.body.contains("sequence"), "{body}");
        }
    }
}
