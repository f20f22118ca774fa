//! Nodes that share the work: the shard of every organisation, a lease for every shard, and the nodes with what they say of themselves.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, integer, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::create_index;

/// Into how many shards the organisations are divided.
const SHARDS: i32 = 1_024;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut shard = integer("shard");
        shard.default(0);
        manager.alter_table(Table::alter().table("organisation").add_column(shard).to_owned()).await?;
        let db = manager.get_connection();
        db.execute_unprepared(&format!("UPDATE organisation SET shard = {}", last_ten_bits(manager))).await?;
        create_index(manager, "organisation", &["shard", "id"]).await?;

        let earlier = "lease_of_one";
        manager.rename_table(Table::rename().table("lease", earlier).to_owned()).await?;
        let lease = Table::create()
            .table("lease")
            .col(integer("shard").primary_key())
            .col(uuid_null("owner"))
            .col(big_integer("epoch"))
            .col(timestamp_with_time_zone_null("expires_at"))
            .to_owned();
        manager.create_table(lease).await?;
        // Whatever ran before did so under an epoch that is not newer, so whoever takes a shard next finds it older.
        let fill = format!(
            "WITH RECURSIVE every (shard) AS (SELECT 0 UNION ALL SELECT shard + 1 FROM every WHERE shard < {}) \
             INSERT INTO lease (shard, epoch) \
             SELECT shard, COALESCE((SELECT MAX(epoch) FROM {earlier}), 0) FROM every",
            SHARDS - 1
        );
        db.execute_unprepared(&fill).await?;
        manager.drop_table(Table::drop().table(earlier).to_owned()).await?;

        let node = Table::create()
            .table("node")
            .col(uuid("id").primary_key())
            .col(text("name"))
            .col(timestamp_with_time_zone("started_at"))
            .col(timestamp_with_time_zone("seen_at"))
            .col(boolean("draining"))
            .col(text("report"))
            .to_owned();
        manager.create_table(node).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("node").to_owned()).await?;
        let later = "lease_of_shards";
        manager.rename_table(Table::rename().table("lease", later).to_owned()).await?;
        let lease = Table::create()
            .table("lease")
            .col(integer("shard").primary_key())
            .col(text("owner"))
            .col(big_integer("epoch"))
            .col(timestamp_with_time_zone("renewed_at"))
            .to_owned();
        manager.create_table(lease).await?;
        let db = manager.get_connection();
        let fill = format!(
            "INSERT INTO lease (shard, owner, epoch, renewed_at) \
             SELECT 0, '', MAX(epoch), '1970-01-01T00:00:00+00:00' FROM {later} HAVING MAX(epoch) > 0"
        );
        db.execute_unprepared(&fill).await?;
        manager.drop_table(Table::drop().table(later).to_owned()).await?;
        manager.drop_index(Index::drop().name("organisation_shard_id_idx").table("organisation").to_owned()).await?;
        manager.alter_table(Table::alter().table("organisation").drop_column("shard").to_owned()).await
    }
}

/// The last ten bits of an organisation's id, as a number.
fn last_ten_bits(manager: &SchemaManager<'_>) -> String {
    if manager.get_database_backend() == DbBackend::Sqlite {
        // No function reads hexadecimal digits there: each is looked up among all of them. Ids are kept as 16 bytes.
        let digit = |place: i32| format!("(instr('0123456789ABCDEF', substr(hex(id), {place}, 1)) - 1)");
        return format!("({} * 256 + {} * 16 + {}) % {SHARDS}", digit(30), digit(31), digit(32));
    }
    let byte = |place: i32| format!("get_byte(uuid_send(id), {place})");
    format!("({} * 256 + {}) % {SHARDS}", byte(14), byte(15))
}
