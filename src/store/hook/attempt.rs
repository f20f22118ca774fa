//! The tries in the database.

use entity::webhook_attempt::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use uuid::Uuid;

use crate::domain::clock::Instant;
use crate::domain::hook::Attempt;
use crate::domain::id::{AttemptId, EndpointId, OrganisationId};
use crate::domain::page::{Page, PageRequest};
use crate::store::keyset::{Keyset, ReadPage as _, placed};
use crate::store::row::{self, corrupt};
use crate::store::{Db, StoreError};

/// Notes a try.
pub async fn insert_attempt(db: &impl Db, attempt: &Attempt) -> Result<(), StoreError> {
    let row = Model {
        id: attempt.id.uuid(),
        organisation_id: attempt.organisation_id.uuid(),
        endpoint_id: attempt.endpoint_id.uuid(),
        sequence: attempt.sequence,
        event_type: attempt.event_type.clone(),
        number: attempt.number,
        status_code: attempt.status_code.map(i32::from),
        error: attempt.error.clone(),
        duration_ms: attempt.duration_ms,
        at: attempt.at,
    };
    row::insert::<_, ActiveModel>(db, vec![row], None).await?;
    Ok(())
}

/// A page of the tries at an address of the organisation, newest first.
pub async fn page_attempts(
    db: &impl Db,
    organisation: OrganisationId,
    endpoint: EndpointId,
    request: &PageRequest<AttemptId>,
) -> Result<Page<Attempt>, StoreError> {
    let query = Entity::find()
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::EndpointId.eq(endpoint.uuid()));
    let keyset = Keyset { columns: [Column::Id], descending: true };
    keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?.try_map(from_row)
}

/// Deletes the organisation's oldest tries from before `before`, at most `limit`; how many went.
pub async fn delete_attempts_before(
    db: &impl Db,
    organisation: OrganisationId,
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    let oldest = Entity::find().select_only().column(Column::Id);
    let oldest = oldest.filter(Column::OrganisationId.eq(organisation.uuid())).filter(Column::At.lt(before));
    let oldest: Vec<Uuid> = oldest.order_by_asc(Column::At).limit(limit).into_tuple().all(db).await?;
    if oldest.is_empty() {
        return Ok(0);
    }
    Ok(Entity::delete_many().filter(Column::Id.is_in(oldest)).exec(db).await?.rows_affected)
}

fn from_row(row: Model) -> Result<Attempt, StoreError> {
    let status =
        row.status_code.map(|code| u16::try_from(code).map_err(|_| corrupt("webhook_attempt.status_code", code)));
    Ok(Attempt {
        id: AttemptId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        endpoint_id: EndpointId::from_uuid(row.endpoint_id),
        sequence: row.sequence,
        event_type: row.event_type,
        number: row.number,
        status_code: status.transpose()?,
        error: row.error,
        duration_ms: row.duration_ms,
        at: row.at,
    })
}
