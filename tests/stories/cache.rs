//! What is kept of live metrics, dashboards and snapshots: for how long, made how often, dropped by what, and what happens without a cache.

use std::sync::Arc;

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::analytics::sent;
use crate::support::cache::SeenCache;
use crate::support::{NOON, Setup, World};

const TODAY: &str = "realTimeMetrics { cachedAt metrics { generatedAt period { start end } messages { total delivered deliveryRate } contacts { total new } } }";

const DASHBOARD: &str = "dashboard { days cachedAt daily { date }
    current { period { start end } messages { total delivered } contacts { total new active } conversations { total open closed } }
    previous { messages { total } } growth { messages delivered read contacts campaigns } }";

fn list(organisation: &str) -> (String, Value) {
    let query = "query($id: ID!) { organisation(id: $id) {
        snapshots(type: DAILY, from: \"2026-06-01\", to: \"2026-06-05\") { date metrics { messages { total } } } } }";
    (query.to_owned(), json!({ "id": organisation }))
}

async fn freeze(world: &World, organisation: &str, date: &str) {
    let query =
        "mutation($id: ID!, $date: Date!) { generateSnapshot(organisationId: $id, type: DAILY, date: $date) { id } }";
    world.ask(query, json!({ "id": organisation, "date": date })).await;
}

/// A shop with a message on each of the days, and the cache that it is looked at through.
async fn shop(cache: &Arc<SeenCache>, days: &[&str]) -> (World, String, String) {
    let world = Setup::at(NOON).with_cache(Arc::<SeenCache>::clone(cache)).begin().await;
    let (shop, channel) = world.shop("app-cache").await;
    let messages = (1..).zip(days).map(|(number, day)| {
        let at = format!("{day}T06:00:00Z");
        sent(&channel, &format!("wamid.{number}"), &format!("+91980000000{number}"), &at, &["deliveredAt"])
    });
    world.tell(&shop, messages.collect()).await;
    (world, shop, channel)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_under_way_is_kept_for_half_a_minute() {
    let cache = Arc::new(SeenCache::working());
    let (world, shop, channel) = shop(&cache, &["2026-06-04", "2026-06-05"]).await;
    let first = world.of(&shop, TODAY).await["realTimeMetrics"].take();
    let metrics = json!({
        "generatedAt": "2026-06-05T06:00:00.000Z",
        "period": { "start": "2026-06-04T18:30:00.000Z", "end": "2026-06-05T18:30:00.000Z" },
        "messages": { "total": 1, "delivered": 1, "deliveryRate": "100.00" },
        "contacts": { "total": 2, "new": 1 },
    });
    assert_eq!(first, json!({ "cachedAt": "2026-06-05T06:00:00.000Z", "metrics": metrics }));

    world.tell(&shop, vec![sent(&channel, "wamid.9", "+919800000009", NOON, &["sentAt"])]).await;
    world.clock.advance(TimeDelta::seconds(29));
    assert_eq!(world.of(&shop, TODAY).await["realTimeMetrics"], first, "a hit");
    assert_eq!(cache.loads("today:"), 1);
    world.clock.advance(TimeDelta::seconds(1));
    let then = world.of(&shop, TODAY).await["realTimeMetrics"].take();
    assert_eq!(then["cachedAt"], "2026-06-05T06:00:30.000Z");
    assert_eq!(then["metrics"]["messages"], json!({ "total": 2, "delivered": 1, "deliveryRate": "50.00" }));
    assert_eq!(cache.loads("today:"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_ask_at_once_make_one_query() {
    let cache = Arc::new(SeenCache::working());
    let (world, shop, _) = shop(&cache, &["2026-06-05"]).await;
    let answers = join_all((0..100).map(|_| world.of(&shop, TODAY))).await;
    assert!(answers.iter().all(|answer| answer["realTimeMetrics"]["metrics"]["messages"]["total"] == 1));
    assert_eq!(cache.loads("today:"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_snapshot_drops_and_warms_what_it_touches() {
    let cache = Arc::new(SeenCache::working());
    let (world, shop, channel) = shop(&cache, &["2026-06-03", "2026-06-04"]).await;
    let (query, variables) = list(&shop);
    let snapshots = async || world.ask(&query, variables.clone()).await["organisation"]["snapshots"].take();
    assert_eq!(snapshots().await, json!([]));
    assert_eq!(snapshots().await, json!([]));
    assert_eq!(cache.loads("snapshots:"), 1, "the second one is a hit");
    let before = world.of(&shop, DASHBOARD).await["dashboard"].take();
    assert_eq!((&before["daily"], &before["current"]["messages"]["total"]), (&json!([]), &json!(2)));
    world.of(&shop, TODAY).await;

    freeze(&world, &shop, "2026-06-04").await;
    assert_eq!(cache.loads("dashboard:"), 2, "somebody looks at it, so it is there before they ask");
    let after = world.of(&shop, DASHBOARD).await["dashboard"].take();
    assert_eq!(after["daily"], json!([{ "date": "2026-06-04" }]));
    assert_eq!(cache.loads("dashboard:"), 2);
    assert_eq!(snapshots().await, json!([{ "date": "2026-06-04", "metrics": { "messages": { "total": 1 } } }]));
    world.of(&shop, TODAY).await;
    assert_eq!(cache.loads("today:"), 1, "the day under way is none of its business");

    // What is told late is not in a day that is frozen, and is in one that is not.
    let late = ["2026-06-03T06:00:00Z", "2026-06-04T06:00:00Z"];
    let late =
        late.iter().enumerate().map(|(number, at)| sent(&channel, &format!("late.{number}"), "+919800000009", at, &[]));
    world.tell(&shop, late.collect()).await;
    let drop = "mutation($id: ID!) { invalidateCache(organisationId: $id) }";
    assert_eq!(world.ask(drop, json!({ "id": shop })).await["invalidateCache"], 3, "today, dashboard, snapshots");
    assert_eq!(world.ask(drop, json!({ "id": shop })).await["invalidateCache"], 0);
    let shown = world.of(&shop, DASHBOARD).await["dashboard"].take();
    assert_eq!((&shown["days"], &shown["current"]["messages"]["total"]), (&json!(30), &json!(3)));
    assert_eq!(shown["current"]["contacts"], json!({ "total": 3, "new": 2 + 1, "active": 3 }));
    assert_eq!(
        shown["growth"],
        json!({ "messages": "100.00", "delivered": "100.00", "read": "0.00", "contacts": "100.00", "campaigns": "0.00" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_compares_its_days_with_those_before() {
    let cache = Arc::new(SeenCache::working());
    let (world, shop, channel) =
        shop(&cache, &["2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04", "2026-06-04"]).await;
    for date in ["2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04"] {
        freeze(&world, &shop, date).await;
    }
    let fields = |arguments: &str| {
        format!(
            "dashboard({arguments}) {{ days daily {{ date }} current {{ period {{ start end }} messages {{ total }} }}
        previous {{ period {{ start end }} messages {{ total }} }} growth {{ messages }} }}"
        )
    };
    let shown = world.of(&shop, &fields("days: 2")).await["dashboard"].take();
    assert_eq!(shown["daily"], json!([{ "date": "2026-06-03" }, { "date": "2026-06-04" }]));
    let (middle, end) = ("2026-06-02T18:30:00.000Z", "2026-06-04T18:30:00.000Z");
    assert_eq!(shown["current"], json!({ "period": { "start": middle, "end": end }, "messages": { "total": 3 } }));
    let begin = "2026-05-31T18:30:00.000Z";
    assert_eq!(shown["previous"], json!({ "period": { "start": begin, "end": middle }, "messages": { "total": 2 } }));
    assert_eq!(shown["growth"]["messages"], "50.00");
    let of_channel = world.of(&shop, &fields(&format!("days: 2, channelId: \"{channel}\""))).await["dashboard"].take();
    assert_eq!((&of_channel["daily"], &of_channel["current"]), (&json!([]), &shown["current"]), "out of the counters");
    for days in ["0", "366", "-1"] {
        let query = format!("query($id: ID!) {{ organisation(id: $id) {{ dashboard(days: {days}) {{ days }} }} }}");
        let refused = world.refused(&query, json!({ "id": shop })).await;
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some("days".to_owned())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cache_everything_is_answered_from_the_database() {
    let cache = Arc::new(SeenCache::down());
    let (world, shop, channel) = shop(&cache, &["2026-06-04", "2026-06-05"]).await;
    for total in 1..=3 {
        let shown = world.of(&shop, TODAY).await["realTimeMetrics"]["metrics"]["messages"]["total"].take();
        assert_eq!(shown, total, "nothing is kept");
        world.tell(&shop, vec![sent(&channel, &format!("more.{total}"), "+919800000009", NOON, &[])]).await;
    }
    freeze(&world, &shop, "2026-06-04").await;
    assert_eq!(world.of(&shop, DASHBOARD).await["dashboard"]["daily"], json!([{ "date": "2026-06-04" }]));
    let drop = "mutation($id: ID!) { invalidateCache(organisationId: $id) }";
    assert_eq!(world.ask(drop, json!({ "id": shop })).await["invalidateCache"], 0);
}
