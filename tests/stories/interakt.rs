//! Interakt, which is Meta's Graph API: its zones, its tokens, its currencies and its prices as they reach the stored usage.

use serde_json::{Value, json};
use wabacus::domain::channel::BspKind;
use wabacus::domain::money::{Currency, Money};
use wabacus::domain::period::Zone;
use wabacus::sim::{Fault, Often, SimAccount, SimDay};

use crate::support::usage::{assert_is_sum, date, dates};
use crate::support::{NOON, Setup, World};

fn zone(name: &str) -> Zone {
    Zone::parse("zone", name).expect("a zone")
}

/// Connects an account that the BSP knows already, with the token given or without one.
async fn connect(world: &World, organisation: &str, account: &str, token: Option<&str>) -> String {
    let query = "mutation($organisation: ID!, $input: CreateChannelInput!) {
        createChannel(organisationId: $organisation, input: $input) { id } }";
    let input = json!({ "kind": "WHATSAPP", "name": account, "interakt": { "wabaId": account, "accessToken": token } });
    let data = world.ask(query, json!({ "organisation": organisation, "input": input })).await;
    world.settle().await;
    data["createChannel"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_those_of_the_account_and_not_of_the_organisation() {
    let world = World::begin().await;
    let organisation = world.organisation("Toko", "Asia/Kolkata").await;
    // At noon in Kolkata it is the evening of June 4 in Los Angeles.
    world.channel(&organisation, BspKind::Interakt, "waba-1", "America/Los_Angeles").await;
    world.settle().await;
    let days = world.days(&organisation, "2026-05-28", "2026-06-05").await;
    assert_eq!(days.last().map(|day| (&day["date"], &day["complete"])), Some((&json!("2026-06-04"), &json!(false))));
    assert!(days[..days.len() - 1].iter().all(|day| day["complete"] == true));

    // The next morning in Kolkata it is the evening of June 5 there: yesterday is June 4.
    world.advance_to("2026-06-06T03:30:00Z").await;
    let days = world.days(&organisation, "2026-05-28", "2026-06-06").await;
    assert_eq!(days.last().map(|day| (&day["date"], &day["complete"])), Some((&json!("2026-06-04"), &json!(true))));
    for day in &days {
        let date = day["date"].as_str().expect("a date");
        assert_eq!(day["counts"]["total"], world.said("waba-1", date), "{date}");
    }
    let june: Vec<_> = days.into_iter().filter(|day| day["date"].as_str() >= Some("2026-06-01")).collect();
    assert_is_sum(&world.months(&organisation, "2026-06", "2026-06").await[0], &june);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_amounts_are_exactly_those_of_the_answer() {
    let world = World::begin().await;
    let organisation = world.organisation("Toko", "Asia/Kolkata").await;
    let rupee = Currency::from_code("INR").expect("a currency");
    world.sim.add(SimAccount::interakt("waba-1", "token-1", zone("Asia/Kolkata")).billed_in(rupee));
    let day = SimDay::default()
        .with("MARKETING", "REGULAR", "IN", 10, "7.846")
        .with("MARKETING", "REGULAR", "AE", 3, "0.1")
        .with("UTILITY", "FREE_CUSTOMER_SERVICE", "IN", 7, "0")
        .with("SERVICE", "FREE_ENTRY_POINT", "IN", 2, "0")
        .with("MARKETING_OF_TOMORROW", "REGULAR", "IN", 5, "0.000000001");
    world.sim.set_day("waba-1", date("2026-06-04"), day);

    connect(&world, &organisation, "waba-1", Some("token-1")).await;

    let day = world.days(&organisation, "2026-06-04", "2026-06-04").await[0].take();
    assert_eq!((&day["unit"], &day["fees"]["currency"]), (&json!("MESSAGE"), &json!("INR")));
    let amount = Money::parse(day["fees"]["amount"].as_str().expect("an amount")).expect("an amount");
    assert_eq!(amount, Money::parse("7.946000001").expect("an amount"));
    let counts = &day["counts"];
    assert_eq!(
        (&counts["marketing"], &counts["freeUtility"], &counts["freeEntryPoint"]),
        (&json!(13), &json!(7), &json!(2))
    );
    assert_eq!((&counts["other"], &counts["total"]), (&json!(5), &json!(27)), "what is new is counted, not dropped");
    let details = day["details"].as_array().expect("the lines");
    let line = |raw: &str, country: &str| {
        details.iter().find(|line| line["rawCategory"] == raw && line["country"] == country).expect("the line")
    };
    assert_eq!(line("MARKETING", "AE")["count"], 3, "the phones of a line are put together");
    assert_eq!((&line("MARKETING_OF_TOMORROW", "IN")["category"], details.len()), (&json!("OTHER"), 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_cost_is_somebody_elses_has_counts_without_fees() {
    let world = World::begin().await;
    let organisation = world.organisation("Toko", "Asia/Kolkata").await;
    world.sim.add(SimAccount::interakt("waba-1", "token-1", zone("Asia/Kolkata")).without_cost());

    connect(&world, &organisation, "waba-1", Some("token-1")).await;

    let days = world.days(&organisation, "2026-05-28", "2026-06-04").await;
    assert_eq!(days.len(), 8);
    for day in &days {
        assert_eq!((&day["fees"], &day["messages"]), (&Value::Null, &Value::Null), "absent is not nought");
        assert_eq!(day["counts"]["total"], world.said("waba-1", day["date"].as_str().expect("a date")));
    }
    assert_eq!(world.months(&organisation, "2026-06", "2026-06").await[0]["fees"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_without_a_token_is_asked_with_the_servers_own() {
    let world = Setup::at(NOON).with("INTERAKT_TOKEN", "ours").begin().await;
    let organisation = world.organisation("Toko", "Asia/Kolkata").await;
    world.sim.add(SimAccount::interakt("waba-1", "ours", zone("Asia/Kolkata")));
    world.sim.add(SimAccount::interakt("waba-2", "theirs", zone("Asia/Kolkata")));

    let with_ours = connect(&world, &organisation, "waba-1", None).await;
    let with_theirs = connect(&world, &organisation, "waba-2", Some("theirs")).await;

    let days = world.days(&organisation, "2026-06-04", "2026-06-04").await;
    assert_eq!(dates(&days), ["2026-06-04", "2026-06-04"]);
    assert_eq!(world.channel_status(&with_ours).await.0, "ACTIVE");
    assert_eq!(world.channel_status(&with_theirs).await.0, "ACTIVE");

    let alone = World::begin().await;
    let organisation = alone.organisation("Toko", "Asia/Kolkata").await;
    alone.sim.add(SimAccount::interakt("waba-1", "ours", zone("Asia/Kolkata")));
    let without = connect(&alone, &organisation, "waba-1", None).await;
    let (status, reason) = alone.channel_status(&without).await;
    assert_eq!(status, "NEEDS_ATTENTION", "where the server has none, it says so");
    assert!(reason.is_some_and(|reason| reason.contains("no token")));
    assert_eq!(alone.asked("waba-1"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_moves_to_another_zone_is_asked_anew_in_that_zone() {
    let world = World::begin().await;
    let organisation = world.organisation("Toko", "Asia/Kolkata").await;
    world.channel(&organisation, BspKind::Interakt, "waba-1", "Asia/Kolkata").await;
    world.settle().await;

    let moved = SimAccount::interakt("waba-1", "secret-waba-1", zone("Asia/Jakarta"));
    world.sim.change("waba-1", |account| {
        account.zone = moved.zone;
        account.timezone_id = moved.timezone_id;
    });
    let run = world.backfill(&organisation, "2026-05-28", "2026-06-04").await;

    assert_eq!((&run["state"], &run["error"]), (&json!("SUCCEEDED"), &Value::Null), "{run:#}");
    let days = world.days(&organisation, "2026-05-28", "2026-06-04").await;
    assert_eq!(days.len(), 8);
    for day in &days {
        assert_eq!(day["counts"]["total"], world.said("waba-1", day["date"].as_str().expect("a date")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_an_answer_are_kept_together_and_no_token_in_them() {
    let world = World::begin().await;
    let organisation = world.organisation("Toko", "Asia/Kolkata").await;
    world.channel(&organisation, BspKind::Interakt, "waba-1", "Asia/Kolkata").await;
    world.settle().await;
    let before = world.days(&organisation, "2026-05-28", "2026-06-04").await;
    // Each page but the last names the address of the next, with the token in it.
    world.sim.fault("waba-1", Fault::Paged { pages: 4 }, Often::Always);

    let run = world.backfill(&organisation, "2026-05-28", "2026-06-04").await;

    assert_eq!(run["state"], "SUCCEEDED", "{run:#}");
    assert_eq!(
        world.days(&organisation, "2026-05-28", "2026-06-04").await,
        before,
        "the same, in pages or in one piece"
    );
    let query = "query($id: ID!) { organisation(id: $id) {
        dailyUsage(from: \"2026-06-01\", to: \"2026-06-01\") { source { source sha256 body } } } }";
    let data = world.ask(query, json!({ "id": organisation })).await;
    let source = &data["organisation"]["dailyUsage"][0]["source"];
    let body = source["body"].as_str().expect("the answer is kept");
    assert_eq!((body.lines().count(), &source["source"]), (4, &json!("graph pricing_analytics")));
    assert!(body.contains("access_token=") && !body.contains("secret-waba-1"), "{body}");
}
