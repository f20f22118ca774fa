//! Reading settings by name: the environment first, then the file, then the default; every one listed, every bad one said.

use std::collections::{BTreeMap, BTreeSet};

/// Where a setting's value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Environment,
    File,
    Default,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

/// A setting as `wabacus config` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    /// What it is set to; a secret is not shown.
    pub value: String,
    pub source: Source,
    pub meaning: &'static str,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {value:?} (from the {source_name}) is not accepted; {accepted}")]
pub struct BadSetting {
    pub name: String,
    pub value: String,
    pub source_name: String,
    pub accepted: String,
}

/// What a setting is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) meaning: &'static str,
    pub(super) secret: bool,
}

/// Reads settings and remembers what it read.
#[derive(Debug)]
pub(super) struct Reader {
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    known: BTreeSet<String>,
    listed: Vec<Listed>,
    bad: Vec<BadSetting>,
}

impl Reader {
    /// Reads from these; the file's keys are the settings' names, in any case.
    pub(super) fn new(environment: BTreeMap<String, String>, file: BTreeMap<String, String>) -> Self {
        let file = file.into_iter().map(|(name, value)| (name.to_ascii_uppercase(), value)).collect();
        Self { environment, file, known: BTreeSet::new(), listed: Vec::new(), bad: Vec::new() }
    }

    /// Reads a setting; `parse` says what is accepted where it does not accept. The default stands in for a bad value, which is reported at
    /// the end.
    pub(super) fn take<T>(&mut self, setting: Setting, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let Setting { name, default, meaning, secret } = setting;
        self.known.insert(name.to_owned());
        let (value, source) = match (self.environment.get(name), self.file.get(name)) {
            (Some(value), _) => (value.clone(), Source::Environment),
            (None, Some(value)) => (value.clone(), Source::File),
            (None, None) => (default.to_owned(), Source::Default),
        };
        let shown = if secret && !value.is_empty() { "(hidden)".to_owned() } else { without_password(&value) };
        self.listed.push(Listed { name: name.to_owned(), value: shown.clone(), source, meaning });
        parse(&value).unwrap_or_else(|accepted| {
            let source_name = source.to_string();
            self.bad.push(BadSetting { name: name.to_owned(), value: shown, source_name, accepted });
            parse(default).unwrap_or_else(|_| unreachable!("the default of {name} is accepted, as a test checks"))
        })
    }

    /// Reads every setting whose name begins with `prefix`, by the rest of the name; one that is empty is as one that is not set.
    pub(super) fn take_all(&mut self, prefix: &str, meaning: &'static str) -> BTreeMap<String, String> {
        let mut taken = BTreeMap::new();
        for (source, settings) in [(Source::File, &self.file), (Source::Environment, &self.environment)] {
            for (name, value) in settings {
                let rest = name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
                if let Some(rest) = rest {
                    self.known.insert(name.clone());
                    taken.insert(rest.to_owned(), (name.clone(), value.trim().to_owned(), source));
                }
            }
        }
        let taken = taken.into_iter().filter(|(_, (_, value, _))| !value.is_empty());
        let listed = |(rest, (name, value, source)): (String, (String, String, Source))| {
            self.listed.push(Listed { name, value: value.clone(), source, meaning });
            (rest, value)
        };
        taken.map(listed).collect()
    }

    /// All that was read; an error where something was bad, or the file has a key that no setting has.
    pub(super) fn finish(mut self) -> Result<Vec<Listed>, Vec<BadSetting>> {
        for (name, value) in &self.file {
            if !self.known.contains(name.as_str()) {
                let accepted = "expected the name of a setting; `wabacus config` lists them".to_owned();
                let source_name = Source::File.to_string();
                self.bad.push(BadSetting { name: name.clone(), value: value.clone(), source_name, accepted });
            }
        }
        if self.bad.is_empty() { Ok(self.listed) } else { Err(self.bad) }
    }
}

/// An address without the password in it, be it a good one or not; anything else as it is.
fn without_password(value: &str) -> String {
    let parts = value.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    match parts.and_then(|(scheme, (user, place))| Some((scheme, user.split_once(':')?.0, place))) {
        Some((scheme, user, place)) => format!("{scheme}://{user}:***@{place}"),
        None => value.to_owned(),
    }
}
