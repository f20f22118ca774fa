//! Plans and their rates: shown, added to, given to organisations, and tried on a month's real usage.

mod csv;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde_json::json;

use super::access::Caller;
use super::{Core, ServiceError, alert, allowance, credit};
use crate::domain::account_usage::UsageCategory;
use crate::domain::id::{OrganisationId, PlanId};
use crate::domain::input::BadInput;
use crate::domain::organisation::Organisation;
use crate::domain::period::Month;
pub use crate::domain::plan::draft::{RateDraft, TierDraft};
use crate::domain::plan::{Plan, PriceBook, Rate, RateKey};
use crate::domain::plan_preview::{self, PlanPreview};
use crate::store;

/// The most rates that are published at once through the API.
pub const RATES_MAX: usize = 1_000;

/// The most rates that are published at once as CSV.
pub const CSV_ROWS_MAX: usize = 5_000;

/// What became of rates that were published.
#[derive(Debug, Clone)]
pub struct Published {
    pub plan_id: PlanId,
    /// How many are new.
    pub added: usize,
    /// How many were there already, at the same price.
    pub unchanged: usize,
    /// The price list with all of them.
    pub prices: Arc<PriceBook>,
}

/// A rate that is to be published, with what its sender calls it.
struct Named {
    /// `rates[3]` or `csv line 7`.
    name: String,
    rate: Rate,
}

/// Shows plans, publishes rates, and gives plans to organisations.
#[derive(Debug, Clone)]
pub struct PlanService {
    core: Arc<Core>,
}

impl PlanService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Every plan and rate as they are now.
    pub async fn prices(&self) -> Result<Arc<PriceBook>, ServiceError> {
        self.core.prices().current(self.core.store().read()).await
    }

    /// Adds rates to the plan `planCode`, all or none. One that is there already is left alone; at another price it is a conflict, for what
    /// was published is never changed. Complaints name `rates[3].unitPrice`.
    pub async fn publish(
        &self,
        caller: &Caller,
        plan_code: &str,
        drafts: &[RateDraft],
    ) -> Result<Published, ServiceError> {
        caller.require_admin()?;
        if drafts.is_empty() || drafts.len() > RATES_MAX {
            return Err(BadInput::new("rates", drafts.len(), format!("expected 1 to {RATES_MAX} rates")).into());
        }
        let plan_id = self.prices().await?.plan_by_code("planCode", plan_code)?.id;
        let now = self.core.now();
        let rates = drafts.iter().enumerate().map(|(index, draft)| {
            let name = format!("rates[{index}]");
            let rate = draft.check(plan_id, now).map_err(|bad| within(&name, bad))?;
            Ok(Named { name, rate })
        });
        self.add(caller, "publishRates", plan_code, rates.collect::<Result<_, BadInput>>()?).await
    }

    /// The same with the rates as lines of CSV, as [`csv`] describes them. Complaints name `csv line 7: country`.
    pub async fn publish_csv(&self, caller: &Caller, plan_code: &str, text: &str) -> Result<Published, ServiceError> {
        caller.require_admin()?;
        let plan_id = self.prices().await?.plan_by_code("planCode", plan_code)?.id;
        let now = self.core.now();
        let rates = csv::read(text)?.into_iter().map(|line| {
            let rate = line.draft.check(plan_id, now).map_err(|bad| csv::of_column(line.number, bad))?;
            Ok(Named { name: format!("csv line {}", line.number), rate })
        });
        self.add(caller, "publishRatesCsv", plan_code, rates.collect::<Result<_, BadInput>>()?).await
    }

    async fn add(
        &self,
        caller: &Caller,
        action: &str,
        plan_code: &str,
        rates: Vec<Named>,
    ) -> Result<Published, ServiceError> {
        let asked = rates.len();
        let work = self.core.begin().await?;
        // From here on nobody else publishes, so what is compared with is what there is.
        store::plan::bump_price_list(work.tx()).await?;
        let prices = store::plan::price_book(work.tx()).await?;
        let plan_id = prices.plan_by_code("planCode", plan_code)?.id;
        let new = only_new(&prices, &rates)?;
        let added = new.len();
        if added == 0 {
            // Given back as it was, version and all.
            drop(work);
        } else {
            store::plan::insert_rates(work.tx(), &new).await?;
            let details = json!({ "planCode": plan_code, "rates": asked, "added": added });
            work.audit(caller, action, None, Some(plan_id.to_string()), details).await?;
            work.commit().await?;
            tracing::info!(plan.code = plan_code, "published {added} rates");
        }
        Ok(Published { plan_id, added, unchanged: asked.saturating_sub(added), prices: self.prices().await? })
    }

    /// Gives an organisation a plan, from its present local day on. The plan that it has changes nothing; one of another currency is a
    /// conflict, because nothing is ever converted.
    pub async fn assign(
        &self,
        caller: &Caller,
        id: OrganisationId,
        plan_code: &str,
    ) -> Result<Organisation, ServiceError> {
        caller.require_admin()?;
        let prices = self.prices().await?;
        let new = prices.plan_by_code("planCode", plan_code)?;
        let mut work = self.core.begin().await?;
        let before = store::organisation::find_for_update(work.tx(), id).await?;
        let before = before.ok_or(ServiceError::NotFound("organisation"))?;
        let old = prices.plan_by_code("planCode", &before.plan_code)?;
        if old.id == new.id {
            return Ok(before);
        }
        same_currency(old, new)?;
        let organisation = Organisation { plan_code: new.code.clone(), ..before };
        store::organisation::update(work.tx(), &organisation, work.now()).await?;
        let today = organisation.time_zone.date(work.now());
        store::plan::assign(work.tx(), id, new.id, today, work.now()).await?;
        credit::plan_changed(&mut work, &organisation, old, new).await?;
        alert::changed(&mut work, id).await?;
        allowance::plan_changed(&mut work, id).await?;
        let details = json!({ "planCode": new.code, "before": old.code, "from": today });
        work.audit(caller, "assignPlan", Some(id), Some(id.to_string()), details).await?;
        work.commit().await?;
        Ok(organisation)
    }

    /// What `month` of an organisation would have come to under the plan that `choose` finds; see [`plan_preview::preview`].
    pub async fn preview(
        &self,
        organisation: OrganisationId,
        month: Month,
        choose: impl FnOnce(&PriceBook) -> Result<&Plan, ServiceError>,
    ) -> Result<PlanPreview, ServiceError> {
        let prices = self.prices().await?;
        let proposed = choose(&prices)?;
        let db = self.core.store().read();
        let assignments = store::plan::assignments(db, &[organisation]).await?;
        let current = assignments.get(&organisation).and_then(|assignments| assignments.on(month.last_day()));
        let current = current.and_then(|id| prices.plan(id)).ok_or(ServiceError::NotFound("plan"))?;
        same_currency(current, proposed)?;
        let days = store::rollup::of_days(db, organisation, month.range()).await?;
        plan_preview::preview(&prices, month, &days, current, proposed)
            .map_err(|overflow| ServiceError::Conflict(format!("{overflow} to say what the month would cost")))
    }
}

