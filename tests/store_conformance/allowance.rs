//! Allowances over the store: their counters are the sums of the ledger whatever happens to it, and nobody is granted what another holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use entity::{allowance_counter, usage_hour, usage_record};
use futures::future::join_all;
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use sea_orm_migration::MigratorTrait as _;
use uuid::Uuid;
use wabacus::domain::allowance::{Allowance, EnforcementPolicy, Scope};
use wabacus::domain::channel::ChannelKind;
use wabacus::domain::id::{ChannelId, OrganisationId};
use wabacus::domain::usage::{Draft, Outcome};
use wabacus::service::access::Caller;
use wabacus::service::allowance::{AllowanceChange, AllowanceService, Said};
use wabacus::service::ledger::{LedgerService, Window};
use wabacus::service::{Core, ServiceError};
use wabacus::store::{self, Store};

use crate::harness::{Database, stories, write};
use crate::ledger::{core, shop};
use crate::sample::{channel, date, now};

stories! {
    two_hundred_who_reserve_a_hundred_of_ten_thousand_get_exactly_that,
    a_reservation_of_a_channel_is_held_of_its_organisation_too,
    the_counters_are_the_sums_of_the_ledger_whatever_happens_to_it,
    what_counts_anew_is_counted_from_the_ledger,
    what_was_used_before_there_were_allowances_is_counted,
    reservations_and_records_at_once_never_stop_each_other,
}

fn admin() -> Caller {
    Caller::command_line()
}

/// The services of two nodes on the database.
async fn nodes(database: &Database) -> [Arc<Core>; 2] {
    [core(database.store.clone()), core(database.open_again().await)]
}

fn blocking(daily: Option<i32>, monthly: Option<i32>) -> AllowanceChange {
    AllowanceChange {
        daily_limit: Said::Limit(daily),
        monthly_limit: Said::Limit(monthly),
        policy: Some(EnforcementPolicy::Block),
        ..AllowanceChange::default()
    }
}

async fn shown(service: &AllowanceService, scope: Scope) -> Allowance {
    service.of(&[scope]).await.unwrap().remove(&scope).unwrap()
}

