//! Credits: money granted ahead, which of it pays for which month, and in which order.

use super::clock::Instant;
use super::code::coded;
use super::id::{CreditEntryId, CreditGrantId, InvoiceId, OrganisationId};
use super::input::BadInput;
use super::money::{Money, Overflow};
use super::period::{Month, Period};

coded! {
    /// Where a credit comes from.
    CreditSource {
        /// The plan's, for one month only.
        Included = "INCLUDED",
        /// Granted by an admin.
        Prepaid = "PREPAID",
    }
}

coded! {
    /// What happened to a credit.
    CreditEntryKind {
        /// Above zero what is granted; what a change of the plan takes away again is below.
        Grant = "GRANT",
        /// Below zero what an invoice was paid with; above what a void invoice gives back.
        Burn = "BURN",
        /// What could pay for nothing any more.
        Expiry = "EXPIRY",
    }
}

/// Money granted ahead; how much, its entries say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: CreditGrantId,
    pub organisation_id: OrganisationId,
    pub source: CreditSource,
    /// Of included credit only: the month that it pays for.
    pub month: Option<Month>,
    pub reason: String,
    /// Of prepaid credit: it pays for every month that begins before; `None`: for any.
    pub expires_at: Option<Instant>,
    pub granted_at: Instant,
}

/// A change of a grant; never changed itself. The entries of a grant together are what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditEntry {
    pub id: CreditEntryId,
    pub organisation_id: OrganisationId,
    pub grant_id: CreditGrantId,
    pub kind: CreditEntryKind,
    pub amount: Money,
    pub reason: String,
    /// The invoice that was paid with it.
    pub invoice_id: Option<InvoiceId>,
    pub at: Instant,
}

/// An amount that somebody grants: above zero.
pub fn checked_amount(field: &str, text: &str) -> Result<Money, BadInput> {
    let accepted = "expected an amount above 0 with at most 9 digits after the point";
    let amount = Money::parse_exact(text).ok().filter(|amount| *amount > Money::ZERO);
    amount.ok_or_else(|| BadInput::new(field, text, accepted))
}

/// A grant and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fund {
    pub grant: Grant,
    pub left: Money,
}

impl Fund {
    /// Whether it pays for `month`, which is `period`.
    fn pays(&self, month: Month, period: Period) -> bool {
        match self.grant.source {
            CreditSource::Included => self.grant.month == Some(month),
            CreditSource::Prepaid => self.grant.expires_at.is_none_or(|end| end > period.start),
        }
    }

    /// Whether it pays for no month after `month`.
    fn ends_with(&self, month: Month, period: Period) -> bool {
        match self.grant.source {
            CreditSource::Included => self.grant.month.is_none_or(|own| own <= month),
            CreditSource::Prepaid => self.grant.expires_at.is_some_and(|end| end <= period.end),
        }
    }
}

/// A part of a grant that is used or lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub grant_id: CreditGrantId,
    pub source: CreditSource,
    /// Above zero.
    pub amount: Money,
}

/// What settling a month does to the credits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// In the order in which they are burned, each grant at most once.
    pub burns: Vec<Part>,
    /// What pays for no later month, each grant at most once.
    pub expiries: Vec<Part>,
}

impl Settlement {
    /// What is paid out of one source.
    pub fn burned(&self, source: CreditSource) -> Result<Money, Overflow> {
        let of_source = self.burns.iter().filter(|part| part.source == source);
        Money::sum(of_source.map(|part| part.amount)).ok_or(Overflow)
    }
}

/// What an organisation has in credits, in the order in which it is burned: included, then prepaid by earliest expiry (none is last),
/// then the oldest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purse(Vec<Fund>);

impl Purse {
    /// From funds in any order.
    pub fn new(funds: impl IntoIterator<Item = Fund>) -> Self {
        let mut purse = Self(funds.into_iter().collect());
        purse.sort();
        purse
    }

    /// Puts one more in.
    pub fn add(&mut self, fund: Fund) {
        self.0.push(fund);
        self.sort();
    }

    fn sort(&mut self) {
        self.0.sort_by_key(|fund| {
            let grant = &fund.grant;
            let expiry = grant.expires_at.unwrap_or(Instant::MAX_UTC);
            (grant.source, grant.month, expiry, grant.granted_at, grant.id)
        });
    }

    /// Whether there is included credit of `month`, used up or not.
    pub fn has_included(&self, month: Month) -> bool {
        self.0.iter().any(|fund| fund.grant.month == Some(month))
    }

