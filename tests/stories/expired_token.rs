//! A token that expired stops its channel and says so, until somebody gives the channel another one.

use serde_json::{Value, json};
use wabacus::domain::channel::BspKind;
use wabacus::domain::event::Fact;
use wabacus::sim::{Fault, Often};

use crate::support::World;
use crate::support::usage::dates;

/// Each BSP, what it says of such a token, and how the channel is given another one.
fn bsps() -> [(BspKind, &'static str, Value); 2] {
    [
        (BspKind::Gupshup, "401", json!({ "gupshup": { "appId": "expiring", "token": "another" } })),
        (BspKind::Interakt, "190", json!({ "interakt": { "wabaId": "expiring", "accessToken": "another" } })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channel_is_stopped_and_says_why_until_it_has_new_credentials() {
    for (bsp, said, credentials) in bsps() {
        let world = World::begin().await;
        let (organisation, _) = world.shop("sound").await;
        let expiring = world.channel(&organisation, bsp, "expiring", "Asia/Kolkata").await;
        world.settle().await;
        assert_eq!(world.channel_status(&expiring).await, ("ACTIVE".to_owned(), None));

        world.sim.change("expiring", |account| "another".clone_into(&mut account.token));
        world.sim.fault("expiring", Fault::TokenExpired, Often::Always);
        world.advance_to("2026-06-06T03:30:00Z").await;

        let run = world.runs(&organisation).await[0].take();
        assert_eq!(
            (&run["state"], &run["attempt"]),
            (&json!("PARTIAL"), &json!(1)),
            "trying again would change nothing"
        );
        let (status, reason) = world.channel_status(&expiring).await;
        assert_eq!(status, "NEEDS_ATTENTION");
        assert!(
            reason.as_deref().is_some_and(|reason| reason.contains(said) && !reason.contains("secret-")),
            "{reason:?}"
        );
        let alarms = world.facts_of(&organisation, &run).await;
        let alarms = alarms.iter().filter(|fact| matches!(fact, Fact::ChannelNeedsAttention { .. })).count();
        assert_eq!(alarms, 1, "whoever follows the events is told once");
        let days = world.days(&organisation, "2026-06-05", "2026-06-05").await;
        assert_eq!(dates(&days), ["2026-06-05"], "the other channel goes on");

        // On the next mornings it is not asked, and the runs are sound.
        let asked = world.asked("expiring");
        world.advance_to("2026-06-07T03:30:00Z").await;
        world.advance_to("2026-06-08T03:30:00Z").await;
        assert_eq!(world.runs(&organisation).await[0]["state"], "SUCCEEDED");
        assert_eq!(world.asked("expiring"), asked);

        // New credentials clear it, and bring what was missed.
        world.sim.clear("expiring");
        let query = "mutation($id: ID!, $input: UpdateChannelInput!) { updateChannel(id: $id, input: $input) { status statusReason } }";
        let updated = world.ask(query, json!({ "id": expiring, "input": credentials })).await;
        assert_eq!(updated["updateChannel"], json!({ "status": "ACTIVE", "statusReason": null }));
        world.settle().await;
        let run = world.runs(&organisation).await[0].take();
        assert_eq!((&run["state"], &run["trigger"]), (&json!("SUCCEEDED"), &json!("EVENT")));
        assert_eq!(world.channel_status(&expiring).await, ("ACTIVE".to_owned(), None));
        let days = world.days(&organisation, "2026-05-28", "2026-06-07").await;
        assert_eq!(
            days.iter().filter(|day| day["channel"]["id"] == expiring.as_str()).count(),
            11,
            "no day is missing"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_very_first_token_is_wrong_says_so_at_once() {
    let world = World::begin().await;
    let (organisation, channel) = world.shop("app-1").await;
    let query = "mutation($id: ID!, $input: UpdateChannelInput!) { updateChannel(id: $id, input: $input) { status } }";
    let wrong = json!({ "gupshup": { "appId": "app-1", "token": "mistyped" } });
    world.ask(query, json!({ "id": channel, "input": wrong })).await;
    world.settle().await;

    assert_eq!(world.runs(&organisation).await[0]["state"], "FAILED");
    let (status, reason) = world.channel_status(&channel).await;
    assert_eq!(status, "NEEDS_ATTENTION");
    assert!(reason.is_some_and(|reason| !reason.contains("mistyped")), "a token is shown nowhere");
}
