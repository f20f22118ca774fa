//! Channels: whose they are, their credentials, and what a pull notes on them.

use wabacus::domain::channel::{BspAccountRef, BspKind, ChannelKind, ChannelStatus};
use wabacus::domain::period::Zone;
use wabacus::store;
use wabacus::store::channel::SealedCredentials;

use crate::harness::{Database, stories, write};
use crate::sample::{channel, date, hour, now, stored_channel, stored_organisation, zone};

stories! {
    a_channel_reads_back_to_its_own_organisation_only,
    credentials_stay_until_others_are_given,
    a_channel_is_stopped_once,
    the_high_water_mark_only_rises,
}

async fn a_channel_reads_back_to_its_own_organisation_only(database: &Database) {
    let (ours, theirs) = (stored_organisation(database, "ours").await, stored_organisation(database, "theirs").await);
    let mut first = stored_channel(database, ours.id, "first").await;
    let mut voice = channel(ours.id, "voice");
    (voice.kind, voice.account) = (ChannelKind::Voice, None);
    write!(database, |tx| store::channel::insert(&tx, &voice, None, now())).unwrap();
    let foreign = stored_channel(database, theirs.id, "foreign").await;
    let db = database.store.read();
    assert_eq!(store::channel::find(db, ours.id, first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(store::channel::find(db, ours.id, foreign.id).await.unwrap(), None);
    assert_eq!(store::channel::find_any(db, foreign.id).await.unwrap(), Some(foreign.clone()));
    assert_eq!(store::channel::list(db, ours.id, None, None).await.unwrap(), [first.clone(), voice.clone()]);
    assert_eq!(store::channel::list(db, ours.id, Some(ChannelKind::Voice), None).await.unwrap(), [voice.clone()]);
    assert_eq!(store::channel::list(db, ours.id, None, Some(BspKind::Gupshup)).await.unwrap(), [first.clone()]);
    let everybodys = [first.clone(), voice.clone(), foreign.clone()];
    assert_eq!(store::channel::list_of(db, &[theirs.id, ours.id]).await.unwrap(), everybodys);
    assert_eq!(store::channel::find_many(db, &[voice.id]).await.unwrap(), [voice]);
    assert_eq!(store::channel::count(db, ours.id).await.unwrap(), 2);

    first.account = Some(BspAccountRef { bsp: BspKind::Interakt, account: "42".to_owned() });
    first.phone_number = None;
    first.usage_high_water = Some(date("2026-06-01"));
    write!(database, |tx| store::channel::update(&tx, &first, None, hour(1))).unwrap();
    assert_eq!(store::channel::find(db, ours.id, first.id).await.unwrap(), Some(first));
    let mut stolen = foreign.clone();
    stolen.organisation_id = ours.id;
    write!(database, |tx| store::channel::update(&tx, &stolen, None, hour(1))).unwrap();
    assert_eq!(store::channel::find_any(db, foreign.id).await.unwrap(), Some(foreign));
}

async fn credentials_stay_until_others_are_given(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    let channel = channel(organisation, "first");
    let sealed = |bytes: &[u8]| SealedCredentials(bytes.to_vec());
    let db = database.store.read();
    write!(database, |tx| store::channel::insert(&tx, &channel, Some(&sealed(&[0, 255, 1])), now())).unwrap();
    write!(database, |tx| store::channel::update(&tx, &channel, None, now())).unwrap();
    assert_eq!(store::channel::credentials(db, organisation, channel.id).await.unwrap(), Some(sealed(&[0, 255, 1])));
    write!(database, |tx| store::channel::update(&tx, &channel, Some(&sealed(&[2])), now())).unwrap();
    assert_eq!(store::channel::credentials(db, organisation, channel.id).await.unwrap(), Some(sealed(&[2])));
    let bare = stored_channel(database, organisation, "bare").await;
    assert_eq!(store::channel::credentials(db, organisation, bare.id).await.unwrap(), None);
    let other = stored_organisation(database, "other").await.id;
    assert_eq!(store::channel::credentials(db, other, channel.id).await.unwrap(), None);
    assert_eq!(format!("{:?}", sealed(b"secret")), "SealedCredentials(6 bytes)");
}

async fn a_channel_is_stopped_once(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    let id = stored_channel(database, organisation, "first").await.id;
    let mark = async |reason: &str| {
        write!(database, |tx| store::channel::mark_needs_attention(&tx, organisation, id, reason, now())).unwrap()
    };
    assert!(mark("the token expired").await);
    assert!(!mark("something else").await);
    let channel = store::channel::find(database.store.read(), organisation, id).await.unwrap().unwrap();
    assert_eq!(channel.status, ChannelStatus::NeedsAttention);
    assert_eq!(channel.status_reason.as_deref(), Some("the token expired"));
}

async fn the_high_water_mark_only_rises(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    let id = stored_channel(database, organisation, "first").await.id;
    let pull = async |mark: Option<&str>, in_zone: Option<&str>| {
        let (mark, in_zone) = (mark.map(date), in_zone.map(zone));
        write!(database, |tx| store::channel::record_pull(&tx, organisation, id, mark, in_zone, now())).unwrap();
        let channel = store::channel::find(database.store.read(), organisation, id).await.unwrap().unwrap();
        (channel.usage_high_water.map(|date| date.to_string()), channel.account_zone.map(Zone::name))
    };
    let marked = |mark: &str, zone| (Some(mark.to_owned()), Some(zone));
    assert_eq!(pull(None, None).await, (None, None));
    assert_eq!(pull(Some("2026-06-03"), Some("Asia/Kolkata")).await, marked("2026-06-03", "Asia/Kolkata"));
    assert_eq!(pull(Some("2026-06-01"), None).await, marked("2026-06-03", "Asia/Kolkata"));
    assert_eq!(pull(Some("2026-06-04"), Some("UTC")).await, marked("2026-06-04", "UTC"));
    assert_eq!(pull(None, None).await, marked("2026-06-04", "UTC"));
}
