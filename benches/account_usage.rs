//! Parsing and storing account usage, against a bare multi-row insert of the same rows into the same tables of the same file.
//!
//! The job is the real one: `BACKFILL` runs of many channels ask Gupshup's client, over loopback HTTP, for 30 days each; the answer is
//! parsed and stored in the job's own transactions, with its payload, its hashes, the month made anew, the progress and the events. The
//! bare insert then writes the days and details that came of it: SeaORM's `insert_many`, 500 rows a statement, already in memory, all in
//! one transaction; and, for comparison, in one transaction for each channel, as often as the job has to commit at the least. Both begin
//! with empty tables, several rounds in turn. Asking and parsing alone is shown too, as it uses the other core while one writes.
//! `cargo bench --bench account_usage -- 400` for 400 channels.

mod figure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer, web};
use async_trait::async_trait;
use chrono::TimeDelta;
use entity::{daily_usage, monthly_usage, usage_detail, usage_payload};
use figure::{per_second, percentile, ratio, say, size};
use futures_util::future::join_all;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wabacus::bsp::{self, Account, Bsps};
use wabacus::domain::attempt::Verdict;
use wabacus::domain::channel::{BspKind, ChannelKind};
use wabacus::domain::clock::{Clock as _, ManualClock};
use wabacus::domain::id::{JobRunId, OrganisationId};
use wabacus::domain::job::{JobKind, JobRun, JobRunState, JobTrigger};
use wabacus::domain::organisation::PLAN_CODE_DEFAULT;
use wabacus::domain::period::{DateRange, Zone};
use wabacus::service::access::Caller;
use wabacus::service::channel::{GupshupCredentials, NewChannel};
use wabacus::service::dispatch::{DispatchService, Standing};
use wabacus::service::job::{Backfill, Registry};
use wabacus::service::organisation::NewOrganisation;
use wabacus::service::wake::{SchedulerReport, SchedulerView};
use wabacus::service::{Core, CoreParts, SchedulingOptions, Services};
use wabacus::store::{self, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Organisations whose jobs run at the same time.
const ORGANISATIONS: usize = 8;
const ROUNDS: usize = 5;
const ROWS_A_STATEMENT: usize = 500;
const TOKEN: &str = "sk_0123456789";

/// A scheduler that is not there: the jobs are run by hand.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl SchedulerView for Nobody {
    async fn report(&self) -> SchedulerReport {
        SchedulerReport::default()
    }
}

/// Everything that a round needs.
struct Bench {
    store: Store,
    clock: ManualClock,
    dispatch: DispatchService,
    organisations: Vec<OrganisationId>,
    range: DateRange,
    bsp: Arc<dyn bsp::Bsp>,
    apps: Vec<String>,
}

type Days = Vec<daily_usage::Model>;
type Details = Vec<usage_detail::Model>;

/// What a month of a channel looks like on Gupshup's wire: 30 days with five categories in use. `APP` stands for the app's id.
fn body(range: DateRange) -> String {
    let rows: Vec<Value> = range
        .days()
        .zip(1..)
        .map(|(date, number)| {
            json!({
                "appId": "APP", "appName": "Toko Kopi", "date": date, "currency": "USD",
                "authentication": 17 * number, "internationalAuthentication": 0, "marketing": 113 * number,
                "service": 59 * number, "utility": 31 * number, "freeUtility": 7 * number, "fep": 0, "ftc": 0,
                "mmLiteMarketing": 0, "incomingMsg": 411 * number, "outgoingMsg": 388 * number,
                "outgoingMediaMsg": 12 * number, "templateMsg": 161 * number, "templateMediaMsg": 0,
                "totalMsg": 972 * number, "waFees": 1.2345, "gsFees": 0.972, "totalFees": 2.2065,
                "discount": 0, "gsCap": 75, "cumulativeBill": 44.13
            })
        })
        .collect();
    json!({ "status": "success", "partnerAppUsageList": rows }).to_string()
}

/// Answers as Gupshup's partner API does, from memory.
fn gupshup(range: DateRange) -> String {
    async fn answer(app: web::Path<String>, template: web::Data<String>) -> String {
        template.replace("APP", &app)
    }
    let template = web::Data::new(body(range));
    let route = || web::get().to(answer);
    let server =
        HttpServer::new(move || App::new().app_data(template.clone()).route("/partner/app/{app}/usage", route()));
    let server = server.workers(1).bind(("127.0.0.1", 0)).expect("a free port");
    let address = server.addrs().first().copied().expect("the address it was bound to");
    drop(tokio::spawn(server.run()));
    format!("http://{address}")
}

