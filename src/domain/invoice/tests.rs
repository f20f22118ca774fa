//! Stories and properties of invoices.

use proptest::prelude::*;

use super::*;
use crate::domain::account_usage::UsageCategory;
use crate::domain::channel::ChannelKind;
use crate::domain::credit::{Fund, Grant, Purse};
use crate::domain::id::CreditGrantId;
use crate::domain::usage::{Country, ResourceType};

fn month(text: &str) -> Month {
    Month::parse("month", text).unwrap()
}

fn money(text: &str) -> Money {
    Money::parse_exact(text).unwrap()
}

fn organisation() -> OrganisationId {
    OrganisationId::from_uuid(Uuid::from_u128(7))
}

fn plan(currency: &str) -> Plan {
    Plan {
        id: PlanId::from_uuid(Uuid::from_u128(3)),
        code: "professional".to_owned(),
        name: "Professional".to_owned(),
        monthly_fee: money("99"),
        included_credit: money("50"),
        currency: Currency::from_code(currency).unwrap(),
        daily_limit: None,
        monthly_limit: None,
        created_at: Instant::default(),
    }
}

fn charge(kind: ChannelKind, resource: &str, usage: &str, quantity: i64, amount: &str) -> Charge {
    Charge {
        resource: Resource {
            kind,
            resource_type: ResourceType::parse("resourceType", resource).unwrap(),
            category: None,
            country: None,
        },
        rate_id: Some(RateId::from_uuid(Uuid::from_u128(1))),
        usage_month: month(usage),
        quantity: Quantity::whole(quantity).unwrap(),
        unit_price: None,
        amount: money(amount),
        records: quantity,
        unpriced: 0,
        steps: Vec::new(),
        charged_before: Money::ZERO,
    }
}

fn included(amount: Money) -> Fund {
    let grant = Grant {
        id: CreditGrantId::from_uuid(Uuid::from_u128(5)),
        organisation_id: organisation(),
        source: CreditSource::Included,
        month: Some(month("2026-06")),
        reason: String::new(),
        expires_at: None,
        granted_at: Instant::default(),
    };
    Fund { grant, left: amount }
}

#[test]
fn lines_say_in_plain_words_what_they_are_for() {
    let plan = plan("USD");
    let subject = Subject { organisation_id: organisation(), month: month("2026-06"), plan: &plan };
    let mut marketing = charge(ChannelKind::Whatsapp, "message", "2026-06", 3, "0.015");
    marketing.resource.category = Some(UsageCategory::MarketingLite);
    marketing.resource.country = Some(Country::parse("country", "IN").unwrap());
    let mut unpriced = charge(ChannelKind::Social, "likes", "2026-06", 3, "0");
    unpriced.rate_id = None;
    let charges = [
        charge(ChannelKind::Voice, "minute", "2026-05", 10, "0.15"),
        charge(ChannelKind::Voice, "minute", "2026-06", 500, "7.5"),
        charge(ChannelKind::Sms, "mms", "2026-06", 0, "0"),
        marketing,
        unpriced,
    ];
    let mut lines = subject.charged(&charges).unwrap();
    let mut purse = Purse::new([included(plan.included_credit)]);
    let june = Zone::UTC.month(month("2026-06"));
    let settlement = purse.settle(month("2026-06"), june, due(&lines).unwrap(), 2).unwrap();
    lines.extend(subject.credited(&settlement).unwrap());
    let said: Vec<_> = lines.iter().map(|line| (line.description.as_str(), line.amount.to_string())).collect();
    let expected = [
        ("Plan Professional, June 2026", "99"),
        ("Voice minutes", "7.5"),
        ("WhatsApp messages, marketing lite, IN", "0.02"),
        ("Social likes (no price yet)", "0"),
        ("Adjustment for May 2026: Voice minutes", "0.15"),
        ("Included credit, June 2026", "-7.67"),
    ];
    assert_eq!(said, expected.map(|(text, amount)| (text, amount.to_owned())));
    let sums = sums(&lines).unwrap();
    assert_eq!(sums, Sums { subtotal: money("106.67"), credits_applied: money("7.67"), total: money("99") });
    assert!(lines.iter().all(|line| line.invoice_id == invoice_id(organisation(), month("2026-06"))));
}

