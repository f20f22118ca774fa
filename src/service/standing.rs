//! Where allowances stand now: their counters, with what time has done to reservations since somebody wrote it down.

use std::collections::BTreeMap;

use crate::domain::allowance::{Book, CounterKey, Rule, Standing};
use crate::domain::clock::Instant;
use crate::store::{self, Db, StoreError};

/// The counters of the present day and month of each rule, reservations of which the time is up let go.
pub(super) async fn book(db: &impl Db, rules: &[&Rule], now: Instant) -> Result<Book, StoreError> {
    let days: BTreeMap<_, _> = rules.iter().map(|rule| (rule.scope, rule.zone.date(now))).collect();
    let todays = days.iter().map(|(scope, date)| (scope.organisation_id, *date)).collect();
    let lots = store::allowance::reservation::lots(db, &todays, now).await?;
    let mut book = Book::new(store::allowance::counter::of_days(db, &days).await?);
    for lot in lots {
        if let Some(today) = days.get(&lot.scope) {
            book.pass(&lot, *today)?;
        }
    }
    Ok(book)
}

/// Where the present day and month of an allowance stand whose limits changed.
pub(super) fn standings(book: &Book, rule: &Rule, now: Instant) -> Result<Vec<Standing>, StoreError> {
    let of = |key| {
        let used = book.counter(key).spent()?;
        Ok(rule.standing(key, used, used, true))
    };
    CounterKey::both(rule.scope, rule.zone.date(now)).into_iter().map(of).collect()
}
