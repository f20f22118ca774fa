//! The ledger as a file: every record once, harmless to spreadsheets, and with a last line by which it is known to be whole.

use std::collections::BTreeMap;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wabacus::domain::money::Money;

use crate::support::World;
use crate::support::ledger::used;

async fn get(world: &World, token: &str, organisation: &str, query: &str) -> Response {
    let url = format!("{}/v1/organisations/{organisation}/usage/export?{query}", world.url());
    reqwest::Client::new().get(url).bearer_auth(token).send().await.expect("the server answers")
}

async fn export(world: &World, organisation: &str, query: &str) -> String {
    let response = get(world, &world.admin, organisation, query).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.expect("the export is whole")
}

/// The rows of CSV by the names of their columns, and the last line, whose checksum holds.
fn read_csv(text: &str) -> (Vec<BTreeMap<String, String>>, String) {
    let body = text.strip_suffix('\n').expect("lines end");
    let (_, last) = body.rsplit_once('\n').expect("a header and a last line");
    let before = &text[..text.len() - last.len() - 1];
    let (trailer, sha256) = last.split_once(" sha256=").expect("a checksum");
    assert_eq!(sha256, hex::encode(Sha256::digest(before)));
    let mut reader = csv::Reader::from_reader(before.as_bytes());
    (reader.deserialize().map(|row| row.expect("a row of CSV")).collect(), trailer.to_owned())
}

/// The records of JSON and the trailer, whose checksum holds.
fn read_json(text: &str) -> (Vec<Value>, Value) {
    let document: Value = serde_json::from_str(text).expect("one document");
    let (before, _) = text.split_at(text.rfind("\"trailer\"").expect("a last line"));
    assert_eq!(document["trailer"]["sha256"], hex::encode(Sha256::digest(before)));
    (document["records"].as_array().expect("records").clone(), document["trailer"].clone())
}

/// Usage of several kinds over three days, more than a page of it, two corrections among them; the ids of the first records.
async fn fill(world: &World, shop: &str) -> Vec<String> {
    let days = ["2026-06-02T06:00:00Z", "2026-06-03T07:30:00.250Z", "2026-06-03T18:30:00Z"];
    let records = (0..2_100).map(|number| match number % 3 {
        0 => used("SMS", "message", number, "2", days[number % 2]),
        1 => used("VOICE", "minute", number, "1.5", days[2]),
        _ => used("SOCIAL", "post", number, "1", days[0]),
    });
    let ids = world.record(shop, records.collect()).await;
    let amend = "mutation($id: ID!) { amendUsage(id: $id, quantity: \"0.5\", reason: \"=cut()\") { id } }";
    world.ask(amend, json!({ "id": ids[1] })).await;
    world.ask("mutation($id: ID!) { voidUsage(id: $id, reason: \"a test\") { id } }", json!({ "id": ids[0] })).await;
    ids
}

