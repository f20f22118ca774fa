//! Organisations in the database.

use entity::organisation::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, read, read_all, read_zone};
use super::{Db, StoreError, Transaction};
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::domain::job::JobKind;
use crate::domain::money::Currency;
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};
use crate::domain::shard::Shard;

/// Which organisations are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A part of the name or of the external id; A to Z are the same as a to z.
    pub search: Option<String>,
    pub active: Option<bool>,
}

/// The order of a list of organisations. Oldest and newest go by id, which is made in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    NameAscending,
    NameDescending,
    OldestFirst,
    NewestFirst,
}

/// Where an organisation stands in an [`Order`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name in the orders by name, else empty.
    pub key: String,
    pub id: OrganisationId,
}

/// Adds an organisation; [`StoreError::Unique`] when its id or external id is taken.
pub async fn insert(db: &impl Db, organisation: &Organisation, now: Instant) -> Result<(), StoreError> {
    row::insert::<_, ActiveModel>(db, vec![to_row(organisation, now)], None).await?;
    Ok(())
}

/// Overwrites an organisation; [`StoreError::Unique`] when its external id is taken.
pub async fn update(db: &impl Db, organisation: &Organisation, now: Instant) -> Result<(), StoreError> {
    let row = to_row(organisation, now);
    Entity::update_many()
        .col_expr(Column::Name, Expr::value(row.name))
        .col_expr(Column::ExternalId, Expr::value(row.external_id))
        .col_expr(Column::TimeZone, Expr::value(row.time_zone))
        .col_expr(Column::Currency, Expr::value(row.currency))
        .col_expr(Column::PlanCode, Expr::value(row.plan_code))
        .col_expr(Column::Active, Expr::value(row.active))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(row.id))
        .exec(db)
        .await?;
    Ok(())
}

/// The organisation with this id.
pub async fn find(db: &impl Db, id: OrganisationId) -> Result<Option<Organisation>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// The same, and no other changes it until the transaction ends.
pub async fn find_for_update(tx: &Transaction, id: OrganisationId) -> Result<Option<Organisation>, StoreError> {
    Entity::find_by_id(id.uuid()).lock_exclusive().one(tx).await?.map(from_row).transpose()
}

/// Those of the ids that exist, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[OrganisationId]) -> Result<Vec<Organisation>, StoreError> {
    let rows = row::select_in(db, Entity::find(), Column::Id, ids.iter().map(|id| id.uuid()).collect()).await?;
    read_all(rows, from_row)
}

/// A page of the organisations in an order.
pub async fn page(
    db: &impl Db,
    filter: &Filter,
    order: Order,
    request: &PageRequest<Place>,
) -> Result<Page<Organisation>, StoreError> {
    let rows = filtered(filter);
    let page = match order {
        Order::NameAscending | Order::NameDescending => {
            let keyset = Keyset { columns: [Column::Name, Column::Id], descending: order == Order::NameDescending };
            let values = |place: &Place| [Expr::value(place.key.clone()), Expr::value(place.id.uuid())];
            keyset.page(db, rows, placed(request, values)).await?
        }
        Order::OldestFirst | Order::NewestFirst => {
            let keyset = Keyset { columns: [Column::Id], descending: order == Order::NewestFirst };
            keyset.page(db, rows, placed(request, |place| [Expr::value(place.id.uuid())])).await?
        }
    };
    page.try_map(from_row)
}

/// How many there are.
pub async fn count(db: &impl Db, filter: &Filter) -> Result<i64, StoreError> {
    row::count(filtered(filter).count(db).await?)
}

/// The active organisations of these shards after a place, in the order of their shards and ids; at most `limit`.
pub async fn active_of_shards(
    db: &impl Db,
    shards: &[Shard],
    after: Option<OrganisationId>,
    limit: u64,
) -> Result<Vec<Organisation>, StoreError> {
    let mut query = Entity::find().filter(Column::Active.eq(true)).filter(Expr::cust(row::in_shards(shards)));
    if let Some(after) = after {
        let place = Expr::tuple([Expr::value(Shard::of(after).number()), Expr::value(after.uuid())]);
        query = query.filter(Expr::tuple([Column::Shard.into_expr(), Column::Id.into_expr()]).gt(place));
    }
    let rows = query.order_by_asc(Column::Shard).order_by_asc(Column::Id).limit(limit).all(db).await?;
    read_all(rows, from_row)
}

/// Organisations of these shards, active or not, that never had a schedule of this kind (one that was removed counts as had); at most `limit`.
pub async fn without_schedule(
    db: &impl Db,
    shards: &[Shard],
    kind: JobKind,
    limit: u64,
) -> Result<Vec<Organisation>, StoreError> {
    let schedules = Query::select()
        .expr(Expr::value(1))
        .from(entity::schedule::Entity)
        .and_where(entity::schedule::Column::OrganisationId.into_expr().eq(Column::Id.into_expr()))
        .and_where(entity::schedule::Column::Kind.eq(kind.code()))
        .to_owned();
    let rows = Entity::find()
        .filter(Expr::not_exists(schedules))
        .filter(Expr::cust(row::in_shards(shards)))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    read_all(rows, from_row)
}

fn filtered(filter: &Filter) -> Select<Entity> {
    let mut query = Entity::find();
    if let Some(active) = filter.active {
        query = query.filter(Column::Active.eq(active));
    }
    if let Some(search) = &filter.search {
        query = query.filter(row::contains([Column::Name, Column::ExternalId], search));
    }
    query
}

fn to_row(organisation: &Organisation, now: Instant) -> Model {
    Model {
        id: organisation.id.uuid(),
        name: organisation.name.clone(),
        external_id: organisation.external_id.clone(),
        time_zone: organisation.time_zone.name().to_owned(),
        currency: organisation.currency.code().to_owned(),
        plan_code: organisation.plan_code.clone(),
        active: organisation.active,
        shard: Shard::of(organisation.id).number(),
        created_at: organisation.created_at,
        updated_at: now,
    }
}

fn from_row(row: Model) -> Result<Organisation, StoreError> {
    Ok(Organisation {
        id: OrganisationId::from_uuid(row.id),
        time_zone: read_zone("organisation.time_zone", &row.time_zone)?,
        currency: read("organisation.currency", &row.currency, Currency::from_code)?,
        name: row.name,
        external_id: row.external_id,
        plan_code: row.plan_code,
        active: row.active,
        created_at: row.created_at,
    })
}
