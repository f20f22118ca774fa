//! Whoever watches the day under way sees it as it is and then as it changes, at most once a second, for as long as their token lasts.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::analytics::sent;
use crate::support::cache::SeenCache;
use crate::support::watch::{Told, Watch};
use crate::support::{NOON, Setup, World};

const LIVE: &str = "{ cachedAt metrics { period { start } messages { total delivered } } }";

async fn watch(world: &World, token: &str, arguments: Value) -> Watch {
    Watch::begin(&world.websocket_url(), token, "realTimeMetrics", &arguments, LIVE).await
}

fn total(told: &Value) -> &Value {
    &told["metrics"]["messages"]["total"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_moves_the_metrics_of_all_who_watch_and_is_counted_once() {
    let cache = Arc::new(SeenCache::working());
    let world = Setup::at(NOON).with_cache(Arc::<SeenCache>::clone(&cache)).begin().await;
    let (shop, channel) = world.shop("app-live").await;
    let token = world.token(Some(&shop)).await;
    let (mut one, mut other) = (watch(&world, &token, json!({})).await, watch(&world, &token, json!({})).await);
    assert_eq!((total(&one.next().await), total(&other.next().await)), (&json!(0), &json!(0)), "as it is, at once");
    assert_eq!(cache.loads("today:"), 1);

    let message = |number: u32| sent(&channel, &format!("wamid.{number}"), "+919800000001", NOON, &["deliveredAt"]);
    for number in 1..=3 {
        world.tell(&shop, vec![message(number)]).await;
    }
    // Time stands still, so nothing is told until it moves; then all three are, in one.
    world.clock.advance(TimeDelta::seconds(1));
    for watch in [&mut one, &mut other] {
        let told = watch.next().await;
        assert_eq!((total(&told), &told["cachedAt"]), (&json!(3), &json!("2026-06-05T06:00:01.000Z")));
    }
    assert_eq!(cache.loads("today:"), 2, "counted once for both");
    let asked = world.of(&shop, &format!("realTimeMetrics {LIVE}")).await["realTimeMetrics"].take();
    assert_eq!(total(&asked), 3, "whoever asks gets what was pushed");
    assert_eq!(cache.loads("today:"), 2);

    drop(one);
    world.tell(&shop, vec![message(4)]).await;
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(total(&other.next().await), 4, "one who goes takes nothing from the others");
    let mut third = watch(&world, &token, json!({ "organisationId": shop })).await;
    assert_eq!(total(&third.next().await), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_watched_by_itself_and_a_new_day_begins_at_midnight() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-live").await;
    let query =
        "mutation($id: ID!) { createChannel(organisationId: $id, input: { kind: SMS, name: \"Other\" }) { id } }";
    let second =
        world.ask(query, json!({ "id": shop })).await["createChannel"]["id"].as_str().expect("an id").to_owned();
    let mut live = watch(&world, &world.admin, json!({ "organisationId": shop, "channelId": channel })).await;
    assert_eq!(total(&live.next().await), 0);
    world.tell(&shop, vec![sent(&second, "sms.1", "+919800000001", NOON, &["sentAt"])]).await;
    world.tell(&shop, vec![sent(&channel, "wamid.1", "+919800000001", NOON, &["sentAt"])]).await;
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(total(&live.next().await), 1);

    world.clock.set("2026-06-05T18:30:00Z".parse().expect("midnight in Kolkata"));
    let told = live.next().await;
    assert_eq!((total(&told), &told["metrics"]["period"]["start"]), (&json!(0), &json!("2026-06-05T18:30:00.000Z")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_and_a_token_that_is_revoked_ends_it() {
    let world = World::begin().await;
    let (ours, channel) = world.shop("app-ours").await;
    let (theirs, foreign) = world.shop("app-theirs").await;
    let token = world.token(Some(&ours)).await;
    for arguments in [json!({ "organisationId": theirs }), json!({ "channelId": foreign })] {
        let Told::Errors(errors) = watch(&world, &token, arguments).await.told().await else { panic!("a refusal") };
        assert_eq!(errors[0]["extensions"]["code"], "NOT_FOUND");
    }
    let mut live = watch(&world, &token, json!({ "channelId": channel })).await;
    assert_eq!(total(&live.next().await), 0);
    let ids =
        world.ask("query($id: ID!) { tokens(organisationId: $id) { nodes { id } } }", json!({ "id": ours })).await;
    world.ask("mutation($id: ID!) { revokeToken(id: $id) }", json!({ "id": ids["tokens"]["nodes"][0]["id"] })).await;
    world.tell(&ours, vec![sent(&channel, "wamid.1", "+919800000001", NOON, &["sentAt"])]).await;
    world.clock.advance(TimeDelta::seconds(1));
    assert!(matches!(live.told().await, Told::End(Some(4403))));
}
