//! The months by which PostgreSQL keeps what grows without end: made ahead, and dropped as a whole when everything in them is old.
//!
//! SQLite keeps a table in one piece; there, no month is ever missing or old.

use chrono::NaiveTime;
use sea_orm::{DbBackend, Statement, Value};

use super::{Db, Store, StoreError, Transaction, unnest};
use crate::domain::clock::Instant;
use crate::domain::period::Month;

/// A table that is kept by the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    UsageRecord,
    Event,
    UsagePayload,
    WebhookAttempt,
    UsageHour,
    UsageCustomerDay,
}

impl Table {
    pub const ALL: [Self; 6] = [
        Self::UsageRecord,
        Self::Event,
        Self::UsagePayload,
        Self::WebhookAttempt,
        Self::UsageHour,
        Self::UsageCustomerDay,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::UsageRecord => "usage_record",
            Self::Event => "event",
            Self::UsagePayload => "usage_payload",
            Self::WebhookAttempt => "webhook_attempt",
            Self::UsageHour => "usage_hour",
            Self::UsageCustomerDay => "usage_customer_day",
        }
    }

    /// The column that tells the months apart.
    const fn column(self) -> &'static str {
        match self {
            Self::UsageRecord | Self::UsagePayload | Self::WebhookAttempt => "id",
            Self::Event => "at",
            Self::UsageHour | Self::UsageCustomerDay => "date",
        }
    }

    /// Where a month begins in that column. An id begins with the milliseconds at which it was made (UUIDv7).
    fn bound(self, month: Month) -> String {
        let first = month.first_day();
        match self {
            Self::UsageRecord | Self::UsagePayload | Self::WebhookAttempt => {
                let digits = format!("{:012x}", midnight(month).timestamp_millis());
                let (high, low) = digits.split_at(8);
                format!("{high}-{low}-0000-0000-000000000000")
            }
            Self::Event => format!("{first} 00:00:00+00"),
            Self::UsageHour | Self::UsageCustomerDay => first.to_string(),
        }
    }
}

/// When a month of UTC begins.
fn midnight(month: Month) -> Instant {
    month.first_day().and_time(NaiveTime::MIN).and_utc()
}

/// A month of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    pub table: Table,
    pub month: Month,
}

impl Partition {
    /// How PostgreSQL calls it.
    pub fn name(self) -> String {
        format!("{}_y{:04}m{:02}", self.table.name(), self.month.year(), self.month.number())
    }

    fn of_name(name: &str) -> Option<Self> {
        let (table, month) = name.rsplit_once("_y")?;
        let table = Table::ALL.into_iter().find(|known| known.name() == table)?;
        let month = Month::parse("month", &month.replace('m', "-")).ok()?;
        Some(Self { table, month })
    }
}

/// How many months are there before they begin.
const AHEAD: usize = 3;

/// Two who make or drop months of a table at once do it one after the other. The number means nothing.
const CLASS: i32 = 7_216_095;

/// Nobody waits for long behind whoever waits for a table; there is another night.
const LIMITS: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = 0";

/// The months that ought to be there at `now` and are not: this one and the next three.
pub async fn missing(db: &impl Db, now: Instant) -> Result<Vec<Partition>, StoreError> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let there = existing(db).await?;
    let months = std::iter::successors(Some(Month::of(now.date_naive())), |month| Some(month.next()));
    let months: Vec<Month> = months.take(AHEAD + 1).collect();
    let wanted =
        Table::ALL.into_iter().flat_map(|table| months.iter().map(move |month| Partition { table, month: *month }));
    Ok(wanted.filter(|partition| !there.contains(partition)).collect())
}

/// Makes what [`missing`] finds, each month in a transaction of its own; how many there were.
pub async fn make_ahead(store: &Store, now: Instant) -> Result<usize, StoreError> {
    let missing = missing(store.read(), now).await?;
    for partition in &missing {
        let tx = store.begin().await?;
        make(&tx, *partition).await?;
        Store::commit(tx).await?;
    }
    Ok(missing.len())
}

