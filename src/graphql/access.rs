//! The one place where it is settled who asks and which organisation they reach; below it nothing asks again.

use async_graphql::{Context, ID};

use super::error::{Fault, Result};
use crate::domain::id::OrganisationId;
use crate::domain::organisation::Organisation;
use crate::domain::token::Token;
use crate::service::access::Caller;
use crate::service::{ServiceError, Services};

/// A caller whose right to ask was checked, and what they may ask of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access<'a> {
    pub(super) caller: &'a Caller,
    pub(super) token: &'a Token,
    pub(super) services: &'a Services,
}

/// The services, for fields of an object that the caller has already reached.
pub(super) fn services<'a>(ctx: &Context<'a>) -> Result<&'a Services> {
    ctx.data::<Services>().map_err(|_| Fault::internal("the schema was built without services"))
}

/// Whoever holds a token, whatever it allows. A request without one, or whose token ran out since, is `UNAUTHENTICATED`.
pub(super) fn holder<'a>(ctx: &Context<'a>) -> Result<Access<'a>> {
    let services = services(ctx)?;
    let caller = ctx.data::<Caller>().map_err(|_| ServiceError::Unauthenticated)?;
    // A WebSocket outlives the request that authenticated it, so a token may run out on the way.
    let token = caller.token().filter(|token| token.is_live(services.clock.now()));
    let token = token.ok_or(ServiceError::Unauthenticated)?;
    Ok(Access { caller, token, services })
}

/// A caller who may read.
pub(super) fn reader<'a>(ctx: &Context<'a>) -> Result<Access<'a>> {
    let access = holder(ctx)?;
    access.caller.require_read()?;
    Ok(access)
}

/// A caller who may record usage.
pub(super) fn recorder<'a>(ctx: &Context<'a>) -> Result<Access<'a>> {
    let access = holder(ctx)?;
    access.caller.require_record()?;
    Ok(access)
}

/// A caller who may say where webhooks go.
pub(super) fn hooks<'a>(ctx: &Context<'a>) -> Result<Access<'a>> {
    let access = holder(ctx)?;
    access.caller.require_hooks()?;
    Ok(access)
}

/// A caller who may read across organisations.
pub(super) fn admin_reader<'a>(ctx: &Context<'a>) -> Result<Access<'a>> {
    let access = holder(ctx)?;
    access.caller.require_admin_read()?;
    Ok(access)
}

/// A caller who may change things. Asked before anything is looked up, so that a refusal tells nothing.
pub(super) fn admin<'a>(ctx: &Context<'a>) -> Result<Access<'a>> {
    let access = holder(ctx)?;
    access.caller.require_admin()?;
    Ok(access)
}

impl Access<'_> {
    /// The organisation that the argument `field` names, or the caller's own without it. One that does not exist and one that the
    /// caller may not know of are answered alike.
    pub(super) async fn organisation(&self, field: &str, id: Option<&ID>) -> Result<Organisation> {
        let id = self.organisation_id(field, id)?;
        self.services.organisation.find(id).await?.ok_or_else(|| Fault::not_found("organisation"))
    }

    /// The same as an id, which need not exist when the caller is an admin.
    pub(super) fn organisation_id(&self, field: &str, id: Option<&ID>) -> Result<OrganisationId> {
        let id = id.map(|id| OrganisationId::parse(field, id)).transpose()?;
        reached(field, self.caller.reach(id))
    }

    /// The same for a caller who records, and need not read.
    pub(super) fn organisation_to_record(&self, field: &str, id: Option<&ID>) -> Result<OrganisationId> {
        let id = id.map(|id| OrganisationId::parse(field, id)).transpose()?;
        reached(field, self.caller.reach_to_record(id))
    }

    /// The same for a caller who says where webhooks go, and need not read.
    pub(super) fn organisation_for_hooks(&self, field: &str, id: Option<&ID>) -> Result<OrganisationId> {
        let id = id.map(|id| OrganisationId::parse(field, id)).transpose()?;
        reached(field, self.caller.reach_for_hooks(id))
    }

    /// `found`, if it belongs to an organisation that the caller reaches; else the answer is as if it did not exist.
    pub(super) fn seen<T>(
        &self,
        noun: &'static str,
        found: Option<T>,
        owner: impl FnOnce(&T) -> OrganisationId,
    ) -> Result<T> {
        found.filter(|found| self.caller.may_see(owner(found))).ok_or_else(|| Fault::not_found(noun))
    }
}

/// The service does not know what the caller called the argument.
fn reached(field: &str, organisation: Result<OrganisationId, ServiceError>) -> Result<OrganisationId> {
    match organisation {
        Err(ServiceError::BadInput(bad)) => Err(bad.under(field).into()),
        reached => Ok(reached?),
    }
}

/// A filter by organisation in a list that only admins read.
pub(super) fn filter(field: &str, id: Option<&ID>) -> Result<Option<OrganisationId>> {
    Ok(id.map(|id| OrganisationId::parse(field, id)).transpose()?)
}
