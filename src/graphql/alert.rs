//! Alerts: what somebody should know of, at what it is told, and where the month goes.

use async_graphql::{Context, Enum, ID, MaybeUndefined, Object, Subscription};
use futures_util::StreamExt as _;
use futures_util::future::ready;
use futures_util::stream::BoxStream;

use super::access;
use super::channel::Channel;
use super::complexity;
use super::connection::{self, Connection, PageArguments};
use super::error::{Fault, Result};
use super::job_run::JobRun;
use super::loader;
use super::organisation::Organisation;
use super::scalar::{Date, DateTime, Decimal};
use super::subscription::{Place, watch_any};
use crate::domain::alert::{self, Unit};
use crate::domain::event::{Event, Fact, FactKind};
use crate::domain::id::{AlertId, OrganisationId};
use crate::domain::money::Money;
use crate::domain::quantity::Quantity;
use crate::service::Services;
use crate::service::alert::SettingsChange;
use crate::service::event::Follow;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "alert::AlertKind")]
pub(super) enum AlertKind {
    /// So much of what a day allows is used.
    AllowanceDaily,
    /// So much of what a month allows is used.
    AllowanceMonthly,
    /// So much of the credit for the month is used.
    Credit,
    /// So much of the month's budget is spent.
    Budget,
    /// A channel was stopped until somebody looks after it.
    ChannelNeedsAttention,
    /// A run failed for good.
    JobFailed,
    /// Something was used for which the plan has no rate.
    UsageUnpriced,
    /// The organisation's jobs do not run, because what runs them died too often.
    SchedulerQuarantined,
    /// An address does not take the webhooks that are sent to it.
    WebhookFailing,
}

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum AlertState {
    /// It was raised, and what it is about did not end before its period did.
    Raised,
    /// What it is about is over.
    Recovered,
}

/// Something that somebody should know of.
#[derive(Debug, Clone)]
pub(super) struct Alert(pub(super) alert::Alert);

fn decimal(unit: Unit, parts: i64) -> Decimal {
    match unit {
        Unit::Quantity => Quantity::from_micros(parts).into(),
        Unit::Money => Money::from_nanos(parts).into(),
    }
}

/// Something that somebody should know of. There is one of a kind, period and threshold, until it has recovered.
#[Object]
impl Alert {
    /// The alert's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it is about.
    async fn kind(&self) -> AlertKind {
        self.0.about.kind.into()
    }

    /// Whether what it is about is over.
    async fn state(&self) -> AlertState {
        if self.0.recovered_at.is_some() { AlertState::Recovered } else { AlertState::Raised }
    }

    /// Whether it still concerns anybody: it has not recovered, and its period is not over.
    #[expect(clippy::unused_async, reason = "a resolver is asynchronous to its caller, whether it waits or not")]
    async fn open(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(access::services(ctx)?.alert.is_open(&self.0))
    }

    /// The organisation that it concerns.
    async fn organisation(&self, ctx: &Context<'_>) -> Result<Organisation> {
        loader::organisation(ctx, self.0.about.organisation_id).await.map(Organisation)
    }

    /// The threshold that was reached, in percent.
    async fn threshold(&self) -> Option<i32> {
        self.0.about.threshold
    }

    /// How much of the limit was used when it was raised, in percent with at most two places.
    async fn percent(&self) -> Option<Result<Decimal>> {
        let percent = self.0.about.figures?.percent();
        Some(percent.map(Into::into).map_err(|overflow| Fault::internal(&overflow.to_string())))
    }

    /// What was used when it was raised: of what the allowance counts, or an amount in the currency of the plan.
    async fn used(&self) -> Option<Decimal> {
        self.0.about.figures.map(|figures| decimal(figures.unit, figures.used))
    }

    /// The limit when it was raised, in the same.
    async fn limit(&self) -> Option<Decimal> {
        self.0.about.figures.map(|figures| decimal(figures.unit, figures.limit))
    }

