//! What a quantity costs: a price per unit, or one that depends on how much of it there was in a period.

use serde::{Deserialize, Serialize};

use super::code::coded;
use super::input::BadInput;
use super::money::Money;
use super::quantity::Quantity;

coded! {
    /// How a rate makes a cost out of a quantity.
    RateModel {
        /// So much for each.
        PerUnit = "PER_UNIT",
        /// Each part of the period's quantity at the price of the tier that it falls in.
        Graduated = "GRADUATED",
        /// The whole of the period's quantity at the price of the tier that its end falls in.
        Volume = "VOLUME",
        /// So much for each package that was begun.
        Package = "PACKAGE",
    }
}

/// The most tiers of a rate.
pub const TIERS_MAX: usize = 50;

/// A part of the quantities from zero up; it begins where the tier before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The last quantity that is in it; `None`: it has no end.
    pub up_to: Option<Quantity>,
    pub unit_price: Money,
    /// Charged once when anything falls into the tier (graduated), or when the period's quantity ends in it (volume).
    pub flat_fee: Money,
}

/// A validated price: tiers have no gap and no overlap, because each has only an end, ends grow, and the last has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Price {
    PerUnit(Money),
    Graduated(Vec<Tier>),
    Volume(Vec<Tier>),
    /// `price` for each `size` that was begun.
    Package {
        size: Quantity,
        price: Money,
    },
}

/// A part of how a cost was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Where the tier begins, itself excluded; zero without tiers.
    pub from: Quantity,
    /// Where it ends; `None`: nowhere.
    pub up_to: Option<Quantity>,
    /// How much falls into it; of packages, how many.
    pub quantity: Quantity,
    pub unit_price: Money,
    pub flat_fee: Money,
    pub amount: Money,
}

impl Price {
    /// Checks what somebody sets; complaints name `unitPrice`, `tiers`, or a field of a tier such as `tiers[1].upTo`.
    ///
    /// A package is one tier: its end is the size, its flat fee the price, and its unit price zero.
    pub fn new(model: RateModel, unit_price: Option<Money>, tiers: Vec<Tier>) -> Result<Self, BadInput> {
        match model {
            RateModel::PerUnit => {
                if !tiers.is_empty() {
                    return Err(BadInput::new("tiers", tiers.len(), "expected none for a price per unit"));
                }
                let price = unit_price
                    .ok_or_else(|| BadInput::new("unitPrice", "null", "expected a price for the model PER_UNIT"))?;
                not_negative("unitPrice", price).map(Self::PerUnit)
            }
            RateModel::Graduated | RateModel::Volume | RateModel::Package if unit_price.is_some() => {
                let given = unit_price.map(|price| price.to_string()).unwrap_or_default();
                Err(BadInput::new(
                    "unitPrice",
                    given,
                    format!("expected none for the model {model}, whose prices are in its tiers"),
                ))
            }
            RateModel::Graduated => checked_tiers(tiers).map(Self::Graduated),
            RateModel::Volume => checked_tiers(tiers).map(Self::Volume),
            RateModel::Package => package(&tiers),
        }
    }

    /// Its model.
    pub const fn model(&self) -> RateModel {
        match self {
            Self::PerUnit(_) => RateModel::PerUnit,
            Self::Graduated(_) => RateModel::Graduated,
            Self::Volume(_) => RateModel::Volume,
            Self::Package { .. } => RateModel::Package,
        }
    }

    /// The price of one, where that does not depend on how much there was.
    pub const fn per_unit(&self) -> Option<Money> {
        match self {
            Self::PerUnit(price) => Some(*price),
            Self::Graduated(_) | Self::Volume(_) | Self::Package { .. } => None,
        }
    }

    /// Its tiers as they were set; a package is one.
    pub fn tiers(&self) -> Vec<Tier> {
        match self {
            Self::PerUnit(_) => Vec::new(),
            Self::Graduated(tiers) | Self::Volume(tiers) => tiers.clone(),
            Self::Package { size, price } => {
                vec![Tier { up_to: Some(*size), unit_price: Money::ZERO, flat_fee: *price }]
            }
        }
    }

    /// What a period's `quantity` costs, nothing for none and less; `None` when that does not fit.
    pub fn total(&self, quantity: Quantity) -> Option<Money> {
        Money::sum(self.steps(quantity)?.into_iter().map(|step| step.amount))
    }

