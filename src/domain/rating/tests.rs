//! What prices come to: worked examples, the edges of tiers, and what holds of any price.

use proptest::prelude::*;

use super::*;

fn money(text: &str) -> Money {
    Money::parse_exact(text).unwrap()
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

fn tier(up_to: Option<&str>, unit_price: &str, flat_fee: &str) -> Tier {
    Tier { up_to: up_to.map(quantity), unit_price: money(unit_price), flat_fee: money(flat_fee) }
}

fn tiers() -> Vec<Tier> {
    vec![tier(Some("100"), "0.10", "0"), tier(Some("1000"), "0.08", "5"), tier(None, "0.05", "0")]
}

#[test]
fn each_model_prices_the_same_quantities_in_its_own_way() {
    let per_unit = Price::new(RateModel::PerUnit, Some(money("0.015")), vec![]).unwrap();
    let graduated = Price::new(RateModel::Graduated, None, tiers()).unwrap();
    let volume = Price::new(RateModel::Volume, None, tiers()).unwrap();
    let package = Price::new(RateModel::Package, None, vec![tier(Some("100"), "0", "7")]).unwrap();
    for (used, by_unit, by_tier, by_volume, by_package) in [
        ("0", "0", "0", "0", "0"),
        ("0.000001", "0.000000015", "0.0000001", "0.0000001", "7"),
        ("100", "1.5", "10", "10", "7"),
        ("100.000001", "1.500000015", "15.00000008", "13.00000008", "14"),
        ("500", "7.5", "47", "45", "35"),
        ("1000", "15", "87", "85", "70"),
        ("2000", "30", "137", "100", "140"),
    ] {
        let used = quantity(used);
        assert_eq!(per_unit.total(used), Some(money(by_unit)), "{used} per unit");
        assert_eq!(graduated.total(used), Some(money(by_tier)), "{used} graduated");
        assert_eq!(volume.total(used), Some(money(by_volume)), "{used} by volume");
        assert_eq!(package.total(used), Some(money(by_package)), "{used} in packages");
    }
    assert_eq!(per_unit.total(quantity("-3")), Some(Money::ZERO));
    assert_eq!(per_unit.per_unit(), Some(money("0.015")));
    assert_eq!(graduated.per_unit(), None);
}

#[test]
fn a_price_with_a_gap_an_overlap_or_no_end_is_refused_by_its_field() {
    let bad = |model, unit_price: Option<&str>, tiers: Vec<Tier>| {
        Price::new(model, unit_price.map(money), tiers).unwrap_err().field
    };
    assert_eq!(bad(RateModel::PerUnit, None, vec![]), "unitPrice");
    assert_eq!(bad(RateModel::PerUnit, Some("-1"), vec![]), "unitPrice");
    assert_eq!(bad(RateModel::PerUnit, Some("1"), tiers()), "tiers");
    assert_eq!(bad(RateModel::Volume, Some("1"), tiers()), "unitPrice");
    assert_eq!(bad(RateModel::Graduated, None, vec![]), "tiers");
    let two = |first, second| vec![tier(first, "1", "0"), tier(second, "1", "0")];
    assert_eq!(bad(RateModel::Graduated, None, two(Some("5"), Some("9"))), "tiers[1].upTo");
    assert_eq!(bad(RateModel::Graduated, None, two(None, None)), "tiers[0].upTo");
    assert_eq!(bad(RateModel::Graduated, None, two(Some("0"), None)), "tiers[0].upTo");
    let shrinking = vec![tier(Some("5"), "1", "0"), tier(Some("5"), "1", "0"), tier(None, "1", "0")];
    assert_eq!(bad(RateModel::Volume, None, shrinking), "tiers[1].upTo");
    assert_eq!(bad(RateModel::Volume, None, vec![tier(None, "-1", "0")]), "tiers[0].unitPrice");
    assert_eq!(bad(RateModel::Package, None, vec![tier(Some("0"), "0", "1")]), "tiers[0].upTo");
    assert_eq!(bad(RateModel::Package, None, vec![tier(Some("5"), "1", "1")]), "tiers[0].unitPrice");
    assert_eq!(bad(RateModel::Package, None, vec![]), "tiers");
}

prop_compose! {
    fn any_tiers()(parts in prop::collection::vec((1_i64..5_000_000_000, 0_i64..2_000_000_000, 0_i64..5_000_000_000), 1..8)) -> Vec<Tier> {
        let last = parts.len() - 1;
        let mut end = 0;
        parts.into_iter().enumerate().map(|(index, (width, price, fee))| {
            end += width;
            let up_to = (index < last).then(|| Quantity::from_micros(end));
            Tier { up_to, unit_price: Money::from_nanos(price), flat_fee: Money::from_nanos(fee) }
        }).collect()
    }
}

proptest! {
    #[test]
    fn every_quantity_falls_into_tiers_without_gap_or_overlap(tiers in any_tiers(), micros in 1_i64..50_000_000_000) {
        let used = Quantity::from_micros(micros);
        let graduated = Price::new(RateModel::Graduated, None, tiers.clone()).unwrap();
        let steps = graduated.steps(used).unwrap();
        let mut reached = Quantity::ZERO;
        for step in &steps {
            prop_assert_eq!(step.from, reached);
            prop_assert!(step.quantity > Quantity::ZERO);
            reached = reached.checked_add(step.quantity).unwrap();
        }
        prop_assert_eq!(reached, used);
        let volume = Price::new(RateModel::Volume, None, tiers).unwrap().steps(used).unwrap();
        prop_assert_eq!(volume.len(), 1);
        prop_assert!(volume[0].from < used && volume[0].up_to.is_none_or(|end| used <= end));
        prop_assert_eq!(volume[0].unit_price, steps[steps.len() - 1].unit_price);
    }

    #[test]
    fn more_never_costs_less_in_graduated_tiers_and_packages(tiers in any_tiers(), size in 1_i64..9_000_000, a in 0_i64..50_000_000_000, b in 0_i64..50_000_000_000) {
        let (less, more) = (Quantity::from_micros(a.min(b)), Quantity::from_micros(a.max(b)));
        let package = Price::Package { size: Quantity::from_micros(size), price: Money::from_nanos(7) };
        for price in [Price::Graduated(tiers), package] {
            prop_assert!(price.total(less) <= price.total(more));
        }
    }

    #[test]
    fn no_price_wraps_around(tiers in any_tiers(), micros: i64) {
        let used = Quantity::from_micros(micros);
        for price in [Price::Graduated(tiers.clone()), Price::Volume(tiers), Price::PerUnit(Money::from_nanos(i64::MAX))] {
            prop_assert!(price.total(used).is_none_or(|cost| cost >= Money::ZERO));
        }
    }
}
