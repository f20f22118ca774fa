//! Job runs: once for a schedule and a time, fenced progress, and what is left to do.

use wabacus::domain::bootstrap::{Bootstrap, Warmed};
use wabacus::domain::id::{ChannelId, CustomerId, OrganisationId, ScheduleId};
use wabacus::domain::job::{ChannelOutcome, JobKind, JobRun, JobRunState, JobTrigger, Progress};
use wabacus::domain::page::PageRequest;
use wabacus::domain::shard::{Epoch, Shard, Term};
use wabacus::store;
use wabacus::store::job_run::Filter;

use crate::harness::{Database, stories, write};
use crate::sample::{every_shard, hour, now, organisation, range, run, schedule};

stories! {
    a_schedule_runs_once_for_a_time,
    a_run_reads_back_with_every_change,
    what_is_left_to_do_comes_in_the_order_it_was_due,
    progress_is_written_by_the_holder_of_the_epoch_only,
    what_was_warmed_is_written_by_the_holder_of_the_epoch_only,
    the_newest_run_for_a_customer_is_found,
    a_running_run_can_be_asked_to_stop,
    outcomes_are_kept_for_each_channel,
    the_newest_run_of_each_schedule_is_found,
    runs_come_newest_first_in_pages,
    states_are_counted,
    runs_of_an_earlier_epoch_are_found,
    every_waiting_run_is_visited,
    finished_runs_are_removed_with_their_outcomes,
}

async fn insert(database: &Database, runs: &[JobRun]) -> u64 {
    write!(database, |tx| store::job_run::insert_many(&tx, runs, 1, now())).unwrap()
}

async fn find(database: &Database, run: &JobRun) -> Option<JobRun> {
    store::job_run::find(database.store.read(), run.id).await.unwrap()
}

fn finished(organisation: OrganisationId, state: JobRunState, at: i64) -> JobRun {
    let mut run = run(organisation, state, hour(at - 1));
    run.finished_at = Some(hour(at));
    run
}

async fn a_schedule_runs_once_for_a_time(database: &Database) {
    let ours = organisation("ours").id;
    let mut first = run(ours, JobRunState::Queued, hour(1));
    first.schedule_id = Some(ScheduleId::generate(now()));
    let again = JobRun { id: run(ours, JobRunState::Queued, hour(1)).id, ..first.clone() };
    let mut later = again.clone();
    later.scheduled_for = hour(2);
    assert_eq!(insert(database, std::slice::from_ref(&first)).await, 1);
    assert_eq!(insert(database, std::slice::from_ref(&again)).await, 0);
    assert_eq!(insert(database, &[again.clone(), later.clone()]).await, 1);
    assert_eq!(find(database, &first).await, Some(first));
    assert_eq!(find(database, &again).await, Some(later));
    let by_hand = [run(ours, JobRunState::Queued, hour(1)), run(ours, JobRunState::Queued, hour(1))];
    assert_eq!(insert(database, &by_hand).await, 2, "runs without a schedule do not stand in each other's way");
}

async fn a_run_reads_back_with_every_change(database: &Database) {
    let ours = organisation("ours").id;
    let mut run = run(ours, JobRunState::Queued, hour(1));
    run.kind = JobKind::Backfill;
    insert(database, std::slice::from_ref(&run)).await;
    assert_eq!(find(database, &run).await, Some(run.clone()));
    run.state = JobRunState::Retrying;
    run.trigger = JobTrigger::Retry;
    run.started_at = Some(hour(1));
    run.finished_at = Some(hour(2));
    run.attempt = 3;
    run.max_attempts = 9;
    run.next_attempt_at = Some(hour(3));
    run.error = Some("the BSP was silent\nfor a minute".to_owned());
    run.range = Some(range("2026-06-01", "2026-06-03"));
    run.progress = Some(Progress { done: 3, total: i64::MAX });
    run.cancel_requested = true;
    let unknown = crate::sample::run(ours, JobRunState::Queued, hour(1));
    let both = [run.clone(), unknown.clone()];
    write!(database, |tx| store::job_run::save_many(&tx, &both, 2, hour(1))).unwrap();
    let mut found = store::job_run::find_many(database.store.read(), &[unknown.id, run.id]).await.unwrap();
    found.sort_by_key(|run| run.id);
    assert_eq!(found, both);
}

