//! Organisations: the tenants, what hangs on them, and the mutations that make and change them.

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::access;
use super::account_usage::{DailyUsage, MonthlyUsage};
use super::activity::{Activity, MonthlyActivity};
use super::alert::{self, Alert, AlertSettings, Forecast};
use super::allowance::{self, Allowance};
use super::campaign::{self, Campaign};
use super::catalog::Catalog;
use super::channel::{Bsp, Channel, ChannelKind};
use super::complexity;
use super::connection::{self, Connection, PageArguments};
use super::credit::CreditBalance;
use super::customer::{self, Customer};
use super::error::{Fault, Result};
use super::hook::{self, WebhookEndpoint};
use super::invoice::{self, Invoice, InvoicePreview, InvoiceState};
use super::job_run::{self, JobRun, JobRunState};
use super::live::{self, Dashboard, LiveMetrics};
use super::loader;
use super::period_usage::PeriodUsage;
use super::plan::{self, Plan};
use super::plan_preview::PlanPreview;
use super::scalar::{Date, DateTime, Month, int};
use super::schedule::{JobKind, ScheduledJob};
use super::snapshot::{Snapshot, SnapshotType};
use super::usage_record::{self, UsageRecord};
use super::usage_stats::UsageStats;
use super::usage_summary::{UsageSummary, UsageTotals};
use crate::domain::id::{ChannelId, CustomerId, OrganisationId};
use crate::domain::organisation;
use crate::domain::period::DateRange;
use crate::domain::usage::ResourceType;
use crate::service::activity::checked_months;
use crate::service::job_run::RANGE_DAYS_MAX;
use crate::service::ledger::Filter as UsageFilter;
use crate::service::live::checked_days;
use crate::service::organisation::{Filter, NewOrganisation, Order, OrganisationChange, Place};
use crate::service::{snapshot, usage};

/// The tenant: who uses channels and is billed for them.
#[derive(Debug, Clone)]
pub(super) struct Organisation(pub(super) organisation::Organisation);

/// The tenant: who uses channels and is billed for them.
#[Object]
impl Organisation {
    /// The organisation's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The id that the outside world knows it by, unique where present.
    async fn external_id(&self) -> Option<&str> {
        self.0.external_id.as_deref()
    }

