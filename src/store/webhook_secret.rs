//! The secrets that webhooks in are signed with, in the database.

use entity::webhook_secret::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait as _, QuerySelect as _};

use super::{Db, StoreError, row};
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;

/// A secret as it rests: encrypted by `service`, opaque here.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(pub Vec<u8>);

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedSecret({} bytes)", self.0.len())
    }
}

/// Gives the organisation a secret in the place of the one that it had.
pub async fn replace(
    db: &impl Db,
    organisation: OrganisationId,
    secret: &SealedSecret,
    now: Instant,
) -> Result<(), StoreError> {
    let row = Model { organisation_id: organisation.uuid(), sealed: secret.0.clone(), created_at: now };
    let on_conflict =
        OnConflict::column(Column::OrganisationId).update_columns([Column::Sealed, Column::CreatedAt]).to_owned();
    row::insert::<_, ActiveModel>(db, vec![row], Some(on_conflict)).await?;
    Ok(())
}

/// The organisation's secret, where it has one.
pub async fn find(db: &impl Db, organisation: OrganisationId) -> Result<Option<SealedSecret>, StoreError> {
    let query = Entity::find_by_id(organisation.uuid()).select_only().column(Column::Sealed);
    let sealed: Option<Vec<u8>> = query.into_tuple().one(db).await?;
    Ok(sealed.map(SealedSecret))
}