    /// The channel that it is about.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Option<Channel>> {
        match self.0.about.channel_id {
            Some(id) => loader::channel(ctx, id).await.map(|channel| Some(Channel(channel))),
            None => Ok(None),
        }
    }

    /// The run that it is about, as long as it is kept.
    async fn job_run(&self, ctx: &Context<'_>) -> Result<Option<JobRun>> {
        match self.0.about.job_run_id {
            Some(id) => Ok(loader::job_run(ctx, id).await?.map(JobRun)),
            None => Ok(None),
        }
    }

    /// What it is about where that is neither a channel nor a run, such as the resource `VOICE/minute`.
    async fn subject(&self) -> Option<&str> {
        self.0.about.subject.as_deref()
    }

    /// The first day of the period that it is of.
    async fn period_start(&self) -> Option<Date> {
        self.0.about.period.map(|period| period.start.into())
    }

    /// When that period is over.
    async fn ends_at(&self) -> Option<DateTime> {
        self.0.about.period.map(|period| period.ends_at.into())
    }

    /// What it says, in plain English.
    async fn message(&self) -> &str {
        &self.0.about.message
    }

    /// When it was raised.
    async fn raised_at(&self) -> DateTime {
        self.0.raised_at.into()
    }

    /// When what it is about was over.
    async fn recovered_at(&self) -> Option<DateTime> {
        self.0.recovered_at.map(Into::into)
    }
}

/// A page of alerts, newest first.
pub(super) async fn page(
    services: &Services,
    organisation: Option<OrganisationId>,
    open: Option<bool>,
    page: PageArguments,
) -> Result<Connection<Alert>> {
    let request = page.request(|place| AlertId::parse("after", place).ok())?;
    let page = services.alert.page(organisation, open, &request).await?;
    Ok(connection::connect(page, |alert| alert.id.to_string(), Alert))
}

/// At what an organisation is alerted.
#[derive(Debug)]
pub(super) struct AlertSettings(pub(super) alert::Settings);

/// At what an organisation is alerted.
#[Object]
impl AlertSettings {
    /// The percentages of allowances, credit and budget at which an alert is raised, the lowest first.
    async fn thresholds(&self) -> &[i32] {
        self.0.thresholds.percents()
    }

    /// How much a month may cost before credits, in the currency of the plan; null: no budget.
    async fn monthly_budget(&self) -> Option<Decimal> {
        self.0.monthly_budget.map(Into::into)
    }
}

/// What a forecast is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "alert::forecast::ForecastKind")]
pub(super) enum ForecastKind {
    /// What the month allows the organisation as a whole.
    AllowanceMonthly,
    /// The credit for the month.
    Credit,
    /// The month's budget.
    Budget,
}

/// Where the present month goes if use goes on as it did.
#[derive(Debug)]
pub(super) struct Forecast(pub(super) alert::forecast::Forecast);

/// Where the present month goes if use goes on as it did: what was used, divided by the time of the month that has passed.
#[Object]
impl Forecast {
    /// What it is of.
    async fn kind(&self) -> ForecastKind {
        self.0.kind.into()
    }

    /// How much of the limit is used by now, in percent with at most two places.
    async fn percent(&self) -> Decimal {
        self.0.percent.into()
    }

    /// How much of it will be at the end of the month, in percent with at most two places.
    async fn percent_at_end(&self) -> Decimal {
        self.0.percent_at_end.into()
    }

    /// How much is used in 24 hours.
    async fn per_day(&self) -> Decimal {
        decimal(self.0.unit, self.0.per_day)
    }

    /// The day in the organisation's zone on which all of it is used: today where it is already, null where that is not within the month.
    async fn reaches_limit_on(&self) -> Option<Date> {
        self.0.reaches_limit_on.map(Into::into)
    }

    /// The same in plain English.
    async fn text(&self) -> &str {
        &self.0.text
    }
}

