//! The secrets that webhooks of channels carry, in the database: only their SHA-256.

use entity::channel_secret::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait as _, QuerySelect as _};

use super::row::{self, read_hash};
use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId};

/// Gives the organisation's channel a secret in the place of the one that it had.
pub async fn replace(
    db: &impl Db,
    organisation: OrganisationId,
    channel: ChannelId,
    hash: &[u8; 32],
    now: Instant,
) -> Result<(), StoreError> {
    let row = Model {
        channel_id: channel.uuid(),
        organisation_id: organisation.uuid(),
        hash: hash.to_vec(),
        created_at: now,
    };
    let on_conflict =
        OnConflict::column(Column::ChannelId).update_columns([Column::Hash, Column::CreatedAt]).to_owned();
    row::insert::<_, ActiveModel>(db, vec![row], Some(on_conflict)).await?;
    Ok(())
}

/// The SHA-256 of the channel's secret, where it has one.
pub async fn find(db: &impl Db, channel: ChannelId) -> Result<Option<[u8; 32]>, StoreError> {
    let query = Entity::find_by_id(channel.uuid()).select_only().column(Column::Hash);
    let hash: Option<Vec<u8>> = query.into_tuple().one(db).await?;
    hash.map(|hash| read_hash("channel_secret.hash", &hash)).transpose()
}
