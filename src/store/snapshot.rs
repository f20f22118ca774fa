//! Snapshots in the database.

use chrono::NaiveDate;
use entity::snapshot::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, Select};
use uuid::Uuid;

use super::row::{self, corrupt, read, read_all};
use super::{Db, StoreError};
use crate::domain::id::{ChannelId, OrganisationId, SnapshotId};
use crate::domain::period::{DateRange, Period};
use crate::domain::snapshot::{Snapshot, SnapshotType};

/// Writes snapshots, each period of a channel at most once. One that is there already keeps its id and the time of its making, and stays as it is
/// where it knows of later facts.
pub async fn upsert(db: &impl Db, snapshots: &[Snapshot]) -> Result<(), StoreError> {
    let rows = snapshots.iter().map(to_row).collect::<Result<Vec<_>, _>>()?;
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::Kind, Column::ChannelId, Column::Date])
        .update_columns([
            Column::PeriodStart,
            Column::PeriodEnd,
            Column::Figures,
            Column::Sequence,
            Column::GeneratedAt,
        ])
        .action_and_where(Expr::col((Entity, Column::Sequence)).lte(Expr::col(("excluded", Column::Sequence))))
        .to_owned();
    row::insert::<_, ActiveModel>(db, rows, Some(on_conflict)).await?;
    Ok(())
}

/// The organisation's snapshots of the period that begins on `date`, its own and those of its channels, in no particular order.
pub async fn of_period(
    db: &impl Db,
    organisation: OrganisationId,
    kind: SnapshotType,
    date: NaiveDate,
) -> Result<Vec<Snapshot>, StoreError> {
    read_all(of(organisation, kind).filter(Column::Date.eq(date)).all(db).await?, |row| from_row(&row))
}

/// The snapshots of a channel, or of the organisation as a whole, whose periods begin on the days; the oldest first.
pub async fn list(
    db: &impl Db,
    organisation: OrganisationId,
    kind: SnapshotType,
    channel: Option<ChannelId>,
    range: DateRange,
) -> Result<Vec<Snapshot>, StoreError> {
    let query = of(organisation, kind)
        .filter(Column::ChannelId.eq(column_of(channel)))
        .filter(Column::Date.between(range.from(), range.to()))
        .order_by_asc(Column::Date);
    read_all(query.all(db).await?, |row| from_row(&row))
}

/// The snapshot with this id, whosever it is: the caller must look at its organisation.
pub async fn find_any(db: &impl Db, id: SnapshotId) -> Result<Option<Snapshot>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.as_ref().map(from_row).transpose()
}

/// Those of the ids that exist, whosever they are, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[SnapshotId]) -> Result<Vec<Snapshot>, StoreError> {
    let rows = row::select_in(db, Entity::find(), Column::Id, ids.iter().map(|id| id.uuid()).collect()).await?;
    read_all(rows, |row| from_row(&row))
}

fn of(organisation: OrganisationId, kind: SnapshotType) -> Select<Entity> {
    Entity::find().filter(Column::OrganisationId.eq(organisation.uuid())).filter(Column::Kind.eq(kind.code()))
}

/// The organisation as a whole has the nil channel.
fn column_of(channel: Option<ChannelId>) -> Uuid {
    channel.map_or(Uuid::nil(), ChannelId::uuid)
}

fn to_row(snapshot: &Snapshot) -> Result<Model, StoreError> {
    let figures = serde_json::to_string(&snapshot.figures).map_err(|error| corrupt("snapshot.figures", error))?;
    Ok(Model {
        id: snapshot.id.uuid(),
        organisation_id: snapshot.organisation_id.uuid(),
        channel_id: column_of(snapshot.channel_id),
        kind: snapshot.kind.code().to_owned(),
        date: snapshot.date,
        period_start: snapshot.period.start,
        period_end: snapshot.period.end,
        figures,
        sequence: snapshot.sequence,
        created_at: snapshot.created_at,
        generated_at: snapshot.generated_at,
    })
}

fn from_row(row: &Model) -> Result<Snapshot, StoreError> {
    Ok(Snapshot {
        id: SnapshotId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        channel_id: Some(row.channel_id).filter(|id| !id.is_nil()).map(ChannelId::from_uuid),
        kind: read("snapshot.kind", &row.kind, SnapshotType::from_code)?,
        date: row.date,
        period: Period { start: row.period_start, end: row.period_end },
        figures: serde_json::from_str(&row.figures).map_err(|error| corrupt("snapshot.figures", error))?,
        sequence: row.sequence,
        created_at: row.created_at,
        generated_at: row.generated_at,
    })
}
