//! The doctor says what is well and what is not, what to do about it, and nothing that is secret; the settings are listed beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use wabacus::domain::clock::SystemClock;
use wabacus::sim::Sim;

use crate::support::process::{Process, ask, run, settings};

const SECRETS: [&str; 3] = ["AAAAAAAAAAAAAAAAAAAA", "s3cret", "secret-app-1"];

/// Settings under which everything is well, on a SQLite database in a folder.
fn healthy(folder: &tempfile::TempDir, sim: &Sim) -> BTreeMap<String, String> {
    let database = format!("sqlite://{}", folder.path().join("wabacus.db").display());
    settings(&database, sim.gupshup_url().as_str(), sim.interakt_url().as_str())
}

fn with(settings: &BTreeMap<String, String>, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    settings.clone().into_iter().chain(more).collect()
}

/// What the doctor finds: whether it ends well, and the findings.
async fn found(settings: &BTreeMap<String, String>) -> (bool, Vec<Value>) {
    let (status, said) = Process::start(settings, &["doctor", "--json"]).end().await;
    assert!(SECRETS.iter().all(|secret| !said.contains(secret)), "{said}");
    let mut report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("expected JSON: {said}"));
    assert_eq!(status.success(), report["verdict"] != "fail", "{report:#}");
    (status.success(), report["findings"].as_array_mut().expect("findings").split_off(0))
}

