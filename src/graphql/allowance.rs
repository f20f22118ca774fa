//! Allowances: what may be used of them, parts that are held, and the mutation that says what they are.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Context, Enum, ID, MaybeUndefined, Object, SimpleObject, Subscription};
use futures_util::future::ready;
use futures_util::stream::{BoxStream, StreamExt as _};

use super::access::{self, Access};
use super::channel::ChannelKind;
use super::error::{Fault, Result};
use super::loader;
use super::scalar::{DateTime, int};
use super::subscription::{Place, watch};
use crate::domain::allowance::{self, Scope};
use crate::domain::event::{Event, FactKind};
use crate::domain::id::{ChannelId, OrganisationId, ReservationId};
use crate::service::allowance::{AllowanceChange, Reserved, Said};
use crate::service::event::Follow;

/// What becomes of use beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "allowance::EnforcementPolicy")]
pub(super) enum EnforcementPolicy {
    /// Limits only warn.
    Allow,
    /// A reservation beyond a limit and its grace is refused; what is recorded beyond is flagged, for it happened.
    Block,
}

/// What a limit is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "allowance::AllowancePeriod")]
pub(super) enum AllowancePeriod {
    /// A local day.
    Day,
    /// A local month.
    Month,
}

/// How much may be used in a day and a month, and where that stands.
#[derive(Debug, Clone)]
pub(super) struct Allowance(pub(super) allowance::Allowance);

/// How much may be used in a day and a month of the organisation's zone, and where that stands; whole units.
#[Object]
impl Allowance {
    /// How much may be used in a day; null: there is no limit.
    async fn daily_limit(&self) -> Result<Option<i32>> {
        self.0.daily.limit.map(|limit| int("dailyLimit", limit)).transpose()
    }

    /// What was used today: what the ledger holds, and what was committed and is not recorded yet.
    async fn daily_used(&self) -> Result<i32> {
        int("dailyUsed", self.0.daily.used)
    }

    /// What reservations hold today.
    async fn daily_reserved(&self) -> Result<i32> {
        int("dailyReserved", self.0.daily.reserved)
    }

    /// What is left today, never below 0; null: there is no limit.
    async fn daily_remaining(&self) -> Result<Option<i32>> {
        self.0.daily.remaining.map(|remaining| int("dailyRemaining", remaining)).transpose()
    }

    /// How much may be used in a month; null: there is no limit.
    async fn monthly_limit(&self) -> Result<Option<i32>> {
        self.0.monthly.limit.map(|limit| int("monthlyLimit", limit)).transpose()
    }

    /// What was used this month: what the ledger holds, and what was committed and is not recorded yet.
    async fn monthly_used(&self) -> Result<i32> {
        int("monthlyUsed", self.0.monthly.used)
    }

    /// What reservations hold this month.
    async fn monthly_reserved(&self) -> Result<i32> {
        int("monthlyReserved", self.0.monthly.reserved)
    }

    /// What is left this month, never below 0; null: there is no limit.
    async fn monthly_remaining(&self) -> Result<Option<i32>> {
        self.0.monthly.remaining.map(|remaining| int("monthlyRemaining", remaining)).transpose()
    }

    /// What was used beyond the limits: the larger of what is beyond the daily and beyond the monthly one.
    async fn overage(&self) -> Result<i32> {
        int("overage", self.0.overage())
    }

    /// What becomes of use beyond a limit.
    async fn policy(&self) -> EnforcementPolicy {
        self.0.policy.into()
    }

    /// By how many per cent use may go beyond a limit before it is blocked.
    async fn grace_percent(&self) -> i32 {
        self.0.grace_percent.into()
    }

    /// What counts: usage of this kind of channel.
    async fn kind(&self) -> ChannelKind {
        self.0.counted.kind.into()
    }

    /// And of it this resource, such as `message`; of WhatsApp's messages those that are free count too.
    async fn resource_type(&self) -> &str {
        self.0.counted.resource_type.code()
    }

    /// When the next day begins.
    async fn daily_resets_at(&self) -> DateTime {
        self.0.daily.resets_at.into()
    }

    /// When the next month begins.
    async fn monthly_resets_at(&self) -> DateTime {
        self.0.monthly.resets_at.into()
    }
}

/// Whether a quantity would fit now.
#[derive(Debug, SimpleObject)]
pub(super) struct AllowanceCheck {
    /// Whether a reservation of it would be granted: under `ALLOW` always, under `BLOCK` within the limits and their grace.
    allowed: bool,
    /// Whether it fits without going beyond any limit.
    within_limits: bool,
    /// What is left within the limits; null: there is no limit.
    available: Option<i32>,
    /// The limit that leaves so little; null: there is no limit.
    limited_by: Option<AllowancePeriod>,
    /// When that limit begins anew.
    resets_at: Option<DateTime>,
}

impl TryFrom<allowance::Check> for AllowanceCheck {
    type Error = Fault;

