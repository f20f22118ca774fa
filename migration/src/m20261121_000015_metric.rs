//! The counters of analytics, kept beside the messages by local day, and the snapshots made of them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, date, string, text, timestamp_with_time_zone, uuid};

use crate::{create_index, create_unique_index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The nil channel stands for the organisation, and there only new contacts are counted: a person may be new on two channels.
        let day = ["organisation_id", "date", "channel_id"];
        let counts = ["total", "sent", "delivered", "read", "failed", "replied"];
        let own = ["inbound", "outbound", "conversations", "responses", "response_seconds", "contacts_new"];
        create_counters(manager, "metric_day", &day, counts.iter().chain(&own)).await?;
        let campaign = ["organisation_id", "date", "campaign_id", "channel_id"];
        create_counters(manager, "campaign_day", &campaign, counts.iter().chain(&["engaged"])).await?;
        create_index(manager, "campaign_day", &["organisation_id", "campaign_id"]).await?;
        let known = "INSERT INTO metric_day (organisation_id, date, channel_id, total, sent, delivered, read, failed, replied, inbound, outbound,
                       conversations, responses, response_seconds, contacts_new)
                     SELECT organisation_id, first_date, channel_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, count(*)
                     FROM contact GROUP BY organisation_id, first_date, channel_id";
        manager.get_connection().execute_unprepared(known).await?;
        // The nil campaign stands for messages of none.
        let contact = ["organisation_id", "date", "customer_id", "channel_id", "campaign_id"];
        let counts = ["messages", "delivered", "engaged", "replied"];
        create_counters(manager, "contact_day", &contact, counts.iter()).await?;
        create_index(manager, "contact_day", &["organisation_id", "customer_id"]).await?;
        let snapshot = Table::create()
            .table("snapshot")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(uuid("channel_id"))
            .col(string("kind"))
            .col(date("date"))
            .col(timestamp_with_time_zone("period_start"))
            .col(timestamp_with_time_zone("period_end"))
            .col(text("figures"))
            .col(big_integer("sequence"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("generated_at"))
            .to_owned();
        manager.create_table(snapshot).await?;
        create_unique_index(manager, "snapshot", &["organisation_id", "kind", "channel_id", "date"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["snapshot", "contact_day", "campaign_day", "metric_day"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

/// A table of counters that grow, and shrink where a message moves to another day, in place.
async fn create_counters<'a>(
    manager: &SchemaManager<'_>,
    name: &'static str,
    key: &[&'static str],
    counters: impl Iterator<Item = &'a &'static str>,
) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table(name);
    for column in key {
        match *column {
            "date" => table.col(date(*column)),
            column => table.col(uuid(column)),
        };
    }
    for column in counters {
        table.col(big_integer(*column));
    }
    table.primary_key(key.iter().fold(&mut Index::create(), |index, column| index.col(*column)));
    manager.create_table(table).await
}
