//! Credits: what an organisation has, what happened to it, and the mutation that grants more.

use async_graphql::{Context, Enum, ID, Object};

use super::access;
use super::complexity;
use super::connection::{self, Connection, PageArguments};
use super::error::Result;
use super::scalar::{DateTime, Decimal};
use crate::domain::credit;
use crate::domain::id::{CreditEntryId, OrganisationId};
use crate::domain::organisation::Organisation;
use crate::service::credit::Balance;

/// Where a credit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "credit::CreditSource")]
pub(super) enum CreditSource {
    /// Included in the plan, for one month.
    Included,
    /// Granted by an admin.
    Prepaid,
}

/// What happened to a credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "credit::CreditEntryKind")]
pub(super) enum CreditEntryKind {
    /// It was granted; below zero where a change of the plan took some of it away.
    Grant,
    /// An invoice was paid with it, below zero; above zero where a void invoice gave it back.
    Burn,
    /// It can pay for nothing any more, below zero.
    Expiry,
}

/// A change of the credits; never changed itself.
#[derive(Debug, Clone)]
pub(super) struct CreditEntry {
    entry: credit::CreditEntry,
    grant: credit::Grant,
}

/// A change of the credits; never changed itself.
#[Object]
impl CreditEntry {
    /// The entry's id, unique among everything.
    async fn id(&self) -> ID {
        self.entry.id.to_string().into()
    }

    /// What happened.
    async fn kind(&self) -> CreditEntryKind {
        self.entry.kind.into()
    }

    /// How much, in the currency of the plan: all entries together are what there is.
    async fn amount(&self) -> Decimal {
        self.entry.amount.into()
    }

    /// Why.
    async fn reason(&self) -> &str {
        &self.entry.reason
    }

    /// Where the credit comes from.
    async fn source(&self) -> CreditSource {
        self.grant.source.into()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.entry.at.into()
    }

    /// Of prepaid credit: it pays for every month that begins before; null: for any.
    async fn expires_at(&self) -> Option<DateTime> {
        self.grant.expires_at.map(Into::into)
    }
}

/// What an organisation has in credits, in the currency of its plan.
#[derive(Debug)]
pub(super) struct CreditBalance {
    organisation_id: OrganisationId,
    balance: Balance,
}

impl CreditBalance {
    /// The credits of an organisation that the caller has reached.
    pub(super) async fn of(ctx: &Context<'_>, organisation: &Organisation) -> Result<Self> {
        let balance = access::services(ctx)?.credit.balance(organisation).await?;
        Ok(Self { organisation_id: organisation.id, balance })
    }
}

/// What an organisation has in credits, in the currency of its plan.
#[Object]
impl CreditBalance {
    /// What there is for the present month, before its use; months before it that are not final yet have taken theirs.
    async fn balance(&self) -> Decimal {
        self.balance.balance.into()
    }

    /// What is left after the use of the present month so far; below zero where that is more.
    async fn remaining(&self) -> Decimal {
        self.balance.remaining.into()
    }

    /// The currency, as ISO 4217 codes it.
    async fn currency(&self) -> &'static str {
        self.balance.currency.code()
    }

    /// What happened to the credits, newest first.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<Connection<CreditEntry>> {
        let page = PageArguments::forward(first, after);
        let request = page.request(|place| CreditEntryId::parse("after", place).ok())?;
        let page = access::services(ctx)?.credit.page(self.organisation_id, &request).await?;
        let place = |(entry, _): &(credit::CreditEntry, credit::Grant)| entry.id.to_string();
        Ok(connection::connect(page, place, |(entry, grant)| CreditEntry { entry, grant }))
    }
}

#[derive(Debug, Default)]
pub(super) struct CreditMutation;

#[Object]
impl CreditMutation {
    /// Grants prepaid credit. It is used up after the plan's included credit, what expires first before what lasts. For admins.
    async fn grant_credit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "How much, above 0, at most 9 digits after the point; in the currency of its plan.")]
        amount: Decimal,
        #[graphql(desc = "Why, 1 to 200 characters.")] reason: String,
        #[graphql(desc = "It pays for every month that begins before; without, for any.")] expires_at: Option<DateTime>,
    ) -> Result<CreditBalance> {
        let access = access::admin(ctx)?;
        let id = OrganisationId::parse("organisationId", &organisation_id)?;
        let expires_at = expires_at.map(|at| at.read("expiresAt")).transpose()?;
        let amount = amount.into_text();
        let organisation = access.services.credit.grant(access.caller, id, &amount, &reason, expires_at).await?;
        CreditBalance::of(ctx, &organisation).await
    }
}
