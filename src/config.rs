//! Settings: from the environment, then a TOML file, then defaults; checked once, before anything starts.

mod accept;
mod listing;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;

use crate::domain::job::RetryPolicy;
use crate::service::job::{BootstrapOptions, RetentionOptions};
use crate::service::{CatalogOptions, InvoicingOptions, LedgerOptions, MasterKeys, SchedulingOptions, WebhookOptions};
use crate::{bsp, catalog, graphql, hook, http, remote, scheduler, store, telemetry};

use accept::{days_or_keep, http_url, name_or_host, nonzero, not_empty, number, seconds, switch};
pub use listing::listing;
pub use reader::{BadSetting, Listed, Misspelt, Source};
use reader::{Reader, Setting, Shown};

/// Everything that can be set.
#[derive(Debug)]
pub struct Config {
    pub store: store::Options,
    /// `None`: cache and bus are in this process.
    pub redis: Option<remote::Options>,
    pub http: http::server::Options,
    pub graphql: graphql::Options,
    pub bsp: bsp::Options,
    pub hook: hook::Options,
    pub scheduler: scheduler::Options,
    pub scheduling: SchedulingOptions,
    pub ledger: LedgerOptions,
    pub retention: RetentionOptions,
    pub invoicing: InvoicingOptions,
    pub webhooks: WebhookOptions,
    pub catalog: catalog::Options,
    pub catalog_options: CatalogOptions,
    pub bootstrap: BootstrapOptions,
    pub telemetry: telemetry::Options,
    /// `None`: not set, so nothing can be sealed or opened.
    pub keys: Option<MasterKeys>,
    pub node_name: String,
    /// How long a lease lasts that is not renewed.
    pub lease_ttl: Duration,
    pub usage_lookback_days: u32,
    /// Every setting with its source, in the order in which they are read.
    pub listed: Vec<Listed>,
    /// Variables of the environment that look like settings and are none.
    pub misspelt: Vec<Misspelt>,
}

/// Why there are no settings to start with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {path} cannot be read")]
    Unreadable { path: String, source: std::io::Error },
    #[error("the configuration file {path} is not TOML")]
    NotToml { path: String, source: Box<toml::de::Error> },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Bad(Vec<BadSetting>),
}

impl Config {
    /// Reads the settings of this process.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let file = file.map(read_file).transpose()?.unwrap_or_default();
        Self::from_sources(environment, file)
    }

    /// Reads settings from these instead of the process's own environment.
    pub fn from_sources(
        environment: BTreeMap<String, String>,
        file: BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment, file);
        let mut config = Self {
            store: store_options(&mut reader),
            redis: redis_options(&mut reader),
            http: http_options(&mut reader),
            graphql: graphql_options(&mut reader),
            bsp: bsp_options(&mut reader),
            hook: hook_options(&mut reader),
            scheduler: scheduler_options(&mut reader),
            scheduling: scheduling_options(&mut reader),
            ledger: ledger_options(&mut reader),
            retention: retention_options(&mut reader),
            invoicing: invoicing_options(&mut reader),
            webhooks: webhook_options(&mut reader),
            catalog: catalog_api(&mut reader),
            catalog_options: catalog_options(&mut reader),
            bootstrap: bootstrap_options(&mut reader),
            telemetry: telemetry_options(&mut reader),
            keys: master_keys(&mut reader),
            node_name: node_name(&mut reader),
            lease_ttl: lease_ttl(&mut reader),
            usage_lookback_days: usage_lookback_days(&mut reader),
            listed: Vec::new(),
            misspelt: Vec::new(),
        };
        config.http.introspection = config.graphql.introspection;
        config.misspelt = reader.misspelt();
        config.listed = reader.finish().map_err(ConfigError::Bad)?;
        Ok(config)
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: name.clone(), source })?;
    let table: toml::Table =
        text.parse().map_err(|source| ConfigError::NotToml { path: name, source: Box::new(source) })?;
    let plain = |value: toml::Value| match value {
        toml::Value::String(text) => text,
        other @ (toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_)) => other.to_string(),
    };
    Ok(table.into_iter().map(|(name, value)| (name, plain(value))).collect())
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, meaning, shown: Shown::Plain }
}

/// An address that may hold a password.
const fn address(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, meaning, shown: Shown::WithoutPassword }
}

const fn secret(name: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default: "", meaning, shown: Shown::Never }
}

