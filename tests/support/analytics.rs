//! What the stories about analytics tell of messages and campaigns.

use serde_json::{Value, json};

use super::World;

/// A message of the organisation to `phone`, begun at `at`, with `times` of what happened to it and whatever else is told.
pub fn sent(channel: &str, external_id: &str, phone: &str, at: &str, times: &[&str]) -> Value {
    let mut message = json!({
        "externalId": external_id, "channelId": channel, "direction": "OUTBOUND", "customerPhone": phone, "createdAt": at,
    });
    for time in times {
        message[*time] = json!(at);
    }
    message
}

/// The same with the campaign that sent it.
pub fn of_campaign(campaign: &str, mut message: Value) -> Value {
    message["campaignId"] = json!(campaign);
    message
}

impl World {
    /// Tells of messages, all of which change something.
    pub async fn tell(&self, organisation: &str, messages: Vec<Value>) {
        let query = "mutation($id: ID!, $messages: [MessageInput!]!) {
            recordMessages(organisationId: $id, messages: $messages) { outcome reason field } }";
        let data = self.ask(query, json!({ "id": organisation, "messages": messages })).await;
        for result in data["recordMessages"].as_array().expect("a result for each") {
            assert_eq!(result["outcome"], "RECORDED", "{result:#}");
        }
    }

    /// Tells of campaigns; their ids.
    pub async fn tell_campaigns(&self, organisation: &str, campaigns: Value) -> Vec<String> {
        let query = "mutation($id: ID!, $campaigns: [CampaignInput!]!) {
            upsertCampaigns(organisationId: $id, campaigns: $campaigns) { id } }";
        let data = self.ask(query, json!({ "id": organisation, "campaigns": campaigns })).await;
        let campaigns = data["upsertCampaigns"].as_array().expect("a list of campaigns");
        campaigns.iter().map(|campaign| campaign["id"].as_str().expect("an id").to_owned()).collect()
    }
}
