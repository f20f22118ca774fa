//! Subscriptions: the event log as it grows, from where a reader was.

use async_graphql::{Context, ID, Object, Subscription};
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};

use super::access::{self, Access};
use super::account_usage::DailyUsage;
use super::channel::{Channel, ChannelKind};
use super::error::{Fault, Result};
use super::invoice::Invoice;
use super::job_run::JobRun;
use super::loader;
use super::period_usage::PeriodUsage;
use super::scalar::{Date, DateTime};
use crate::domain::channel;
use crate::domain::event::{Cursor, Event, Fact, FactKind, Log};
use crate::domain::id::{ChannelId, InvoiceId, OrganisationId};
use crate::domain::job;
use crate::service::ServiceError;
use crate::service::event::Follow;

/// Where an event stands in the log that is followed, and when it happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) cursor: Cursor,
    pub(super) at: crate::domain::clock::Instant,
}

/// Days of a channel that were written with another content than before.
#[derive(Debug)]
pub(super) struct AccountUsageChanged {
    place: Place,
    organisation_id: OrganisationId,
    channel_id: ChannelId,
    dates: Vec<chrono::NaiveDate>,
}

/// Days of a channel were written with another content than before, or are gone.
#[Object]
impl AccountUsageChanged {
    /// The place of this event; give it as `after` to go on from here.
    async fn cursor(&self) -> String {
        self.place.cursor.to_string()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.place.at.into()
    }

    /// The channel.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Channel> {
        loader::channel(ctx, self.channel_id).await.map(Channel)
    }

    /// The days that changed, oldest first.
    async fn dates(&self) -> Vec<Date> {
        self.dates.iter().copied().map(Into::into).collect()
    }

    /// Those days as they are now; a day that is gone is not among them.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn days(&self, ctx: &Context<'_>) -> Result<Vec<DailyUsage>> {
        let services = access::services(ctx)?;
        let days = services.account_usage.days_of(self.organisation_id, self.channel_id, &self.dates).await?;
        Ok(days.into_iter().map(DailyUsage).collect())
    }
}

/// A run that changed.
#[derive(Debug)]
pub(super) struct JobRunChanged {
    place: Place,
    run: job::JobRun,
}

/// A run changed its state or came further.
#[Object]
impl JobRunChanged {
    /// The place of this event; give it as `after` to go on from here.
    async fn cursor(&self) -> String {
        self.place.cursor.to_string()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.place.at.into()
    }

    /// The run as it was then.
    async fn job_run(&self) -> JobRun {
        JobRun(self.run.clone())
    }
}

/// Usage that was recorded, corrected or priced anew.
#[derive(Debug)]
pub(super) struct UsageChanged {
    place: Place,
    organisation_id: OrganisationId,
    kinds: Vec<channel::ChannelKind>,
}

/// Usage was recorded, corrected or priced anew.
#[Object]
impl UsageChanged {
    /// The place of this event; give it as `after` to go on from here.
    async fn cursor(&self) -> String {
        self.place.cursor.to_string()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.place.at.into()
    }

    /// The month that is billed now, as it is now.
    async fn current_period(&self, ctx: &Context<'_>) -> Result<PeriodUsage> {
        let organisation = loader::organisation(ctx, self.organisation_id).await?;
        Ok(PeriodUsage(access::services(ctx)?.usage.current_period(&organisation).await?))
    }

    /// The kinds of channel whose usage changed.
    async fn changed(&self) -> Vec<ChannelKind> {
        self.kinds.iter().copied().map(Into::into).collect()
    }
}

/// An invoice that changed.
#[derive(Debug)]
pub(super) struct InvoiceChanged {
    place: Place,
    invoice_id: InvoiceId,
}

/// An invoice was made, or changed its state.
#[Object]
impl InvoiceChanged {
    /// The place of this event; give it as `after` to go on from here.
    async fn cursor(&self) -> String {
        self.place.cursor.to_string()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.place.at.into()
    }

    /// The invoice as it is now.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        let found = access::services(ctx)?.invoice.find(self.invoice_id).await?;
        found.map(Invoice).ok_or_else(|| Fault::not_found("invoice"))
    }
}

#[derive(Debug, Default)]
pub(super) struct EventSubscription;

