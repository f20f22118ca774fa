//! SIGTERM in the middle of a run: the run is put back as if it had not been tried, the process ends well, and the next one finishes it.

use crate::kill::{Shop, bsps, in_the_middle, range, undisturbed};
use crate::support::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_stop_interrupts_is_put_back_with_the_attempt_not_counted_and_finished_by_the_next() {
    let range = range();
    let sim = bsps();
    let mut shop = Shop::open(&sim, &[("DRAIN_SECONDS", "0")]).await;
    let run = in_the_middle(&sim, &mut shop, &range).await;

    shop.process.signal("TERM").await;
    let (status, _) = shop.process.end().await;
    assert_eq!(status.code(), Some(0));
    let runs = Database::look_into(shop.database()).await.runs("BACKFILL").await;
    assert_eq!(runs, [("QUEUED".to_owned(), 0)], "this was written before the end, and is no rescue");

    sim.release("app-2");
    let mut shop = shop.open_again().await;
    let events = shop.until(|event| event["id"] == run && event["state"] == "SUCCEEDED").await;
    assert_eq!(events[events.len() - 1]["attempt"], 1);
    assert_eq!(shop.rows(&range).await, undisturbed(&range).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_run_that_can_end_in_time_end() {
    let range = range();
    let sim = bsps();
    let mut shop = Shop::open(&sim, &[("DRAIN_SECONDS", "600")]).await;
    in_the_middle(&sim, &mut shop, &range).await;

    shop.process.signal("TERM").await;
    shop.process.logged(|entry| (entry["signal"] == "SIGTERM").then_some(())).await;
    sim.release("app-2");
    let (status, _) = shop.process.end().await;
    assert_eq!(status.code(), Some(0));
    let runs = Database::look_into(shop.database()).await.runs("BACKFILL").await;
    assert_eq!(runs, [("SUCCEEDED".to_owned(), 1)]);
}
