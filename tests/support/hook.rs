//! What the stories about webhooks out ask of a world: endpoints, events to send, and how they stand.

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use url::Url;
use wabacus::domain::event::{Cursor, Log};
use wabacus::sim::Received;

use super::{NOON, Setup, World};

/// An endpoint and what its webhooks are signed with.
pub struct Hook {
    pub id: String,
    pub secret: String,
}

impl Hook {
    /// That what came in was signed with its secret, by other hands than ours.
    pub fn assert_signed(&self, received: &Received) {
        let webhook = Webhook::new(&self.secret).expect("a secret as Standard Webhooks has it");
        let timestamp = received.timestamp.parse().expect("seconds");
        let signature = webhook.sign(&received.id, timestamp, received.body.as_bytes()).expect("a signature");
        assert_eq!(received.signature, signature, "{}", received.id);
    }
}

/// A world whose webhooks may be sent to receivers on loopback.
pub fn setup() -> Setup {
    Setup::at(NOON).with("ALLOW_PRIVATE_WEBHOOKS", "on").with("WEBHOOK_TIMEOUT_SECONDS", "5")
}

/// The number of the event that a webhook tells of.
pub fn sequence(received: &Received) -> i64 {
    let (_, sequence) = received.id.rsplit_once('_').expect("evt_, the organisation, the number");
    sequence.parse().expect("a number")
}

/// The cursor of an event of an organisation.
pub fn cursor(sequence: i64) -> String {
    Cursor { log: Log::Organisation, after: sequence }.to_string()
}

impl World {
    /// A new endpoint of an organisation for events of some types; null: of all.
    pub async fn hook(&self, organisation: &str, url: &Url, event_types: Value) -> Hook {
        let query = "mutation($id: ID!, $url: String!, $types: [String!]) {
            createWebhookEndpoint(organisationId: $id, url: $url, eventTypes: $types) { endpoint { id } secret } }";
        let variables = json!({ "id": organisation, "url": url.as_str(), "types": event_types });
        let made = self.ask(query, variables).await["createWebhookEndpoint"].take();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Hook { id: text(&made["endpoint"]["id"]), secret: text(&made["secret"]) }
    }

    /// Something is used once, which is one `usage.changed`; not waited for.
    pub async fn use_once(&self, organisation: &str, resource: &str) {
        let query = "mutation($id: ID!, $resource: String!) { recordUsage(organisationId: $id, records: [
            { kind: EMAIL, resourceType: \"message\", resourceId: $resource }]) { outcome } }";
        let told = self.ask(query, json!({ "id": organisation, "resource": resource })).await;
        assert_eq!(told["recordUsage"][0]["outcome"], "RECORDED");
    }

    /// How an endpoint stands, with its tries, newest first.
    pub async fn hook_state(&self, hook: &Hook) -> Value {
        let query = "query($id: ID!) { node(id: $id) { ... on WebhookEndpoint {
            id url eventTypes state pending failingSince nextAttemptAt
            attempts(first: 50) { nodes { eventType cursor number succeeded statusCode error durationMs at } } } } }";
        self.ask(query, json!({ "id": hook.id })).await["node"].take()
    }
}
