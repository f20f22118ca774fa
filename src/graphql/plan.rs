//! Plans and their rates, the mutations that add to them and give them, and a month tried under another plan.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};

use super::access::{self, Access};
use super::account_usage::UsageCategory;
use super::channel::ChannelKind;
use super::error::{Fault, Result};
use super::loader;
use super::organisation::Organisation;
use super::scalar::{Date, Decimal};
use crate::domain::id::{OrganisationId, PlanId, RateId};
use crate::domain::plan::{self, PriceBook};
use crate::domain::rating;
use crate::service::plan::{Published, RateDraft, TierDraft};

/// A price list with a monthly fee.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    plan: plan::Plan,
    prices: Arc<PriceBook>,
}

/// A price list with a monthly fee.
#[Object]
impl Plan {
    /// The plan's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.plan.id.to_string().into()
    }

    /// What it is known by, such as `free-trial`.
    async fn code(&self) -> &str {
        &self.plan.code
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.plan.name
    }

    /// The fee of a month, in the plan's currency; credits do not pay it.
    async fn monthly_fee(&self) -> Decimal {
        self.plan.monthly_fee.into()
    }

    /// The credit that is granted for each month; it pays for usage of that month only.
    async fn included_credit(&self) -> Decimal {
        self.plan.included_credit.into()
    }

    /// The currency of its prices, as ISO 4217 codes it.
    async fn currency(&self) -> &'static str {
        self.plan.currency.code()
    }

    /// How many messages a day are allowed to an organisation that has no limit of its own; null: any number.
    async fn daily_limit(&self) -> Option<i32> {
        self.plan.daily_limit
    }

    /// How many messages a month are allowed to an organisation that has no limit of its own; null: any number.
    async fn monthly_limit(&self) -> Option<i32> {
        self.plan.monthly_limit
    }

    /// Its rates, those of past and coming days included, by kind, resource, category, country and first day. Of several for one thing, the
    /// most specific one in force on the organisation's local day is taken.
    // They are in memory; the weight is that of the answer's length, where filters make it short.
    #[graphql(complexity = "25 * child_complexity + 1")]
    async fn rates(
        &self,
        #[graphql(desc = "Only those of this kind of channel.")] kind: Option<ChannelKind>,
        #[graphql(desc = "Only those of this resource, such as `message`.")] resource_type: Option<String>,
        #[graphql(desc = "Only those of this country, as ISO 3166-1 codes it.")] country: Option<String>,
        #[graphql(desc = "Only those in force on this day: of each scope the last one that began.")] on: Option<Date>,
    ) -> Result<Vec<Rate>> {
        let on = on.map(|day| day.read("on")).transpose()?;
        let kind = kind.map(Into::into);
        let all = self.prices.rates_of(self.plan.id).iter().filter(|rate| {
            kind.is_none_or(|kind| rate.kind == kind)
                && resource_type.as_ref().is_none_or(|wanted| rate.resource_type.code() == wanted)
                && country.as_ref().is_none_or(|wanted| rate.country.is_some_and(|country| country.code() == wanted))
                && on.is_none_or(|day| self.prices.is_in_force(rate, day))
        });
        Ok(all.cloned().map(Rate).collect())
    }
}

impl Plan {
    /// The plan with this id, which something names.
    pub(super) fn of(prices: &Arc<PriceBook>, id: PlanId) -> Result<Self> {
        let plan = prices.plan(id).cloned().ok_or_else(|| Fault::not_found("plan"))?;
        Ok(Self { plan, prices: Arc::clone(prices) })
    }

    fn with_code(prices: &Arc<PriceBook>, code: &str) -> Result<Self> {
        let plan = prices.plan_by_code("planCode", code)?.clone();
        Ok(Self { plan, prices: Arc::clone(prices) })
    }
}

/// One price of a plan, in force from a day on until another for the same takes its place. It never changes.
#[derive(Debug, Clone)]
pub(super) struct Rate(pub(super) plan::Rate);

/// One price of a plan, in force from a day on until another for the same takes its place. It never changes.
#[Object]
impl Rate {
    /// The rate's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The kind of channel that it is for.
    async fn kind(&self) -> ChannelKind {
        self.0.kind.into()
    }

    /// What of the channel it is for, such as `minute` or `message`.
    async fn resource_type(&self) -> &str {
        self.0.resource_type.code()
    }

