//! The demo, as the binary gives it: for a script one line, for a person a page whose queries work in GraphiQL, and a clean end.

use std::collections::BTreeMap;

use chrono::Days;
use serde_json::{Value, json};
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::domain::money::Money;

use crate::support::graphiql::run;
use crate::support::process::{Process, ask};
use crate::support::watch::{Watch, beginning, beginning_of_all};

/// A free port, and nothing else set: what a person has who has just checked it out.
fn settings() -> BTreeMap<String, String> {
    BTreeMap::from([("BIND".to_owned(), "127.0.0.1:0".to_owned())])
}

/// How many days of usage the holder of a token sees, a channel's days counted for each channel, by the channel's name.
async fn days_seen(url: &str, token: &str) -> BTreeMap<String, usize> {
    let today = SystemClock.now().date_naive();
    let (from, to) = (today - Days::new(40), today + Days::new(1));
    let query =
        "query($from: Date!, $to: Date!) { organisation { dailyUsage(from: $from, to: $to) { channel { name } } } }";
    let data = ask(url, token, query, json!({ "from": from, "to": to })).await;
    let mut seen = BTreeMap::new();
    for day in data["organisation"]["dailyUsage"].as_array().expect("a list of days") {
        *seen.entry(day["channel"]["name"].as_str().expect("a name").to_owned()).or_default() += 1;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_for_scripts_prints_one_line_and_shows_everything() {
    let mut demo = Process::start(&settings(), &["demo", "--json"]);
    let ready: Value = serde_json::from_str(&demo.line().await).expect("one line of JSON");
    let (url, admin) = (ready["url"].as_str().expect("an address"), ready["adminToken"].as_str().expect("a token"));
    let organisations = ready["organisations"].as_array().expect("a list");
    assert_eq!(organisations.len(), 3);

    let mut seen = BTreeMap::new();
    for organisation in organisations {
        let token = organisation["token"].as_str().expect("a token");
        let own = ask(url, token, "{ organisation { id name } }", json!({})).await;
        assert_eq!(own["organisation"], json!({ "id": organisation["id"], "name": organisation["name"] }));
        let days = days_seen(url, token).await;
        assert!(!days.is_empty(), "{organisation}");
        seen.extend(days);
    }
    assert_eq!(seen.len(), 4, "four of five WhatsApp channels answer: {seen:?}");
    assert!(seen.values().all(|days| *days >= 35), "{seen:?}");

    let query = "{ organisations { nodes { channels { name status statusReason } } } }";
    let data = ask(url, admin, query, json!({})).await;
    let organisations = data["organisations"]["nodes"].as_array().expect("a list");
    let channels: Vec<_> = organisations.iter().flat_map(|one| one["channels"].as_array().expect("a list")).collect();
    assert_eq!(channels.len(), 5 + 3 * 5, "five WhatsApp channels, and one of each other kind in each organisation");
    let troubled: Vec<_> = channels.iter().filter(|channel| channel["status"] == "NEEDS_ATTENTION").collect();
    assert_eq!(troubled.len(), 1);
    assert!(troubled[0]["statusReason"].as_str().is_some_and(|reason| !reason.is_empty()));

    let socket = format!("{}/graphql/ws", url.replacen("http", "ws", 1));
    let arguments = json!({ "after": beginning_of_all() });
    let selection = "{ jobRun { id state attempt error } }";
    let mut watch = Watch::begin(&socket, admin, "jobRunChanged", &arguments, selection).await;
    let waited = watch.until(|event| event["jobRun"]["state"] == "RETRYING").await;
    let error = waited["jobRun"]["error"].as_str().expect("it says why");
    assert!(error.contains("429") || error.to_lowercase().contains("too many"), "{error}");
    assert_eq!(waited["jobRun"]["attempt"], 0, "to wait costs no attempt");
    let run = &waited["jobRun"]["id"];
    let after = watch.until(|event| event["jobRun"]["id"] == *run && event["jobRun"]["state"] == "SUCCEEDED").await;
    assert_eq!(after["jobRun"]["attempt"], 1);

    demo.signal("INT").await;
    let (status, rest) = demo.end().await;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""), "it says no more and ends well");
}

/// A page as a person reads it, down to its last line.
async fn page(demo: &mut Process) -> String {
    let mut page = String::new();
    while !page.contains("Stop with ctrl-C.") {
        let line = demo.line().await;
        assert!(!line.is_empty(), "the page ends before its end:\n{page}");
        page.push_str(&line);
    }
    page
}

/// The word after `label` on the page.
fn word_after<'a>(page: &'a str, label: &str) -> &'a str {
    let (_, rest) = page.split_once(label).unwrap_or_else(|| panic!("no {label} in {page}"));
    rest.split_whitespace().next().expect("a word")
}

