//! Since when and until when something is known to have happened at an organisation, and an index by which its last conversation is found.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{timestamp_with_time_zone, uuid};

use crate::create_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let activity = Table::create()
            .table("activity")
            .col(uuid("organisation_id").primary_key())
            .col(timestamp_with_time_zone("first_at"))
            .col(timestamp_with_time_zone("last_at"))
            .to_owned();
        manager.create_table(activity).await?;
        create_index(manager, "conversation", &["organisation_id", "opened_at"]).await?;
        manager.get_connection().execute_unprepared(&fill(manager)).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name("conversation_organisation_id_opened_at_idx").table("conversation").to_owned();
        manager.drop_index(index).await?;
        manager.drop_table(Table::drop().table("activity").to_owned()).await
    }
}

/// What is there already: records, messages and conversations by their times, and days that a provider reported something of, by their
/// beginning in UTC, for the database knows no zones.
fn fill(manager: &SchemaManager<'_>) -> String {
    let day = match manager.get_database_backend() {
        // In the one format in which the server writes instants on SQLite.
        sea_orm::DbBackend::Sqlite => "date || 'T00:00:00+00:00'",
        sea_orm::DbBackend::Postgres | sea_orm::DbBackend::MySql | _ => "CAST(date AS timestamp) AT TIME ZONE 'UTC'",
    };
    let known = [
        ("usage_record", "occurred_at", "occurred_at", "amends IS NULL"),
        ("message", "created_at", "created_at", "TRUE"),
        ("conversation", "opened_at", "last_activity_at", "TRUE"),
        ("daily_usage", day, day, REPORTED),
    ];
    let known = known.map(|(table, first, last, condition)| {
        format!("SELECT organisation_id, {first} AS first_at, {last} AS last_at FROM {table} WHERE {condition}")
    });
    format!(
        "INSERT INTO activity (organisation_id, first_at, last_at)
         SELECT organisation_id, MIN(first_at), MAX(last_at) FROM ({}) AS known GROUP BY organisation_id",
        known.join(" UNION ALL ")
    )
}

/// A day of which something was reported.
const REPORTED: &str = "marketing + utility + authentication + authentication_international + marketing_lite + service
    + free_utility + free_entry_point + free_tier + other + COALESCE(messages_total, 0) > 0";
