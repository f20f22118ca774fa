//! Idempotency keys: which are taken, and by which record.

use entity::usage_record::{Column, Entity};
use sea_orm::{
    ColumnTrait as _, Condition, DbBackend, EntityTrait as _, QueryFilter as _, QuerySelect as _, Statement, Value,
};
use uuid::Uuid;

use crate::domain::id::OrganisationId;
use crate::store::row::IDS_MAX;
use crate::store::{Db, StoreError, unnest};

/// Those of the keys that the organisation's records have.
pub async fn taken_keys(db: &impl Db, organisation: OrganisationId, keys: &[&str]) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for keys in keys.chunks(IDS_MAX) {
        if db.get_database_backend() == DbBackend::Postgres {
            let known = known(db, organisation, keys).await?;
            found.extend(known.into_iter().map(|(key, _)| key));
        } else {
            let query = Entity::find().select_only().column(Column::IdempotencyKey);
            let query = query.filter(Column::OrganisationId.eq(organisation.uuid()));
            let query = query.filter(Column::IdempotencyKey.is_in(keys.iter().copied()));
            found.extend(query.into_tuple::<String>().all(db).await?);
        }
    }
    Ok(found)
}

/// That a record of the organisation has one of these keys, at most [`IDS_MAX`]. On PostgreSQL, where a key is found in a table without months, it
/// is the record's id, which says in which month to look.
pub(super) async fn one_of(db: &impl Db, organisation: OrganisationId, keys: &[&str]) -> Result<Condition, StoreError> {
    let condition = match db.get_database_backend() {
        DbBackend::Sqlite => Column::IdempotencyKey.is_in(keys.iter().copied()),
        DbBackend::Postgres | DbBackend::MySql | _ => {
            let known = known(db, organisation, keys).await?;
            Column::Id.is_in(known.into_iter().map(|(_, id)| id))
        }
    };
    Ok(Condition::all().add(condition))
}

/// On PostgreSQL: the keys that are taken, with the ids of the records that have them.
async fn known(db: &impl Db, organisation: OrganisationId, keys: &[&str]) -> Result<Vec<(String, Uuid)>, StoreError> {
    let sql = "SELECT idempotency_key, usage_record_id FROM usage_record_key
               WHERE organisation_id = $1 AND idempotency_key = ANY(CAST($2 AS text[]))";
    let values = [organisation.uuid().into(), unnest::array(keys.iter().map(|key| Value::from(*key)))?];
    let rows = db.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
