//! Allowances: what organisations may use, what they used of it and what is held, and the records that went beyond it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, date, integer_null, small_integer, string, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The nil channel stands for the organisation as a whole.
        let allowance = Table::create()
            .table("allowance")
            .col(uuid("organisation_id"))
            .col(uuid("channel_id"))
            // Whether the limit beside it takes the place of the plan's; empty it is none then.
            .col(boolean("daily_own"))
            .col(integer_null("daily_limit"))
            .col(boolean("monthly_own"))
            .col(integer_null("monthly_limit"))
            .col(string("policy"))
            .col(small_integer("grace_percent"))
            .col(string("kind"))
            .col(string("resource_type"))
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().col("organisation_id").col("channel_id"))
            .to_owned();
        manager.create_table(allowance).await?;
        let mut counter = Table::create();
        counter.table("allowance_counter");
        counter.col(uuid("organisation_id")).col(uuid("channel_id")).col(string("period")).col(date("start"));
        for column in ["used_micros", "reserved_micros", "committed_micros", "settled_micros", "reservations"] {
            counter.col(sum(column));
        }
        counter.primary_key(Index::create().col("organisation_id").col("channel_id").col("period").col("start"));
        manager.create_table(counter).await?;
        create_reservations(manager).await?;
        let over = Table::create()
            .table("usage_over_allowance")
            .col(uuid("usage_record_id").primary_key())
            .col(uuid("organisation_id"))
            .to_owned();
        manager.create_table(over).await?;
        count_what_is_there(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["usage_over_allowance", "allowance_reservation", "allowance_counter", "allowance"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

/// A reservation of a channel is two rows with one id: one of the channel's allowance, one of the organisation's.
async fn create_reservations(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let reservation = Table::create()
        .table("allowance_reservation")
        .col(uuid("id"))
        .col(uuid("channel_id"))
        .col(uuid("organisation_id"))
        .col(big_integer("quantity_micros"))
        .col(string("state"))
        .col(date("day"))
        .col(timestamp_with_time_zone("expires_at"))
        // When something is to be done with it: an open one expires, a committed one lapses.
        .col(timestamp_with_time_zone_null("due_at"))
        // What the counters had recorded when it began to be held in them, and took the place of nothing.
        .col(big_integer("day_mark_micros"))
        .col(big_integer("month_mark_micros"))
        // Up to where the counters have to settle until what was committed with it is recorded.
        .col(big_integer_null("day_upto_micros"))
        .col(big_integer_null("month_upto_micros"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("id").col("channel_id"))
        .to_owned();
    manager.create_table(reservation).await?;
    let partial = [
        ("due", "organisation_id, due_at", "due_at IS NOT NULL"),
        ("open", "organisation_id, day", "state = 'OPEN'"),
        ("ended", "organisation_id, created_at", "due_at IS NULL"),
    ];
    for (name, columns, condition) in partial {
        let sql = format!(
            "CREATE INDEX allowance_reservation_{name}_idx ON allowance_reservation ({columns}) WHERE {condition}"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// What was recorded before there were allowances counts by what counts where nobody says otherwise.
async fn count_what_is_there(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let (nil, month) = match manager.get_database_backend() {
        // SQLite keeps a UUID as its sixteen bytes, and a date as text.
        sea_orm::DbBackend::Sqlite => ("zeroblob(16)", "substr(date, 1, 7) || '-01'"),
        sea_orm::DbBackend::Postgres | sea_orm::DbBackend::MySql | _ => {
            ("CAST('00000000-0000-0000-0000-000000000000' AS uuid)", "CAST(date_trunc('month', date) AS date)")
        }
    };
    for (period, start) in [("DAY", "date"), ("MONTH", month)] {
        let sql = format!(
            "INSERT INTO allowance_counter (organisation_id, channel_id, period, start, used_micros, reserved_micros, committed_micros,
               settled_micros, reservations)
             SELECT organisation_id, {nil}, '{period}', {start}, CAST(sum(quantity_micros) AS bigint), 0, 0, 0, 0
             FROM usage_hour WHERE kind = 'WHATSAPP' AND resource_type IN ('message', 'free_message')
             GROUP BY organisation_id, {start}"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// A sum that grows in place, within 64 bits, as those of the rollups are.
fn sum(column: &'static str) -> ColumnDef {
    big_integer(column).check(Expr::col(column).between(-i64::MAX, i64::MAX)).take()
}
