//! Customers: made and changed by their numbers, and whose they are.

use wabacus::domain::customer::{Engagement, NewCustomer};
use wabacus::domain::id::{CustomerId, OrganisationId};
use wabacus::domain::page::PageRequest;
use wabacus::domain::phone::PhoneNumber;
use wabacus::store;
use wabacus::store::StoreError;

use crate::harness::{Database, stories, write};
use crate::sample::{date, hour, now, stored_organisation};

stories! {
    a_customer_is_made_once_and_changed_after,
    an_external_id_is_one_customers_only,
    customers_are_listed_newest_first_and_searched,
    what_a_customer_did_is_counted_over_all_days,
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

async fn customers_are_listed_newest_first_and_searched(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let db = database.store.read();
    for (last, name) in [(1, "Asha"), (2, "Binod 100%"), (3, "Chitra_x")] {
        write!(database, |tx| store::customer::upsert(&tx, ours, &[named(last, name)], now())).unwrap();
    }
    write!(database, |tx| store::customer::upsert(&tx, theirs, &[named(1, "Asha")], now())).unwrap();
    let names = async |search: Option<&str>, request: PageRequest<CustomerId>| {
        let page = store::customer::page(db, ours, search, &request).await.unwrap();
        let names: Vec<_> = page.items.iter().map(|customer| customer.name.clone().unwrap()).collect();
        (names.join(", "), page.items.last().map(|customer| customer.id), page.has_next)
    };
    let (first, last, more) = names(None, PageRequest::first(2)).await;
    assert_eq!((first.as_str(), more), ("Chitra_x, Binod 100%", true));
    let (second, _, more) = names(None, PageRequest { after: last, ..PageRequest::first(2) }).await;
    assert_eq!((second.as_str(), more), ("Asha", false));
    for (search, found) in [
        ("aSHa", "Asha"),
        ("00002", "Binod 100%"),
        ("CRM-3", "Chitra_x"),
        ("0%", "Binod 100%"),
        ("a_x", "Chitra_x"),
        ("%", "Binod 100%"),
        ("!", ""),
    ] {
        assert_eq!(names(Some(search), PageRequest::first(9)).await.0, found, "{search}");
    }
}

async fn what_a_customer_did_is_counted_over_all_days(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let db = database.store.read();
    let [asha, binod] = [(); 2].map(|()| CustomerId::generate(now()));
    let (one, other, none) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2), uuid::Uuid::nil());
    let row =
        |organisation: OrganisationId, on: &str, campaign_id, [messages, delivered, engaged, replied]: [i64; 4]| {
            entity::contact_day::Model {
                organisation_id: organisation.uuid(),
                date: date(on),
                customer_id: asha.uuid(),
                channel_id: one,
                campaign_id,
                messages,
                delivered,
                engaged,
                replied,
            }
        };
    for row in [
        row(ours, "2026-06-01", one, [3, 3, 2, 1]),
        row(ours, "2026-06-02", one, [1, 1, 1, 0]),
        row(ours, "2026-06-02", other, [1, 1, 0, 0]),
        row(ours, "2026-06-03", none, [4, 4, 4, 2]),
        row(ours, "2026-06-04", other, [0, 0, 0, 0]),
        row(theirs, "2026-06-05", other, [9, 9, 9, 9]),
    ] {
        write!(database, |tx| insert(&tx, row)).unwrap();
    }
    let found = store::customer::engagement(db, ours, &[asha, binod]).await.unwrap();
    let did = Engagement {
        messages: 9,
        replied: 3,
        last_active_on: Some(date("2026-06-03")),
        campaigns_received: 2,
        campaigns_engaged: 1,
    };
    assert_eq!((found.get(&asha), found.get(&binod)), (Some(&did), None));
}

async fn insert(tx: &store::Transaction, row: entity::contact_day::Model) -> Result<(), sea_orm::DbErr> {
    use sea_orm::{EntityTrait as _, IntoActiveModel as _};
    let insert = entity::contact_day::Entity::insert(row.into_active_model());
    insert.exec_without_returning(tx).await.map(drop)
}
