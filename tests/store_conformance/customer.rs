//! Customers: made and changed by their numbers, and whose they are.

use wabacus::domain::customer::NewCustomer;
use wabacus::domain::phone::PhoneNumber;
use wabacus::store;
use wabacus::store::StoreError;

use crate::harness::{Database, stories, write};
use crate::sample::{hour, now, stored_organisation};

stories! {
    a_customer_is_made_once_and_changed_after,
    an_external_id_is_one_customers_only,
}

fn phone(last: u32) -> PhoneNumber {
    PhoneNumber::parse("phone", &format!("+9198000{last:05}")).expect("a number")
}

fn named(last: u32, name: &str) -> NewCustomer {
    NewCustomer {
        phone: phone(last),
        name: Some(name.to_owned()),
        registered: true,
        blocked: false,
        external_id: Some(format!("crm-{last}")),
    }
}

async fn a_customer_is_made_once_and_changed_after(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let db = database.store.read();
    let upsert = async |organisation, customers: &[NewCustomer], at| {
        write!(database, |tx| store::customer::upsert(&tx, organisation, customers, at)).unwrap();
    };
    upsert(ours, &[named(2, "Binod"), named(1, "Asha")], now()).await;
    upsert(theirs, &[named(1, "Another")], now()).await;
    let before = store::customer::find_by_phone(db, ours, &[phone(1)]).await.unwrap();
    assert_eq!((before.len(), before[0].name.as_deref(), before[0].created_at), (1, Some("Asha"), now()));

    let silent = NewCustomer { name: None, external_id: None, blocked: true, ..named(1, "") };
    upsert(ours, &[silent], hour(1)).await;

    let after = store::customer::find_by_phone(db, ours, &[phone(1), phone(2), phone(3)]).await.unwrap();
    assert_eq!(after.len(), 2);
    let asha = store::customer::find_any(db, before[0].id).await.unwrap().unwrap();
    assert_eq!(
        (asha.name.as_deref(), asha.external_id.as_deref()),
        (Some("Asha"), Some("crm-1")),
        "left out, it stays"
    );
    assert_eq!((asha.blocked, asha.created_at), (true, now()));
    let another = store::customer::find_by_phone(db, theirs, &[phone(1)]).await.unwrap();
    assert_eq!((another[0].name.as_deref(), another[0].blocked), (Some("Another"), false));
    let both = store::customer::find_many(db, &[asha.id, another[0].id]).await.unwrap();
    assert_eq!(both.len(), 2);
}

async fn an_external_id_is_one_customers_only(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    write!(database, |tx| store::customer::upsert(&tx, ours, &[named(1, "Asha")], now())).unwrap();
    let taken = NewCustomer { external_id: Some("crm-1".to_owned()), ..named(2, "Binod") };
    let refused = write!(database, |tx| store::customer::upsert(&tx, ours, std::slice::from_ref(&taken), now()));
    assert!(matches!(refused, Err(StoreError::Unique { what }) if what == "customer_organisation_id_external_id"));
    write!(database, |tx| store::customer::upsert(&tx, theirs, &[taken], now())).unwrap();
}
