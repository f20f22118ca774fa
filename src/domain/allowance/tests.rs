//! Allowances as they add up: limits, grace, midnights, and that nothing is ever granted twice.

use proptest::prelude::*;

use super::*;
use crate::domain::id::ReservationId;

const NOON: &str = "2026-06-05T12:00:00Z";

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn scope() -> Scope {
    Scope::whole(OrganisationId::from_uuid(uuid::Uuid::from_u128(1)))
}

fn rule(daily: Option<i32>, monthly: Option<i32>, policy: EnforcementPolicy, grace_percent: u8) -> Rule {
    let terms = Terms { policy, grace_percent, ..Terms::of_plan() };
    Rule { scope: scope(), zone: Zone::from_name("Asia/Kuala_Lumpur").unwrap(), terms, plan: (daily, monthly) }
}

fn units(count: i64) -> Quantity {
    Quantity::whole(count).unwrap()
}

fn used(day: i64, month: i64) -> [Counter; 2] {
    [day, month].map(|count| Counter { used: units(count), ..Counter::default() })
}

fn shown(rule: &Rule, [day, month]: [Counter; 2]) -> Allowance {
    Allowance::new(rule, at(NOON), [&day, &month]).unwrap()
}

fn reservation(quantity: i64, day: &str, expires_at: &str) -> Reservation {
    Reservation {
        id: ReservationId::from_uuid(uuid::Uuid::from_u128(7)),
        scope: scope(),
        quantity: units(quantity),
        state: ReservationState::Open,
        day: day.parse().unwrap(),
        expires_at: at(expires_at),
        due_at: Some(at(expires_at)),
        marks: (Quantity::ZERO, Quantity::ZERO),
        upto: None,
        created_at: at(NOON),
    }
}

#[test]
fn the_worked_figures() {
    let allowance = shown(&rule(Some(1_000), Some(30_000), EnforcementPolicy::Allow, 0), used(0, 45));
    assert_eq!((allowance.daily.remaining, allowance.monthly.remaining), (Some(1_000), Some(29_955)));
    assert_eq!(allowance.daily.resets_at, at("2026-06-05T16:00:00Z"), "midnight in Kuala Lumpur");
    assert_eq!(allowance.monthly.resets_at, at("2026-06-30T16:00:00Z"));
    assert_eq!(allowance.overage(), 0);
}

#[test]
fn what_remains_is_never_below_zero_and_the_rest_is_shown_beside_it() {
    let allowance = shown(&rule(Some(100), Some(1_000), EnforcementPolicy::Allow, 0), used(130, 1_010));
    assert_eq!((allowance.daily.remaining, allowance.monthly.remaining), (Some(0), Some(0)));
    assert_eq!(allowance.overage(), 30, "the larger one");
}

#[test]
fn no_limit_is_none_and_not_a_number() {
    let rule = rule(None, None, EnforcementPolicy::Block, 0);
    let allowance = shown(&rule, used(5, 5));
    assert_eq!((allowance.daily.limit, allowance.daily.remaining, allowance.overage()), (None, None, 0));
    let check = Check::new(&[allowance], units(10_000_000), true);
    assert!(check.within_limits && check.available.is_none() && check.limited_by.is_none());
    assert_eq!(Book::default().refuse(&[&rule], at(NOON), units(10_000_000)), Ok(None));
}

#[test]
fn a_begun_unit_is_a_used_one() {
    let day = Counter { used: Quantity::from_micros(2_000_001), ..Counter::default() };
    let allowance = shown(&rule(Some(3), None, EnforcementPolicy::Allow, 0), [day, day]);
    assert_eq!((allowance.daily.used, allowance.daily.remaining), (3, Some(0)));
}

#[test]
fn grace_lets_a_reservation_go_beyond_a_limit_but_not_far() {
    let rule = rule(Some(1_000), None, EnforcementPolicy::Block, 10);
    let [day, month] = CounterKey::both(scope(), "2026-06-05".parse().unwrap());
    let [today, this_month] = used(1_000, 1_000);
    let book = Book::new([(day, today), (month, this_month)]);
    assert_eq!(book.refuse(&[&rule], at(NOON), units(100)), Ok(None));
    let refused = book.refuse(&[&rule], at(NOON), units(101)).unwrap().unwrap();
    assert_eq!(
        refused.to_string(),
        "the daily limit of the organisation is 1000 with 10 per cent of grace, of which 100 are left; it begins anew at 2026-06-05T16:00:00Z"
    );
}

