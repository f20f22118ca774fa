//! The welcome bootstrap: what was fetched for a customer's first messages, and what is still to be.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::catalog::CatalogPart;
use super::clock::Instant;

/// A part of the catalogue that was fetched and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warmed {
    pub items: i64,
    pub at: Instant,
}

/// What a run has warmed so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// `None`: not fetched yet.
    pub categories: Option<Warmed>,
    /// `None`: not fetched yet.
    pub branches: Option<Warmed>,
    /// Message templates that the settings name.
    pub templates: i64,
    /// How long the attempts took, all together.
    pub milliseconds: i64,
}

impl Bootstrap {
    /// How a part stands.
    pub const fn part(&self, part: CatalogPart) -> Option<Warmed> {
        match part {
            CatalogPart::Categories => self.categories,
            CatalogPart::Branches => self.branches,
        }
    }

    /// Whether nothing is left to be fetched.
    pub const fn is_whole(&self) -> bool {
        self.categories.is_some() && self.branches.is_some()
    }

    /// Whether anything was fetched.
    pub const fn is_begun(&self) -> bool {
        self.categories.is_some() || self.branches.is_some()
    }

    /// The same without what is older than `ttl`, because nobody keeps it any more.
    #[must_use]
    pub fn fresh(self, now: Instant, ttl: TimeDelta) -> Self {
        let fresh = |part: Option<Warmed>| part.filter(|warmed| now - warmed.at < ttl);
        Self { categories: fresh(self.categories), branches: fresh(self.branches), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_counts_as_long_as_it_is_kept() {
        let at: Instant = "2026-06-05T06:00:00Z".parse().unwrap();
        let warmed = Warmed { items: 3, at };
        let half = Bootstrap { branches: Some(warmed), ..Bootstrap::default() };
        assert!(half.is_begun() && !half.is_whole());
        let ttl = TimeDelta::seconds(180);
        assert_eq!(half.fresh(at + TimeDelta::seconds(179), ttl).part(CatalogPart::Branches), Some(warmed));
        assert!(!half.fresh(at + ttl, ttl).is_begun());
        assert!(Bootstrap { categories: Some(warmed), ..half }.is_whole());
    }
}
