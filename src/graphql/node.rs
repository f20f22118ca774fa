//! Anything by its id alone.

use async_graphql::{Context, ID, Interface, Object};
use uuid::Uuid;

use super::access::{self, Access};
use super::alert::Alert;
use super::audit::AuditEntry;
use super::campaign::Campaign;
use super::channel::Channel;
use super::customer::Customer;
use super::error::{Fault, Result};
use super::hook::WebhookEndpoint;
use super::invoice::{Invoice, InvoiceLine};
use super::job_run::JobRun;
use super::organisation::Organisation;
use super::plan::{self, Plan, Rate};
use super::schedule::ScheduledJob;
use super::snapshot::Snapshot;
use super::token::Token;
use super::usage_record::UsageRecord;
use crate::domain::audit;
use crate::domain::id::{AnyId, AuditEntryId, TokenId};
use crate::domain::page::PageRequest;
use crate::service::Services;

/// Whatever has an id that is unique among everything.
#[derive(Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The id, unique among everything."))]
pub(super) enum Node {
    Organisation(Organisation),
    Channel(Channel),
    Token(Token),
    ScheduledJob(ScheduledJob),
    JobRun(JobRun),
    AuditEntry(AuditEntry),
    Plan(Plan),
    Rate(Rate),
    Invoice(Invoice),
    InvoiceLine(InvoiceLine),
    Customer(Customer),
    Campaign(Campaign),
    UsageRecord(UsageRecord),
    Snapshot(Snapshot),
    Alert(Alert),
    WebhookEndpoint(WebhookEndpoint),
}

#[derive(Debug, Default)]
pub(super) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its id alone. What the caller may not know of is as what does not exist.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id, whatever it identifies.")] id: ID,
    ) -> Option<Result<Node>> {
        Some(find(ctx, &id).await)
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Node> {
    let access = access::reader(ctx)?;
    let services = access.services;
    match AnyId::parse("id", id)? {
        AnyId::OrganisationId(id) => {
            let found = services.organisation.find(id).await?;
            access.seen("organisation", found, |found| found.id).map(Organisation).map(Node::from)
        }
        AnyId::ChannelId(id) => {
            let found = services.channel.find(id).await?;
            access.seen("channel", found, |found| found.organisation_id).map(Channel).map(Node::from)
        }
        AnyId::ScheduleId(id) => {
            let found = services.schedule.find(id).await?;
            access.seen("scheduled job", found, |found| found.organisation_id).map(ScheduledJob).map(Node::from)
        }
        AnyId::JobRunId(id) => {
            let found = services.job_run.find(id).await?;
            access.seen("job run", found, |found| found.organisation_id).map(JobRun).map(Node::from)
        }
        AnyId::TokenId(id) => token(&access, id).await,
        AnyId::AuditEntryId(id) => {
            if !access.caller.is_admin() {
                return Err(Fault::not_found("audit entry"));
            }
            let found = audit_entry(services, id).await?;
            found.map(|found| Node::from(AuditEntry(found))).ok_or_else(|| Fault::not_found("audit entry"))
        }
        // A payload is reached through the day that was taken from it, a try at a webhook through its endpoint.
        AnyId::RejectedUpdateId(_) | AnyId::PayloadId(_) | AnyId::ReservationId(_) | AnyId::AttemptId(_) => {
            Err(Fault::not_found("node"))
        }
        AnyId::AlertId(id) => {
            let found = services.alert.find(id).await?;
            access.seen("alert", found, |found| found.about.organisation_id).map(Alert).map(Node::from)
        }
        AnyId::EndpointId(id) => {
            let found = services.hook.find(id).await?;
            access.seen("webhook endpoint", found, |found| found.organisation_id).map(WebhookEndpoint).map(Node::from)
        }
        AnyId::CustomerId(id) => {
            let found = services.customer.find(id).await?;
            access.seen("customer", found, |found| found.organisation_id).map(Customer).map(Node::from)
        }
        AnyId::CampaignId(id) => {
            let found = services.campaign.find(id).await?;
            access.seen("campaign", found, |found| found.organisation_id).map(Campaign).map(Node::from)
        }
        AnyId::SnapshotId(id) => {
            let found = services.snapshot.find(id).await?;
            access.seen("snapshot", found, |found| found.organisation_id).map(Snapshot).map(Node::from)
        }
        AnyId::PlanId(id) => plan::by_id(&access, id).await.map(Node::from),
        AnyId::RateId(id) => plan::rate_by_id(&access, id).await.map(Node::from),
        AnyId::UsageRecordId(id) => {
            let found = services.ledger.find(id).await?;
            access.seen("usage record", found, |found| found.organisation_id).map(UsageRecord).map(Node::from)
        }
        AnyId::CreditGrantId(_) | AnyId::CreditEntryId(_) => Err(Fault::not_found("credit")),
        AnyId::InvoiceId(id) => {
            let found = services.invoice.find(id).await?;
            access.seen("invoice", found, |found| found.invoice.organisation_id).map(Invoice).map(Node::from)
        }
        AnyId::InvoiceLineId(id) => {
            let found = services.invoice.line(id).await?;
            access.seen("invoice line", found, |found| found.organisation_id).map(InvoiceLine).map(Node::from)
        }
    }
}

/// A token is known to admins and to its holder, not to those who hold another one of the same organisation.
async fn token(access: &Access<'_>, id: TokenId) -> Result<Node> {
    let known = access.caller.is_admin() || access.token.id == id;
    let found = access.services.access.find(id).await?.filter(|_| known);
    found.map(|found| Node::from(Token(found))).ok_or_else(|| Fault::not_found("token"))
}

/// The audit log is only read in pages, newest first: the entry is the first one after the place that comes just before its own.
async fn audit_entry(services: &Services, id: AuditEntryId) -> Result<Option<audit::AuditEntry>> {
    let before = id.uuid().as_u128().checked_add(1).map(|number| AuditEntryId::from_uuid(Uuid::from_u128(number)));
    let page = services.audit.page(None, &PageRequest { after: before, ..PageRequest::first(1) }).await?;
    Ok(page.items.into_iter().find(|entry| entry.id == id))
}
