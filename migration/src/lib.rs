//! The tables and how they came to be: one change a file, valid on SQLite and PostgreSQL, and never edited once released.

use sea_orm_migration::prelude::*;

mod m20261120_000001_organisation;
mod m20261120_000002_channel;
mod m20261120_000003_token;
mod m20261120_000004_event;
mod m20261120_000005_account_usage;
mod m20261120_000006_job;
mod m20261120_000007_lease;
mod m20261120_000008_customer;
mod m20261120_000009_price;
mod m20261120_000010_usage;
mod m20261120_000011_billing;
mod m20261120_000012_job_subject;
mod m20261120_000013_event_horizon;
mod m20261121_000014_message;
mod m20261121_000015_metric;
mod m20261121_000016_webhook_in;
mod m20261121_000017_free_message;
mod m20261121_000018_allowance;
mod m20261121_000019_alert;
mod m20261121_000020_webhook_out;
mod m20261121_000021_bootstrap;
mod m20261121_000022_activity;
mod m20261121_000023_node;
mod m20261121_000024_partition;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_000001_organisation::Migration),
            Box::new(m20261120_000002_channel::Migration),
            Box::new(m20261120_000003_token::Migration),
            Box::new(m20261120_000004_event::Migration),
            Box::new(m20261120_000005_account_usage::Migration),
            Box::new(m20261120_000006_job::Migration),
            Box::new(m20261120_000007_lease::Migration),
            Box::new(m20261120_000008_customer::Migration),
            Box::new(m20261120_000009_price::Migration),
            Box::new(m20261120_000010_usage::Migration),
            Box::new(m20261120_000011_billing::Migration),
            Box::new(m20261120_000012_job_subject::Migration),
            Box::new(m20261120_000013_event_horizon::Migration),
            Box::new(m20261121_000014_message::Migration),
            Box::new(m20261121_000015_metric::Migration),
            Box::new(m20261121_000016_webhook_in::Migration),
            Box::new(m20261121_000017_free_message::Migration),
            Box::new(m20261121_000018_allowance::Migration),
            Box::new(m20261121_000019_alert::Migration),
            Box::new(m20261121_000020_webhook_out::Migration),
            Box::new(m20261121_000021_bootstrap::Migration),
            Box::new(m20261121_000022_activity::Migration),
            Box::new(m20261121_000023_node::Migration),
            Box::new(m20261121_000024_partition::Migration),
        ]
    }
}

/// An index named after its table and columns.
async fn create_index(manager: &SchemaManager<'_>, table: &'static str, columns: &[&'static str]) -> Result<(), DbErr> {
    let name = format!("{table}_{}_idx", columns.join("_"));
    manager.create_index(index(table, columns).name(name).to_owned()).await
}

/// A unique index, named as the store expects it when it says which key was taken.
async fn create_unique_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
) -> Result<(), DbErr> {
    let name = format!("{table}_{}_key", columns.join("_"));
    manager.create_index(index(table, columns).name(name).unique().to_owned()).await
}

fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

/// Makes a text column compare by its bytes, as SQLite does by itself, so that lists have one order on both databases.
fn ordered_by_bytes(manager: &SchemaManager, mut column: ColumnDef) -> ColumnDef {
    if manager.get_database_backend() == sea_orm::DbBackend::Postgres {
        column.extra(r#"COLLATE "C""#);
    }
    column
}
