//! Job runs in the database, with their outcomes per channel.

use std::collections::HashMap;

use entity::job_run::{ActiveModel, Column, Entity, Model};
use entity::job_run_channel as outcome;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, Order, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    Statement, Value,
};
use uuid::Uuid;

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, IDS_MAX, corrupt, read, read_all, read_range};
use super::{Db, StoreError};
use crate::domain::bootstrap::Bootstrap;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, CustomerId, JobRunId, OrganisationId, ScheduleId};
use crate::domain::job::{ChannelOutcome, JobKind, JobRun, JobRunState, JobSubject, JobTrigger, Progress};
use crate::domain::page::{Page, PageRequest};
use crate::domain::shard::{Shard, Term};

/// Which runs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub organisation: Option<OrganisationId>,
    pub kind: Option<JobKind>,
    pub states: Option<Vec<JobRunState>>,
}

/// Adds runs; one whose schedule has a run for the same time is left out. How many were added.
pub async fn insert_many(db: &impl Db, runs: &[JobRun], epoch: i64, now: Instant) -> Result<u64, StoreError> {
    insert_under(db, runs, |_| epoch, now).await
}

/// The same, each run under its organisation's own epoch.
pub async fn insert_under(
    db: &impl Db,
    runs: &[JobRun],
    epoch: impl Fn(OrganisationId) -> i64,
    now: Instant,
) -> Result<u64, StoreError> {
    let on_conflict = OnConflict::columns([Column::ScheduleId, Column::ScheduledFor]).do_nothing().to_owned();
    let rows = runs.iter().map(|run| to_row(run, epoch(run.organisation_id), now));
    row::insert::<_, ActiveModel>(db, rows.collect(), Some(on_conflict)).await
}

/// Writes runs over those with their ids, or adds them. Each id at most once.
pub async fn save_many(db: &impl Db, runs: &[JobRun], epoch: i64, now: Instant) -> Result<(), StoreError> {
    save_under(db, runs, |_| epoch, now).await
}

/// The same, each run under its organisation's own epoch.
pub async fn save_under(
    db: &impl Db,
    runs: &[JobRun],
    epoch: impl Fn(OrganisationId) -> i64,
    now: Instant,
) -> Result<(), StoreError> {
    let on_conflict = OnConflict::column(Column::Id)
        .update_columns([
            Column::Trigger,
            Column::State,
            Column::StartedAt,
            Column::FinishedAt,
            Column::Attempt,
            Column::MaxAttempts,
            Column::NextAttemptAt,
            Column::Error,
            Column::RangeFrom,
            Column::RangeTo,
            Column::ProgressDone,
            Column::ProgressTotal,
            Column::Result,
            Column::CancelRequested,
            Column::Epoch,
            Column::UpdatedAt,
        ])
        .to_owned();
    let rows = runs.iter().map(|run| to_row(run, epoch(run.organisation_id), now));
    row::insert::<_, ActiveModel>(db, rows.collect(), Some(on_conflict)).await?;
    Ok(())
}

/// The run with this id, whosever it is.
pub async fn find(db: &impl Db, id: JobRunId) -> Result<Option<JobRun>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// Those of the ids that exist, whosever they are, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[JobRunId]) -> Result<Vec<JobRun>, StoreError> {
    read_all(row::select_in(db, Entity::find(), Column::Id, ids.iter().map(|id| id.uuid()).collect()).await?, from_row)
}

/// The runs of these organisations that are queued, retrying or running, by the time they were due.
pub async fn unfinished(db: &impl Db, organisations: &[OrganisationId]) -> Result<Vec<JobRun>, StoreError> {
    let mut runs = read_all(of(db, in_states(&UNFINISHED), organisations).await?, from_row)?;
    runs.sort_unstable_by_key(|run| (run.scheduled_for, run.id));
    Ok(runs)
}

/// The runs of these organisations that run and shall stop.
pub async fn cancel_requested(db: &impl Db, organisations: &[OrganisationId]) -> Result<Vec<JobRunId>, StoreError> {
    let query = in_states(&[JobRunState::Running]).filter(Column::CancelRequested.eq(true));
    let rows = of(db, query, organisations).await?;
    Ok(rows.into_iter().map(|row| JobRunId::from_uuid(row.id)).collect())
}

