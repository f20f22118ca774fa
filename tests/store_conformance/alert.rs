//! Alerts: one under a key while it stands, however many raise it.

use chrono::TimeDelta;
use futures::future::join_all;
use wabacus::domain::alert::{Alert, AlertKind, AlertPeriod, Figures, NewAlert};
use wabacus::domain::channel::ChannelKind;
use wabacus::domain::clock::Instant;
use wabacus::domain::id::{AlertId, ChannelId, OrganisationId};
use wabacus::domain::page::PageRequest;
use wabacus::domain::quantity::Quantity;
use wabacus::domain::usage::Draft;
use wabacus::service::access::Caller;
use wabacus::service::ledger::{LedgerService, Window};
use wabacus::store::alert::Filter;
use wabacus::store::{self, Store};

use crate::harness::{Database, stories, write};
use crate::ledger::{core, shop};
use crate::sample::{date, hour, now};

stories! {
    what_stands_is_there_once_and_may_come_again_when_it_has_recovered,
    a_page_shows_what_is_open_or_what_is_not,
    what_is_over_goes_when_it_is_old_and_what_stands_is_kept,
    many_recorders_across_a_threshold_raise_it_once,
}

fn of_channel(organisation: OrganisationId, channel: u128) -> NewAlert {
    let channel_id = Some(ChannelId::from_uuid(uuid::Uuid::from_u128(channel)));
    NewAlert { channel_id, ..NewAlert::new(organisation, AlertKind::ChannelNeedsAttention, "a channel") }
}

fn of_day(organisation: OrganisationId, threshold: i32, ends_at: Instant) -> NewAlert {
    let figures = Figures::of_quantity(Quantity::whole(900).unwrap(), Quantity::whole(1_000).unwrap());
    NewAlert {
        threshold: Some(threshold),
        figures: Some(figures),
        period: Some(AlertPeriod { start: date("2026-06-05"), ends_at }),
        ..NewAlert::new(organisation, AlertKind::AllowanceDaily, "a day")
    }
}

fn raised(about: NewAlert, at: Instant) -> Alert {
    Alert { id: AlertId::generate(at), about, raised_at: at, recovered_at: None }
}

async fn insert(database: &Database, alerts: &[Alert]) -> Vec<AlertId> {
    write!(database, |tx| store::alert::insert(&tx, alerts)).unwrap()
}

async fn what_stands_is_there_once_and_may_come_again_when_it_has_recovered(database: &Database) {
    let (ours, theirs) = (shop(database, "Kirana").await, shop(database, "Bazaar").await);
    let first = raised(of_day(ours, 80, hour(6)), now());
    let others = [raised(of_day(ours, 90, hour(6)), now()), raised(of_day(theirs, 80, hour(6)), now())];
    assert_eq!(insert(database, std::slice::from_ref(&first)).await, [first.id]);
    let again = raised(of_day(ours, 80, hour(6)), hour(1));
    let batch = [again.clone(), others[0].clone(), raised(of_day(ours, 90, hour(6)), now()), others[1].clone()];
    assert_eq!(insert(database, &batch).await, [others[0].id, others[1].id], "each key once, of each organisation");
    assert_eq!(store::alert::find(database.store.read(), first.id).await.unwrap(), Some(first.clone()));

    let keys = [(ours, first.about.key()), (ours, of_channel(ours, 1).key())];
    let standing = write!(database, |tx| store::alert::standing_under(&tx, &keys)).unwrap();
    assert_eq!(standing, std::slice::from_ref(&first));
    write!(database, |tx| store::alert::recover(&tx, &[first.id], hour(1))).unwrap();
    write!(database, |tx| store::alert::recover(&tx, &[first.id], hour(2))).unwrap();
    let over = store::alert::find(database.store.read(), first.id).await.unwrap().unwrap();
    assert_eq!(over.recovered_at, Some(hour(1)), "it recovers once");
    assert_eq!(insert(database, std::slice::from_ref(&again)).await, [again.id]);
    let kinds = [AlertKind::AllowanceDaily];
    let standing = write!(database, |tx| store::alert::standing(&tx, &[ours], &kinds)).unwrap();
    let thresholds: Vec<_> = standing.iter().map(|alert| alert.about.threshold).collect();
    assert_eq!(thresholds, [Some(90), Some(80)]);
}

