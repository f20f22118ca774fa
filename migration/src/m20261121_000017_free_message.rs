//! WhatsApp messages that the BSP gives for nothing (`pricing.type` is one of the free ones) cost nothing on the plans that were there from the start.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// How many plans every installation begins with.
const PLANS: usize = 4;

/// The number of this rate among the seeded ones of a plan.
const RATE: usize = 7;

/// The plan's or the rate's seeded id.
fn seed_id(manager: &SchemaManager<'_>, plan: usize, rate: usize) -> String {
    let id = format!("00000000-0000-7000-8000-{plan:06x}{rate:06x}");
    match manager.get_database_backend() {
        // SQLite keeps a UUID as its sixteen bytes.
        sea_orm::DbBackend::Sqlite => format!("x'{}'", id.replace('-', "")),
        sea_orm::DbBackend::Postgres | sea_orm::DbBackend::MySql | _ => format!("'{id}'"),
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for plan in 1..=PLANS {
            let (rate, plan) = (seed_id(manager, plan, RATE), seed_id(manager, plan, 0));
            connection
                .execute_unprepared(&format!(
                    "INSERT INTO rate (id, plan_id, kind, resource_type, category, country, effective_from, model, unit_price_nanos, tiers, created_at)
                     VALUES ({rate}, {plan}, 'WHATSAPP', 'free_message', '', '', '2000-01-01', 'PER_UNIT', 0, '[]', '2026-01-01T00:00:00+00:00')
                     ON CONFLICT DO NOTHING"
                ))
                .await?;
        }
        connection.execute_unprepared("UPDATE price_list SET version = version + 1").await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for plan in 1..=PLANS {
            let rate = seed_id(manager, plan, RATE);
            connection.execute_unprepared(&format!("DELETE FROM rate WHERE id = {rate}")).await?;
        }
        connection.execute_unprepared("UPDATE price_list SET version = version + 1").await?;
        Ok(())
    }
}
