//! How the API behaves as a whole: pages, limits, refusals by the name of the field, and following the log.

#[path = "support/mod.rs"]
#[expect(dead_code, unreachable_pub, reason = "the harness is made for all stories")]
mod support;

use async_graphql::Request;
use futures::StreamExt as _;
use serde_json::{Value, json};
use support::World;

fn names(connection: &Value) -> Vec<&str> {
    let edges = connection["edges"].as_array().expect("edges");
    edges.iter().map(|edge| edge["node"]["name"].as_str().expect("a name")).collect()
}

#[actix_web::test]
async fn a_list_is_read_page_by_page_in_both_directions() {
    let world = World::begin().await;
    for name in ["Delta", "Alpha", "Echo", "Charlie", "Bravo"] {
        world.organisation(name, "Asia/Kolkata").await;
    }
    let query = "query($first: Int, $after: String, $last: Int, $before: String, $orderBy: OrganisationOrder) {
        organisations(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
            totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { name } } } }";
    let page = async |variables: Value| world.ask(query, variables).await["organisations"].take();

    let first = page(json!({ "first": 2 })).await;
    assert_eq!(names(&first), ["Alpha", "Bravo"]);
    assert_eq!(first["totalCount"], 5);
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let second = page(json!({ "first": 2, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(names(&second), ["Charlie", "Delta"]);
    let back = page(json!({ "last": 2, "before": second["pageInfo"]["startCursor"] })).await;
    assert_eq!(names(&back), ["Alpha", "Bravo"]);
    let last = page(json!({ "last": 2 })).await;
    assert_eq!(names(&last), ["Delta", "Echo"]);
    let newest = page(json!({ "first": 2, "orderBy": "CREATED_AT_DESC" })).await;
    assert_eq!(names(&newest), ["Bravo", "Charlie"]);

    let other_order = json!({ "after": newest["pageInfo"]["endCursor"], "orderBy": "NAME_ASC" });
    assert_eq!(world.refused(query, other_order).await, ("BAD_USER_INPUT".to_owned(), Some("after".to_owned())));
}

#[actix_web::test]
async fn organisations_are_counted_off_and_searched() {
    let world = World::begin().await;
    for name in ["Kedai Satu", "Kedai Dua", "Warung 100%"] {
        world.organisation(name, "Asia/Jakarta").await;
    }
    let query = "query($limit: Int, $offset: Int, $search: String) {
        organisations(limit: $limit, offset: $offset, search: $search) { totalCount edges { node { name } } } }";
    let page = async |variables: Value| world.ask(query, variables).await["organisations"].take();
    assert_eq!(names(&page(json!({ "limit": 1, "offset": 1 })).await), ["Kedai Satu"]);
    let found = page(json!({ "search": "kedai" })).await;
    assert_eq!((names(&found), &found["totalCount"]), (vec!["Kedai Dua", "Kedai Satu"], &json!(2)));
    assert_eq!(names(&page(json!({ "search": "0%" })).await), ["Warung 100%"]);
    assert!(names(&page(json!({ "search": "%k%" })).await).is_empty());
}

#[actix_web::test]
async fn bad_input_is_refused_by_the_name_of_its_field() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("input").await;
    let usage =
        |arguments: &str| format!("{{ organisation(id: \"{shop}\") {{ dailyUsage({arguments}) {{ date }} }} }}");
    let cases = [
        ("first", "{ organisations(first: 0) { totalCount } }".to_owned()),
        ("first", "{ jobRuns(first: 101) { nodes { id } } }".to_owned()),
        ("after", "{ auditLog(after: \"nowhere\") { nodes { id } } }".to_owned()),
        ("id", "{ organisation { id } }".to_owned()),
        ("id", format!("{{ organisation(id: \"{channel}\") {{ id }} }}")),
        ("id", "{ node(id: \"17\") { id } }".to_owned()),
        ("organisationId", format!("{{ jobRuns(organisationId: \"{channel}\") {{ nodes {{ id }} }} }}")),
        ("from", usage("from: \"2026-6-5\", to: \"2026-06-05\"")),
        ("to", usage("from: \"2026-06-05\", to: \"tomorrow\"")),
        ("from", usage("from: \"2026-06-06\", to: \"2026-06-05\"")),
        ("from", usage("from: \"2024-01-01\", to: \"2026-06-05\"")),
        ("channelId", usage(&format!("from: \"2026-06-05\", to: \"2026-06-05\", channelId: \"{shop}\""))),
        (
            "input.expiresAt",
            "mutation { createToken(input: { name: \"x\", expiresAt: \"soon\" }) { secret } }".to_owned(),
        ),
        (
            "input.organisationId",
            format!("mutation {{ createToken(input: {{ name: \"x\", organisationId: \"{channel}\" }}) {{ secret }} }}"),
        ),
        ("id", format!("mutation {{ cancelJobRun(id: \"{shop}\") {{ id }} }}")),
        (
            "month",
            format!("mutation {{ createMonthlyUsage(organisationId: \"{shop}\", month: \"2026-13\") {{ days }} }}"),
        ),
    ];
    for (field, query) in cases {
        let refused = world.refused(&query, json!({})).await;
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some(field.to_owned())), "{query}");
    }
}

