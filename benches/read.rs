//! Reading over HTTP: the admin's list of 10,000 organisations against one of 100, and a catalogue from the cache against one from its merchant.
//!
//! Of the list, both servers are asked in turns for the same page of 20 with its usage, allowance and activity, the first page and one half-way down; the
//! aim is that a page of the long list takes at most 1.5 of the time. The catalogue is simulated, 100 ms away, and dropped from the cache before
//! each reading that has to ask it. `cargo bench --bench read -- 10000` for another number of organisations.

#[path = "figure/mod.rs"]
mod figure;
#[path = "http/load.rs"]
mod load;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use figure::{percentile, ratio, say, size};
use load::{Question, Seen};
use secrecy::ExposeSecret as _;
use serde_json::json;
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::service::access::{Caller, NewToken};
use wabacus::service::organisation::NewOrganisation;
use wabacus::sim::{CatalogFault, Often, Sim, SimMerchant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TURNS: usize = 5;
const TURN: Duration = Duration::from_secs(2);

/// One after the other: what is asked is how long a page takes.
const CONNECTIONS: usize = 1;

/// The short list.
const FEW: usize = 100;

const LIST: &str = "query($offset: Int) { organisations(limit: 20, offset: $offset) { totalCount hasMore nodes {
    id name externalId active plan { code } allowance { dailyLimit dailyUsed dailyRemaining monthlyLimit monthlyUsed monthlyRemaining }
    activity { conversationsThisMonth lastConversationAt lastActivityAt active } } } }";

#[actix_web::main]
async fn main() {
    let many = size(10_000);
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().expect("a folder for the databases");
    let mut servers = Vec::new();
    for count in [FEW, many] {
        let app = start(&folder.path().join(format!("{count}.db")), &[]).await;
        let token = fill(&app, count).await;
        servers.push((app, token));
    }
    say(&format!("the admin's list, a page of 20 over {many} organisations and over {FEW}"));
    for (place, share) in [("first page", 0), ("page half-way down", 2)] {
        let mut questions = Vec::new();
        for ((app, token), count) in servers.iter().zip([FEW, many]) {
            let offset = count.checked_div(share).unwrap_or(0);
            let question = Question::graphql(app.address(), token, LIST, &json!({ "offset": offset }));
            let first = load::answer(&question).await;
            let page = &first["data"]["organisations"];
            assert_eq!(page["totalCount"], count, "{first}");
            assert_eq!(page["nodes"].as_array().map(Vec::len), Some(20), "{first}");
            assert_eq!(page["nodes"][0]["allowance"]["dailyUsed"], 1, "{first}");
            questions.push(question);
        }
        let mut seen = [Seen::default(), Seen::default()];
        for _ in 0..TURNS {
            for (question, seen) in questions.iter().zip(&mut seen) {
                seen.add(load::drive(question, CONNECTIONS, TURN).await);
            }
        }
        let [mut few, mut many] = seen;
        say(&format!("  {place}: {} a second over few, {} over many", few.rate(), many.rate()));
        say(&format!("    p99 {} us and {} us", few.p99().as_micros(), many.p99().as_micros()));
        say(&format!("    {} of the time, aim at most 1.50", ratio(few.rate(), many.rate())));
    }
    for (app, _) in servers {
        app.stop().await;
    }
    catalogue(folder.path()).await;
}

/// How far away the catalogue is.
const AWAY: Duration = Duration::from_millis(100);

/// How often each of the ways is gone.
const READINGS: usize = 30;

async fn catalogue(folder: &Path) {
    let sim = Sim::start(7, Arc::new(SystemClock)).expect("a free port for the catalogue");
    sim.catalog().add(SimMerchant::new("toko-0"));
    sim.catalog().fault("toko-0", None, CatalogFault::Delay(AWAY), Often::Always);
    let settings =
        [("CATALOG_API_BASE", sim.catalog().url().to_string()), ("CATALOG_API_KEY", sim.catalog().key().to_owned())];
    let app = start(&folder.join("catalogue.db"), &settings).await;
    let token = fill(&app, 1).await;
    let ask = async |query: &str| {
        let began = Instant::now();
        let answer = load::answer(&Question::graphql(app.address(), &token, query, &json!({}))).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        (began.elapsed(), answer)
    };
    let (_, first) = ask("{ organisations { nodes { id } } }").await;
    let id = first["data"]["organisations"]["nodes"][0]["id"].as_str().expect("an id").to_owned();
    let read = format!(
        "{{ organisation(id: \"{id}\") {{ catalog {{ categories {{ hit items {{ id }} }} branches {{ hit items {{ id }} }} }} }} }}"
    );
    let drop = format!("mutation {{ invalidateCache(organisationId: \"{id}\") }}");
    let (mut kept, mut fetched) = (Vec::new(), Vec::new());
    for _ in 0..READINGS {
        ask(&drop).await;
        for (hit, seen) in [(false, &mut fetched), (true, &mut kept)] {
            let (took, answer) = ask(&read).await;
            assert_eq!(answer["data"]["organisation"]["catalog"]["branches"]["hit"], hit, "{answer}");
            seen.push(took);
        }
    }
    kept.sort_unstable();
    fetched.sort_unstable();
    let [kept, fetched] = [&kept, &fetched].map(|seen| percentile(seen, 50).as_micros());
    say(&format!("a catalogue of two parts, {READINGS} readings of each kind over a connection of its own, medians"));
    say(&format!("  from the cache {kept} us, from {} ms away {fetched} us", AWAY.as_millis()));
    say(&format!("  {} of the time", ratio(kept, fetched)));
    app.stop().await;
}

async fn start(database: &Path, more: &[(&str, String)]) -> App {
    let mut settings = BTreeMap::from([
        ("DATABASE_URL".to_owned(), format!("sqlite://{}", database.display())),
        ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
        ("MASTER_KEY".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
    ]);
    settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let config = Config::from_sources(settings, BTreeMap::new()).expect("settings");
    App::start(config, Wiring::default()).await.expect("the server starts")
}

/// So many organisations, each with a message of today; an admin's token.
async fn fill(app: &App, count: usize) -> String {
    let new = NewToken { name: "bench".to_owned(), organisation_id: None, scopes: None, expires_at: None };
    let (_, secret) = app.services().access.create_token(&Caller::command_line(), new).await.expect("a token");
    let token = secret.expose_secret().to_owned();
    let at = SystemClock.now().to_rfc3339();
    for number in 0..count {
        let new = NewOrganisation {
            name: format!("Toko {number:05}"),
            time_zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            plan_code: "free-trial".to_owned(),
            external_id: Some(format!("toko-{number}")),
        };
        let made = app.services().organisation.create(&Caller::command_line(), new).await.expect("an organisation");
        let query = "mutation($id: ID!, $at: DateTime!) { recordUsage(organisationId: $id, records: [
            { kind: WHATSAPP, resourceType: \"message\", resourceId: \"wamid.1\", occurredAt: $at }]) { outcome } }";
        let variables = json!({ "id": made.id.to_string(), "at": at });
        let recorded = load::answer(&Question::graphql(app.address(), &token, query, &variables)).await;
        assert_eq!(recorded["data"]["recordUsage"][0]["outcome"], "RECORDED", "{recorded}");
    }
    token
}
