//! Reading settings by name: the environment first, then the file, then the default; every one listed, every bad one said.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use url::Url;

/// Where a setting's value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What it is about.
    pub chapter: &'static str,
    pub name: String,
    /// What it is set to; neither a secret nor the password of an address is shown.
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

/// A variable of the environment that looks like a setting and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misspelt {
    pub name: String,
    /// The setting that was probably meant.
    pub nearest: String,
}

/// How much of a value may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Plain,
    /// An address, whose password is not shown.
    WithoutPassword,
    Never,
}

/// What stands in the place of what is not shown.
const HIDDEN: &str = "(hidden)";

impl Shown {
    fn of(self, value: &str) -> String {
        match self {
            _ if value.is_empty() => String::new(),
            Self::Plain => value.to_owned(),
            Self::WithoutPassword => without_password(value).unwrap_or_else(|| HIDDEN.to_owned()),
            Self::Never => HIDDEN.to_owned(),
        }
    }
}

/// `None`: it is not an address in which a password could be found.
fn without_password(address: &str) -> Option<String> {
    let mut url = Url::parse(address).ok().filter(|url| url.has_host() || !address.contains('@'))?;
    if url.password().is_some() {
        url.set_password(Some("...")).ok()?;
    }
    // PostgreSQL takes the password behind the question mark too.
    let is_password = |name: &str| name.to_ascii_lowercase().contains("pass");
    if url.query_pairs().any(|(name, _)| is_password(&name)) {
        let pairs: Vec<_> = url.query_pairs().into_owned().filter(|(name, _)| !is_password(name)).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair("password", "...");
    } else if url.password().is_none() {
        return Some(address.to_owned());
    }
    Some(url.into())
}

/// So many letters that are missing, too many, wrong or swapped with the next make a name a misspelt one, not another.
const SLIPS_MAX: usize = 2;

/// Shorter names are too easily like others that mean something else.
const LETTERS_MIN: usize = 6;

/// What a setting is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) meaning: &'static str,
    pub(super) shown: Shown,
}

/// Reads settings and remembers what it read.
#[derive(Debug)]
pub(super) struct Reader {
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    known: BTreeSet<String>,
    chapter: &'static str,
    listed: Vec<Listed>,
    bad: Vec<BadSetting>,
}

impl Reader {
    /// Reads from these; the file's keys are the settings' names, in any case.
    pub(super) fn new(environment: BTreeMap<String, String>, file: BTreeMap<String, String>) -> Self {
        let file = file.into_iter().map(|(name, value)| (name.to_ascii_uppercase(), value)).collect();
        Self { environment, file, known: BTreeSet::new(), chapter: "", listed: Vec::new(), bad: Vec::new() }
    }

    /// Says what the settings that are read next are about.
    pub(super) const fn chapter(&mut self, name: &'static str) {
        self.chapter = name;
    }

    /// Reads a setting; `parse` says what is accepted where it does not accept. The default stands in for a bad value, which is reported at
    /// the end.
    pub(super) fn take<T>(&mut self, setting: Setting, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let Setting { name, default, meaning, shown } = setting;
        self.known.insert(name.to_owned());
        let (value, source) = match (self.environment.get(name), self.file.get(name)) {
            (Some(value), _) => (value.clone(), Source::Environment),
            (None, Some(value)) => (value.clone(), Source::File),
            (None, None) => (default.to_owned(), Source::Default),
        };
        let shown = shown.of(&value);
        let chapter = self.chapter;
        self.listed.push(Listed { chapter, name: name.to_owned(), value: shown.clone(), source, meaning });
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
            self.listed.push(Listed { chapter: self.chapter, name, value: value.clone(), source, meaning });
            (rest, value)
        };
        taken.map(listed).collect()
    }

    /// The variables of the environment that are almost the name of a setting, once all settings were read.
    pub(super) fn misspelt(&self) -> Vec<Misspelt> {
        let strangers = self.environment.keys().filter(|name| name.len() >= LETTERS_MIN && !self.known.contains(*name));
        let found = strangers.filter_map(|name| {
            let slips = |known: &&String| strsim::damerau_levenshtein(name, known);
            let nearest = self.known.iter().filter(|known| known.len() >= LETTERS_MIN).min_by_key(slips)?;
            let misspelt = || Misspelt { name: name.clone(), nearest: nearest.clone() };
            (slips(&nearest) <= SLIPS_MAX).then(misspelt)
        });
        found.collect()
    }

    /// All that was read, chapter by chapter; an error where something was bad, or the file has a key that no setting has.
    pub(super) fn finish(mut self) -> Result<Vec<Listed>, Vec<BadSetting>> {
        for (name, value) in &self.file {
            if !self.known.contains(name.as_str()) {
                let accepted = "expected the name of a setting; `wabacus config` lists them".to_owned();
                let source_name = Source::File.to_string();
                self.bad.push(BadSetting { name: name.clone(), value: value.clone(), source_name, accepted });
            }
        }
        if !self.bad.is_empty() {
            return Err(self.bad);
        }
        let mut chapters = Vec::new();
        for listed in &self.listed {
            if !chapters.contains(&listed.chapter) {
                chapters.push(listed.chapter);
            }
        }
        self.listed.sort_by_key(|listed| chapters.iter().position(|chapter| *chapter == listed.chapter));
        Ok(self.listed)
    }
}