async fn what_is_left_to_do_comes_in_the_order_it_was_due(database: &Database) {
    let (ours, theirs, other) = (organisation("ours").id, organisation("theirs").id, organisation("other").id);
    let queued = run(ours, JobRunState::Queued, hour(3));
    let running = run(theirs, JobRunState::Running, hour(1));
    let retrying = run(ours, JobRunState::Retrying, hour(2));
    let mut all = vec![queued.clone(), running.clone(), retrying.clone(), run(other, JobRunState::Queued, hour(1))];
    all.extend(JobRunState::ALL.iter().filter(|state| state.is_final()).map(|state| run(ours, *state, hour(1))));
    insert(database, &all).await;
    let unfinished = store::job_run::unfinished(database.store.read(), &[ours, theirs]).await.unwrap();
    assert_eq!(unfinished, [running, retrying, queued]);
    assert_eq!(store::job_run::unfinished(database.store.read(), &[]).await.unwrap(), []);
}

async fn progress_is_written_by_the_holder_of_the_epoch_only(database: &Database) {
    let ours = organisation("ours").id;
    let (mut running, queued) = (run(ours, JobRunState::Running, hour(1)), run(ours, JobRunState::Queued, hour(1)));
    insert(database, &[running.clone(), queued.clone()]).await;
    let set = async |run: &JobRun, of: OrganisationId, epoch: i64, done: i64| {
        let progress = Progress { done, total: 30 };
        write!(database, |tx| store::job_run::set_progress(&tx, of, run.id, epoch, progress, now())).unwrap()
    };
    assert!(set(&running, ours, 1, 7).await);
    assert!(!set(&running, ours, 2, 8).await, "another epoch");
    assert!(!set(&running, organisation("theirs").id, 1, 8).await, "another organisation");
    assert!(!set(&queued, ours, 1, 8).await, "not running");
    running.progress = Some(Progress { done: 7, total: 30 });
    assert_eq!(find(database, &running).await, Some(running));
    assert_eq!(find(database, &queued).await, Some(queued));
}

async fn what_was_warmed_is_written_by_the_holder_of_the_epoch_only(database: &Database) {
    let ours = organisation("ours").id;
    let mut running = run(ours, JobRunState::Running, hour(1));
    running.customer_id = Some(CustomerId::generate(now()));
    insert(database, std::slice::from_ref(&running)).await;
    let half = Bootstrap { branches: Some(Warmed { items: i64::MAX, at: hour(1) }), ..Bootstrap::default() };
    let set = async |epoch: i64, bootstrap: &Bootstrap| {
        write!(database, |tx| store::job_run::set_bootstrap(&tx, ours, running.id, epoch, bootstrap, now())).unwrap()
    };
    assert!(set(1, &half).await);
    assert!(!set(2, &Bootstrap::default()).await, "another epoch");
    let mut warmed = running.clone();
    warmed.bootstrap = Some(half);
    assert_eq!(find(database, &running).await, Some(warmed.clone()));
    warmed.state = JobRunState::Partial;
    let saved = [warmed.clone()];
    write!(database, |tx| store::job_run::save_many(&tx, &saved, 1, now())).unwrap();
    assert_eq!(find(database, &running).await, Some(warmed));
}

async fn the_newest_run_for_a_customer_is_found(database: &Database) {
    let (ours, theirs) = (organisation("ours").id, organisation("theirs").id);
    let [asha, bima] = [(); 2].map(|()| CustomerId::generate(now()));
    let of = |organisation, customer, at| {
        let mut run = run(organisation, JobRunState::Succeeded, hour(at));
        run.kind = JobKind::WelcomeBootstrap;
        run.customer_id = Some(customer);
        run
    };
    let runs = [of(ours, asha, 1), of(ours, asha, 2), of(theirs, asha, 3), of(ours, bima, 3)];
    insert(database, &runs).await;
    let last = async |customer, kind, since| {
        let read = database.store.read();
        store::job_run::last_of_customer(read, ours, customer, kind, hour(since)).await.unwrap()
    };
    assert_eq!(last(asha, JobKind::WelcomeBootstrap, 2).await, Some(runs[1].clone()));
    assert_eq!(last(asha, JobKind::WelcomeBootstrap, 3).await, None, "too long ago");
    assert_eq!(last(asha, JobKind::Backfill, 1).await, None);
    assert_eq!(last(bima, JobKind::WelcomeBootstrap, 1).await, Some(runs[3].clone()));
}

