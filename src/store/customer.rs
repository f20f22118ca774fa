//! Customers in the database.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::contact_day::{Column as Day, Entity as Days};
use entity::customer::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Alias, CaseStatement, Expr, ExprTrait as _, Func, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, FromQueryResult, QueryFilter as _, QuerySelect as _};
use uuid::Uuid;

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, corrupt, read_all};
use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::customer::{Customer, Engagement, NewCustomer};
use crate::domain::id::{CustomerId, OrganisationId};
use crate::domain::page::{Page, PageRequest};
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

/// A page of an organisation's customers, newest first; with `search`, only those whose number, name or external id contains it.
pub async fn page(
    db: &impl Db,
    organisation: OrganisationId,
    search: Option<&str>,
    request: &PageRequest<CustomerId>,
) -> Result<Page<Customer>, StoreError> {
    let mut query = Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()));
    if let Some(search) = search {
        query = query.filter(row::contains([Column::Phone, Column::Name, Column::ExternalId], search));
    }
    let keyset = Keyset { columns: [Column::Id], descending: true };
    keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?.try_map(from_row)
}

#[derive(Debug, FromQueryResult)]
struct Sum {
    customer_id: Uuid,
    messages: i64,
    replied: i64,
    last_active_on: NaiveDate,
    received: i64,
    engaged: i64,
}

/// What each of these customers of the organisation got and did, on all days together; one without messages is left out.
pub async fn engagement(
    db: &impl Db,
    organisation: OrganisationId,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Engagement>, StoreError> {
    // PostgreSQL sums 64-bit numbers into another type.
    let sum = |column: Day| -> Expr { column.into_expr().sum().cast_as("bigint") };
    // Campaigns of which something was counted; the nil one stands for none.
    let campaigns = |column: Day| -> Expr {
        let counted = column.into_expr().gt(0).and(Day::CampaignId.into_expr().ne(Uuid::nil()));
        Expr::expr(CaseStatement::new().case(counted, Day::CampaignId.into_expr())).count_distinct()
    };
    let mut found = HashMap::with_capacity(ids.len());
    for batch in ids.chunks(row::IDS_MAX) {
        let query = Days::find()
            .select_only()
            .column(Day::CustomerId)
            .column_as(sum(Day::Messages), "messages")
            .column_as(sum(Day::Replied), "replied")
            .column_as(Day::Date.into_expr().max(), "last_active_on")
            .column_as(campaigns(Day::Delivered), "received")
            .column_as(campaigns(Day::Engaged), "engaged")
            .filter(Day::OrganisationId.eq(organisation.uuid()))
            .filter(Day::CustomerId.is_in(batch.iter().map(|id| id.uuid())))
            // Whatever moved to another day has left a row of zeros.
            .filter(Day::Messages.gt(0))
            .group_by(Day::CustomerId);
        let sums = query.into_model::<Sum>().all(db).await?;
        found.extend(sums.iter().map(|sum| (CustomerId::from_uuid(sum.customer_id), sum.engagement())));
    }
    Ok(found)
}

impl Sum {
    fn engagement(&self) -> Engagement {
        Engagement {
            messages: self.messages,
            replied: self.replied,
            last_active_on: Some(self.last_active_on),
            campaigns_received: self.received,
            campaigns_engaged: self.engaged,
        }
    }
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