/// The documents that are to be pasted: indented, each begun by a line that opens a brace.
fn documents(page: &str) -> Vec<String> {
    let (_, queries) = page.split_once("\n1. ").expect("a first query");
    let paragraphs = queries.split("\n\n").filter(|text| text.starts_with("  ") && text.contains('{'));
    paragraphs.map(|text| text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")).collect()
}

/// Follows what a document of the page subscribes to.
async fn watch(graphiql: &str, token: &str, document: &str, after: Option<String>) -> Watch {
    let (field, rest) = document.trim_start_matches("subscription { ").split_once('(').expect("a field");
    let id = rest.split('"').nth(1).expect("an organisation's id");
    let (_, selection) = rest.split_once(") ").expect("a selection");
    let selection = selection.trim_end().strip_suffix('}').expect("the end of the document");
    let socket = graphiql.replacen("http", "ws", 1).replace("/graphiql", "/graphql/ws");
    let mut arguments = json!({ "organisationId": id });
    if let Some(after) = after {
        arguments["after"] = json!(after);
    }
    Watch::begin(&socket, token, field, &arguments, selection).await
}

fn amount(value: &Value) -> Money {
    Money::parse_exact(value.as_str().unwrap_or_else(|| panic!("{value} is no amount"))).expect("an amount")
}

/// The second document: a month with a price, and thirty days of it.
fn assert_is_priced(organisation: &Value) {
    let period = &organisation["currentPeriod"];
    let kinds = period["byChannel"].as_array().expect("a list of kinds");
    // On the first of a month it may be early in the day.
    let sum = Money::sum(kinds.iter().map(|kind| amount(&kind["totalCost"])));
    assert_eq!(sum, Some(amount(&period["totalCost"])), "{period}");
    let remaining = amount(&period["creditBalance"]).checked_sub(amount(&period["totalCost"]));
    assert_eq!(remaining, Some(amount(&period["remainingCredits"])), "{period}");
    let stats = &organisation["usageStats"];
    let days = stats["daily"].as_array().expect("a list of days");
    assert_eq!(days.len(), 30);
    assert_eq!(Money::sum(days.iter().map(|day| amount(&day["cost"]))), Some(amount(&stats["totalCost"])), "{stats}");
    assert!(stats["totalRecords"].as_i64().is_some_and(|records| records > 1_000), "{stats}");
    assert_eq!(stats["topCustomers"].as_array().map(Vec::len), Some(3));
}

/// The third document: invoices whose lines are their totals, the newest one to be paid.
fn assert_is_billed(organisation: &Value) {
    let invoices = organisation["invoices"]["nodes"].as_array().expect("a list of invoices");
    assert!(!invoices.is_empty(), "sixty days reach into a month that is over");
    let states: Vec<_> = invoices.iter().map(|invoice| invoice["state"].as_str().expect("a state")).collect();
    assert_eq!((states[0], &states[1..]), ("FINALIZED", vec!["PAID"; states.len() - 1].as_slice()));
    for invoice in invoices {
        let lines = invoice["lines"].as_array().expect("a list of lines");
        let sum = Money::sum(lines.iter().map(|line| amount(&line["amount"])));
        assert_eq!(sum, Some(amount(&invoice["total"])), "{invoice}");
        assert!(lines.len() > 2, "{invoice}");
    }
}

/// The fourth document: thirty days of messages, and the campaigns that some of them were sent for.
fn assert_tells_of_messages(organisation: &Value) {
    let messages = &organisation["dashboard"]["current"]["messages"];
    let count = |name: &str| messages[name].as_i64().expect("a count");
    assert!(count("total") > 1_000 && count("failed") > 0 && count("replied") > 0, "{messages}");
    assert!(count("sent") >= count("delivered") && count("delivered") > count("read"), "{messages}");
    let campaigns = organisation["campaigns"]["nodes"].as_array().expect("a list of campaigns");
    let states: Vec<_> = campaigns.iter().map(|campaign| campaign["state"].as_str().expect("a state")).collect();
    assert_eq!(states, ["ACTIVE", "COMPLETED", "COMPLETED", "COMPLETED"]);
    assert!(campaigns.iter().all(|campaign| campaign["score"] != "0.00"), "{campaigns:#?}");
}

/// The fifth document: a day with a limit that is not reached yet, and where alerts are sent.
fn assert_has_limits(organisation: &Value) {
    let allowance = &organisation["allowance"];
    let count = |name: &str| allowance[name].as_i64().unwrap_or_else(|| panic!("no {name}: {allowance}"));
    assert!(count("dailyLimit") > 0 && count("monthlyUsed") >= count("dailyUsed"), "{allowance}");
    assert_eq!((&allowance["policy"], &allowance["dailyReserved"]), (&json!("ALLOW"), &json!(0)));
    let endpoints = organisation["webhookEndpoints"].as_array().expect("a list of endpoints");
    assert_eq!(endpoints.len(), 1, "{endpoints:#?}");
}

/// The sixth document: what the catalogue has, and what was warmed for whom.
fn assert_has_a_catalogue(organisation: &Value) {
    let catalog = &organisation["catalog"];
    assert_eq!(catalog["unavailable"], Value::Null);
    assert_eq!(catalog["categories"]["items"].as_array().map(Vec::len), Some(4), "{catalog}");
    assert_eq!(catalog["branches"]["items"].as_array().map(Vec::len), Some(2), "{catalog}");
    assert_eq!(catalog["templates"].as_array().map(Vec::len), Some(2), "{catalog}");
    assert!(organisation["jobRuns"]["nodes"].is_array());
}

/// The seventh document: all three, one of which is closed for today.
fn assert_all_are_limited(organisations: &Value) {
    assert_eq!((&organisations["totalCount"], &organisations["hasMore"]), (&json!(3), &json!(false)));
    let nodes = organisations["nodes"].as_array().expect("a list of organisations");
    assert!(nodes.iter().all(|node| node["activity"]["active"] == true), "{organisations:#}");
    let policies: Vec<_> = nodes.iter().filter_map(|one| one["allowance"]["policy"].as_str()).collect();
    assert_eq!(policies.iter().filter(|policy| **policy == "BLOCK").count(), 1, "{nodes:#?}");
}

/// The command of the page that fetches an invoice.
async fn assert_prints_a_pdf(page: &str, token: &str) {
    let address = word_after(page, "-o invoice.pdf ");
    let answer = reqwest::Client::new().get(address).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/pdf".parse().expect("a media type"))
    );
    let bytes = answer.bytes().await.expect("a body");
    assert!(bytes.starts_with(b"%PDF-"), "{} bytes", bytes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_demo_prints_for_a_person_works_when_it_is_pasted_into_graphiql() {
    let mut demo = Process::start(&settings(), &["demo"]);
    let page = page(&mut demo).await;
    let graphiql = word_after(&page, "GraphiQL ");
    assert!(graphiql.ends_with("/graphiql"), "{graphiql}");
    let (admin, shop) = (word_after(&page, "\n  admin "), word_after(&page, "\n  Kedai Kopi Senja "));
    let documents = documents(&page);
    let [usage, cost, billed, messages, left, needed, all, jobs, metrics, live, alerts, subscription, pull] =
        documents.as_slice()
    else {
        panic!("thirteen documents: {documents:#?}")
    };
    let folder = tempfile::tempdir().expect("a folder for the documents");

    let results = run(graphiql, shop, folder.path(), &[usage, cost, billed, messages, left, needed]).await;
    let organisation = &results[0]["data"]["organisation"];
    assert_eq!(organisation["name"], "Kedai Kopi Senja");
    let days = organisation["dailyUsage"].as_array().expect("days of usage");
    assert_eq!(days.len(), 70, "two channels, 35 days each");
    assert!(days.iter().all(|day| day["complete"] == true));
    assert_eq!(organisation["monthlyUsage"].as_array().map(Vec::len), Some(2));

    assert_is_priced(&results[1]["data"]["organisation"]);
    assert_is_billed(&results[2]["data"]["organisation"]);
    assert_prints_a_pdf(&page, shop).await;
    assert_tells_of_messages(&results[3]["data"]["organisation"]);
    assert_has_limits(&results[4]["data"]["organisation"]);
    assert_has_a_catalogue(&results[5]["data"]["organisation"]);

    let results = run(graphiql, admin, folder.path(), &[jobs, pull, all]).await;
    assert_all_are_limited(&results[2]["data"]["organisations"]);
    assert_eq!(results[0]["data"]["scheduler"]["actors"], 3);
    assert!(results[0]["data"]["jobRuns"]["nodes"].as_array().is_some_and(|runs| runs.len() >= 6));
    assert_eq!(results[1]["data"]["triggerDailyUsage"]["state"], "QUEUED");

    // That document alone would show nothing until something changes; so it is asked for all that has.
    let mut watch = watch(graphiql, admin, subscription, Some(beginning())).await;
    assert!(watch.next().await["days"].as_array().is_some_and(|days| !days.is_empty()));
    // What is live moves while one looks: webhooks come in.
    let mut watch = self::watch(graphiql, admin, metrics, None).await;
    let first = watch.next().await["metrics"]["messages"].take();
    // Not every change is one of the figures that are shown.
    while watch.next().await["metrics"]["messages"] == first {}
    // This one is left as it is: something more happens while the demo runs.
    let mut watch = self::watch(graphiql, admin, live, None).await;
    let told = watch.next().await;
    assert!(told["currentPeriod"]["totalRecords"].as_i64().is_some_and(|records| records > 0), "{told}");

    // The day fills up while one looks; whoever looks later is told from the beginning.
    let mut watch = self::watch(graphiql, admin, alerts, Some(beginning())).await;
    let raised = watch.until(|event| event["alert"]["threshold"] == 80).await;
    assert_eq!(raised["state"], "RAISED", "{raised}");

    demo.signal("INT").await;
    assert_eq!(demo.end().await.0.code(), Some(0));
}
