//! Organisations.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, string, string_null, timestamp_with_time_zone, uuid};

use crate::{create_index, create_unique_index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("organisation")
            .col(uuid("id").primary_key())
            .col(crate::ordered_by_bytes(manager, string("name")))
            .col(crate::ordered_by_bytes(manager, string_null("external_id")))
            .col(string("time_zone"))
            .col(string("currency"))
            .col(string("plan_code"))
            .col(boolean("active"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .to_owned();
        manager.create_table(table).await?;
        create_unique_index(manager, "organisation", &["external_id"]).await?;
        create_index(manager, "organisation", &["name", "id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("organisation").to_owned()).await
    }
}
