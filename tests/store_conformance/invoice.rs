//! Credits and invoices: granted once, numbered without a gap, and made final once, however many try at the same time.

use std::sync::Arc;

use wabacus::bsp::{self, Bsps};
use wabacus::domain::clock::ManualClock;
use wabacus::domain::credit::{CreditEntry, CreditEntryKind, CreditSource, Grant};
use wabacus::domain::id::{CreditEntryId, CreditGrantId, InvoiceId, OrganisationId};
use wabacus::domain::invoice::InvoiceState;
use wabacus::domain::money::Money;
use wabacus::domain::page::PageRequest;
use wabacus::domain::period::Month;
use wabacus::service::access::Caller;
use wabacus::service::invoice::InvoiceService;
use wabacus::service::{Core, CoreParts};
use wabacus::store::{self, Store};

use crate::harness::{Database, stories, write};
use crate::sample::{hour, month, now, stored_organisation};

stories! {
    the_included_credit_of_a_month_is_granted_once,
    numbers_have_no_gap,
    two_processes_make_each_invoice_final_once,
}

fn grant(organisation_id: OrganisationId, of: Option<Month>) -> Grant {
    let source = if of.is_some() { CreditSource::Included } else { CreditSource::Prepaid };
    Grant {
        id: CreditGrantId::generate(now()),
        organisation_id,
        source,
        month: of,
        reason: "a gift".to_owned(),
        expires_at: of.is_none().then(|| hour(1)),
        granted_at: now(),
    }
}

fn entry(grant: &Grant, kind: CreditEntryKind, nanos: i64) -> CreditEntry {
    CreditEntry {
        id: CreditEntryId::generate(now()),
        organisation_id: grant.organisation_id,
        grant_id: grant.id,
        kind,
        amount: Money::from_nanos(nanos),
        reason: "because".to_owned(),
        invoice_id: None,
        at: now(),
    }
}

async fn the_included_credit_of_a_month_is_granted_once(database: &Database) {
    let id = stored_organisation(database, "Kedai Kopi").await.id;
    let (june, prepaid) = (grant(id, Some(month("2026-06"))), grant(id, None));
    let insert = async |grant: &Grant| write!(database, |tx| store::credit::insert_grant(&tx, grant)).unwrap();
    assert!(insert(&june).await);
    assert!(!insert(&grant(id, Some(month("2026-06")))).await);
    assert!(insert(&prepaid).await);
    assert!(insert(&grant(id, None)).await, "prepaid credit any number of times");
    let entries = [
        entry(&june, CreditEntryKind::Grant, 10),
        entry(&prepaid, CreditEntryKind::Grant, 7),
        entry(&june, CreditEntryKind::Burn, -10),
        entry(&prepaid, CreditEntryKind::Burn, -3),
    ];
    write!(database, |tx| store::credit::insert_entries(&tx, &entries)).unwrap();
    let db = database.store.read();
    let funds = store::credit::funds(db, id).await.unwrap();
    let left: Vec<_> = funds.iter().map(|fund| (fund.grant.clone(), fund.left.nanos())).collect();
    assert_eq!(left, [(june.clone(), 0), (prepaid.clone(), 4)]);
    assert_eq!(store::credit::included(db, id, month("2026-06")).await.unwrap(), Some(june.clone()));
    assert_eq!(store::credit::entries_of_grant(db, id, june.id).await.unwrap().len(), 2);
    let page = store::credit::page(db, id, &PageRequest::first(2)).await.unwrap();
    let [burned, used] = [entries[3].clone(), entries[2].clone()];
    assert_eq!((page.items, page.has_next), (vec![(burned, prepaid), (used, june)], true));
    let other = stored_organisation(database, "Stranger").await.id;
    assert!(store::credit::funds(db, other).await.unwrap().is_empty());
}

async fn numbers_have_no_gap(database: &Database) {
    let take = async || write!(database, |tx| store::invoice::take_number(&tx, 2026)).unwrap();
    assert_eq!((take().await, take().await), (1, 2));
    let tx = database.store.begin().await.unwrap();
    assert_eq!(store::invoice::take_number(&tx, 2026).await.unwrap(), 3);
    drop(tx);
    assert_eq!(take().await, 3, "a number of a transaction that came to nothing is taken again");
    assert_eq!(write!(database, |tx| store::invoice::take_number(&tx, 2027)).unwrap(), 1);
}

/// The invoices of a process.
fn process(store: Store) -> (Arc<Core>, InvoiceService) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let clock = Arc::new(ManualClock::at("2026-07-02T06:00:00Z".parse().unwrap()));
    let bsps = Bsps::new(bsp::Options::default(), clock.clone()).unwrap();
    let core = Core::new(CoreParts::alone(store, clock, bsps));
    (Arc::clone(&core), InvoiceService::new(core))
}

async fn two_processes_make_each_invoice_final_once(database: &Database) {
    let mut organisations = Vec::new();
    for number in 0..6 {
        organisations.push(stored_organisation(database, &format!("Shop {number}")).await.id);
    }
    let admin = Caller::command_line();
    let (_one, here) = process(database.store.clone());
    let (_other, there) = process(database.open_again().await);
    let mut ids: Vec<InvoiceId> = Vec::new();
    for id in &organisations {
        let (ours, theirs) =
            (here.generate(&admin, *id, month("2026-06")), there.generate(&admin, *id, month("2026-06")));
        let (ours, theirs) = tokio::join!(ours, theirs);
        assert_eq!(ours.unwrap().id, theirs.as_ref().unwrap().id, "both made the same draft");
        ids.push(theirs.unwrap().id);
    }
    let attempts = ids.iter().flat_map(|id| [(here.clone(), *id), (there.clone(), *id)]).map(|(service, id)| {
        let admin = admin.clone();
        tokio::spawn(async move { service.finalize(&admin, id).await.unwrap() })
    });
    let mut numbers = std::collections::BTreeMap::new();
    for done in futures::future::join_all(attempts).await {
        let invoice = done.unwrap();
        assert_eq!(invoice.state, InvoiceState::Finalized);
        let number = invoice.number.unwrap();
        assert_eq!(numbers.insert(invoice.id, number.clone()).unwrap_or_else(|| number.clone()), number);
    }
    let mut taken: Vec<_> = numbers.into_values().collect();
    taken.sort_unstable();
    let expected: Vec<_> = (1..=6).map(|number| format!("INV-2026-{number:06}")).collect();
    assert_eq!(taken, expected, "one number each, and no gap");
    for (organisation, id) in organisations.iter().zip(&ids) {
        let lines = store::invoice::lines(database.store.read(), &[*id]).await.unwrap();
        assert_eq!(lines.len(), 1, "its lines are there once");
        let entries = store::credit::page(database.store.read(), *organisation, &PageRequest::first(10)).await.unwrap();
        let kinds: Vec<_> = entries.items.iter().map(|(entry, _)| entry.kind).collect();
        assert_eq!(kinds, [CreditEntryKind::Expiry, CreditEntryKind::Grant], "and its credit is settled once");
    }
}