async fn two_hundred_who_reserve_a_hundred_of_ten_thousand_get_exactly_that(database: &Database) {
    let shop = shop(database, "shop").await;
    let nodes = nodes(database).await.map(AllowanceService::new);
    nodes[0].set(&admin(), shop, blocking(None, Some(10_000))).await.unwrap();
    let calls = (0..200_usize).map(|number| {
        let service = nodes[number % 2].clone();
        tokio::spawn(async move { service.reserve(&admin(), shop, None, 100, 60).await })
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(|answer| answer.unwrap()).collect();
    let granted: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(granted.len(), 100);
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        let ServiceError::Conflict(why) = refused else { panic!("{refused}") };
        assert!(why.contains("monthly limit") && why.contains("of which 0 are left"), "{why}");
    }
    let after = shown(&nodes[1], Scope::whole(shop)).await;
    assert_eq!((after.monthly.reserved, after.monthly.remaining, after.daily.limit), (10_000, Some(0), None));

    // Half of them are used and the other half given back, each by two at once.
    let ends = granted.iter().enumerate().flat_map(|(number, reserved)| {
        let id = reserved.reservation.id;
        nodes.clone().map(|service| {
            tokio::spawn(async move {
                if number % 2 == 0 { service.commit(&admin(), id).await } else { service.release(&admin(), id).await }
            })
        })
    });
    for end in join_all(ends).await {
        end.unwrap().unwrap();
    }
    let after = shown(&nodes[0], Scope::whole(shop)).await;
    assert_eq!((after.monthly.used, after.monthly.reserved, after.monthly.remaining), (5_000, 0, Some(5_000)));
}

/// An organisation's WhatsApp channel with an allowance of its own.
async fn limited_channel(
    database: &Database,
    service: &AllowanceService,
    shop: OrganisationId,
    change: AllowanceChange,
) -> ChannelId {
    let channel = channel(shop, "front desk");
    write!(database, |tx| store::channel::insert(&tx, &channel, None, now())).unwrap();
    let change = AllowanceChange { channel_id: Some(channel.id), ..change };
    service.set(&admin(), shop, change).await.unwrap();
    channel.id
}

async fn a_reservation_of_a_channel_is_held_of_its_organisation_too(database: &Database) {
    let shop = shop(database, "shop").await;
    let service = AllowanceService::new(core(database.store.clone()));
    service.set(&admin(), shop, blocking(Some(100), None)).await.unwrap();
    let channel = limited_channel(database, &service, shop, blocking(Some(60), None)).await;
    let own = Scope { organisation_id: shop, channel_id: Some(channel) };
    let remaining = async || {
        let [own, whole] = [shown(&service, own).await, shown(&service, Scope::whole(shop)).await];
        (own.daily.remaining, whole.daily.remaining)
    };
    let held = service.reserve(&admin(), shop, Some(channel), 50, 60).await.unwrap();
    assert_eq!(held.allowance.scope, own);
    assert_eq!(remaining().await, (Some(10), Some(50)));
    assert!(matches!(service.reserve(&admin(), shop, Some(channel), 11, 60).await, Err(ServiceError::Conflict(_))));
    service.reserve(&admin(), shop, None, 45, 60).await.unwrap();
    let refused = service.reserve(&admin(), shop, Some(channel), 10, 60).await.unwrap_err();
    assert!(refused.to_string().contains("limit of the organisation is 100"), "{refused}");
    service.commit(&admin(), held.reservation.id).await.unwrap();
    assert_eq!(remaining().await, (Some(10), Some(5)));
    service.commit(&admin(), held.reservation.id).await.unwrap();
    assert_eq!(remaining().await, (Some(10), Some(5)), "twice is once");
}

fn message(key: &str, quantity: &str, channel: Option<ChannelId>, days_ago: i64, free: bool) -> Draft {
    Draft {
        field: key.to_owned(),
        idempotency_key: Some(key.to_owned()),
        kind: ChannelKind::Whatsapp,
        channel_id: channel.map(|id| id.to_string()),
        resource_type: if free { "free_message" } else { "message" }.to_owned(),
        resource_id: None,
        quantity: quantity.to_owned(),
        category: None,
        country: None,
        customer_id: None,
        occurred_at: Some((now() - TimeDelta::days(days_ago)).to_rfc3339()),
        metadata: None,
    }
}

type Sums = BTreeMap<(Uuid, Uuid, String, chrono::NaiveDate), i64>;

/// The counters as they are, and as they come out of the records: of the organisation, and of the channel that has one of its own.
async fn sums(database: &Database, limited: ChannelId) -> [Sums; 2] {
    let db = database.store.read();
    let counters = allowance_counter::Entity::find().all(db).await.unwrap().into_iter();
    let kept = counters.map(|row| ((row.organisation_id, row.channel_id, row.period, row.start), row.used_micros));
    let mut counted = Sums::new();
    for row in usage_record::Entity::find().all(db).await.unwrap() {
        if row.kind != "WHATSAPP" || !["message", "free_message"].contains(&row.resource_type.as_str()) {
            continue;
        }
        let month = wabacus::domain::period::Month::of(row.date).first_day();
        let own = row.channel_id.filter(|id| *id == limited.uuid());
        for channel in std::iter::once(Uuid::nil()).chain(own) {
            for (period, start) in [("DAY", row.date), ("MONTH", month)] {
                let key = (row.organisation_id, channel, period.to_owned(), start);
                *counted.entry(key).or_default() += row.quantity_micros;
            }
        }
    }
    let mut both = [kept.collect(), counted];
    for sums in &mut both {
        sums.retain(|_, micros| *micros != 0);
    }
    both
}

async fn the_counters_are_the_sums_of_the_ledger_whatever_happens_to_it(database: &Database) {
    let shops = [shop(database, "one").await, shop(database, "two").await];
    let cores = nodes(database).await;
    let allowances = AllowanceService::new(cores[0].clone());
    let channel = limited_channel(database, &allowances, shops[0], blocking(Some(10), None)).await;
    let ledgers = cores.map(LedgerService::new);
    let callers = (0..16_usize).map(|caller| {
        let (ledger, of) = (ledgers[caller % 2].clone(), shops[caller / 2 % 2]);
        let channel = Some(channel).filter(|_| of == shops[0] && caller % 3 == 0);
        tokio::spawn(async move {
            for turn in 0..6_usize {
                let days_ago = i64::try_from((caller * 5 + turn * 3) % 12).unwrap();
                let draft = |part: usize, quantity: &str| {
                    message(&format!("{caller} {turn} {part}"), quantity, channel, days_ago, part == 1)
                };
                let call = Draft {
                    kind: ChannelKind::Voice,
                    channel_id: None,
                    resource_type: "minute".to_owned(),
                    ..draft(2, "7")
                };
                let drafts = vec![draft(0, "3"), draft(1, "0.5"), call, draft(0, "3")];
                let outcomes = ledger.record(&admin(), of, drafts, Window::Live).await.unwrap();
                let [Outcome::Recorded(first), Outcome::Recorded(free), ..] = outcomes.as_slice() else {
                    panic!("{outcomes:?}")
                };
                match turn % 3 {
                    0 => drop(ledger.amend(&admin(), first.id, "5", "counted again").await.unwrap()),
                    1 => drop(ledger.void(&admin(), first.id, "never sent").await.unwrap()),
                    _ => drop(ledger.amend(&admin(), free.id, "0.25", "counted again").await.unwrap()),
                }
            }
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    let [kept, counted] = sums(database, channel).await;
    assert!(counted.len() > 20, "{counted:?}");
    assert_eq!(kept, counted);
}

async fn what_counts_anew_is_counted_from_the_ledger(database: &Database) {
    let shop = shop(database, "shop").await;
    let core = core(database.store.clone());
    let (service, ledger) = (AllowanceService::new(core.clone()), LedgerService::new(core));
    let calls = |key: &str, quantity: &str, days_ago: i64| Draft {
        kind: ChannelKind::Voice,
        resource_type: "minute".to_owned(),
        ..message(key, quantity, None, days_ago, false)
    };
    let drafts = vec![
        message("m", "2", None, 0, false),
        calls("today", "1.5", 0),
        calls("tuesday", "4", 3),
        calls("may", "9", 20),
    ];
    ledger.record(&admin(), shop, drafts, Window::Live).await.unwrap();
    let whole = Scope::whole(shop);
    let used = async || {
        let allowance = shown(&service, whole).await;
        (allowance.daily.used, allowance.monthly.used)
    };
    assert_eq!(used().await, (2, 2));
    let voice = AllowanceChange { kind: Some(ChannelKind::Voice), ..AllowanceChange::default() };
    let allowance = service.set(&admin(), shop, voice).await.unwrap();
    assert_eq!(allowance.counted.resource_type.code(), "minute");
    assert_eq!(used().await, (2, 6), "1.5 minutes today, 5.5 this month, begun ones as whole ones");
    ledger
        .record(&admin(), shop, vec![calls("later", "0.5", 0), message("n", "1", None, 0, false)], Window::Live)
        .await
        .unwrap();
    assert_eq!(used().await, (2, 6), "exactly 2 and 6");
    let back = AllowanceChange { kind: Some(ChannelKind::Whatsapp), ..AllowanceChange::default() };
    service.set(&admin(), shop, back).await.unwrap();
    assert_eq!(used().await, (3, 3));
}

async fn what_was_used_before_there_were_allowances_is_counted(database: &Database) {
    let shop = shop(database, "shop").await;
    let names: Vec<_> = migration::Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let place = names.iter().position(|name| name.ends_with("_allowance")).unwrap();
    let tx = database.store.begin().await.unwrap();
    migration::Migrator::down(&tx, Some(u32::try_from(names.len() - place).unwrap())).await.unwrap();
    for (day, hour, kind, resource_type, micros) in [
        ("2026-05-31", 9, "WHATSAPP", "message", 4_000_000),
        ("2026-06-01", 9, "WHATSAPP", "message", 1_500_000),
        ("2026-06-01", 10, "WHATSAPP", "free_message", 2_000_000),
        ("2026-06-01", 10, "SMS", "message", 8_000_000),
        ("2026-06-05", 10, "WHATSAPP", "message", 3_000_000),
    ] {
        let row = usage_hour::Model {
            organisation_id: shop.uuid(),
            date: date(day),
            hour,
            kind: kind.to_owned(),
            resource_type: resource_type.to_owned(),
            category: String::new(),
            country: String::new(),
            channel_id: Uuid::nil(),
            rate_id: Uuid::nil(),
            quantity_micros: micros,
            cost_nanos: 0,
            records: 1,
            unpriced: 0,
        };
        row.into_active_model().insert(&tx).await.unwrap();
    }
    Store::commit(tx).await.unwrap();
    database.store.migrate().await.unwrap();
    let rows = allowance_counter::Entity::find().all(database.store.read()).await.unwrap();
    let mut counted: Vec<_> =
        rows.iter().map(|row| (row.period.as_str(), row.start.to_string(), row.used_micros)).collect();
    counted.sort_unstable();
    let expected = [
        ("DAY", "2026-05-31", 4_000_000),
        ("DAY", "2026-06-01", 3_500_000),
        ("DAY", "2026-06-05", 3_000_000),
        ("MONTH", "2026-05-01", 4_000_000),
        ("MONTH", "2026-06-01", 6_500_000),
    ];
    assert_eq!(counted, expected.map(|(period, start, micros)| (period, start.to_owned(), micros)));
    let service = AllowanceService::new(core(database.store.clone()));
    let allowance = shown(&service, Scope::whole(shop)).await;
    assert_eq!((allowance.daily.used, allowance.monthly.used), (3, 7));
}

async fn reservations_and_records_at_once_never_stop_each_other(database: &Database) {
    let shops = [shop(database, "one").await, shop(database, "two").await];
    let cores = nodes(database).await;
    let services = cores.clone().map(AllowanceService::new);
    let ledgers = cores.map(LedgerService::new);
    for shop in shops {
        services[0].set(&admin(), shop, blocking(None, None)).await.unwrap();
    }
    let callers = (0..24_usize).map(|caller| {
        let (service, ledger) = (services[caller % 2].clone(), ledgers[caller / 2 % 2].clone());
        let shop = shops[caller / 4 % 2];
        tokio::spawn(async move {
            for turn in 0..8 {
                let held = service.reserve(&admin(), shop, None, 2, 60).await.unwrap().reservation.id;
                service.commit(&admin(), held).await.unwrap();
                let drafts =
                    (0..2).map(|part| message(&format!("{caller} {turn} {part}"), "1", None, 0, false)).collect();
                ledger.record(&admin(), shop, drafts, Window::Live).await.unwrap();
            }
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    for shop in shops {
        let allowance = shown(&services[0], Scope::whole(shop)).await;
        assert_eq!(
            (allowance.daily.used, allowance.daily.reserved),
            (192, 0),
            "what was committed is recorded, each once"
        );
    }
}
