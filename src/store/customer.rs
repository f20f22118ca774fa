//! Customers in the database.

use entity::customer::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Alias, Expr, Func, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::row::{self, corrupt, read_all};
use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::customer::{Customer, NewCustomer};
use crate::domain::id::{CustomerId, OrganisationId};
use crate::domain::phone::PhoneNumber;

/// Makes customers, or changes those of the organisation with the same numbers; what a new one leaves out stays. Each number at most
/// once. [`StoreError::Unique`] when an external id is another customer's.
///
/// Sorted by number, so that two who write the same customers do not wait for each other in a circle.
pub async fn upsert(
    db: &impl Db,
    organisation: OrganisationId,
    customers: &[NewCustomer],
    now: Instant,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = customers.iter().map(|customer| to_row(organisation, customer, now)).collect();
    rows.sort_unstable_by(|one, other| one.phone.cmp(&other.phone));
    let kept = |column: Column| {
        let said = Expr::col((Alias::new("excluded"), column));
        (column, Expr::from(Func::coalesce([said, Expr::col((Entity, column))])))
    };
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::Phone])
        .values([kept(Column::Name), kept(Column::ExternalId)])
        .update_columns([Column::Registered, Column::Blocked, Column::UpdatedAt])
        .to_owned();
    row::insert::<_, ActiveModel>(db, rows, Some(on_conflict)).await?;
    Ok(())
}

/// Makes customers that nobody has told of, or gives a name to those who have none; nothing else of them changes. Each number at most once,
/// with the id that a new one gets.
///
/// Sorted by number, so that two who write the same customers do not wait for each other in a circle.
pub async fn meet(
    db: &impl Db,
    organisation: OrganisationId,
    people: &[(CustomerId, NewCustomer)],
    now: Instant,
) -> Result<(), StoreError> {
    let row =
        |(id, customer): &(CustomerId, NewCustomer)| Model { id: id.uuid(), ..to_row(organisation, customer, now) };
    let mut rows: Vec<_> = people.iter().map(row).collect();
    rows.sort_unstable_by(|one, other| one.phone.cmp(&other.phone));
    let known = [Expr::col((Entity, Column::Name)), Expr::col((Alias::new("excluded"), Column::Name))];
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::Phone])
        .value(Column::Name, Expr::from(Func::coalesce(known)))
        .update_column(Column::UpdatedAt)
        .to_owned();
    row::insert::<_, ActiveModel>(db, rows, Some(on_conflict)).await?;
    Ok(())
}

/// The organisation's customers with these numbers, in no particular order.
pub async fn find_by_phone(
    db: &impl Db,
    organisation: OrganisationId,
    phones: &[PhoneNumber],
) -> Result<Vec<Customer>, StoreError> {
    let mut customers = Vec::with_capacity(phones.len());
    for batch in phones.chunks(row::IDS_MAX) {
        let query = Entity::find()
            .filter(Column::OrganisationId.eq(organisation.uuid()))
            .filter(Column::Phone.is_in(batch.iter().map(PhoneNumber::as_str)));
        customers.extend(read_all(query.all(db).await?, from_row)?);
    }
    Ok(customers)
}

/// The customer with this id, whosever it is: the caller must look at its organisation.
pub async fn find_any(db: &impl Db, id: CustomerId) -> Result<Option<Customer>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// Those of the ids that exist, whosever they are, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[CustomerId]) -> Result<Vec<Customer>, StoreError> {
    let rows = row::select_in(db, Entity::find(), Column::Id, ids.iter().map(|id| id.uuid()).collect()).await?;
    read_all(rows, from_row)
}

fn to_row(organisation: OrganisationId, customer: &NewCustomer, now: Instant) -> Model {
    Model {
        id: CustomerId::generate(now).uuid(),
        organisation_id: organisation.uuid(),
        phone: customer.phone.as_str().to_owned(),
        name: customer.name.clone(),
        registered: customer.registered,
        blocked: customer.blocked,
        external_id: customer.external_id.clone(),
        created_at: now,
        updated_at: now,
    }
}

fn from_row(row: Model) -> Result<Customer, StoreError> {
    let phone = PhoneNumber::parse("customer.phone", &row.phone);
    Ok(Customer {
        id: CustomerId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        phone: phone.map_err(|_| corrupt("customer.phone", &row.phone))?,
        name: row.name,
        registered: row.registered,
        blocked: row.blocked,
        external_id: row.external_id,
        created_at: row.created_at,
    })
}