async fn a_running_run_can_be_asked_to_stop(database: &Database) {
    let ours = organisation("ours").id;
    let (running, queued) = (run(ours, JobRunState::Running, hour(1)), run(ours, JobRunState::Queued, hour(1)));
    insert(database, &[running.clone(), queued.clone()]).await;
    let ask =
        async |run: &JobRun| write!(database, |tx| store::job_run::request_cancel(&tx, ours, run.id, now())).unwrap();
    assert!(ask(&running).await);
    assert!(!ask(&queued).await);
    let asked = store::job_run::cancel_requested(database.store.read(), &[ours]).await.unwrap();
    assert_eq!(asked, [running.id]);
    assert_eq!(store::job_run::cancel_requested(database.store.read(), &[organisation("x").id]).await.unwrap(), []);
}

async fn outcomes_are_kept_for_each_channel(database: &Database) {
    let ours = organisation("ours").id;
    let runs = [run(ours, JobRunState::Running, hour(1)), run(ours, JobRunState::Running, hour(1))];
    insert(database, &runs).await;
    let outcome = |succeeded: bool, error: Option<&str>| ChannelOutcome {
        channel_id: ChannelId::generate(now()),
        succeeded,
        days: 3,
        error: error.map(str::to_owned),
    };
    let mut outcomes = [outcome(true, None), outcome(false, Some("the token expired"))];
    let save = async |outcomes: &[ChannelOutcome]| {
        write!(database, |tx| store::job_run::save_outcomes(&tx, ours, runs[0].id, outcomes)).unwrap();
    };
    save(&outcomes).await;
    outcomes[1].succeeded = true;
    outcomes[1].error = None;
    save(&outcomes[1..]).await;
    let found = store::job_run::outcomes(database.store.read(), &[runs[0].id, runs[1].id]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[&runs[0].id], outcomes);
}

async fn the_newest_run_of_each_schedule_is_found(database: &Database) {
    let ours = crate::sample::stored_organisation(database, "ours").await.id;
    let schedules = [
        schedule(ours, JobKind::DailyUsage, Some(hour(1))),
        schedule(ours, JobKind::Retention, Some(hour(1))),
        schedule(ours, JobKind::InvoiceClose, Some(hour(1))),
    ];
    write!(database, |tx| store::schedule::insert_many(&tx, &schedules, now())).unwrap();
    let of = |schedule: usize, at: i64| {
        let mut run = run(ours, JobRunState::Succeeded, hour(at));
        run.schedule_id = Some(schedules[schedule].id);
        run
    };
    let runs = [of(0, 2), of(0, 3), of(0, 1), of(1, 1)];
    insert(database, &runs).await;
    let ids = schedules.each_ref().map(|schedule| schedule.id);
    let last = store::job_run::last_of_schedules(database.store.read(), &ids).await.unwrap();
    assert_eq!(last.len(), 2);
    assert_eq!((&last[&ids[0]], &last[&ids[1]]), (&runs[1], &runs[3]));
}

async fn runs_come_newest_first_in_pages(database: &Database) {
    let (ours, theirs) = (organisation("ours").id, organisation("theirs").id);
    let mut runs = [
        run(ours, JobRunState::Failed, hour(1)),
        run(theirs, JobRunState::Failed, hour(1)),
        run(ours, JobRunState::Queued, hour(1)),
        run(ours, JobRunState::Failed, hour(1)),
    ];
    runs[3].kind = JobKind::Backfill;
    insert(database, &runs).await;
    let page = async |filter: Filter, request: &PageRequest<_>| {
        store::job_run::page(database.store.read(), &filter, request).await.unwrap()
    };
    let first = page(Filter::default(), &PageRequest::first(3)).await;
    assert_eq!((first.items, first.has_next), (vec![runs[3].clone(), runs[2].clone(), runs[1].clone()], true));
    let back = PageRequest { before: Some(runs[1].id), from_end: true, ..PageRequest::first(1) };
    let back = page(Filter::default(), &back).await;
    assert_eq!((back.items, back.has_previous, back.has_next), (vec![runs[2].clone()], true, true));
    let failed = Filter { organisation: Some(ours), kind: None, states: Some(vec![JobRunState::Failed]) };
    assert_eq!(page(failed.clone(), &PageRequest::first(9)).await.items, [runs[3].clone(), runs[0].clone()]);
    let backfills = Filter { kind: Some(JobKind::Backfill), ..failed };
    assert_eq!(page(backfills, &PageRequest::first(9)).await.items, [runs[3].clone()]);
    let none = Filter { states: Some(Vec::new()), ..Filter::default() };
    assert_eq!(page(none, &PageRequest::first(9)).await.items, []);
}

