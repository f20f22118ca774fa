//! What counts of a call, a message, a letter or an answer, and the people whom it is for.

use serde_json::{Value, json};

use crate::support::World;

const UPSERT: &str = "mutation($customers: [CustomerInput!]!, $id: ID) {
    upsertCustomers(organisationId: $id, customers: $customers) { id phone name registered blocked externalId } }";

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_made_and_changed_by_their_numbers() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let till = world.token(Some(&shop)).await;
    let upsert = async |customers: Value| {
        let mut answer = world.ask_as(&till, UPSERT, json!({ "customers": customers })).await;
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"]["upsertCustomers"].take()
    };

    let made = upsert(json!([
        { "phone": "+91 98000-00002", "name": "Binod", "registered": false },
        { "phone": "+919800000001", "name": "Asha", "externalId": "crm-1" },
        { "phone": "919800000002", "blocked": true },
    ]))
    .await;
    assert_eq!((&made[0], &made[1]["phone"]), (&made[2], &json!("+919800000001")), "{made:#}");
    assert_eq!((&made[0]["name"], &made[0]["registered"]), (&json!("Binod"), &json!(true)), "the later word holds");

    let changed = upsert(json!([{ "phone": "+919800000001", "blocked": true }])).await;
    assert_eq!(changed[0]["id"], made[1]["id"]);
    assert_eq!((&changed[0]["name"], &changed[0]["externalId"]), (&json!("Asha"), &json!("crm-1")));
    let node = world
        .ask("query($id: ID!) { node(id: $id) { ... on Customer { phone blocked } } }", json!({ "id": made[1]["id"] }))
        .await;
    assert_eq!(node["node"], json!({ "phone": "+919800000001", "blocked": true }));
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_that_are_no_customers_are_refused_by_their_place_and_nothing_is_written() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let good = json!({ "phone": "+919800000001", "externalId": "crm-1" });
    let many: Vec<_> = (0..1_001).map(|last| json!({ "phone": format!("+9198000{last:05}") })).collect();
    for (customers, code, field) in [
        (json!([good, { "phone": "nobody" }]), "BAD_USER_INPUT", Some("customers[1].phone")),
        (json!([good, { "phone": "+919800000002", "name": "" }]), "BAD_USER_INPUT", Some("customers[1].name")),
        (json!([good, { "phone": "+919800000002", "externalId": "crm-1" }]), "CONFLICT", None),
        (json!(many), "BAD_USER_INPUT", Some("customers")),
        (json!([]), "BAD_USER_INPUT", Some("customers")),
    ] {
        let refused = world.refused(UPSERT, json!({ "id": shop, "customers": customers })).await;
        assert_eq!((refused.0.as_str(), refused.1.as_deref()), (code, field));
    }
    let nowhere = json!({ "id": "org_0192b7c0f0007000800000000000000a", "customers": [good] });
    assert_eq!(world.refused(UPSERT, nowhere).await.0, "NOT_FOUND");
}