    /// What there is to pay for `month` with.
    pub fn available(&self, month: Month, period: Period) -> Result<Money, Overflow> {
        let paying = self.0.iter().filter(|fund| fund.pays(month, period));
        Money::sum(paying.map(|fund| fund.left)).ok_or(Overflow)
    }

    /// Pays for `month` as much of `due` as there is, and lets go of what pays for no later month. Months are settled in order. `due` is
    /// an amount that can be paid, so with at most `digits` after the point; what is left of a source in smaller parts stays.
    pub fn settle(&mut self, month: Month, period: Period, due: Money, digits: u32) -> Result<Settlement, Overflow> {
        let mut settlement = Settlement::default();
        let mut owed = due.max(Money::ZERO);
        for source in CreditSource::ALL {
            let mut paying: Vec<_> =
                self.0.iter_mut().filter(|fund| fund.grant.source == *source && fund.pays(month, period)).collect();
            let there = Money::sum(paying.iter().map(|fund| fund.left)).ok_or(Overflow)?;
            let mut wanted = there.cut(digits).ok_or(Overflow)?.max(Money::ZERO).min(owed);
            owed = owed.checked_sub(wanted).ok_or(Overflow)?;
            for fund in &mut paying {
                let amount = fund.left.min(wanted).max(Money::ZERO);
                if amount > Money::ZERO {
                    fund.left = fund.left.checked_sub(amount).ok_or(Overflow)?;
                    wanted = wanted.checked_sub(amount).ok_or(Overflow)?;
                    settlement.burns.push(Part { grant_id: fund.grant.id, source: *source, amount });
                }
            }
        }
        let ending = self.0.iter_mut().filter(|fund| fund.left > Money::ZERO && fund.ends_with(month, period));
        for fund in ending {
            let amount = std::mem::take(&mut fund.left);
            settlement.expiries.push(Part { grant_id: fund.grant.id, source: fund.grant.source, amount });
        }
        Ok(settlement)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::period::Zone;

    fn month(text: &str) -> Month {
        Month::parse("month", text).unwrap()
    }

    fn money(text: &str) -> Money {
        Money::parse_exact(text).unwrap()
    }

    fn fund(number: u128, source: CreditSource, of: Option<&str>, expires_at: Option<&str>, left: &str) -> Fund {
        let grant = Grant {
            id: CreditGrantId::from_uuid(uuid::Uuid::from_u128(number)),
            organisation_id: OrganisationId::from_uuid(uuid::Uuid::nil()),
            source,
            month: of.map(month),
            reason: String::new(),
            expires_at: expires_at.map(|at| at.parse().unwrap()),
            granted_at: Instant::default(),
        };
        Fund { grant, left: money(left) }
    }

    /// Grants by their numbers, with amounts.
    type Plain = Vec<(u128, String)>;

    fn settle(purse: &mut Purse, of: &str, due: &str) -> (Plain, Plain) {
        let of = month(of);
        let settlement = purse.settle(of, Zone::UTC.month(of), money(due), 2).unwrap();
        let plain = |parts: Vec<Part>| {
            parts.into_iter().map(|part| (part.grant_id.uuid().as_u128(), part.amount.to_string())).collect()
        };
        (plain(settlement.burns), plain(settlement.expiries))
    }

    fn plain(parts: &[(u128, &str)]) -> Plain {
        parts.iter().map(|(id, amount)| (*id, (*amount).to_owned())).collect()
    }

    #[test]
    fn included_credit_is_burned_first_then_what_expires_first_then_the_oldest() {
        let mut purse = Purse::new([
            fund(1, CreditSource::Prepaid, None, None, "5"),
            fund(2, CreditSource::Prepaid, None, None, "5"),
            fund(3, CreditSource::Prepaid, None, Some("2026-09-01T00:00:00Z"), "5"),
            fund(4, CreditSource::Prepaid, None, Some("2026-07-10T00:00:00Z"), "5"),
            fund(5, CreditSource::Included, Some("2026-06"), None, "10"),
        ]);
        let burned = settle(&mut purse, "2026-06", "22").0;
        assert_eq!(burned, plain(&[(5, "10"), (4, "5"), (3, "5"), (1, "2")]));
        assert_eq!(settle(&mut purse, "2026-07", "9").0, plain(&[(1, "3"), (2, "5")]), "and then there is no more");
    }

    #[test]
    fn what_pays_for_no_later_month_expires_with_the_month() {
        let mut purse = Purse::new([
            fund(1, CreditSource::Included, Some("2026-06"), None, "10"),
            fund(2, CreditSource::Prepaid, None, Some("2026-07-01T00:00:00Z"), "5"),
            fund(3, CreditSource::Prepaid, None, Some("2026-07-01T00:00:01Z"), "5"),
        ]);
        let (burned, expired) = settle(&mut purse, "2026-06", "12");
        assert_eq!((burned, expired), (plain(&[(1, "10"), (2, "2")]), plain(&[(2, "3")])));
        let july = month("2026-07");
        assert_eq!(purse.available(july, Zone::UTC.month(july)), Ok(money("5")), "it expires within July");
        assert_eq!(settle(&mut purse, "2026-07", "0").1, plain(&[(3, "5")]));
    }

    #[test]
    fn only_what_can_be_paid_with_is_burned() {
        let prepaid = |id, left| fund(id, CreditSource::Prepaid, None, None, left);
        let mut purse = Purse::new([prepaid(1, "0.006"), prepaid(2, "0.006")]);
        assert_eq!(settle(&mut purse, "2026-06", "1").0, plain(&[(1, "0.006"), (2, "0.004")]), "a cent out of both");
        assert_eq!(settle(&mut purse, "2026-07", "1").0, plain(&[]), "0.002 is no money");
        assert_eq!(settle(&mut purse, "2026-07", "-5").0, plain(&[]), "nothing is owed");
    }

    #[test]
    fn only_an_amount_above_zero_is_granted() {
        assert_eq!(checked_amount("amount", "0.000000001"), Ok(Money::from_nanos(1)));
        for bad in ["0", "-1", "0.0000000001", "many", "9223372037"] {
            assert_eq!(checked_amount("amount", bad).unwrap_err().field, "amount", "{bad}");
        }
    }

    fn funds() -> impl Strategy<Value = Vec<Fund>> {
        let one = (0_u8..3, 0_i64..20_000_000_000, prop::option::of(0_i64..200), 0_i64..50);
        prop::collection::vec(one, 0..12).prop_map(|parts| {
            let begin: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
            let numbered = (1_u128..).zip(parts);
            let made = numbered.map(|(number, (kind, nanos, expiry_days, granted_days))| {
                let of = ["2026-01", "2026-02"].get(usize::from(kind)).copied();
                let source = if of.is_some() { CreditSource::Included } else { CreditSource::Prepaid };
                let mut fund = fund(number, source, of, None, "0");
                fund.left = Money::from_nanos(nanos);
                fund.grant.granted_at = begin + chrono::TimeDelta::days(granted_days);
                if source == CreditSource::Prepaid {
                    fund.grant.expires_at = expiry_days.map(|days| begin + chrono::TimeDelta::days(days));
                }
                fund
            });
            made.collect()
        })
    }

    proptest! {
        #[test]
        fn months_never_burn_more_than_is_granted_or_owed_whatever_the_order_of_grants(
            funds in funds(),
            dues in prop::collection::vec(0_i64..5_000, 4),
            turn in 0_usize..12,
        ) {
            let mut turned = funds.clone();
            turned.rotate_left(turn % funds.len().max(1));
            let (mut purse, mut other) = (Purse::new(funds.clone()), Purse::new(turned));
            let granted: i64 = funds.iter().map(|fund| fund.left.nanos()).sum();
            let mut gone = 0;
            for (of, cents) in ["2026-01", "2026-02", "2026-03", "2026-04"].into_iter().zip(dues) {
                let (of, due) = (month(of), Money::from_nanos(cents * 10_000_000));
                let settlement = purse.settle(of, Zone::UTC.month(of), due, 2).unwrap();
                prop_assert_eq!(&settlement, &other.settle(of, Zone::UTC.month(of), due, 2).unwrap());
                let burned: i64 = settlement.burns.iter().map(|part| part.amount.nanos()).sum();
                prop_assert!(burned <= due.nanos() && burned % 10_000_000 == 0);
                let parts = settlement.burns.iter().chain(&settlement.expiries);
                prop_assert!(parts.clone().all(|part| part.amount > Money::ZERO));
                gone += parts.map(|part| part.amount.nanos()).sum::<i64>();
                prop_assert!(purse.0.iter().all(|fund| fund.left >= Money::ZERO));
                let left: i64 = purse.0.iter().map(|fund| fund.left.nanos()).sum();
                prop_assert_eq!(left, granted - gone, "what is left is grants minus burns minus expiries");
            }
        }
    }
}
