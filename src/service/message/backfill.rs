//! Usage that messages lack, made long after they were.

use std::collections::{BTreeSet, HashMap};

use crate::domain::channel::ChannelKind;
use crate::domain::id::OrganisationId;
use crate::domain::message::Message;
use crate::domain::shard::Term;
use crate::service::lane::Failure;
use crate::service::ledger::{self, Entered, Entry, Window};
use crate::service::{Core, ServiceError};
use crate::store::{self, StoreError};

/// What became of a message that was looked at.
#[derive(Debug)]
pub(in crate::service) enum MadeUp {
    Recorded,
    /// It had a record.
    Kept,
    /// It is nothing that is counted.
    Skipped,
    /// Why there cannot be a record.
    Refused(String),
}

/// Makes the records that the organisation's messages with these names lack, however old they are; what became of each that there is.
///
/// The messages are read again in the transaction that records them: what they are told meanwhile is not lost. Nothing is recorded where
/// `term` is over.
pub(in crate::service) async fn make_up(
    core: &Core,
    term: Term,
    organisation: OrganisationId,
    external_ids: &[&str],
) -> Result<Vec<(String, MadeUp)>, ServiceError> {
    match in_one(core, term, organisation, external_ids).await {
        Ok(made) => Ok(made),
        // Somewhere there is too much. The messages go one by one, and what no longer fits is refused.
        Err(Failure::Overflow) => {
            let mut all = Vec::with_capacity(external_ids.len());
            for external_id in external_ids {
                match in_one(core, term, organisation, &[external_id]).await {
                    Ok(made) => all.extend(made),
                    Err(Failure::Overflow) => {
                        let refused = MadeUp::Refused(StoreError::Overflow.to_string());
                        all.push(((*external_id).to_owned(), refused));
                    }
                    Err(Failure::NotBegun(error) | Failure::Other(error)) => return Err(error),
                }
            }
            Ok(all)
        }
        Err(Failure::NotBegun(error) | Failure::Other(error)) => Err(error),
    }
}

async fn in_one(
    core: &Core,
    term: Term,
    organisation: OrganisationId,
    external_ids: &[&str],
) -> Result<Vec<(String, MadeUp)>, Failure> {
    let mut work = core.begin_as(term).await.map_err(Failure::NotBegun)?;
    store::message::hold(work.tx(), &BTreeSet::from([organisation])).await?;
    let messages = store::message::find_many(work.tx(), organisation, external_ids).await?;
    let channels = store::channel::list(work.tx(), organisation, None, None).await?;
    let kinds: HashMap<_, _> = channels.into_iter().map(|channel| (channel.id, channel.kind)).collect();
    let customers: BTreeSet<_> = messages.iter().map(|message| message.customer_id).collect();
    let customers = store::customer::find_many(work.tx(), &customers.into_iter().collect::<Vec<_>>()).await?;
    let countries: HashMap<_, _> =
        customers.into_iter().map(|customer| (customer.id, customer.phone.country())).collect();
    let usage = |message: &Message| {
        let kind = kinds.get(&message.channel_id).copied().unwrap_or(ChannelKind::Whatsapp);
        message.usage("message", kind, countries.get(&message.customer_id).copied().flatten())
    };
    let mut made = Vec::with_capacity(messages.len());
    let (mut names, mut entries) = (Vec::new(), Vec::new());
    for message in messages {
        match usage(&message) {
            Some(now) => {
                names.push(message.external_id);
                entries.push(Entry { organisation, before: None, now });
            }
            None => made.push((message.external_id, MadeUp::Skipped)),
        }
    }
    if !entries.is_empty() {
        let entered = ledger::enter(core, &mut work, entries, Window::Backfill).await?;
        made.extend(names.into_iter().zip(entered).map(|(name, entered)| {
            let made_up = match entered {
                Entered::Made(_) | Entered::Restated(_) => MadeUp::Recorded,
                Entered::Kept => MadeUp::Kept,
                Entered::Refused(refusal) => MadeUp::Refused(refusal.to_string()),
            };
            (name, made_up)
        }));
        work.commit().await?;
    }
    Ok(made)
}
