//! The table of the channels, with their sealed credentials.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{blob_null, date_null, string, string_null, timestamp_with_time_zone, uuid};

use crate::create_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("channel")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(string("kind"))
            .col(string_null("bsp"))
            .col(string_null("account"))
            .col(string("name"))
            .col(string_null("phone_number"))
            .col(blob_null("credentials"))
            .col(string("status"))
            .col(string_null("status_reason"))
            .col(date_null("usage_high_water"))
            .col(string_null("account_zone"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .foreign_key(ForeignKey::create().from("channel", "organisation_id").to("organisation", "id"))
            .to_owned();
        manager.create_table(table).await?;
        create_index(manager, "channel", &["organisation_id", "id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("channel").to_owned()).await
    }
}
