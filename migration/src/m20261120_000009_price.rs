//! Plans, their rates, which organisation has which plan since when, and the price list that every installation begins with.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, date, integer, integer_null, string, text, timestamp_with_time_zone, uuid,
};

use crate::create_unique_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let plan = Table::create()
            .table("plan")
            .col(uuid("id").primary_key())
            .col(string("code"))
            .col(string("name"))
            .col(big_integer("monthly_fee_nanos"))
            .col(big_integer("included_credit_nanos"))
            .col(string("currency"))
            .col(integer_null("daily_limit"))
            .col(integer_null("monthly_limit"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned();
        manager.create_table(plan).await?;
        create_unique_index(manager, "plan", &["code"]).await?;
        let rate = Table::create()
            .table("rate")
            .col(uuid("id").primary_key())
            .col(uuid("plan_id"))
            .col(string("kind"))
            .col(string("resource_type"))
            .col(string("category"))
            .col(string("country"))
            .col(date("effective_from"))
            .col(string("model"))
            .col(big_integer_null("unit_price_nanos"))
            .col(text("tiers"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(ForeignKey::create().from("rate", "plan_id").to("plan", "id"))
            .to_owned();
        manager.create_table(rate).await?;
        let key = ["plan_id", "kind", "resource_type", "category", "country", "effective_from"];
        create_unique_index(manager, "rate", &key).await?;
        let assignment = Table::create()
            .table("plan_assignment")
            .col(uuid("organisation_id"))
            .col(date("effective_from"))
            .col(uuid("plan_id"))
            .col(timestamp_with_time_zone("assigned_at"))
            .primary_key(Index::create().col("organisation_id").col("effective_from"))
            .foreign_key(ForeignKey::create().from("plan_assignment", "organisation_id").to("organisation", "id"))
            .foreign_key(ForeignKey::create().from("plan_assignment", "plan_id").to("plan", "id"))
            .to_owned();
        manager.create_table(assignment).await?;
        // One row that counts how often the list changed, so that a copy in memory knows when it is old.
        let list =
            Table::create().table("price_list").col(integer("id").primary_key()).col(big_integer("version")).to_owned();
        manager.create_table(list).await?;
        seed(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("price_list").to_owned()).await?;
        manager.drop_table(Table::drop().table("plan_assignment").to_owned()).await?;
        manager.drop_table(Table::drop().table("rate").to_owned()).await?;
        manager.drop_table(Table::drop().table("plan").to_owned()).await
    }
}

/// Code, name, monthly fee and included credit in whole units of USD.
const PLANS: [(&str, &str, i64, i64); 4] = [
    ("free-trial", "Free Trial", 0, 50),
    ("starter", "Starter", 29, 10),
    ("professional", "Professional", 99, 50),
    ("enterprise", "Enterprise", 499, 200),
];

/// Kind, resource and price per unit in 1e-9 USD.
const RATES: [(&str, &str, i64); 6] = [
    ("VOICE", "minute", 15_000_000),
    ("SMS", "message", 7_500_000),
    ("SMS", "mms", 20_000_000),
    ("EMAIL", "message", 1_000_000),
    ("WHATSAPP", "message", 5_000_000),
    ("LLM", "response", 5_000_000),
];

/// The seeds have the same ids everywhere: a version 7 UUID with a time before all others, then the plan's number and the rate's.
fn seed_id(plan: usize, rate: usize) -> String {
    format!("00000000-0000-7000-8000-{plan:06x}{rate:06x}")
}

async fn seed(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let uuid = |id: String| match manager.get_database_backend() {
        // SQLite keeps a UUID as its sixteen bytes.
        sea_orm::DbBackend::Sqlite => format!("x'{}'", id.replace('-', "")),
        sea_orm::DbBackend::Postgres | sea_orm::DbBackend::MySql | _ => format!("'{id}'"),
    };
    // In the one format in which the server writes instants on SQLite.
    let at = "'2026-01-01T00:00:00+00:00'";
    for (number, (code, name, fee, credit)) in (1..).zip(PLANS) {
        let plan = uuid(seed_id(number, 0));
        connection
            .execute_unprepared(&format!(
                "INSERT INTO plan (id, code, name, monthly_fee_nanos, included_credit_nanos, currency, daily_limit, monthly_limit, created_at)
                 VALUES ({plan}, '{code}', '{name}', {fee}000000000, {credit}000000000, 'USD', 1000, 30000, {at})"
            ))
            .await?;
        for (rate_number, (kind, resource, price)) in (1..).zip(RATES) {
            let rate = uuid(seed_id(number, rate_number));
            connection
                .execute_unprepared(&format!(
                    "INSERT INTO rate (id, plan_id, kind, resource_type, category, country, effective_from, model, unit_price_nanos, tiers, created_at)
                     VALUES ({rate}, {plan}, '{kind}', '{resource}', '', '', '2000-01-01', 'PER_UNIT', {price}, '[]', {at})"
                ))
                .await?;
        }
    }
    connection.execute_unprepared("INSERT INTO price_list (id, version) VALUES (1, 1)").await?;
    // Who was there before plans were has had its plan from the beginning.
    connection
        .execute_unprepared(
            "INSERT INTO plan_assignment (organisation_id, effective_from, plan_id, assigned_at)
             SELECT organisation.id, '2000-01-01', plan.id, organisation.created_at FROM organisation JOIN plan ON plan.code = organisation.plan_code",
        )
        .await?;
    Ok(())
}
