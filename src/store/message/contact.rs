//! Since which local day people are talked to, by the organisation and on each of its channels.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use entity::contact::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use uuid::Uuid;

use crate::domain::id::{ChannelId, CustomerId, OrganisationId};
use crate::store::row;
use crate::store::{Db, StoreError};

/// Somebody on a channel; without one, to the organisation.
pub type ContactKey = (Option<ChannelId>, CustomerId);

/// What is known of an organisation's people on these channels; `None`: of the organisation itself.
pub async fn find(
    db: &impl Db,
    organisation: OrganisationId,
    channels: &BTreeSet<Option<ChannelId>>,
    customers: &[CustomerId],
) -> Result<BTreeMap<ContactKey, NaiveDate>, StoreError> {
    let channels = channels.iter().map(|channel| channel.map_or(Uuid::nil(), ChannelId::uuid));
    // The channels come first in the key: without them all of the organisation's people would be walked through.
    let query =
        Entity::find().filter(Column::OrganisationId.eq(organisation.uuid())).filter(Column::ChannelId.is_in(channels));
    let ids = customers.iter().map(|id| id.uuid()).collect();
    let rows = row::select_in(db, query, Column::CustomerId, ids).await?;
    let read = rows.into_iter().map(|row| {
        let channel = Some(row.channel_id).filter(|id| !id.is_nil()).map(ChannelId::from_uuid);
        ((channel, CustomerId::from_uuid(row.customer_id)), row.first_date)
    });
    Ok(read.collect())
}

/// Writes down since when people are talked to, over what was known.
pub async fn upsert(
    db: &impl Db,
    organisation: OrganisationId,
    contacts: &BTreeMap<ContactKey, NaiveDate>,
) -> Result<(), StoreError> {
    let rows = contacts.iter().map(|((channel, customer), first_date)| Model {
        organisation_id: organisation.uuid(),
        channel_id: channel.map_or(Uuid::nil(), ChannelId::uuid),
        customer_id: customer.uuid(),
        first_date: *first_date,
    });
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::ChannelId, Column::CustomerId])
        .update_column(Column::FirstDate)
        .to_owned();
    row::insert::<_, ActiveModel>(db, rows.collect(), Some(on_conflict)).await?;
    Ok(())
}
