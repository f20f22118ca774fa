//! Parts of an allowance that are held: nobody oversteps, what is forgotten comes back, and saying a thing twice is saying it once.

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::{Value, json};

use super::allowance::{allowance, figures, set};
use crate::support::World;
use crate::support::ledger::used;

const RESERVE: &str = "mutation($id: ID, $quantity: Int!, $ttl: Int) {
    reserved: reserveAllowance(organisationId: $id, quantity: $quantity, ttlSeconds: $ttl) {
        id quantity expiresAt allowance { dailyReserved dailyRemaining } } }";

/// The whole answer.
async fn ask_to_reserve(world: &World, organisation: &str, quantity: i32, ttl: i32) -> Value {
    world.ask_as(&world.admin, RESERVE, json!({ "id": organisation, "quantity": quantity, "ttl": ttl })).await
}

async fn reserve(world: &World, organisation: &str, quantity: i32, ttl: i32) -> Value {
    let mut answer = ask_to_reserve(world, organisation, quantity, ttl).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"]["reserved"].take()
}

/// Commits or releases; the allowance, or the code and the message of the refusal.
async fn end(world: &World, token: &str, how: &str, reservation: &Value) -> Result<Value, (Value, String)> {
    let query = format!(
        "mutation($id: ID!) {{ allowance: {how}Reservation(id: $id) {{ dailyUsed dailyReserved dailyRemaining monthlyUsed }} }}"
    );
    let mut answer = world.ask_as(token, &query, json!({ "id": reservation["id"] })).await;
    match answer.get_mut("errors") {
        None => Ok(answer["data"]["allowance"].take()),
        Some(errors) => {
            let message = errors[0]["message"].as_str().expect("a message").to_owned();
            Err((errors[0]["extensions"]["code"].take(), message))
        }
    }
}

