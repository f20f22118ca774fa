//! The records that were written although they were beyond what was allowed.

use std::collections::HashSet;

use entity::usage_over_allowance::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::domain::id::{OrganisationId, UsageRecordId};
use crate::store::row::{self, IDS_MAX};
use crate::store::{Db, StoreError, Transaction};

/// Flags records of an organisation; one that is flagged stays so.
pub async fn flag(tx: &Transaction, organisation: OrganisationId, ids: &[UsageRecordId]) -> Result<(), StoreError> {
    let rows =
        ids.iter().map(|id| Model { usage_record_id: id.uuid(), organisation_id: organisation.uuid() }).collect();
    let mut keep = OnConflict::column(Column::UsageRecordId);
    keep.do_nothing();
    row::insert::<_, ActiveModel>(tx, rows, Some(keep)).await?;
    Ok(())
}

/// Which of these records are flagged, whosever they are.
pub async fn flagged(db: &impl Db, ids: &[UsageRecordId]) -> Result<HashSet<UsageRecordId>, StoreError> {
    let mut flagged = HashSet::new();
    for ids in ids.chunks(IDS_MAX) {
        let query = Entity::find().filter(Column::UsageRecordId.is_in(ids.iter().map(|id| id.uuid())));
        let rows: Vec<uuid::Uuid> = query.select_only().column(Column::UsageRecordId).into_tuple().all(db).await?;
        flagged.extend(rows.into_iter().map(UsageRecordId::from_uuid));
    }
    Ok(flagged)
}
