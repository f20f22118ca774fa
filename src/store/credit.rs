//! Credits in the database: grants, and what happened to them.

use entity::{credit_entry, credit_grant};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, Statement};

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, read, read_all};
use super::{Db, StoreError};
use crate::domain::credit::{CreditEntry, CreditEntryKind, CreditSource, Fund, Grant};
use crate::domain::id::{CreditEntryId, CreditGrantId, InvoiceId, OrganisationId};
use crate::domain::money::Money;
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::Month;

/// Adds a grant; false, and nothing done, where the month has its included credit already.
pub async fn insert_grant(db: &impl Db, grant: &Grant) -> Result<bool, StoreError> {
    let row = credit_grant::Model {
        id: grant.id.uuid(),
        organisation_id: grant.organisation_id.uuid(),
        source: grant.source.code().to_owned(),
        month: grant.month.map(Month::first_day),
        reason: grant.reason.clone(),
        expires_at: grant.expires_at,
        granted_at: grant.granted_at,
    };
    let once = OnConflict::columns([credit_grant::Column::OrganisationId, credit_grant::Column::Month])
        .do_nothing()
        .to_owned();
    Ok(row::insert::<_, credit_grant::ActiveModel>(db, vec![row], Some(once)).await? > 0)
}

/// Adds entries.
pub async fn insert_entries(db: &impl Db, entries: &[CreditEntry]) -> Result<(), StoreError> {
    let rows = entries.iter().map(|entry| credit_entry::Model {
        id: entry.id.uuid(),
        organisation_id: entry.organisation_id.uuid(),
        grant_id: entry.grant_id.uuid(),
        kind: entry.kind.code().to_owned(),
        amount_nanos: entry.amount.nanos(),
        reason: entry.reason.clone(),
        invoice_id: entry.invoice_id.map(InvoiceId::uuid),
        at: entry.at,
    });
    row::insert::<_, credit_entry::ActiveModel>(db, rows.collect(), None).await?;
    Ok(())
}

/// What is left of each of the organisation's grants. Included credit is there even when nothing of it is left, so that it is not granted
/// twice; of prepaid credit, only what something is left of.
pub async fn funds(db: &impl Db, organisation: OrganisationId) -> Result<Vec<Fund>, StoreError> {
    // Both databases sum a bigint into something wider.
    let sql = "SELECT credit_entry.grant_id, CAST(SUM(credit_entry.amount_nanos) AS BIGINT) AS left_nanos FROM credit_entry \
               WHERE credit_entry.organisation_id = $1 GROUP BY credit_entry.grant_id";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [organisation.uuid().into()]);
    let mut left = std::collections::HashMap::new();
    for row in db.query_all_raw(statement).await? {
        let (grant, nanos): (uuid::Uuid, i64) = (row.try_get("", "grant_id")?, row.try_get("", "left_nanos")?);
        left.insert(grant, Money::from_nanos(nanos));
    }
    let rows = credit_grant::Entity::find()
        .filter(credit_grant::Column::OrganisationId.eq(organisation.uuid()))
        .order_by_asc(credit_grant::Column::Id)
        .all(db)
        .await?;
    let funds = rows.into_iter().map(|row| {
        let left = left.get(&row.id).copied().unwrap_or_default();
        Ok(Fund { grant: read_grant(row)?, left })
    });
    let funds: Result<Vec<Fund>, StoreError> = funds.collect();
    Ok(funds?.into_iter().filter(|fund| fund.grant.month.is_some() || fund.left != Money::ZERO).collect())
}

/// The included credit of a month, if it was granted.
pub async fn included(db: &impl Db, organisation: OrganisationId, month: Month) -> Result<Option<Grant>, StoreError> {
    let query = credit_grant::Entity::find()
        .filter(credit_grant::Column::OrganisationId.eq(organisation.uuid()))
        .filter(credit_grant::Column::Month.eq(month.first_day()));
    query.one(db).await?.map(read_grant).transpose()
}

/// The entries of one grant, oldest first.
pub async fn entries_of_grant(
    db: &impl Db,
    organisation: OrganisationId,
    grant: CreditGrantId,
) -> Result<Vec<CreditEntry>, StoreError> {
    let query = of(organisation).filter(credit_entry::Column::GrantId.eq(grant.uuid()));
    read_all(query.order_by_asc(credit_entry::Column::Id).all(db).await?, read_entry)
}

/// What an invoice was paid with, and what was given back of it; oldest first.
pub async fn entries_of_invoice(
    db: &impl Db,
    organisation: OrganisationId,
    invoice: InvoiceId,
) -> Result<Vec<CreditEntry>, StoreError> {
    let query = of(organisation).filter(credit_entry::Column::InvoiceId.eq(invoice.uuid()));
    read_all(query.order_by_asc(credit_entry::Column::Id).all(db).await?, read_entry)
}

/// A page of the organisation's entries, newest first, each with its grant.
pub async fn page(
    db: &impl Db,
    organisation: OrganisationId,
    request: &PageRequest<CreditEntryId>,
) -> Result<Page<(CreditEntry, Grant)>, StoreError> {
    let keyset = Keyset { columns: [credit_entry::Column::Id], descending: true };
    let page = keyset.page(db, of(organisation), placed(request, |id| [Expr::value(id.uuid())])).await?;
    let ids: std::collections::BTreeSet<_> = page.items.iter().map(|row| row.grant_id).collect();
    let ids = ids.into_iter().collect();
    let grants = row::select_in(db, credit_grant::Entity::find(), credit_grant::Column::Id, ids).await?;
    page.try_map(|row| {
        let grant = grants.iter().find(|grant| grant.id == row.grant_id);
        let grant = grant.ok_or_else(|| row::corrupt("credit_entry.grant_id", row.grant_id))?;
        Ok((read_entry(row)?, read_grant(grant.clone())?))
    })
}

fn of(organisation: OrganisationId) -> sea_orm::Select<credit_entry::Entity> {
    credit_entry::Entity::find().filter(credit_entry::Column::OrganisationId.eq(organisation.uuid()))
}

fn read_grant(row: credit_grant::Model) -> Result<Grant, StoreError> {
    Ok(Grant {
        id: CreditGrantId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        source: read("credit_grant.source", &row.source, CreditSource::from_code)?,
        month: row.month.map(Month::of),
        reason: row.reason,
        expires_at: row.expires_at,
        granted_at: row.granted_at,
    })
}

fn read_entry(row: credit_entry::Model) -> Result<CreditEntry, StoreError> {
    Ok(CreditEntry {
        id: CreditEntryId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        grant_id: CreditGrantId::from_uuid(row.grant_id),
        kind: read("credit_entry.kind", &row.kind, CreditEntryKind::from_code)?,
        amount: Money::from_nanos(row.amount_nanos),
        reason: row.reason,
        invoice_id: row.invoice_id.map(InvoiceId::from_uuid),
        at: row.at,
    })
}
