//! Updates that could not be taken, in the database.

use entity::rejected_update::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use uuid::Uuid;

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, read};
use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId, RejectedUpdateId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::webhook::{RejectedUpdate, WebhookSource};

/// Keeps updates aside.
pub async fn insert(db: &impl Db, updates: &[RejectedUpdate]) -> Result<(), StoreError> {
    row::insert::<_, ActiveModel>(db, updates.iter().map(to_row).collect(), None).await?;
    Ok(())
}

/// A page of them, newest first: those of one organisation, or (`None`) all, those of nobody included.
pub async fn page(
    db: &impl Db,
    organisation: Option<OrganisationId>,
    request: &PageRequest<RejectedUpdateId>,
) -> Result<Page<RejectedUpdate>, StoreError> {
    let mut query = Entity::find();
    if let Some(organisation) = organisation {
        query = query.filter(Column::OrganisationId.eq(organisation.uuid()));
    }
    let keyset = Keyset { columns: [Column::Id], descending: true };
    let page = keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?;
    page.try_map(from_row)
}

/// Deletes the oldest ones from before `before`, the organisation's and nobody's, at most `limit`; how many went.
pub async fn delete_before(
    db: &impl Db,
    organisation: OrganisationId,
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    let whose =
        Condition::any().add(Column::OrganisationId.eq(organisation.uuid())).add(Column::OrganisationId.is_null());
    let oldest = Entity::find().select_only().column(Column::Id).filter(whose);
    let oldest = oldest.filter(Column::ReceivedAt.lt(before)).order_by_asc(Column::ReceivedAt).limit(limit);
    let oldest: Vec<Uuid> = oldest.into_tuple().all(db).await?;
    if oldest.is_empty() {
        return Ok(0);
    }
    Ok(Entity::delete_many().filter(Column::Id.is_in(oldest)).exec(db).await?.rows_affected)
}

fn to_row(update: &RejectedUpdate) -> Model {
    Model {
        id: update.id.uuid(),
        source: update.source.code().to_owned(),
        organisation_id: update.organisation_id.map(OrganisationId::uuid),
        channel_id: update.channel_id.map(ChannelId::uuid),
        reason: update.reason.clone(),
        payload: update.payload.clone(),
        received_at: update.received_at,
    }
}

fn from_row(row: Model) -> Result<RejectedUpdate, StoreError> {
    Ok(RejectedUpdate {
        id: RejectedUpdateId::from_uuid(row.id),
        source: read("rejected_update.source", &row.source, WebhookSource::from_code)?,
        organisation_id: row.organisation_id.map(OrganisationId::from_uuid),
        channel_id: row.channel_id.map(ChannelId::from_uuid),
        reason: row.reason,
        payload: row.payload,
        received_at: row.received_at,
    })
}