    /// The IANA zone in which its days, weeks and months are cut.
    async fn time_zone(&self) -> &'static str {
        self.0.time_zone.name()
    }

    /// Its currency, as ISO 4217 codes it.
    async fn currency(&self) -> &'static str {
        self.0.currency.code()
    }

    /// The code of its plan.
    async fn plan_code(&self) -> &str {
        &self.0.plan_code
    }

    /// Its plan.
    async fn plan(&self, ctx: &Context<'_>) -> Result<Plan> {
        plan::by_code(ctx, &self.0.plan_code).await
    }

    /// What a month would have come to under another plan.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn plan_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code of the plan to try.")] plan_code: String,
        #[graphql(desc = "The month to replay.")] month: Month,
    ) -> Result<PlanPreview> {
        PlanPreview::of(access::services(ctx)?, self.0.id, &month, |prices| {
            Ok(prices.plan_by_code("planCode", &plan_code)?)
        })
        .await
    }

    /// Whether its jobs run.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Its channels, oldest first.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn channels(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that carry this.")] kind: Option<ChannelKind>,
        #[graphql(desc = "Only those at this provider.")] bsp: Option<Bsp>,
    ) -> Result<Vec<Channel>> {
        let services = access::services(ctx)?;
        let channels = services.channel.list(self.0.id, kind.map(Into::into), bsp.map(Into::into)).await?;
        Ok(channels.into_iter().map(Channel).collect())
    }

    /// What the providers report for each channel and day, oldest day first; days without usage are left out. At most 400 days.
    #[graphql(complexity = "complexity::days(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn daily_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day.")] from: Date,
        #[graphql(desc = "The last day, itself included.")] to: Date,
        #[graphql(desc = "Only of this channel.")] channel_id: Option<ID>,
    ) -> Result<Vec<DailyUsage>> {
        let services = access::services(ctx)?;
        let range = DateRange::checked("from", from.read("from")?, to.read("to")?, RANGE_DAYS_MAX)?;
        let channel_id = self.own_channel(ctx, channel_id).await?;
        let days = services.account_usage.daily(self.0.id, range, channel_id).await?;
        Ok(days.into_iter().map(DailyUsage).collect())
    }

    /// The months made of those days, oldest first.
    #[graphql(complexity = "complexity::months(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn monthly_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first month.")] from: Month,
        #[graphql(desc = "The last month, itself included.")] to: Month,
        #[graphql(desc = "Only of this channel.")] channel_id: Option<ID>,
    ) -> Result<Vec<MonthlyUsage>> {
        let services = access::services(ctx)?;
        let (from, to) = (from.read("from")?, to.read("to")?);
        let channel_id = self.own_channel(ctx, channel_id).await?;
        let months = services.account_usage.monthly(self.0.id, from, to, channel_id).await?;
        Ok(months.into_iter().map(MonthlyUsage).collect())
    }

    /// Its conversations, and since when and until when something happened.
    async fn activity(&self, ctx: &Context<'_>) -> Result<Activity> {
        loader::activity(ctx, &self.0).await.map(Activity)
    }

    /// The conversations of the month that runs and of those before it, newest first.
    #[graphql(complexity = "complexity::months_back(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn usage_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many months, 1 to 24.", default = 6)] months: Option<i32>,
    ) -> Result<Vec<MonthlyActivity>> {
        let history = loader::history(ctx, &self.0, checked_months(months)?).await?;
        Ok(history.into_iter().map(MonthlyActivity).collect())
    }

    /// The records of its ledger, newest first.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    #[expect(
        clippy::too_many_arguments,
        reason = "a list that is paged and filtered by all that a record is told apart by"
    )]
    async fn usage_records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what was used then or later.")] from: Option<DateTime>,
        #[graphql(desc = "Only what was used before.")] to: Option<DateTime>,
        #[graphql(desc = "Only what was used on channels of this kind.")] kind: Option<ChannelKind>,
        #[graphql(desc = "Only this, such as `minute`.")] resource_type: Option<String>,
        #[graphql(desc = "Only what was used for this customer.")] customer_id: Option<ID>,
        #[graphql(desc = "Only what was used on this channel.")] channel_id: Option<ID>,
        #[graphql(desc = "True: only what has no price; false: only what has one.")] unpriced: Option<bool>,
    ) -> Result<Connection<UsageRecord>> {
        let resource_type = resource_type.map(|text| ResourceType::parse("resourceType", &text)).transpose()?;
        let filter = UsageFilter {
            from: from.map(|from| from.read("from")).transpose()?,
            to: to.map(|to| to.read("to")).transpose()?,
            kind: kind.map(Into::into),
            resource_type,
            customer_id: self.own_customer(ctx, customer_id).await?,
            channel_id: self.own_channel(ctx, channel_id).await?,
            unpriced,
        };
        usage_record::page(access::services(ctx)?, self.0.id, &filter, PageArguments::forward(first, after)).await
    }

    /// How much it may use, and where that stands.
    async fn allowance(&self, ctx: &Context<'_>) -> Result<Allowance> {
        allowance::of_organisation(ctx, self.0.id).await
    }

    /// What it has in credits.
    async fn credits(&self, ctx: &Context<'_>) -> Result<CreditBalance> {
        CreditBalance::of(ctx, &self.0).await
    }

    /// Its invoices, newest month first.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those in this state.")] state: Option<InvoiceState>,
    ) -> Result<Connection<Invoice>> {
        invoice::page(ctx, &self.0, state, PageArguments::forward(first, after)).await
    }

    /// One of its invoices.
    async fn invoice(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invoice's id.")] id: ID,
    ) -> Option<Result<Invoice>> {
        Some(invoice::of_organisation(ctx, self.0.id, &id).await)
    }

    /// The present month as an invoice now, with a guess at its end.
    async fn invoice_preview(&self, ctx: &Context<'_>) -> Result<InvoicePreview> {
        InvoicePreview::of(ctx, &self.0).await
    }

    /// The day under way, from midnight in its zone, at most 30 seconds old.
    async fn real_time_metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this channel.")] channel_id: Option<ID>,
    ) -> Result<LiveMetrics> {
        let channel = self.own_channel(ctx, channel_id).await?;
        access::services(ctx)?.live.today(&self.0, channel).await.map(LiveMetrics).map_err(Into::into)
    }

    /// The days up to yesterday and as many before them, at most 5 minutes old.
    #[graphql(complexity = "complexity::days_back(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn dashboard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many days, 1 to 365.", default = 30)] days: Option<i32>,
        #[graphql(desc = "Only of this channel.")] channel_id: Option<ID>,
    ) -> Result<Dashboard> {
        let days = checked_days(days)?;
        let channel = self.own_channel(ctx, channel_id).await?;
        access::services(ctx)?.live.dashboard(&self.0, channel, days).await.map(Dashboard).map_err(Into::into)
    }

    /// The people that it talks to, newest first.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn customers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those whose number, name or external id contains this, in any case.")] search: Option<
            String,
        >,
    ) -> Result<Connection<Customer>> {
        customer::page(ctx, self.0.id, search, PageArguments::forward(first, after)).await
    }

    /// Its campaigns, newest first.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn campaigns(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<Connection<Campaign>> {
        campaign::page(ctx, self.0.id, PageArguments::forward(first, after)).await
    }

    /// The snapshots of a type whose periods begin on some days, at most 400 of them; the oldest first.
    #[graphql(complexity = "complexity::days(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn snapshots(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "type", desc = "What they are of.")] kind: SnapshotType,
        #[graphql(desc = "The first day.")] from: Date,
        #[graphql(desc = "The last day, itself included.")] to: Date,
        #[graphql(desc = "Those of this channel; without it, those of the organisation as a whole.")]
        channel_id: Option<ID>,
    ) -> Result<Vec<Snapshot>> {
        let range = DateRange::checked("from", from.read("from")?, to.read("to")?, snapshot::DAYS_MAX)?;
        let channel_id = self.own_channel(ctx, channel_id).await?;
        let snapshots = access::services(ctx)?.snapshot.list(self.0.id, kind.into(), channel_id, range).await?;
        Ok(snapshots.into_iter().map(Snapshot).collect())
    }

    /// What somebody should know of, newest first.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "True: only what still concerns anybody; false: only what does not.")] open: Option<bool>,
    ) -> Result<Connection<Alert>> {
        alert::page(access::services(ctx)?, Some(self.0.id), open, PageArguments::forward(first, after)).await
    }

    /// At what it is alerted.
    async fn alert_settings(&self, ctx: &Context<'_>) -> Result<AlertSettings> {
        Ok(AlertSettings(access::services(ctx)?.alert.settings(self.0.id).await?))
    }

    /// Where the present month goes if use goes on as it did; only of what there is a limit of.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn forecast(&self, ctx: &Context<'_>) -> Result<Vec<Forecast>> {
        let forecasts = access::services(ctx)?.alert.forecasts(&self.0).await?;
        Ok(forecasts.into_iter().map(Forecast).collect())
    }

    /// Where its events are sent, oldest first.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn webhook_endpoints(&self, ctx: &Context<'_>) -> Result<Vec<WebhookEndpoint>> {
        hook::of_organisation(ctx, self.0.id).await
    }

    /// Its recurring jobs.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn scheduled_jobs(&self, ctx: &Context<'_>) -> Result<Vec<ScheduledJob>> {
        let schedules = access::services(ctx)?.schedule.list(self.0.id).await?;
        Ok(schedules.into_iter().map(ScheduledJob).collect())
    }

    /// The runs of its jobs, newest first.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn job_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those of this kind.")] kind: Option<JobKind>,
        #[graphql(desc = "Only those in one of these states.")] state: Option<Vec<JobRunState>>,
    ) -> Result<Connection<JobRun>> {
        let page = PageArguments::forward(first, after);
        job_run::page(access::services(ctx)?, Some(self.0.id), kind, state, page).await
    }

    /// What its catalogue has, as the first messages of a customer need it.
    async fn catalog(&self) -> Catalog {
        Catalog(self.0.clone())
    }

    /// The month that is billed now, as it stands.
    async fn current_period(&self, ctx: &Context<'_>) -> Result<PeriodUsage> {
        Ok(PeriodUsage(access::services(ctx)?.usage.current_period(&self.0).await?))
    }

    /// What was used, a line for each day, kind of channel and resource, in this order; days without usage have none. At most 400 days.
    #[graphql(complexity = "5 * complexity::days(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn usage_summaries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day.")] from: Date,
        #[graphql(desc = "The last day, itself included.")] to: Date,
    ) -> Result<Vec<UsageSummary>> {
        let range = DateRange::checked("from", from.read("from")?, to.read("to")?, usage::DAYS_MAX)?;
        let summaries = access::services(ctx)?.usage.summaries(self.0.id, range).await?;
        summaries.into_iter().map(TryInto::try_into).collect()
    }

    /// Statistics of some days, at most 400.
    async fn usage_stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day.")] from: Date,
        #[graphql(desc = "The last day, itself included.")] to: Date,
        #[graphql(desc = "How many customers of those that used most, 1 to 100.", default = 10)] top: Option<i32>,
    ) -> Result<UsageStats> {
        let range = DateRange::checked("from", from.read("from")?, to.read("to")?, usage::DAYS_MAX)?;
        let top = usage::checked_top(top, 10)?;
        let view = access::services(ctx)?.usage.statistics(&self.0, range).await?;
        Ok(UsageStats { organisation_id: self.0.id, range, top, view })
    }

    /// What was used today, this month and last month.
    async fn usage_summary(&self, ctx: &Context<'_>) -> Result<UsageTotals> {
        access::services(ctx)?.usage.totals(&self.0).await?.try_into()
    }
}

