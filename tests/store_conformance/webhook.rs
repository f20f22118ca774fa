//! The secrets of channels, and what webhooks told in vain.

use wabacus::domain::channel::BspKind;
use wabacus::domain::clock::Instant;
use wabacus::domain::id::{ChannelId, OrganisationId, RejectedUpdateId};
use wabacus::domain::page::PageRequest;
use wabacus::domain::webhook::{RejectedUpdate, WebhookSource};
use wabacus::store;

use crate::harness::{Database, stories, write};
use crate::sample::{hour, now, stored_channel, stored_organisation};

stories! {
    a_channel_has_one_secret_at_a_time,
    channels_are_found_by_their_account_whosever_they_are,
    what_was_told_in_vain_is_listed_newest_first_and_deleted_oldest_first,
}

async fn a_channel_has_one_secret_at_a_time(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    let channel = stored_channel(database, organisation, "Orders").await.id;
    let other = stored_channel(database, organisation, "Other").await.id;
    let found = async |of: ChannelId| store::channel_secret::find(database.store.read(), of).await.unwrap();
    assert_eq!(found(channel).await, None);
    for hash in [[1; 32], [2; 32]] {
        write!(database, |tx| store::channel_secret::replace(&tx, organisation, channel, &hash, now())).unwrap();
        assert_eq!((found(channel).await, found(other).await), (Some(hash), None));
    }
}

async fn channels_are_found_by_their_account_whosever_they_are(database: &Database) {
    let (ours, theirs) = (stored_organisation(database, "ours").await, stored_organisation(database, "theirs").await);
    let one = stored_channel(database, ours.id, "shared").await;
    let two = stored_channel(database, theirs.id, "shared").await;
    stored_channel(database, ours.id, "another").await;
    let account = one.account.clone().unwrap();
    let found = store::channel::list_of_accounts(database.store.read(), account.bsp, &[&account.account, "none"]).await;
    let mut found = found.unwrap();
    found.sort_unstable_by_key(|channel| channel.id);
    assert_eq!(found, [one, two]);
    let other = BspKind::ALL.iter().copied().find(|bsp| *bsp != account.bsp).unwrap();
    let none = store::channel::list_of_accounts(database.store.read(), other, &[&account.account]).await.unwrap();
    assert!(none.is_empty());
    assert!(store::channel::list_of_accounts(database.store.read(), other, &[]).await.unwrap().is_empty());
}

fn rejected(organisation: Option<OrganisationId>, at: Instant) -> RejectedUpdate {
    RejectedUpdate {
        id: RejectedUpdateId::generate(at),
        source: WebhookSource::Meta,
        organisation_id: organisation,
        channel_id: organisation.map(|_| ChannelId::generate(at)),
        reason: "timestamp: \"é\" is not accepted".to_owned(),
        payload: r#"{"id":"\u0000"}"#.to_owned(),
        received_at: at,
    }
}

async fn what_was_told_in_vain_is_listed_newest_first_and_deleted_oldest_first(database: &Database) {
    let ours = stored_organisation(database, "ours").await.id;
    let theirs = stored_organisation(database, "theirs").await.id;
    let (old, nobodys, foreign, young) = (
        rejected(Some(ours), hour(0)),
        rejected(None, hour(1)),
        rejected(Some(theirs), hour(2)),
        rejected(Some(ours), hour(3)),
    );
    let all = [old.clone(), nobodys.clone(), foreign.clone(), young.clone()];
    write!(database, |tx| store::rejected_update::insert(&tx, &all)).unwrap();
    let page = async |of: Option<OrganisationId>, request: PageRequest<RejectedUpdateId>| {
        store::rejected_update::page(database.store.read(), of, &request).await.unwrap().items
    };
    assert_eq!(page(Some(ours), PageRequest::first(10)).await, [young.clone(), old]);
    assert_eq!(page(None, PageRequest::first(2)).await, [young.clone(), foreign.clone()]);
    let rest = PageRequest { after: Some(foreign.id), ..PageRequest::first(1) };
    assert_eq!(page(None, rest).await, [nobodys]);

    // Nobody's go with those of the organisation whose turn it is; another's stay.
    for gone in [1, 1, 0] {
        let deleted = write!(database, |tx| store::rejected_update::delete_before(&tx, ours, hour(3), 1)).unwrap();
        assert_eq!(deleted, gone);
    }
    assert_eq!(page(None, PageRequest::first(10)).await, [young, foreign]);
}
