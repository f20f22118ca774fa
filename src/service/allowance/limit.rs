//! What may be used: said by an admin, or by the plan.

use std::collections::BTreeSet;

use serde_json::json;

use super::{AllowanceService, hand_over};
use crate::domain::allowance::{Allowance, Counted, EnforcementPolicy, Limit, Rule, Scope, Terms};
use crate::domain::channel::ChannelKind;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::input::BadInput;
use crate::domain::period::Month;
use crate::domain::usage::ResourceType;
use crate::service::ServiceError;
use crate::service::access::Caller;
use crate::service::core::UnitOfWork;
use crate::service::standing::{book, standings};
use crate::store::allowance::Held;
use crate::store::{self, StoreError};

/// What is said of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Said {
    /// Nothing: it stays.
    #[default]
    Nothing,
    /// How many whole units; `None`: no limit.
    Limit(Option<i32>),
}

/// What is to be changed of an allowance; what is not said stays.
#[derive(Debug, Clone, Default)]
pub struct AllowanceChange {
    /// Of this channel; `None`: of the organisation as a whole. A channel gets an allowance of its own by it.
    pub channel_id: Option<ChannelId>,
    pub daily_limit: Said,
    pub monthly_limit: Said,
    pub policy: Option<EnforcementPolicy>,
    pub grace_percent: Option<i32>,
    pub kind: Option<ChannelKind>,
    pub resource_type: Option<String>,
    /// The plan's limits hold again.
    pub use_plan_limits: bool,
}

impl AllowanceChange {
    /// The terms that `before` become.
    fn apply(&self, before: Terms) -> Result<Terms, BadInput> {
        if self.use_plan_limits {
            let alone = (self.daily_limit, self.monthly_limit) == (Said::Nothing, Said::Nothing);
            if !alone || self.channel_id.is_some() {
                let accepted =
                    "expected it without limits and without a channel, because a plan's limits are the organisation's";
                return Err(BadInput::new("usePlanLimits", true, accepted));
            }
        }
        let limit = |field: &str, said, before| match said {
            Said::Nothing if self.use_plan_limits => Ok(Limit::Plan),
            Said::Nothing => Ok(before),
            Said::Limit(Some(limit)) if limit < 0 => {
                Err(BadInput::new(field, limit, "expected 0 or more, or null for no limit"))
            }
            Said::Limit(limit) => Ok(Limit::Own(limit)),
        };
        let grace = self.grace_percent.map(|percent| {
            let fits = u8::try_from(percent).ok().filter(|percent| *percent <= 100);
            fits.ok_or_else(|| BadInput::new("gracePercent", percent, "expected 0 to 100"))
        });
        let kind = self.kind.unwrap_or(before.counted.kind);
        let resource_type = self.resource_type.as_deref().map(|text| ResourceType::parse("resourceType", text));
        let counted = match resource_type.transpose()? {
            Some(resource_type) => Counted { kind, resource_type },
            None if kind == before.counted.kind => before.counted,
            None => Counted::usual(kind),
        };
        Ok(Terms {
            daily: limit("dailyLimit", self.daily_limit, before.daily)?,
            monthly: limit("monthlyLimit", self.monthly_limit, before.monthly)?,
            policy: self.policy.unwrap_or(before.policy),
            grace_percent: grace.transpose()?.unwrap_or(before.grace_percent),
            counted,
        })
    }
}

impl AllowanceService {
    /// Changes what an organisation, or one of its channels, may use. Where something else counts than before, this month is counted anew.
    pub async fn set(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        change: AllowanceChange,
    ) -> Result<Allowance, ServiceError> {
        caller.require_admin()?;
        let mut work = self.core.begin().await?;
        // From here on nobody counts for the organisation.
        let organisation = store::organisation::find_for_update(work.tx(), organisation_id).await?;
        organisation.ok_or(ServiceError::NotFound("organisation"))?;
        let scope = Scope { organisation_id, channel_id: change.channel_id };
        let channels = scope.channel_id.into_iter().collect();
        let rules = store::allowance::rules(work.tx(), &BTreeSet::from([organisation_id]), &channels, Held::No).await?;
        let whole = rules.get(&Scope::whole(organisation_id)).ok_or(ServiceError::NotFound("organisation"))?;
        let before = match scope.channel_id {
            None => Some(whole.terms.clone()),
            Some(_) => rules.get(&scope).map(|rule| rule.terms.clone()),
        };
        let start = match (&before, scope.channel_id) {
            (Some(terms), _) => terms.clone(),
            (None, Some(channel)) => Terms::of_channel(kind_of(&work, organisation_id, channel).await?),
            (None, None) => Terms::of_plan(),
        };
        check_kind(&change, &start)?;
        let terms = change.apply(start)?;
        let now = work.now();
        store::allowance::put(work.tx(), scope, &terms, now).await?;
        let rule = Rule { scope, terms, ..whole.clone() };
        if before.is_none_or(|before| before.counted != rule.terms.counted) {
            let month = Month::of(rule.zone.date(now)).first_day();
            store::allowance::counter::recount(work.tx(), scope, &rule.terms.counted, month).await?;
        }
        let book = book(work.tx(), &[&rule], now).await?;
        let allowance = book.allowance(&rule, now).map_err(StoreError::from)?;
        let standings = standings(&book, &rule, now)?;
        hand_over(&mut work, &BTreeSet::from([organisation_id]), &standings).await?;
        let details = json!({
            "channelId": scope.channel_id, "dailyLimit": allowance.daily.limit, "monthlyLimit": allowance.monthly.limit,
            "policy": allowance.policy, "gracePercent": allowance.grace_percent, "kind": allowance.counted.kind,
            "resourceType": allowance.counted.resource_type, "usePlanLimits": change.use_plan_limits,
        });
        work.audit(caller, "setAllowance", Some(organisation_id), Some(organisation_id.to_string()), details).await?;
        work.commit().await?;
        Ok(allowance)
    }
}

/// The kind of an organisation's channel.
async fn kind_of(
    work: &UnitOfWork<'_>,
    organisation: OrganisationId,
    id: ChannelId,
) -> Result<ChannelKind, ServiceError> {
    let channel = store::channel::find_many(work.tx(), &[id]).await?.pop();
    let own = channel.filter(|channel| channel.organisation_id == organisation);
    own.map(|channel| channel.kind).ok_or(ServiceError::NotFound("channel"))
}

/// Nothing of another kind is ever used on a channel.
fn check_kind(change: &AllowanceChange, before: &Terms) -> Result<(), BadInput> {
    let kind = before.counted.kind;
    match change.kind.filter(|said| change.channel_id.is_some() && *said != kind) {
        None => Ok(()),
        Some(other) => {
            Err(BadInput::new("kind", other, format!("expected {kind} or nothing, as the channel is of that kind")))
        }
    }
}

/// Tells that an organisation has another plan, and where it stands under its limits; called in the transaction that assigns it.
pub(in crate::service) async fn plan_changed(
    work: &mut UnitOfWork<'_>,
    organisation: OrganisationId,
) -> Result<(), ServiceError> {
    let only = BTreeSet::from([organisation]);
    let rules = store::allowance::rules(work.tx(), &only, &BTreeSet::new(), Held::No).await?;
    let Some(rule) = rules.get(&Scope::whole(organisation)) else { return Ok(()) };
    let now = work.now();
    let book = book(work.tx(), &[rule], now).await?;
    let standings = standings(&book, rule, now)?;
    Ok(hand_over(work, &only, &standings).await?)
}
