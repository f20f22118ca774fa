//! What allowances say, together with the plan and the zone that they stand on: one statement, however many organisations.

use std::collections::{BTreeMap, BTreeSet};

use entity::allowance::{ActiveModel, Column, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{DbBackend, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::domain::allowance::{Counted, EnforcementPolicy, Limit, Rule, Scope, Terms};
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::usage::ResourceType;
use crate::store::row::{self, IDS_MAX, corrupt, read, read_zone};
use crate::store::{Db, StoreError, Transaction};

/// Whether what was read stays as it is until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// On PostgreSQL nobody changes what these organisations may use, while others may read it too.
    Shared,
    /// Or the transaction holds the organisations already.
    No,
}

/// The rules of those of the organisations that exist, as wholes, and of those of `channels` that have an allowance of their own.
pub async fn rules(
    db: &impl Db,
    organisations: &BTreeSet<OrganisationId>,
    channels: &BTreeSet<ChannelId>,
    held: Held,
) -> Result<BTreeMap<Scope, Rule>, StoreError> {
    let backend = db.get_database_backend();
    let lock = match (backend, held) {
        (DbBackend::Postgres, Held::Shared) => "ORDER BY o.id FOR SHARE OF o",
        _ => "",
    };
    let organisations: Vec<_> = organisations.iter().map(|id| id.uuid()).collect();
    let mut scopes = vec![Uuid::nil()];
    scopes.extend(channels.iter().map(|id| id.uuid()));
    let mut rules = BTreeMap::new();
    for scopes in scopes.chunks(IDS_MAX) {
        for organisations in organisations.chunks(IDS_MAX) {
            let (some, all) = (row::places(1, scopes.len()), row::places_from(scopes.len(), organisations.len()));
            let sql = format!(
                "SELECT o.id, o.time_zone, p.daily_limit, p.monthly_limit, a.channel_id, a.daily_own, a.daily_limit, a.monthly_own,
                   a.monthly_limit, a.policy, a.grace_percent, a.kind, a.resource_type
                 FROM organisation o LEFT JOIN plan p ON p.code = o.plan_code
                 LEFT JOIN allowance a ON a.organisation_id = o.id AND a.channel_id IN {some}
                 WHERE o.id IN {all} {lock}"
            );
            let values = scopes.iter().chain(organisations).map(|id| Value::from(*id));
            for row in db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await? {
                let (whole, own) = read_row(&row)?;
                let is_whole = own.as_ref().is_some_and(|own| own.scope == whole.scope);
                if let Some(own) = own {
                    rules.insert(own.scope, own);
                }
                if !is_whole {
                    rules.entry(whole.scope).or_insert(whole);
                }
            }
        }
    }
    Ok(rules)
}

/// What holds for the organisation where nothing was said, and what was said in this row, if it is one.
fn read_row(row: &QueryResult) -> Result<(Rule, Option<Rule>), StoreError> {
    let organisation_id = OrganisationId::from_uuid(row.try_get_by_index(0)?);
    let zone: String = row.try_get_by_index(1)?;
    let whole = Rule {
        scope: Scope::whole(organisation_id),
        zone: read_zone("organisation.time_zone", &zone)?,
        terms: Terms::of_plan(),
        plan: (row.try_get_by_index(2)?, row.try_get_by_index(3)?),
    };
    let Some(channel) = row.try_get_by_index::<Option<Uuid>>(4)? else { return Ok((whole, None)) };
    let limit = |is_own: bool, limit| if is_own { Limit::Own(limit) } else { Limit::Plan };
    let (policy, grace): (String, i16) = (row.try_get_by_index(9)?, row.try_get_by_index(10)?);
    let (kind, resource_type): (String, String) = (row.try_get_by_index(11)?, row.try_get_by_index(12)?);
    let terms = Terms {
        daily: limit(row.try_get_by_index(5)?, row.try_get_by_index(6)?),
        monthly: limit(row.try_get_by_index(7)?, row.try_get_by_index(8)?),
        policy: read("allowance.policy", &policy, EnforcementPolicy::from_code)?,
        grace_percent: u8::try_from(grace).map_err(|_| corrupt("allowance.grace_percent", grace))?,
        counted: Counted {
            kind: read("allowance.kind", &kind, ChannelKind::from_code)?,
            resource_type: read("allowance.resource_type", &resource_type, ResourceType::from_code)?,
        },
    };
    let scope = Scope { organisation_id, channel_id: channel_of(channel) };
    let own = Rule { scope, terms, ..whole.clone() };
    Ok((whole, Some(own)))
}

/// Nil stands for the organisation as a whole.
pub(super) fn channel_of(id: Uuid) -> Option<ChannelId> {
    (!id.is_nil()).then(|| ChannelId::from_uuid(id))
}

/// The reverse.
pub(super) fn channel_column(scope: Scope) -> Uuid {
    scope.channel_id.map_or(Uuid::nil(), ChannelId::uuid)
}

/// Says what an allowance is from now on.
pub async fn put(tx: &Transaction, scope: Scope, terms: &Terms, now: Instant) -> Result<(), StoreError> {
    let own = |limit| match limit {
        Limit::Plan => (false, None),
        Limit::Own(limit) => (true, limit),
    };
    let ((daily_own, daily_limit), (monthly_own, monthly_limit)) = (own(terms.daily), own(terms.monthly));
    let row = Model {
        organisation_id: scope.organisation_id.uuid(),
        channel_id: channel_column(scope),
        daily_own,
        daily_limit,
        monthly_own,
        monthly_limit,
        policy: terms.policy.code().to_owned(),
        grace_percent: i16::from(terms.grace_percent),
        kind: terms.counted.kind.code().to_owned(),
        resource_type: terms.counted.resource_type.code().to_owned(),
        updated_at: now,
    };
    let mut overwrite = OnConflict::columns([Column::OrganisationId, Column::ChannelId]);
    overwrite.update_columns([
        Column::DailyOwn,
        Column::DailyLimit,
        Column::MonthlyOwn,
        Column::MonthlyLimit,
        Column::Policy,
        Column::GracePercent,
        Column::Kind,
        Column::ResourceType,
        Column::UpdatedAt,
    ]);
    row::insert::<_, ActiveModel>(tx, vec![row], Some(overwrite)).await?;
    Ok(())
}
