//! The people that organisations talk to, and the calls that were reported to them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, string, string_null, text, timestamp_with_time_zone, uuid, uuid_null,
};

use crate::{create_index, create_unique_index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let customer = Table::create()
            .table("customer")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(string("phone"))
            .col(string_null("name"))
            .col(boolean("registered"))
            .col(boolean("blocked"))
            .col(string_null("external_id"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .foreign_key(ForeignKey::create().from("customer", "organisation_id").to("organisation", "id"))
            .to_owned();
        manager.create_table(customer).await?;
        create_unique_index(manager, "customer", &["organisation_id", "phone"]).await?;
        create_unique_index(manager, "customer", &["organisation_id", "external_id"]).await?;
        // A call is known by what the exchange calls it, so that one that is reported again is the same call.
        let key = ["organisation_id", "resource_id"];
        let call = Table::create()
            .table("call_detail")
            .col(uuid("organisation_id"))
            .col(crate::ordered_by_bytes(manager, string("resource_id")))
            .col(string("direction"))
            .col(string("status"))
            .col(big_integer("duration_seconds"))
            .col(timestamp_with_time_zone("occurred_at"))
            .col(uuid_null("customer_id"))
            .col(uuid_null("channel_id"))
            .col(string_null("country"))
            .col(text("metadata"))
            .col(timestamp_with_time_zone("received_at"))
            .primary_key(key.into_iter().fold(&mut Index::create(), |index, column| index.col(column)))
            .to_owned();
        manager.create_table(call).await?;
        create_index(manager, "call_detail", &["organisation_id", "occurred_at"]).await?;
        let secret = Table::create()
            .table("webhook_secret")
            .col(uuid("organisation_id").primary_key())
            .col(ColumnDef::new("sealed").blob().not_null().take())
            .col(timestamp_with_time_zone("created_at"))
            .to_owned();
        manager.create_table(secret).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("webhook_secret").to_owned()).await?;
        manager.drop_table(Table::drop().table("call_detail").to_owned()).await?;
        manager.drop_table(Table::drop().table("customer").to_owned()).await
    }
}
