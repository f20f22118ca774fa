//! Customers: told to the program by those who talk to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::access::Caller;
use super::core::UnitOfWork;
use super::{Core, ServiceError, message};
use crate::domain::customer::{Customer, CustomerDraft, Engagement, NewCustomer};
use crate::domain::id::{CustomerId, OrganisationId};
use crate::domain::input::BadInput;
use crate::domain::message::rollup::Deltas;
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};
use crate::domain::phone::PhoneNumber;
use crate::store;

/// The most customers that one request may tell of.
pub const CUSTOMERS_MAX: usize = 1_000;

/// The customer with this number; one that nobody has told of is made, and is a contact of the organisation from today on.
pub(super) async fn ensure(
    work: &UnitOfWork<'_>,
    organisation: &Organisation,
    phone: PhoneNumber,
) -> Result<CustomerId, ServiceError> {
    let (tx, now) = (work.tx(), work.now());
    store::message::hold(tx, &BTreeSet::from([organisation.id])).await?;
    let found = store::customer::find_by_phone(tx, organisation.id, std::slice::from_ref(&phone)).await?;
    if let Some(known) = found.first() {
        return Ok(known.id);
    }
    let id = CustomerId::generate(now);
    let new = NewCustomer { phone, name: None, registered: false, blocked: false, external_id: None };
    store::customer::meet(tx, organisation.id, &[(id, new)], now).await?;
    let mut deltas = Deltas::default();
    let dates = BTreeMap::from([((None, id), organisation.time_zone.date(now))]);
    message::contact::meet(tx, organisation.id, dates, &mut deltas).await?;
    store::message::rollup::apply(tx, &deltas).await?;
    Ok(id)
}

/// Keeps and shows customers.
#[derive(Debug, Clone)]
pub struct CustomerService {
    core: Arc<Core>,
}

impl CustomerService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Makes or changes customers, all or none; they are answered in the order in which they were told. Where one is told of twice, both
    /// words hold, the later one last.
    pub async fn upsert(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        drafts: Vec<CustomerDraft>,
    ) -> Result<Vec<Customer>, ServiceError> {
        caller.require_record()?;
        if !(1..=CUSTOMERS_MAX).contains(&drafts.len()) {
            let accepted = format!("expected 1 to {CUSTOMERS_MAX} customers");
            return Err(BadInput::new("customers", drafts.len(), accepted).into());
        }
        let mut order = Vec::with_capacity(drafts.len());
        let mut told: BTreeMap<PhoneNumber, NewCustomer> = BTreeMap::new();
        for (place, draft) in drafts.into_iter().enumerate() {
            let customer = draft.check(&format!("customers[{place}]"))?;
            order.push(customer.phone.clone());
            let before = told.remove(&customer.phone);
            let both = before.map_or_else(|| customer.clone(), |before| before.then(customer.clone()));
            told.insert(customer.phone, both);
        }
        let (phones, customers): (Vec<_>, Vec<_>) = told.into_iter().unzip();

        let work = self.core.begin().await?;
        store::message::hold(work.tx(), &BTreeSet::from([organisation])).await?;
        let owner = store::organisation::find(work.tx(), organisation).await?;
        let zone = owner.ok_or(ServiceError::NotFound("organisation"))?.time_zone;
        store::customer::upsert(work.tx(), organisation, &customers, work.now()).await?;
        let found = store::customer::find_by_phone(work.tx(), organisation, &phones).await?;
        // Who is told of is a contact of the organisation from today on, if not since earlier.
        let today = zone.date(work.now());
        let dates = found.iter().map(|customer| ((None, customer.id), today)).collect();
        let mut deltas = Deltas::default();
        message::contact::meet(work.tx(), organisation, dates, &mut deltas).await?;
        store::message::rollup::apply(work.tx(), &deltas).await?;
        work.commit().await?;
        let found: HashMap<_, _> = found.into_iter().map(|customer| (customer.phone.clone(), customer)).collect();
        Ok(order.iter().filter_map(|phone| found.get(phone).cloned()).collect())
    }

    /// An organisation's customers, newest first; with `search`, only those whose number, name or external id contains it, in any case.
    pub async fn page(
        &self,
        organisation: OrganisationId,
        search: Option<&str>,
        request: &PageRequest<CustomerId>,
    ) -> Result<Page<Customer>, ServiceError> {
        Ok(store::customer::page(self.core.store().read(), organisation, search, request).await?)
    }

    /// What some of an organisation's customers got and did; one without messages is left out.
    pub async fn engagement(
        &self,
        organisation: OrganisationId,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Engagement>, ServiceError> {
        Ok(store::customer::engagement(self.core.store().read(), organisation, ids).await?)
    }

    /// The customer with this id, whosever it is.
    pub async fn find(&self, id: CustomerId) -> Result<Option<Customer>, ServiceError> {
        Ok(store::customer::find_any(self.core.store().read(), id).await?)
    }

    /// Those of the ids that exist, whosever they are.
    pub async fn find_many(&self, ids: &[CustomerId]) -> Result<HashMap<CustomerId, Customer>, ServiceError> {
        let found = store::customer::find_many(self.core.store().read(), ids).await?;
        Ok(found.into_iter().map(|customer| (customer.id, customer)).collect())
    }
}