async fn shop(world: &World, arguments: &str) -> String {
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    set(world, &shop, arguments).await;
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_get_a_hundred_hundreds_of_ten_thousand() {
    let world = World::begin().await;
    let shop = shop(&world, "dailyLimit: 10000, policy: BLOCK").await;
    let answers = join_all((0..200).map(|_| ask_to_reserve(&world, &shop, 100, 60))).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.get("errors")).collect();
    assert_eq!(refused.len(), 100);
    for errors in refused {
        assert_eq!(errors[0]["extensions"]["code"], "CONFLICT");
        let expected =
            "the daily limit of the organisation is 10000, of which 0 are left; it begins anew at 2026-06-05T18:30:00Z";
        assert_eq!(errors[0]["message"], expected);
    }
    let now = allowance(&world, &shop).await;
    assert_eq!((&now["dailyReserved"], &now["dailyRemaining"]), (&json!(10_000), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_comes_back_by_itself() {
    let world = World::begin().await;
    let shop = shop(&world, "dailyLimit: 100, policy: BLOCK").await;
    let held = reserve(&world, &shop, 80, 60).await;
    assert_eq!((&held["quantity"], &held["expiresAt"]), (&json!(80), &json!("2026-06-05T06:01:00.000Z")));
    assert_eq!(held["allowance"], json!({ "dailyReserved": 80, "dailyRemaining": 20 }));
    world.advance(TimeDelta::seconds(59)).await;
    assert!(ask_to_reserve(&world, &shop, 21, 60).await.get("errors").is_some());
    world.advance(TimeDelta::seconds(1)).await;
    // Nobody has looked after it yet.
    let now = allowance(&world, &shop).await;
    assert_eq!((&now["dailyReserved"], &now["dailyRemaining"]), (&json!(0), &json!(100)));
    reserve(&world, &shop, 100, 60).await;
    let (code, message) = end(&world, &world.admin, "commit", &held).await.unwrap_err();
    assert_eq!(
        (code, message.as_str()),
        (json!("CONFLICT"), "the reservation expired at 2026-06-05T06:01:00Z; reserve again")
    );
    end(&world, &world.admin, "release", &held).await.expect("to give back what is back is harmless");
    assert_eq!(allowance(&world, &shop).await["dailyReserved"], 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn saying_it_twice_is_saying_it_once() {
    let world = World::begin().await;
    let shop = shop(&world, "dailyLimit: 100, policy: BLOCK").await;
    let (used, back) = (reserve(&world, &shop, 30, 60).await, reserve(&world, &shop, 20, 60).await);
    for _ in 0..2 {
        let after = end(&world, &world.admin, "commit", &used).await.expect("it is used");
        assert_eq!(after["dailyUsed"], 30);
    }
    for _ in 0..2 {
        end(&world, &world.admin, "release", &back).await.expect("it is back");
    }
    assert_eq!(end(&world, &world.admin, "release", &used).await.unwrap_err().0, "CONFLICT");
    assert_eq!(end(&world, &world.admin, "commit", &back).await.unwrap_err().0, "CONFLICT");
    assert_eq!(figures(&allowance(&world, &shop).await), [json!(30), json!(70), json!(30), json!(29_970)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_takes_the_place_of_what_was_committed_and_what_was_not_comes_back() {
    let world = World::begin().await;
    let shop = shop(&world, "dailyLimit: 100, policy: BLOCK").await;
    let held = reserve(&world, &shop, 60, 60).await;
    end(&world, &world.admin, "commit", &held).await.expect("it is used");
    for number in 0..4 {
        world.record(&shop, vec![used("WHATSAPP", "message", number, "10", "2026-06-05T05:59:00Z")]).await;
        assert_eq!(figures(&allowance(&world, &shop).await)[..2], [json!(60), json!(40)]);
    }
    world.advance(TimeDelta::hours(24) - TimeDelta::seconds(1)).await;
    assert_eq!(allowance(&world, &shop).await["monthlyUsed"], 60);
    world.advance(TimeDelta::seconds(1)).await;
    assert_eq!(allowance(&world, &shop).await["monthlyUsed"], 40, "20 were never sent");
    reserve(&world, &shop, 1, 60).await;
    assert_eq!(allowance(&world, &shop).await["monthlyUsed"], 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_before_the_commit_is_counted_once_too() {
    let world = World::begin().await;
    let shop = shop(&world, "dailyLimit: 100, policy: BLOCK").await;
    world.record(&shop, vec![used("WHATSAPP", "message", 0, "5", "2026-06-05T05:59:00Z")]).await;
    let held = reserve(&world, &shop, 60, 60).await;
    world.record(&shop, vec![used("WHATSAPP", "message", 1, "40", "2026-06-05T05:59:00Z")]).await;
    end(&world, &world.admin, "commit", &held).await.expect("it is used");
    assert_eq!(figures(&allowance(&world, &shop).await)[..2], [json!(65), json!(35)]);
    world.record(&shop, vec![used("WHATSAPP", "message", 2, "20", "2026-06-05T05:59:00Z")]).await;
    assert_eq!(figures(&allowance(&world, &shop).await)[..2], [json!(65), json!(35)]);
    world.advance(TimeDelta::hours(25)).await;
    assert_eq!(allowance(&world, &shop).await["monthlyUsed"], 65);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_over_midnight_is_held_of_the_new_day() {
    let world = World::begin().await;
    let shop = shop(&world, "dailyLimit: 100, policy: BLOCK").await;
    world.advance_to("2026-06-05T18:29:30Z").await;
    let held = reserve(&world, &shop, 70, 3_600).await;
    world.advance(TimeDelta::minutes(1)).await;
    let now = allowance(&world, &shop).await;
    assert_eq!(
        (&now["dailyReserved"], &now["dailyRemaining"], &now["monthlyReserved"]),
        (&json!(70), &json!(30), &json!(70))
    );
    assert!(
        ask_to_reserve(&world, &shop, 31, 60).await.get("errors").is_some(),
        "the new day is not overstepped either"
    );
    let after = end(&world, &world.admin, "commit", &held).await.expect("it is used");
    assert_eq!(after, json!({ "dailyUsed": 70, "dailyReserved": 0, "dailyRemaining": 30, "monthlyUsed": 70 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_nobody_elses() {
    let world = World::begin().await;
    let (ours, theirs) = (shop(&world, "dailyLimit: 100").await, shop(&world, "dailyLimit: 100").await);
    let held = reserve(&world, &ours, 10, 60).await;
    let stranger = world.token(Some(&theirs)).await;
    for how in ["commit", "release"] {
        assert_eq!(end(&world, &stranger, how, &held).await.unwrap_err().0, "NOT_FOUND");
    }
    let query = "mutation($id: ID!) { createToken(input: { name: \"display\", organisationId: $id, scopes: [READ] }) { secret } }";
    let secret = world.ask(query, json!({ "id": ours })).await["createToken"]["secret"].take();
    let reader = secret.as_str().expect("a secret");
    let answer = world.ask_as(reader, RESERVE, json!({ "quantity": 1 })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let check =
        world.ask_as(reader, "{ checkAllowance(quantity: 91) { allowed withinLimits available } }", json!({})).await;
    let expected = json!({ "allowed": true, "withinLimits": false, "available": 90 });
    assert_eq!(check["data"]["checkAllowance"], expected, "limits only warn");
    let own = world.token(Some(&ours)).await;
    end(&world, &own, "commit", &held).await.expect("their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_something_would_fit_is_answered_without_holding_it() {
    let world = World::begin().await;
    let shop = shop(&world, "dailyLimit: 100, policy: BLOCK, gracePercent: 10").await;
    let check = async |quantity: i32| {
        let query = "query($id: ID, $quantity: Int!) { checkAllowance(organisationId: $id, quantity: $quantity) {
            allowed withinLimits available limitedBy resetsAt } }";
        world.ask(query, json!({ "id": shop, "quantity": quantity })).await["checkAllowance"].take()
    };
    let answer = |allowed: bool, within: bool| {
        json!({ "allowed": allowed, "withinLimits": within, "available": 100, "limitedBy": "DAY",
            "resetsAt": "2026-06-05T18:30:00.000Z" })
    };
    assert_eq!(check(100).await, answer(true, true));
    assert_eq!(check(110).await, answer(true, false));
    assert_eq!(check(111).await, answer(false, false));
    set(&world, &shop, "dailyLimit: null, monthlyLimit: null").await;
    let nothing =
        json!({ "allowed": true, "withinLimits": true, "available": null, "limitedBy": null, "resetsAt": null });
    assert_eq!(check(10_000_000).await, nothing);
    let query = "query($id: ID) { checkAllowance(organisationId: $id, quantity: 0) { allowed } }";
    assert_eq!(world.refused(query, json!({ "id": shop })).await.1.as_deref(), Some("quantity"));
}
