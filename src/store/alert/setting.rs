//! What organisations want to be alerted at, and where their month stands, in the database.

use std::collections::HashMap;

use entity::alert_setting::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::domain::alert::{Settings, Thresholds, Watch};
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::domain::money::Money;
use crate::domain::period::Month;
use crate::store::row::{self, IDS_MAX, corrupt};
use crate::store::{Db, StoreError, Transaction};

/// The settings of organisations; one that is not among them has never changed any.
pub async fn settings(
    db: &impl Db,
    organisations: &[OrganisationId],
) -> Result<HashMap<OrganisationId, Settings>, StoreError> {
    let ids = organisations.iter().map(|id| id.uuid()).collect();
    row::select_in(db, Entity::find(), Column::OrganisationId, ids).await?.iter().map(from_row).collect()
}

/// The same, held until the transaction ends. Sorted ids keep those who hold several from waiting for each other in a circle.
pub async fn hold(
    tx: &Transaction,
    organisations: &[OrganisationId],
) -> Result<HashMap<OrganisationId, Settings>, StoreError> {
    let mut found = HashMap::with_capacity(organisations.len());
    for batch in organisations.chunks(IDS_MAX) {
        let query = Entity::find().filter(Column::OrganisationId.is_in(batch.iter().map(|id| id.uuid())));
        for row in query.order_by_asc(Column::OrganisationId).lock_exclusive().all(tx).await? {
            let (id, settings) = from_row(&row)?;
            found.insert(id, settings);
        }
    }
    Ok(found)
}

/// Gives organisations a row that have none, so that there is something to hold.
pub async fn ensure(tx: &Transaction, organisations: &[OrganisationId], now: Instant) -> Result<(), StoreError> {
    let rows = organisations.iter().map(|id| to_row(*id, &Settings::default(), now)).collect();
    let unless_there = OnConflict::column(Column::OrganisationId).do_nothing().to_owned();
    row::insert::<_, ActiveModel>(tx, rows, Some(unless_there)).await?;
    Ok(())
}

/// Writes what an organisation wants to be alerted at; its row is there.
pub async fn save(
    tx: &Transaction,
    organisation: OrganisationId,
    settings: &Settings,
    now: Instant,
) -> Result<(), StoreError> {
    let row = to_row(organisation, settings, now);
    Entity::update_many()
        .col_expr(Column::Thresholds, Expr::value(row.thresholds))
        .col_expr(Column::MonthlyBudgetNanos, Expr::value(row.monthly_budget_nanos))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Writes where an organisation's month stands; its row is there.
pub async fn save_watch(tx: &Transaction, organisation: OrganisationId, watch: Watch) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::WatchedMonth, Expr::value(Some(watch.month.first_day())))
        .col_expr(Column::WatchedUntil, Expr::value(Some(watch.until)))
        .col_expr(Column::CreditNanos, Expr::value(Some(watch.credit.nanos())))
        .col_expr(Column::LookAtNanos, Expr::value(watch.look_at.map(Money::nanos)))
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Has an organisation's month reckoned anew the next time that something is recorded in it.
pub async fn forget_watch(tx: &Transaction, organisation: OrganisationId) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::WatchedMonth, Expr::value(None::<chrono::NaiveDate>))
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

fn to_row(organisation: OrganisationId, settings: &Settings, now: Instant) -> Model {
    Model {
        organisation_id: organisation.uuid(),
        thresholds: serde_json::json!(settings.thresholds.percents()),
        monthly_budget_nanos: settings.monthly_budget.map(Money::nanos),
        watched_month: settings.watch.map(|watch| watch.month.first_day()),
        watched_until: settings.watch.map(|watch| watch.until),
        credit_nanos: settings.watch.map(|watch| watch.credit.nanos()),
        look_at_nanos: settings.watch.and_then(|watch| watch.look_at).map(Money::nanos),
        updated_at: now,
    }
}

fn from_row(row: &Model) -> Result<(OrganisationId, Settings), StoreError> {
    let unreadable = || corrupt("alert_setting.thresholds", &row.thresholds);
    let percents: Vec<i32> = serde_json::from_value(row.thresholds.clone()).map_err(|_| unreadable())?;
    let thresholds = Thresholds::checked("thresholds", &percents).map_err(|_| unreadable())?;
    let watch = match (row.watched_month, row.watched_until, row.credit_nanos) {
        (Some(month), Some(until), Some(credit)) => Some(Watch {
            month: Month::of(month),
            until,
            credit: Money::from_nanos(credit),
            look_at: row.look_at_nanos.map(Money::from_nanos),
        }),
        (_, _, _) => None,
    };
    let monthly_budget = row.monthly_budget_nanos.map(Money::from_nanos);
    Ok((OrganisationId::from_uuid(row.organisation_id), Settings { thresholds, monthly_budget, watch }))
}
