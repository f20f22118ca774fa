//! Customers: the people that an organisation talks to, and the mutation that tells of them.

use async_graphql::{Context, ID, InputObject, Object};

use super::access;
use super::error::Result;
use super::scalar::DateTime;
use crate::domain::customer;
use crate::service::customer::CUSTOMERS_MAX;

/// A person that an organisation talks to.
#[derive(Debug, Clone)]
pub(super) struct Customer(pub(super) customer::Customer);

/// A person that an organisation talks to, known to it by the telephone number.
#[Object]
impl Customer {
    /// The customer's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The telephone number, in E.164 with the leading plus sign.
    async fn phone(&self) -> &str {
        self.0.phone.as_str()
    }

    /// What the person is called.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Whether the person signed up with the organisation.
    async fn registered(&self) -> bool {
        self.0.registered
    }

    /// Whether the organisation no longer talks to the person.
    async fn blocked(&self) -> bool {
        self.0.blocked
    }

    /// The id that the outside world knows the person by, unique within the organisation where present.
    async fn external_id(&self) -> Option<&str> {
        self.0.external_id.as_deref()
    }

    /// When the organisation first told of the person.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

/// A customer that is to be there: made, or changed where one with this number is there already.
#[derive(Debug, InputObject)]
pub(super) struct CustomerInput {
    /// The telephone number with its country code, such as +919800000001.
    phone: String,
    /// What the person is called, 1 to 200 characters; left out, it stays as it is.
    name: Option<String>,
    /// Whether the person signed up with the organisation.
    #[graphql(default_with = "Some(true)")]
    registered: Option<bool>,
    /// Whether the organisation no longer talks to the person.
    #[graphql(default_with = "Some(false)")]
    blocked: Option<bool>,
    /// The id that the outside world knows the person by, unique within the organisation; left out, it stays as it is.
    external_id: Option<String>,
}

impl From<CustomerInput> for customer::CustomerDraft {
    fn from(input: CustomerInput) -> Self {
        Self {
            phone: input.phone,
            name: input.name,
            registered: input.registered.unwrap_or(true),
            blocked: input.blocked.unwrap_or(false),
            external_id: input.external_id,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct CustomerMutation;

#[Object]
impl CustomerMutation {
    /// Makes customers, or changes those with the same telephone numbers, all or none of them. For tokens with the scope RECORD.
    #[graphql(complexity = "CUSTOMERS_MAX * child_complexity + 1")]
    async fn upsert_customers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; a token of an organisation may leave out its own.")]
        organisation_id: Option<ID>,
        #[graphql(desc = "The customers, 1 to 1,000. Of one that comes twice the later word holds.")] customers: Vec<
            CustomerInput,
        >,
    ) -> Result<Vec<Customer>> {
        let access = access::recorder(ctx)?;
        let organisation = access.organisation_to_record("organisationId", organisation_id.as_ref())?;
        let drafts = customers.into_iter().map(Into::into).collect();
        let customers = access.services.customer.upsert(access.caller, organisation, drafts).await?;
        Ok(customers.into_iter().map(Customer).collect())
    }
}
