//! Campaigns in the database, and what was counted of them.

use std::collections::HashMap;

use entity::campaign::{ActiveModel, Column, Entity, Model};
use entity::campaign_day;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult, IdenStatic as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, read, read_all};
use super::{Db, StoreError, Transaction};
use crate::domain::campaign::{Campaign, CampaignState};
use crate::domain::clock::Instant;
use crate::domain::id::{CampaignId, ChannelId, OrganisationId};
use crate::domain::message::Counts;
use crate::domain::page::{Page, PageRequest};

/// Adds those of the campaigns whose external ids are not there yet; the others stay as they are. Each external id at most once.
///
/// Sorted by external id, so that two who write the same campaigns do not wait for each other in a circle.
pub async fn insert_new(db: &impl Db, campaigns: &[Campaign], now: Instant) -> Result<(), StoreError> {
    let on_conflict = key().do_nothing().to_owned();
    row::insert::<_, ActiveModel>(db, to_rows(campaigns, now), Some(on_conflict)).await?;
    Ok(())
}

/// Overwrites campaigns that are there, found by their external ids. Each external id at most once.
pub async fn update(db: &impl Db, campaigns: &[Campaign], now: Instant) -> Result<(), StoreError> {
    let told = [
        Column::Name,
        Column::ChannelId,
        Column::State,
        Column::Recipients,
        Column::StartedAt,
        Column::FinishedAt,
        Column::UpdatedAt,
    ];
    let on_conflict = key().update_columns(told).to_owned();
    row::insert::<_, ActiveModel>(db, to_rows(campaigns, now), Some(on_conflict)).await?;
    Ok(())
}

fn key() -> OnConflict {
    OnConflict::columns([Column::OrganisationId, Column::ExternalId])
}

/// The organisation's campaigns with these external ids, by external id; no other changes them until the transaction ends.
pub async fn find_for_update(
    tx: &Transaction,
    organisation: OrganisationId,
    external_ids: &[&str],
) -> Result<Vec<Campaign>, StoreError> {
    let mut campaigns = Vec::with_capacity(external_ids.len());
    for batch in external_ids.chunks(row::IDS_MAX) {
        let query = Entity::find()
            .filter(Column::OrganisationId.eq(organisation.uuid()))
            .filter(Column::ExternalId.is_in(batch.iter().copied()))
            .order_by_asc(Column::ExternalId)
            .lock_exclusive();
        campaigns.extend(read_all(query.all(tx).await?, from_row)?);
    }
    Ok(campaigns)
}

/// The campaign with this id, whosever it is: the caller must look at its organisation.
pub async fn find_any(db: &impl Db, id: CampaignId) -> Result<Option<Campaign>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// A page of an organisation's campaigns, newest first.
pub async fn page(
    db: &impl Db,
    organisation: OrganisationId,
    request: &PageRequest<CampaignId>,
) -> Result<Page<Campaign>, StoreError> {
    let query = Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()));
    let keyset = Keyset { columns: [Column::Id], descending: true };
    keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?.try_map(from_row)
}

#[derive(Debug, FromQueryResult)]
struct Sum {
    campaign_id: Uuid,
    total: i64,
    sent: i64,
    delivered: i64,
    read: i64,
    failed: i64,
    replied: i64,
    engaged: i64,
}

/// What was counted of each of these campaigns of the organisation on all days together; one without messages is left out.
pub async fn counts(
    db: &impl Db,
    organisation: OrganisationId,
    ids: &[CampaignId],
) -> Result<HashMap<CampaignId, Counts>, StoreError> {
    use campaign_day::Column as Day;
    let mut counts = HashMap::with_capacity(ids.len());
    for batch in ids.chunks(row::IDS_MAX) {
        let mut query = campaign_day::Entity::find()
            .select_only()
            .column(Day::CampaignId)
            .filter(Day::OrganisationId.eq(organisation.uuid()))
            .filter(Day::CampaignId.is_in(batch.iter().map(|id| id.uuid())))
            .group_by(Day::CampaignId);
        for column in [Day::Total, Day::Sent, Day::Delivered, Day::Read, Day::Failed, Day::Replied, Day::Engaged] {
            // PostgreSQL sums 64-bit numbers into another type.
            query = query.column_as(column.into_expr().sum().cast_as("bigint"), column.as_str());
        }
        let sums = query.into_model::<Sum>().all(db).await?;
        counts.extend(sums.iter().map(|sum| (CampaignId::from_uuid(sum.campaign_id), sum.counts())));
    }
    Ok(counts)
}

impl Sum {
    fn counts(&self) -> Counts {
        Counts {
            total: self.total,
            sent: self.sent,
            delivered: self.delivered,
            read: self.read,
            failed: self.failed,
            replied: self.replied,
            engaged: self.engaged,
            ..Counts::default()
        }
    }
}

fn to_rows(campaigns: &[Campaign], now: Instant) -> Vec<Model> {
    let mut rows: Vec<_> = campaigns.iter().map(|campaign| to_row(campaign, now)).collect();
    rows.sort_unstable_by(|one, other| one.external_id.cmp(&other.external_id));
    rows
}

fn to_row(campaign: &Campaign, now: Instant) -> Model {
    Model {
        id: campaign.id.uuid(),
        organisation_id: campaign.organisation_id.uuid(),
        external_id: campaign.external_id.clone(),
        name: campaign.name.clone(),
        channel_id: campaign.channel_id.map(ChannelId::uuid),
        state: campaign.state.code().to_owned(),
        recipients: campaign.recipients,
        started_at: campaign.started_at,
        finished_at: campaign.finished_at,
        created_at: campaign.created_at,
        updated_at: now,
    }
}

fn from_row(row: Model) -> Result<Campaign, StoreError> {
    Ok(Campaign {
        id: CampaignId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        state: read("campaign.state", &row.state, CampaignState::from_code)?,
        external_id: row.external_id,
        name: row.name,
        channel_id: row.channel_id.map(ChannelId::from_uuid),
        recipients: row.recipients,
        started_at: row.started_at,
        finished_at: row.finished_at,
        created_at: row.created_at,
    })
}