    fn try_from(check: allowance::Check) -> Result<Self> {
        Ok(Self {
            allowed: check.allowed,
            within_limits: check.within_limits,
            available: check.available.map(|available| int("available", available)).transpose()?,
            limited_by: check.limited_by.map(Into::into),
            resets_at: check.resets_at.map(Into::into),
        })
    }
}

/// A part of an allowance that is held for somebody.
#[derive(Debug)]
pub(super) struct Reservation(Reserved);

/// A part of an allowance that is held for somebody, until it is committed, released, or its time is up.
#[Object]
impl Reservation {
    /// What to commit or release it by.
    async fn id(&self) -> ID {
        self.0.reservation.id.to_string().into()
    }

    /// How much is held.
    async fn quantity(&self) -> Result<i32> {
        int("quantity", self.0.quantity())
    }

    /// When it comes back by itself.
    async fn expires_at(&self) -> DateTime {
        self.0.reservation.expires_at.into()
    }

    /// The allowance with it: the channel's if it was reserved for one, else the organisation's.
    async fn allowance(&self) -> Allowance {
        Allowance(self.0.allowance.clone())
    }
}

/// The organisation and the channel that are meant. A channel is enough to know whose it is.
async fn meant(
    access: &Access<'_>,
    organisation: Option<&ID>,
    channel: Option<&ID>,
    own: impl FnOnce(&Access<'_>) -> Result<OrganisationId>,
) -> Result<(OrganisationId, Option<ChannelId>)> {
    let Some(channel) = channel else { return Ok((own(access)?, None)) };
    if organisation.is_some() {
        own(access)?;
    }
    let named = organisation.map(|id| OrganisationId::parse("organisationId", id)).transpose()?;
    let found = access.services.channel.find(ChannelId::parse("channelId", channel)?).await?;
    let found = found.filter(|channel| named.is_none_or(|named| named == channel.organisation_id));
    let channel = access.seen("channel", found, |channel| channel.organisation_id)?;
    Ok((channel.organisation_id, Some(channel.id)))
}

#[derive(Debug, Default)]
pub(super) struct AllowanceQuery;

#[Object]
impl AllowanceQuery {
    /// Whether so much would fit now. Nothing is held by it: where that matters, reserve.
    async fn check_allowance(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The organisation; an organisation's own token may leave it out, and so may who names a channel."
        )]
        organisation_id: Option<ID>,
        #[graphql(desc = "How many whole units, 1 to 10,000,000.")] quantity: i32,
        #[graphql(desc = "Of this channel's own allowance as well.")] channel_id: Option<ID>,
    ) -> Result<AllowanceCheck> {
        let access = access::reader(ctx)?;
        let id = organisation_id.as_ref();
        let own = |access: &Access<'_>| access.organisation_id("organisationId", id);
        let (organisation, channel) = meant(&access, id, channel_id.as_ref(), own).await?;
        access.services.allowance.check(organisation, channel, quantity).await?.try_into()
    }
}

#[derive(Debug, Default)]
pub(super) struct AllowanceMutation;

