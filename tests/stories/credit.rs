//! Credits: granted with each month and by admins, used up in order, and gone when they pay for nothing any more.

use serde_json::{Value, json};

use crate::support::World;

/// What there is, what is left, and what happened, oldest first.
async fn credits(world: &World, organisation: &str) -> (String, String, Vec<(String, String, String)>) {
    let query = "query($id: ID!) { organisation(id: $id) { credits { balance remaining currency
        entries { nodes { id kind amount reason source at expiresAt } } } } }";
    let data = world.ask(query, json!({ "id": organisation })).await;
    let credits = &data["organisation"]["credits"];
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let nodes = credits["entries"]["nodes"].as_array().expect("a list");
    let entries = nodes.iter().rev().map(|node| (text(&node["kind"]), text(&node["amount"]), text(&node["source"])));
    (text(&credits["balance"]), text(&credits["remaining"]), entries.collect())
}

fn entry(kind: &str, amount: &str, source: &str) -> (String, String, String) {
    (kind.to_owned(), amount.to_owned(), source.to_owned())
}

const GRANT: &str = "mutation($id: ID!, $amount: Decimal!, $reason: String!, $expiresAt: DateTime) {
    grantCredit(organisationId: $id, amount: $amount, reason: $reason, expiresAt: $expiresAt) { balance remaining } }";

async fn starter(world: &World) -> String {
    let query = "mutation($input: CreateOrganisationInput!) { createOrganisation(input: $input) { id } }";
    let input = json!({ "name": "Kedai Kopi", "timeZone": "Asia/Kolkata", "planCode": "starter" });
    let data = world.ask(query, json!({ "input": input })).await;
    data["createOrganisation"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_organisation_has_its_included_credit_at_once_and_an_admin_grants_more() {
    let world = World::begin().await;
    let organisation = starter(&world).await;
    let first = entry("GRANT", "10", "INCLUDED");
    let (balance, remaining, entries) = credits(&world, &organisation).await;
    assert_eq!((balance.as_str(), remaining.as_str(), entries), ("10", "10", vec![first.clone()]));

    let granted = world.ask(GRANT, json!({ "id": organisation, "amount": "27.42", "reason": "a good customer" })).await;
    assert_eq!(granted["grantCredit"], json!({ "balance": "37.42", "remaining": "37.42" }));
    let (_, _, entries) = credits(&world, &organisation).await;
    assert_eq!(entries, [first, entry("GRANT", "27.42", "PREPAID")]);

    let audit = world.ask("{ auditLog(first: 1) { nodes { action details } } }", json!({})).await;
    let last = &audit["auditLog"]["nodes"][0];
    assert_eq!((&last["action"], &last["details"]["amount"]), (&json!("grantCredit"), &json!("27.42")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_makes_no_sense_is_refused_by_its_field() {
    let world = World::begin().await;
    let organisation = starter(&world).await;
    let grant = json!({ "id": organisation, "amount": "1", "reason": "a gift", "expiresAt": "2026-06-06T00:00:00Z" });
    for (field, argument, bad) in [
        ("amount", "amount", "0"),
        ("amount", "amount", "-5"),
        ("amount", "amount", "0.0000000001"),
        ("amount", "amount", "ten"),
        ("reason", "reason", "  "),
        ("expiresAt", "expiresAt", "2026-06-05T06:00:00Z"),
        ("organisationId", "id", "org_1"),
    ] {
        let mut variables = grant.clone();
        variables[argument] = json!(bad);
        let refused = world.refused(GRANT, variables).await;
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some(field.to_owned())), "{bad}");
    }
    assert_eq!(credits(&world, &organisation).await.2.len(), 1, "nothing was granted");
}

#[tokio::test(flavor = "multi_thread")]
async fn included_credit_is_of_its_month_and_prepaid_credit_lasts_as_it_was_said() {
    let world = World::begin().await;
    let organisation = starter(&world).await;
    world.ask(GRANT, json!({ "id": organisation, "amount": "5", "reason": "for ever" })).await;
    let soon = json!({ "id": organisation, "amount": "3", "reason": "soon gone", "expiresAt": "2026-06-20T00:00:00Z" });
    world.ask(GRANT, soon).await;
    assert_eq!(credits(&world, &organisation).await.0, "18");

    // In July, before June is final: what was June's pays for June only.
    world.advance_to("2026-07-01T00:00:00Z").await;
    assert_eq!(credits(&world, &organisation).await.0, "15");

    // June becomes final.
    world.advance_to("2026-07-04T00:00:00Z").await;
    let (balance, remaining, entries) = credits(&world, &organisation).await;
    assert_eq!((balance.as_str(), remaining.as_str()), ("15", "15"));
    let expected = [
        entry("GRANT", "10", "INCLUDED"),
        entry("GRANT", "5", "PREPAID"),
        entry("GRANT", "3", "PREPAID"),
        entry("GRANT", "10", "INCLUDED"),
        entry("EXPIRY", "-10", "INCLUDED"),
        entry("EXPIRY", "-3", "PREPAID"),
    ];
    assert_eq!(entries, expected);
}
