//! Allowances: how much an organisation may use in a day and a month, and where it stands.

use chrono::NaiveDate;

use super::clock::Instant;
use super::code::coded;
use super::id::{ChannelId, OrganisationId};
use super::quantity::Quantity;

coded! {
    /// What a limit is of.
    AllowancePeriod {
        /// A local day.
        Day = "DAY",
        /// A local month.
        Month = "MONTH",
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
    /// What was used before the change.
    pub used_before: Quantity,
    pub used: Quantity,
    /// It is the limit that changed, so that what was crossed may be no more.
    pub limit_changed: bool,
}