impl Organisation {
    /// The channel that `channelId` names, if it is one of this organisation; any other is as one that does not exist.
    async fn own_channel(&self, ctx: &Context<'_>, id: Option<ID>) -> Result<Option<ChannelId>> {
        let Some(id) = id else { return Ok(None) };
        live::own_channel(ctx, self.0.id, &id).await.map(Some)
    }

    /// The same for the customer that `customerId` names.
    async fn own_customer(&self, ctx: &Context<'_>, id: Option<ID>) -> Result<Option<CustomerId>> {
        let Some(id) = id else { return Ok(None) };
        let id = CustomerId::parse("customerId", &id)?;
        let customer = access::services(ctx)?.customer.find(id).await?;
        let own = customer.filter(|customer| customer.organisation_id == self.0.id);
        own.map(|customer| Some(customer.id)).ok_or_else(|| Fault::not_found("customer"))
    }
}

/// The order of a list of organisations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum OrganisationOrder {
    /// By name, A first.
    NameAsc,
    /// By name, Z first.
    NameDesc,
    /// By age, the oldest first.
    CreatedAtAsc,
    /// By age, the newest first.
    CreatedAtDesc,
}

impl OrganisationOrder {
    /// What a cursor starts with, so that it is not taken for a place in another order.
    const fn mark(self) -> &'static str {
        match self {
            Self::NameAsc => "na",
            Self::NameDesc => "nd",
            Self::CreatedAtAsc => "ca",
            Self::CreatedAtDesc => "cd",
        }
    }

    fn write(self, place: &Place) -> String {
        format!("{}:{}:{}", self.mark(), place.id, place.key)
    }

    fn read(self, text: &str) -> Option<Place> {
        let (id, key) = text.strip_prefix(self.mark())?.strip_prefix(':')?.split_once(':')?;
        Some(Place { key: key.to_owned(), id: OrganisationId::parse("after", id).ok()? })
    }

    fn place(self, organisation: &organisation::Organisation) -> Place {
        let key = match self {
            Self::NameAsc | Self::NameDesc => organisation.name.clone(),
            Self::CreatedAtAsc | Self::CreatedAtDesc => String::new(),
        };
        Place { key, id: organisation.id }
    }
}

