//! A record as a row, there and back.

use entity::usage_record::{Column, Entity, Model};
use sea_orm::EntityTrait as _;

use crate::domain::channel::ChannelKind;
use crate::domain::id::{ChannelId, CustomerId, OrganisationId, RateId, UsageRecordId};
use crate::domain::money::Money;
use crate::domain::period::Month;
use crate::domain::quantity::Quantity;
use crate::domain::usage::{Correction, Resource, ResourceType, UsageRecord};
use crate::store::row::{self, corrupt, read, read_all};
use crate::store::{Db, StoreError};

/// The record with this id, whosever it is: the caller must look at its organisation.
pub async fn find_any(db: &impl Db, id: UsageRecordId) -> Result<Option<UsageRecord>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// Those of the ids that exist, whosever they are, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[UsageRecordId]) -> Result<Vec<UsageRecord>, StoreError> {
    let ids = ids.iter().map(|id| id.uuid()).collect();
    read_all(row::select_in(db, Entity::find(), Column::Id, ids).await?, from_row)
}

pub(super) fn from_row(row: Model) -> Result<UsageRecord, StoreError> {
    let amends = row.amends.map(UsageRecordId::from_uuid);
    let correction =
        amends.map(|amends| Correction { amends, reason: row.reason.unwrap_or_default(), voids: row.counts < 0 });
    Ok(UsageRecord {
        id: UsageRecordId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        idempotency_key: row.idempotency_key,
        content_hash: read_hash(&row.content_hash)?,
        resource: Resource {
            kind: read("usage_record.kind", &row.kind, ChannelKind::from_code)?,
            resource_type: read("usage_record.resource_type", &row.resource_type, ResourceType::from_code)?,
            category: row::read_category("usage_record.category", &row.category)?,
            country: row::read_country("usage_record.country", &row.country)?,
        },
        resource_id: row.resource_id,
        channel_id: row.channel_id.map(ChannelId::from_uuid),
        customer_id: row.customer_id.map(CustomerId::from_uuid),
        quantity: Quantity::from_micros(row.quantity_micros),
        rate_id: row.rate_id.map(RateId::from_uuid),
        unit_price: row.unit_price_nanos.map(Money::from_nanos),
        cost: row.cost_nanos.map(Money::from_nanos),
        occurred_at: row.occurred_at,
        date: row.date,
        hour: u8::try_from(row.hour).map_err(|_| corrupt("usage_record.hour", row.hour))?,
        billing_month: Month::of(row.billing_month),
        metadata: row.metadata,
        correction,
        recorded_at: row.recorded_at,
    })
}

pub(super) fn read_hash(bytes: &[u8]) -> Result<[u8; 16], StoreError> {
    bytes.try_into().map_err(|_| corrupt("usage_record.content_hash", format_args!("{} bytes long", bytes.len())))
}

/// The columns in the order of [`values`].
pub(super) const COLUMNS: &str = "id, organisation_id, idempotency_key, content_hash, kind, resource_type, resource_id, \
    quantity_micros, unit_price_nanos, cost_nanos, rate_id, category, country, customer_id, channel_id, metadata, \
    occurred_at, date, hour, billing_month, counts, amends, reason, recorded_at";

/// How many columns there are.
pub(super) const COLUMN_COUNT: usize = 24;

/// A record as the values of a row.
pub(super) fn values(record: &UsageRecord) -> [sea_orm::Value; COLUMN_COUNT] {
    let resource = &record.resource;
    let text = |text: &str| sea_orm::Value::from(text.to_owned());
    let correction = record.correction.as_ref();
    // A count is -1, 0 or 1, and an hour at most 23.
    let counts = i16::try_from(record.counts()).unwrap_or_default();
    [
        record.id.uuid().into(),
        record.organisation_id.uuid().into(),
        text(&record.idempotency_key),
        record.content_hash.to_vec().into(),
        text(resource.kind.code()),
        text(resource.resource_type.code()),
        record.resource_id.clone().into(),
        record.quantity.micros().into(),
        record.unit_price.map(Money::nanos).into(),
        record.cost.map(Money::nanos).into(),
        record.rate_id.map(RateId::uuid).into(),
        text(resource.category.map_or("", crate::domain::account_usage::UsageCategory::code)),
        text(resource.country.as_ref().map_or("", crate::domain::usage::Country::code)),
        record.customer_id.map(CustomerId::uuid).into(),
        record.channel_id.map(ChannelId::uuid).into(),
        record.metadata.clone().into(),
        record.occurred_at.into(),
        record.date.into(),
        i16::from(record.hour).into(),
        record.billing_month.first_day().into(),
        counts.into(),
        correction.map(|correction| correction.amends.uuid()).into(),
        correction.map(|correction| correction.reason.clone()).into(),
        record.recorded_at.into(),
    ]
}