    /// The category that it is for; null: any.
    async fn category(&self) -> Option<UsageCategory> {
        self.0.category.map(Into::into)
    }

    /// The country that it is for, as ISO 3166-1 codes it; null: any.
    async fn country(&self) -> Option<&str> {
        self.0.country.as_ref().map(crate::domain::usage::Country::code)
    }

    /// The first local day on which it is in force.
    async fn effective_from(&self) -> Date {
        self.0.effective_from.into()
    }

    /// How it makes a cost out of a quantity.
    async fn model(&self) -> RateModel {
        self.0.price.model().into()
    }

    /// The price of one; null for the models whose prices are in tiers.
    async fn unit_price(&self) -> Option<Decimal> {
        self.0.price.per_unit().map(Into::into)
    }

    /// The tiers, from zero up; none of the model `PER_UNIT`. A package is one: its end is the size and its flat fee the price.
    #[graphql(complexity = "3 * child_complexity + 1")]
    async fn tiers(&self) -> Vec<RateTier> {
        self.0.price.tiers().into_iter().map(RateTier::from).collect()
    }
}

/// How a rate makes a cost out of a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rating::RateModel")]
pub(super) enum RateModel {
    /// So much for each.
    PerUnit,
    /// Each part of the month's quantity at the price of the tier that it falls in.
    Graduated,
    /// The whole of the month's quantity at the price of the tier that its end falls in.
    Volume,
    /// So much for each package that was begun in the month.
    Package,
}

/// A part of the quantities from zero up; it begins where the tier before it ends.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct RateTier {
    /// The last quantity that is in it; null: it has no end.
    up_to: Option<Decimal>,
    /// The price of one in it.
    unit_price: Decimal,
    /// Charged once when anything falls into the tier (GRADUATED), when the month's quantity ends in it (VOLUME), or for each package.
    flat_fee: Decimal,
}

impl From<rating::Tier> for RateTier {
    fn from(tier: rating::Tier) -> Self {
        Self { up_to: tier.up_to.map(Into::into), unit_price: tier.unit_price.into(), flat_fee: tier.flat_fee.into() }
    }
}

#[derive(Debug, Default)]
pub(super) struct PlanQuery;

#[Object]
impl PlanQuery {
    /// Every plan, the cheapest first.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn plans(&self, ctx: &Context<'_>) -> Result<Vec<Plan>> {
        let prices = access::reader(ctx)?.services.plan.prices().await?;
        prices.plans().iter().map(|plan| Plan::of(&prices, plan.id)).collect()
    }
}

/// A rate to publish.
#[derive(Debug, InputObject)]
pub(super) struct RateInput {
    /// The kind of channel that it is for.
    kind: ChannelKind,
    /// What of the channel it is for, such as `minute` or `message`.
    resource_type: String,
    /// The category that it is for; any without it.
    category: Option<UsageCategory>,
    /// The country that it is for, as ISO 3166-1 codes it; any without it.
    country: Option<String>,
    /// The first local day on which it is in force. Records that have a price keep it.
    effective_from: Date,
    /// How it makes a cost out of a quantity.
    #[graphql(default_with = "RateModel::PerUnit")]
    model: RateModel,
    /// The price of one, zero or more, with at most 9 digits after the point; of the model `PER_UNIT`, and only there.
    unit_price: Option<Decimal>,
    /// The tiers, from zero up, 1 to 50; of the other models, and only there.
    tiers: Option<Vec<RateTierInput>>,
}

/// A tier of a rate to publish.
#[derive(Debug, InputObject)]
pub(super) struct RateTierInput {
    /// The last quantity that is in it, more than the tier's before; of the last tier null, of a package its size.
    up_to: Option<Decimal>,
    /// The price of one in it, zero or more, with at most 9 digits after the point; of a package 0.
    unit_price: Decimal,
    /// Charged once for the tier (GRADUATED, VOLUME), or for each package.
    #[graphql(default_with = "Some(Decimal::from(crate::domain::money::Money::ZERO))")]
    flat_fee: Option<Decimal>,
}

impl TryFrom<(usize, RateInput)> for RateDraft {
    type Error = Fault;

