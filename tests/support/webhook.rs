//! What the stories about webhooks in ask of a world: channels that are told of, secrets, bodies and what was kept aside.

use serde_json::{Value, json};
use url::Url;
use wabacus::domain::channel::BspKind;
use wabacus::sim::{Courier, SimSender};

use super::World;

/// The secret that the app of most stories signs with.
pub const APP_SECRET: &str = "app-secret";

/// Who tells of an account at Meta.
pub fn sender_of(waba: &str) -> SimSender {
    sender_with(waba, APP_SECRET)
}

/// The same with another secret.
pub fn sender_with(waba: &str, app_secret: &str) -> SimSender {
    let number = "+919800000009".to_owned();
    SimSender::Meta { waba: waba.to_owned(), number, app_secret: app_secret.to_owned() }
}

impl World {
    /// An organisation in Kolkata with a channel at Meta, whose first pull is not waited for: the organisation's id and the channel's.
    pub async fn shop_at_meta(&self, waba: &str) -> (String, String) {
        let organisation = self.organisation(&format!("Shop {waba}"), "Asia/Kolkata").await;
        let channel = self.channel(&organisation, BspKind::Interakt, waba, "Asia/Kolkata").await;
        (organisation, channel)
    }

    /// Gives a channel a number.
    pub async fn number(&self, channel: &str, number: &str) {
        let query =
            "mutation($id: ID!, $number: String!) { updateChannel(id: $id, input: { phoneNumber: $number }) { id } }";
        self.ask(query, json!({ "id": channel, "number": number })).await;
    }

    /// A new secret of a channel.
    pub async fn channel_secret(&self, channel: &str) -> String {
        let query = "mutation($id: ID!) { rotateChannelSecret(channelId: $id) { secret path } }";
        let data = self.ask(query, json!({ "id": channel })).await;
        assert_eq!(data["rotateChannelSecret"]["path"], format!("/webhooks/gupshup/{channel}"));
        data["rotateChannelSecret"]["secret"].as_str().expect("a secret").to_owned()
    }

    /// Who carries webhooks to this world's server.
    pub fn courier(&self, sender: SimSender) -> Courier {
        let base = Url::parse(&self.url()).expect("the server's address");
        Courier::new(base, sender, reqwest::Client::new())
    }

    /// Sends a body to `path` with one header; the status and the body of the answer.
    pub async fn send(&self, path: &str, header: (&str, &str), body: impl Into<String>) -> (u16, String) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url())).header(header.0, header.1);
        let response = request.body(body.into()).send().await.expect("the server answers");
        (response.status().as_u16(), response.text().await.expect("a text"))
    }

    /// What was kept aside, newest first: of an organisation, or all.
    pub async fn rejected(&self, organisation: Option<&str>) -> Vec<Value> {
        let query = "query($id: ID) { rejectedUpdates(organisationId: $id, first: 100) { nodes {
            id source organisation { id } channelId reason payload receivedAt } } }";
        let mut data = self.ask(query, json!({ "id": organisation })).await;
        data["rejectedUpdates"]["nodes"].take().as_array().expect("a list").clone()
    }

    /// The usage that an organisation's WhatsApp messages became, newest first.
    pub async fn charged(&self, organisation: &str) -> Vec<Value> {
        let fields = "usageRecords(kind: WHATSAPP, first: 100) { nodes {
            resourceType resourceId quantity category occurredAt channel { id } customer { phone name registered } } }";
        let mut found = self.of(organisation, fields).await;
        found["usageRecords"]["nodes"].take().as_array().expect("a list of records").clone()
    }
}

/// A body of Meta's that tells of statuses.
pub fn statuses(waba: &str, statuses: &Value) -> Value {
    let value = json!({ "messaging_product": "whatsapp", "statuses": statuses,
        "metadata": { "display_phone_number": "919800000009", "phone_number_id": "106540352242922" } });
    json!({ "object": "whatsapp_business_account",
        "entry": [{ "id": waba, "changes": [{ "field": "messages", "value": value }] }] })
}

/// A status of a message to +919800000002, `second` seconds after 05:00 UTC of the 5th of June.
pub fn status(id: &str, status: &str, second: i64) -> Value {
    json!({ "id": id, "status": status, "timestamp": (1_780_635_600 + second).to_string(), "recipient_id": "919800000002" })
}

/// The same with its price.
pub fn priced(id: &str, word: &str, second: i64, category: &str, pricing_type: &str) -> Value {
    let mut status = status(id, word, second);
    status["pricing"] = json!({ "billable": pricing_type == "regular", "pricing_model": "PMP", "type": pricing_type, "category": category });
    status
}
