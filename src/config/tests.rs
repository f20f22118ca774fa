//! Settings as they are read, listed and refused.

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_defaults_are_accepted_and_listed_with_their_meaning() {
    let config = Config::from_sources(map(&[]), map(&[])).unwrap();
    assert!(config.listed.len() > 30);
    assert!(config.listed.iter().all(|listed| listed.source == Source::Default && !listed.meaning.is_empty()));
    assert_eq!(config.scheduling, SchedulingOptions::default());
    assert_eq!(config.retention, RetentionOptions::default());
    assert_eq!(config.invoicing, InvoicingOptions::default());
    assert_eq!(config.catalog_options, CatalogOptions::default());
    assert_eq!(config.bootstrap, BootstrapOptions::default());
}

#[test]
fn the_environment_outweighs_the_file_and_secrets_are_not_shown() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let environment = map(&[("BIND", "127.0.0.1:1"), ("MASTER_KEY", key)]);
    let config = Config::from_sources(environment, map(&[("bind", "127.0.0.1:2"), ("jobs_max", "3")])).unwrap();
    assert_eq!(config.http.bind.port(), 1);
    assert_eq!(config.scheduler.jobs_max, 3);
    assert!(!format!("{:?}", config.listed).contains("AAAA"));
}

#[test]
fn every_setting_of_the_prefix_is_a_template_and_the_environment_outweighs_the_file() {
    let environment = map(&[("TEMPLATE_WELCOME", " 1001 "), ("TEMPLATE_", "x"), ("TEMPLATE_MENU", "")]);
    let file = map(&[("template_welcome", "7"), ("template_hours", "1002")]);
    let config = Config::from_sources(environment, file).unwrap();
    assert_eq!(config.catalog_options.templates, map(&[("HOURS", "1002"), ("WELCOME", "1001")]));
    let listed = config.listed.iter().filter(|listed| listed.name.starts_with("TEMPLATE_"));
    let listed: Vec<_> = listed.map(|listed| (listed.name.as_str(), listed.source)).collect();
    assert_eq!(listed, [("TEMPLATE_HOURS", Source::File), ("TEMPLATE_WELCOME", Source::Environment)]);
}

#[test]
fn every_bad_setting_is_named_with_its_value_and_what_is_accepted() {
    let environment =
        map(&[("BIND", "nowhere"), ("JOBS_MAX", "0"), ("MASTER_KEY", "short"), ("REDIS_URL", "http://x")]);
    let ConfigError::Bad(bad) = Config::from_sources(environment, map(&[("jobsmax", "3")])).unwrap_err() else {
        panic!("expected bad settings")
    };
    let names: Vec<_> = bad.iter().map(|bad| bad.name.as_str()).collect();
    assert_eq!(names, ["REDIS_URL", "BIND", "JOBS_MAX", "MASTER_KEY", "JOBSMAX"]);
    assert!(bad[0].to_string().contains("redis://host"), "{}", bad[0]);
    assert!(bad[2].to_string().contains("from 1 to 10000"), "{}", bad[2]);
    assert!(!bad[3].to_string().contains("short"));
}

/// Every setting that is a number, with the smallest and the largest that is accepted.
const NUMBERS: [(&str, i64, i64); 34] = [
    ("DATABASE_READERS", 1, 500),
    ("BODY_BYTES_MAX", 1_024, 67_108_864),
    ("SELECTIONS_MAX", 100, 1_000_000),
    ("DEPTH_MAX", 5, 100),
    ("COMPLEXITY_MAX", 100, 10_000_000),
    ("ALIASES_MAX", 1, 10_000),
    ("BSP_TIMEOUT_SECONDS", 1, 600),
    ("GUPSHUP_PER_MINUTE", 1, 10_000),
    ("GRAPH_PER_HOUR", 1, 100_000),
    ("BSP_PER_SECOND", 1, 10_000),
    ("WEBHOOK_TIMEOUT_SECONDS", 1, 60),
    ("JOBS_MAX", 1, 10_000),
    ("JOB_DEADLINE_SECONDS", 1, 86_400),
    ("DRAIN_SECONDS", 0, 600),
    ("LEASE_TTL_SECONDS", 1, 300),
    ("DATABASE_STATEMENT_TIMEOUT_SECONDS", 0, 3_600),
    ("HERD_WINDOW_SECONDS", 0, 7_200),
    ("RETRY_ATTEMPTS", 1, 100),
    ("RETRY_BASE_SECONDS", 1, 3_600),
    ("RETRY_CAP_SECONDS", 1, 86_400),
    ("USAGE_LOOKBACK_DAYS", 0, 90),
    ("LATE_WINDOW_DAYS", 1, 3_650),
    ("INVOICE_GRACE_DAYS", 0, 60),
    ("RETENTION_PAYLOADS_DAYS", 1, 3_650),
    ("RETENTION_RUNS_DAYS", 1, 3_650),
    ("RETENTION_FAILED_RUNS_DAYS", 1, 3_650),
    ("RETENTION_EVENTS_DAYS", 1, 3_650),
    ("RETENTION_REJECTED_UPDATES_DAYS", 1, 3_650),
    ("RETENTION_ALERTS_DAYS", 1, 3_650),
    ("RETENTION_WEBHOOK_ATTEMPTS_DAYS", 1, 3_650),
    ("CATALOG_TIMEOUT_SECONDS", 1, 600),
    ("CATALOG_CACHE_TTL_SECONDS", 1, 86_400),
    ("BOOTSTRAP_AT_ONCE", 1, 1_000),
    ("BOOTSTRAP_PER_MINUTE", 1, 100_000),
];

