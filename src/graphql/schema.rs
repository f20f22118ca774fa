//! The schema: every noun's queries, mutations and subscriptions put together, with the limits of a request.

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, SchemaBuilder};

use super::account_usage::AccountUsageMutation;
use super::alert::{Alert, AlertMutation, AlertQuery, AlertSubscription};
use super::allowance::{AllowanceMutation, AllowanceQuery, AllowanceSubscription};
use super::audit::{AuditEntry, AuditQuery};
use super::campaign::{Campaign, CampaignMutation};
use super::catalog::CatalogMutation;
use super::channel::ChannelMutation;
use super::connection::Connection;
use super::credit::{CreditEntry, CreditMutation};
use super::customer::{Customer, CustomerMutation};
use super::hook::{HookMutation, HookQuery, WebhookAttempt};
use super::invoice::{Invoice, InvoiceMutation};
use super::job_run::{JobRun, JobRunMutation, JobRunQuery};
use super::ledger::LedgerMutation;
use super::live::{LiveMutation, LiveSubscription};
use super::loader;
use super::message::MessageMutation;
use super::node::NodeQuery;
use super::organisation::{Organisation, OrganisationMutation, OrganisationQuery, OrganisationTotal};
use super::plan::{PlanMutation, PlanQuery};
use super::plan_preview::PlanPreviewQuery;
use super::recording::RecordingMutation;
use super::schedule::{ScheduleMutation, ScheduleQuery, ScheduledJob};
use super::scheduler::SchedulerQuery;
use super::snapshot::{SnapshotMutation, SnapshotQuery, SnapshotSubscription};
use super::subscription::EventSubscription;
use super::token::{Token, TokenMutation, TokenQuery};
use super::usage_record::UsageRecord;
use super::viewer::ViewerQuery;
use super::webhook::{RejectedUpdate, WebhookMutation, WebhookQuery};
use crate::domain::input::BadInput;
use crate::service::Services;

/// What can be asked.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    ViewerQuery,
    OrganisationQuery,
    PlanQuery,
    PlanPreviewQuery,
    NodeQuery,
    ScheduleQuery,
    JobRunQuery,
    SchedulerQuery,
    TokenQuery,
    AuditQuery,
    WebhookQuery,
    SnapshotQuery,
    AlertQuery,
    AllowanceQuery,
    HookQuery,
);

/// What can be changed: usage is recorded with the scope RECORD, everything else is for admins.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    OrganisationMutation,
    PlanMutation,
    ChannelMutation,
    TokenMutation,
    ScheduleMutation,
    JobRunMutation,
    AccountUsageMutation,
    CreditMutation,
    InvoiceMutation,
    CustomerMutation,
    CampaignMutation,
    LiveMutation,
    RecordingMutation,
    WebhookMutation,
    LedgerMutation,
    SnapshotMutation,
    MessageMutation,
    AlertMutation,
    AllowanceMutation,
    CatalogMutation,
    HookMutation,
);

/// What can be followed. Every event has a cursor, opaque and ordered within an organisation: give the last one as `after` to go on
/// without a hole.
#[derive(Debug, Default, MergedSubscription)]
pub struct Subscription(
    EventSubscription,
    SnapshotSubscription,
    AlertSubscription,
    LiveSubscription,
    AllowanceSubscription,
);

/// The API.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The limits of a request, which are checked before anything of it is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How deep a query may nest.
    pub depth_max: usize,
    /// How much a query may weigh: each field counts 1, and as often as the list that it is in may have entries.
    pub complexity_max: usize,
    /// How many aliases a query may have.
    pub aliases_max: usize,
    /// How many directives a field may have.
    pub directives_max: usize,
    /// Whether the schema may be asked for itself.
    pub introspection: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { depth_max: 15, complexity_max: 50_000, aliases_max: 100, directives_max: 10, introspection: true }
    }
}

impl Options {
    /// Refuses limits under which nothing could be asked.
    pub fn validate(&self) -> Result<(), BadInput> {
        let limits = [
            ("depth_max", self.depth_max, 5),
            ("complexity_max", self.complexity_max, 100),
            ("aliases_max", self.aliases_max, 1),
            ("directives_max", self.directives_max, 1),
        ];
        match limits.into_iter().find(|(_, value, least)| value < least) {
            Some((field, value, least)) => Err(BadInput::new(field, value, format!("expected {least} or more"))),
            None => Ok(()),
        }
    }
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .override_output_type_description::<Connection<Organisation, OrganisationTotal>>("A page of organisations.")
        .override_output_type_description::<Connection<ScheduledJob>>("A page of recurring jobs.")
        .override_output_type_description::<Connection<JobRun>>("A page of runs.")
        .override_output_type_description::<Connection<Token>>("A page of access tokens.")
        .override_output_type_description::<Connection<AuditEntry>>("A page of what admins did.")
        .override_output_type_description::<Connection<RejectedUpdate>>("A page of what webhooks told in vain.")
        .override_output_type_description::<Connection<CreditEntry>>("A page of what happened to credits.")
        .override_output_type_description::<Connection<Invoice>>("A page of invoices.")
        .override_output_type_description::<Connection<UsageRecord>>("A page of the ledger's records.")
        .override_output_type_description::<Connection<Customer>>("A page of customers.")
        .override_output_type_description::<Connection<Campaign>>("A page of campaigns.")
        .override_output_type_description::<Connection<Alert>>("A page of alerts.")
        .override_output_type_description::<Connection<WebhookAttempt>>("A page of tries at sending webhooks.")
}

/// The schema over `services`.
pub fn build(services: Services, options: Options) -> Schema {
    let schema = builder()
        .data(loader::loaders(services.clone()))
        .data(services)
        .limit_depth(options.depth_max)
        .limit_complexity(options.complexity_max)
        .limit_aliases(options.aliases_max)
        .limit_directives(options.directives_max);
    if options.introspection { schema.finish() } else { schema.disable_introspection().finish() }
}

/// The schema in its own language, as `schema.graphql` keeps it. It needs neither services nor a database.
pub fn sdl() -> String {
    let sdl = builder().finish().sdl_with_options(SDLExportOptions::new().include_specified_by());
    // The exporter ends lines with spaces and tabs in places.
    let lines: Vec<_> = sdl.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_under_which_nothing_could_be_asked_is_refused_by_its_name() {
        assert_eq!(Options::default().validate(), Ok(()));
        let refused = Options { complexity_max: 3, ..Options::default() }.validate().unwrap_err();
        assert_eq!(refused.field, "complexity_max");
    }
}
