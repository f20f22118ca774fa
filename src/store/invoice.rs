//! Invoices in the database, their lines, and the numbers that they took.

use entity::{invoice, invoice_line, organisation, usage_period};
use invoice::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select, Statement,
};

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, corrupt, read, read_all};
use super::{Db, StoreError, Transaction};
use crate::domain::channel::ChannelKind;
use crate::domain::id::{InvoiceId, InvoiceLineId, OrganisationId, PlanId, RateId};
use crate::domain::invoice::{Invoice, InvoiceLine, InvoiceState, LineSource, Parties, Sums};
use crate::domain::money::{Currency, Money};
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::Month;
use crate::domain::quantity::Quantity;
use crate::domain::rating::Step;
use crate::domain::usage::{Resource, ResourceType};

/// Lets nobody record usage of the organisation or settle its invoices until the transaction ends. On SQLite a transaction that may write
/// is alone in any case.
pub async fn lock_organisation(tx: &Transaction, organisation: OrganisationId) -> Result<(), StoreError> {
    let query = organisation::Entity::find_by_id(organisation.uuid()).select_only().column(organisation::Column::Id);
    query.lock_exclusive().into_tuple::<uuid::Uuid>().one(tx).await?;
    Ok(())
}

/// Adds invoices; one whose organisation has an invoice of that month is left out. How many were added.
pub async fn insert_many(db: &impl Db, invoices: &[Invoice]) -> Result<u64, StoreError> {
    let rows: Result<Vec<Model>, StoreError> = invoices.iter().map(to_row).collect();
    // Its id follows from both, so that another's takes two keys at once: whichever is met first, it is left out.
    let once = OnConflict::new().do_nothing().to_owned();
    row::insert::<_, ActiveModel>(db, rows?, Some(once)).await
}

/// Writes an invoice's state and sums over what was there.
pub async fn update(db: &impl Db, invoice: &Invoice) -> Result<(), StoreError> {
    let row = to_row(invoice)?;
    Entity::update_many()
        .col_expr(Column::State, Expr::value(row.state))
        .col_expr(Column::Number, Expr::value(row.number))
        .col_expr(Column::PlanId, Expr::value(row.plan_id))
        .col_expr(Column::Currency, Expr::value(row.currency))
        .col_expr(Column::SubtotalNanos, Expr::value(row.subtotal_nanos))
        .col_expr(Column::CreditsAppliedNanos, Expr::value(row.credits_applied_nanos))
        .col_expr(Column::TotalNanos, Expr::value(row.total_nanos))
        .col_expr(Column::FinalizedAt, Expr::value(row.finalized_at))
        .col_expr(Column::PaidAt, Expr::value(row.paid_at))
        .col_expr(Column::VoidedAt, Expr::value(row.voided_at))
        .col_expr(Column::VoidReason, Expr::value(row.void_reason))
        .col_expr(Column::Parties, Expr::value(row.parties))
        .filter(Column::OrganisationId.eq(row.organisation_id))
        .filter(Column::Id.eq(row.id))
        .exec(db)
        .await?;
    Ok(())
}

/// The invoice with this id, whosever it is.
pub async fn find(db: &impl Db, id: InvoiceId) -> Result<Option<Invoice>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// The organisation's invoice of a month.
pub async fn find_of_month(
    db: &impl Db,
    organisation: OrganisationId,
    month: Month,
) -> Result<Option<Invoice>, StoreError> {
    of(organisation).filter(Column::Month.eq(month.first_day())).one(db).await?.map(from_row).transpose()
}

/// The invoices with ids from one to another, whosever they are.
pub async fn between(db: &impl Db, first: InvoiceId, last: InvoiceId) -> Result<Vec<Invoice>, StoreError> {
    let query = Entity::find().filter(Column::Id.between(first.uuid(), last.uuid()));
    read_all(query.all(db).await?, from_row)
}