fn store_options(reader: &mut Reader) -> store::Options {
    reader.chapter("Database");
    let url = address("DATABASE_URL", "sqlite://wabacus.db", "where the data is: sqlite://FILE or postgres://...");
    let readers = setting("DATABASE_READERS", "8", "connections that read");
    let durable =
        setting("DATABASE_DURABLE", "off", "SQLite only: survive a power cut without losing the last moments");
    let statement_timeout = setting(
        "DATABASE_STATEMENT_TIMEOUT_SECONDS",
        "30",
        "PostgreSQL only: for one statement, but those of migrations; 0: none",
    );
    store::Options {
        url: reader.take(url, |text| {
            let options = store::Options { url: text.to_owned(), ..store::Options::default() };
            options.validate().map(|()| text.to_owned()).map_err(|bad| bad.accepted)
        }),
        readers_max: reader.take(readers, number(1..=500)),
        durable: reader.take(durable, switch),
        statement_timeout: reader.take(statement_timeout, |text| number(0..=3_600)(text).map(Duration::from_secs)),
    }
}

fn redis_options(reader: &mut Reader) -> Option<remote::Options> {
    reader.chapter("Redis");
    let url =
        address("REDIS_URL", "", "what nodes share beside the database: redis://... or rediss://...; empty: nothing");
    let prefix = setting("REDIS_PREFIX", "wabacus:", "what every key and channel in Redis begins with");
    let valid = |url: &str, prefix: &str| {
        let options = remote::Options { url: SecretString::from(url), prefix: prefix.to_owned() };
        options.validate().map(|()| options).map_err(|bad| bad.accepted)
    };
    let prefix = reader.take(prefix, |text| valid("redis://localhost", text).map(|options| options.prefix));
    reader.take(url, |text| if text.is_empty() { Ok(None) } else { valid(text, &prefix).map(Some) })
}

fn http_options(reader: &mut Reader) -> http::server::Options {
    reader.chapter("HTTP");
    let defaults = http::server::Options::default();
    let origins = setting("CORS_ORIGINS", "", "origins whose pages may call the API, with commas between");
    http::server::Options {
        bind: reader.take(setting("BIND", "127.0.0.1:8080", "address and port to listen on"), |text| {
            text.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:8080 or [::]:8080".to_owned())
        }),
        body_bytes_max: reader.take(
            setting("BODY_BYTES_MAX", "1048576", "largest body of a request, in bytes"),
            number(1_024..=64 * 1_024 * 1_024),
        ),
        cors_origins: reader.take(origins, |text| {
            let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
            origins.map(|origin| http_url(origin).map(|_| origin.to_owned())).collect()
        }),
        graphiql: reader.take(setting("GRAPHIQL", "on", "whether /graphiql is served: on or off"), switch),
        selections_max: reader.take(
            setting("SELECTIONS_MAX", "5000", "fields of a query, with its fragments expanded"),
            number(100..=1_000_000),
        ),
        ..defaults
    }
}

fn graphql_options(reader: &mut Reader) -> graphql::Options {
    reader.chapter("GraphQL");
    graphql::Options {
        depth_max: reader.take(setting("DEPTH_MAX", "15", "how deep a query may nest"), number(5..=100)),
        complexity_max: reader.take(
            setting(
                "COMPLEXITY_MAX",
                "50000",
                "how much a query may weigh: a field counts 1 for each entry of the lists around it",
            ),
            number(100..=10_000_000),
        ),
        aliases_max: reader.take(setting("ALIASES_MAX", "100", "aliases of a query"), number(1..=10_000)),
        introspection: reader
            .take(setting("INTROSPECTION", "on", "whether the schema may be asked for itself: on or off"), switch),
        ..graphql::Options::default()
    }
}

fn bsp_options(reader: &mut Reader) -> bsp::Options {
    reader.chapter("BSPs");
    let defaults = bsp::Options::default();
    let interakt = setting(
        "INTERAKT_API",
        "https://graph.facebook.com/v23.0",
        "the Graph API that Interakt channels are asked through",
    );
    let token = secret("INTERAKT_TOKEN", "Graph token of Interakt channels that have none of their own");
    bsp::Options {
        gupshup_url: reader
            .take(setting("GUPSHUP_PARTNER_API", "https://partner.gupshup.io", "Gupshup's partner API"), http_url),
        interakt_url: reader.take(interakt, http_url),
        interakt_token: reader
            .take(token, |text| Ok::<_, String>(Some(text).filter(|text| !text.is_empty()).map(SecretString::from))),
        request_timeout: reader
            .take(setting("BSP_TIMEOUT_SECONDS", "30", "for one request to a BSP with its whole body"), |text| {
                number(1..=600)(text).map(Duration::from_secs)
            }),
        gupshup_per_minute: reader
            .take(setting("GUPSHUP_PER_MINUTE", "10", "usage requests for one Gupshup app"), nonzero(1..=10_000)),
        graph_per_hour: reader
            .take(setting("GRAPH_PER_HOUR", "200", "requests for one WhatsApp Business Account"), nonzero(1..=100_000)),
        bsp_per_second: reader.take(
            setting("BSP_PER_SECOND", "20", "requests to one BSP, all accounts and nodes together"),
            nonzero(1..=10_000),
        ),
        ..defaults
    }
}

