//! Webhooks in: the secrets of channels, and the updates that could not be taken.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{binary_len, string, text, timestamp_with_time_zone, uuid, uuid_null};

use crate::create_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let secret = Table::create()
            .table("channel_secret")
            .col(uuid("channel_id").primary_key())
            .col(uuid("organisation_id"))
            .col(binary_len("hash", 32))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned();
        manager.create_table(secret).await?;
        let rejected = Table::create()
            .table("rejected_update")
            .col(uuid("id").primary_key())
            .col(string("source"))
            .col(uuid_null("organisation_id"))
            .col(uuid_null("channel_id"))
            .col(text("reason"))
            .col(text("payload"))
            .col(timestamp_with_time_zone("received_at"))
            .to_owned();
        manager.create_table(rejected).await?;
        create_index(manager, "rejected_update", &["received_at"]).await?;
        create_index(manager, "rejected_update", &["organisation_id", "id"]).await?;
        // A webhook of Meta's names the account, and says nothing of the organisation.
        create_index(manager, "channel", &["bsp", "account"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name("channel_bsp_account_idx").table("channel").to_owned();
        manager.drop_index(index).await?;
        manager.drop_table(Table::drop().table("rejected_update").to_owned()).await?;
        manager.drop_table(Table::drop().table("channel_secret").to_owned()).await
    }
}