#[Object]
impl AllowanceMutation {
    /// Says what an organisation, or one of its channels, may use. What is left out stays; null is no limit. For admins.
    #[expect(clippy::too_many_arguments, reason = "each is a part of an allowance that may be changed by itself")]
    async fn set_allowance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "How many whole units in a day, 0 or more; null: no limit.")] daily_limit: MaybeUndefined<i32>,
        #[graphql(desc = "How many whole units in a month, 0 or more; null: no limit.")] monthly_limit: MaybeUndefined<
            i32,
        >,
        #[graphql(desc = "What becomes of use beyond a limit.")] policy: Option<EnforcementPolicy>,
        #[graphql(
            desc = "The channel that gets an allowance of its own, or has one; without, the organisation as a whole."
        )]
        channel_id: Option<ID>,
        #[graphql(desc = "By how many per cent use may go beyond a limit before it is blocked, 0 to 100.")]
        grace_percent: Option<i32>,
        #[graphql(desc = "What counts: usage of this kind of channel; a channel's own for a channel.")] kind: Option<
            ChannelKind,
        >,
        #[graphql(desc = "And of it this resource, such as `message`. This month is counted anew by it.")]
        resource_type: Option<String>,
        #[graphql(desc = "True: the limits of the organisation's plan hold again.")] use_plan_limits: Option<bool>,
    ) -> Result<Allowance> {
        let access = access::admin(ctx)?;
        let id = OrganisationId::parse("organisationId", &organisation_id)?;
        let change = AllowanceChange {
            channel_id: channel_id.map(|id| ChannelId::parse("channelId", &id)).transpose()?,
            daily_limit: said(daily_limit),
            monthly_limit: said(monthly_limit),
            policy: policy.map(Into::into),
            grace_percent,
            kind: kind.map(Into::into),
            resource_type,
            use_plan_limits: use_plan_limits.unwrap_or_default(),
        };
        Ok(Allowance(access.services.allowance.set(access.caller, id, change).await?))
    }

    /// Holds a part of an allowance, so that nobody else gets it. Where the policy is `BLOCK` and there is not so much left, it is a
    /// `CONFLICT` that says which limit it is and when that begins anew. Needs the scope RECORD.
    async fn reserve_allowance(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The organisation; an organisation's own token may leave it out, and so may who names a channel."
        )]
        organisation_id: Option<ID>,
        #[graphql(desc = "How many whole units, 1 to 10,000,000.")] quantity: i32,
        #[graphql(desc = "After how many seconds it comes back by itself, 1 to 86,400.", default = 60)]
        ttl_seconds: Option<i32>,
        #[graphql(desc = "Of this channel's own allowance as well.")] channel_id: Option<ID>,
    ) -> Result<Reservation> {
        let access = access::recorder(ctx)?;
        let id = organisation_id.as_ref();
        let own = |access: &Access<'_>| access.organisation_to_record("organisationId", id);
        let (organisation, channel) = meant(&access, id, channel_id.as_ref(), own).await?;
        let ttl = ttl_seconds.unwrap_or(TTL_SECONDS);
        let service = &access.services.allowance;
        Ok(Reservation(service.reserve(access.caller, organisation, channel, quantity, ttl).await?))
    }

    /// Counts what was reserved as used, on the present day. What was recorded since it was reserved, and what is recorded later, takes its
    /// place; what is not recorded within a day is given back. Said twice it is done once; what expired or was released is a `CONFLICT`. Needs the scope
    /// RECORD.
    async fn commit_reservation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reservation's id.")] id: ID,
    ) -> Result<Allowance> {
        let access = access::recorder(ctx)?;
        let id = ReservationId::parse("id", &id)?;
        Ok(Allowance(access.services.allowance.commit(access.caller, id).await?))
    }

    /// Gives back what was reserved. Said twice it is done once; what was committed is a `CONFLICT`. Needs the scope RECORD.
    async fn release_reservation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reservation's id.")] id: ID,
    ) -> Result<Allowance> {
        let access = access::recorder(ctx)?;
        let id = ReservationId::parse("id", &id)?;
        Ok(Allowance(access.services.allowance.release(access.caller, id).await?))
    }
}

/// How long something is held where nobody says otherwise.
const TTL_SECONDS: i32 = 60;

fn said(limit: MaybeUndefined<i32>) -> Said {
    match limit {
        MaybeUndefined::Undefined => Said::Nothing,
        MaybeUndefined::Null => Said::Limit(None),
        MaybeUndefined::Value(limit) => Said::Limit(Some(limit)),
    }
}

/// An allowance that changed.
#[derive(Debug)]
pub(super) struct AllowanceChanged {
    place: Place,
    organisation_id: OrganisationId,
}

/// What is used, held or allowed of an organisation's allowance is another than before.
#[Object]
impl AllowanceChanged {
    /// The place of this event; give it as `after` to go on from here.
    async fn cursor(&self) -> String {
        self.place.cursor.to_string()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.place.at.into()
    }

    /// The organisation's allowance as it is now.
    async fn allowance(&self, ctx: &Context<'_>) -> Result<Allowance> {
        of_organisation(ctx, self.organisation_id).await
    }
}

#[derive(Debug, Default)]
pub(super) struct AllowanceSubscription;

#[Subscription]
impl AllowanceSubscription {
    /// Tells when what is used, held or allowed changes, of the organisation as a whole or of a channel; what is written in one transaction
    /// is one event.
    async fn allowance_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an organisation's own token may leave it out.")] organisation_id: Option<
            ID,
        >,
        #[graphql(desc = "The cursor of the last event seen: what came since is sent first.")] after: Option<String>,
    ) -> Result<BoxStream<'static, Result<AllowanceChanged>>> {
        let access = access::reader(ctx)?;
        let organisation = access.organisation("organisationId", organisation_id.as_ref()).await?;
        let follow = Follow::Organisation(organisation.id);
        let events = watch(access, follow, after.as_deref(), FactKind::AllowanceChanged).await?;
        let changes = events.filter_map(|event| {
            ready(match event {
                Ok((place, Event { organisation_id, .. })) => Some(Ok(AllowanceChanged { place, organisation_id })),
                Err(fault) => Some(Err(fault)),
            })
        });
        Ok(changes.boxed())
    }
}

/// The allowance of an organisation that the caller has reached.
pub(super) async fn of_organisation(ctx: &Context<'_>, id: OrganisationId) -> Result<Allowance> {
    let found = loader::allowance(ctx, Scope::whole(id)).await?;
    found.map(Allowance).ok_or_else(|| Fault::internal(&format!("{id} is named and is not there")))
}

/// That of a channel, if it has one of its own.
pub(super) async fn of_channel(
    ctx: &Context<'_>,
    organisation_id: OrganisationId,
    id: ChannelId,
) -> Result<Option<Allowance>> {
    let scope = Scope { organisation_id, channel_id: Some(id) };
    Ok(loader::allowance(ctx, scope).await?.map(Allowance))
}
