//! Redis beside the server: absent at the start, lost under load, slow, and back; and two nodes that hear of each other through it.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::home::Home;
use crate::support::process::{self, Process};
use crate::support::proxy::Proxy;
use crate::support::redis::{Redis, left_out};
use crate::support::watch::{Told, Watch, beginning};
use crate::support::{NOON, Setup, World};

/// What is kept in the cache for a while.
const TODAY: &str = "realTimeMetrics { metrics { messages { total } } }";

/// How long a story waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

async fn world(url: &str) -> World {
    Setup::at(NOON).with("REDIS_URL", url).begin().await
}

/// Asks for what is kept until Redis has a key of it.
async fn kept(world: &World, redis: &Redis, organisation: &str) {
    let since = Instant::now();
    while !redis.keys().iter().any(|(key, _)| key.starts_with("wabacus:memo:")) {
        assert!(since.elapsed() < PATIENCE, "nothing is kept: {:?}", redis.keys());
        world.of(organisation, TODAY).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_without_its_redis_serves_and_finds_it_when_it_comes() {
    if left_out() {
        return;
    }
    let redis = Redis::absent();
    let since = Instant::now();
    let world = world(&redis.url()).await;
    let (shop, _) = world.shop("app-1").await;
    for _ in 0..20 {
        assert_eq!(world.of(&shop, TODAY).await["realTimeMetrics"]["metrics"]["messages"]["total"], 0);
    }
    assert!(since.elapsed() < PATIENCE, "nobody waits for it: {:?}", since.elapsed());
    redis.begin();
    kept(&world, &redis, &shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_the_prefix_and_an_end_and_the_token_is_in_none() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let world = Setup::at(NOON).with("REDIS_URL", &redis.url()).with("REDIS_PREFIX", "shops:").begin().await;
    let (shop, _) = world.shop("app-1").await;
    world.of(&shop, TODAY).await;
    world.of(&shop, "dashboard { days }").await;
    world.pull_day(&shop, "2026-06-04").await;
    let keys = redis.keys();
    for wanted in ["shops:memo:", "shops:generation:", "shops:watched:", "shops:limit:"] {
        assert!(keys.iter().any(|(key, _)| key.starts_with(wanted)), "{wanted} {keys:?}");
    }
    for (key, left_ms) in &keys {
        assert!(key.starts_with("shops:") && *left_ms > 0, "{key} {left_ms}");
        assert!(!key.contains("token"), "{key}");
    }
    let drop = "mutation($id: ID!) { invalidateCache(organisationId: $id) }";
    assert_eq!(world.ask(drop, json!({ "id": shop })).await["invalidateCache"], 2);
    assert!(!redis.keys().iter().any(|(key, _)| key.starts_with("shops:memo:")));
}

/// Asks all the time, whatever happens, and counts; an error fails the story.
async fn load(world: &World, shop: &str, is_over: &AtomicBool, asked: &AtomicUsize) -> Duration {
    let mut slowest = Duration::ZERO;
    while !is_over.load(Ordering::Relaxed) {
        let since = Instant::now();
        world.of(shop, TODAY).await;
        slowest = slowest.max(since.elapsed());
        asked.fetch_add(1, Ordering::Relaxed);
    }
    slowest
}

/// Until so many more were answered.
async fn more(asked: &AtomicUsize, count: usize) {
    let before = asked.load(Ordering::Relaxed);
    let since = Instant::now();
    while asked.load(Ordering::Relaxed) < before + count {
        assert!(since.elapsed() < PATIENCE, "the server answers no more");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_goes_and_comes_under_load_and_no_client_sees_an_error_or_a_hole() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let world = world(&redis.url()).await;
    let (shop, _) = world.shop("app-1").await;
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut watch = Watch::begin(
        &world.websocket_url(),
        &world.admin,
        "jobRunChanged",
        &json!({ "organisationId": shop, "after": beginning() }),
        "{ jobRun { id state } }",
    )
    .await;
    let mut pulled = Vec::new();
    let load = join_all((0..8).map(|_| load(&world, &shop, &is_over, &asked)));
    let (_, ()) = tokio::join!(load, async {
        for fault in 0..4 {
            more(&asked, 50).await;
            match fault {
                0 => redis.end(),
                1 => redis.begin(),
                2 => redis.pause(),
                _ => redis.resume(),
            }
            more(&asked, 50).await;
            pulled.push(world.pull_day(&shop, "2026-06-04").await["id"].clone());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    for id in pulled {
        watch.until(|event| event["jobRun"]["id"] == id && event["jobRun"]["state"] == "SUCCEEDED").await;
    }
    kept(&world, &redis, &shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_redis_makes_nobody_wait_long() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port()).await;
    let world = world(&proxy.redis_url()).await;
    let (shop, _) = world.shop("app-1").await;
    kept(&world, &redis, &shop).await;
    proxy.slow(Duration::from_secs(2));
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = join_all((0..8).map(|_| load(&world, &shop, &is_over, &asked)));
    let (slowest, ()) = tokio::join!(load, async {
        more(&asked, 200).await;
        is_over.store(true, Ordering::Relaxed);
    });
    let slowest = slowest.into_iter().max().expect("some asked");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    proxy.cut().await;
    world.of(&shop, TODAY).await;
    proxy.mend();
}

/// A token of an organisation: its id and its secret.
async fn token(world: &World, organisation: &str) -> (String, String) {
    let query = "mutation($input: CreateTokenInput!) { createToken(input: $input) { secret token { id } } }";
    let made = world.ask(query, json!({ "input": { "name": "till", "organisationId": organisation } })).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&made["createToken"]["token"]["id"]), text(&made["createToken"]["secret"]))
}

/// The code of the error that a node answers whoever holds the token with.
async fn refusal(url: &str, secret: &str) -> Option<String> {
    let request = reqwest::Client::new().post(format!("{url}/graphql")).bearer_auth(secret);
    let answer = request.json(&json!({ "query": "{ organisation { id } }" })).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned)
}

/// Two nodes on one database hear of each other: with Redis at once, without it some seconds later.
async fn a_token_revoked_on_one_ends_on_the_other(redis: Option<&Redis>) {
    let url = redis.map_or_else(String::new, Redis::url);
    let setup = Setup::at(NOON).with("REDIS_URL", &url).in_home(Home::on_postgres().await);
    let world = setup.begin().await;
    let (shop, _) = world.shop("app-1").await;
    let other = world.another("other").await;
    let (id, secret) = token(&world, &shop).await;
    let (url, socket) = (format!("http://{}", other.address()), format!("ws://{}/graphql/ws", other.address()));
    assert_eq!(refusal(&url, &secret).await, None);
    let mut watch = Watch::begin(&socket, &secret, "invoiceChanged", &json!({}), "{ cursor }").await;
    let mut runs = Watch::begin(
        &socket,
        &world.admin,
        "jobRunChanged",
        &json!({ "organisationId": shop, "after": beginning() }),
        "{ jobRun { id state } }",
    )
    .await;

    let revoked = world.ask("mutation($id: ID!) { revokeToken(id: $id) }", json!({ "id": id })).await;
    assert_eq!(revoked["revokeToken"], true);
    assert!(matches!(watch.told().await, Told::End(Some(4403))), "the other node closes what was open");
    assert_eq!(refusal(&url, &secret).await.as_deref(), Some("UNAUTHENTICATED"));

    // Whoever does the work, that there is some is written by the node that is asked for it.
    let query = "mutation($id: ID!) { triggerDailyUsage(organisationId: $id, date: \"2026-06-04\") { id } }";
    let run = world.ask(query, json!({ "id": shop })).await["triggerDailyUsage"].take();
    runs.until(|event| event["jobRun"]["id"] == run["id"]).await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_on_one_node_ends_on_the_other() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    a_token_revoked_on_one_ends_on_the_other(Some(&redis)).await;
    assert!(redis.keys().iter().all(|(key, left_ms)| key.starts_with("wabacus:") && *left_ms > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_token_that_is_revoked_on_one_node_ends_on_the_other_some_seconds_later() {
    if left_out() {
        return;
    }
    a_token_revoked_on_one_ends_on_the_other(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_lost_two_nodes_hear_of_each_other_some_seconds_later() {
    if left_out() {
        return;
    }
    let redis = Redis::absent();
    a_token_revoked_on_one_ends_on_the_other(Some(&redis)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_reads_once_that_redis_is_away_and_once_that_it_is_back_and_a_command_reaches_the_server() {
    if left_out() {
        return;
    }
    let (redis, home) = (Redis::absent(), Home::new().await);
    let mut settings = process::settings(home.url(), "http://127.0.0.1:9", "http://127.0.0.1:9");
    settings.insert("REDIS_URL".to_owned(), redis.url());
    let admin = process::run(&settings, &["token", "create", "--admin"]).await;
    let (mut server, url) = Process::serve(&settings).await;
    let metrics =
        async || reqwest::get(format!("{url}/metrics")).await.expect("an answer").text().await.expect("a text");
    assert!(metrics().await.contains("wabacus_redis_up 0"));
    for round in 0..2 {
        redis.begin();
        let away = Cell::new(0);
        let level = server.logged(|entry| {
            let message = entry["message"].as_str().unwrap_or_default();
            away.set(away.get() + usize::from(message.starts_with("Redis is away") && entry["level"] == "WARN"));
            (message == "Redis is back").then(|| entry["level"].clone())
        });
        assert_eq!(level.await, "INFO");
        assert!(away.get() <= 1, "{} in round {round}", away.get());
        assert!(metrics().await.contains("wabacus_redis_up 1"));
        if round == 0 {
            redis.end();
            let since = Instant::now();
            while !metrics().await.contains("wabacus_redis_up 0") {
                assert!(since.elapsed() < PATIENCE, "nobody notices");
            }
        }
    }

    let query = "mutation { createOrganisation(input: { name: \"Shop\", timeZone: \"UTC\" }) { id } }";
    let shop = process::ask(&url, admin.trim(), query, json!({})).await["createOrganisation"]["id"].take();
    let query =
        "mutation($id: ID!) { createToken(input: { name: \"till\", organisationId: $id }) { secret token { id } } }";
    let made = process::ask(&url, admin.trim(), query, json!({ "id": shop })).await["createToken"].take();
    let (id, secret) = (made["token"]["id"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
    let socket = format!("{}/graphql/ws", url.replace("http://", "ws://"));
    let mut watch = Watch::begin(&socket, secret, "invoiceChanged", &json!({}), "{ cursor }").await;
    assert_eq!(refusal(&url, secret).await, None);
    assert_eq!(process::run(&settings, &["token", "revoke", id]).await, "revoked\n");
    assert!(matches!(watch.told().await, Told::End(Some(4403))), "what another process revoked ends at once");
    assert_eq!(refusal(&url, secret).await.as_deref(), Some("UNAUTHENTICATED"));
}