/// Marks a running run as one to be cancelled. False, and nothing done, unless it runs.
pub async fn request_cancel(
    db: &impl Db,
    organisation: OrganisationId,
    id: JobRunId,
    now: Instant,
) -> Result<bool, StoreError> {
    let written = Entity::update_many()
        .col_expr(Column::CancelRequested, Expr::value(true))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::State.eq(JobRunState::Running.code()))
        .exec(db)
        .await?;
    Ok(written.rows_affected > 0)
}

/// That it is this run, and runs under this epoch.
fn runs_under(organisation: OrganisationId, id: JobRunId, epoch: i64) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.uuid()))
        .add(Column::OrganisationId.eq(organisation.uuid()))
        .add(Column::State.eq(JobRunState::Running.code()))
        .add(Column::Epoch.eq(epoch))
}

/// Writes how far a run has come. False, and nothing done, unless it runs under this epoch.
pub async fn set_progress(
    db: &impl Db,
    organisation: OrganisationId,
    id: JobRunId,
    epoch: i64,
    progress: Progress,
    now: Instant,
) -> Result<bool, StoreError> {
    let written = Entity::update_many()
        .col_expr(Column::ProgressDone, Expr::value(progress.done))
        .col_expr(Column::ProgressTotal, Expr::value(progress.total))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(runs_under(organisation, id, epoch))
        .exec(db)
        .await?;
    Ok(written.rows_affected > 0)
}

/// Writes what a run has warmed. False, and nothing done, unless it runs under this epoch.
pub async fn set_bootstrap(
    db: &impl Db,
    organisation: OrganisationId,
    id: JobRunId,
    epoch: i64,
    bootstrap: &Bootstrap,
    now: Instant,
) -> Result<bool, StoreError> {
    let written = Entity::update_many()
        .col_expr(Column::Result, Expr::value(written_result(bootstrap)))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(runs_under(organisation, id, epoch))
        .exec(db)
        .await?;
    Ok(written.rows_affected > 0)
}

/// The newest run of the kind for a customer of the organisation that was due at `since` or later.
pub async fn last_of_customer(
    db: &impl Db,
    organisation: OrganisationId,
    customer: CustomerId,
    kind: JobKind,
    since: Instant,
) -> Result<Option<JobRun>, StoreError> {
    let query = Entity::find()
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Kind.eq(kind.code()))
        .filter(Column::ScheduledFor.gte(since))
        .order_by_desc(Column::Id);
    query.one(db).await?.map(from_row).transpose()
}

/// Writes how a run went for channels, over what was written before. Each channel at most once.
pub async fn save_outcomes(
    db: &impl Db,
    organisation: OrganisationId,
    run: JobRunId,
    outcomes: &[ChannelOutcome],
) -> Result<(), StoreError> {
    let rows = outcomes.iter().map(|outcome| outcome::Model {
        job_run_id: run.uuid(),
        channel_id: outcome.channel_id.uuid(),
        organisation_id: organisation.uuid(),
        succeeded: outcome.succeeded,
        days: outcome.days,
        error: outcome.error.clone(),
    });
    let rows = rows.collect();
    let on_conflict = OnConflict::columns([outcome::Column::JobRunId, outcome::Column::ChannelId])
        .update_columns([outcome::Column::Succeeded, outcome::Column::Days, outcome::Column::Error])
        .to_owned();
    row::insert::<_, outcome::ActiveModel>(db, rows, Some(on_conflict)).await?;
    Ok(())
}

/// How runs went for their channels, by channel. A run without any is absent.
pub async fn outcomes(db: &impl Db, runs: &[JobRunId]) -> Result<HashMap<JobRunId, Vec<ChannelOutcome>>, StoreError> {
    let query = outcome::Entity::find().order_by_asc(outcome::Column::ChannelId);
    let rows = row::select_in(db, query, outcome::Column::JobRunId, runs.iter().map(|id| id.uuid()).collect()).await?;
    let mut outcomes: HashMap<JobRunId, Vec<ChannelOutcome>> = HashMap::new();
    for row in rows {
        outcomes.entry(JobRunId::from_uuid(row.job_run_id)).or_default().push(ChannelOutcome {
            channel_id: ChannelId::from_uuid(row.channel_id),
            succeeded: row.succeeded,
            days: row.days,
            error: row.error,
        });
    }
    Ok(outcomes)
}

