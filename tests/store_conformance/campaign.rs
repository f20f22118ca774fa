//! Campaigns: made once, joined in a row that is locked, listed newest first, and counted over their days.

use wabacus::domain::campaign::{Campaign, CampaignState, NewCampaign};
use wabacus::domain::id::OrganisationId;
use wabacus::domain::message::Counts;
use wabacus::domain::page::PageRequest;
use wabacus::store;

use crate::harness::{Database, stories, write};
use crate::sample::{hour, now, stored_organisation};

stories! {
    a_campaign_is_made_once_and_overwritten_by_its_id,
    campaigns_are_listed_newest_first,
    a_campaigns_days_are_counted_together,
}

fn campaign(organisation: OrganisationId, external_id: &str) -> Campaign {
    let new = NewCampaign {
        external_id: external_id.to_owned(),
        name: format!("Campaign {external_id}"),
        channel_id: None,
        state: CampaignState::Active,
        recipients: 7,
        started_at: Some(hour(-1)),
        finished_at: None,
    };
    new.begin(organisation, now())
}

async fn a_campaign_is_made_once_and_overwritten_by_its_id(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let db = database.store.read();
    let first = [campaign(ours, "b"), campaign(ours, "a"), campaign(theirs, "a")];
    write!(database, |tx| store::campaign::insert_new(&tx, &first, now())).unwrap();
    // Again, under other ids: they are there.
    let again = [campaign(ours, "a"), campaign(ours, "c")];
    write!(database, |tx| store::campaign::insert_new(&tx, &again, hour(1))).unwrap();
    write!(database, |tx| store::campaign::insert_new(&tx, &again, hour(1))).unwrap();

    let found = write!(database, |tx| store::campaign::find_for_update(&tx, ours, &["a", "b", "c", "d"])).unwrap();
    assert_eq!(found, [first[1].clone(), first[0].clone(), again[1].clone()]);

    let changed = Campaign {
        name: "Renamed".to_owned(),
        state: CampaignState::Completed,
        recipients: i64::MAX,
        finished_at: Some(hour(2)),
        ..first[1].clone()
    };
    write!(database, |tx| store::campaign::update(&tx, std::slice::from_ref(&changed), hour(3))).unwrap();
    assert_eq!(store::campaign::find_any(db, changed.id).await.unwrap(), Some(changed));
    assert_eq!(store::campaign::find_any(db, first[2].id).await.unwrap().as_ref(), Some(&first[2]), "not ours");
    assert_eq!(store::campaign::find_any(db, again[0].id).await.unwrap(), None);
}

async fn campaigns_are_listed_newest_first(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let db = database.store.read();
    let all = ["a", "b", "c"].map(|name| campaign(ours, name));
    write!(database, |tx| store::campaign::insert_new(&tx, &all, now())).unwrap();
    write!(database, |tx| store::campaign::insert_new(&tx, &[campaign(theirs, "z")], now())).unwrap();
    let first = store::campaign::page(db, ours, &PageRequest::first(2)).await.unwrap();
    assert_eq!((first.items.as_slice(), first.has_next), ([all[2].clone(), all[1].clone()].as_slice(), true));
    let request = PageRequest { after: Some(all[1].id), ..PageRequest::first(2) };
    let second = store::campaign::page(db, ours, &request).await.unwrap();
    assert_eq!((second.items.as_slice(), second.has_next), ([all[0].clone()].as_slice(), false));
}

async fn a_campaigns_days_are_counted_together(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let db = database.store.read();
    let all = ["a", "b"].map(|name| campaign(ours, name));
    write!(database, |tx| store::campaign::insert_new(&tx, &all, now())).unwrap();
    let nil = uuid::Uuid::nil();
    for (organisation, date, channel) in [
        (ours, "2026-06-04", nil),
        (ours, "2026-06-05", nil),
        (ours, "2026-06-05", theirs.uuid()),
        (theirs, "2026-06-05", nil),
    ] {
        let row = entity::campaign_day::Model {
            organisation_id: organisation.uuid(),
            date: crate::sample::date(date),
            campaign_id: all[0].id.uuid(),
            channel_id: channel,
            total: 10,
            sent: 9,
            delivered: 8,
            read: 7,
            failed: 1,
            replied: 2,
            engaged: 6,
        };
        write!(database, |tx| insert(&tx, row)).unwrap();
    }
    let ids = all.each_ref().map(|campaign| campaign.id);
    let counts = store::campaign::counts(db, ours, &ids).await.unwrap();
    let three = Counts {
        total: 30,
        sent: 27,
        delivered: 24,
        read: 21,
        failed: 3,
        replied: 6,
        engaged: 18,
        ..Counts::default()
    };
    assert_eq!((counts.get(&ids[0]), counts.get(&ids[1])), (Some(&three), None));
    assert!(store::campaign::counts(db, ours, &[]).await.unwrap().is_empty());
}

async fn insert(tx: &store::Transaction, row: entity::campaign_day::Model) -> Result<(), sea_orm::DbErr> {
    use sea_orm::{EntityTrait as _, IntoActiveModel as _};
    let insert = entity::campaign_day::Entity::insert(row.into_active_model());
    insert.exec_without_returning(tx).await.map(drop)
}
