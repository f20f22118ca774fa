//! Up to where events were deleted, so that a reader who was away for too long is told so.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("event_horizon")
            .col(integer("id").primary_key())
            .col(big_integer("position"))
            .to_owned();
        manager.create_table(table).await?;
        manager.get_connection().execute_unprepared("INSERT INTO event_horizon (id, position) VALUES (1, 0)").await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("event_horizon").to_owned()).await
    }
}