impl Bench {
    async fn begin(folder: &std::path::Path, channels: usize) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let url = format!("sqlite://{}", folder.join("bench.db").display());
        let store = Store::open(&store::Options { url, ..store::Options::default() }).await.expect("a SQLite file");
        store.migrate().await.expect("tables");
        let clock = ManualClock::at("2026-07-02T06:00:00Z".parse().expect("a literal time"));
        let day = |text: &str| text.parse().expect("a literal date");
        let range = DateRange::new(day("2026-06-01"), day("2026-06-30")).expect("a month");
        let enough = std::num::NonZeroU32::new(1_000_000).expect("a million is not nothing");
        let options = bsp::Options {
            gupshup_url: gupshup(range).parse().expect("an address"),
            gupshup_per_minute: enough,
            bsp_per_second: enough,
            ..bsp::Options::default()
        };
        let bsps = Bsps::new(options, Arc::new(clock.clone())).expect("HTTP clients");
        let scheduling = SchedulingOptions { herd_window: TimeDelta::zero(), ..SchedulingOptions::default() };
        let parts = CoreParts::alone(store.clone(), Arc::new(clock.clone()), bsps);
        let core = Core::new(CoreParts { scheduling, ..parts });
        let jobs = Arc::new(Registry::default().with(Backfill));
        let services = Services::new(&core, jobs, Arc::new(Nobody));
        let (organisations, apps) = fill(&services, channels).await;
        services.dispatch.beat(&Standing::default()).await.expect("the lease");
        let bsp = core.bsps().get(BspKind::Gupshup);
        Self { store, clock, dispatch: services.dispatch, organisations, range, bsp, apps }
    }

    /// One run for each organisation, all at the same time.
    async fn job(&self) -> Duration {
        let now = self.clock.now();
        let runs: Vec<JobRun> = self.organisations.iter().map(|id| self.run(*id)).collect();
        let tx = self.store.begin().await.expect("a transaction");
        store::job_run::insert_many(&tx, &runs, 1, now).await.expect("runs");
        Store::commit(tx).await.expect("a commit");
        let began = Instant::now();
        let attempts = runs.into_iter().map(|run| {
            let dispatch = self.dispatch.clone();
            let term = dispatch.term_of(run.organisation_id).expect("it is alone");
            tokio::spawn(async move { dispatch.execute(term, run, CancellationToken::new()).await })
        });
        for verdict in join_all(attempts).await {
            assert_eq!(verdict.expect("no job panics"), Verdict::Done);
        }
        began.elapsed()
    }

    fn run(&self, organisation_id: OrganisationId) -> JobRun {
        let now = self.clock.now();
        JobRun {
            id: JobRunId::generate(now),
            organisation_id,
            schedule_id: None,
            kind: JobKind::Backfill,
            subject: None,
            trigger: JobTrigger::Manual,
            state: JobRunState::Running,
            scheduled_for: now,
            started_at: Some(now),
            finished_at: None,
            attempt: 1,
            max_attempts: 8,
            next_attempt_at: None,
            error: None,
            range: Some(self.range),
            progress: None,
            cancel_requested: false,
            customer_id: None,
            bootstrap: None,
        }
    }

    /// Asks for every channel's usage and parses it, one after the other.
    async fn ask(&self) -> Duration {
        let zone = Zone::from_name("Asia/Jakarta").expect("a zone");
        let began = Instant::now();
        for app in &self.apps {
            let account = Account { id: app.clone(), token: Some(SecretString::from(TOKEN)), zone };
            let report = self.bsp.account_usage(&account, self.range).await.expect("an answer");
            assert_eq!(report.days.len(), 30);
        }
        began.elapsed()
    }

    async fn rows(&self) -> (Days, Details) {
        let days = daily_usage::Entity::find().all(self.store.read()).await.expect("days");
        let details = usage_detail::Entity::find().all(self.store.read()).await.expect("details");
        (days, details)
    }

    /// Empties the tables that a round fills.
    async fn clear(&self) {
        let tx = self.store.begin().await.expect("a transaction");
        daily_usage::Entity::delete_many().exec(&tx).await.expect("no days");
        usage_detail::Entity::delete_many().exec(&tx).await.expect("no details");
        usage_payload::Entity::delete_many().exec(&tx).await.expect("no payloads");
        monthly_usage::Entity::delete_many().exec(&tx).await.expect("no months");
        Store::commit(tx).await.expect("a commit");
    }

    /// Inserts the rows, a number of channels in each transaction.
    async fn bare(&self, batches: &[(Days, Details)]) -> Duration {
        let batches = batches.to_vec();
        let began = Instant::now();
        for (days, details) in batches {
            let tx = self.store.begin().await.expect("a transaction");
            insert::<_, daily_usage::ActiveModel>(&tx, days).await;
            insert::<_, usage_detail::ActiveModel>(&tx, details).await;
            Store::commit(tx).await.expect("a commit");
        }
        began.elapsed()
    }
}

