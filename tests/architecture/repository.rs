//! The files of the repository, as git lists them, or as they lie on the disk where there is no git.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Locked dependency lists are other people's names and hashes.
const LOCKS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// What grows while building.
const GROWN: [&str; 3] = [".git", "target", "node_modules"];

/// The Rust sources under a folder, as (name, text).
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
    let within = format!("{folder}/");
    let found: Vec<_> = rust().into_iter().filter(|(name, _)| name.starts_with(&within)).collect();
    assert!(found.len() > 10, "only {} sources under {folder}: the check would prove nothing", found.len());
    found
}

/// Every Rust source of the repository, as (name, text).
pub(crate) fn rust() -> Vec<(String, String)> {
    texts().into_iter().filter(|(name, _)| Path::new(name).extension().is_some_and(|kind| kind == "rs")).collect()
}

/// Every file of the repository that is text, as (name, text).
pub(crate) fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = listed(root).unwrap_or_else(|| lying(root));
    names.sort();
    // A file that git lists may have been removed, and one that is not UTF-8 has no lines to check.
    names.into_iter().filter_map(|name| fs::read_to_string(root.join(&name)).ok().map(|text| (name, text))).collect()
}

/// New files included, ignored ones not.
fn listed(root: &Path) -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = git.output().ok().filter(|output| output.status.success())?;
    let names = String::from_utf8(output.stdout).ok()?;
    let names: Vec<String> = names.split_terminator('\0').map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

fn lying(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let grown = entry.file_name().to_str().is_none_or(|name| GROWN.contains(&name));
            if path.is_dir() && !grown {
                folders.push(path);
            } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str).filter(|_| path.is_file()) {
                found.push(name.to_owned());
            }
        }
    }
    found
}

/// One line for each place that holds what no file may hold.
pub(crate) fn forbidden(texts: &[(String, String)]) -> Vec<String> {
    // Written in halves, so that this file does not hold them either.
    let paths = [["/wo", "rk/"], ["/ro", "ot/"]].map(|halves| halves.concat());
    let words = [["TO", "DO"], ["FIX", "ME"]].map(|halves| halves.concat());
    let skipped = ["#[igno", "re"].concat();
    let mut found = Vec::new();
    for (name, text) in texts {
        if LOCKS.iter().any(|lock| name.ends_with(lock)) {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            let is_word = |word: &String| line.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
            if paths.iter().any(|path| line.contains(path)) {
                found.push(format!("{name}:{number}: a path of one machine"));
            }
            if words.iter().any(is_word) {
                found.push(format!("{name}:{number}: an open end"));
            }
            if line.contains(&skipped) {
                found.push(format!("{name}:{number}: a test that never runs"));
            }
        }
    }
    found
}
