//! Channels in the database.

use chrono::NaiveDate;
use entity::channel::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};

use super::row::{self, corrupt, read, read_all, read_zone};
use super::{Db, StoreError};
use crate::domain::channel::{BspAccountRef, BspKind, Channel, ChannelKind, ChannelStatus};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::period::Zone;

/// Credentials as they rest: encrypted by `service`, opaque here.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedCredentials(pub Vec<u8>);

impl std::fmt::Debug for SealedCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedCredentials({} bytes)", self.0.len())
    }
}

/// Adds a channel.
pub async fn insert(
    db: &impl Db,
    channel: &Channel,
    credentials: Option<&SealedCredentials>,
    now: Instant,
) -> Result<(), StoreError> {
    row::insert::<_, ActiveModel>(db, vec![to_row(channel, credentials, now)], None).await?;
    Ok(())
}

/// Overwrites a channel of its organisation; `None` keeps the credentials as they are.
pub async fn update(
    db: &impl Db,
    channel: &Channel,
    credentials: Option<&SealedCredentials>,
    now: Instant,
) -> Result<(), StoreError> {
    let row = to_row(channel, credentials, now);
    let mut update = Entity::update_many()
        .col_expr(Column::Kind, Expr::value(row.kind))
        .col_expr(Column::Bsp, Expr::value(row.bsp))
        .col_expr(Column::Account, Expr::value(row.account))
        .col_expr(Column::Name, Expr::value(row.name))
        .col_expr(Column::PhoneNumber, Expr::value(row.phone_number))
        .col_expr(Column::Status, Expr::value(row.status))
        .col_expr(Column::StatusReason, Expr::value(row.status_reason))
        .col_expr(Column::UsageHighWater, Expr::value(row.usage_high_water))
        .col_expr(Column::AccountZone, Expr::value(row.account_zone))
        .col_expr(Column::UpdatedAt, Expr::value(now));
    if row.credentials.is_some() {
        update = update.col_expr(Column::Credentials, Expr::value(row.credentials));
    }
    update.filter(Column::OrganisationId.eq(row.organisation_id)).filter(Column::Id.eq(row.id)).exec(db).await?;
    Ok(())
}

/// The organisation's channel with this id.
pub async fn find(db: &impl Db, organisation: OrganisationId, id: ChannelId) -> Result<Option<Channel>, StoreError> {
    of(organisation).filter(Column::Id.eq(id.uuid())).one(db).await?.map(from_row).transpose()
}

/// The channel with this id, whosever it is: the caller must look at its organisation.
pub async fn find_any(db: &impl Db, id: ChannelId) -> Result<Option<Channel>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// Those of the ids that exist, whosever they are, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[ChannelId]) -> Result<Vec<Channel>, StoreError> {
    let rows = row::select_in(db, Entity::find(), Column::Id, ids.iter().map(|id| id.uuid()).collect()).await?;
    read_all(rows, from_row)
}

/// The organisation's channels, oldest first.
pub async fn list(
    db: &impl Db,
    organisation: OrganisationId,
    kind: Option<ChannelKind>,
    bsp: Option<BspKind>,
) -> Result<Vec<Channel>, StoreError> {
    let mut query = of(organisation).order_by_asc(Column::Id);
    if let Some(kind) = kind {
        query = query.filter(Column::Kind.eq(kind.code()));
    }
    if let Some(bsp) = bsp {
        query = query.filter(Column::Bsp.eq(bsp.code()));
    }
    read_all(query.all(db).await?, from_row)
}

/// The channels of these accounts of a BSP, whosever they are, in no particular order.
pub async fn list_of_accounts(db: &impl Db, bsp: BspKind, accounts: &[&str]) -> Result<Vec<Channel>, StoreError> {
    let mut channels = Vec::new();
    for batch in accounts.chunks(row::IDS_MAX) {
        let query =
            Entity::find().filter(Column::Bsp.eq(bsp.code())).filter(Column::Account.is_in(batch.iter().copied()));
        channels.extend(read_all(query.all(db).await?, from_row)?);
    }
    Ok(channels)
}

/// The channels of several organisations, oldest first.
pub async fn list_of(db: &impl Db, organisations: &[OrganisationId]) -> Result<Vec<Channel>, StoreError> {
    let ids = organisations.iter().map(|id| id.uuid()).collect();
    let mut channels = read_all(row::select_in(db, Entity::find(), Column::OrganisationId, ids).await?, from_row)?;
    channels.sort_unstable_by_key(|channel| channel.id);
    Ok(channels)
}