    /// How [`Price::total`] is made; the amounts of the steps are the total.
    pub fn steps(&self, quantity: Quantity) -> Option<Vec<Step>> {
        if quantity <= Quantity::ZERO {
            return Some(Vec::new());
        }
        let single = |quantity: Quantity, up_to, unit_price: Money| {
            let amount = unit_price.checked_mul(quantity)?;
            let from = Quantity::ZERO;
            Some(vec![Step { from, up_to, quantity, unit_price, flat_fee: Money::ZERO, amount }])
        };
        match self {
            Self::PerUnit(price) => single(quantity, None, *price),
            Self::Package { size, price } => single(packages(quantity, *size)?, Some(*size), *price),
            Self::Graduated(tiers) => graduated(tiers, quantity),
            Self::Volume(tiers) => {
                let from = tiers.iter().filter_map(|tier| tier.up_to).take_while(|end| *end < quantity).last();
                let tier = tiers.iter().find(|tier| tier.up_to.is_none_or(|end| quantity <= end))?;
                Some(vec![step(tier, from.unwrap_or(Quantity::ZERO), quantity)?])
            }
        }
    }
}

fn graduated(tiers: &[Tier], quantity: Quantity) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut from = Quantity::ZERO;
    for tier in tiers {
        let end = tier.up_to.map_or(quantity, |end| end.min(quantity));
        steps.push(step(tier, from, end.checked_sub(from)?)?);
        if end == quantity {
            break;
        }
        from = end;
    }
    Some(steps)
}

fn step(tier: &Tier, from: Quantity, quantity: Quantity) -> Option<Step> {
    let amount = tier.unit_price.checked_mul(quantity)?.checked_add(tier.flat_fee)?;
    Some(Step { from, up_to: tier.up_to, quantity, unit_price: tier.unit_price, flat_fee: tier.flat_fee, amount })
}

/// How many packages of `size` were begun.
fn packages(quantity: Quantity, size: Quantity) -> Option<Quantity> {
    let (micros, size) = (quantity.micros(), size.micros());
    let whole = micros.checked_div(size)?;
    let begun = i64::from(micros.checked_rem(size)? > 0);
    Quantity::whole(whole.checked_add(begun)?)
}

fn not_negative(field: impl Into<String>, amount: Money) -> Result<Money, BadInput> {
    if amount >= Money::ZERO {
        return Ok(amount);
    }
    Err(BadInput::new(field, amount, "expected zero or more"))
}

fn checked_tiers(tiers: Vec<Tier>) -> Result<Vec<Tier>, BadInput> {
    if tiers.is_empty() || tiers.len() > TIERS_MAX {
        return Err(BadInput::new("tiers", tiers.len(), format!("expected 1 to {TIERS_MAX} tiers")));
    }
    let mut end_before = Quantity::ZERO;
    for (index, tier) in tiers.iter().enumerate() {
        not_negative(format!("tiers[{index}].unitPrice"), tier.unit_price)?;
        not_negative(format!("tiers[{index}].flatFee"), tier.flat_fee)?;
        let field = format!("tiers[{index}].upTo");
        let is_last = index + 1 == tiers.len();
        match tier.up_to {
            None if is_last => {}
            None => return Err(BadInput::new(field, "null", "expected an end, which only the last tier has not")),
            Some(end) if is_last => {
                return Err(BadInput::new(field, end, "expected null: the last tier has no end"));
            }
            Some(end) if end <= end_before => {
                return Err(BadInput::new(
                    field,
                    end,
                    format!("expected more than {end_before}, where the tier begins"),
                ));
            }
            Some(end) => end_before = end,
        }
    }
    Ok(tiers)
}

fn package(tiers: &[Tier]) -> Result<Price, BadInput> {
    let [tier] = tiers else {
        let accepted = "expected one: upTo is the size of a package and flatFee its price";
        return Err(BadInput::new("tiers", tiers.len(), accepted));
    };
    let size = tier.up_to.filter(|size| *size > Quantity::ZERO);
    let size = size.ok_or_else(|| {
        let given = tier.up_to.map_or_else(|| "null".to_owned(), |size| size.to_string());
        BadInput::new("tiers[0].upTo", given, "expected the size of a package, more than 0")
    })?;
    if tier.unit_price != Money::ZERO {
        let accepted = "expected 0: the price of a package is its flatFee";
        return Err(BadInput::new("tiers[0].unitPrice", tier.unit_price, accepted));
    }
    let price = not_negative("tiers[0].flatFee", tier.flat_fee)?;
    Ok(Price::Package { size, price })
}

#[cfg(test)]
mod tests;
