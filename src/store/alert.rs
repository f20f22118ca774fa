//! Alerts in the database: what stands is there once under its key.

mod setting;

use entity::alert::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};
use uuid::Uuid;

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, IDS_MAX, corrupt, read, read_all};
use super::{Db, StoreError, Transaction};
use crate::domain::alert::{Alert, AlertKind, AlertPeriod, Figures, NewAlert};
use crate::domain::clock::Instant;
use crate::domain::id::{AlertId, ChannelId, JobRunId, OrganisationId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::shard::Shard;
pub use setting::{ensure, forget_watch, hold, save, save_watch, settings};

/// Adds alerts but those whose key stands already; which were added, in their order.
pub async fn insert(tx: &Transaction, alerts: &[Alert]) -> Result<Vec<AlertId>, StoreError> {
    let rows: Vec<_> = alerts.iter().map(to_row).collect();
    let all: Vec<_> = alerts.iter().map(|alert| alert.id).collect();
    let unless_it_stands = OnConflict::new().do_nothing().to_owned();
    let written = row::insert::<_, ActiveModel>(tx, rows, Some(unless_it_stands)).await?;
    if usize::try_from(written).ok() == Some(all.len()) {
        return Ok(all);
    }
    let there = find_many(tx, &all).await?;
    Ok(all.into_iter().filter(|id| there.iter().any(|alert| alert.id == *id)).collect())
}

/// What did not recover of some kinds, held until the transaction ends; the oldest first.
pub async fn standing(
    tx: &Transaction,
    organisations: &[OrganisationId],
    kinds: &[AlertKind],
) -> Result<Vec<Alert>, StoreError> {
    let kinds = || kinds.iter().map(|kind| kind.code());
    held(tx, organisations, |query| query.filter(Column::Kind.is_in(kinds()))).await
}

/// What did not recover under these keys, held until the transaction ends.
pub async fn standing_under(tx: &Transaction, keys: &[(OrganisationId, String)]) -> Result<Vec<Alert>, StoreError> {
    let mut organisations: Vec<_> = keys.iter().map(|(organisation, _)| *organisation).collect();
    organisations.sort_unstable();
    organisations.dedup();
    let mut alerts = Vec::new();
    for batch in keys.chunks(IDS_MAX) {
        let wanted = || batch.iter().map(|(_, key)| key.as_str());
        let found = held(tx, &organisations, |query| query.filter(Column::Key.is_in(wanted()))).await?;
        let is_wanted = |alert: &Alert| batch.contains(&(alert.about.organisation_id, alert.about.key()));
        alerts.extend(found.into_iter().filter(is_wanted));
    }
    Ok(alerts)
}

/// What did not recover of one kind, of all organisations of these shards, held until the transaction ends.
pub async fn standing_in(tx: &Transaction, shards: &[Shard], kind: AlertKind) -> Result<Vec<Alert>, StoreError> {
    let query =
        not_recovered().filter(Column::Kind.eq(kind.code())).filter(row::of_shards(Column::OrganisationId, shards));
    read_all(query.order_by_asc(Column::Id).lock_exclusive().all(tx).await?, from_row)
}

async fn held(
    tx: &Transaction,
    organisations: &[OrganisationId],
    narrowed: impl Fn(Select<Entity>) -> Select<Entity>,
) -> Result<Vec<Alert>, StoreError> {
    let mut alerts = Vec::new();
    for batch in organisations.chunks(IDS_MAX) {
        let query = not_recovered().filter(Column::OrganisationId.is_in(batch.iter().map(|id| id.uuid())));
        let query = narrowed(query).order_by_asc(Column::Id).lock_exclusive();
        alerts.extend(read_all(query.all(tx).await?, from_row)?);
    }
    Ok(alerts)
}

fn not_recovered() -> Select<Entity> {
    Entity::find().filter(Column::RecoveredAt.is_null())
}

/// Says of alerts that what they are about is over.
pub async fn recover(tx: &Transaction, ids: &[AlertId], now: Instant) -> Result<(), StoreError> {
    for batch in ids.chunks(IDS_MAX) {
        Entity::update_many()
            .col_expr(Column::RecoveredAt, Expr::value(now))
            .filter(Column::Id.is_in(batch.iter().map(|id| id.uuid())))
            .filter(Column::RecoveredAt.is_null())
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// The alert with this id, whosever it is.
pub async fn find(db: &impl Db, id: AlertId) -> Result<Option<Alert>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// Those of the ids that exist, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[AlertId]) -> Result<Vec<Alert>, StoreError> {
    let rows = row::select_in(db, Entity::find(), Column::Id, ids.iter().map(|id| id.uuid()).collect()).await?;
    read_all(rows, from_row)
}

/// Which alerts a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// `None`: those of all.
    pub organisation: Option<OrganisationId>,
    /// Only those that are open at a time, or only those that are not.
    pub open: Option<(bool, Instant)>,
}

/// A page of alerts, newest first.
pub async fn page(db: &impl Db, filter: &Filter, request: &PageRequest<AlertId>) -> Result<Page<Alert>, StoreError> {
    let mut query = Entity::find();
    if let Some(organisation) = filter.organisation {
        query = query.filter(Column::OrganisationId.eq(organisation.uuid()));
    }
    query = match filter.open {
        None => query,
        Some((true, now)) => {
            let goes_on = Condition::any().add(Column::EndsAt.is_null()).add(Column::EndsAt.gt(now));
            query.filter(Column::RecoveredAt.is_null()).filter(goes_on)
        }
        Some((false, now)) => {
            query.filter(Condition::any().add(Column::RecoveredAt.is_not_null()).add(Column::EndsAt.lte(now)))
        }
    };
    let keyset = Keyset { columns: [Column::Id], descending: true };
    let page = keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?;
    page.try_map(from_row)
}

/// Deletes the organisation's oldest alerts that were raised before `before` and concern nobody any more: recovered, their period over, or of
/// a run, which is not kept as long. At most `limit`; how many went.
pub async fn delete_before(
    db: &impl Db,
    organisation: OrganisationId,
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    let is_over = Condition::any()
        .add(Column::RecoveredAt.lt(before))
        .add(Column::EndsAt.lt(before))
        .add(Column::Kind.eq(AlertKind::JobFailed.code()));
    let oldest = Entity::find().select_only().column(Column::Id).filter(is_over);
    let oldest = oldest.filter(Column::OrganisationId.eq(organisation.uuid())).filter(Column::RaisedAt.lt(before));
    let oldest: Vec<Uuid> = oldest.order_by_asc(Column::Id).limit(limit).into_tuple().all(db).await?;
    if oldest.is_empty() {
        return Ok(0);
    }
    Ok(Entity::delete_many().filter(Column::Id.is_in(oldest)).exec(db).await?.rows_affected)
}

fn to_row(alert: &Alert) -> Model {
    let about = &alert.about;
    Model {
        id: alert.id.uuid(),
        organisation_id: about.organisation_id.uuid(),
        kind: about.kind.code().to_owned(),
        key: about.key(),
        channel_id: about.channel_id.map(ChannelId::uuid),
        job_run_id: about.job_run_id.map(JobRunId::uuid),
        subject: about.subject.clone(),
        threshold: about.threshold,
        used_parts: about.figures.map(|figures| figures.used),
        limit_parts: about.figures.map(|figures| figures.limit),
        period_start: about.period.map(|period| period.start),
        ends_at: about.period.map(|period| period.ends_at),
        message: about.message.clone(),
        raised_at: alert.raised_at,
        recovered_at: alert.recovered_at,
    }
}

fn from_row(row: Model) -> Result<Alert, StoreError> {
    let kind = read("alert.kind", &row.kind, AlertKind::from_code)?;
    let figures = match (kind.unit(), row.used_parts, row.limit_parts) {
        (Some(unit), Some(used), Some(limit)) => Some(Figures { unit, used, limit }),
        (_, None, None) => None,
        (_, _, _) => return Err(corrupt("alert.used_parts", "without a limit, or of a kind without figures")),
    };
    let period = match (row.period_start, row.ends_at) {
        (Some(start), Some(ends_at)) => Some(AlertPeriod { start, ends_at }),
        (None, None) => None,
        (_, _) => return Err(corrupt("alert.period_start", "without an end, or the reverse")),
    };
    let about = NewAlert {
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        kind,
        channel_id: row.channel_id.map(ChannelId::from_uuid),
        job_run_id: row.job_run_id.map(JobRunId::from_uuid),
        subject: row.subject,
        threshold: row.threshold,
        figures,
        period,
        message: row.message,
    };
    let id = AlertId::from_uuid(row.id);
    Ok(Alert { id, about, raised_at: row.raised_at, recovered_at: row.recovered_at })
}
