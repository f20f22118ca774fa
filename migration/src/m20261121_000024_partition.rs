//! On PostgreSQL, the tables that grow without end are kept by the month; SQLite stays as it is.
//!
//! Records, payloads and tries at webhooks are kept by the month of their id, which is the time at which they were written (UUIDv7, RFC 9562,
//! chapter 5.7), so that their primary key stays what it was and whatever is looked up by its id is looked for in one month. Events are kept by
//! their time and counters by their day. What fits no month that there is goes to the table's default partition.
//!
//! No unique index can span the months without naming what tells them apart. The keys of records and payloads therefore move to narrow tables
//! without months; those of events are unique because the counter that they are taken from is held until the transaction ends.
//! No table has a foreign key to any of these.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What tells the months of a table apart.
#[derive(Clone, Copy)]
enum By {
    /// An id that begins with the milliseconds at which it was made.
    Id,
    /// An instant.
    Time(&'static str),
    /// A day.
    Date(&'static str),
}

impl By {
    const fn column(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Time(column) | Self::Date(column) => column,
        }
    }

    /// When a row is from, in UTC and without a zone.
    fn time(self) -> String {
        match self {
            Self::Id => "(to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) \
                         AT TIME ZONE 'UTC')"
                .to_owned(),
            Self::Time(column) => format!("({column} AT TIME ZONE 'UTC')"),
            Self::Date(column) => format!("{column}::timestamp"),
        }
    }

    /// Where the month that begins at `first` begins in the column.
    fn bound(self, first: &str) -> String {
        match self {
            Self::Id => format!(
                "rpad(lpad(to_hex((extract(epoch FROM {first}) * 1000)::bigint), 12, '0'), 32, '0')::uuid::text"
            ),
            Self::Time(_) => format!("to_char({first}, 'YYYY-MM-DD HH24:MI:SS+00')"),
            Self::Date(_) => format!("to_char({first}, 'YYYY-MM-DD')"),
        }
    }
}

struct Table {
    name: &'static str,
    by: By,
    /// The columns of the primary key, without months and with them.
    primary_key: [&'static str; 2],
    /// The unique index that cannot be with months: its name, its columns, and what is unique instead, if anything.
    unique: Option<(&'static str, &'static str, Option<&'static str>)>,
}

const TABLES: [Table; 6] = [
    Table {
        name: "usage_record",
        by: By::Id,
        primary_key: ["id"; 2],
        unique: Some(("usage_record_organisation_id_idempotency_key_key", "organisation_id, idempotency_key", None)),
    },
    Table {
        name: "event",
        by: By::Time("at"),
        primary_key: ["position", "position, at"],
        unique: Some((
            "event_organisation_id_sequence_key",
            "organisation_id, sequence",
            Some("organisation_id, sequence, at"),
        )),
    },
    Table {
        name: "usage_payload",
        by: By::Id,
        primary_key: ["id"; 2],
        unique: Some(("usage_payload_channel_id_sha256_key", "channel_id, sha256", None)),
    },
    Table { name: "webhook_attempt", by: By::Id, primary_key: ["id"; 2], unique: None },
    Table {
        name: "usage_hour",
        by: By::Date("date"),
        primary_key: ["organisation_id, date, hour, kind, resource_type, category, country, channel_id, rate_id"; 2],
        unique: None,
    },
    Table {
        name: "usage_customer_day",
        by: By::Date("date"),
        primary_key: ["organisation_id, date, customer_id"; 2],
        unique: None,
    },
];

/// The keys that no index with months can hold, and the table in which they are.
const KEYS: [(&str, &str); 2] = [
    (
        "CREATE TABLE usage_record_key (
            organisation_id uuid NOT NULL, idempotency_key varchar NOT NULL, usage_record_id uuid NOT NULL,
            PRIMARY KEY (organisation_id, idempotency_key));
         INSERT INTO usage_record_key SELECT organisation_id, idempotency_key, id FROM usage_record",
        "usage_record_key",
    ),
    (
        "CREATE TABLE usage_payload_key (
            channel_id uuid NOT NULL, sha256 bytea NOT NULL, usage_payload_id uuid NOT NULL,
            PRIMARY KEY (channel_id, sha256));
         INSERT INTO usage_payload_key SELECT channel_id, sha256, id FROM usage_payload;
         CREATE INDEX usage_payload_key_usage_payload_id_idx ON usage_payload_key (usage_payload_id)",
        "usage_payload_key",
    ),
];

/// Positions of events that were deleted are not given again, which is why the new sequence goes on where the old one stands.
const POSITIONS: &str = "
    CREATE SEQUENCE event_position_next;
    SELECT setval('event_position_next', nextval(pg_get_serial_sequence('event', 'position')));
    ALTER SEQUENCE event_position_next OWNED BY event_new.position;
    ALTER TABLE event_new ALTER COLUMN position SET DEFAULT nextval('event_position_next')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for (create, _) in KEYS {
            manager.get_connection().execute_unprepared(create).await?;
        }
        for table in &TABLES {
            rebuild(manager, table, true).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for table in &TABLES {
            rebuild(manager, table, false).await?;
        }
        for (_, table) in KEYS {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}

/// Makes the table anew, with months or without, and moves its rows and its indexes there.
async fn rebuild(manager: &SchemaManager<'_>, table: &Table, with_months: bool) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let Table { name, by, primary_key, unique } = table;
    let partitioned = if with_months { format!("PARTITION BY RANGE ({})", by.column()) } else { String::new() };
    db.execute_unprepared(&format!(
        "LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE;
         CREATE TABLE {name}_new (LIKE {name} INCLUDING CONSTRAINTS) {partitioned}"
    ))
    .await?;
    if *name == "event" {
        let sequence = if with_months {
            POSITIONS.to_owned()
        } else {
            POSITIONS.replace("event_position_next", "event_position_seq")
        };
        db.execute_unprepared(&sequence).await?;
    }
    if with_months {
        for (month, from, to) in months(manager, table).await? {
            db.execute_unprepared(&format!(
                "CREATE TABLE {name}_{month} PARTITION OF {name}_new FOR VALUES FROM ('{from}') TO ('{to}')"
            ))
            .await?;
        }
        db.execute_unprepared(&format!("CREATE TABLE {name}_default PARTITION OF {name}_new DEFAULT")).await?;
    }
    let indexes = indexes(manager, table).await?;
    db.execute_unprepared(&format!(
        "INSERT INTO {name}_new SELECT * FROM {name}; DROP TABLE {name}; ALTER TABLE {name}_new RENAME TO {name};
         ALTER TABLE {name} ADD CONSTRAINT {name}_pkey PRIMARY KEY ({})",
        primary_key[usize::from(with_months)]
    ))
    .await?;
    for index in indexes {
        db.execute_unprepared(&index).await?;
    }
    if let Some((index, columns, instead)) = unique
        && let Some(columns) = if with_months { *instead } else { Some(*columns) }
    {
        db.execute_unprepared(&format!("CREATE UNIQUE INDEX {index} ON {name} ({columns})")).await?;
    }
    db.execute_unprepared(&format!("ANALYZE {name}")).await?;
    Ok(())
}

/// The months of the rows that there are, and this one with the next three: how their partitions are called, and from where to where they go.
/// Months before 2020 or after these are mistakes of somebody's clock, and are left to the default partition.
async fn months(manager: &SchemaManager<'_>, table: &Table) -> Result<Vec<(String, String, String)>, DbErr> {
    let (time, from, to) = (table.by.time(), table.by.bound("first"), table.by.bound("(first + interval '1 month')"));
    let sql = format!(
        "WITH months AS (
            SELECT date_trunc('month', {time}) AS first FROM {name}
            UNION SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month' FROM generate_series(0, 3) AS n
        ) SELECT to_char(first, '\"y\"YYYY\"m\"MM'), {from}, {to} FROM months
        WHERE first >= '2020-01-01' AND first < (now() AT TIME ZONE 'UTC') + interval '4 months' ORDER BY first",
        name = table.name
    );
    let rows = manager.get_connection().query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?))).collect()
}

/// The statements that make the table's other indexes.
async fn indexes(manager: &SchemaManager<'_>, table: &Table) -> Result<Vec<String>, DbErr> {
    let sql = format!(
        "SELECT replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
         WHERE schemaname = current_schema() AND tablename = '{name}' AND indexname NOT IN ('{name}_pkey', '{unique}')",
        name = table.name,
        unique = table.unique.map_or("", |(index, ..)| index)
    );
    let rows = manager.get_connection().query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
