//! The headers of a request: an admin's key, and the organisation that is meant.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::watch::{Watch, beginning};

/// Asks with headers of one's choice; the status and the answer.
async fn ask(world: &World, headers: &[(&'static str, &str)], query: &str) -> (u16, Value) {
    let mut request = reqwest::Client::new().post(format!("{}/graphql", world.url())).json(&json!({ "query": query }));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

const WHO: &str = "{ viewer { organisation { id } } organisation { id } }";

#[tokio::test(flavor = "multi_thread")]
async fn an_admins_key_opens_what_its_bearer_token_opens_and_an_organisations_token_is_none() {
    let world = World::begin().await;
    let organisation = world.organisation("Shop", "Asia/Kolkata").await;
    let own = world.token(Some(&organisation)).await;
    let all = "{ organisations { totalCount } }";
    let bearer = |secret: &str| format!("Bearer {secret}");

    let (status, answer) = ask(&world, &[("x-api-key", &world.admin)], all).await;
    assert_eq!((status, &answer["data"]["organisations"]["totalCount"]), (200, &json!(1)));
    let (status, _) = ask(&world, &[("x-api-key", &world.admin), ("authorization", &bearer(&world.admin))], all).await;
    assert_eq!(status, 200, "twice the same");

    let (status, answer) = ask(&world, &[("x-api-key", &own)], WHO).await;
    assert_eq!((status, code(&answer)), (401, "UNAUTHENTICATED"));
    assert!(
        answer["errors"][0]["message"].as_str().is_some_and(|text| text.contains("Authorization: Bearer")),
        "{answer}"
    );
    for key in ["", "wab_unknown"] {
        let (status, answer) = ask(&world, &[("x-api-key", key)], WHO).await;
        assert_eq!((status, code(&answer)), (401, "UNAUTHENTICATED"), "{key:?}");
    }
    let two = [("x-api-key", world.admin.as_str()), ("authorization", &bearer(&own))];
    assert_eq!(ask(&world, &two, WHO).await.0, 401, "two that differ");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organisation_that_is_meant_is_ones_own_or_an_admins_choice() {
    let world = World::begin().await;
    let (ours, theirs) =
        (world.organisation("Ours", "Asia/Kolkata").await, world.organisation("Theirs", "Asia/Kolkata").await);
    let token = format!("Bearer {}", world.token(Some(&ours)).await);
    let own = async |organisation: &str| {
        ask(&world, &[("authorization", &token), ("x-organisation-id", organisation)], WHO).await
    };

    let (status, answer) = own(&ours).await;
    assert_eq!((status, &answer["data"]["organisation"]["id"]), (200, &json!(ours)));
    let (status, answer) = own(&theirs).await;
    assert_eq!((status, code(&answer)), (403, "FORBIDDEN"));
    for malformed in ["", "7", "chn_0192b7c0f0007000800000000000000a"] {
        let (status, answer) = own(malformed).await;
        assert_eq!((status, code(&answer)), (400, "BAD_USER_INPUT"), "{malformed:?}");
        assert_eq!(answer["errors"][0]["extensions"]["field"], "X-Organisation-Id");
    }

    let admin = async |organisation: &str, query: &str| {
        ask(&world, &[("x-api-key", &world.admin), ("x-organisation-id", organisation)], query).await.1
    };
    assert_eq!(admin(&ours, "{ organisation { id } }").await["data"]["organisation"]["id"], json!(ours));
    let named = format!("{{ organisation(id: \"{theirs}\") {{ id }} organisations {{ totalCount }} }}");
    let answer = admin(&ours, &named).await;
    assert_eq!(answer["data"]["organisation"]["id"], json!(theirs), "who is named outweighs it");
    assert_eq!(answer["data"]["organisations"]["totalCount"], 2, "an admin still sees all");
    let nobody = "org_0192b7c0f0007000800000000000000a";
    assert_eq!(code(&admin(nobody, "{ organisation { id } }").await), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exports_take_the_same_headers() {
    let world = World::begin().await;
    let (ours, theirs) =
        (world.organisation("Ours", "Asia/Kolkata").await, world.organisation("Theirs", "Asia/Kolkata").await);
    let own = world.token(Some(&ours)).await;
    let export = async |headers: &[(&'static str, &str)]| {
        let url = format!("{}/v1/organisations/{ours}/usage/export?from=2026-06-01&to=2026-06-05", world.url());
        let request = headers
            .iter()
            .fold(reqwest::Client::new().get(url), |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("the server answers").status().as_u16()
    };
    let bearer = format!("Bearer {own}");
    assert_eq!(export(&[("x-api-key", &world.admin)]).await, 200);
    assert_eq!(export(&[("x-api-key", &own)]).await, 401);
    assert_eq!(export(&[("authorization", &bearer), ("x-organisation-id", &ours)]).await, 200);
    assert_eq!(export(&[("authorization", &bearer), ("x-organisation-id", &theirs)]).await, 403);
    assert_eq!(export(&[("authorization", &bearer), ("x-organisation-id", "7")]).await, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_introduces_itself_in_the_same_ways() {
    let world = World::begin().await;
    let (ours, theirs) =
        (world.organisation("Ours", "Asia/Kolkata").await, world.organisation("Theirs", "Asia/Kolkata").await);
    let own = world.token(Some(&ours)).await;
    let url = world.websocket_url();
    let introduce = async |payload: Value| Watch::introduce(&url, &payload).await;
    let welcome = Ok(json!({ "type": "connection_ack" }));
    assert_eq!(introduce(json!({ "apiKey": world.admin })).await, welcome);
    assert_eq!(introduce(json!({ "x-api-key": own })).await, Err(4403));
    assert_eq!(introduce(json!({ "token": own, "organisationId": ours })).await, welcome);
    assert_eq!(introduce(json!({ "token": own, "organisationId": theirs })).await, Err(4403));
    assert_eq!(introduce(json!({ "token": own, "x-organisation-id": "7" })).await, Err(4400));

    // What an admin means is what is followed, also where everybody's would be otherwise.
    let payload = json!({ "apiKey": world.admin, "organisationId": ours });
    let arguments = json!({ "after": beginning() });
    let selection = "{ jobRun { organisation { id } } }";
    let mut runs = Watch::begin_as(&url, &payload, "jobRunChanged", &arguments, selection).await;
    for organisation in [&theirs, &ours] {
        world.pull_day(organisation, "2026-06-04").await;
    }
    assert_eq!(runs.next().await["jobRun"]["organisation"]["id"], json!(ours));
    world.advance(TimeDelta::seconds(1)).await;
}
