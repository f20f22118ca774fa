//! Batches: what many objects of one answer need is asked for once, not once for each of them.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::runtime::Timer;
use chrono::NaiveDate;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::task::{FutureObj, Spawn, SpawnError};

use super::error::{Fault, Result};
use crate::domain::account_usage::UsageDetail;
use crate::domain::activity::{Activity, MonthlyActivity};
use crate::domain::allowance::{Allowance, Scope};
use crate::domain::channel::Channel;
use crate::domain::customer::{Customer, Engagement};
use crate::domain::id::{
    CampaignId, ChannelId, CustomerId, InvoiceId, JobRunId, OrganisationId, PayloadId, ScheduleId, UsageRecordId,
};
use crate::domain::invoice::InvoiceLine;
use crate::domain::job::{ChannelOutcome, JobRun};
use crate::domain::message::Counts;
use crate::domain::organisation::Organisation;
use crate::domain::period::Zone;
use crate::domain::plan::PriceBook;
use crate::domain::usage::UsageRecord;
use crate::service::Services;
use crate::service::account_usage::PayloadFacts;

/// The batches of all requests. Nothing is kept between them, so an answer is never older than its question.
pub(super) type Loaders = DataLoader<Batch>;

/// Asks the services for many keys of one kind at once.
#[derive(Debug, Clone)]
pub(super) struct Batch(Services);

/// Batches on the runtime of whoever asks: the HTTP server has one for each of its threads.
#[derive(Debug, Clone, Copy)]
struct Here;

impl Spawn for Here {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        drop(tokio::spawn(future));
        Ok(())
    }
}

/// A batch starts after those who are ready have put in their keys, instead of some time later.
#[derive(Debug, Clone, Copy)]
struct NextTurn;

impl Timer for NextTurn {
    fn delay(&self, _: std::time::Duration) -> BoxFuture<'static, ()> {
        tokio::task::yield_now().boxed()
    }
}

/// Batches over `services`.
pub(super) fn loaders(services: Services) -> Loaders {
    DataLoader::new(Batch(services), Here, NextTurn)
}

fn of<'a>(ctx: &Context<'a>) -> Result<&'a Loaders> {
    ctx.data::<Loaders>().map_err(|_| Fault::internal("the schema was built without loaders"))
}

/// The organisation of an object that the caller has reached.
pub(super) async fn organisation(ctx: &Context<'_>, id: OrganisationId) -> Result<Organisation> {
    of(ctx)?.load_one(id).await?.ok_or_else(|| Fault::internal(&format!("{id} is named and is not there")))
}

/// The price list, read once for all who name a plan.
pub(super) async fn prices(ctx: &Context<'_>) -> Result<Arc<PriceBook>> {
    of(ctx)?.load_one(Prices).await?.ok_or_else(|| Fault::internal("there is no price list"))
}

/// The channel of an object that the caller has reached.
pub(super) async fn channel(ctx: &Context<'_>, id: ChannelId) -> Result<Channel> {
    of(ctx)?.load_one(id).await?.ok_or_else(|| Fault::internal(&format!("{id} is named and is not there")))
}

/// The run of an object that the caller has reached, unless retention removed it.
pub(super) async fn job_run(ctx: &Context<'_>, id: JobRunId) -> Result<Option<JobRun>> {
    of(ctx)?.load_one(id).await
}

/// The customer of an object that the caller has reached.
pub(super) async fn customer(ctx: &Context<'_>, id: CustomerId) -> Result<Customer> {
    of(ctx)?.load_one(id).await?.ok_or_else(|| Fault::internal(&format!("{id} is named and is not there")))
}

/// What happens at an organisation.
pub(super) async fn activity(ctx: &Context<'_>, organisation: &Organisation) -> Result<Activity> {
    let key = ActivityOf(organisation.id, organisation.time_zone);
    of(ctx)?.load_one(key).await?.ok_or_else(|| Fault::internal("an organisation has no activity"))
}

