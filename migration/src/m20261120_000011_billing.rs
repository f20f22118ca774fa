//! Credits and invoices, with the numbers that invoices take.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, date, date_null, integer, string, string_null, text, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::{create_index, create_unique_index};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let grant = Table::create()
            .table("credit_grant")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(string("source"))
            // Of included credit only: the month that it is for.
            .col(date_null("month"))
            .col(string("reason"))
            .col(timestamp_with_time_zone_null("expires_at"))
            .col(timestamp_with_time_zone("granted_at"))
            .to_owned();
        manager.create_table(grant).await?;
        create_unique_index(manager, "credit_grant", &["organisation_id", "month"]).await?;
        let entry = Table::create()
            .table("credit_entry")
            .col(uuid("id").primary_key())
            .col(uuid("organisation_id"))
            .col(uuid("grant_id"))
            .col(string("kind"))
            .col(big_integer("amount_nanos"))
            .col(string("reason"))
            .col(uuid_null("invoice_id"))
            .col(timestamp_with_time_zone("at"))
            .foreign_key(ForeignKey::create().from("credit_entry", "grant_id").to("credit_grant", "id"))
            .to_owned();
        manager.create_table(entry).await?;
        create_index(manager, "credit_entry", &["organisation_id", "id"]).await?;
        create_index(manager, "credit_entry", &["grant_id"]).await?;
        create_invoices(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["invoice_sequence", "invoice_line", "invoice", "credit_entry", "credit_grant"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

async fn create_invoices(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let invoice = Table::create()
        .table("invoice")
        .col(uuid("id").primary_key())
        .col(uuid("organisation_id"))
        .col(date("month"))
        .col(string("state"))
        .col(string_null("number"))
        .col(uuid("plan_id"))
        .col(string("currency"))
        .col(big_integer("subtotal_nanos"))
        .col(big_integer("credits_applied_nanos"))
        .col(big_integer("total_nanos"))
        .col(timestamp_with_time_zone("issued_at"))
        .col(timestamp_with_time_zone_null("finalized_at"))
        .col(timestamp_with_time_zone_null("paid_at"))
        .col(timestamp_with_time_zone_null("voided_at"))
        .col(string_null("void_reason"))
        // Who the parties were when it became final, as JSON, because an invoice does not change when a name does.
        .col(text_null("parties"))
        .foreign_key(ForeignKey::create().from("invoice", "organisation_id").to("organisation", "id"))
        .to_owned();
    manager.create_table(invoice).await?;
    create_unique_index(manager, "invoice", &["organisation_id", "month"]).await?;
    create_unique_index(manager, "invoice", &["number"]).await?;
    create_index(manager, "invoice", &["state", "month"]).await?;
    let line = Table::create()
        .table("invoice_line")
        .col(uuid("id").primary_key())
        .col(uuid("organisation_id"))
        .col(uuid("invoice_id"))
        .col(integer("position"))
        .col(string("source"))
        .col(string("description"))
        .col(string_null("kind"))
        .col(string_null("resource_type"))
        .col(string_null("category"))
        .col(string_null("country"))
        .col(uuid_null("rate_id"))
        // The month that the usage is of, which an adjustment is earlier than the invoice's.
        .col(date_null("usage_month"))
        .col(big_integer("quantity_micros"))
        .col(big_integer_null("unit_price_nanos"))
        .col(big_integer("amount_nanos"))
        .col(text("steps"))
        .foreign_key(ForeignKey::create().from("invoice_line", "invoice_id").to("invoice", "id"))
        .to_owned();
    manager.create_table(line).await?;
    create_index(manager, "invoice_line", &["invoice_id", "position"]).await?;
    // A number is taken in the transaction that uses it, so that none is ever missing.
    let sequence = Table::create()
        .table("invoice_sequence")
        .col(integer("year").primary_key())
        .col(big_integer("last"))
        .to_owned();
    manager.create_table(sequence).await
}