fn hook_options(reader: &mut Reader) -> hook::Options {
    reader.chapter("Webhooks out");
    let private = setting(
        "ALLOW_PRIVATE_WEBHOOKS",
        "off",
        "whether webhooks may be sent into private networks and by http://: for demos and tests",
    );
    let timeout = setting("WEBHOOK_TIMEOUT_SECONDS", "15", "for one webhook with its answer");
    hook::Options {
        allow_private: reader.take(private, switch),
        request_timeout: reader.take(timeout, |text| number(1..=60)(text).map(Duration::from_secs)),
        ..hook::Options::default()
    }
}

fn scheduler_options(reader: &mut Reader) -> scheduler::Options {
    reader.chapter("Jobs");
    let deadline = setting("JOB_DEADLINE_SECONDS", "1800", "a job that takes longer is stopped, a failed attempt");
    scheduler::Options {
        jobs_max: reader.take(setting("JOBS_MAX", "64", "jobs that run at the same time"), number(1..=10_000)),
        job_deadline: reader.take(deadline, seconds(1..=86_400)),
        drain: reader.take(
            setting("DRAIN_SECONDS", "20", "what a stop gives running jobs before it puts them back"),
            seconds(0..=600),
        ),
        ..scheduler::Options::default()
    }
}

fn scheduling_options(reader: &mut Reader) -> SchedulingOptions {
    reader.chapter("Jobs");
    let window = setting("HERD_WINDOW_SECONDS", "900", "organisations with the same time are spread over this long");
    SchedulingOptions {
        herd_window: reader.take(window, seconds(0..=7_200)),
        retry: RetryPolicy {
            attempts_max: reader
                .take(setting("RETRY_ATTEMPTS", "8", "attempts of a run before it is dead-lettered"), number(1..=100)),
            delay_base: reader.take(
                setting("RETRY_BASE_SECONDS", "30", "longest delay before the second attempt; it doubles"),
                seconds(1..=3_600),
            ),
            delay_max: reader
                .take(setting("RETRY_CAP_SECONDS", "3600", "longest delay before any attempt"), seconds(1..=86_400)),
        },
    }
}

fn node_name(reader: &mut Reader) -> String {
    let name = setting("NODE_NAME", "", "this node's name, in logs and in `scheduler`; the host's, unless set");
    reader.take(name, |text| Ok::<_, String>(name_or_host(text)))
}

fn lease_ttl(reader: &mut Reader) -> Duration {
    let meaning = "PostgreSQL only: how long the work of a node that died waits for the others";
    reader.take(setting("LEASE_TTL_SECONDS", "20", meaning), |text| number(1..=300)(text).map(Duration::from_secs))
}

fn usage_lookback_days(reader: &mut Reader) -> u32 {
    reader.chapter("Jobs");
    let days = setting("USAGE_LOOKBACK_DAYS", "7", "days before yesterday that are pulled again each morning");
    reader.take(days, number(0..=90))
}

fn master_keys(reader: &mut Reader) -> Option<MasterKeys> {
    reader.chapter("Node");
    let keys = secret(
        "MASTER_KEY",
        "seals BSP credentials: 32 random bytes in base64; several with commas while it is rotated",
    );
    reader.take(keys, |text| match text {
        "" => Ok(None),
        text => MasterKeys::parse(&SecretString::from(text)).map(Some).map_err(|error| error.to_string()),
    })
}

fn ledger_options(reader: &mut Reader) -> LedgerOptions {
    reader.chapter("Usage and invoices");
    let late = setting("LATE_WINDOW_DAYS", "34", "how many days after it happened usage may still be recorded");
    LedgerOptions { late_window: TimeDelta::days(reader.take(late, number(1..=3_650))) }
}