/// The credentials of the organisation's channel, where it has any.
pub async fn credentials(
    db: &impl Db,
    organisation: OrganisationId,
    id: ChannelId,
) -> Result<Option<SealedCredentials>, StoreError> {
    let query = of(organisation).filter(Column::Id.eq(id.uuid())).select_only().column(Column::Credentials);
    let sealed: Option<Option<Vec<u8>>> = query.into_tuple().one(db).await?;
    Ok(sealed.flatten().map(SealedCredentials))
}

/// How many channels the organisation has.
pub async fn count(db: &impl Db, organisation: OrganisationId) -> Result<i64, StoreError> {
    row::count(of(organisation).count(db).await?)
}

/// Stops an active channel until somebody looks after it. False, and nothing done, if it was not active.
pub async fn mark_needs_attention(
    db: &impl Db,
    organisation: OrganisationId,
    id: ChannelId,
    reason: &str,
    now: Instant,
) -> Result<bool, StoreError> {
    let marked = Entity::update_many()
        .col_expr(Column::Status, Expr::value(ChannelStatus::NeedsAttention.code()))
        .col_expr(Column::StatusReason, Expr::value(reason))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::Status.eq(ChannelStatus::Active.code()))
        .exec(db)
        .await?;
    Ok(marked.rows_affected > 0)
}

/// Notes what a pull found out. The high-water mark only ever moves forward; `None` leaves what is there.
pub async fn record_pull(
    db: &impl Db,
    organisation: OrganisationId,
    id: ChannelId,
    high_water: Option<NaiveDate>,
    zone: Option<Zone>,
    now: Instant,
) -> Result<(), StoreError> {
    let channel = || {
        Entity::update_many()
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::OrganisationId.eq(organisation.uuid()))
            .filter(Column::Id.eq(id.uuid()))
    };
    if let Some(date) = high_water {
        let lower = Condition::any().add(Column::UsageHighWater.is_null()).add(Column::UsageHighWater.lt(date));
        channel().col_expr(Column::UsageHighWater, Expr::value(date)).filter(lower).exec(db).await?;
    }
    if let Some(zone) = zone {
        let other = Condition::any().add(Column::AccountZone.is_null()).add(Column::AccountZone.ne(zone.name()));
        channel().col_expr(Column::AccountZone, Expr::value(zone.name())).filter(other).exec(db).await?;
    }
    Ok(())
}

fn of(organisation: OrganisationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()))
}

fn to_row(channel: &Channel, credentials: Option<&SealedCredentials>, now: Instant) -> Model {
    let account = channel.account.as_ref();
    Model {
        id: channel.id.uuid(),
        organisation_id: channel.organisation_id.uuid(),
        kind: channel.kind.code().to_owned(),
        bsp: account.map(|account| account.bsp.code().to_owned()),
        account: account.map(|account| account.account.clone()),
        name: channel.name.clone(),
        phone_number: channel.phone_number.clone(),
        credentials: credentials.map(|sealed| sealed.0.clone()),
        status: channel.status.code().to_owned(),
        status_reason: channel.status_reason.clone(),
        usage_high_water: channel.usage_high_water,
        account_zone: channel.account_zone.map(|zone| zone.name().to_owned()),
        created_at: channel.created_at,
        updated_at: now,
    }
}

fn from_row(row: Model) -> Result<Channel, StoreError> {
    let account = match (row.bsp, row.account) {
        (None, None) => None,
        (Some(bsp), Some(account)) => {
            Some(BspAccountRef { bsp: read("channel.bsp", &bsp, BspKind::from_code)?, account })
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(corrupt("channel.account", "an account without a BSP, or the reverse"));
        }
    };
    Ok(Channel {
        id: ChannelId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        kind: read("channel.kind", &row.kind, ChannelKind::from_code)?,
        account,
        name: row.name,
        phone_number: row.phone_number,
        status: read("channel.status", &row.status, ChannelStatus::from_code)?,
        status_reason: row.status_reason,
        usage_high_water: row.usage_high_water,
        account_zone: row.account_zone.as_deref().map(|name| read_zone("channel.account_zone", name)).transpose()?,
        created_at: row.created_at,
    })
}
