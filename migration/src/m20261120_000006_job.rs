//! Recurring jobs, their runs, and how these went for channels.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, date_null, integer, string, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::{create_index, create_unique_index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schedule = Table::create()
            .table("schedule")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(string("kind"))
            .col(string("cron"))
            .col(string("time_zone"))
            .col(boolean("paused"))
            .col(timestamp_with_time_zone_null("next_run_at"))
            .col(timestamp_with_time_zone_null("removed_at"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .to_owned();
        manager.create_table(schedule).await?;
        create_unique_index(manager, "schedule", &["organisation_id", "kind"]).await?;
        create_index(manager, "schedule", &["next_run_at"]).await?;
        create_runs(manager).await?;
        let outcome = Table::create()
            .table("job_run_channel")
            .col(uuid("job_run_id"))
            .col(uuid("channel_id"))
            .col(uuid("organisation_id"))
            .col(boolean("succeeded"))
            .col(integer("days"))
            .col(text_null("error"))
            .primary_key(Index::create().col("job_run_id").col("channel_id"))
            .to_owned();
        manager.create_table(outcome).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("job_run_channel").to_owned()).await?;
        manager.drop_table(Table::drop().table("job_run").to_owned()).await?;
        manager.drop_table(Table::drop().table("schedule").to_owned()).await
    }
}

async fn create_runs(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // A run outlives its schedule, hence no foreign key.
    let table = Table::create()
        .table("job_run")
        .col(uuid("id").primary_key())
        .col(uuid("organisation_id"))
        .col(uuid_null("schedule_id"))
        .col(string("kind"))
        .col(string("trigger"))
        .col(string("state"))
        .col(timestamp_with_time_zone("scheduled_for"))
        .col(timestamp_with_time_zone_null("started_at"))
        .col(timestamp_with_time_zone_null("finished_at"))
        .col(integer("attempt"))
        .col(integer("max_attempts"))
        .col(timestamp_with_time_zone_null("next_attempt_at"))
        .col(text_null("error"))
        .col(date_null("range_from"))
        .col(date_null("range_to"))
        .col(big_integer_null("progress_done"))
        .col(big_integer_null("progress_total"))
        .col(boolean("cancel_requested"))
        .col(big_integer("epoch"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .to_owned();
    manager.create_table(table).await?;
    create_unique_index(manager, "job_run", &["schedule_id", "scheduled_for"]).await?;
    create_index(manager, "job_run", &["organisation_id", "id"]).await?;
    // Runs by state are read organisation by organisation, and walked in this order when all of them are.
    create_index(manager, "job_run", &["state", "organisation_id", "id"]).await?;
    create_index(manager, "job_run", &["finished_at"]).await
}
