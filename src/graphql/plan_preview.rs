//! A month's real usage tried under another plan.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use super::access;
use super::account_usage::UsageCategory;
use super::channel::ChannelKind;
use super::error::{Fault, Result};
use super::plan::Plan;
use super::scalar::{Decimal, Month, int};
use crate::domain::id::{OrganisationId, PlanId};
use crate::domain::plan::{self, PriceBook};
use crate::domain::plan_preview;
use crate::service::{ServiceError, Services};

/// What a month costs under one plan. Nothing is rounded to what can be paid, as an invoice is.
#[derive(Debug, SimpleObject)]
pub(super) struct PlanCost {
    /// The plan.
    plan: Plan,
    /// Its monthly fee.
    monthly_fee: Decimal,
    /// What the usage costs.
    usage: Decimal,
    /// What of the included credit pays for usage; never more than the usage, for it does not pay the fee.
    included_credit: Decimal,
    /// The fee and the usage less the included credit. Prepaid credit is left out.
    total: Decimal,
    /// How many records the plan has no rate for; they cost nothing here.
    unpriced_records: i32,
}

/// What was used of one resource in the month, and what it costs under either plan.
#[derive(Debug, SimpleObject)]
pub(super) struct PlanPreviewLine {
    /// The kind of channel.
    kind: ChannelKind,
    /// What of the channel, such as `minute` or `message`.
    resource_type: String,
    /// The category, if the records say one.
    category: Option<UsageCategory>,
    /// The country, as ISO 3166-1 codes it, if the records say one.
    country: Option<String>,
    /// How much was used.
    quantity: Decimal,
    /// How many records say so.
    records: i32,
    /// What it costs as it is.
    current_amount: Decimal,
    /// What it would cost under the other plan.
    proposed_amount: Decimal,
    /// What the other plan adds; below zero: what it saves.
    difference: Decimal,
}

/// A month's real usage as it is priced and under another plan. It is computed from the quantity of each day: a price per unit is multiplied
/// with a day's quantity and not with each record's, which is the same to the last digit unless prices and quantities are both so fine
/// that a record's cost is rounded to 1e-9.
#[derive(Debug, SimpleObject)]
pub(super) struct PlanPreview {
    /// The month, by the local days of its records, whatever invoice they are on.
    month: Month,
    /// The currency of all amounts, as ISO 4217 codes it.
    currency: &'static str,
    /// As it is: the prices at which it was recorded, and fee and credit of the plan in force on the month's last day.
    current: PlanCost,
    /// Under the other plan.
    proposed: PlanCost,
    /// What the other plan adds to the total; below zero: what it saves.
    difference: Decimal,
    /// By kind, resource, category and country; together they are the costs of usage.
    lines: Vec<PlanPreviewLine>,
}

impl PlanPreview {
    /// The preview of a month under the plan that `choose` finds.
    pub(super) async fn of(
        services: &Services,
        organisation: OrganisationId,
        month: &Month,
        choose: impl FnOnce(&PriceBook) -> Result<&plan::Plan, ServiceError>,
    ) -> Result<Self> {
        let plans = &services.plan;
        let preview = plans.preview(organisation, month.read("month")?, choose).await?;
        Self::new(&plans.prices().await?, preview)
    }

    fn new(prices: &Arc<PriceBook>, preview: plan_preview::PlanPreview) -> Result<Self> {
        let cost = |cost: plan_preview::PlanCost| {
            Ok::<_, Fault>(PlanCost {
                monthly_fee: cost.plan.monthly_fee.into(),
                plan: Plan::of(prices, cost.plan.id)?,
                usage: cost.usage.into(),
                included_credit: cost.included_credit.into(),
                total: cost.total.into(),
                unpriced_records: int("unpricedRecords", cost.unpriced)?,
            })
        };
        Ok(Self {
            month: preview.month.into(),
            currency: preview.proposed.plan.currency.code(),
            current: cost(preview.current)?,
            proposed: cost(preview.proposed)?,
            difference: preview.difference.into(),
            lines: preview.lines.into_iter().map(PlanPreviewLine::try_from).collect::<Result<_>>()?,
        })
    }
}

impl TryFrom<plan_preview::PreviewLine> for PlanPreviewLine {
    type Error = Fault;

    fn try_from(line: plan_preview::PreviewLine) -> Result<Self> {
        Ok(Self {
            kind: line.resource.kind.into(),
            resource_type: line.resource.resource_type.code().to_owned(),
            category: line.resource.category.map(Into::into),
            country: line.resource.country.map(|country| country.code().to_owned()),
            quantity: line.quantity.into(),
            records: int("records", line.records)?,
            current_amount: line.current.into(),
            proposed_amount: line.proposed.into(),
            difference: line.difference.into(),
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct PlanPreviewQuery;

#[Object]
impl PlanPreviewQuery {
    /// What a month of an organisation would have come to under another plan.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn preview_plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation's id.")] organisation_id: ID,
        #[graphql(desc = "The id of the plan to try.")] plan_id: ID,
        #[graphql(desc = "The month to replay.")] month: Month,
    ) -> Result<PlanPreview> {
        let access = access::reader(ctx)?;
        let organisation = access.organisation("organisationId", Some(&organisation_id)).await?;
        let plan_id = PlanId::parse("planId", &plan_id)?;
        PlanPreview::of(access.services, organisation.id, &month, |prices| {
            prices.plan(plan_id).ok_or(ServiceError::NotFound("plan"))
        })
        .await
    }
}
