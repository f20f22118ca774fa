//! Allowances as they stand now, whether or not somebody has looked after what expired meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::AllowanceService;
use crate::domain::allowance::{Allowance, Book, Check, Rule, Scope};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::input::BadInput;
use crate::domain::quantity::Quantity;
use crate::service::ServiceError;
use crate::service::standing::book;
use crate::store::allowance::Held;
use crate::store::{self, Store, StoreError};

/// The most that is asked for at once, in whole units.
pub const QUANTITY_MAX: i32 = 10_000_000;

/// A number of whole units that is asked for.
pub(super) fn checked_quantity(quantity: i32) -> Result<Quantity, BadInput> {
    let fits = (1..=QUANTITY_MAX).contains(&quantity);
    fits.then(|| Quantity::whole(quantity.into()))
        .flatten()
        .ok_or_else(|| BadInput::new("quantity", quantity, format!("expected 1 to {QUANTITY_MAX}")))
}

impl AllowanceService {
    /// The allowances of organisations as wholes, and of those of the channels that have one of their own; a constant number of statements,
    /// however many are asked for.
    pub async fn of(&self, scopes: &[Scope]) -> Result<HashMap<Scope, Allowance>, ServiceError> {
        let organisations: BTreeSet<_> = scopes.iter().map(|scope| scope.organisation_id).collect();
        let channels: BTreeSet<_> = scopes.iter().filter_map(|scope| scope.channel_id).collect();
        let (now, view) = (self.core.now(), self.core.store().begin_reading().await?);
        let rules = store::allowance::rules(&view, &organisations, &channels, Held::No).await?;
        let rules: Vec<_> = scopes.iter().filter_map(|scope| rules.get(scope)).collect();
        let book = book(&view, &rules, now).await?;
        Store::commit(view).await?;
        let shown = |rule: &&Rule| Ok((rule.scope, book.allowance(rule, now)?));
        Ok(rules.iter().map(shown).collect::<Result<_, StoreError>>()?)
    }

    /// Whether so many whole units would fit now: of the organisation's allowance and, if a channel is named, of the channel's own.
    pub async fn check(
        &self,
        organisation: OrganisationId,
        channel: Option<ChannelId>,
        quantity: i32,
    ) -> Result<Check, ServiceError> {
        let quantity = checked_quantity(quantity)?;
        let (now, view) = (self.core.now(), self.core.store().begin_reading().await?);
        let channels = channel.into_iter().collect();
        let rules = store::allowance::rules(&view, &BTreeSet::from([organisation]), &channels, Held::No).await?;
        let rules = concerned(&rules, organisation, channel)?;
        let book = book(&view, &rules, now).await?;
        Store::commit(view).await?;
        Ok(check(&book, &rules, now, quantity)?)
    }
}

fn check(book: &Book, rules: &[&Rule], now: Instant, quantity: Quantity) -> Result<Check, StoreError> {
    let allowances = rules.iter().map(|rule| book.allowance(rule, now)).collect::<Result<Vec<_>, _>>()?;
    let allowed = book.refuse(rules, now, quantity)?.is_none();
    Ok(Check::new(&allowances, quantity, allowed))
}

/// The rules of all allowances that something is taken from: the organisation's, and the one that `channel` has. Where the two count
/// something else, what is taken from the channel's is not taken from the organisation's.
pub(super) fn concerned(
    rules: &BTreeMap<Scope, Rule>,
    organisation_id: OrganisationId,
    channel: Option<ChannelId>,
) -> Result<Vec<&Rule>, ServiceError> {
    let whole = rules.get(&Scope::whole(organisation_id)).ok_or(ServiceError::NotFound("organisation"))?;
    let Some(channel) = channel else { return Ok(vec![whole]) };
    let own = rules.get(&Scope { organisation_id, channel_id: Some(channel) }).ok_or_else(|| {
        BadInput::new("channelId", channel, "expected a channel that has an allowance of its own, see setAllowance")
    })?;
    let shared = (own.terms.counted == whole.terms.counted).then_some(whole);
    Ok(shared.into_iter().chain([own]).collect())
}