/// Makes a month unless it is there; its rows that were kept by the default partition meanwhile move there. Nobody writes to the default
/// partition until the transaction ends.
pub async fn make(tx: &Transaction, partition: Partition) -> Result<(), StoreError> {
    let Partition { table, month } = partition;
    hold(tx, table).await?;
    if existing(tx).await?.contains(&partition) {
        return Ok(());
    }
    let (parent, name, column) = (table.name(), partition.name(), table.column());
    let (from, to) = (table.bound(month), table.bound(month.next()));
    let sql = format!(
        "LOCK TABLE {parent}_default IN ACCESS EXCLUSIVE MODE;
         CREATE TABLE {name} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
         WITH moved AS (DELETE FROM {parent}_default WHERE {column} >= '{from}' AND {column} < '{to}' RETURNING *)
         INSERT INTO {name} SELECT * FROM moved;
         ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')"
    );
    tx.execute_unprepared(&sql).await?;
    Ok(())
}

/// The months of a table that were over before `before`, oldest first.
pub async fn over(db: &impl Db, table: Table, before: Instant) -> Result<Vec<Partition>, StoreError> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let mut over = existing(db).await?;
    over.retain(|partition| partition.table == table && midnight(partition.month.next()) <= before);
    over.sort_unstable_by_key(|partition| partition.month.first_day());
    Ok(over)
}

/// Drops a month of events or of tries at webhooks with everything in it, or one of payloads if it is empty: days name the payload that they came
/// from, so that these go one by one. Whether it went.
pub async fn drop_month(tx: &Transaction, partition: Partition) -> Result<bool, StoreError> {
    let Partition { table, .. } = partition;
    hold(tx, table).await?;
    if !existing(tx).await?.contains(&partition) {
        return Ok(false);
    }
    let (parent, name) = (table.name(), partition.name());
    tx.execute_unprepared(&format!("LOCK TABLE {parent} IN ACCESS EXCLUSIVE MODE")).await?;
    match table {
        Table::Event => {
            let horizon = format!(
                "UPDATE event_horizon SET position = greatest(position, (SELECT coalesce(max(position), 0) FROM {name}))"
            );
            tx.execute_unprepared(&horizon).await?;
        }
        Table::WebhookAttempt => {}
        Table::UsagePayload | Table::UsageRecord | Table::UsageHour | Table::UsageCustomerDay => {
            let any = Statement::from_string(DbBackend::Postgres, format!("SELECT 1 FROM {name} LIMIT 1"));
            if tx.query_one_raw(any).await?.is_some() {
                return Ok(false);
            }
        }
    }
    tx.execute_unprepared(&format!("ALTER TABLE {parent} DETACH PARTITION {name}; DROP TABLE {name}")).await?;
    Ok(true)
}

/// Keeps others from making or dropping months of the table until the transaction ends.
async fn hold(tx: &Transaction, table: Table) -> Result<(), StoreError> {
    tx.execute_unprepared(LIMITS).await?;
    let sql = "SELECT pg_advisory_xact_lock($1, hashtext($2))";
    let values = [CLASS.into(), table.name().into()];
    tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    Ok(())
}

/// The months that are there.
async fn existing(db: &impl Db) -> Result<Vec<Partition>, StoreError> {
    let sql = "SELECT CAST(month.relname AS text) FROM pg_inherits
               JOIN pg_class AS month ON month.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
               WHERE parent.relkind = 'p' AND parent.relnamespace = CAST(current_schema() AS regnamespace)
               AND parent.relname = ANY(CAST($1 AS text[]))";
    let tables = unnest::array(Table::ALL.map(|table| Value::from(table.name())))?;
    let rows = db.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [tables])).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let name: String = row.try_get_by_index(0)?;
        found.extend(Partition::of_name(&name));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::UsageRecordId;

    #[test]
    fn a_month_of_ids_begins_with_the_first_and_ends_before_the_next() {
        let month = Month::parse("month", "2026-11").unwrap();
        let bound = |month| uuid::Uuid::parse_str(&Table::UsageRecord.bound(month)).unwrap();
        let id = |at: &str| UsageRecordId::generate(at.parse().unwrap()).uuid();
        assert!(id("2026-10-31T23:59:59.999Z") < bound(month));
        assert!(bound(month) <= id("2026-11-01T00:00:00Z"));
        assert!(id("2026-11-30T23:59:59.999Z") < bound(month.next()));
    }

    #[test]
    fn a_partition_is_known_by_its_name() {
        for table in Table::ALL {
            let partition = Partition { table, month: Month::parse("month", "2027-01").unwrap() };
            assert_eq!(Partition::of_name(&partition.name()), Some(partition));
        }
        assert_eq!(Partition::of_name("usage_record_default"), None);
    }
}