/// The advice of the one finding that is a failure.
async fn failure(settings: &BTreeMap<String, String>, what: &str) -> String {
    let (well, findings) = found(settings).await;
    let mut failures = findings.iter().filter(|finding| finding["verdict"] == "fail");
    let first = failures.next().unwrap_or_else(|| panic!("expected a failure of {what}: {findings:#?}"));
    assert!(!well && first["what"] == what && failures.next().is_none(), "{findings:#?}");
    first["advice"].as_str().expect("what to do").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_server_on_sqlite_is_found_well_before_and_after_its_first_start() {
    let sim = Sim::start(7, Arc::new(SystemClock)).expect("a free port for the BSPs");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = healthy(&folder, &sim);
    let (well, findings) = found(&settings).await;
    assert!(well && findings.iter().all(|finding| finding["verdict"] == "ok"), "{findings:#?}");
    assert!(!folder.path().join("wabacus.db").exists(), "a look makes nothing");

    run(&settings, &["migrate"]).await;
    let (well, findings) = found(&settings).await;
    assert!(well && findings.iter().all(|finding| finding["verdict"] == "ok"), "{findings:#?}");
    let of = |what: &str| findings.iter().find(|finding| finding["what"] == what).map(|finding| &finding["detail"]);
    assert_eq!(of("database: tables").expect("the tables"), "up to date");
    assert_eq!(of("database: log").expect("the log"), "write-ahead");

    let text = run(&settings, &["doctor"]).await;
    assert!(text.lines().all(|line| line.starts_with("ok    ")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_well_is_named_with_what_to_do() {
    let sim = Sim::start(7, Arc::new(SystemClock)).expect("a free port for the BSPs");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = healthy(&folder, &sim);

    let mut keyless = settings.clone();
    keyless.remove("MASTER_KEY");
    assert!(failure(&keyless, "master key").await.contains("openssl rand"));
    let bad = with(&settings, &[("JOBS_MAX", "0")]);
    assert!(failure(&bad, "configuration").await.contains("wabacus config"));
    let nowhere = with(&settings, &[("DATABASE_URL", "sqlite:///no/such/folder/wabacus.db")]);
    assert!(failure(&nowhere, "database: file").await.contains("make the folder"));
    let refused = with(&settings, &[("DATABASE_URL", "postgres://ann:s3cret@127.0.0.1:1/data")]);
    assert!(failure(&refused, "database").await.contains("DATABASE_URL"));
    let silent = with(&settings, &[("GUPSHUP_PARTNER_API", "http://127.0.0.1:1")]);
    assert!(failure(&silent, "BSP: Gupshup").await.contains("GUPSHUP_PARTNER_API"));
    let silent = with(&settings, &[("CATALOG_API_BASE", "http://127.0.0.1:1")]);
    assert!(failure(&silent, "catalogue").await.contains("CATALOG_API_BASE"));

    std::fs::write(folder.path().join("text.db"), "this is no database, however long it is").expect("a file");
    let text = format!("sqlite://{}", folder.path().join("text.db").display());
    failure(&with(&settings, &[("DATABASE_URL", &text)]), "database").await;

    let (well, findings) = found(&with(&settings, &[("DATABSE_URL", "postgres://x")])).await;
    let warned = findings.iter().find(|finding| finding["verdict"] == "warn").expect("a warning");
    assert!(well && warned["advice"] == "was DATABASE_URL meant?", "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_that_does_not_open_what_is_stored_is_found_out() {
    let sim = Sim::start(7, Arc::new(SystemClock)).expect("a free port for the BSPs");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = healthy(&folder, &sim);
    let admin = run(&settings, &["token", "create", "--admin"]).await.trim().to_owned();
    let (process, url) = Process::serve(&settings).await;
    let query = "mutation { createOrganisation(input: { name: \"Shop\", timeZone: \"Asia/Kolkata\" }) { id } }";
    let data = ask(&url, &admin, query, serde_json::json!({})).await;
    let query = "mutation($id: ID!) { createChannel(organisationId: $id, input: {
        kind: WHATSAPP, name: \"app-1\", gupshup: { appId: \"app-1\", token: \"secret-app-1\" } }) { id } }";
    ask(&url, &admin, query, serde_json::json!({ "id": data["createOrganisation"]["id"] })).await;
    let ready = with(&settings, &[("BIND", url.trim_start_matches("http://"))]);
    run(&ready, &["doctor", "--ready"]).await;
    drop(process);

    let (well, findings) = found(&settings).await;
    let key = findings.iter().find(|finding| finding["what"] == "master key").expect("the key is looked at");
    assert!(well && key["detail"] == "opens the credentials of 1 channels", "{findings:#?}");
    let other = with(&settings, &[("MASTER_KEY", "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=")]);
    assert!(failure(&other, "master key").await.contains("behind the present one"));
    let (status, _) = Process::start(&ready, &["doctor", "--ready"]).end().await;
    assert!(!status.success(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_is_listed_with_where_it_comes_from_and_a_misspelt_one_is_warned_of() {
    let sim = Sim::start(7, Arc::new(SystemClock)).expect("a free port for the BSPs");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wabacus.toml");
    std::fs::write(&file, "jobs_max = 3\ninvoice_issuer = \"Shop\"\n").expect("a file");
    let file = file.to_str().expect("a path that is text").to_owned();
    let settings = with(&healthy(&folder, &sim), &[("JOB_MAX", "5")]);

    let listed: Value =
        serde_json::from_str(&run(&settings, &["--config", &file, "config", "--json"]).await).expect("JSON");
    let of = |name: &str| listed.as_array().expect("a list").iter().find(|setting| setting["name"] == name).cloned();
    let jobs = of("JOBS_MAX").expect("it is listed");
    assert_eq!((&jobs["value"], &jobs["source"], &jobs["chapter"]), (&"3".into(), &"file".into(), &"Jobs".into()));
    assert_eq!(of("MASTER_KEY").expect("it is listed")["value"], "(hidden)");
    let text = run(&settings, &["--config", &file, "config"]).await;
    assert!(text.contains("  INVOICE_ISSUER = Shop ") && text.lines().any(|line| line == "Retention"), "{text}");

    let mut server = Process::start(&settings, &["serve"]);
    let nearest = server.logged(|entry| entry["nearest"].as_str().map(str::to_owned)).await;
    assert_eq!(nearest, "JOBS_MAX");
}