impl From<OrganisationOrder> for Order {
    fn from(order: OrganisationOrder) -> Self {
        match order {
            OrganisationOrder::NameAsc => Self::NameAscending,
            OrganisationOrder::NameDesc => Self::NameDescending,
            OrganisationOrder::CreatedAtAsc => Self::OldestFirst,
            OrganisationOrder::CreatedAtDesc => Self::NewestFirst,
        }
    }
}

/// What a page of organisations says of the whole list; counted only when it is asked for.
#[derive(Debug)]
pub(super) struct OrganisationTotal {
    filter: Filter,
    has_more: bool,
}

#[Object]
impl OrganisationTotal {
    /// How many organisations match, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        int("totalCount", access::services(ctx)?.organisation.count(&self.filter).await?)
    }

    /// Whether there are more after this page.
    async fn has_more(&self) -> bool {
        self.has_more
    }
}

#[derive(Debug, Default)]
pub(super) struct OrganisationQuery;

#[Object]
impl OrganisationQuery {
    /// An organisation: the caller's own without an id.
    async fn organisation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation's id; an admin must give one.")] id: Option<ID>,
    ) -> Option<Result<Organisation>> {
        let found = async { access::reader(ctx)?.organisation("id", id.as_ref()).await };
        Some(found.await.map(Organisation))
    }

    /// The organisations. For admins.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    #[expect(clippy::too_many_arguments, reason = "a list that is paged both ways, counted, searched and ordered")]
    async fn organisations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many of the first, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Another name for `first`, to go with `offset`.")] limit: Option<i32>,
        #[graphql(desc = "How many to pass over first, up to 100,000.")] offset: Option<i32>,
        #[graphql(desc = "Only those whose name or external id contains this, in any case.")] search: Option<String>,
        #[graphql(desc = "Only those that are active, or only those that are not.")] active: Option<bool>,
        #[graphql(desc = "The order; by name without.")] order_by: Option<OrganisationOrder>,
    ) -> Result<Connection<Organisation, OrganisationTotal>> {
        let access = access::admin_reader(ctx)?;
        let order = order_by.unwrap_or(OrganisationOrder::NameAsc);
        let request = PageArguments { first, after, last, before, limit, offset }.request(|place| order.read(place))?;
        let filter = Filter { search: connection::checked_search(search, SEARCH_CHARS_MAX)?, active };
        let page = access.services.organisation.page(&filter, order.into(), &request).await?;
        let total = OrganisationTotal { filter, has_more: page.has_next };
        let mut connection = Connection::with_additional_fields(page.has_previous, page.has_next, total);
        connection.edges = connection::edges(page.items, |item| order.write(&order.place(item)), Organisation);
        Ok(connection)
    }
}

