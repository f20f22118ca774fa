//! Allowances: what may be used, where that stands, and parts of it that are held for somebody.
//!
//! What the ledger records is counted in its own transactions, see [`count`]. What is held goes through queues of its own, so that many
//! callers share a transaction and none of them oversteps a limit.

mod count;
mod limit;
mod reserve;
mod show;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::core::UnitOfWork;
use super::lane::Lanes;
use super::{Core, alert};
use crate::domain::allowance::Standing;
use crate::domain::event::Fact;
use crate::domain::id::OrganisationId;
use crate::store::StoreError;
pub(super) use count::{Added, count};
pub(super) use limit::plan_changed;
pub use limit::{AllowanceChange, Said};
use reserve::Ask;
pub(super) use reserve::sweep;
pub use reserve::{OPEN_MAX, Reserved, TTL_SECONDS_MAX};
pub use show::QUANTITY_MAX;

/// Shows allowances, sets them, and holds parts of them.
#[derive(Debug, Clone)]
pub struct AllowanceService {
    core: Arc<Core>,
    lanes: Arc<Lanes<Ask>>,
}

impl AllowanceService {
    /// Allowances with queues of their own, which outlive the callers that wait in them.
    pub fn new(core: Arc<Core>) -> Self {
        let lanes = Arc::new(Lanes::new(core.store().backend()));
        Self { core, lanes }
    }
}

/// Tells of the organisations of whose allowances something changed, once each, and hands over where the periods stand whose use or limit
/// is another than before.
async fn hand_over(
    work: &mut UnitOfWork<'_>,
    changed: &BTreeSet<OrganisationId>,
    standings: &[Standing],
) -> Result<(), StoreError> {
    for organisation in changed {
        work.say(*organisation, Fact::AllowanceChanged);
    }
    alert::allowance_stands(work, standings).await
}
