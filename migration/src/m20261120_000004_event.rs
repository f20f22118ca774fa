//! The event log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, json, string, timestamp_with_time_zone, uuid};

use crate::create_unique_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let event = Table::create()
            .table("event")
            .col(big_integer("position").auto_increment().primary_key())
            .col(uuid("organisation_id"))
            .col(big_integer("sequence"))
            .col(string("kind"))
            .col(json("fact"))
            .col(timestamp_with_time_zone("at"))
            .to_owned();
        manager.create_table(event).await?;
        create_unique_index(manager, "event", &["organisation_id", "sequence"]).await?;
        let event_sequence = Table::create()
            .table("event_sequence")
            .col(uuid("organisation_id").primary_key())
            .col(big_integer("last"))
            .to_owned();
        manager.create_table(event_sequence).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("event_sequence").to_owned()).await?;
        manager.drop_table(Table::drop().table("event").to_owned()).await
    }
}
