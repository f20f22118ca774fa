//! What the stories about what is shown of the ledger put into it.

use serde_json::{Value, json};

use super::World;

const RECORD: &str = "mutation($id: ID, $records: [UsageRecordInput!]!) {
    recordUsage(organisationId: $id, records: $records) { outcome reason code field record { id } } }";

impl World {
    /// Records usage, all of which must be new; the ids of the records.
    pub async fn record(&self, organisation: &str, records: Vec<Value>) -> Vec<String> {
        let mut ids = Vec::new();
        for batch in records.chunks(1_000) {
            let data = self.ask(RECORD, json!({ "id": organisation, "records": batch })).await;
            for result in data["recordUsage"].as_array().expect("a result for each") {
                assert_eq!(result["outcome"], "RECORDED", "{result:#}");
                ids.push(result["record"]["id"].as_str().expect("an id").to_owned());
            }
        }
        ids
    }

    /// What is asked of an organisation as an admin, `fields` of it.
    pub async fn of(&self, organisation: &str, fields: &str) -> Value {
        let query = format!("query($id: ID!) {{ organisation(id: $id) {{ {fields} }} }}");
        self.ask(&query, json!({ "id": organisation })).await["organisation"].take()
    }
}

/// A record of a resource; `number` tells it from others of the resource.
pub fn used(kind: &str, resource: &str, number: usize, quantity: &str, occurred_at: &str) -> Value {
    json!({
        "kind": kind, "resourceType": resource, "resourceId": format!("{resource}-{number}-{occurred_at}"),
        "quantity": quantity, "occurredAt": occurred_at,
    })
}