/// The state of each of the organisation's invoices, by month.
pub async fn states(db: &impl Db, organisation: OrganisationId) -> Result<Vec<(Month, InvoiceState)>, StoreError> {
    let query = of(organisation).select_only().column(Column::Month).column(Column::State).order_by_asc(Column::Month);
    let rows: Vec<(chrono::NaiveDate, String)> = query.into_tuple().all(db).await?;
    read_all(rows, |(month, state)| Ok((Month::of(month), read("invoice.state", &state, InvoiceState::from_code)?)))
}

/// A page of the organisation's invoices, newest month first; those in a state, or all.
pub async fn page(
    db: &impl Db,
    organisation: OrganisationId,
    state: Option<InvoiceState>,
    request: &PageRequest<Month>,
) -> Result<Page<Invoice>, StoreError> {
    let mut query = of(organisation);
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state.code()));
    }
    let keyset = Keyset { columns: [Column::Month], descending: true };
    let page = keyset.page(db, query, placed(request, |month| [Expr::value(month.first_day())])).await?;
    page.try_map(from_row)
}

/// The months up to `last` that anything of the organisation's usage is billed in.
pub async fn billed_months(db: &impl Db, organisation: OrganisationId, last: Month) -> Result<Vec<Month>, StoreError> {
    use usage_period::{Column, Entity};
    let query = Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()));
    let query = query.filter(Column::BillingMonth.lte(last.first_day()));
    let months: Vec<chrono::NaiveDate> =
        query.select_only().column(Column::BillingMonth).distinct().into_tuple().all(db).await?;
    Ok(months.into_iter().map(Month::of).collect())
}

/// The next number of a year, counting from 1. Taken in the transaction that uses it, none is ever missing; whoever takes the next one
/// waits for that transaction's end, so it comes late in it.
pub async fn take_number(tx: &Transaction, year: i32) -> Result<i64, StoreError> {
    use sea_orm::ConnectionTrait as _;
    let sql = "INSERT INTO invoice_sequence (year, last) VALUES ($1, 1) \
               ON CONFLICT (year) DO UPDATE SET last = invoice_sequence.last + 1 RETURNING last";
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, [year.into()]);
    let row = tx.query_one_raw(statement).await?.ok_or(DbErr::RecordNotInserted)?;
    Ok(row.try_get("", "last")?)
}

/// Adds the lines of an invoice, in their order.
pub async fn insert_lines(db: &impl Db, lines: &[InvoiceLine]) -> Result<(), StoreError> {
    let rows: Result<Vec<_>, StoreError> =
        (0..).zip(lines).map(|(position, line)| line_to_row(line, position)).collect();
    row::insert::<_, invoice_line::ActiveModel>(db, rows?, None).await?;
    Ok(())
}

/// The stored lines of these invoices, in their order; a draft has none.
pub async fn lines(db: &impl Db, invoices: &[InvoiceId]) -> Result<Vec<InvoiceLine>, StoreError> {
    let query = invoice_line::Entity::find().order_by_asc(invoice_line::Column::Position);
    let ids = invoices.iter().map(|id| id.uuid()).collect();
    read_all(row::select_in(db, query, invoice_line::Column::InvoiceId, ids).await?, read_line)
}

/// The stored line with this id, whosever it is.
pub async fn line(db: &impl Db, id: InvoiceLineId) -> Result<Option<InvoiceLine>, StoreError> {
    invoice_line::Entity::find_by_id(id.uuid()).one(db).await?.map(read_line).transpose()
}

fn of(organisation: OrganisationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()))
}

fn to_row(invoice: &Invoice) -> Result<Model, StoreError> {
    let parties = invoice.parties.as_ref().map(serde_json::to_string).transpose();
    Ok(Model {
        id: invoice.id.uuid(),
        organisation_id: invoice.organisation_id.uuid(),
        month: invoice.month.first_day(),
        state: invoice.state.code().to_owned(),
        number: invoice.number.clone(),
        plan_id: invoice.plan_id.uuid(),
        currency: invoice.currency.code().to_owned(),
        subtotal_nanos: invoice.sums.subtotal.nanos(),
        credits_applied_nanos: invoice.sums.credits_applied.nanos(),
        total_nanos: invoice.sums.total.nanos(),
        issued_at: invoice.issued_at,
        finalized_at: invoice.finalized_at,
        paid_at: invoice.paid_at,
        voided_at: invoice.voided_at,
        void_reason: invoice.void_reason.clone(),
        parties: parties.map_err(|error| corrupt("invoice.parties", error))?,
    })
}

