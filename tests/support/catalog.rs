//! What the stories about the catalogue ask of a world: merchants, and what is known of their catalogues.

use serde_json::{Value, json};
use wabacus::domain::catalog::CatalogPart;
use wabacus::domain::channel::BspKind;
use wabacus::sim::SimMerchant;

use super::World;

impl World {
    /// An organisation that the catalogue knows as `merchant`, with one channel that is pulled: the organisation's id and the channel's.
    pub async fn merchant(&self, merchant: &str) -> (String, String) {
        self.sim.catalog().add(SimMerchant::new(merchant));
        self.stranger(merchant).await
    }

    /// The same with an external id that the catalogue does not know.
    pub async fn stranger(&self, external_id: &str) -> (String, String) {
        let query = "mutation($input: CreateOrganisationInput!) { createOrganisation(input: $input) { id } }";
        let input = json!({ "name": external_id, "timeZone": "Asia/Kolkata", "externalId": external_id });
        let data = self.ask(query, json!({ "input": input })).await;
        let organisation = data["createOrganisation"]["id"].as_str().expect("an id").to_owned();
        // A BSP takes less for an id than the catalogue does.
        let account: String = external_id.chars().filter(char::is_ascii_alphanumeric).collect();
        let channel = self.channel(&organisation, BspKind::Gupshup, &account, "Asia/Kolkata").await;
        self.settle().await;
        (organisation, channel)
    }

    /// A new customer's first word, told now.
    pub async fn greet(&self, organisation: &str, channel: &str, phone: &str) {
        self.tell(organisation, vec![greeting(channel, phone, &self.now().to_rfc3339())]).await;
    }

    /// The organisation's runs that are welcome bootstraps, newest first.
    pub async fn bootstraps(&self, organisation: &str) -> Vec<Value> {
        let query = "query($id: ID!) { organisation(id: $id) { jobRuns(first: 100, kind: WELCOME_BOOTSTRAP) { nodes {
            id kind state trigger attempt maxAttempts nextAttemptAt error customer { phone }
            bootstrap { categories branches templates milliseconds } } } } }";
        let mut data = self.ask(query, json!({ "id": organisation })).await;
        serde_json::from_value(data["organisation"]["jobRuns"]["nodes"].take()).expect("a list of runs")
    }

    /// The only one of them.
    pub async fn bootstrap(&self, organisation: &str) -> Value {
        let mut runs = self.bootstraps(organisation).await;
        assert_eq!(runs.len(), 1, "{runs:#?}");
        runs.remove(0)
    }

    /// How often the catalogue was asked for each part of a merchant's: categories, then branches.
    pub fn fetched(&self, merchant: &str) -> [usize; 2] {
        let asked = self.sim.catalog().asked(merchant);
        [CatalogPart::Categories, CatalogPart::Branches].map(|part| asked.iter().filter(|(of, _)| *of == part).count())
    }
}

/// A message that a customer sent.
pub fn greeting(channel: &str, phone: &str, at: &str) -> Value {
    json!({ "externalId": format!("wamid.{phone}.{at}"), "channelId": channel, "direction": "INBOUND",
        "customerPhone": phone, "createdAt": at })
}
