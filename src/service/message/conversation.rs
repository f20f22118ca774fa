//! Conversations made anew out of their messages and of what was told of them, and what is told of them alone.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::tell;
use super::{MESSAGES_MAX, MessageService};
use crate::domain::activity::{Span, Spans};
use crate::domain::id::OrganisationId;
use crate::domain::input::BadInput;
use crate::domain::message::rollup::{Deltas, Sign};
use crate::domain::message::{Conversation, ConversationTold, ConversationUpdate, Outcome};
use crate::domain::period::Zone;
use crate::domain::usage::Refusal;
use crate::service::ServiceError;
use crate::service::access::Caller;
use crate::service::core::UnitOfWork;
use crate::store::{self, StoreError};

/// The most conversations in one call.
pub const CONVERSATIONS_MAX: usize = MESSAGES_MAX;

/// Makes the conversations anew of which something is told or whose messages changed, after those were written.
pub(super) async fn remake(
    work: &UnitOfWork<'_>,
    organisation: OrganisationId,
    zone: Zone,
    touched: &BTreeMap<String, ConversationTold>,
    deltas: &mut Deltas,
) -> Result<(), StoreError> {
    let names: Vec<_> = touched.keys().map(String::as_str).collect();
    let mut known = store::message::conversation::find_many(work.tx(), organisation, &names).await?;
    let talks = store::message::conversation::talks(work.tx(), organisation, &names).await?;
    let (mut changed, mut gone) = (Vec::new(), Vec::new());
    for (name, told) in touched {
        let before = known.remove(name);
        let told = before.as_ref().map(|before| before.told).unwrap_or_default().join(*told);
        // A day that is known stays, whatever zone the organisation has moved to.
        let date_of = |at| match &before {
            Some(before) if before.opened_at == at => before.date,
            Some(_) | None => zone.date(at),
        };
        let now = Conversation::make(organisation, name, told, talks.get(name), date_of);
        if before == now {
            continue;
        }
        if let Some(before) = &before {
            deltas.conversation(before, Sign::Out);
        }
        match now {
            Some(now) => {
                deltas.conversation(&now, Sign::In);
                changed.push(now);
            }
            None => gone.push(name.as_str()),
        }
    }
    store::message::conversation::remove(work.tx(), organisation, &gone).await?;
    store::message::conversation::upsert(work.tx(), &changed.iter().collect::<Vec<_>>(), work.now()).await
}

impl MessageService {
    /// Takes in what a caller tells of conversations; an outcome for each, in their order. What could not be read is answered as rejected, in
    /// its place. Any order and any repetition come to the same: of beginnings and first answers the earliest holds, of ends the latest.
    pub async fn upsert_conversations(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        conversations: Vec<Result<ConversationUpdate, BadInput>>,
    ) -> Result<Vec<Outcome>, ServiceError> {
        let organisation = caller.reach_to_record(Some(organisation))?;
        if !(1..=CONVERSATIONS_MAX).contains(&conversations.len()) {
            let accepted = format!("expected 1 to {CONVERSATIONS_MAX} conversations");
            return Err(BadInput::new("conversations", conversations.len(), accepted).into());
        }
        let mut work = self.core.begin().await?;
        let only = BTreeSet::from([organisation]);
        store::message::hold(work.tx(), &only).await?;
        let zone = store::usage::ground(work.tx(), &only).await?.remove(&organisation);
        let zone = zone.ok_or(ServiceError::NotFound("organisation"))?;
        let channels = store::channel::list(work.tx(), organisation, None, None).await?;
        let channels: BTreeSet<_> = channels.into_iter().map(|channel| channel.id).collect();
        let mut checked = Vec::with_capacity(conversations.len());
        for conversation in conversations {
            let conversation = conversation.and_then(|conversation| conversation.check(work.now()));
            checked.push(match conversation {
                Ok(conversation) if channels.contains(&conversation.channel_id) => Ok(conversation),
                Ok(ConversationUpdate { field, .. }) => {
                    Err(Refusal::NotFound { field: format!("{field}.channelId"), noun: "channel" })
                }
                Err(bad) => Err(bad.into()),
            });
        }
        let names: Vec<_> = checked.iter().flatten().map(|conversation| conversation.external_id.as_str()).collect();
        let known = store::message::conversation::find_many(work.tx(), organisation, &names).await?;
        let mut told: BTreeMap<String, ConversationTold> =
            known.into_iter().map(|(name, conversation)| (name, conversation.told)).collect();
        let mut touched = BTreeMap::new();
        let mut spans = Spans::default();
        let mut outcomes = Vec::with_capacity(checked.len());
        for conversation in checked {
            outcomes.push(match conversation {
                Ok(conversation) => {
                    let before = told.get(&conversation.external_id).copied().unwrap_or_default();
                    let now = before.join(conversation.told());
                    spans.note(organisation, Span::at(conversation.opened_at));
                    told.insert(conversation.external_id.clone(), now);
                    touched.insert(conversation.external_id, now);
                    if now == before { Outcome::Duplicate } else { Outcome::Recorded { usage: None } }
                }
                Err(refusal) => Outcome::Rejected(refusal),
            });
        }
        let mut deltas = Deltas::default();
        remake(&work, organisation, zone, &touched, &mut deltas).await?;
        let deltas = deltas.settled();
        store::message::rollup::apply(work.tx(), &deltas).await?;
        work.happened(&spans);
        tell(&mut work, &deltas, BTreeMap::new(), BTreeMap::new());
        work.commit().await?;
        Ok(outcomes)
    }
}