#[Subscription]
impl EventSubscription {
    /// Tells when days of account usage are written with another content than before.
    async fn account_usage_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an organisation's own token may leave it out.")] organisation_id: Option<
            ID,
        >,
        #[graphql(desc = "The cursor of the last event seen: what came since is sent first.")] after: Option<String>,
    ) -> Result<BoxStream<'static, Result<AccountUsageChanged>>> {
        let access = access::reader(ctx)?;
        let organisation = access.organisation("organisationId", organisation_id.as_ref()).await?;
        let follow = Follow::Organisation(organisation.id);
        let events = watch(access, follow, after.as_deref(), FactKind::AccountUsageChanged).await?;
        let changes = events.filter_map(|event| {
            ready(match event {
                Ok((place, Event { organisation_id, fact: Fact::AccountUsageChanged { channel_id, dates }, .. })) => {
                    Some(Ok(AccountUsageChanged { place, organisation_id, channel_id, dates }))
                }
                Ok(_) => None,
                Err(fault) => Some(Err(fault)),
            })
        });
        Ok(changes.boxed())
    }

    /// Tells when usage is recorded, corrected or priced anew; what is written in one transaction is one event.
    async fn usage_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an organisation's own token may leave it out.")] organisation_id: Option<
            ID,
        >,
        #[graphql(desc = "The cursor of the last event seen: what came since is sent first.")] after: Option<String>,
    ) -> Result<BoxStream<'static, Result<UsageChanged>>> {
        let access = access::reader(ctx)?;
        let organisation = access.organisation("organisationId", organisation_id.as_ref()).await?;
        let follow = Follow::Organisation(organisation.id);
        let events = watch(access, follow, after.as_deref(), FactKind::UsageChanged).await?;
        let changes = events.filter_map(|event| {
            ready(match event {
                Ok((place, Event { organisation_id, fact: Fact::UsageChanged { kinds }, .. })) => {
                    Some(Ok(UsageChanged { place, organisation_id, kinds }))
                }
                Ok(_) => None,
                Err(fault) => Some(Err(fault)),
            })
        });
        Ok(changes.boxed())
    }

    /// Tells when invoices are made or change their state.
    async fn invoice_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an organisation's own token may leave it out.")] organisation_id: Option<
            ID,
        >,
        #[graphql(desc = "The cursor of the last event seen: what came since is sent first.")] after: Option<String>,
    ) -> Result<BoxStream<'static, Result<InvoiceChanged>>> {
        let access = access::reader(ctx)?;
        let organisation = access.organisation("organisationId", organisation_id.as_ref()).await?;
        let follow = Follow::Organisation(organisation.id);
        let events = watch(access, follow, after.as_deref(), FactKind::InvoiceChanged).await?;
        let changes = events.filter_map(|event| {
            ready(match event {
                Ok((place, Event { fact: Fact::InvoiceChanged { invoice_id }, .. })) => {
                    Some(Ok(InvoiceChanged { place, invoice_id }))
                }
                Ok(_) => None,
                Err(fault) => Some(Err(fault)),
            })
        });
        Ok(changes.boxed())
    }

    /// Tells when runs change their state or come further.
    async fn job_run_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The organisation; an organisation's own token may leave it out, and an admin sees all without it."
        )]
        organisation_id: Option<ID>,
        #[graphql(desc = "The cursor of the last event seen: what came since is sent first.")] after: Option<String>,
    ) -> Result<BoxStream<'static, Result<JobRunChanged>>> {
        let access = access::reader(ctx)?;
        let unnamed = organisation_id.is_none() && access.caller.usual_organisation().is_none();
        let follow = if unnamed && access.caller.is_admin() {
            Follow::All
        } else {
            Follow::Organisation(access.organisation("organisationId", organisation_id.as_ref()).await?.id)
        };
        let events = watch(access, follow, after.as_deref(), FactKind::JobRunChanged).await?;
        let changes = events.filter_map(|event| {
            ready(match event {
                Ok((place, Event { fact: Fact::JobRunChanged { run }, .. })) => {
                    Some(Ok(JobRunChanged { place, run: *run }))
                }
                Ok(_) => None,
                Err(fault) => Some(Err(fault)),
            })
        });
        Ok(changes.boxed())
    }
}

/// The events of one kind with their places, as long as the caller's token works. It ends after the first fault: whoever comes back
/// with the cursor of the last event has missed nothing.
pub(super) async fn watch(
    access: Access<'_>,
    follow: Follow,
    after: Option<&str>,
    kind: FactKind,
) -> Result<impl Stream<Item = Result<(Place, Event)>> + Send + use<>> {
    watch_any(access, follow, after, vec![kind]).await
}

/// The same for events of several kinds.
pub(super) async fn watch_any(
    access: Access<'_>,
    follow: Follow,
    after: Option<&str>,
    kinds: Vec<FactKind>,
) -> Result<impl Stream<Item = Result<(Place, Event)>> + Send + use<>> {
    let log = match follow {
        Follow::Organisation(_) => Log::Organisation,
        Follow::All => Log::All,
    };
    let after = after.map(|cursor| Cursor::parse("after", cursor, log)).transpose()?.map(|cursor| cursor.after);
    let services = access.services.clone();
    let caller = access.caller.clone();
    let events = access.services.event.follow(follow, after, kinds).await?;
    let events = events.then(move |event| {
        let (services, caller) = (services.clone(), caller.clone());
        async move {
            let event = event?;
            // A subscription may last longer than the token that opened it, so that is looked at before anything is told.
            if !services.access.still_valid(&caller).await? {
                return Err(ServiceError::Unauthenticated.into());
            }
            let after = match log {
                Log::Organisation => event.sequence,
                Log::All => event.position,
            };
            Ok((Place { cursor: Cursor { log, after }, at: event.at }, event))
        }
    });
    // After a fault the events are let go of at once, and not when the next one comes.
    Ok(stream::unfold(Some(events.boxed()), |events| async move {
        let mut events = events?;
        let event = events.next().await?;
        let rest = event.is_ok().then_some(events);
        Some((event, rest))
    }))
}