fn retention_options(reader: &mut Reader) -> RetentionOptions {
    reader.chapter("Retention");
    RetentionOptions {
        payloads: reader
            .take(setting("RETENTION_PAYLOADS_DAYS", "90", "how long BSP payloads are kept, or keep"), days_or_keep),
        finished_runs: reader.take(
            setting("RETENTION_RUNS_DAYS", "30", "how long runs that ended well are kept, or keep"),
            days_or_keep,
        ),
        failed_runs: reader.take(
            setting("RETENTION_FAILED_RUNS_DAYS", "180", "how long runs that failed are kept, or keep"),
            days_or_keep,
        ),
        events: reader.take(
            setting("RETENTION_EVENTS_DAYS", "30", "how far back a subscription can be resumed, or keep"),
            days_or_keep,
        ),
        rejected_updates: reader.take(
            setting("RETENTION_REJECTED_UPDATES_DAYS", "30", "how long what webhooks told in vain is kept, or keep"),
            days_or_keep,
        ),
        alerts: reader.take(
            setting("RETENTION_ALERTS_DAYS", "400", "how long alerts that are over are kept, or keep"),
            days_or_keep,
        ),
        webhook_attempts: reader.take(
            setting(
                "RETENTION_WEBHOOK_ATTEMPTS_DAYS",
                "30",
                "how long the tries at sending webhooks are kept, or keep",
            ),
            days_or_keep,
        ),
    }
}

fn webhook_options(reader: &mut Reader) -> WebhookOptions {
    reader.chapter("Webhooks in");
    let app_secret = secret(
        "META_APP_SECRET",
        "the app's secret, which Meta signs its webhooks with; several with commas while it is changed",
    );
    let verify_token = secret("META_VERIFY_TOKEN", "what Meta says when it asks whether it may send webhooks here");
    WebhookOptions {
        meta_app_secrets: reader.take(app_secret, |text| {
            let secrets = text.split(',').map(str::trim).filter(|secret| !secret.is_empty());
            Ok::<_, String>(secrets.map(SecretString::from).collect())
        }),
        meta_verify_token: reader.take(verify_token, |text| {
            Ok::<_, String>(Some(text.trim()).filter(|text| !text.is_empty()).map(SecretString::from))
        }),
    }
}

fn catalog_api(reader: &mut Reader) -> catalog::Options {
    reader.chapter("Catalogue");
    let base = setting("CATALOG_API_BASE", "", "the merchants' catalogue; without it there are no bootstraps");
    let key = secret("CATALOG_API_KEY", "what the catalogue is shown, as Authorization: ApiToken");
    let timeout = setting("CATALOG_TIMEOUT_SECONDS", "10", "for one request to the catalogue with its whole body");
    catalog::Options {
        base: reader.take(base, |text| if text.is_empty() { Ok(None) } else { http_url(text).map(Some) }),
        key: reader.take(key, |text| {
            Ok::<_, String>(Some(text.trim()).filter(|text| !text.is_empty()).map(SecretString::from))
        }),
        timeout: reader.take(timeout, |text| number(1..=600)(text).map(Duration::from_secs)),
        ..catalog::Options::default()
    }
}

fn catalog_options(reader: &mut Reader) -> CatalogOptions {
    reader.chapter("Catalogue");
    let ttl = setting("CATALOG_CACHE_TTL_SECONDS", "180", "how long a merchant's catalogue is kept");
    CatalogOptions {
        ttl: reader.take(ttl, seconds(1..=86_400)),
        templates: reader.take_all("TEMPLATE_", "the id of a message template, by its name"),
    }
}

fn bootstrap_options(reader: &mut Reader) -> BootstrapOptions {
    reader.chapter("Catalogue");
    let at_once = setting("BOOTSTRAP_AT_ONCE", "5", "welcome bootstraps that run at the same time on this node");
    let per_minute = setting("BOOTSTRAP_PER_MINUTE", "20", "welcome bootstraps that this node starts in a minute");
    BootstrapOptions {
        at_once: reader.take(at_once, number(1..=1_000)),
        per_minute: reader.take(per_minute, number(1..=100_000)),
    }
}

fn invoicing_options(reader: &mut Reader) -> InvoicingOptions {
    reader.chapter("Usage and invoices");
    let grace = setting("INVOICE_GRACE_DAYS", "3", "days after a month's end in which its draft follows late usage");
    let issuer = setting("INVOICE_ISSUER", "Wabacus", "who invoices are from: name and address, lines with | between");
    InvoicingOptions {
        grace_days: reader.take(grace, number(0..=60)),
        issuer: reader.take(issuer, |text| {
            let lines = text.replace("\\n", "\n").replace('|', "\n");
            let lines: Vec<_> =
                lines.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
            if lines.is_empty() { Err("expected some text".to_owned()) } else { Ok(lines) }
        }),
    }
}

fn telemetry_options(reader: &mut Reader) -> telemetry::Options {
    reader.chapter("Log");
    telemetry::Options {
        filter: reader.take(
            setting(
                "LOG",
                "info,sea_orm_migration=warn,actix_server=warn",
                "what is logged, such as info or wabacus=debug,info",
            ),
            not_empty,
        ),
        format: reader.take(setting("LOG_FORMAT", "text", "text or json"), |text| {
            text.parse().map_err(|_| "expected text or json".to_owned())
        }),
    }
}
