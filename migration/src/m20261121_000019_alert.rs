//! Alerts, what an organisation wants to be alerted at, and how far it is from the next thing to look at.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer_null, date_null, integer_null, json, string, string_null, text, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::create_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let alert = Table::create()
            .table("alert")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(string("kind"))
            .col(string("key"))
            .col(uuid_null("channel_id"))
            .col(uuid_null("job_run_id"))
            .col(string_null("subject"))
            .col(integer_null("threshold"))
            .col(big_integer_null("used_parts"))
            .col(big_integer_null("limit_parts"))
            .col(date_null("period_start"))
            .col(timestamp_with_time_zone_null("ends_at"))
            .col(text("message"))
            .col(timestamp_with_time_zone("raised_at"))
            .col(timestamp_with_time_zone_null("recovered_at"))
            .to_owned();
        manager.create_table(alert).await?;
        create_index(manager, "alert", &["organisation_id", "id"]).await?;
        // Nothing is raised twice while it stands, whoever raises it. It also finds what stands.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE UNIQUE INDEX alert_organisation_id_key_key ON alert (organisation_id, \"key\") WHERE recovered_at IS NULL",
            )
            .await?;

        let setting = Table::create()
            .table("alert_setting")
            .col(uuid("organisation_id").primary_key())
            .col(json("thresholds"))
            .col(big_integer_null("monthly_budget_nanos"))
            .col(date_null("watched_month"))
            .col(timestamp_with_time_zone_null("watched_until"))
            .col(big_integer_null("credit_nanos"))
            .col(big_integer_null("look_at_nanos"))
            .col(timestamp_with_time_zone("updated_at"))
            .to_owned();
        manager.create_table(setting).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["alert_setting", "alert"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
