//! Account usage: payloads, days, their details, and months.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob, boolean, date, integer, string, string_null, text, timestamp_with_time_zone,
    uuid, uuid_null,
};

use crate::{create_index, create_unique_index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let payload = Table::create()
            .table("usage_payload")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(uuid("channel_id"))
            .col(string("source"))
            .col(date("range_from"))
            .col(date("range_to"))
            .col(blob("sha256"))
            .col(text("body"))
            .col(timestamp_with_time_zone("fetched_at"))
            .to_owned();
        manager.create_table(payload).await?;
        create_unique_index(manager, "usage_payload", &["channel_id", "sha256"]).await?;
        create_index(manager, "usage_payload", &["organisation_id", "fetched_at"]).await?;
        create_index(manager, "usage_payload", &["fetched_at"]).await?;
        create_days(manager).await?;
        create_details(manager).await?;
        create_months(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("monthly_usage").to_owned()).await?;
        manager.drop_table(Table::drop().table("usage_detail").to_owned()).await?;
        manager.drop_table(Table::drop().table("daily_usage").to_owned()).await?;
        manager.drop_table(Table::drop().table("usage_payload").to_owned()).await
    }
}

async fn create_days(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table("daily_usage")
        .col(uuid("channel_id"))
        .col(date("date"))
        .col(uuid("organisation_id"))
        .col(string("unit"));
    add_counts(&mut table);
    table
        .col(boolean("complete"))
        .col(integer("revision"))
        .col(timestamp_with_time_zone("fetched_at"))
        .col(blob("content_hash"))
        .col(uuid_null("payload_id"))
        .primary_key(Index::create().col("channel_id").col("date"));
    manager.create_table(table).await?;
    create_index(manager, "daily_usage", &["organisation_id", "date"]).await
}

async fn create_details(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let key = ["channel_id", "date", "raw_category", "pricing_type", "country"];
    let table = Table::create()
        .table("usage_detail")
        .col(uuid("channel_id"))
        .col(date("date"))
        .col(crate::ordered_by_bytes(manager, string("raw_category")))
        .col(crate::ordered_by_bytes(manager, string("pricing_type")))
        .col(crate::ordered_by_bytes(manager, string("country")))
        .col(uuid("organisation_id"))
        .col(string("category"))
        .col(big_integer("count"))
        .col(big_integer_null("fees_nanos"))
        .col(string_null("fees_currency"))
        .primary_key(key.into_iter().fold(&mut Index::create(), |index, column| index.col(column)))
        .to_owned();
    manager.create_table(table).await
}

async fn create_months(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table("monthly_usage").col(uuid("channel_id")).col(date("month")).col(uuid("organisation_id"));
    add_counts(&mut table);
    table
        .col(integer("days"))
        .col(timestamp_with_time_zone("computed_at"))
        .primary_key(Index::create().col("channel_id").col("month"));
    manager.create_table(table).await?;
    create_index(manager, "monthly_usage", &["organisation_id", "month"]).await
}

/// What a day and a month have in common.
fn add_counts(table: &mut TableCreateStatement) {
    let counts = [
        "marketing",
        "utility",
        "authentication",
        "authentication_international",
        "marketing_lite",
        "service",
        "free_utility",
        "free_entry_point",
        "free_tier",
        "other",
    ];
    for count in counts {
        table.col(big_integer(count));
    }
    for form in ["incoming", "outgoing", "outgoing_media", "template", "template_media", "total"] {
        table.col(big_integer_null(format!("messages_{form}")));
    }
    table.col(big_integer_null("fees_nanos")).col(string_null("fees_currency"));
}
