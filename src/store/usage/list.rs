//! Lists of records, newest first.

use entity::usage_record::{Column, Entity};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::record::from_row;
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, CustomerId, OrganisationId, UsageRecordId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::usage::{ResourceType, UsageRecord};
use crate::store::keyset::{Keyset, ReadPage as _, placed};
use crate::store::{Db, StoreError};

/// Which records are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those that happened then or later.
    pub from: Option<Instant>,
    /// Only those that happened before.
    pub to: Option<Instant>,
    pub kind: Option<ChannelKind>,
    pub resource_type: Option<ResourceType>,
    pub customer_id: Option<CustomerId>,
    pub channel_id: Option<ChannelId>,
    /// Only those without a price, or only those with one.
    pub unpriced: Option<bool>,
}

/// Where a record stands in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub occurred_at: Instant,
    pub id: UsageRecordId,
}

impl Place {
    /// Where `record` stands.
    pub const fn of(record: &UsageRecord) -> Self {
        Self { occurred_at: record.occurred_at, id: record.id }
    }
}

/// A page of an organisation's records, newest first.
pub async fn page(
    db: &impl Db,
    organisation: OrganisationId,
    filter: &Filter,
    request: &PageRequest<Place>,
) -> Result<Page<UsageRecord>, StoreError> {
    let mut query = Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()));
    if let Some(from) = filter.from {
        query = query.filter(Column::OccurredAt.gte(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(Column::OccurredAt.lt(to));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(Column::Kind.eq(kind.code()));
    }
    if let Some(resource_type) = &filter.resource_type {
        query = query.filter(Column::ResourceType.eq(resource_type.code()));
    }
    if let Some(id) = filter.customer_id {
        query = query.filter(Column::CustomerId.eq(id.uuid()));
    }
    if let Some(id) = filter.channel_id {
        query = query.filter(Column::ChannelId.eq(id.uuid()));
    }
    query = match filter.unpriced {
        None => query,
        Some(true) => query.filter(Column::RateId.is_null()),
        Some(false) => query.filter(Column::RateId.is_not_null()),
    };
    let keyset = Keyset { columns: [Column::OccurredAt, Column::Id], descending: true };
    let values = |place: &Place| [Expr::value(place.occurred_at), Expr::value(place.id.uuid())];
    keyset.page(db, query, placed(request, values)).await?.try_map(from_row)
}
