//! Customers: the people that an organisation talks to, how much they take part, and the mutation that tells of them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::access;
use super::connection::{self, Connection, PageArguments};
use super::error::{Fault, Result};
use super::loader;
use super::scalar::{Date, DateTime, Decimal, int};
use crate::domain::customer;
use crate::domain::id::{CustomerId, OrganisationId};
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

    /// What the person got and did so far.
    async fn engagement(&self, ctx: &Context<'_>) -> Result<Engagement> {
        loader::engagement(ctx, self.0.organisation_id, self.0.id).await?.try_into()
    }

    /// How much the person takes part, 0 to 100: for messages in both directions 2 each and at most 40, for the share of them that the person
    /// answered 30, for the last one 20 within 7 days, 15 within 30, 10 within 90 and 5 within 180, and for the share of campaigns received
    /// that the person read or answered 10.
    async fn engagement_score(&self, ctx: &Context<'_>) -> Result<Decimal> {
        let organisation = loader::organisation(ctx, self.0.organisation_id).await?;
        let today = organisation.time_zone.date(access::services(ctx)?.clock.now());
        let engagement = loader::engagement(ctx, self.0.organisation_id, self.0.id).await?;
        Ok(engagement.score(today).into())
    }
}

/// What a customer got and did.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Engagement {
    /// Messages, in both directions.
    messages: i32,
    /// How many of them the customer answered.
    replied: i32,
    /// The day of the last one, in the organisation's zone.
    last_active_on: Option<Date>,
    /// Of how many campaigns something reached the customer.
    campaigns_received: i32,
    /// In how many of them the customer read or answered something.
    campaigns_engaged: i32,
}

impl TryFrom<customer::Engagement> for Engagement {
    type Error = Fault;

    fn try_from(engagement: customer::Engagement) -> Result<Self> {
        Ok(Self {
            messages: int("engagement.messages", engagement.messages)?,
            replied: int("engagement.replied", engagement.replied)?,
            last_active_on: engagement.last_active_on.map(Into::into),
            campaigns_received: int("engagement.campaignsReceived", engagement.campaigns_received)?,
            campaigns_engaged: int("engagement.campaignsEngaged", engagement.campaigns_engaged)?,
        })
    }
}

/// The longest text that customers are searched for.
const SEARCH_CHARS_MAX: usize = 200;

/// A page of an organisation's customers.
pub(super) async fn page(
    ctx: &Context<'_>,
    organisation: OrganisationId,
    search: Option<String>,
    arguments: PageArguments,
) -> Result<Connection<Customer>> {
    let search = connection::checked_search(search, SEARCH_CHARS_MAX)?;
    let request = arguments.request(|text| CustomerId::parse("after", text).ok())?;
    let page = access::services(ctx)?.customer.page(organisation, search.as_deref(), &request).await?;
    Ok(connection::connect(page, |customer| customer.id.to_string(), Customer))
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