/// The newest run of each schedule. A schedule that never ran is absent.
pub async fn last_of_schedules(
    db: &impl Db,
    schedules: &[ScheduleId],
) -> Result<HashMap<ScheduleId, JobRun>, StoreError> {
    let mut last = HashMap::new();
    for batch in schedules.chunks(IDS_MAX) {
        // One look into the index of (schedule_id, scheduled_for) for each schedule, however many runs it has.
        let newest = "SELECT (SELECT run.id FROM job_run AS run WHERE run.schedule_id = schedule.id \
                      ORDER BY run.scheduled_for DESC LIMIT 1) FROM schedule WHERE schedule.id";
        let places: Vec<String> = (1..=batch.len()).map(|place| format!("${place}")).collect();
        let sql = format!("SELECT * FROM job_run WHERE id IN ({newest} IN ({}))", places.join(", "));
        let values = batch.iter().map(|id| Value::from(id.uuid()));
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        for row in Entity::find().from_raw_sql(statement).all(db).await? {
            let run = from_row(row)?;
            last.extend(run.schedule_id.map(|schedule| (schedule, run)));
        }
    }
    Ok(last)
}

/// A page of runs, newest first.
pub async fn page(db: &impl Db, filter: &Filter, request: &PageRequest<JobRunId>) -> Result<Page<JobRun>, StoreError> {
    let mut query = filter.states.as_deref().map_or_else(Entity::find, in_states);
    if let Some(organisation) = filter.organisation {
        query = query.filter(Column::OrganisationId.eq(organisation.uuid()));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(Column::Kind.eq(kind.code()));
    }
    let keyset = Keyset { columns: [Column::Id], descending: true };
    keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?.try_map(from_row)
}

/// How many runs are queued, running, retrying and failed; a state without any is absent.
pub async fn count_by_state(db: &impl Db) -> Result<Vec<(JobRunState, i64)>, StoreError> {
    let counted = [JobRunState::Queued, JobRunState::Running, JobRunState::Retrying, JobRunState::Failed];
    let query = in_states(&counted).select_only().column(Column::State).column_as(Column::Id.count(), "runs");
    let rows: Vec<(String, i64)> = query.group_by(Column::State).into_tuple().all(db).await?;
    read_all(rows, |(state, runs)| Ok((read("job_run.state", &state, JobRunState::from_code)?, runs)))
}

/// Runs that were left running in these shards under an earlier epoch than that of the term.
pub async fn left_running(db: &impl Db, terms: &[Term]) -> Result<Vec<JobRun>, StoreError> {
    let epochs: HashMap<Shard, i64> = terms.iter().map(|term| (term.shard, term.epoch.0)).collect();
    let rows = in_states(&[JobRunState::Running]).order_by_asc(Column::Id).all(db).await?;
    let left = rows.into_iter().filter(|row| {
        let epoch = epochs.get(&Shard::of(OrganisationId::from_uuid(row.organisation_id)));
        epoch.is_some_and(|epoch| row.epoch < *epoch)
    });
    read_all(left, from_row)
}

/// Calls `visit` with the time of every run that waits in these shards: when a queued one was due, when a retrying one is tried again. A
/// portion of rows at a time, in no particular order.
pub async fn for_each_waiting(
    db: &impl Db,
    shards: &[Shard],
    mut visit: impl FnMut(OrganisationId, Instant),
) -> Result<(), StoreError> {
    let held = row::held_by_id("organisation_id", shards);
    for (state, time) in
        [(JobRunState::Queued, "scheduled_for"), (JobRunState::Retrying, "COALESCE(next_attempt_at, scheduled_for)")]
    {
        let sql = format!(
            "SELECT organisation_id, id, {time} FROM job_run \
             WHERE state = $1 AND (organisation_id, id) > ($2, $3) AND {held} \
             ORDER BY organisation_id, id LIMIT $4"
        );
        let mut last = (Uuid::nil(), Uuid::nil());
        loop {
            let values: [Value; 4] = [state.code().into(), last.0.into(), last.1.into(), PORTION.into()];
            let statement = Statement::from_sql_and_values(db.get_database_backend(), &sql, values);
            let rows = db.query_all_raw(statement).await?;
            let Some(newest) = rows.last() else { break };
            last = (newest.try_get_by_index(0)?, newest.try_get_by_index(1)?);
            for row in rows {
                visit(OrganisationId::from_uuid(row.try_get_by_index(0)?), row.try_get_by_index(2)?);
            }
        }
    }
    Ok(())
}

