//! Activity: since when something happens at an organisation, when it last did, and how many conversations its months had.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::clock::Instant;
use super::id::OrganisationId;
use super::period::Month;

/// How long after the last thing that happened an organisation counts as active.
pub const ACTIVE_WITHIN: TimeDelta = TimeDelta::days(30);

/// From when until when something is known to have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first_at: Instant,
    pub last_at: Instant,
}

impl Span {
    /// Something that happened at one time.
    pub const fn at(at: Instant) -> Self {
        Self { first_at: at, last_at: at }
    }

    /// The span over both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { first_at: self.first_at.min(other.first_at), last_at: self.last_at.max(other.last_at) }
    }
}

/// What happened when, organisation by organisation, in their order: concurrent writers then never wait for each other in a circle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(BTreeMap<OrganisationId, Span>);

impl Spans {
    /// Notes something that happened.
    pub fn note(&mut self, organisation: OrganisationId, span: Span) {
        self.0.entry(organisation).and_modify(|known| *known = known.join(span)).or_insert(span);
    }

    /// Notes all that others say.
    pub fn note_all(&mut self, others: &Self) {
        for (organisation, span) in others.iter() {
            self.note(organisation, span);
        }
    }

    /// Each organisation once.
    pub fn iter(&self) -> impl Iterator<Item = (OrganisationId, Span)> {
        self.0.iter().map(|(organisation, span)| (*organisation, *span))
    }
}

/// A month's conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthlyActivity {
    pub month: Month,
    /// Conversations that began in it.
    pub conversations: i64,
    /// When the last of them began.
    pub last_conversation_at: Option<Instant>,
}

/// What happens at an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Conversations that began in the local month.
    pub conversations_this_month: i64,
    /// When the last conversation of all began.
    pub last_conversation_at: Option<Instant>,
    /// Messages, conversations, usage, and what a provider reported; `None`: nothing ever.
    pub span: Option<Span>,
}

impl Activity {
    /// Whether something happened not long before `now`.
    pub fn is_active(&self, now: Instant) -> bool {
        self.span.is_some_and(|span| now - span.last_at <= ACTIVE_WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn an_organisation_is_active_for_thirty_days_after_the_last_thing() {
        let span = Some(Span::at(at("2026-06-05T12:00:00Z")));
        let activity = Activity { conversations_this_month: 0, last_conversation_at: None, span };
        assert!(activity.is_active(at("2026-07-05T12:00:00Z")));
        assert!(!activity.is_active(at("2026-07-05T12:00:01Z")));
        assert!(!Activity { span: None, ..activity }.is_active(at("2026-06-05T12:00:00Z")));
    }

    #[test]
    fn spans_join_in_any_order() {
        let organisation = OrganisationId::generate(at("2026-06-05T12:00:00Z"));
        let times = ["2026-06-03T00:00:00Z", "2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z"].map(at);
        let mut spans = Spans::default();
        for time in times {
            spans.note(organisation, Span::at(time));
        }
        let joined = Span { first_at: times[1], last_at: times[0] };
        assert_eq!(spans.iter().collect::<Vec<_>>(), [(organisation, joined)]);
    }
}