/// The longest text that organisations are searched for.
const SEARCH_CHARS_MAX: usize = 200;

/// An organisation to make.
#[derive(Debug, InputObject)]
pub(super) struct CreateOrganisationInput {
    /// What people call it, 1 to 200 characters.
    name: String,
    /// The IANA zone in which its days are cut, such as Asia/Jakarta.
    time_zone: String,
    /// Its currency, as ISO 4217 codes it.
    #[graphql(default_with = "Some(\"USD\".to_owned())")]
    currency: Option<String>,
    /// The code of its plan, such as starter; the answer to a wrong one names them all.
    #[graphql(default_with = "Some(organisation::PLAN_CODE_DEFAULT.to_owned())")]
    plan_code: Option<String>,
    /// The id that the outside world knows it by, unique where present.
    external_id: Option<String>,
}

/// What to change of an organisation; what is left out stays.
#[derive(Debug, InputObject)]
pub(super) struct UpdateOrganisationInput {
    /// What people call it, 1 to 200 characters.
    name: Option<String>,
    /// The IANA zone in which its days are cut from now on; days that are recorded do not move.
    time_zone: Option<String>,
    /// Whether its jobs run.
    active: Option<bool>,
    /// The id that the outside world knows it by, unique where present.
    external_id: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct OrganisationMutation;

#[Object]
impl OrganisationMutation {
    /// Makes an organisation, with its schedules and the present month. For admins.
    async fn create_organisation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] input: CreateOrganisationInput,
    ) -> Result<Organisation> {
        let access = access::admin(ctx)?;
        let new = NewOrganisation {
            name: input.name,
            time_zone: input.time_zone,
            currency: input.currency.unwrap_or_else(|| "USD".to_owned()),
            plan_code: input.plan_code.unwrap_or_else(|| organisation::PLAN_CODE_DEFAULT.to_owned()),
            external_id: input.external_id,
        };
        Ok(Organisation(access.services.organisation.create(access.caller, new).await?))
    }

    /// Changes an organisation. For admins.
    async fn update_organisation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation's id.")] id: ID,
        #[graphql(desc = "What to change.")] input: UpdateOrganisationInput,
    ) -> Result<Organisation> {
        let access = access::admin(ctx)?;
        let id = OrganisationId::parse("id", &id)?;
        let change = OrganisationChange {
            name: input.name,
            time_zone: input.time_zone,
            active: input.active,
            external_id: input.external_id,
        };
        Ok(Organisation(access.services.organisation.update(access.caller, id, change).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_holds_any_name_and_its_order() {
        let id = OrganisationId::generate("2026-06-05T12:00:00Z".parse().unwrap());
        let place = Place { key: "Kedai: Kopi, č".to_owned(), id };
        let written = OrganisationOrder::NameAsc.write(&place);
        assert_eq!(OrganisationOrder::NameAsc.read(&written), Some(place));
        assert_eq!(OrganisationOrder::NameDesc.read(&written), None);
        assert_eq!(OrganisationOrder::NameAsc.read("na:org_1"), None);
    }
}
