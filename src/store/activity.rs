//! Activity in the database: its span is kept, the months are counted by day, and the last conversation is found by an index.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::activity::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait as _, DbBackend, EntityTrait as _, QueryFilter as _, Statement, Value};

use super::row::{self, IDS_MAX};
use super::{Db, StoreError, Transaction};
use crate::domain::activity::{MonthlyActivity, Span, Spans};
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::domain::period::{Month, Zone};

/// Widens what is known of each organisation's activity.
pub async fn note(tx: &Transaction, spans: &Spans) -> Result<(), StoreError> {
    let rows = spans.iter().map(|(organisation, span)| Model {
        organisation_id: organisation.uuid(),
        first_at: span.first_at,
        last_at: span.last_at,
    });
    let (told, known) = (|column| Expr::col(("excluded", column)), |column| Expr::col((Entity, column)));
    let is_earlier = || told(Column::FirstAt).lt(known(Column::FirstAt));
    let is_later = || told(Column::LastAt).gt(known(Column::LastAt));
    let first = Expr::case(is_earlier(), told(Column::FirstAt)).finally(known(Column::FirstAt));
    let last = Expr::case(is_later(), told(Column::LastAt)).finally(known(Column::LastAt));
    let on_conflict = OnConflict::column(Column::OrganisationId)
        .value(Column::FirstAt, first)
        .value(Column::LastAt, last)
        .action_and_where(is_earlier().or(is_later()))
        .to_owned();
    row::insert::<_, ActiveModel>(tx, rows.collect(), Some(on_conflict)).await?;
    Ok(())
}

/// From when until when something is known to have happened at those of the organisations where anything did.
pub async fn spans(
    db: &impl Db,
    organisations: &[OrganisationId],
) -> Result<HashMap<OrganisationId, Span>, StoreError> {
    let mut spans = HashMap::with_capacity(organisations.len());
    for ids in organisations.chunks(IDS_MAX) {
        let query = Entity::find().filter(Column::OrganisationId.is_in(ids.iter().map(|id| id.uuid())));
        for Model { organisation_id, first_at, last_at } in query.all(db).await? {
            spans.insert(OrganisationId::from_uuid(organisation_id), Span { first_at, last_at });
        }
    }
    Ok(spans)
}

/// When the last conversation of each organisation began; those that had none are left out.
pub async fn last_conversations(
    db: &impl Db,
    organisations: &[OrganisationId],
) -> Result<HashMap<OrganisationId, Instant>, StoreError> {
    let mut last = HashMap::with_capacity(organisations.len());
    for ids in organisations.chunks(IDS_MAX) {
        let asked = asked(db, &["uuid"], ids.len());
        // An index look-up for each, where a GROUP BY would walk through all conversations.
        let sql = format!(
            "WITH asked(organisation_id) AS ({asked})
             SELECT organisation_id, (SELECT MAX(opened_at) FROM conversation
                WHERE conversation.organisation_id = asked.organisation_id) AS last_at FROM asked"
        );
        let values = ids.iter().map(|id| Value::from(id.uuid()));
        for row in db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await? {
            let at: Option<Instant> = row.try_get_by_index(1)?;
            last.extend(at.map(|at| (OrganisationId::from_uuid(row.try_get_by_index(0).unwrap_or_default()), at)));
        }
    }
    Ok(last)
}

/// A local month of an organisation.
pub type MonthOf = (OrganisationId, Zone, Month);

/// How many months one statement asks for, six values each.
const MONTHS_MAX: usize = 1_000;

/// How many conversations began in each of the months, and when the last of them; in the order in which they are asked for.
pub async fn months(db: &impl Db, months: &[MonthOf]) -> Result<Vec<MonthlyActivity>, StoreError> {
    let mut found = Vec::with_capacity(months.len());
    for batch in months.chunks(MONTHS_MAX) {
        let asked = asked(db, &["bigint", "uuid", "date", "date", "timestamptz", "timestamptz"], batch.len());
        let sql = format!(
            "WITH asked(place, organisation_id, first_day, last_day, begins_at, ends_at) AS ({asked})
             SELECT
                (SELECT CAST(COALESCE(SUM(conversations), 0) AS bigint) FROM metric_day
                    WHERE metric_day.organisation_id = asked.organisation_id AND date BETWEEN first_day AND last_day),
                (SELECT MAX(opened_at) FROM conversation WHERE conversation.organisation_id = asked.organisation_id
                    AND opened_at >= begins_at AND opened_at < ends_at)
             FROM asked ORDER BY place"
        );
        let values = (0_i64..).zip(batch).flat_map(|(place, (organisation, zone, month))| {
            let period = zone.month(*month);
            let (first, last): (NaiveDate, NaiveDate) = (month.first_day(), month.last_day());
            [
                Value::from(place),
                Value::from(organisation.uuid()),
                Value::from(first),
                Value::from(last),
                Value::from(period.start),
                Value::from(period.end),
            ]
        });
        let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
        for ((_, _, month), row) in batch.iter().zip(rows) {
            let (conversations, last_conversation_at) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            found.push(MonthlyActivity { month: *month, conversations, last_conversation_at });
        }
    }
    Ok(found)
}

/// `VALUES` with a place for each value of so many rows. PostgreSQL has to be told what they are.
fn asked(db: &impl Db, types: &[&str], rows: usize) -> String {
    let place = |number: usize, of: &str| match db.get_database_backend() {
        DbBackend::Sqlite => format!("${number}"),
        DbBackend::Postgres | DbBackend::MySql | _ => format!("CAST(${number} AS {of})"),
    };
    let row = |row: usize| {
        let values = types.iter().enumerate().map(|(column, of)| place(row * types.len() + column + 1, of));
        format!("({})", values.collect::<Vec<_>>().join(", "))
    };
    format!("VALUES {}", (0..rows).map(row).collect::<Vec<_>>().join(", "))
}
