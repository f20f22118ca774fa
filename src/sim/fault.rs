//! Faults on demand: what the stand-in does instead of answering well, and how often.

use std::collections::VecDeque;

/// Something that goes wrong with a request of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429; Graph's body says code 80008.
    TooManyRequests { retry_after_seconds: Option<u32> },
    /// A good answer of Graph whose usage headers say so much; `regain_minutes` 0 says no time.
    UsageHeaders { percent: u32, regain_minutes: u32 },
    /// Graph's error with this code, under the status that goes with it.
    GraphCode { code: u32, subcode: Option<u32> },
    /// A 5xx in the vendor's words.
    ServerError(u16),
    /// No answer until the client gives up (or a minute has passed).
    Timeout,
    /// The connection ends in the middle of the body.
    CutConnection,
    /// The vendor says that the token has expired.
    TokenExpired,
    /// 200 with a page for people.
    NotJson,
    /// 200 with JSON of another shape.
    WrongShape,
    /// 200 with a body that does not end before so many bytes.
    HugeBody { bytes: usize },
    /// Graph's buckets begin an hour after local midnight.
    OffMidnight,
    /// A redirect to another host.
    RedirectElsewhere,
    /// Graph does not know this field; for questions that name it.
    UnknownField(String),
    /// Graph shows no cost for this account; for questions that ask for cost.
    CostNotAvailable,
    /// Graph's answer comes in so many pages, each addressed with the token in the query, as Graph does.
    Paged { pages: usize },
    /// Graph's answer goes on at another host.
    ForeignNextPage,
    /// Graph has nothing to report, and says so in this shape.
    EmptyShape(EmptyShape),
}

/// The shapes in which Graph may say that there was no usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyShape {
    /// `data: [{data_points: []}]`.
    NoPoints,
    /// `data: []`.
    NoData,
    /// The field is not there.
    NoField,
}

/// How many requests a fault spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Often {
    Times(u32),
    Always,
}

/// What a request asks, as far as it decides which faults can spoil it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Graph, not Gupshup.
    pub(super) is_graph: bool,
    /// Graph: analytics from their first page, and not only facts about the account.
    pub(super) is_usage: bool,
    /// The decoded query.
    pub(super) query: &'a str,
}

impl Fault {
    fn can_spoil(&self, asked: Asked<'_>) -> bool {
        match self {
            Self::TooManyRequests { .. }
            | Self::ServerError(_)
            | Self::Timeout
            | Self::CutConnection
            | Self::TokenExpired
            | Self::NotJson
            | Self::WrongShape
            | Self::HugeBody { .. }
            | Self::RedirectElsewhere => true,
            Self::UsageHeaders { .. } | Self::GraphCode { .. } => asked.is_graph,
            Self::OffMidnight | Self::Paged { .. } | Self::ForeignNextPage | Self::EmptyShape(_) => asked.is_usage,
            Self::UnknownField(field) => asked.is_graph && asked.query.contains(field.as_str()),
            Self::CostNotAvailable => asked.is_usage && asked.query.contains("COST"),
        }
    }
}

/// The faults that are in store for one account, first come first.
#[derive(Debug, Default)]
pub(super) struct Faults(VecDeque<(Fault, Often)>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault, often: Often) {
        self.0.push_back((fault, often));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first fault that can spoil the request, used up by one.
    pub(super) fn take(&mut self, asked: Asked<'_>) -> Option<Fault> {
        let place = self.0.iter().position(|(fault, often)| *often != Often::Times(0) && fault.can_spoil(asked))?;
        let (fault, often) = self.0.get_mut(place)?;
        let taken = fault.clone();
        if let Often::Times(left) = often {
            *left -= 1;
            if *left == 0 {
                self.0.remove(place);
            }
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_each_as_often_as_was_said_and_only_where_they_fit() {
        let usage = Asked { is_graph: true, is_usage: true, query: "pricing_analytics COST" };
        let facts = Asked { is_graph: true, is_usage: false, query: "currency" };
        let mut faults = Faults::default();
        faults.add(Fault::CostNotAvailable, Often::Times(1));
        faults.add(Fault::NotJson, Often::Times(2));
        faults.add(Fault::Timeout, Often::Always);
        assert_eq!(faults.take(facts), Some(Fault::NotJson));
        assert_eq!(faults.take(usage), Some(Fault::CostNotAvailable));
        assert_eq!(faults.take(usage), Some(Fault::NotJson));
        assert_eq!(faults.take(usage), Some(Fault::Timeout));
        assert_eq!(faults.take(facts), Some(Fault::Timeout));
        faults.clear();
        assert_eq!(faults.take(facts), None);
    }
}