#[actix_web::test]
async fn a_nullable_field_that_is_refused_is_null_beside_its_error() {
    let world = World::begin().await;
    let query = "{ viewer { admin } organisation(id: \"org_0192b7c0f0007000800000000000000a\") { id } }";
    let answer = world.ask_as(&world.admin, query, json!({})).await;
    assert_eq!(answer["data"], json!({ "viewer": { "admin": true }, "organisation": null }));
    assert_eq!(answer["errors"][0]["path"], json!(["organisation"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
}

#[actix_web::test]
async fn everything_with_an_id_is_found_again_by_it() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("nodes").await;
    let data = world
        .ask(
            "query($id: ID!) { organisation(id: $id) { scheduledJobs { id } jobRuns { nodes { id } } }
                tokens { nodes { id } } auditLog { nodes { id } } }",
            json!({ "id": shop }),
        )
        .await;
    let id = |list: &Value| list[0]["id"].as_str().expect("an id").to_owned();
    let things = [
        ("Organisation", shop),
        ("Channel", channel),
        ("ScheduledJob", id(&data["organisation"]["scheduledJobs"])),
        ("JobRun", id(&data["organisation"]["jobRuns"]["nodes"])),
        ("Token", id(&data["tokens"]["nodes"])),
        ("AuditEntry", id(&data["auditLog"]["nodes"])),
    ];
    for (kind, id) in things {
        let node = world.ask("query($id: ID!) { node(id: $id) { __typename id } }", json!({ "id": id })).await;
        assert_eq!(node["node"], json!({ "__typename": kind, "id": id }));
    }
}

#[actix_web::test]
async fn a_figure_is_shown_with_the_answer_that_it_came_from() {
    let world = World::begin().await;
    let (shop, _) = world.shop("source").await;
    let query = "query($id: ID!) { organisation(id: $id) { dailyUsage(from: \"2026-06-01\", to: \"2026-06-05\") {
        date counts { total } monthToDate { total } channel { name } source { source from to sha256 fetchedAt body } } } }";
    let data = world.ask(query, json!({ "id": shop })).await;
    let days = data["organisation"]["dailyUsage"].as_array().unwrap();
    assert!(!days.is_empty());
    let mut running = 0;
    for day in days {
        running += day["counts"]["total"].as_i64().unwrap();
        assert_eq!(day["monthToDate"]["total"], running);
        assert_eq!(day["channel"]["name"], "source");
        let body = day["source"]["body"].as_str().unwrap();
        let date = day["date"].as_str().unwrap();
        assert!(body.contains(date), "{date} is not in {body}");
        assert_eq!(day["source"]["sha256"].as_str().unwrap().len(), 64);
    }
}

/// The longest introspection that tools send: types nest nine lists and not-nulls deep.
fn introspection() -> String {
    let of_type = (0..9).fold("kind name".to_owned(), |inner, _| format!("kind name ofType {{ {inner} }}"));
    let value = format!("name description defaultValue isDeprecated deprecationReason type {{ {of_type} }}");
    format!(
        "query IntrospectionQuery {{ __schema {{ queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }}
            types {{ kind name description specifiedByURL inputFields(includeDeprecated: true) {{ {value} }}
                fields(includeDeprecated: true) {{ name description isDeprecated deprecationReason
                    args(includeDeprecated: true) {{ {value} }} type {{ {of_type} }} }}
                interfaces {{ {of_type} }} possibleTypes {{ {of_type} }}
                enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} }}
            directives {{ name description isRepeatable locations args(includeDeprecated: true) {{ {value} }} }} }} }}"
    )
}

