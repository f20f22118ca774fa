//! The audit log: newest first, everything or one organisation's.

use wabacus::domain::audit::AuditEntry;
use wabacus::domain::id::{AuditEntryId, OrganisationId, TokenId};
use wabacus::domain::page::PageRequest;
use wabacus::store;

use crate::harness::{Database, stories, write};
use crate::sample::{now, stored_organisation};

stories! {
    entries_come_newest_first,
}

async fn entries_come_newest_first(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    let entry = |organisation_id: Option<OrganisationId>, action: &str| AuditEntry {
        id: AuditEntryId::generate(now()),
        organisation_id,
        token_id: organisation_id.map(|_| TokenId::generate(now())),
        actor: "command line".to_owned(),
        action: action.to_owned(),
        target: organisation_id.map(|id| id.to_string()),
        details: serde_json::json!({ "name": "Kedai \"Kopi\" é", "days": [1, null], "big": i64::MAX }),
        at: now(),
    };
    let entries =
        [entry(None, "createToken"), entry(Some(organisation), "updateOrganisation"), entry(None, "revokeToken")];
    for entry in &entries {
        write!(database, |tx| store::audit::insert(&tx, entry)).unwrap();
    }
    let page = async |of, request: &PageRequest<AuditEntryId>| {
        store::audit::page(database.store.read(), of, request).await.unwrap()
    };
    let [oldest, middle, newest] = entries;
    assert_eq!(page(Some(organisation), &PageRequest::first(10)).await.items, std::slice::from_ref(&middle));
    let first = page(None, &PageRequest::first(2)).await;
    assert_eq!((first.items, first.has_next), (vec![newest, middle.clone()], true));
    let rest = PageRequest { after: Some(middle.id), ..PageRequest::first(2) };
    assert_eq!(page(None, &rest).await.items, [oldest]);
}