async fn states_are_counted(database: &Database) {
    let ours = organisation("ours").id;
    let states = [JobRunState::Queued, JobRunState::Queued, JobRunState::Failed, JobRunState::Succeeded];
    insert(database, &states.map(|state| run(ours, state, hour(1)))).await;
    let mut counts = store::job_run::count_by_state(database.store.read()).await.unwrap();
    counts.sort_unstable();
    assert_eq!(counts, [(JobRunState::Queued, 2), (JobRunState::Failed, 1)]);
}

async fn runs_of_an_earlier_epoch_are_found(database: &Database) {
    let ours = organisation("ours").id;
    let old = [run(ours, JobRunState::Running, hour(1)), run(ours, JobRunState::Queued, hour(1))];
    insert(database, &old).await;
    let new = run(ours, JobRunState::Running, hour(1));
    write!(database, |tx| store::job_run::insert_many(&tx, std::slice::from_ref(&new), 2, now())).unwrap();
    let db = database.store.read();
    let left =
        async |shard, epoch| store::job_run::left_running(db, &[Term { shard, epoch: Epoch(epoch) }]).await.unwrap();
    let shard = Shard::of(ours);
    assert_eq!((left(shard, 2).await, left(shard, 1).await), (old[..1].to_vec(), vec![]));
    assert_eq!(left(shard, 3).await, [old[0].clone(), new]);
    let other = every_shard().into_iter().find(|other| *other != shard).unwrap();
    assert_eq!(left(other, 3).await, [], "another shard's are another's to put back");
}

async fn every_waiting_run_is_visited(database: &Database) {
    let (ours, theirs) = (organisation("ours").id, organisation("theirs").id);
    let mut retrying = run(ours, JobRunState::Retrying, hour(1));
    retrying.next_attempt_at = Some(hour(9));
    let runs = [
        run(ours, JobRunState::Queued, hour(2)),
        run(theirs, JobRunState::Queued, hour(3)),
        retrying,
        run(ours, JobRunState::Running, hour(4)),
        run(ours, JobRunState::Failed, hour(5)),
    ];
    insert(database, &runs).await;
    let mut visited = Vec::new();
    let visit = |organisation, at| visited.push((organisation, at));
    store::job_run::for_each_waiting(database.store.read(), &every_shard(), visit).await.unwrap();
    visited.sort_unstable_by_key(|(_, at)| *at);
    assert_eq!(visited, [(ours, hour(2)), (theirs, hour(3)), (ours, hour(9))]);
}

async fn finished_runs_are_removed_with_their_outcomes(database: &Database) {
    let (ours, theirs) = (organisation("ours").id, organisation("theirs").id);
    let runs = [
        finished(ours, JobRunState::Succeeded, 3),
        finished(ours, JobRunState::Succeeded, 1),
        finished(ours, JobRunState::Succeeded, 2),
        finished(ours, JobRunState::Succeeded, 5),
        finished(ours, JobRunState::Failed, 1),
        finished(theirs, JobRunState::Succeeded, 1),
        run(ours, JobRunState::Queued, hour(1)),
    ];
    insert(database, &runs).await;
    for run in &runs {
        let outcome = ChannelOutcome { channel_id: ChannelId::generate(now()), succeeded: true, days: 1, error: None };
        write!(database, |tx| store::job_run::save_outcomes(
            &tx,
            run.organisation_id,
            run.id,
            std::slice::from_ref(&outcome)
        ))
        .unwrap();
    }
    let delete = async |limit: u64| {
        let states = [JobRunState::Succeeded, JobRunState::Queued];
        write!(database, |tx| store::job_run::delete_finished(&tx, ours, &states, hour(4), limit)).unwrap()
    };
    assert_eq!(delete(2).await, 2);
    assert!(find(database, &runs[0]).await.is_some(), "the oldest went first");
    assert_eq!(delete(10).await, 1);
    assert_eq!(delete(10).await, 0);
    let ids = runs.each_ref().map(|run| run.id);
    let outcomes = store::job_run::outcomes(database.store.read(), &ids).await.unwrap();
    let kept = ids.map(|id| outcomes.contains_key(&id));
    assert_eq!(kept, [false, false, false, true, true, true, true]);
}
