//! The audit log: what admins did.

use async_graphql::{Context, ID, Object};

use super::access;
use super::complexity;
use super::connection::{self, Connection, PageArguments};
use super::error::Result;
use super::loader;
use super::organisation::Organisation;
use super::scalar::DateTime;
use crate::domain::audit;
use crate::domain::id::AuditEntryId;

/// What an admin did.
#[derive(Debug, Clone)]
pub(super) struct AuditEntry(pub(super) audit::AuditEntry);

/// What an admin did.
#[Object]
impl AuditEntry {
    /// The entry's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// When it was done.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Who did it: the name of the token at the time, or `command line`.
    async fn actor(&self) -> &str {
        &self.0.actor
    }

    /// The id of the token that was used; null: the command line.
    async fn token_id(&self) -> Option<ID> {
        self.0.token_id.map(|id| id.to_string().into())
    }

    /// What was done: the mutation's name.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The organisation that it concerned, if it was one.
    async fn organisation(&self, ctx: &Context<'_>) -> Option<Result<Organisation>> {
        let id = self.0.organisation_id?;
        Some(loader::organisation(ctx, id).await.map(Organisation))
    }

    /// The id of what it was done to.
    async fn target(&self) -> Option<&str> {
        self.0.target.as_deref()
    }

    /// The arguments, without secrets.
    async fn details(&self) -> &serde_json::Value {
        &self.0.details
    }
}

#[derive(Debug, Default)]
pub(super) struct AuditQuery;

#[Object]
impl AuditQuery {
    /// What admins did, newest first. For admins.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what concerned this organisation.")] organisation_id: Option<ID>,
    ) -> Result<Connection<AuditEntry>> {
        let access = access::admin_reader(ctx)?;
        let organisation_id = access::filter("organisationId", organisation_id.as_ref())?;
        let request = PageArguments::forward(first, after).request(|place| AuditEntryId::parse("after", place).ok())?;
        let page = access.services.audit.page(organisation_id, &request).await?;
        Ok(connection::connect(page, |entry| entry.id.to_string(), AuditEntry))
    }
}
