//! The tenant: who uses channels and is billed for them.

use super::clock::Instant;
use super::id::OrganisationId;
use super::money::Currency;
use super::period::Zone;

/// An organisation as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    pub id: OrganisationId,
    pub name: String,
    /// The id that the outside world knows it by; unique where present.
    pub external_id: Option<String>,
    /// Its days, weeks and months are cut in this zone.
    pub time_zone: Zone,
    pub currency: Currency,
    pub plan_code: String,
    /// Jobs of an inactive organisation do not run.
    pub active: bool,
    pub created_at: Instant,
}

/// The plan of an organisation that was created without one.
pub const PLAN_CODE_DEFAULT: &str = "free-trial";
