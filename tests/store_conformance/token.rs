//! Tokens: found by their secret's hash, revoked once, their use noted.

use wabacus::domain::page::PageRequest;
use wabacus::domain::token::TokenScope;
use wabacus::store::{self, StoreError};

use crate::harness::{Database, stories, write};
use crate::sample::{hour, now, stored_organisation, token};

stories! {
    a_token_is_found_by_its_hash,
    a_token_is_revoked_once,
    the_latest_use_is_kept,
}

async fn a_token_is_found_by_its_hash(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    let ours = token(Some(organisation));
    let mut admin = token(None);
    (admin.scopes, admin.expires_at) = (vec![TokenScope::Admin], None);
    write!(database, |tx| store::token::insert(&tx, &ours, &[1; 32])).unwrap();
    write!(database, |tx| store::token::insert(&tx, &admin, &[255; 32])).unwrap();
    let db = database.store.read();
    assert_eq!(store::token::find_by_hash(db, &[1; 32]).await.unwrap(), Some(ours.clone()));
    assert_eq!(store::token::find_by_hash(db, &[2; 32]).await.unwrap(), None);
    assert_eq!(store::token::find(db, admin.id).await.unwrap(), Some(admin.clone()));
    assert_eq!(store::token::list(db).await.unwrap(), [ours.clone(), admin.clone()]);
    let page = async |organisation| store::token::page(db, organisation, &PageRequest::first(10)).await.unwrap().items;
    assert_eq!(page(Some(organisation)).await, std::slice::from_ref(&ours));
    assert_eq!(page(None).await, [ours, admin]);
    let taken = write!(database, |tx| store::token::insert(&tx, &token(None), &[1; 32]));
    assert!(matches!(&taken, Err(StoreError::Unique { what }) if what == "token_secret_hash"), "{taken:?}");
}

async fn a_token_is_revoked_once(database: &Database) {
    let token = token(None);
    write!(database, |tx| store::token::insert(&tx, &token, &[1; 32])).unwrap();
    let revoke = async |at| write!(database, |tx| store::token::revoke(&tx, token.id, at)).unwrap();
    assert!(revoke(hour(1)).await);
    assert!(!revoke(hour(2)).await);
    let found = store::token::find(database.store.read(), token.id).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(hour(1)));
}

async fn the_latest_use_is_kept(database: &Database) {
    let (used, unused) = (token(None), token(None));
    write!(database, |tx| store::token::insert(&tx, &used, &[1; 32])).unwrap();
    write!(database, |tx| store::token::insert(&tx, &unused, &[2; 32])).unwrap();
    let touch = async |uses: &[_]| {
        write!(database, |tx| store::token::touch(&tx, uses)).unwrap();
        store::token::find(database.store.read(), used.id).await.unwrap().unwrap().last_used_at
    };
    assert_eq!(touch(&[]).await, None);
    assert_eq!(touch(&[(used.id, hour(2)), (used.id, hour(3)), (used.id, hour(1))]).await, Some(hour(3)));
    assert_eq!(touch(&[(used.id, now())]).await, Some(hour(3)));
    assert_eq!(touch(&[(token(None).id, hour(9))]).await, Some(hour(3)));
    assert_eq!(store::token::find(database.store.read(), unused.id).await.unwrap(), Some(unused));
}
