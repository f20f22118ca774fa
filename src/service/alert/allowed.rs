//! Where an organisation's allowances stand, for those who change at what it is alerted and for forecasts.

use std::collections::BTreeSet;

use crate::domain::alert::Figures;
use crate::domain::allowance::{AllowancePeriod, CounterKey, Scope, Standing};
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::service::standing;
use crate::store::allowance::Held;
use crate::store::{self, Db, StoreError};

/// Where the present day and month of all of its allowances stand, those of its channels included, as where their limits changed.
pub(super) async fn standings(
    db: &impl Db,
    organisation: OrganisationId,
    now: Instant,
) -> Result<Vec<Standing>, StoreError> {
    let channels = store::channel::list(db, organisation, None, None).await?;
    let channels = channels.iter().map(|channel| channel.id).collect();
    let rules = store::allowance::rules(db, &BTreeSet::from([organisation]), &channels, Held::No).await?;
    let rules: Vec<_> = rules.values().collect();
    let book = standing::book(db, &rules, now).await?;
    let standings = rules.iter().map(|rule| standing::standings(&book, rule, now));
    Ok(standings.collect::<Result<Vec<_>, _>>()?.concat())
}

/// What the organisation as a whole used of what the present month allows; `None`: as much as it likes.
pub(super) async fn of_month(
    db: &impl Db,
    organisation: OrganisationId,
    now: Instant,
) -> Result<Option<Figures>, StoreError> {
    let whole = Scope::whole(organisation);
    let rules = store::allowance::rules(db, &BTreeSet::from([organisation]), &BTreeSet::new(), Held::No).await?;
    let Some(rule) = rules.get(&whole) else { return Ok(None) };
    let Some(limit) = rule.limit_quantity(AllowancePeriod::Month) else { return Ok(None) };
    let book = standing::book(db, &[rule], now).await?;
    let [_, month] = CounterKey::both(whole, rule.zone.date(now));
    Ok(Some(Figures::of_quantity(book.counter(month).spent()?, limit)))
}
