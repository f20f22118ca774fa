//! Plans, rates, and which organisation has which plan since when.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::{plan, plan_assignment, price_list, rate};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::row::{self, corrupt, read, read_all};
use super::{Db, StoreError};
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, PlanId, RateId};
use crate::domain::money::{Currency, Money};
use crate::domain::plan::{Assignments, Plan, PriceBook, Rate};
use crate::domain::rating::{Price, RateModel, Tier};
use crate::domain::usage::ResourceType;

/// The one row of the price list.
const PRICE_LIST: i32 = 1;

/// How often the price list changed: a copy with this version is not old.
pub async fn price_list_version(db: &impl Db) -> Result<i64, StoreError> {
    let query = price_list::Entity::find_by_id(PRICE_LIST).select_only().column(price_list::Column::Version);
    let version: Option<i64> = query.into_tuple().one(db).await?;
    version.ok_or_else(|| DbErr::RecordNotFound("price_list".to_owned()).into())
}

/// Counts a change of the price list; the new version. Until the transaction ends, no other changes the list.
pub async fn bump_price_list(db: &impl Db) -> Result<i64, StoreError> {
    price_list::Entity::update_many()
        .col_expr(price_list::Column::Version, Expr::col(price_list::Column::Version).add(1))
        .filter(price_list::Column::Id.eq(PRICE_LIST))
        .exec(db)
        .await?;
    price_list_version(db).await
}

/// Adds rates; [`StoreError::Unique`] when a plan has a rate of the same scope from the same day on already. The version is the caller's to
/// count on.
pub async fn insert_rates(db: &impl Db, rates: &[Rate]) -> Result<(), StoreError> {
    let rows = rates.iter().map(rate_row).collect::<Result<Vec<_>, _>>()?;
    row::insert::<_, rate::ActiveModel>(db, rows, None).await?;
    Ok(())
}

/// Every plan, the cheapest first, and every rate. The version is read first, so that a change in between makes the copy old, not wrong.
pub async fn price_book(db: &impl Db) -> Result<PriceBook, StoreError> {
    let version = price_list_version(db).await?;
    let plans = plan::Entity::find().order_by_asc(plan::Column::MonthlyFeeNanos).order_by_asc(plan::Column::Id);
    let plans = read_all(plans.all(db).await?, read_plan)?;
    let rates = read_all(rate::Entity::find().all(db).await?, |row| read_rate(&row))?;
    Ok(PriceBook::new(version, plans, rates))
}

/// Which plans these organisations have had.
pub async fn assignments(
    db: &impl Db,
    organisations: &[OrganisationId],
) -> Result<HashMap<OrganisationId, Assignments>, StoreError> {
    let ids = organisations.iter().map(|id| id.uuid()).collect();
    let rows =
        row::select_in(db, plan_assignment::Entity::find(), plan_assignment::Column::OrganisationId, ids).await?;
    let mut pairs: HashMap<OrganisationId, Vec<(NaiveDate, PlanId)>> = HashMap::new();
    for row in rows {
        let of = pairs.entry(OrganisationId::from_uuid(row.organisation_id)).or_default();
        of.push((row.effective_from, PlanId::from_uuid(row.plan_id)));
    }
    Ok(pairs.into_iter().map(|(id, pairs)| (id, Assignments::new(pairs))).collect())
}

/// Gives an organisation a plan from a local day on; what it was given for that day or a later one before, it has no more.
pub async fn assign(
    db: &impl Db,
    organisation: OrganisationId,
    plan: PlanId,
    from: NaiveDate,
    now: Instant,
) -> Result<(), StoreError> {
    use plan_assignment::{ActiveModel, Column, Entity, Model};
    Entity::delete_many()
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::EffectiveFrom.gte(from))
        .exec(db)
        .await?;
    let row =
        Model { organisation_id: organisation.uuid(), effective_from: from, plan_id: plan.uuid(), assigned_at: now };
    row::insert::<_, ActiveModel>(db, vec![row], None).await?;
    Ok(())
}

fn read_plan(row: plan::Model) -> Result<Plan, StoreError> {
    Ok(Plan {
        id: PlanId::from_uuid(row.id),
        currency: read("plan.currency", &row.currency, Currency::from_code)?,
        code: row.code,
        name: row.name,
        monthly_fee: Money::from_nanos(row.monthly_fee_nanos),
        included_credit: Money::from_nanos(row.included_credit_nanos),
        daily_limit: row.daily_limit,
        monthly_limit: row.monthly_limit,
        created_at: row.created_at,
    })
}

fn rate_row(rate: &Rate) -> Result<rate::Model, StoreError> {
    let tiers = serde_json::to_string(&rate.price.tiers()).map_err(|error| corrupt("rate.tiers", error))?;
    Ok(rate::Model {
        id: rate.id.uuid(),
        plan_id: rate.plan_id.uuid(),
        kind: rate.kind.code().to_owned(),
        resource_type: rate.resource_type.code().to_owned(),
        category: rate.category.map_or_else(String::new, |category| category.code().to_owned()),
        country: rate.country.map_or_else(String::new, |country| country.code().to_owned()),
        effective_from: rate.effective_from,
        model: rate.price.model().code().to_owned(),
        unit_price_nanos: rate.price.per_unit().map(Money::nanos),
        tiers,
        created_at: rate.created_at,
    })
}

fn read_rate(row: &rate::Model) -> Result<Rate, StoreError> {
    let model = read("rate.model", &row.model, RateModel::from_code)?;
    let tiers: Vec<Tier> = serde_json::from_str(&row.tiers).map_err(|error| corrupt("rate.tiers", error))?;
    let price = Price::new(model, row.unit_price_nanos.map(Money::from_nanos), tiers);
    Ok(Rate {
        id: RateId::from_uuid(row.id),
        plan_id: PlanId::from_uuid(row.plan_id),
        kind: read("rate.kind", &row.kind, ChannelKind::from_code)?,
        resource_type: read("rate.resource_type", &row.resource_type, ResourceType::from_code)?,
        category: row::read_category("rate.category", &row.category)?,
        country: row::read_country("rate.country", &row.country)?,
        effective_from: row.effective_from,
        price: price.map_err(|error| corrupt("rate.tiers", error))?,
        created_at: row.created_at,
    })
}
