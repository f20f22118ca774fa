//! Gathers what the browser gets into `OUT_DIR/assets`, where `http::asset` embeds it: our own page, and GraphiQL from npm.
//!
//! No third-party file is in the repository. Without npm, or with `WABACUS_WEB=off`, the page loads the same files from
//! a CDN, checked by their integrity hashes. Nothing is written outside `OUT_DIR`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// Ours, in `web/`.
const OWN: [&str; 3] = ["wabacus-graphiql.js", "wabacus-graphiql.css", "wabacus.svg"];

/// Theirs, in `node_modules` once installed. `http::asset` knows them by the last part of the path.
const THEIRS: [&str; 5] = [
    "react/umd/react.production.min.js",
    "react-dom/umd/react-dom.production.min.js",
    "graphiql/graphiql.min.js",
    "graphiql/graphiql.min.css",
    "graphql-ws/umd/graphql-ws.min.js",
];

/// What npm needs to install exactly the same everywhere.
const LOCK: [&str; 2] = ["package.json", "package-lock.json"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=WABACUS_WEB");
    println!("cargo::rerun-if-changed=build.rs");
    for file in OWN.iter().chain(&LOCK).chain(&["graphiql.html"]) {
        println!("cargo::rerun-if-changed=web/{file}");
    }
    let web = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?).join("web");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let assets = out.join("assets");
    fs::create_dir_all(&assets)?;
    for file in OWN {
        fs::copy(web.join(file), assets.join(file))?;
    }
    if env::var_os("WABACUS_WEB").is_some_and(|value| value == "off") {
        return forget(&assets);
    }
    if let Err(reason) = install(&web, &out.join("npm"), &assets) {
        println!(
            "cargo::warning=GraphiQL is not embedded and will load from a CDN: {reason}. Once npm works: touch build.rs"
        );
        forget(&assets)?;
    }
    Ok(())
}

/// Runs `npm ci` in a folder of its own and keeps the five files, unless they are there already for the same lock.
fn install(web: &Path, npm: &Path, assets: &Path) -> Result<(), Box<dyn Error>> {
    let stamp = npm.join("installed-lock.json");
    let lock = fs::read(web.join(LOCK[1]))?;
    let kept = THEIRS.iter().all(|file| assets.join(base_name(file)).exists());
    if kept && fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    fs::create_dir_all(npm)?;
    for file in LOCK {
        fs::copy(web.join(file), npm.join(file))?;
    }
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let install = Command::new(program)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"])
        .current_dir(npm)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm cannot be run ({error})"))?;
    if !install.status.success() {
        let said = String::from_utf8_lossy(&install.stderr);
        return Err(format!("npm ci failed: {}", said.lines().next().unwrap_or("it said nothing")).into());
    }
    for file in THEIRS {
        fs::copy(npm.join("node_modules").join(file), assets.join(base_name(file)))?;
    }
    fs::write(stamp, lock)?;
    // Five files of a hundred megabytes were wanted.
    fs::remove_dir_all(npm.join("node_modules"))?;
    Ok(())
}

/// Removes what an earlier build installed, so that the binary does not hold half of it.
fn forget(assets: &Path) -> Result<(), Box<dyn Error>> {
    for file in THEIRS.map(|file| assets.join(base_name(file))) {
        if file.exists() {
            fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
