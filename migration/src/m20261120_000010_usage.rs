//! The ledger: usage records, and the rollups that are kept beside them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, binary_len, date, small_integer, string, string_null, text_null,
    timestamp_with_time_zone, uuid, uuid_null,
};

use crate::{create_index, create_unique_index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_records(manager).await?;
        let hour = ["organisation_id", "date", "hour"];
        let resource = ["kind", "resource_type", "category", "country"];
        let mut table = Table::create();
        table.table("usage_hour").col(uuid("organisation_id")).col(date("date")).col(small_integer("hour"));
        add_resource(manager, &mut table);
        table.col(uuid("channel_id")).col(uuid("rate_id"));
        let key = hour.iter().chain(&resource).chain(&["channel_id", "rate_id"]);
        create_rollup(manager, table, key.copied()).await?;

        let period = ["organisation_id", "billing_month", "usage_month"];
        let mut table = Table::create();
        table.table("usage_period").col(uuid("organisation_id")).col(date("billing_month")).col(date("usage_month"));
        add_resource(manager, &mut table);
        table.col(uuid("rate_id"));
        let key = period.iter().chain(&resource).chain(&["rate_id"]);
        create_rollup(manager, table, key.copied()).await?;

        let customer_day = Table::create()
            .table("usage_customer_day")
            .col(uuid("organisation_id"))
            .col(date("date"))
            .col(uuid("customer_id"))
            .col(sum("cost_nanos"))
            .col(sum("records"))
            .primary_key(Index::create().col("organisation_id").col("date").col("customer_id"))
            .to_owned();
        manager.create_table(customer_day).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["usage_customer_day", "usage_period", "usage_hour", "usage_record"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

async fn create_records(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let record = Table::create()
        .table("usage_record")
        .col(uuid("id").primary_key())
        .col(uuid("organisation_id"))
        .col(string("idempotency_key"))
        .col(binary_len("content_hash", 16))
        .col(string("kind"))
        .col(string("resource_type"))
        .col(string_null("resource_id"))
        .col(big_integer("quantity_micros"))
        .col(big_integer_null("unit_price_nanos"))
        .col(big_integer_null("cost_nanos"))
        .col(uuid_null("rate_id"))
        .col(string("category"))
        .col(string("country"))
        .col(uuid_null("customer_id"))
        .col(uuid_null("channel_id"))
        .col(text_null("metadata"))
        .col(timestamp_with_time_zone("occurred_at"))
        .col(date("date"))
        .col(small_integer("hour"))
        .col(date("billing_month"))
        .col(small_integer("counts"))
        .col(uuid_null("amends"))
        .col(string_null("reason"))
        .col(timestamp_with_time_zone("recorded_at"))
        .to_owned();
    manager.create_table(record).await?;
    create_unique_index(manager, "usage_record", &["organisation_id", "idempotency_key"]).await?;
    create_index(manager, "usage_record", &["organisation_id", "occurred_at", "id"]).await?;
    // Few records have these, so their indexes cost next to nothing.
    let partial = [
        ("customer", "organisation_id, customer_id, occurred_at, id", "customer_id IS NOT NULL"),
        ("amends", "amends", "amends IS NOT NULL"),
        ("unpriced", "organisation_id, occurred_at, id", "rate_id IS NULL"),
    ];
    for (name, columns, condition) in partial {
        let sql = format!("CREATE INDEX usage_record_{name}_idx ON usage_record ({columns}) WHERE {condition}");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// What is counted apart from other things; what a record does not say is empty, because a key has no nulls.
fn add_resource(manager: &SchemaManager<'_>, table: &mut TableCreateStatement) {
    for column in ["kind", "resource_type", "category", "country"] {
        table.col(crate::ordered_by_bytes(manager, string(column)));
    }
}

async fn create_rollup(
    manager: &SchemaManager<'_>,
    mut table: TableCreateStatement,
    key: impl Iterator<Item = &'static str>,
) -> Result<(), DbErr> {
    for column in ["quantity_micros", "cost_nanos", "records", "unpriced"] {
        table.col(sum(column));
    }
    table.primary_key(key.fold(&mut Index::create(), |index, column| index.col(column)));
    manager.create_table(table).await
}

/// A sum that grows in place. Beyond 64 bits SQLite would go on with a float, which is out of this range, and so is refused as PostgreSQL
/// refuses it.
fn sum(column: &'static str) -> ColumnDef {
    big_integer(column).check(Expr::col(column).between(-i64::MAX, i64::MAX)).take()
}
