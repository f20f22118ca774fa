//! `checkAllowance` and `reserveAllowance` against a bare conditional `UPDATE`.
//!
//! 8 and then 64 callers ask the service that the API asks, over one organisation whose policy is `BLOCK`: whether a message would fit, and
//! then to hold one and give it back, each answered after its commit. Beside it as many callers change one row of a database of the same
//! kind, `UPDATE ... SET held = held + 1 WHERE held + 1 <= limit` in a transaction of its own each, which is what a counter without
//! reservations, days and plans would be. SQLite waits for the disk at each commit in both. PostgreSQL does with
//! `WABACUS_POSTGRES_FSYNC=on`, in both, and not without it. `cargo bench --bench allowance -- 100` for 100 calls of each caller.

mod figure;
#[path = "../tests/support/postgres.rs"]
#[expect(dead_code, reason = "the tests share a server, and this has one of its own")]
mod postgres;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use entity::allowance_counter::{ActiveModel, Column, Entity, Model};
use figure::{per_second, percentile, ratio, say, size, whole};
use futures_util::future::join_all;
use postgres::Postgres;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, ExprTrait as _, IntoActiveModel as _, QueryFilter as _,
};
use uuid::Uuid;
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::allowance::{EnforcementPolicy, Scope};
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::domain::id::OrganisationId;
use wabacus::service::access::Caller;
use wabacus::service::allowance::{AllowanceChange, AllowanceService, Said};
use wabacus::service::organisation::NewOrganisation;
use wabacus::store::{self, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CALLERS: [usize; 2] = [8, 64];
/// More than is ever held.
const LIMIT: i32 = 1_000_000_000;
/// The share of a bare update's rate that is aimed at.
const SHARE_AIM: &str = "0.50";

/// How long each call took, and all together.
type Took = (Vec<Duration>, Duration);

/// Lets so many callers at once make so many calls each, one after the other.
async fn drive<F: Future<Output = ()>>(callers: usize, calls: usize, call: impl Fn() -> F) -> Took {
    let call = &call;
    let began = Instant::now();
    let all = (0..callers).map(async |_| {
        let mut latencies = Vec::with_capacity(calls);
        for _ in 0..calls {
            let began = Instant::now();
            call().await;
            latencies.push(began.elapsed());
        }
        latencies
    });
    let mut latencies: Vec<_> = join_all(all).await.into_iter().flatten().collect();
    latencies.sort_unstable();
    (latencies, began.elapsed())
}

/// A running server on a database of its own, with an organisation whose allowance blocks.
struct Bench {
    app: App,
    organisation: OrganisationId,
}

impl Bench {
    async fn start(database: &str) -> Self {
        let settings = BTreeMap::from([
            ("DATABASE_URL".to_owned(), database.to_owned()),
            ("DATABASE_DURABLE".to_owned(), "on".to_owned()),
            ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
            ("MASTER_KEY".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
        ]);
        let config = Config::from_sources(settings, BTreeMap::new()).expect("settings");
        let app = App::start(config, Wiring::default()).await.expect("the server starts");
        let new = NewOrganisation {
            name: "Toko Kopi".to_owned(),
            time_zone: "Asia/Jakarta".to_owned(),
            currency: "USD".to_owned(),
            plan_code: "professional".to_owned(),
            external_id: None,
        };
        let caller = Caller::command_line();
        let organisation = app.services().organisation.create(&caller, new).await.expect("an organisation").id;
        let change = AllowanceChange {
            daily_limit: Said::Limit(Some(LIMIT)),
            monthly_limit: Said::Limit(Some(LIMIT)),
            policy: Some(EnforcementPolicy::Block),
            ..AllowanceChange::default()
        };
        app.services().allowance.set(&caller, organisation, change).await.expect("an allowance");
        Self { app, organisation }
    }

    fn service(&self) -> &AllowanceService {
        &self.app.services().allowance
    }

    async fn check(&self) {
        let check = self.service().check(self.organisation, None, 1).await.expect("an answer");
        assert!(check.allowed, "{check:?}");
    }

    async fn reserve_and_release(&self) {
        let caller = Caller::command_line();
        let held = self.service().reserve(&caller, self.organisation, None, 1, 60).await.expect("a reservation");
        self.service().release(&caller, held.reservation.id).await.expect("it is given back");
    }

    /// Nothing is held any more.
    async fn assert_whole(&self) {
        let whole = Scope::whole(self.organisation);
        let allowance = self.service().of(&[whole]).await.expect("an allowance").remove(&whole).expect("it is there");
        assert_eq!(allowance.daily.remaining, allowance.daily.limit);
    }
}

async fn open(database: &str) -> Store {
    let options = store::Options { url: database.to_owned(), durable: true, ..store::Options::default() };
    Store::open(&options).await.expect("a database")
}

/// A database with one counter.
async fn counter(database: &str) -> Store {
    let store = open(database).await;
    store.migrate().await.expect("tables");
    let row = Model {
        organisation_id: Uuid::from_u128(1),
        channel_id: Uuid::nil(),
        period: "DAY".to_owned(),
        start: SystemClock.now().date_naive(),
        used_micros: 0,
        reserved_micros: 0,
        committed_micros: 0,
        settled_micros: 0,
        reservations: 0,
    };
    let tx = store.begin().await.expect("a transaction");
    let row: ActiveModel = row.into_active_model();
    row.insert(&tx).await.expect("a counter");
    Store::commit(tx).await.expect("a commit");
    store
}

async fn bare(store: &Store) {
    let tx = store.begin().await.expect("a transaction");
    let held = Expr::col(Column::ReservedMicros).add(1);
    let done = Entity::update_many()
        .col_expr(Column::ReservedMicros, held.clone())
        .filter(Column::OrganisationId.eq(Uuid::from_u128(1)))
        .filter(held.lte(i64::from(LIMIT)))
        .exec(&tx)
        .await;
    assert_eq!(done.expect("an update").rows_affected, 1);
    Store::commit(tx).await.expect("a commit");
}

async fn measure(kind: &str, calls: usize, databases: [String; 2]) {
    let [real, plain] = databases;
    let (bench, store) = (Bench::start(&real).await, counter(&plain).await);
    for callers in CALLERS {
        // The statements are known to the server before it is measured.
        drive(callers, 3, || bench.reserve_and_release()).await;
        drive(callers, 3, || bare(&store)).await;
        let checks = drive(callers, calls, || bench.check()).await;
        let reservations = drive(callers, calls, || bench.reserve_and_release()).await;
        let updates = drive(callers, calls, || bare(&store)).await;
        bench.assert_whole().await;
        let count = callers * calls;
        let bare_rate = per_second(count, updates.1);
        say(&format!("{kind}: {calls} calls of each of {callers} callers"));
        // To reserve and to release are two calls, each with a commit of its own.
        for (what, (latencies, took), count) in
            [("checkAllowance", checks, count), ("reserveAllowance and releaseReservation", reservations, 2 * count)]
        {
            let (rate, p99) = (per_second(count, took), percentile(&latencies, 99).as_millis());
            let share = ratio(rate, bare_rate.max(whole(1)));
            say(&format!(
                "  {what}: {rate} calls a second, p99 {p99} ms; {share} of the bare update, the aim is {SHARE_AIM}"
            ));
        }
        say(&format!("  bare conditional update, each in a transaction: {bare_rate} a second"));
    }
    store.close().await.expect("nothing else uses it");
    bench.app.stop().await;
}

#[actix_web::main]
async fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let calls = size(200);
    let folder = tempfile::tempdir().expect("a folder for the databases");
    let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    measure("SQLite", calls, [file("real.db"), file("bare.db")]).await;
    match tokio::task::spawn_blocking(Postgres::start).await {
        Ok(server) => {
            let databases = [server.create_database().await, server.create_database().await];
            measure("PostgreSQL", calls, databases).await;
        }
        Err(_) => say("POSTGRESQL WAS LEFT OUT: it is not installed, or does not start"),
    }
}
