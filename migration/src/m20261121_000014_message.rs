//! Messages with their whole life, the conversations they are part of, the campaigns that sent them, and who was talked to.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, date, string, string_null, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
    uuid_null,
};

use crate::{create_index, create_unique_index, ordered_by_bytes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_messages(manager).await?;
        let conversation = Table::create()
            .table("conversation")
            .col(uuid("organisation_id"))
            .col(ordered_by_bytes(manager, string("external_id")))
            .col(uuid("channel_id"))
            .col(uuid_null("customer_id"))
            .col(date("date"))
            .col(timestamp_with_time_zone("opened_at"))
            .col(timestamp_with_time_zone("last_activity_at"))
            .col(timestamp_with_time_zone_null("expires_at"))
            .col(timestamp_with_time_zone_null("closed_at"))
            .col(timestamp_with_time_zone("closes_at"))
            .col(timestamp_with_time_zone_null("first_inbound_at"))
            .col(timestamp_with_time_zone_null("first_response_at"))
            // What was told of the conversation itself, apart from its messages.
            .col(uuid_null("told_channel_id"))
            .col(timestamp_with_time_zone_null("told_opened_at"))
            .col(timestamp_with_time_zone_null("told_response_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().col("organisation_id").col("external_id"))
            .to_owned();
        manager.create_table(conversation).await?;
        create_index(manager, "conversation", &["organisation_id", "date", "closes_at"]).await?;
        let campaign = Table::create()
            .table("campaign")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(string("external_id"))
            .col(string("name"))
            .col(uuid_null("channel_id"))
            .col(string("state"))
            .col(big_integer("recipients"))
            .col(timestamp_with_time_zone_null("started_at"))
            .col(timestamp_with_time_zone_null("finished_at"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .to_owned();
        manager.create_table(campaign).await?;
        create_unique_index(manager, "campaign", &["organisation_id", "external_id"]).await?;
        create_index(manager, "campaign", &["organisation_id", "id"]).await?;
        // Since when a person is talked to: on a channel, and (with the nil channel) by the organisation.
        let contact = Table::create()
            .table("contact")
            .col(uuid("organisation_id"))
            .col(uuid("channel_id"))
            .col(uuid("customer_id"))
            .col(date("first_date"))
            .primary_key(Index::create().col("organisation_id").col("channel_id").col("customer_id"))
            .to_owned();
        manager.create_table(contact).await?;
        // Who was told of before messages were is a contact since then, by the day of UTC: the database knows no zones.
        manager
            .get_connection()
            .execute_unprepared(&format!(
                "INSERT INTO contact (organisation_id, channel_id, customer_id, first_date)
                 SELECT organisation_id, {}, id, {} FROM customer",
                nil(manager),
                match manager.get_database_backend() {
                    sea_orm::DbBackend::Sqlite => "substr(created_at, 1, 10)",
                    sea_orm::DbBackend::Postgres | sea_orm::DbBackend::MySql | _ =>
                        "CAST(created_at AT TIME ZONE 'UTC' AS date)",
                }
            ))
            .await?;
        // Lists of customers are walked newest first, and the blocked ones are counted.
        create_index(manager, "customer", &["organisation_id", "id"]).await?;
        let blocked = "CREATE INDEX customer_blocked_idx ON customer (organisation_id, id) WHERE blocked";
        manager.get_connection().execute_unprepared(blocked).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in ["customer_blocked_idx", "customer_organisation_id_id_idx"] {
            manager.drop_index(Index::drop().name(index).table("customer").to_owned()).await?;
        }
        for table in ["contact", "campaign", "conversation", "message"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

/// The id of nothing, as a literal.
fn nil(manager: &SchemaManager<'_>) -> &'static str {
    match manager.get_database_backend() {
        // SQLite keeps a UUID as its sixteen bytes.
        sea_orm::DbBackend::Sqlite => "zeroblob(16)",
        sea_orm::DbBackend::Postgres | sea_orm::DbBackend::MySql | _ => "'00000000-0000-0000-0000-000000000000'",
    }
}

async fn create_messages(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let message = Table::create()
        .table("message")
        .col(uuid("organisation_id"))
        .col(ordered_by_bytes(manager, string("external_id")))
        .col(uuid("channel_id"))
        .col(string("direction"))
        .col(uuid("customer_id"))
        .col(uuid_null("campaign_id"))
        .col(string_null("conversation_id"))
        .col(string("category"))
        .col(string("pricing_type"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("sent_at"))
        .col(timestamp_with_time_zone_null("delivered_at"))
        .col(timestamp_with_time_zone_null("read_at"))
        .col(timestamp_with_time_zone_null("failed_at"))
        .col(timestamp_with_time_zone_null("replied_at"))
        .col(text_null("failure"))
        .col(date("date"))
        .col(timestamp_with_time_zone("received_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .primary_key(Index::create().col("organisation_id").col("external_id"))
        .to_owned();
    manager.create_table(message).await?;
    create_index(manager, "message", &["organisation_id", "date", "external_id"]).await?;
    let sql =
        "CREATE INDEX message_conversation_idx ON message (organisation_id, conversation_id, direction, created_at)
               WHERE conversation_id IS NOT NULL";
    manager.get_connection().execute_unprepared(sql).await?;
    Ok(())
}