async fn a_page_shows_what_is_open_or_what_is_not(database: &Database) {
    let (ours, theirs) = (shop(database, "Kirana").await, shop(database, "Bazaar").await);
    let alerts = [
        raised(of_day(ours, 80, hour(6)), now()),
        raised(of_channel(ours, 1), now()),
        raised(of_channel(ours, 2), now()),
        raised(of_channel(theirs, 3), now()),
    ];
    insert(database, &alerts).await;
    write!(database, |tx| store::alert::recover(&tx, &[alerts[1].id], hour(1))).unwrap();
    for (organisation, open, expected) in [
        (None, None, vec![3, 2, 1, 0]),
        (Some(ours), None, vec![2, 1, 0]),
        (Some(ours), Some((true, hour(5))), vec![2, 0]),
        (Some(ours), Some((true, hour(6))), vec![2]),
        (Some(ours), Some((false, hour(6))), vec![1, 0]),
        (None, Some((true, hour(6))), vec![3, 2]),
    ] {
        let filter = Filter { organisation, open };
        let page = store::alert::page(database.store.read(), &filter, &PageRequest::first(10)).await.unwrap();
        let ids: Vec<_> = page.items.iter().map(|alert| alert.id).collect();
        assert_eq!(ids, expected.iter().map(|index| alerts[*index].id).collect::<Vec<_>>(), "{filter:?}");
        for alert in page.items {
            let is_open = open.is_none_or(|(open, at)| alert.is_open(at) == open);
            assert!(is_open, "{alert:?}");
        }
    }
}

async fn what_is_over_goes_when_it_is_old_and_what_stands_is_kept(database: &Database) {
    let ours = shop(database, "Kirana").await;
    let alerts = [
        raised(of_day(ours, 80, hour(6)), now()),
        raised(of_channel(ours, 1), now()),
        raised(of_channel(ours, 2), now()),
        raised(NewAlert::new(ours, AlertKind::JobFailed, "a run"), now()),
        raised(of_day(ours, 90, hour(60)), now()),
    ];
    insert(database, &alerts).await;
    write!(database, |tx| store::alert::recover(&tx, &[alerts[1].id], hour(2))).unwrap();
    let delete = async |before| write!(database, |tx| store::alert::delete_before(&tx, ours, before, 2)).unwrap();
    assert_eq!(delete(now()).await, 0);
    assert_eq!((delete(hour(24)).await, delete(hour(24)).await, delete(hour(24)).await), (2, 1, 0));
    let page = store::alert::page(database.store.read(), &Filter::default(), &PageRequest::first(10)).await.unwrap();
    let left: Vec<_> = page.items.iter().map(|alert| alert.id).collect();
    assert_eq!(left, [alerts[4].id, alerts[2].id]);
}

fn draft(number: usize) -> Draft {
    // Counters of different resources are rows of their own, so that only what is held for alerts brings their recorders in order.
    let (kind, resource_type, quantity) = match number % 3 {
        0 => (ChannelKind::Voice, "minute", "500"),
        1 => (ChannelKind::Sms, "message", "1000"),
        _ => (ChannelKind::Whatsapp, "message", "500"),
    };
    Draft {
        field: number.to_string(),
        idempotency_key: Some(number.to_string()),
        kind,
        channel_id: None,
        resource_type: resource_type.to_owned(),
        resource_id: None,
        quantity: quantity.to_owned(),
        category: None,
        country: None,
        customer_id: None,
        occurred_at: Some((now() - TimeDelta::minutes(1)).to_rfc3339()),
        metadata: None,
    }
}

async fn many_recorders_across_a_threshold_raise_it_once(database: &Database) {
    let ours = shop(database, "Kirana").await;
    let mut nodes = Vec::new();
    for _ in 0..8 {
        let store: Store = database.open_again().await;
        nodes.push(LedgerService::new(core(store)));
    }
    let caller = Caller::command_line();
    // All eight together cost the credit of 50 to the cent, and are all the messages that a day allows: whoever is last has to see the others.
    let calls =
        nodes.iter().enumerate().map(|(number, node)| node.record(&caller, ours, vec![draft(number)], Window::Live));
    for outcome in join_all(calls).await {
        outcome.unwrap();
    }
    let page = store::alert::page(database.store.read(), &Filter::default(), &PageRequest::first(100)).await.unwrap();
    let mut told: Vec<_> = page.items.iter().map(|alert| (alert.about.kind, alert.about.threshold.unwrap())).collect();
    told.sort_unstable();
    let expected: Vec<_> = [AlertKind::AllowanceDaily, AlertKind::Credit]
        .into_iter()
        .flat_map(|kind| [80, 90, 100].map(|threshold| (kind, threshold)))
        .collect();
    assert_eq!(told, expected);
}