fn same_currency(old: &Plan, new: &Plan) -> Result<(), ServiceError> {
    if old.currency == new.currency {
        return Ok(());
    }
    Err(ServiceError::Conflict(format!(
        "the plan {} is in {} and {} in {}; nothing is converted, so choose a plan in {}",
        new.code, new.currency, old.code, old.currency, old.currency
    )))
}

fn within(name: &str, bad: BadInput) -> BadInput {
    let field = format!("{name}.{}", bad.field);
    bad.under(field)
}

/// Those that are not there yet, each once.
fn only_new(prices: &PriceBook, rates: &[Named]) -> Result<Vec<Rate>, ServiceError> {
    let mut first: HashMap<RateKey<'_>, &Named> = HashMap::new();
    let mut new = Vec::new();
    for named in rates {
        match first.entry(named.rate.key()) {
            Entry::Occupied(other) if other.get().rate.price == named.rate.price => {}
            Entry::Occupied(other) => {
                let accepted = format!("expected each once, and {} is the same at another price", other.get().name);
                let field = format!("{}.effectiveFrom", named.name);
                return Err(BadInput::new(field, named.rate.effective_from, accepted).into());
            }
            Entry::Vacant(place) => {
                place.insert(named);
                match prices.rival_of(&named.rate) {
                    Some(there) if there.price == named.rate.price => {}
                    Some(there) => return Err(conflict(named, there)),
                    None => new.push(named.rate.clone()),
                }
            }
        }
    }
    Ok(new)
}

fn conflict(named: &Named, there: &Rate) -> ServiceError {
    let (category, country) = (there.category.map_or("any category", UsageCategory::code), there.country);
    let country = country.map_or_else(|| "any country".to_owned(), |country| country.to_string());
    let price = match there.price.per_unit() {
        Some(price) => format!("{price} per unit"),
        None => format!("{} tiers of the model {}", there.price.tiers().len(), there.price.model()),
    };
    ServiceError::Conflict(format!(
        "{}: {}/{} of {category} and {country} has a price from {} on already, {price}; a published rate never changes: publish the new \
         price with a later effectiveFrom",
        named.name, there.kind, there.resource_type, there.effective_from
    ))
}
