//! The doctor: looks at everything that the server stands on, one finding for each, and says what to do about what is not well.
//!
//! Nothing is changed: what has to be tried by writing is taken back, and a database that is not there yet is not made. Nothing that is secret is
//! shown or sent.

mod database;
mod host;
mod lease;
mod outside;
mod redis;

use std::fmt;

use serde::Serialize;

use crate::config::{Config, ConfigError};
use crate::domain::clock::SharedClock;

pub use outside::ready;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// It works, but not as well or not as safely as it could.
    Warn,
    /// The server would not start, or not do its work.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        })
    }
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub verdict: Verdict,
    /// What was looked at, such as `database: version`.
    pub what: &'static str,
    /// What it is like, in one line.
    pub detail: String,
    /// What to do, in one line, where it is not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    fn ok(what: &'static str, detail: impl fmt::Display) -> Self {
        Self { verdict: Verdict::Ok, what, detail: one_line(detail), advice: None }
    }

    fn warn(what: &'static str, detail: impl fmt::Display, advice: impl fmt::Display) -> Self {
        Self { verdict: Verdict::Warn, what, detail: one_line(detail), advice: Some(one_line(advice)) }
    }

    fn fail(what: &'static str, detail: impl fmt::Display, advice: impl fmt::Display) -> Self {
        Self { verdict: Verdict::Fail, what, detail: one_line(detail), advice: Some(one_line(advice)) }
    }
}

fn one_line(text: impl fmt::Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string);
    one_line(std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": "))
}

/// All findings, in the order in which things depend on each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of them.
    pub verdict: Verdict,
    pub findings: Vec<Finding>,
}

impl From<Vec<Finding>> for Report {
    fn from(findings: Vec<Finding>) -> Self {
        let verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
        Self { verdict, findings }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.findings.iter().map(|finding| finding.what.len()).max().unwrap_or_default();
        for Finding { verdict, what, detail, advice } in &self.findings {
            writeln!(f, "{verdict:<4}  {what:<width$}  {detail}")?;
            if let Some(advice) = advice {
                writeln!(f, "      {:<width$}  -> {advice}", "")?;
            }
        }
        Ok(())
    }
}

/// Why there was nothing to examine: the settings themselves are no good.
pub fn of_bad_settings(error: &ConfigError) -> Report {
    let advice = "mend the setting; `wabacus config` lists them all with what they mean";
    let findings = match error {
        ConfigError::Bad(bad) => bad.iter().map(|bad| Finding::fail("configuration", bad, advice)).collect(),
        ConfigError::Unreadable { .. } | ConfigError::NotToml { .. } => {
            vec![Finding::fail("configuration", chain(error), "mend the file that --config names")]
        }
    };
    Report::from(findings)
}

/// Looks at everything.
pub async fn examine(mut config: Config, clock: &SharedClock) -> Report {
    let mut findings = host::settings(&config);
    let keys = config.keys.take();
    findings.extend(host::master_key(keys.as_ref()));
    let outside = tokio::join!(
        database::examine(&config, keys.as_ref(), clock),
        redis::examine(&config, clock),
        outside::examine(&config)
    );
    findings.extend(<[_; 3]>::from(outside).into_iter().flatten());
    Report::from(findings)
}
