//! Access tokens, and what was done with those of admins.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    blob, json, string, string_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::{create_index, create_unique_index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let token = Table::create()
            .table("token")
            .col(uuid("id").primary_key())
            .col(uuid_null("organisation_id"))
            .col(string("name"))
            .col(blob("secret_hash"))
            .col(string("scopes"))
            .col(timestamp_with_time_zone_null("expires_at"))
            .col(timestamp_with_time_zone_null("last_used_at"))
            .col(timestamp_with_time_zone_null("revoked_at"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(ForeignKey::create().from("token", "organisation_id").to("organisation", "id"))
            .to_owned();
        manager.create_table(token).await?;
        create_unique_index(manager, "token", &["secret_hash"]).await?;
        create_index(manager, "token", &["organisation_id", "id"]).await?;
        let audit_entry = Table::create()
            .table("audit_entry")
            .col(uuid("id").primary_key())
            .col(uuid_null("organisation_id"))
            .col(uuid_null("token_id"))
            .col(string("actor"))
            .col(string("action"))
            .col(string_null("target"))
            .col(json("details"))
            .col(timestamp_with_time_zone("at"))
            .to_owned();
        manager.create_table(audit_entry).await?;
        create_index(manager, "audit_entry", &["organisation_id", "id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("audit_entry").to_owned()).await?;
        manager.drop_table(Table::drop().table("token").to_owned()).await
    }
}
