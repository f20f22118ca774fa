//! The welcome bootstrap: whom a run is for, and what it has warmed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text_null, uuid_null};

use crate::create_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column at a time: SQLite adds no more in a statement.
        for column in [uuid_null("customer_id"), text_null("result")] {
            manager.alter_table(Table::alter().table("job_run").add_column(column).to_owned()).await?;
        }
        create_index(manager, "job_run", &["organisation_id", "customer_id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name("job_run_organisation_id_customer_id_idx").table("job_run").to_owned();
        manager.drop_index(index).await?;
        for column in ["customer_id", "result"] {
            manager.alter_table(Table::alter().table("job_run").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
