//! A new organisation gets its schedules, its first pull, and from then on its usage every morning.

use serde_json::json;
use wabacus::domain::channel::BspKind;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_organisation_gets_its_schedules_and_its_first_pull() {
    let world = World::begin().await;

    let organisation = world.organisation("Kedai Kopi", "Asia/Kolkata").await;
    let query = "query($id: ID!) { organisation(id: $id) { scheduledJobs { kind cron timeZone paused nextRunAt } } }";
    let jobs = world.ask(query, json!({ "id": organisation })).await;
    let expected = json!([
        { "kind": "DAILY_USAGE", "cron": "0 9 * * *", "timeZone": "Asia/Kolkata", "paused": false, "nextRunAt": "2026-06-06T03:30:00.000Z" },
        { "kind": "DAILY_SNAPSHOT", "cron": "0 2 * * *", "timeZone": "Asia/Kolkata", "paused": false, "nextRunAt": "2026-06-05T20:30:00.000Z" },
        { "kind": "WEEKLY_SNAPSHOT", "cron": "0 3 * * 1", "timeZone": "Asia/Kolkata", "paused": false, "nextRunAt": "2026-06-07T21:30:00.000Z" },
        { "kind": "MONTHLY_SNAPSHOT", "cron": "0 4 1 * *", "timeZone": "Asia/Kolkata", "paused": false, "nextRunAt": "2026-06-30T22:30:00.000Z" },
        { "kind": "INVOICE_CLOSE", "cron": "0 5 1 * *", "timeZone": "Asia/Kolkata", "paused": false, "nextRunAt": "2026-06-30T23:30:00.000Z" },
        { "kind": "RETENTION", "cron": "30 3 * * *", "timeZone": "Asia/Kolkata", "paused": false, "nextRunAt": "2026-06-05T22:00:00.000Z" },
    ]);
    assert_eq!(jobs["organisation"]["scheduledJobs"], expected);

    let channel = world.channel(&organisation, BspKind::Gupshup, "app-1", "Asia/Kolkata").await;
    let months = world.months(&organisation, "2026-06", "2026-06").await;
    assert_eq!(months.len(), 1, "this month's document is there at once");
    world.settle().await;

    let days = world.days(&organisation, "2026-05-01", "2026-06-05").await;
    assert_eq!(
        days.first().map(|day| &day["date"]),
        Some(&json!("2026-05-28")),
        "the first pull: yesterday and the seven days before"
    );
    assert_eq!(days.last().map(|day| &day["date"]), Some(&json!("2026-06-04")));
    assert!(
        days.iter()
            .all(|day| day["complete"] == true && day["revision"] == 0 && day["channel"]["id"] == channel.as_str())
    );

    world.advance_to("2026-06-06T03:30:00Z").await;
    let days = world.days(&organisation, "2026-06-05", "2026-06-05").await;
    assert_eq!(days.len(), 1, "the next morning brings the day that has ended");
    let runs = world.runs(&organisation).await;
    assert_eq!(
        (&runs[0]["kind"], &runs[0]["trigger"], &runs[0]["state"]),
        (&json!("DAILY_USAGE"), &json!("SCHEDULE"), &json!("SUCCEEDED"))
    );
}