/// The conversations of an organisation's last `months` months, newest first.
pub(super) async fn history(
    ctx: &Context<'_>,
    organisation: &Organisation,
    months: u32,
) -> Result<Vec<MonthlyActivity>> {
    let of_whom = ActivityOf(organisation.id, organisation.time_zone);
    Ok(of(ctx)?.load_one(HistoryOf { of_whom, months }).await?.unwrap_or_default())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ActivityOf(OrganisationId, Zone);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct HistoryOf {
    of_whom: ActivityOf,
    months: u32,
}

impl Loader<ActivityOf> for Batch {
    type Value = Activity;
    type Error = Fault;

    async fn load(&self, keys: &[ActivityOf]) -> Result<HashMap<ActivityOf, Activity>> {
        let asked: Vec<_> = keys.iter().map(|ActivityOf(id, zone)| (*id, *zone)).collect();
        let found = self.0.activity.of(&asked).await?;
        Ok(found.into_iter().map(|((id, zone), activity)| (ActivityOf(id, zone), activity)).collect())
    }
}

impl Loader<HistoryOf> for Batch {
    type Value = Vec<MonthlyActivity>;
    type Error = Fault;

    async fn load(&self, keys: &[HistoryOf]) -> Result<HashMap<HistoryOf, Vec<MonthlyActivity>>> {
        let mut by_months: HashMap<u32, Vec<_>> = HashMap::new();
        for HistoryOf { of_whom: ActivityOf(id, zone), months } in keys {
            by_months.entry(*months).or_default().push((*id, *zone));
        }
        let mut found = HashMap::with_capacity(keys.len());
        for (months, asked) in by_months {
            let histories = self.0.activity.history(&asked, months).await?;
            let key = |(id, zone)| HistoryOf { of_whom: ActivityOf(id, zone), months };
            found.extend(histories.into_iter().map(|(asked, history)| (key(asked), history)));
        }
        Ok(found)
    }
}

/// What came of a campaign's messages.
pub(super) async fn campaign_counts(
    ctx: &Context<'_>,
    organisation: OrganisationId,
    campaign: CampaignId,
) -> Result<Counts> {
    Ok(of(ctx)?.load_one(CountsOf { organisation, campaign }).await?.unwrap_or_default())
}

/// What a customer got and did.
pub(super) async fn engagement(
    ctx: &Context<'_>,
    organisation: OrganisationId,
    customer: CustomerId,
) -> Result<Engagement> {
    Ok(of(ctx)?.load_one(EngagementOf { organisation, customer }).await?.unwrap_or_default())
}

/// The details of a channel's day, empty where it has none.
pub(super) async fn details(ctx: &Context<'_>, channel: ChannelId, date: NaiveDate) -> Result<Vec<UsageDetail>> {
    Ok(of(ctx)?.load_one(DayOf { channel, date }).await?.unwrap_or_default())
}

/// What is known of a payload, unless retention removed it.
pub(super) async fn payload(ctx: &Context<'_>, id: PayloadId) -> Result<Option<PayloadFacts>> {
    of(ctx)?.load_one(id).await
}

/// How a run went for each of its channels.
pub(super) async fn outcomes(ctx: &Context<'_>, run: JobRunId) -> Result<Vec<ChannelOutcome>> {
    Ok(of(ctx)?.load_one(OutcomesOf(run)).await?.unwrap_or_default())
}

/// The newest run of a schedule.
pub(super) async fn last_run(ctx: &Context<'_>, schedule: ScheduleId) -> Result<Option<JobRun>> {
    of(ctx)?.load_one(LastRunOf(schedule)).await
}

/// There is only one price list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Prices;

/// The stored lines of an invoice that is no draft, in their order.
pub(super) async fn invoice_lines(ctx: &Context<'_>, invoice: InvoiceId) -> Result<Vec<InvoiceLine>> {
    Ok(of(ctx)?.load_one(LinesOf(invoice)).await?.unwrap_or_default())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct LinesOf(InvoiceId);

impl Loader<LinesOf> for Batch {
    type Value = Vec<InvoiceLine>;
    type Error = Fault;

    async fn load(&self, invoices: &[LinesOf]) -> Result<HashMap<LinesOf, Vec<InvoiceLine>>> {
        let ids: Vec<_> = invoices.iter().map(|invoice| invoice.0).collect();
        let lines = self.0.invoice.lines(&ids).await?;
        Ok(lines.into_iter().map(|(id, lines)| (LinesOf(id), lines)).collect())
    }
}
/// The record that a recorded outcome names.
pub(super) async fn usage_record(ctx: &Context<'_>, id: UsageRecordId) -> Result<UsageRecord> {
    of(ctx)?.load_one(id).await?.ok_or_else(|| Fault::internal(&format!("{id} is named and is not there")))
}

/// Whether a record of the ledger was taken away.
pub(super) async fn voided(ctx: &Context<'_>, id: UsageRecordId) -> Result<bool> {
    Ok(of(ctx)?.load_one(VoidOf(id)).await?.is_some())
}

/// Whether a record of the ledger went beyond an allowance.
pub(super) async fn over_allowance(ctx: &Context<'_>, id: UsageRecordId) -> Result<bool> {
    Ok(of(ctx)?.load_one(OverOf(id)).await?.is_some())
}

/// An allowance, if there is one.
pub(super) async fn allowance(ctx: &Context<'_>, scope: Scope) -> Result<Option<Allowance>> {
    of(ctx)?.load_one(scope).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct VoidOf(UsageRecordId);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct OverOf(UsageRecordId);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CountsOf {
    organisation: OrganisationId,
    campaign: CampaignId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct EngagementOf {
    organisation: OrganisationId,
    customer: CustomerId,
}

/// Keys by their organisation: nearly always there is one.
fn by_organisation<K: Copy>(pairs: impl Iterator<Item = (OrganisationId, K)>) -> HashMap<OrganisationId, Vec<K>> {
    let mut by: HashMap<_, Vec<_>> = HashMap::new();
    for (organisation, key) in pairs {
        by.entry(organisation).or_default().push(key);
    }
    by
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct DayOf {
    channel: ChannelId,
    date: NaiveDate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct OutcomesOf(JobRunId);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct LastRunOf(ScheduleId);

impl Loader<OrganisationId> for Batch {
    type Value = Organisation;
    type Error = Fault;

    async fn load(&self, ids: &[OrganisationId]) -> Result<HashMap<OrganisationId, Organisation>> {
        Ok(self.0.organisation.find_many(ids).await?)
    }
}

impl Loader<Prices> for Batch {
    type Value = Arc<PriceBook>;
    type Error = Fault;

    async fn load(&self, asked: &[Prices]) -> Result<HashMap<Prices, Arc<PriceBook>>> {
        let prices = self.0.plan.prices().await?;
        Ok(asked.iter().map(|_| (Prices, Arc::clone(&prices))).collect())
    }
}

impl Loader<ChannelId> for Batch {
    type Value = Channel;
    type Error = Fault;

    async fn load(&self, ids: &[ChannelId]) -> Result<HashMap<ChannelId, Channel>> {
        Ok(self.0.channel.find_many(ids).await?)
    }
}

impl Loader<JobRunId> for Batch {
    type Value = JobRun;
    type Error = Fault;

    async fn load(&self, ids: &[JobRunId]) -> Result<HashMap<JobRunId, JobRun>> {
        Ok(self.0.job_run.find_many(ids).await?)
    }
}

impl Loader<CustomerId> for Batch {
    type Value = Customer;
    type Error = Fault;

    async fn load(&self, ids: &[CustomerId]) -> Result<HashMap<CustomerId, Customer>> {
        Ok(self.0.customer.find_many(ids).await?)
    }
}

impl Loader<CountsOf> for Batch {
    type Value = Counts;
    type Error = Fault;

    async fn load(&self, keys: &[CountsOf]) -> Result<HashMap<CountsOf, Counts>> {
        let mut found = HashMap::with_capacity(keys.len());
        for (organisation, ids) in by_organisation(keys.iter().map(|key| (key.organisation, key.campaign))) {
            let counts = self.0.campaign.counts(organisation, &ids).await?;
            found.extend(counts.into_iter().map(|(campaign, counts)| (CountsOf { organisation, campaign }, counts)));
        }
        Ok(found)
    }
}

impl Loader<EngagementOf> for Batch {
    type Value = Engagement;
    type Error = Fault;

    async fn load(&self, keys: &[EngagementOf]) -> Result<HashMap<EngagementOf, Engagement>> {
        let mut found = HashMap::with_capacity(keys.len());
        for (organisation, ids) in by_organisation(keys.iter().map(|key| (key.organisation, key.customer))) {
            let of = self.0.customer.engagement(organisation, &ids).await?;
            found.extend(of.into_iter().map(|(customer, did)| (EngagementOf { organisation, customer }, did)));
        }
        Ok(found)
    }
}

impl Loader<UsageRecordId> for Batch {
    type Value = UsageRecord;
    type Error = Fault;

    async fn load(&self, ids: &[UsageRecordId]) -> Result<HashMap<UsageRecordId, UsageRecord>> {
        Ok(self.0.ledger.find_many(ids).await?)
    }
}

impl Loader<VoidOf> for Batch {
    type Value = ();
    type Error = Fault;

    async fn load(&self, records: &[VoidOf]) -> Result<HashMap<VoidOf, ()>> {
        let ids: Vec<_> = records.iter().map(|record| record.0).collect();
        let voided = self.0.ledger.voided(&ids).await?;
        Ok(voided.into_iter().map(|id| (VoidOf(id), ())).collect())
    }
}

impl Loader<OverOf> for Batch {
    type Value = ();
    type Error = Fault;

    async fn load(&self, records: &[OverOf]) -> Result<HashMap<OverOf, ()>> {
        let ids: Vec<_> = records.iter().map(|record| record.0).collect();
        let over = self.0.ledger.over_allowance(&ids).await?;
        Ok(over.into_iter().map(|id| (OverOf(id), ())).collect())
    }
}

impl Loader<Scope> for Batch {
    type Value = Allowance;
    type Error = Fault;

    async fn load(&self, scopes: &[Scope]) -> Result<HashMap<Scope, Allowance>> {
        Ok(self.0.allowance.of(scopes).await?)
    }
}

impl Loader<DayOf> for Batch {
    type Value = Vec<UsageDetail>;
    type Error = Fault;

    async fn load(&self, days: &[DayOf]) -> Result<HashMap<DayOf, Vec<UsageDetail>>> {
        let keys: Vec<_> = days.iter().map(|day| (day.channel, day.date)).collect();
        let details = self.0.account_usage.details(&keys).await?;
        Ok(details.into_iter().map(|((channel, date), details)| (DayOf { channel, date }, details)).collect())
    }
}

impl Loader<PayloadId> for Batch {
    type Value = PayloadFacts;
    type Error = Fault;

    async fn load(&self, ids: &[PayloadId]) -> Result<HashMap<PayloadId, PayloadFacts>> {
        Ok(self.0.account_usage.payload_facts(ids).await?)
    }
}

impl Loader<OutcomesOf> for Batch {
    type Value = Vec<ChannelOutcome>;
    type Error = Fault;

    async fn load(&self, runs: &[OutcomesOf]) -> Result<HashMap<OutcomesOf, Vec<ChannelOutcome>>> {
        let ids: Vec<_> = runs.iter().map(|run| run.0).collect();
        let outcomes = self.0.job_run.outcomes(&ids).await?;
        Ok(outcomes.into_iter().map(|(id, outcomes)| (OutcomesOf(id), outcomes)).collect())
    }
}

impl Loader<LastRunOf> for Batch {
    type Value = JobRun;
    type Error = Fault;

    async fn load(&self, schedules: &[LastRunOf]) -> Result<HashMap<LastRunOf, JobRun>> {
        let ids: Vec<_> = schedules.iter().map(|schedule| schedule.0).collect();
        let runs = self.0.job_run.last_of_schedules(&ids).await?;
        Ok(runs.into_iter().map(|(id, run)| (LastRunOf(id), run)).collect())
    }
}
