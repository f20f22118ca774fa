//! Use cases: each owns its transaction, checks its input, and says what happened as events.
//!
//! A service is a cheap handle on shared parts; cloning it clones the handle. What a mutation does on behalf of a caller is written to
//! the audit log in the mutation's own transaction.

pub mod access;
pub mod account_usage;
pub mod activity;
mod alarm;
pub mod alert;
pub mod allowance;
pub mod audit;
mod caller;
pub mod campaign;
pub mod catalog;
pub mod channel;
mod core;
mod credential;
pub mod credit;
pub mod customer;
mod dashboard;
pub mod dispatch;
mod error;
pub mod event;
pub mod hook;
pub mod invoice;
pub mod job;
pub mod job_run;
mod lane;
pub mod lease;
pub mod ledger;
pub mod live;
mod memo;
pub mod metric;
pub mod message;
pub mod organisation;
pub mod plan;
pub mod recording;
mod price;
mod reckoning;
pub mod schedule;
pub mod snapshot;
mod standing;
pub mod usage;
pub mod wake;
pub mod webhook;
mod welcome;

use std::sync::Arc;

use crate::domain::clock::SharedClock;

pub use self::core::{
    CatalogOptions, Core, CoreParts, InvoicingOptions, LedgerOptions, SchedulingOptions, WebhookOptions,
};
pub use credential::{MasterKeyError, MasterKeys};
pub use error::ServiceError;
pub use lease::{Lease, ManyNodes, OneNode};
pub use memo::Cached;
pub use price::PriceBooks;

/// All services, over the same parts.
#[derive(Debug, Clone)]
pub struct Services {
    pub access: access::AccessService,
    pub activity: activity::ActivityService,
    pub organisation: organisation::OrganisationService,
    pub plan: plan::PlanService,
    pub channel: channel::ChannelService,
    pub account_usage: account_usage::AccountUsageService,
    pub alert: alert::AlertService,
    pub allowance: allowance::AllowanceService,
    pub customer: customer::CustomerService,
    pub campaign: campaign::CampaignService,
    pub catalog: catalog::CatalogService,
    pub schedule: schedule::ScheduleService,
    pub snapshot: snapshot::SnapshotService,
    pub job_run: job_run::JobRunService,
    pub dispatch: dispatch::DispatchService,
    pub event: event::EventService,
    pub hook: hook::HookService,
    pub live: live::LiveService,
    pub ledger: ledger::LedgerService,
    pub message: message::MessageService,
    pub recording: recording::RecordingService,
    pub webhook: webhook::WebhookService,
    pub audit: audit::AuditService,
    pub credit: credit::CreditService,
    pub invoice: invoice::InvoiceService,
    pub usage: usage::UsageService,
    pub scheduler: Arc<dyn wake::SchedulerView>,
    pub clock: SharedClock,
}

impl Services {
    /// Puts the services together. `jobs` are the kinds of jobs that this program can run.
    pub fn new(core: &Arc<Core>, jobs: Arc<job::Registry>, scheduler: Arc<dyn wake::SchedulerView>) -> Self {
        let ledger = ledger::LedgerService::new(Arc::clone(core));
        let message = message::MessageService::new(Arc::clone(core));
        Self {
            access: access::AccessService::new(Arc::clone(core)),
            activity: activity::ActivityService::new(Arc::clone(core)),
            organisation: organisation::OrganisationService::new(Arc::clone(core), Arc::clone(&jobs)),
            plan: plan::PlanService::new(Arc::clone(core)),
            channel: channel::ChannelService::new(Arc::clone(core)),
            account_usage: account_usage::AccountUsageService::new(Arc::clone(core)),
            alert: alert::AlertService::new(Arc::clone(core)),
            allowance: allowance::AllowanceService::new(Arc::clone(core)),
            customer: customer::CustomerService::new(Arc::clone(core)),
            campaign: campaign::CampaignService::new(Arc::clone(core)),
            catalog: catalog::CatalogService::new(Arc::clone(core)),
            schedule: schedule::ScheduleService::new(Arc::clone(core), Arc::clone(&jobs)),
            snapshot: snapshot::SnapshotService::new(Arc::clone(core)),
            job_run: job_run::JobRunService::new(Arc::clone(core), Arc::clone(&jobs)),
            dispatch: dispatch::DispatchService::new(Arc::clone(core), jobs),
            event: event::EventService::new(Arc::clone(core)),
            hook: hook::HookService::new(Arc::clone(core)),
            live: live::LiveService::new(core, event::EventService::new(Arc::clone(core))),
            recording: recording::RecordingService::new(Arc::clone(core), ledger.clone()),
            ledger,
            webhook: webhook::WebhookService::new(Arc::clone(core), message.clone()),
            message,
            audit: audit::AuditService::new(Arc::clone(core)),
            credit: credit::CreditService::new(Arc::clone(core)),
            invoice: invoice::InvoiceService::new(Arc::clone(core)),
            usage: usage::UsageService::new(Arc::clone(core)),
            scheduler,
            clock: Arc::clone(core.clock()),
        }
    }
}
