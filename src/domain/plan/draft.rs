//! A rate as somebody writes it down, and how it becomes one.

use chrono::NaiveDate;

use super::Rate;
use crate::domain::account_usage::UsageCategory;
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::decimal::AmountError;
use crate::domain::id::{PlanId, RateId};
use crate::domain::input::BadInput;
use crate::domain::money::Money;
use crate::domain::quantity::Quantity;
use crate::domain::rating::{Price, RateModel, Tier};
use crate::domain::usage::{Country, ResourceType};

/// A rate that is to be published; texts as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateDraft {
    pub kind: ChannelKind,
    pub resource_type: String,
    /// `None`: of any category.
    pub category: Option<UsageCategory>,
    /// `None`: of any country.
    pub country: Option<String>,
    pub effective_from: NaiveDate,
    pub model: RateModel,
    /// A decimal, of a price per unit only.
    pub unit_price: Option<String>,
    pub tiers: Vec<TierDraft>,
}

/// A tier that is to be published; decimals as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierDraft {
    /// `None`: it has no end.
    pub up_to: Option<String>,
    pub unit_price: String,
    /// `None`: nothing.
    pub flat_fee: Option<String>,
}

impl RateDraft {
    /// The rate of `plan` that is meant. Complaints name the field: `resourceType`, `country`, `unitPrice`, `tiers[1].upTo`.
    pub fn check(&self, plan_id: PlanId, now: Instant) -> Result<Rate, BadInput> {
        let resource_type = ResourceType::parse("resourceType", &self.resource_type)?;
        let country = self.country.as_deref().map(|code| Country::parse("country", code)).transpose()?;
        let unit_price = self.unit_price.as_deref().map(|text| price("unitPrice", text)).transpose()?;
        let tiers = self.tiers.iter().enumerate().map(|(index, tier)| tier.check(&format!("tiers[{index}]")));
        Ok(Rate {
            id: RateId::generate(now),
            plan_id,
            kind: self.kind,
            resource_type,
            category: self.category,
            country,
            effective_from: self.effective_from,
            price: Price::new(self.model, unit_price, tiers.collect::<Result<_, _>>()?)?,
            created_at: now,
        })
    }
}

impl TierDraft {
    fn check(&self, field: &str) -> Result<Tier, BadInput> {
        let flat_fee = self.flat_fee.as_deref().map(|text| price(&format!("{field}.flatFee"), text));
        Ok(Tier {
            up_to: self.up_to.as_deref().map(|text| quantity(&format!("{field}.upTo"), text)).transpose()?,
            unit_price: price(&format!("{field}.unitPrice"), &self.unit_price)?,
            flat_fee: flat_fee.transpose()?.unwrap_or_default(),
        })
    }
}

/// A price is never rounded: one that is finer than what is kept is refused.
fn price(field: &str, text: &str) -> Result<Money, BadInput> {
    Money::parse_exact(text).map_err(|error| refused(field, text, "such as 0.0135 with at most 9 digits", error))
}

fn quantity(field: &str, text: &str) -> Result<Quantity, BadInput> {
    Quantity::parse(text).map_err(|error| refused(field, text, "such as 1000 with at most 6 digits", error))
}

fn refused(field: &str, text: &str, example: &str, error: AmountError) -> BadInput {
    BadInput::new(field, text, format!("expected a decimal {example} after the point, this is {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> RateDraft {
        RateDraft {
            kind: ChannelKind::Whatsapp,
            resource_type: "message".to_owned(),
            category: Some(UsageCategory::Marketing),
            country: Some("IN".to_owned()),
            effective_from: NaiveDate::default(),
            model: RateModel::PerUnit,
            unit_price: Some("0.0107".to_owned()),
            tiers: Vec::new(),
        }
    }

    fn check(draft: &RateDraft) -> Result<Rate, BadInput> {
        draft.check(PlanId::from_uuid(uuid::Uuid::from_u128(1)), Instant::default())
    }

    #[test]
    fn a_price_is_taken_to_the_billionth_and_not_beyond() {
        let of = |text: &str| check(&RateDraft { unit_price: Some(text.to_owned()), ..draft() }).map(|rate| rate.price);
        assert_eq!(of("0.000000001"), Ok(Price::PerUnit(Money::from_nanos(1))));
        for bad in ["0.0000000001", "0.1000000001", "-0.01", "", "free", "1,5", "9223372037"] {
            assert_eq!(of(bad).unwrap_err().field, "unitPrice", "{bad}");
        }
        assert!(of("0.0000000001").unwrap_err().to_string().contains("9 digits"));
    }

    #[test]
    fn a_bad_field_is_named() {
        let field = |draft: RateDraft| check(&draft).unwrap_err().field;
        assert_eq!(field(RateDraft { resource_type: "Message".to_owned(), ..draft() }), "resourceType");
        assert_eq!(field(RateDraft { country: Some("ind".to_owned()), ..draft() }), "country");
        assert_eq!(field(RateDraft { unit_price: None, ..draft() }), "unitPrice");
        let tier = |up_to: &str, unit_price: &str, flat_fee: Option<&str>| {
            let tier = TierDraft {
                up_to: Some(up_to.to_owned()),
                unit_price: unit_price.to_owned(),
                flat_fee: flat_fee.map(str::to_owned),
            };
            RateDraft { model: RateModel::Graduated, unit_price: None, tiers: vec![tier], ..draft() }
        };
        assert_eq!(field(tier("0.0000001", "1", None)), "tiers[0].upTo");
        assert_eq!(field(tier("1", "0.0000000001", None)), "tiers[0].unitPrice");
        assert_eq!(field(tier("1", "1", Some("0.0000000001"))), "tiers[0].flatFee");
        assert_eq!(field(tier("1", "1", None)), "tiers[0].upTo", "the last tier has no end");
    }
}
