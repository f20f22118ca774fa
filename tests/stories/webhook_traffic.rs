//! A day of webhooks over real HTTP, told plainly to one shop and in any order, late and twice to others: all come to the same.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use wabacus::domain::channel::BspKind;
use wabacus::domain::clock::Instant;
use wabacus::domain::recording::Direction;
use wabacus::sim::{SimMessage, SimPerson, SimSender, SimTraffic};

use crate::support::database::Database;
use crate::support::webhook::{APP_SECRET, sender_of};
use crate::support::{NOON, Setup, World};

/// What was made up for a shop.
fn traffic() -> (SimTraffic, Vec<SimMessage>) {
    let people =
        (0..12).map(|number| SimPerson { phone: format!("+9198111000{number:02}"), name: format!("Guest {number}") });
    let mut traffic = SimTraffic::new(7, "shop", people.collect());
    let begin: Instant = "2026-06-05T03:00:00Z".parse().expect("a time");
    let messages = (0..120).flat_map(|minute| traffic.next(begin + TimeDelta::minutes(minute))).collect();
    (traffic, messages)
}

/// What the counters must say of it.
fn expected(messages: &[SimMessage]) -> BTreeMap<&'static str, i64> {
    let count = |is: &dyn Fn(&SimMessage) -> bool| {
        i64::try_from(messages.iter().filter(|one| is(one)).count()).expect("a small number")
    };
    let outbound = |one: &SimMessage| one.direction == Direction::Outbound;
    BTreeMap::from([
        ("total", count(&|_| true)),
        ("inbound", count(&|one| !outbound(one))),
        ("outbound", count(&outbound)),
        ("sent", count(&outbound)),
        ("delivered", count(&SimMessage::is_delivered)),
        ("read", count(&|one| one.read_at.is_some())),
        ("failed", count(&|one| one.failed_at.is_some())),
        ("replied", count(&|one| one.answers.is_some())),
    ])
}

/// What a shop's messages became: the counters, and each charge by its message.
async fn outcome(world: &World, shop: &str) -> (BTreeMap<&'static str, i64>, Vec<String>) {
    let mut counted = Database::look_into(world.database()).await.counted(shop).await;
    counted.remove("conversations");
    let mut charged: Vec<_> = world
        .charged(shop)
        .await
        .iter()
        .map(|record| {
            let fields = ["resourceId", "resourceType", "category", "occurredAt"].map(|name| record[name].to_string());
            format!("{} {}", fields.join(" "), record["customer"]["phone"])
        })
        .collect();
    charged.sort_unstable();
    (counted, charged)
}

/// A shop of each kind, by who tells of it.
async fn shops(world: &World) -> Vec<(String, SimSender)> {
    let mut shops = Vec::new();
    let number = "+919800000009".to_owned();
    let (shop, _) = world.shop_at_meta("waba-1").await;
    shops.push((
        shop,
        SimSender::Meta { waba: "waba-1".to_owned(), number: number.clone(), app_secret: APP_SECRET.to_owned() },
    ));
    for app in ["app-2", "app-3"] {
        let shop = world.organisation(app, "Asia/Kolkata").await;
        let channel = world.channel(&shop, BspKind::Gupshup, app, "Asia/Kolkata").await;
        let (secret, number) = (world.channel_secret(&channel).await, number.clone());
        shops.push((
            shop,
            if app == "app-2" {
                SimSender::GupshupV2 { channel, app_name: app.to_owned(), number, secret }
            } else {
                SimSender::GupshupV3 { channel, app: app.to_owned(), number, secret }
            },
        ));
    }
    shops
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_repetition_come_to_the_same_whoever_tells_it() {
    let world = Setup::at(NOON).with("META_APP_SECRET", APP_SECRET).begin().await;
    let (mut chance, messages) = traffic();
    let expected = expected(&messages);
    assert!(expected.values().all(|count| *count > 0), "{expected:?}");
    let (plain, _) = world.shop_at_meta("waba-0").await;
    let in_order: Vec<_> = messages.iter().flat_map(SimMessage::notices).collect();
    world.courier(sender_of("waba-0")).tell(&in_order).await.expect("it is taken");
    let (counted, charged) = outcome(&world, &plain).await;
    assert_eq!(counted, expected);
    assert_eq!(i64::try_from(charged.len()).ok(), Some(expected["delivered"]), "{charged:#?}");

    for (shop, sender) in shops(&world).await {
        let notices = chance.jumble(&messages);
        let courier = world.courier(sender.clone());
        for batch in notices.chunks(17) {
            courier.tell(batch).await.expect("it is taken");
        }
        assert_eq!(outcome(&world, &shop).await, (counted.clone(), charged.clone()), "{sender:?}");
    }
    assert!(world.rejected(None).await.is_empty());
}
