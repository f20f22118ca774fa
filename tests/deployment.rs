//! What the deployment files say is true: the settings that they name exist, what they copy is there, and their times fit together.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use wabacus::config::Config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The settings that files may name, each set to this value if it is to be read at all.
fn read(settings: &[(String, String)]) -> Config {
    let settings: BTreeMap<_, _> = settings.iter().cloned().collect();
    Config::from_sources(settings, BTreeMap::new()).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks that all of these are settings with values that are accepted.
fn assert_settings(file: &str, settings: &[(String, String)]) {
    assert!(!settings.is_empty(), "{file} sets nothing: the check would prove nothing");
    let config = read(settings);
    for (name, _) in settings {
        assert!(config.listed.iter().any(|listed| listed.name == *name), "{file}: {name} is no setting");
    }
}

/// Lines with those joined that a backslash continues.
fn joined(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.starts_with('#')).collect()
}

/// What follows a word at the beginning of a line.
fn after<'a>(lines: &'a [String], word: &'a str) -> impl Iterator<Item = &'a str> {
    lines.iter().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' ')).map(str::trim)
}

fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or_else(|| panic!("no NAME=value: {text}"));
    (name.to_owned(), value.to_owned())
}

#[test]
fn the_image_is_built_from_what_there_is_and_sets_what_can_be_set() {
    let lines = joined(&text("Dockerfile"));
    let settings: Vec<_> = after(&lines, "ENV").flat_map(str::split_whitespace).map(pair).collect();
    assert_settings("Dockerfile", &settings);
    let bind = read(&settings).http.bind;
    assert!(after(&lines, "EXPOSE").any(|port| port == bind.port().to_string()), "the port of BIND is exposed");

    let ignored: Vec<_> = joined(&text(".dockerignore")).into_iter().filter(|line| !line.is_empty()).collect();
    let copied: Vec<_> = after(&lines, "COPY").filter(|line| !line.starts_with("--from")).collect();
    let sources = copied.iter().flat_map(|line| line.split_whitespace().rev().skip(1));
    for source in sources.clone() {
        assert!(root().join(source).exists(), "Dockerfile copies {source}, which is not there");
        assert!(!ignored.iter().any(|ignored| ignored == source), "Dockerfile copies {source}, which is ignored");
    }
    // What cargo must have to read the manifest at all, and what the build script reads.
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs", "src", "entity", "migration", "benches", "web"] {
        assert!(sources.clone().any(|source| source == needed), "Dockerfile does not copy {needed}");
    }
    assert!(text("Cargo.toml").contains("[profile.dist]"), "Dockerfile builds with a profile that is there");
    assert!(
        lines.iter().any(|line| line.contains("--profile dist")) && after(&lines, "USER").any(|user| user != "root")
    );
}

#[test]
fn the_image_asks_about_its_health_with_a_command_that_the_binary_has() {
    let lines = joined(&text("Dockerfile"));
    let check = after(&lines, "HEALTHCHECK").next().expect("a health check");
    let (_, command) = check.split_once("CMD ").expect("a command");
    let words: Vec<String> = serde_json::from_str(command).expect("words in brackets");
    assert_eq!(words[0], "wabacus");
    let known = Command::new(env!("CARGO_BIN_EXE_wabacus")).args(&words[1..]).arg("--help").output();
    let known = known.expect("the binary runs");
    assert!(known.status.success() && String::from_utf8_lossy(&known.stdout).contains("--ready"));
}

#[test]
fn the_compose_file_sets_what_can_be_set_and_names_what_it_starts() {
    let file = text("compose.yaml");
    let begin = file.find("x-settings:").expect("the settings of the nodes");
    let block: Vec<_> = file[begin..].lines().skip(1).take_while(|line| line.starts_with(' ')).collect();
    let value = |value: &str| match value.trim().trim_matches('"') {
        key if key.starts_with("${MASTER_KEY:?") => "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        plain => plain.replace("${POSTGRES_PASSWORD:-wabacus}", "wabacus"),
    };
    let own = block.iter().map(|line| line.split_once(": ").expect("NAME: value"));
    let mut settings: Vec<_> = own.map(|(name, text)| (name.trim().to_owned(), value(text))).collect();
    settings.push(("NODE_NAME".to_owned(), "node-1".to_owned()));
    assert_eq!(file.matches("NODE_NAME: node-").count(), 2, "two nodes");
    assert_settings("compose.yaml", &settings);
    for (name, value) in &settings {
        let host = url::Url::parse(value).ok().and_then(|url| url.host_str().map(str::to_owned));
        if let Some(host) = host {
            assert!(file.contains(&format!("\n  {host}:\n")), "{name} names {host}, which compose.yaml does not start");
        }
    }
    let drain = read(&settings).scheduler.drain.num_seconds();
    assert!(number_after(&file, "stop_grace_period: ") > drain + 10, "who stops a node must wait for its jobs");
}

#[test]
fn the_unit_sets_what_can_be_set_and_waits_for_the_jobs() {
    let unit = text("deploy/wabacus.service");
    let settings: Vec<_> = unit.lines().filter_map(|line| line.strip_prefix("Environment=")).map(pair).collect();
    assert_settings("deploy/wabacus.service", &settings);
    let config = read(&settings);
    let drain = config.scheduler.drain.num_seconds();
    assert!(number_after(&unit, "TimeoutStopSec=") > drain + 10, "who stops a node must wait for its jobs");
    let file = config.store.sqlite_file().expect("a file");
    assert!(file.starts_with("/var/lib/wabacus") && unit.contains("\nStateDirectory=wabacus\n"), "{}", file.display());
    for hardened in ["Type=exec", "DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "Restart=always"] {
        assert!(unit.contains(&format!("\n{hardened}\n")), "{hardened}");
    }
}

fn number_after(text: &str, words: &str) -> i64 {
    let (_, rest) = text.split_once(words).unwrap_or_else(|| panic!("no {words}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}