    fn try_from((index, input): (usize, RateInput)) -> Result<Self> {
        let tier = |tier: RateTierInput| TierDraft {
            up_to: tier.up_to.map(Decimal::into_text),
            unit_price: tier.unit_price.into_text(),
            flat_fee: tier.flat_fee.map(Decimal::into_text),
        };
        Ok(Self {
            kind: input.kind.into(),
            resource_type: input.resource_type,
            category: input.category.map(Into::into),
            country: input.country,
            effective_from: input.effective_from.read(&format!("rates[{index}].effectiveFrom"))?,
            model: input.model.into(),
            unit_price: input.unit_price.map(Decimal::into_text),
            tiers: input.tiers.unwrap_or_default().into_iter().map(tier).collect(),
        })
    }
}

/// What became of rates that were published.
#[derive(Debug, SimpleObject)]
pub(super) struct PublishedRates {
    /// The plan with all of its rates.
    plan: Plan,
    /// How many are new.
    added: i32,
    /// How many were there already, at the same price.
    unchanged: i32,
}

#[derive(Debug, Default)]
pub(super) struct PlanMutation;

#[Object]
impl PlanMutation {
    /// Adds rates to a plan, all or none. A rate never changes: one that is there already is left alone, and at another price it is a CONFLICT;
    /// a new price is published with a later `effectiveFrom`. Records that have a price keep it; those without get one by `repriceUsage`.
    /// For admins.
    async fn publish_rates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The plan's code.")] plan_code: String,
        #[graphql(desc = "The rates, 1 to 1,000.")] rates: Vec<RateInput>,
    ) -> Result<Plan> {
        let access = access::admin(ctx)?;
        let drafts = rates.into_iter().enumerate().map(RateDraft::try_from).collect::<Result<Vec<_>>>()?;
        let published = access.services.plan.publish(access.caller, &plan_code, &drafts).await?;
        Plan::of(&published.prices, published.plan_id)
    }

    /// Adds rates to a plan as `publishRates` does, written as CSV: made for price lists with a price for each category and country. The first
    /// line names the columns, in any order: `kind`, `resource_type` and `effective_from`, and where needed `category`, `country`, `model`,
    /// `unit_price` and `tiers`. An empty cell means any category, any country, the model `PER_UNIT`. Tiers are written `upTo:unitPrice` or
    /// `upTo:unitPrice:flatFee` with semicolons between them, the last without an end: `1000:0.01;10000:0.008:5;:0.005`. A complaint names
    /// line and column: `csv line 7: country`. For admins.
    async fn publish_rates_csv(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The plan's code.")] plan_code: String,
        #[graphql(desc = "The lines, with commas between the cells; at most 5,000 rates.")] csv: String,
    ) -> Result<PublishedRates> {
        let access = access::admin(ctx)?;
        let published = access.services.plan.publish_csv(access.caller, &plan_code, &csv).await?;
        let count = |count: usize| i32::try_from(count).map_err(|_| Fault::internal("more rates than fit an Int"));
        let Published { plan_id, added, unchanged, prices } = published;
        Ok(PublishedRates { plan: Plan::of(&prices, plan_id)?, added: count(added)?, unchanged: count(unchanged)? })
    }

    /// Gives an organisation a plan, from its present local day on; what is recorded keeps its price. The plan that it has already changes
    /// nothing; a plan in another currency is a CONFLICT. For admins.
    async fn assign_plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation's id.")] organisation_id: ID,
        #[graphql(desc = "The plan's code.")] plan_code: String,
    ) -> Result<Organisation> {
        let access = access::admin(ctx)?;
        let id = OrganisationId::parse("organisationId", &organisation_id)?;
        Ok(Organisation(access.services.plan.assign(access.caller, id, &plan_code).await?))
    }
}

/// The plan of an object that the caller has reached, by its code.
pub(super) async fn by_code(ctx: &Context<'_>, code: &str) -> Result<Plan> {
    Plan::with_code(&loader::prices(ctx).await?, code)
}

/// The plan with this id, for anything's id alone.
pub(super) async fn by_id(access: &Access<'_>, id: PlanId) -> Result<Plan> {
    Plan::of(&access.services.plan.prices().await?, id)
}

/// The rate with this id, for anything's id alone.
pub(super) async fn rate_by_id(access: &Access<'_>, id: RateId) -> Result<Rate> {
    let prices = access.services.plan.prices().await?;
    prices.rate(id).cloned().map(Rate).ok_or_else(|| Fault::not_found("rate"))
}