fn from_row(row: Model) -> Result<Invoice, StoreError> {
    let parties: Option<Parties> = row
        .parties
        .map(|json| serde_json::from_str(&json).map_err(|error| corrupt("invoice.parties", error)))
        .transpose()?;
    Ok(Invoice {
        id: InvoiceId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        month: Month::of(row.month),
        state: read("invoice.state", &row.state, InvoiceState::from_code)?,
        number: row.number,
        plan_id: PlanId::from_uuid(row.plan_id),
        currency: read("invoice.currency", &row.currency, Currency::from_code)?,
        sums: Sums {
            subtotal: Money::from_nanos(row.subtotal_nanos),
            credits_applied: Money::from_nanos(row.credits_applied_nanos),
            total: Money::from_nanos(row.total_nanos),
        },
        issued_at: row.issued_at,
        finalized_at: row.finalized_at,
        paid_at: row.paid_at,
        voided_at: row.voided_at,
        void_reason: row.void_reason,
        parties,
    })
}

fn line_to_row(line: &InvoiceLine, position: i32) -> Result<invoice_line::Model, StoreError> {
    let resource = line.resource.as_ref();
    Ok(invoice_line::Model {
        id: line.id.uuid(),
        organisation_id: line.organisation_id.uuid(),
        invoice_id: line.invoice_id.uuid(),
        position,
        source: line.source.code().to_owned(),
        description: line.description.clone(),
        kind: resource.map(|resource| resource.kind.code().to_owned()),
        resource_type: resource.map(|resource| resource.resource_type.code().to_owned()),
        category: resource.and_then(|resource| resource.category).map(|category| category.code().to_owned()),
        country: resource.and_then(|resource| resource.country).map(|country| country.code().to_owned()),
        rate_id: line.rate_id.map(RateId::uuid),
        usage_month: line.usage_month.map(Month::first_day),
        quantity_micros: line.quantity.micros(),
        unit_price_nanos: line.unit_price.map(Money::nanos),
        amount_nanos: line.amount.nanos(),
        steps: serde_json::to_string(&line.steps).map_err(|error| corrupt("invoice_line.steps", error))?,
    })
}

fn read_line(row: invoice_line::Model) -> Result<InvoiceLine, StoreError> {
    let resource = match (row.kind, row.resource_type) {
        (Some(kind), Some(resource_type)) => Some(Resource {
            kind: read("invoice_line.kind", &kind, ChannelKind::from_code)?,
            resource_type: read("invoice_line.resource_type", &resource_type, ResourceType::from_code)?,
            category: row::read_category("invoice_line.category", row.category.as_deref().unwrap_or_default())?,
            country: row::read_country("invoice_line.country", row.country.as_deref().unwrap_or_default())?,
        }),
        (Some(_) | None, None) | (None, Some(_)) => None,
    };
    let steps: Vec<Step> = serde_json::from_str(&row.steps).map_err(|error| corrupt("invoice_line.steps", error))?;
    Ok(InvoiceLine {
        id: InvoiceLineId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        invoice_id: InvoiceId::from_uuid(row.invoice_id),
        source: read("invoice_line.source", &row.source, LineSource::from_code)?,
        description: row.description,
        resource,
        rate_id: row.rate_id.map(RateId::from_uuid),
        usage_month: row.usage_month.map(Month::of),
        quantity: Quantity::from_micros(row.quantity_micros),
        unit_price: row.unit_price_nanos.map(Money::from_nanos),
        amount: Money::from_nanos(row.amount_nanos),
        steps,
    })
}
