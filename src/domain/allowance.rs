//! Allowances: how much an organisation may use in a day and a month, and where it stands.

mod book;
mod counter;
mod rule;
mod shown;

use chrono::NaiveDate;

use super::channel::ChannelKind;
use super::clock::Instant;
use super::code::coded;
use super::id::{ChannelId, OrganisationId};
use super::period::{Month, Zone};
use super::quantity::Quantity;
use super::usage::{Resource, ResourceType};
pub use book::{Book, Lot, Reservation, ReservationState};
pub use counter::{COMMIT_LAPSES_AFTER, Counter};
pub use rule::{Limit, Refused, Rule, Terms};
pub use shown::{Allowance, Check, Share};

coded! {
    /// What a limit is of.
    AllowancePeriod {
        /// A local day.
        Day = "DAY",
        /// A local month.
        Month = "MONTH",
    }
}

coded! {
    /// What becomes of use beyond a limit.
    EnforcementPolicy {
        /// It is warned of, no more.
        Allow = "ALLOW",
        /// It is not granted; what is recorded all the same is flagged.
        Block = "BLOCK",
    }
}

/// Where a period of an allowance stands after something changed in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub organisation_id: OrganisationId,
    /// `None`: the organisation as a whole.
    pub channel_id: Option<ChannelId>,
    pub period: AllowancePeriod,
    /// The first day of the period.
    pub start: NaiveDate,
    /// When it is over.
    pub ends_at: Instant,
    /// `None`: no limit.
    pub limit: Option<Quantity>,
    /// What was used before the change, or less: how much of what was committed a record has taken the place of is not always known.
    pub used_before: Quantity,
    pub used: Quantity,
    /// It is the limit that changed, so that what was crossed may be no more.
    pub limit_changed: bool,
}

/// Whose an allowance is: an organisation's as a whole, or that of one of its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub organisation_id: OrganisationId,
    /// `None`: the organisation as a whole.
    pub channel_id: Option<ChannelId>,
}

impl Scope {
    /// The organisation as a whole.
    pub const fn whole(organisation_id: OrganisationId) -> Self {
        Self { organisation_id, channel_id: None }
    }
}

/// What is counted apart: a period of an allowance. Counters are held in this order, so that nobody waits for another in a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    pub scope: Scope,
    pub period: AllowancePeriod,
    /// The first day of the period.
    pub start: NaiveDate,
}

impl CounterKey {
    /// The two counters of a local day: its own, and its month's.
    pub fn both(scope: Scope, date: NaiveDate) -> [Self; 2] {
        AllowancePeriod::ALL_OF_DAY.map(|period| Self { scope, period, start: period.start(date) })
    }
}

impl AllowancePeriod {
    /// Both, in their order.
    const ALL_OF_DAY: [Self; 2] = [Self::Day, Self::Month];

    /// The first day of the period that a local day lies in.
    pub fn start(self, date: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => date,
            Self::Month => Month::of(date).first_day(),
        }
    }

    /// When the period that begins on `start` is over.
    pub fn ends_at(self, zone: Zone, start: NaiveDate) -> Instant {
        match self {
            Self::Day => zone.day(start).end,
            Self::Month => zone.month(Month::of(start)).end,
        }
    }

    /// As the name of a limit.
    pub(crate) const fn adjective(self) -> &'static str {
        match self {
            Self::Day => "daily",
            Self::Month => "monthly",
        }
    }
}

/// What counts against an allowance: one resource of the ledger, in all its categories and countries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub kind: ChannelKind,
    pub resource_type: ResourceType,
}

/// What WhatsApp messages are called.
const MESSAGE: &str = "message";

/// What those are called that the BSP gives for nothing.
const FREE_MESSAGE: &str = "free_message";

impl Counted {
    /// What counts on channels of a kind where nobody says otherwise.
    ///
    /// # Panics
    ///
    /// Never: the names are ones, as any test shows.
    pub fn usual(kind: ChannelKind) -> Self {
        let code = match kind {
            ChannelKind::Whatsapp | ChannelKind::Sms | ChannelKind::Email | ChannelKind::Social => MESSAGE,
            ChannelKind::Voice => "minute",
            ChannelKind::Llm => "response",
        };
        let resource_type = ResourceType::from_code(code).expect("a short word is a resource type");
        Self { kind, resource_type }
    }

    /// Whether usage of `resource` counts. Of WhatsApp it is what is sent that is limited, not what is paid for.
    pub fn counts(&self, resource: &Resource) -> bool {
        self.kind == resource.kind && self.resource_types().any(|code| code == resource.resource_type.code())
    }

    /// The resource types that count.
    pub fn resource_types(&self) -> impl Iterator<Item = &str> {
        let code = self.resource_type.code();
        let free = (self.kind == ChannelKind::Whatsapp && code == MESSAGE).then_some(FREE_MESSAGE);
        std::iter::once(code).chain(free)
    }
}

#[cfg(test)]
mod tests;
