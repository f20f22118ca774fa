//! What can be told without asking anybody: the settings, the master key, the file of a SQLite database.

use std::path::Path;

use super::Finding;
use crate::config::{Config, Misspelt, Source};
use crate::service::MasterKeys;

/// Kinds of file systems on which SQLite's locks cannot be relied on, by the names that Linux has for them.
const NETWORK: [&str; 10] = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "fuse.sshfs"];

pub(super) fn settings(config: &Config) -> Vec<Finding> {
    let set = config.listed.iter().filter(|listed| listed.source != Source::Default).count();
    let fine = Finding::ok("configuration", format_args!("{set} of {} settings are set", config.listed.len()));
    let misspelt = config.misspelt.iter().map(|Misspelt { name, nearest }| {
        Finding::warn("configuration", format_args!("{name} is no setting"), format_args!("was {nearest} meant?"))
    });
    std::iter::once(fine).chain(misspelt).collect()
}

pub(super) fn master_key(keys: Option<&MasterKeys>) -> Option<Finding> {
    let advice = "set MASTER_KEY, once made with `openssl rand -base64 32` and kept: the server does not start without";
    match keys {
        Some(_) => None,
        None => Some(Finding::fail("master key", "MASTER_KEY is not set", advice)),
    }
}

/// What the file of a SQLite database, which may not be there yet, and its folder are like.
pub(super) fn sqlite_file(file: &Path) -> Vec<Finding> {
    const WHAT: &str = "database: file";
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let name = file.display();
    if !folder.is_dir() {
        let advice = format!("make the folder {}, or set DATABASE_URL to another place", folder.display());
        return vec![Finding::fail(WHAT, format_args!("{name} is in a folder that is not there"), advice)];
    }
    // Beside the file SQLite keeps a log and its index, so the folder has to be writable too.
    if let Err(error) = tempfile::tempfile_in(folder) {
        let advice = format!("let the user that runs wabacus write into {}", folder.display());
        return vec![Finding::fail(WHAT, format_args!("nothing can be written beside {name}: {error}"), advice)];
    }
    if file.exists() && std::fs::OpenOptions::new().append(true).open(file).is_err() {
        let advice = format!("let the user that runs wabacus write to {name}");
        return vec![Finding::fail(WHAT, format_args!("{name} cannot be written to"), advice)];
    }
    let made = if file.exists() { "is writable" } else { "will be made at the first start" };
    let mut findings = vec![Finding::ok(WHAT, format_args!("{name} {made}"))];
    if let Some(kind) = file_system(folder).filter(|kind| NETWORK.contains(&kind.as_str())) {
        let advice = "put the file on a local disk, or use PostgreSQL: SQLite's locks do not hold over a network";
        findings.push(Finding::fail(WHAT, format_args!("{name} is on a network file system ({kind})"), advice));
    }
    findings
}

/// The kind of file system that a folder is on, where it can be told.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    kind_among(&mounts, &folder)
}

/// Of the mounts that a folder is below, the last one of the longest path.
fn kind_among(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?.replace("\\040", " "), fields.next()?))
    });
    let around = mounts.filter(|(at, _)| folder.starts_with(at));
    around.max_by_key(|(at, _)| at.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_of_a_folder_is_that_of_the_innermost_mount() {
        let mounts = "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n//host/a /home/my\\040disk cifs rw 0 0\n";
        let kind = |folder: &str| kind_among(mounts, Path::new(folder));
        assert_eq!(kind("/var/lib/wabacus").as_deref(), Some("ext4"));
        assert_eq!(kind("/home/ann").as_deref(), Some("nfs4"));
        assert_eq!(kind("/homestead").as_deref(), Some("ext4"));
        assert_eq!(kind("/home/my disk/data").as_deref(), Some("cifs"));
    }

    #[test]
    fn a_folder_that_is_missing_or_takes_nothing_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let missing = sqlite_file(&folder.path().join("no/such/file.db"));
        assert!(missing[0].advice.as_ref().unwrap().contains("make the folder"), "{missing:?}");
        let fresh = sqlite_file(&folder.path().join("file.db"));
        assert!(fresh[0].detail.ends_with("will be made at the first start"), "{fresh:?}");
        // Something that is no file can be written to by nobody, not even by root.
        std::fs::create_dir(folder.path().join("folder.db")).unwrap();
        let no_file = sqlite_file(&folder.path().join("folder.db"));
        assert!(no_file[0].detail.ends_with("cannot be written to"), "{no_file:?}");
    }
}
