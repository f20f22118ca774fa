//! Organisations: created with everything they need, changed, listed.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use super::access::Caller;
use super::job::Registry;
use super::{Core, ServiceError, credit};
use crate::domain::id::OrganisationId;
use crate::domain::input::Name;
use crate::domain::money::Currency;
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::{Month, Zone};
use crate::store;
use crate::store::StoreError;
pub use crate::store::organisation::{Filter, Order, Place};

/// An organisation that is to be made; texts as the caller wrote them.
#[derive(Debug, Clone)]
pub struct NewOrganisation {
    pub name: String,
    pub time_zone: String,
    pub currency: String,
    pub plan_code: String,
    pub external_id: Option<String>,
}

/// What is to be changed; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct OrganisationChange {
    pub name: Option<String>,
    pub time_zone: Option<String>,
    pub active: Option<bool>,
    pub external_id: Option<String>,
}

/// Makes, changes and shows organisations.
#[derive(Debug, Clone)]
pub struct OrganisationService {
    core: Arc<Core>,
    jobs: Arc<Registry>,
}

impl OrganisationService {
    pub(super) const fn new(core: Arc<Core>, jobs: Arc<Registry>) -> Self {
        Self { core, jobs }
    }

    /// Makes an organisation and gives it its schedules.
    pub async fn create(&self, caller: &Caller, new: NewOrganisation) -> Result<Organisation, ServiceError> {
        caller.require_admin()?;
        let name = Name::parse("input.name", &new.name)?;
        let time_zone = Zone::parse("input.timeZone", &new.time_zone)?;
        let currency = Currency::parse("input.currency", &new.currency)?;
        let prices = self.core.prices().current(self.core.store().read()).await?;
        let plan = prices.plan_by_code("input.planCode", &new.plan_code)?;
        let external_id = new.external_id.as_deref().map(|text| Name::parse("input.externalId", text)).transpose()?;

        let work = self.core.begin().await?;
        let organisation = Organisation {
            id: OrganisationId::generate(work.now()),
            name: name.into_string(),
            external_id: external_id.map(Name::into_string),
            time_zone,
            currency,
            plan_code: plan.code.clone(),
            active: true,
            created_at: work.now(),
        };
        store::organisation::insert(work.tx(), &organisation, work.now()).await.map_err(taken)?;
        let today = time_zone.date(work.now());
        store::plan::assign(work.tx(), organisation.id, plan.id, today, work.now()).await?;
        credit::grant_included(&work, organisation.id, Month::of(today), plan).await?;
        let schedules = self.jobs.schedules_of(&organisation, work.now());
        store::schedule::insert_many(work.tx(), &schedules, work.now()).await?;
        let details = json!({
            "name": organisation.name, "timeZone": time_zone.name(), "currency": currency.code(),
            "planCode": organisation.plan_code, "externalId": organisation.external_id,
        });
        let id = organisation.id;
        work.audit(caller, "createOrganisation", Some(id), Some(id.to_string()), details).await?;
        work.commit().await?;
        self.core.wake(id);
        Ok(organisation)
    }

    /// Changes an organisation. A new zone moves its schedules that stood in the old one; days already stored stay as they are.
    pub async fn update(
        &self,
        caller: &Caller,
        id: OrganisationId,
        change: OrganisationChange,
    ) -> Result<Organisation, ServiceError> {
        caller.require_admin()?;
        let name = change.name.as_deref().map(|text| Name::parse("input.name", text)).transpose()?;
        let zone = change.time_zone.as_deref().map(|text| Zone::parse("input.timeZone", text)).transpose()?;
        let external_id =
            change.external_id.as_deref().map(|text| Name::parse("input.externalId", text)).transpose()?;

        let work = self.core.begin().await?;
        // Locked, because the whole row is written back and a plan may be given to it at the same time.
        let before = store::organisation::find_for_update(work.tx(), id).await?;
        let before = before.ok_or(ServiceError::NotFound("organisation"))?;
        let organisation = Organisation {
            name: name.map_or_else(|| before.name.clone(), Name::into_string),
            time_zone: zone.unwrap_or(before.time_zone),
            active: change.active.unwrap_or(before.active),
            external_id: external_id.map(Name::into_string).or_else(|| before.external_id.clone()),
            ..before.clone()
        };
        store::organisation::update(work.tx(), &organisation, work.now()).await.map_err(taken)?;
        if organisation.time_zone != before.time_zone {
            // Its month begins and ends at other times.
            store::alert::forget_watch(work.tx(), id).await?;
            for mut schedule in store::schedule::list(work.tx(), id).await? {
                if schedule.time_zone == before.time_zone {
                    schedule.time_zone = organisation.time_zone;
                    schedule.next_run_at = schedule.cron.next_after(schedule.time_zone, work.now());
                    store::schedule::save(work.tx(), &schedule, work.now()).await?;
                }
            }
        }
        let details = json!({
            "name": change.name, "timeZone": change.time_zone, "active": change.active, "externalId": change.external_id,
        });
        work.audit(caller, "updateOrganisation", Some(id), Some(id.to_string()), details).await?;
        work.commit().await?;
        self.core.wake(id);
        Ok(organisation)
    }

    /// The organisation with this id.
    pub async fn find(&self, id: OrganisationId) -> Result<Option<Organisation>, ServiceError> {
        Ok(store::organisation::find(self.core.store().read(), id).await?)
    }

    /// Those of the ids that exist.
    pub async fn find_many(
        &self,
        ids: &[OrganisationId],
    ) -> Result<HashMap<OrganisationId, Organisation>, ServiceError> {
        let found = store::organisation::find_many(self.core.store().read(), ids).await?;
        Ok(found.into_iter().map(|organisation| (organisation.id, organisation)).collect())
    }

    /// A page of organisations.
    pub async fn page(
        &self,
        filter: &Filter,
        order: Order,
        request: &PageRequest<Place>,
    ) -> Result<Page<Organisation>, ServiceError> {
        Ok(store::organisation::page(self.core.store().read(), filter, order, request).await?)
    }

    /// How many organisations the filter lets through.
    pub async fn count(&self, filter: &Filter) -> Result<i64, ServiceError> {
        Ok(store::organisation::count(self.core.store().read(), filter).await?)
    }
}

/// The only thing of an organisation that another can have taken is its external id.
fn taken(error: StoreError) -> ServiceError {
    match error {
        StoreError::Unique { .. } => {
            ServiceError::Conflict("externalId: another organisation has this external id".to_owned())
        }
        error @ (StoreError::Unavailable(_)
        | StoreError::Fenced
        | StoreError::Overflow
        | StoreError::Corrupt { .. }
        | StoreError::Other(_)) => error.into(),
    }
}