fn money(text: &str) -> Money {
    if text.is_empty() { Money::ZERO } else { Money::parse(text).expect("an amount") }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_export_comes_to_what_the_api_says_in_both_forms() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    fill(&world, &shop).await;
    let (rows, trailer) = read_csv(&export(&world, &shop, "format=csv&from=2026-06-01&to=2026-06-05").await);
    assert_eq!(rows.len(), 2_102);
    let cost = Money::sum(rows.iter().map(|row| money(&row["cost"]))).expect("a sum");
    assert_eq!(trailer, format!("# records=2102 cost={cost}"));
    let shown =
        world.of(&shop, "usageStats(from: \"2026-06-01\", to: \"2026-06-05\") { totalCost totalRecords }").await;
    assert_eq!(shown["usageStats"], json!({ "totalCost": cost.to_string(), "totalRecords": 2_099 }));
    assert!(rows.is_sorted_by_key(|row| (row["occurredAt"].clone(), row["id"].clone())), "oldest first");

    let (records, trailer) = read_json(&export(&world, &shop, "format=json&from=2026-06-01&to=2026-06-05").await);
    assert_eq!((&trailer["records"], &trailer["cost"]), (&json!(2_102), &json!(cost.to_string())));
    assert_eq!(records.len(), rows.len());
    for (record, row) in records.iter().zip(&rows) {
        for (name, value) in record.as_object().expect("an object") {
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(row[name].strip_prefix('\'').unwrap_or(&row[name]), text, "{name} of {record}");
        }
    }
    let void = rows.iter().find(|row| row["voids"] == "true").expect("the void is there");
    assert_eq!((void["quantity"].as_str(), void["reason"].as_str()), ("-2", "a test"), "a number stays one");
    assert!(rows.iter().any(|row| row["reason"] == "'=cut()" && row["quantity"] == "-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_spreadsheet_would_run_is_made_text() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let formulas =
        ["=HYPERLINK(\"http://x\")", "+919800000001", "-1+1", "@SUM(A1)", "plain, with \"quotes\" and a comma"];
    let records = formulas.iter().map(|formula| {
        json!({ "kind": "SMS", "resourceType": "mms", "resourceId": formula, "metadata": { "note": formula } })
    });
    world.record(&shop, records.collect()).await;
    let query = "from=2026-06-05T00:00:00Z&to=2026-06-05T12:00:00%2B05:30";
    let (rows, _) = read_csv(&export(&world, &shop, query).await);
    let mut found: Vec<_> = rows.iter().map(|row| row["resourceId"].clone()).collect();
    let mut harmless: Vec<_> = formulas[..4].iter().map(|formula| format!("'{formula}")).collect();
    harmless.push(formulas[4].to_owned());
    found.sort_unstable();
    harmless.sort_unstable();
    assert_eq!(found, harmless);
    let (records, _) = read_json(&export(&world, &shop, &format!("{query}&format=json")).await);
    assert!(records.iter().all(|record| record["metadata"]["note"] == record["resourceId"]), "JSON needs no such care");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_was_cut_goes_on_behind_its_last_record() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    fill(&world, &shop).await;
    let whole = "from=2026-06-01&to=2026-06-05";
    let (rows, _) = read_csv(&export(&world, &shop, whole).await);
    for cut in [0, 999, 1_000, 1_500, 2_101] {
        let after = &rows[cut]["id"];
        let (rest, trailer) = read_csv(&export(&world, &shop, &format!("{whole}&after={after}")).await);
        assert_eq!(rest, rows[cut + 1..], "cut at {cut}");
        let cost = Money::sum(rest.iter().map(|row| money(&row["cost"]))).expect("a sum");
        assert_eq!(trailer, format!("# records={} cost={cost} after={after}", rest.len()));
        let (records, trailer) = read_json(&export(&world, &shop, &format!("{whole}&format=json&after={after}")).await);
        assert_eq!((records.len(), &trailer["after"]), (rest.len(), &json!(after)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_the_organisations_and_an_empty_export_is_whole() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    // Midnight in Kolkata is 18:30 the day before in London.
    let at = ["2026-06-02T18:29:59.999Z", "2026-06-02T18:30:00Z", "2026-06-03T18:29:59.999Z", "2026-06-03T18:30:00Z"];
    world.record(&shop, at.iter().map(|at| used("SMS", "mms", 0, "1", at)).collect()).await;
    let (rows, _) = read_csv(&export(&world, &shop, "from=2026-06-03&to=2026-06-03").await);
    assert_eq!(rows.iter().map(|row| row["date"].as_str()).collect::<Vec<_>>(), ["2026-06-03"; 2]);
    let (rows, trailer) = read_csv(&export(&world, &shop, "from=2026-06-04T00:00:00Z&to=2026-06-05").await);
    assert_eq!((rows.len(), trailer.as_str()), (0, "# records=0 cost=0"));
    let (records, trailer) = read_json(&export(&world, &shop, "format=json&from=2026-06-05&to=2026-06-05").await);
    assert_eq!((records.len(), &trailer["records"]), (0, &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_or_asks_badly_is_refused_before_the_first_byte() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let other = world.organisation("Bazaar", "Asia/Kolkata").await;
    let token = world.token(Some(&shop)).await;
    let days = "from=2026-06-01&to=2026-06-05";
    let theirs = world.record(&other, vec![used("SMS", "mms", 0, "1", "2026-06-02T06:00:00Z")]).await;

    let own = get(&world, &token, &shop, days).await;
    assert_eq!(own.status(), StatusCode::OK);
    let disposition = own.headers()["content-disposition"].to_str().expect("text").to_owned();
    assert_eq!(disposition, format!("attachment; filename=\"usage_{shop}_2026-06-01_2026-06-05.csv\""));
    assert!(own.headers()["content-type"].to_str().expect("text").starts_with("text/csv"));

    let foreign = format!("{days}&after={}", theirs[0]);
    for (token, organisation, query, status, code, field) in [
        ("nobody", shop.as_str(), days, 401, "UNAUTHENTICATED", None),
        (&token, &other, days, 404, "NOT_FOUND", None),
        (&world.admin, "org_0192b7c0f0007000800000000000000a", days, 404, "NOT_FOUND", None),
        (&token, "shop", days, 400, "BAD_USER_INPUT", Some("id")),
        (&token, &shop, "from=2026-06-01", 400, "BAD_USER_INPUT", Some("to")),
        (&token, &shop, "from=2026-06-05&to=2026-06-04", 400, "BAD_USER_INPUT", Some("from")),
        (&token, &shop, "from=2026-06-01&to=2026-06-05&format=xls", 400, "BAD_USER_INPUT", Some("format")),
        (&token, &shop, &foreign, 400, "BAD_USER_INPUT", Some("after")),
    ] {
        let response = get(&world, token, organisation, query).await;
        assert_eq!(response.status().as_u16(), status, "{query}");
        let answer: Value = response.json().await.expect("a refusal is JSON");
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!((extensions["code"].as_str(), extensions["field"].as_str()), (Some(code), field), "{query}");
    }
    let nobody = reqwest::get(format!("{}/v1/organisations/{shop}/usage/export?{days}", world.url())).await;
    assert_eq!(nobody.expect("an answer").status(), StatusCode::UNAUTHORIZED);
}