#[derive(Debug, Default)]
pub(super) struct AlertQuery;

#[Object]
impl AlertQuery {
    /// The alerts of all organisations, newest first. For admins.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those of this organisation.")] organisation_id: Option<ID>,
        #[graphql(desc = "True: only what still concerns anybody; false: only what does not.")] open: Option<bool>,
    ) -> Result<Connection<Alert>> {
        let access = access::admin_reader(ctx)?;
        let organisation_id = access::filter("organisationId", organisation_id.as_ref())?;
        page(access.services, organisation_id, open, PageArguments::forward(first, after)).await
    }
}

#[derive(Debug, Default)]
pub(super) struct AlertMutation;

#[Object]
impl AlertMutation {
    /// Changes at what an organisation is alerted; what is left out stays. What is beyond the new ones already is told at once. For admins.
    async fn set_alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The percentages of allowances, credit and budget, 1 to 10 of them, each 1 to 1000.")]
        thresholds: Option<Vec<i32>>,
        #[graphql(
            desc = "How much a month may cost before credits, above 0, in the currency of the plan; null: no budget."
        )]
        monthly_budget: MaybeUndefined<Decimal>,
    ) -> Result<AlertSettings> {
        let access = access::admin(ctx)?;
        let id = OrganisationId::parse("organisationId", &organisation_id)?;
        let monthly_budget = match monthly_budget {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(budget) => Some(Some(budget.into_text())),
        };
        let change = SettingsChange { thresholds, monthly_budget };
        Ok(AlertSettings(access.services.alert.set(access.caller, id, change).await?))
    }
}

/// An alert that was raised or has recovered.
#[derive(Debug)]
pub(super) struct AlertRaised {
    place: Place,
    alert_id: AlertId,
    state: AlertState,
}

/// An alert was raised, or what it is about is over.
#[Object]
impl AlertRaised {
    /// The place of this event; give it as `after` to go on from here.
    async fn cursor(&self) -> String {
        self.place.cursor.to_string()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.place.at.into()
    }

    /// What happened to it.
    async fn state(&self) -> AlertState {
        self.state
    }

    /// The alert as it is now.
    async fn alert(&self, ctx: &Context<'_>) -> Result<Alert> {
        let found = access::services(ctx)?.alert.find(self.alert_id).await?;
        found.map(Alert).ok_or_else(|| Fault::not_found("alert"))
    }
}

#[derive(Debug, Default)]
pub(super) struct AlertSubscription;

#[Subscription]
impl AlertSubscription {
    /// Tells when alerts are raised and when what they are about is over.
    async fn alert_raised(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The organisation; an organisation's own token may leave it out, and an admin sees all without it."
        )]
        organisation_id: Option<ID>,
        #[graphql(desc = "The cursor of the last event seen: what came since is sent first.")] after: Option<String>,
    ) -> Result<BoxStream<'static, Result<AlertRaised>>> {
        let access = access::reader(ctx)?;
        let follow = if organisation_id.is_none() && access.caller.is_admin() {
            Follow::All
        } else {
            Follow::Organisation(access.organisation("organisationId", organisation_id.as_ref()).await?.id)
        };
        let kinds = vec![FactKind::AlertRaised, FactKind::AlertRecovered];
        let events = watch_any(access, follow, after.as_deref(), kinds).await?;
        let changes = events.filter_map(|event| {
            ready(match event {
                Ok((place, Event { fact: Fact::AlertRaised { alert_id }, .. })) => {
                    Some(Ok(AlertRaised { place, alert_id, state: AlertState::Raised }))
                }
                Ok((place, Event { fact: Fact::AlertRecovered { alert_id }, .. })) => {
                    Some(Ok(AlertRaised { place, alert_id, state: AlertState::Recovered }))
                }
                Ok(_) => None,
                Err(fault) => Some(Err(fault)),
            })
        });
        Ok(changes.boxed())
    }
}
