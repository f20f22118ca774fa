//! Webhooks out: where an organisation's events are sent, and every try at it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, binary, integer, integer_null, json_null, string, text, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

use crate::create_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let endpoint = Table::create()
            .table("webhook_endpoint")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(text("url"))
            .col(json_null("event_types"))
            .col(binary("sealed"))
            // The sequence of the last event that was delivered, or passed over.
            .col(big_integer("cursor"))
            .col(string("state"))
            .col(integer("failures"))
            .col(timestamp_with_time_zone_null("failing_since"))
            .col(timestamp_with_time_zone_null("next_attempt_at"))
            .col(big_integer("revision"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .col(timestamp_with_time_zone_null("deleted_at"))
            .to_owned();
        manager.create_table(endpoint).await?;
        create_index(manager, "webhook_endpoint", &["organisation_id", "id"]).await?;
        let attempt = Table::create()
            .table("webhook_attempt")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(uuid("endpoint_id"))
            // Null: a test.
            .col(big_integer_null("sequence"))
            .col(string("event_type"))
            .col(integer("number"))
            .col(integer_null("status_code"))
            .col(text_null("error"))
            .col(big_integer("duration_ms"))
            .col(timestamp_with_time_zone("at"))
            .to_owned();
        manager.create_table(attempt).await?;
        create_index(manager, "webhook_attempt", &["endpoint_id", "id"]).await?;
        create_index(manager, "webhook_attempt", &["organisation_id", "at"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["webhook_attempt", "webhook_endpoint"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