#[actix_web::test]
async fn an_explorer_may_ask_for_the_whole_schema_and_a_bomb_is_refused() {
    let world = World::begin().await;
    let schema = world.ask(&introspection(), json!({})).await;
    assert!(schema["__schema"]["types"].as_array().unwrap().len() > 40);

    let heavy = "{ organisations(first: 100) { nodes { jobRuns(first: 100) { nodes {
        organisation { jobRuns(first: 100) { nodes { id } } } } } } } }";
    let answer = world.ask_as(&world.admin, heavy, json!({})).await;
    assert!(
        answer["data"].is_null() && answer["errors"][0]["message"].as_str().unwrap().contains("complex"),
        "{answer}"
    );

    let deep = (0..10)
        .fold("id".to_owned(), |inner, _| format!("jobRuns(first: 1) {{ nodes {{ organisation {{ {inner} }} }} }}"));
    let answer = world.ask_as(&world.admin, &format!("{{ viewer {{ organisation {{ {deep} }} }} }}"), json!({})).await;
    assert!(answer["data"].is_null() && answer["errors"][0]["message"].as_str().unwrap().contains("deep"), "{answer}");
}

#[actix_web::test]
async fn a_month_of_usage_of_a_page_of_organisations_is_not_too_much() {
    let world = World::begin().await;
    world.shop("fair").await;
    let query =
        "{ organisations { nodes { name channels { name status } dailyUsage(from: \"2026-05-01\", to: \"2026-05-31\") {
        date channel { name bsp } counts { marketing utility authentication service total } fees { amount currency }
        complete revision details { category country count fees { amount } } } } } }";
    world.ask(query, json!({})).await;
}

#[actix_web::test]
async fn a_reader_of_the_log_goes_on_where_it_was() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("resume").await;
    let token = world.token(Some(&shop)).await;
    let caller = world.app().services().access.authenticate(&token).await.unwrap().unwrap();
    let follow = |query: String| world.app().schema().execute_stream(Request::new(query).data(caller.clone())).boxed();
    let next = async |stream: &mut futures::stream::BoxStream<'static, async_graphql::Response>| {
        let answer = serde_json::to_value(stream.next().await.expect("an event")).unwrap();
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"].clone()
    };
    // Before the first event there is the cursor of none: `e:0`.
    let all = "subscription { accountUsageChanged(after: \"ZTow\") { cursor at channel { id } dates days { date } } }";
    let mut stream = follow(all.to_owned());
    let first = next(&mut stream).await["accountUsageChanged"].take();
    assert_eq!(first["channel"]["id"], channel.as_str());
    let dates = first["dates"].as_array().unwrap();
    let days: Vec<_> = first["days"].as_array().unwrap().iter().map(|day| day["date"].clone()).collect();
    assert_eq!(*dates, days);
    drop(stream);

    world.sim.revise("resume", "2026-06-04".parse().unwrap());
    world.pull_day(&shop, "2026-06-04").await;
    let mut resumed = follow(all.replace("ZTow", first["cursor"].as_str().unwrap()));
    let second = next(&mut resumed).await["accountUsageChanged"].take();
    assert_eq!(second["dates"], json!(["2026-06-04"]));

    let runs = "subscription { jobRunChanged(after: \"ZTow\") { cursor jobRun { kind state } } }";
    let mut runs = follow(runs.to_owned());
    assert_eq!(next(&mut runs).await["jobRunChanged"]["jobRun"], json!({ "kind": "DAILY_USAGE", "state": "QUEUED" }));
}

#[actix_web::test]
async fn a_subscription_ends_with_its_token() {
    let world = World::begin().await;
    let (shop, _) = world.shop("ends").await;
    let token = world.token(Some(&shop)).await;
    let caller = world.app().services().access.authenticate(&token).await.unwrap().unwrap();
    let id = caller.token().unwrap().id.to_string();
    // The first pull left several events in the log: one is told while the token works, the next is not.
    let request = Request::new("subscription { jobRunChanged(after: \"ZTow\") { jobRun { id } } }").data(caller);
    let mut stream = world.app().schema().execute_stream(request);
    assert!(stream.next().await.expect("an event").is_ok());
    world.ask("mutation($id: ID!) { revokeToken(id: $id) }", json!({ "id": id })).await;
    let answer = serde_json::to_value(stream.next().await.expect("a refusal")).unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{answer:#}");
    assert!(stream.next().await.is_none());
}