/// Removes runs of the organisation in these states that finished before `before`, with their outcomes, the oldest
/// first; at most `limit`. How many were removed. To be called in a transaction.
pub async fn delete_finished(
    db: &impl Db,
    organisation: OrganisationId,
    states: &[JobRunState],
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    let query = in_states(states)
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::FinishedAt.lt(before))
        .order_by(Column::FinishedAt, Order::Asc)
        .limit(limit);
    let ids: Vec<Uuid> = query.select_only().column(Column::Id).into_tuple().all(db).await?;
    let mut removed = 0;
    for batch in ids.chunks(IDS_MAX) {
        let batch = || batch.iter().copied();
        outcome::Entity::delete_many().filter(outcome::Column::JobRunId.is_in(batch())).exec(db).await?;
        removed += Entity::delete_many().filter(Column::Id.is_in(batch())).exec(db).await?.rows_affected;
    }
    Ok(removed)
}

/// How many rows are in memory at once when all are visited.
const PORTION: i64 = 5_000;

/// The states from which a run goes on by itself.
const UNFINISHED: [JobRunState; 3] = [JobRunState::Queued, JobRunState::Retrying, JobRunState::Running];

fn in_states(states: &[JobRunState]) -> Select<Entity> {
    Entity::find().filter(Column::State.is_in(states.iter().map(|state| state.code())))
}

async fn of(db: &impl Db, query: Select<Entity>, organisations: &[OrganisationId]) -> Result<Vec<Model>, StoreError> {
    row::select_in(db, query, Column::OrganisationId, organisations.iter().map(|id| id.uuid()).collect()).await
}

fn to_row(run: &JobRun, epoch: i64, now: Instant) -> Model {
    Model {
        id: run.id.uuid(),
        organisation_id: run.organisation_id.uuid(),
        schedule_id: run.schedule_id.map(ScheduleId::uuid),
        kind: run.kind.code().to_owned(),
        subject: run.subject.map(|subject| subject.code().to_owned()),
        customer_id: run.customer_id.map(CustomerId::uuid),
        trigger: run.trigger.code().to_owned(),
        state: run.state.code().to_owned(),
        scheduled_for: run.scheduled_for,
        started_at: run.started_at,
        finished_at: run.finished_at,
        attempt: run.attempt,
        max_attempts: run.max_attempts,
        next_attempt_at: run.next_attempt_at,
        error: run.error.clone(),
        range_from: run.range.map(|range| range.from()),
        range_to: run.range.map(|range| range.to()),
        progress_done: run.progress.map(|progress| progress.done),
        progress_total: run.progress.map(|progress| progress.total),
        result: run.bootstrap.as_ref().and_then(written_result),
        cancel_requested: run.cancel_requested,
        epoch,
        created_at: now,
        updated_at: now,
    }
}

/// Numbers and times alone: none that JSON cannot say.
fn written_result(bootstrap: &Bootstrap) -> Option<String> {
    serde_json::to_string(bootstrap).ok()
}

fn from_row(row: Model) -> Result<JobRun, StoreError> {
    let range = match (row.range_from, row.range_to) {
        (None, None) => None,
        (Some(from), Some(to)) => Some(read_range("job_run.range_from", from, to)?),
        (Some(_), None) | (None, Some(_)) => return Err(corrupt("job_run.range_from", "half of a range")),
    };
    let subject = row.subject.as_deref().map(|code| read("job_run.subject", code, JobSubject::from_code));
    let bootstrap =
        row.result.as_deref().map(|text| read("job_run.result", text, |text| serde_json::from_str(text).ok()));
    let progress = row.progress_done.zip(row.progress_total).map(|(done, total)| Progress { done, total });
    Ok(JobRun {
        id: JobRunId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        schedule_id: row.schedule_id.map(ScheduleId::from_uuid),
        kind: read("job_run.kind", &row.kind, JobKind::from_code)?,
        subject: subject.transpose()?,
        customer_id: row.customer_id.map(CustomerId::from_uuid),
        trigger: read("job_run.trigger", &row.trigger, JobTrigger::from_code)?,
        state: read("job_run.state", &row.state, JobRunState::from_code)?,
        scheduled_for: row.scheduled_for,
        started_at: row.started_at,
        finished_at: row.finished_at,
        attempt: row.attempt,
        max_attempts: row.max_attempts,
        next_attempt_at: row.next_attempt_at,
        error: row.error,
        range,
        progress,
        bootstrap: bootstrap.transpose()?,
        cancel_requested: row.cancel_requested,
    })
}