async fn insert<M, A>(tx: &store::Transaction, rows: Vec<M>)
where
    M: ModelTrait + IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = M::Entity>,
{
    let mut rows = rows.into_iter();
    loop {
        let batch: Vec<A> = rows.by_ref().take(ROWS_A_STATEMENT).map(IntoActiveModel::into_active_model).collect();
        if batch.is_empty() {
            return;
        }
        <M::Entity as EntityTrait>::insert_many::<A, _>(batch).exec_without_returning(tx).await.expect("rows");
    }
}

async fn fill(services: &Services, channels: usize) -> (Vec<OrganisationId>, Vec<String>) {
    let caller = Caller::command_line();
    let (mut organisations, mut apps) = (Vec::new(), Vec::new());
    for number in 0..ORGANISATIONS {
        let new = NewOrganisation {
            name: format!("Organisation {number}"),
            time_zone: "Asia/Jakarta".to_owned(),
            currency: "USD".to_owned(),
            plan_code: PLAN_CODE_DEFAULT.to_owned(),
            external_id: None,
        };
        let organisation = services.organisation.create(&caller, new).await.expect("an organisation");
        organisations.push(organisation.id);
        for channel in 0..channels / ORGANISATIONS {
            let app_id = format!("app-{number}-{channel}");
            let gupshup = GupshupCredentials { app_id: app_id.clone(), token: SecretString::from(TOKEN) };
            let new = NewChannel {
                kind: ChannelKind::Whatsapp,
                name: app_id.clone(),
                phone_number: None,
                gupshup: Some(gupshup),
                interakt: None,
            };
            services.channel.create(&caller, organisation.id, new).await.expect("a channel");
            apps.push(app_id);
        }
    }
    (organisations, apps)
}

/// The rows of each channel by themselves.
fn by_channel(days: &Days, details: &Details) -> Vec<(Days, Details)> {
    let mut channels: Vec<_> = days.iter().map(|day| day.channel_id).collect();
    channels.sort_unstable();
    channels.dedup();
    let mut batches = vec![(Days::new(), Details::new()); channels.len()];
    let place = |id| channels.binary_search(&id).expect("every row's channel has days");
    for day in days {
        batches[place(day.channel_id)].0.push(day.clone());
    }
    for detail in details {
        batches[place(detail.channel_id)].1.push(detail.clone());
    }
    batches
}

#[actix_web::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder for the database");
    let bench = Bench::begin(folder.path(), size(400)).await;
    let (mut jobs, mut bulk, mut single, mut asked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut rows = 0;
    // The first round makes the file grow and warms it, and does not count.
    for round in 0..=ROUNDS {
        bench.clear().await;
        let job = bench.job().await;
        let (days, details) = bench.rows().await;
        rows = days.len() + details.len();
        let one_by_one = by_channel(&days, &details);
        let all = [(days, details)];
        bench.clear().await;
        let at_once = bench.bare(&all).await;
        bench.clear().await;
        let each = bench.bare(&one_by_one).await;
        let ask = bench.ask().await;
        if round > 0 {
            jobs.push(job);
            bulk.push(at_once);
            single.push(each);
            asked.push(ask);
        }
    }
    let middle = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        per_second(rows, percentile(times, 50))
    };
    let (job, bulk, single, asked) = (middle(&mut jobs), middle(&mut bulk), middle(&mut single), middle(&mut asked));
    say(&format!("account usage: {} channels of 30 days, {rows} rows, median of {ROUNDS} rounds", bench.apps.len()));
    say(&format!("  asked, parsed and stored by the job: {job} rows a second"));
    say(&format!("  bare insert, one transaction: {bulk} rows a second, the job does {} of it", ratio(job, bulk)));
    say(&format!(
        "  bare insert, one for each channel: {single} rows a second, the job does {} of it",
        ratio(job, single)
    ));
    say(&format!("  asked and parsed alone, one after the other: {asked} rows a second"));
}