#[test]
fn ids_are_made_of_what_they_identify_and_a_line_leads_to_its_invoice() {
    let (june, july) = (month("2026-06"), month("2026-07"));
    let id = invoice_id(organisation(), june);
    assert_eq!(id, invoice_id(organisation(), june));
    assert!(id < invoice_id(organisation(), july), "later months come after earlier ones");
    assert_eq!((id.uuid().get_version_num(), month_of(id)), (7, Some(june)));
    let line = line_id(id, "fee");
    assert_ne!(line, line_id(id, "other"));
    let (first, last) = invoices_of_line(line);
    assert!(first <= id && id <= last);
    let other = invoice_id(organisation(), july);
    assert!(!(first <= other && other <= last));
}

#[test]
fn a_number_has_its_year_and_the_grace_ends_at_a_local_midnight() {
    assert_eq!(number(2026, 42), "INV-2026-000042");
    let kolkata = Zone::from_name("Asia/Kolkata").unwrap();
    let end = grace_end(kolkata, month("2026-05"), 3);
    assert_eq!(end, "2026-06-03T18:30:00Z".parse::<Instant>().unwrap());
    assert_eq!(grace_end(kolkata, month("2026-05"), 0), kolkata.month(month("2026-05")).end);
}

#[test]
fn a_forecast_goes_on_as_it_began_and_credits_pay_what_they_can() {
    let plan = plan("USD");
    let subject = Subject { organisation_id: organisation(), month: month("2026-06"), plan: &plan };
    let charges = [
        charge(ChannelKind::Voice, "minute", "2026-06", 500, "7.5"),
        charge(ChannelKind::Voice, "minute", "2026-05", 10, "0.15"),
    ];
    let lines = subject.charged(&charges).unwrap();
    let june = Zone::UTC.month(month("2026-06"));
    let at = |text: &str| forecast(&lines, money("50"), june, text.parse().unwrap(), 2).unwrap();
    let fourth = at("2026-06-05T00:00:00Z");
    assert_eq!((fourth.usage, fourth.total), (money("56.25"), money("105.4")), "7.5 in 4 of 30 days");
    assert!(fourth.basis.contains("96 of 720 hours"), "{}", fourth.basis);
    assert_eq!(at("2026-07-05T00:00:00Z").usage, money("7.5"), "the month is over");
    assert_eq!(at("2026-06-01T00:00:00Z").usage, money("7.5"), "it has just begun");
    assert_eq!(fourth.until, june.end);
}

proptest! {
    #[test]
    fn lines_sum_to_the_total_in_whole_minor_units(
        charges in prop::collection::vec((0_i64..1_000_000, -5_000_000_000_i64..50_000_000_000, any::<bool>()), 0..30),
        credit in 0_i64..100_000_000_000,
        currency in prop::sample::select(vec!["USD", "JPY", "KWD"]),
    ) {
        let plan = plan(currency);
        let digits = plan.currency.minor_digits();
        let subject = Subject { organisation_id: organisation(), month: month("2026-06"), plan: &plan };
        let charges: Vec<_> = (1_u128..).zip(charges).map(|(number, (quantity, nanos, late))| {
            let of = if late { "2026-05" } else { "2026-06" };
            let rate_id = Some(RateId::from_uuid(Uuid::from_u128(number)));
            let amount = Money::from_nanos(nanos);
            Charge { rate_id, amount, ..charge(ChannelKind::Voice, "minute", of, quantity, "0") }
        }).collect();
        let mut lines = subject.charged(&charges).unwrap();
        let owed = due(&lines).unwrap();
        let mut purse = Purse::new([included(Money::from_nanos(credit))]);
        let june = Zone::UTC.month(month("2026-06"));
        let settlement = purse.settle(month("2026-06"), june, owed, digits).unwrap();
        lines.extend(subject.credited(&settlement).unwrap());
        let sums = sums(&lines).unwrap();
        prop_assert_eq!(Money::sum(lines.iter().map(|line| line.amount)), Some(sums.total));
        prop_assert_eq!(sums.subtotal.checked_sub(sums.credits_applied), Some(sums.total));
        prop_assert!(sums.credits_applied >= Money::ZERO && sums.credits_applied <= owed);
        prop_assert!(lines.iter().all(|line| line.amount.cut(digits) == Some(line.amount)));
        let ids: std::collections::BTreeSet<_> = lines.iter().map(|line| line.id).collect();
        prop_assert_eq!(ids.len(), lines.len(), "each line has an id of its own");
    }
}
