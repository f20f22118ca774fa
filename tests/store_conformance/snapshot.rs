//! Snapshots: one for each period of a channel, whoever makes it and however often; and a view in which to count them.

use wabacus::domain::event::{Fact, NewEvent};
use wabacus::domain::id::{ChannelId, OrganisationId, SnapshotId};
use wabacus::domain::metric::{Figures, MessageFigures};
use wabacus::domain::snapshot::{Snapshot, SnapshotType};
use wabacus::store::{self, Store};

use crate::harness::{Database, stories, write};
use crate::sample::{date, hour, now, range, zone};

stories! {
    a_snapshot_made_again_keeps_its_id_and_never_forgets,
    lists_are_of_one_channel_and_one_type_the_oldest_first,
    a_view_shows_one_state_whatever_others_commit,
}

fn snapshot(organisation: OrganisationId, channel: Option<ChannelId>, on: &str, total: i64) -> Snapshot {
    Snapshot {
        id: SnapshotId::generate(now()),
        organisation_id: organisation,
        channel_id: channel,
        kind: SnapshotType::Daily,
        date: date(on),
        period: zone("Asia/Kolkata").day(date(on)),
        figures: Figures { messages: MessageFigures { total, ..MessageFigures::default() }, ..Figures::default() },
        sequence: 5,
        created_at: now(),
        generated_at: now(),
    }
}

async fn upsert(database: &Database, snapshots: &[Snapshot]) {
    write!(database, |tx| store::snapshot::upsert(&tx, snapshots)).unwrap();
}

async fn a_snapshot_made_again_keeps_its_id_and_never_forgets(database: &Database) {
    let organisation = OrganisationId::generate(now());
    let first = snapshot(organisation, None, "2026-06-04", 1);
    upsert(database, std::slice::from_ref(&first)).await;
    let db = database.store.read();
    assert_eq!(store::snapshot::find_any(db, first.id).await.unwrap(), Some(first.clone()));

    let again = Snapshot {
        sequence: 6,
        created_at: hour(1),
        generated_at: hour(1),
        period: zone("UTC").day(date("2026-06-04")),
        ..snapshot(organisation, None, "2026-06-04", 2)
    };
    let of_channel = snapshot(organisation, Some(ChannelId::generate(now())), "2026-06-04", 3);
    upsert(database, &[again.clone(), of_channel.clone()]).await;
    let expected = Snapshot { id: first.id, created_at: first.created_at, ..again.clone() };
    assert_eq!(store::snapshot::find_any(db, first.id).await.unwrap(), Some(expected.clone()));
    assert_eq!(store::snapshot::find_any(db, again.id).await.unwrap(), None);

    // One that was counted before and comes late knows less.
    upsert(database, &[Snapshot { sequence: 5, ..snapshot(organisation, None, "2026-06-04", 9) }]).await;
    let mut of_day =
        store::snapshot::of_period(db, organisation, SnapshotType::Daily, date("2026-06-04")).await.unwrap();
    of_day.sort_by_key(|snapshot| snapshot.channel_id);
    assert_eq!(of_day, [expected, of_channel]);
}

async fn lists_are_of_one_channel_and_one_type_the_oldest_first(database: &Database) {
    let [own, other] = [OrganisationId::generate(now()), OrganisationId::generate(now())];
    let channel = ChannelId::generate(now());
    let days = ["2026-06-03", "2026-06-01", "2026-06-02"].map(|on| snapshot(own, Some(channel), on, 1));
    let week = Snapshot { kind: SnapshotType::Weekly, ..snapshot(own, Some(channel), "2026-06-01", 7) };
    let rest = [snapshot(own, None, "2026-06-02", 1), snapshot(other, Some(channel), "2026-06-02", 1), week];
    upsert(database, &[days.as_slice(), &rest].concat()).await;
    let db = database.store.read();
    let list = async |kind, channel, to| {
        let found = store::snapshot::list(db, own, kind, channel, range("2026-06-01", to)).await.unwrap();
        found.iter().map(|snapshot| snapshot.date.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(SnapshotType::Daily, Some(channel), "2026-06-02").await, ["2026-06-01", "2026-06-02"]);
    assert_eq!(list(SnapshotType::Daily, None, "2026-06-30").await, ["2026-06-02"]);
    assert_eq!(list(SnapshotType::Weekly, Some(channel), "2026-06-30").await, ["2026-06-01"]);
    let ids = [days[0].id, SnapshotId::generate(now())];
    assert_eq!(store::snapshot::find_many(db, &ids).await.unwrap(), days[..1]);
}

async fn a_view_shows_one_state_whatever_others_commit(database: &Database) {
    let organisation = OrganisationId::generate(now());
    let event = [NewEvent { organisation_id: organisation, fact: Fact::ActorQuarantined { restarts: 1 } }];
    write!(database, |tx| store::event::append(&tx, &event, now())).unwrap();
    let view = database.store.begin_reading().await.unwrap();
    assert_eq!(store::event::last_sequence(&view, organisation).await.unwrap(), 1);
    write!(database, |tx| store::event::append(&tx, &event, now())).unwrap();
    upsert(database, &[snapshot(organisation, None, "2026-06-04", 1)]).await;
    assert_eq!(store::event::last_sequence(&view, organisation).await.unwrap(), 1);
    let day = (SnapshotType::Daily, date("2026-06-04"));
    assert_eq!(store::snapshot::of_period(&view, organisation, day.0, day.1).await.unwrap(), []);
    assert!(
        store::snapshot::upsert(&view, &[snapshot(organisation, None, "2026-06-05", 1)]).await.is_err(),
        "it only reads"
    );
    drop(view);
    assert_eq!(store::event::last_sequence(database.store.read(), organisation).await.unwrap(), 2);
    let view = database.store.begin_reading().await.unwrap();
    Store::commit(view).await.unwrap();
}