/// The one setting that is refused, and what would have been accepted.
fn refused(name: &str, value: &str) -> BadSetting {
    let ConfigError::Bad(mut bad) = Config::from_sources(map(&[(name, value)]), map(&[])).unwrap_err() else {
        panic!("{name}={value}: expected a bad setting")
    };
    assert_eq!(bad.len(), 1, "{bad:?}");
    bad.remove(0)
}

#[test]
fn every_number_is_taken_at_its_bounds_and_refused_by_name_beyond_them() {
    for (name, smallest, largest) in NUMBERS {
        for inside in [smallest, largest] {
            let config = Config::from_sources(map(&[(name, &inside.to_string())]), map(&[]));
            assert!(config.is_ok(), "{name}={inside}: {config:?}");
        }
        for outside in [smallest - 1, largest + 1] {
            let bad = refused(name, &outside.to_string());
            assert_eq!((bad.name.as_str(), bad.value), (name, outside.to_string()));
            let bounds = [smallest.to_string(), largest.to_string()];
            assert!(bounds.iter().all(|bound| bad.accepted.contains(bound)), "{name}: {}", bad.accepted);
        }
        for none in ["", "x", "1.5", "99999999999999999999"] {
            assert_eq!(refused(name, none).name, name);
        }
    }
}

#[test]
fn every_setting_that_is_a_number_is_in_the_table() {
    let config = Config::from_sources(map(&[]), map(&[])).unwrap();
    let numbers = config.listed.iter().filter(|listed| listed.value.parse::<i64>().is_ok());
    let mut names: Vec<_> = numbers.map(|listed| listed.name.as_str()).collect();
    let mut table: Vec<_> = NUMBERS.iter().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    table.sort_unstable();
    assert_eq!(names, table);
}

#[test]
fn the_password_of_an_address_is_neither_listed_nor_said_when_it_is_refused() {
    for (url, shown) in [
        ("postgres://ann:s3cret@host:5432/data?sslmode=require", "postgres://ann:...@host:5432/data?sslmode=require"),
        ("postgres://host/data?user=ann&password=s3cret", "postgres://host/data?user=ann&password=..."),
        ("postgres://ann@host/data", "postgres://ann@host/data"),
        ("sqlite://wabacus.db", "sqlite://wabacus.db"),
    ] {
        let config = Config::from_sources(map(&[("DATABASE_URL", url)]), map(&[])).unwrap();
        let listed = config.listed.iter().find(|listed| listed.name == "DATABASE_URL").unwrap();
        assert_eq!(listed.value, shown);
    }
    for bad in ["mysql://ann:s3cret@host/data", "ann:s3cret@host", "postgres://ann:s3cret@host:port/data"] {
        let text = refused("DATABASE_URL", bad).to_string();
        assert!(text.starts_with("DATABASE_URL: ") && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_variable_that_looks_like_a_misspelt_setting_is_told_with_what_was_meant() {
    let environment = map(&[
        ("DATABSE_URL", "x"),
        ("JOB_MAX", "3"),
        ("RETENTION_RUN_DAYS", "3"),
        ("HOSTNAME", "x"),
        ("NODE_ENV", "x"),
        ("LOGS", "x"),
        ("TEMPLATE_WELCOME", "1"),
        ("BIND", "127.0.0.1:1"),
    ]);
    let config = Config::from_sources(environment, map(&[])).unwrap();
    let told: Vec<_> = config.misspelt.iter().map(|told| (told.name.as_str(), told.nearest.as_str())).collect();
    let expected =
        [("DATABSE_URL", "DATABASE_URL"), ("JOB_MAX", "JOBS_MAX"), ("RETENTION_RUN_DAYS", "RETENTION_RUNS_DAYS")];
    assert_eq!(told, expected);
}

#[test]
fn the_listing_is_in_chapters_and_fits_a_terminal() {
    let config = Config::from_sources(map(&[]), map(&[("jobs_max", "3")])).unwrap();
    let text = listing(&config.listed);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(
        text.contains("\n  JOBS_MAX = 3 ") && text.contains("(file)\n      jobs that run at the same time\n"),
        "{text}"
    );
    let chapters: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
    let mut once = chapters.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), chapters.len(), "each chapter once: {chapters:?}");
    assert!(config.listed.iter().all(|listed| text.contains(&format!("  {} = ", listed.name))));
}

#[test]
fn redis_is_optional_and_its_password_is_shown_neither_when_it_is_good_nor_when_it_is_bad() {
    assert!(Config::from_sources(map(&[]), map(&[])).unwrap().redis.is_none());
    let good = map(&[("REDIS_URL", "redis://user:hunter2@host:6379/1"), ("REDIS_PREFIX", "shop:")]);
    let config = Config::from_sources(good, map(&[])).unwrap();
    assert_eq!(config.redis.as_ref().map(|redis| redis.prefix.as_str()), Some("shop:"));
    let shown = config.listed.iter().find(|listed| listed.name == "REDIS_URL").map(|listed| listed.value.as_str());
    assert_eq!(shown, Some("redis://user:...@host:6379/1"));
    assert!(!format!("{config:?}").contains("hunter2"));
    let bad = map(&[("REDIS_URL", "http://user:hunter2@host"), ("REDIS_PREFIX", "")]);
    let error = Config::from_sources(bad, map(&[])).unwrap_err().to_string();
    assert!(error.contains("REDIS_URL") && error.contains("REDIS_PREFIX") && !error.contains("hunter2"), "{error}");
}