#[test]
fn the_limit_that_leaves_least_is_named_and_of_two_the_one_that_lasts() {
    let check = |day, month| {
        let allowance = shown(&rule(Some(100), Some(1_000), EnforcementPolicy::Allow, 0), used(day, month));
        let check = Check::new(&[allowance], units(20), true);
        (check.available, check.limited_by, check.within_limits)
    };
    assert_eq!(check(50, 50), (Some(50), Some(AllowancePeriod::Day), true));
    assert_eq!(check(50, 990), (Some(10), Some(AllowancePeriod::Month), false));
    assert_eq!(check(100, 1_000), (Some(0), Some(AllowancePeriod::Month), false));
}

#[test]
fn a_free_message_counts_as_one() {
    let resource = |kind, code| Resource {
        kind,
        resource_type: ResourceType::from_code(code).unwrap(),
        category: None,
        country: None,
    };
    let counted = Counted::usual(ChannelKind::Whatsapp);
    assert!(counted.counts(&resource(ChannelKind::Whatsapp, "message")));
    assert!(counted.counts(&resource(ChannelKind::Whatsapp, "free_message")));
    assert!(!counted.counts(&resource(ChannelKind::Sms, "message")));
    assert!(!Counted::usual(ChannelKind::Sms).counts(&resource(ChannelKind::Sms, "free_message")));
    for kind in ChannelKind::ALL {
        assert!(Counted::usual(*kind).resource_types().count() > 0, "{kind}");
    }
}

#[test]
fn what_is_open_at_midnight_is_held_of_the_new_day() {
    let today = "2026-06-06".parse().unwrap();
    let mut book = Book::default();
    let mut held = reservation(40, "2026-06-05", "2026-06-05T16:30:00Z");
    book.reserve(&mut held).unwrap();
    let lot = held.age(at("2026-06-05T16:10:00Z"), today).unwrap();
    book.pass(&lot, today).unwrap();
    let [day, month] = CounterKey::both(scope(), today);
    assert_eq!((book.counter(day).reserved, book.counter(month).reserved), (units(40), units(40)));
    let [yesterday, _] = CounterKey::both(scope(), "2026-06-05".parse().unwrap());
    assert_eq!(book.counter(yesterday).reserved, Quantity::ZERO);
    book.commit(&mut held, at("2026-06-05T16:20:00Z")).unwrap();
    assert_eq!((book.counter(day).spent(), book.counter(yesterday).spent()), (Ok(units(40)), Ok(Quantity::ZERO)));
}

/// What callers and time do to reservations.
#[derive(Debug, Clone, Copy)]
enum Step {
    Reserve(i64),
    Commit(usize),
    Release(usize),
    Hours(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..60_i64).prop_map(Step::Reserve),
        3 => any::<usize>().prop_map(Step::Commit),
        1 => any::<usize>().prop_map(Step::Release),
        1 => (1..9_i64).prop_map(Step::Hours),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #[test]
    fn what_is_granted_never_goes_beyond_the_limits(steps in steps()) {
        let rule = rule(Some(100), Some(250), EnforcementPolicy::Block, 0);
        let (mut now, mut book, mut all) = (at(NOON), Book::default(), Vec::<Reservation>::new());
        for step in steps {
            if let Step::Hours(hours) = step {
                now += chrono::TimeDelta::hours(hours);
            }
            let today = rule.zone.date(now);
            for reservation in &mut all {
                if let Some(lot) = reservation.age(now, today) {
                    book.pass(&lot, today).unwrap();
                }
            }
            if let Step::Reserve(count) = step
                && book.refuse(&[&rule], now, units(count)).unwrap().is_none()
            {
                let expires_at = now + chrono::TimeDelta::hours(3);
                let due_at = Some(expires_at);
                let mut new = Reservation { expires_at, due_at, day: today, ..reservation(count, "2026-06-05", NOON) };
                book.reserve(&mut new).unwrap();
                all.push(new);
            }
            let count = all.len().max(1);
            if let Step::Commit(place) | Step::Release(place) = step
                && let Some(one) = all.get_mut(place % count).filter(|one| one.state == ReservationState::Open)
            {
                if matches!(step, Step::Commit(_)) {
                    book.commit(one, now).unwrap();
                } else {
                    book.release(one).unwrap();
                }
            }
            for key in CounterKey::both(scope(), today) {
                let counter = book.counter(key);
                prop_assert!(counter.taken().unwrap() <= rule.bound(key.period).unwrap());
                let open = all.iter().filter(|one| one.state == ReservationState::Open);
                prop_assert_eq!(counter.reserved, units(open.map(|one| one.quantity.micros() / 1_000_000).sum()));
            }
        }
    }
}
