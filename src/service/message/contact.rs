//! Since when people are talked to: the earliest day holds, and the counters of new people move with it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::id::OrganisationId;
use crate::domain::message::rollup::{Deltas, Sign};
use crate::store::message::contact::{self, ContactKey};
use crate::store::{StoreError, Transaction};

/// Joins the days with those that are known. Nobody else may write the organisation's contacts meanwhile: see
/// [`crate::store::message::hold`].
pub(in crate::service) async fn meet(
    tx: &Transaction,
    organisation: OrganisationId,
    dates: BTreeMap<ContactKey, NaiveDate>,
    deltas: &mut Deltas,
) -> Result<(), StoreError> {
    let mut customers: Vec<_> = dates.keys().map(|(_, customer)| *customer).collect();
    customers.sort_unstable();
    customers.dedup();
    let channels = dates.keys().map(|(channel, _)| *channel).collect();
    let known = contact::find(tx, organisation, &channels, &customers).await?;
    let mut changed = BTreeMap::new();
    for (key, date) in dates {
        let before = known.get(&key).copied();
        if before.is_some_and(|before| before <= date) {
            continue;
        }
        if let Some(before) = before {
            deltas.contact(organisation, key.0, before, Sign::Out);
        }
        deltas.contact(organisation, key.0, date, Sign::In);
        changed.insert(key, date);
    }
    contact::upsert(tx, organisation, &changed).await
}
