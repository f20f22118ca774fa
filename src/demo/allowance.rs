//! The demo's limits, made so that one sees what they do: a day that fills up while one looks, one that is closed, and a budget that is spent.

use std::collections::BTreeMap;
use std::convert::Infallible;

use chrono::TimeDelta;

use super::seed::Seeded;
use crate::domain::allowance::{EnforcementPolicy, Scope};
use crate::domain::clock::SharedClock;
use crate::domain::event::FactKind;
use crate::domain::money::Money;
use crate::service::access::Caller;
use crate::service::alert::SettingsChange;
use crate::service::allowance::{AllowanceChange, Said};
use crate::service::{ServiceError, Services};
use crate::sim::{Receiver, ReceiverFault};

/// How many messages lie between what was used when the demo began and the first threshold, 80 %.
const ROOM: i64 = 8;

/// How often the receiver of webhooks fails.
const FAILS_EVERY: TimeDelta = TimeDelta::seconds(20);

/// Where the demo's receiver takes webhooks.
const PATH: &str = "/hooks";

/// Gives the first organisation a day that fills up, closes that of the second, and gives the third a budget that is nearly spent.
pub(super) async fn limit(services: &Services, caller: &Caller, seeded: &[Seeded]) -> Result<(), ServiceError> {
    let [fills_up, closed, spends] = seeded else { return Ok(()) };
    let used = used_today(services, fills_up).await?;
    // At 80 % of it there is room for so many more.
    let change = AllowanceChange { daily_limit: limit_of((used + ROOM) * 10 / 8), ..AllowanceChange::default() };
    services.allowance.set(caller, fills_up.organisation.id, change).await?;
    let used = used_today(services, closed).await?;
    let change = AllowanceChange {
        // At night little was used; a day of nothing would look like a mistake.
        daily_limit: limit_of(used.max(5)),
        policy: Some(EnforcementPolicy::Block),
        grace_percent: Some(10),
        ..AllowanceChange::default()
    };
    services.allowance.set(caller, closed.organisation.id, change).await?;
    let cost = services.usage.current_period(&spends.organisation).await?.usage.total.cost;
    let budget = cost.checked_add(Money::from_nanos(1_000_000_000)).unwrap_or(cost);
    let change = SettingsChange { monthly_budget: Some(Some(budget.to_string())), ..SettingsChange::default() };
    services.alert.set(caller, spends.organisation.id, change).await?;
    Ok(())
}

fn limit_of(count: i64) -> Said {
    Said::Limit(Some(i32::try_from(count).unwrap_or(i32::MAX)))
}

async fn used_today(services: &Services, seeded: &Seeded) -> Result<i64, ServiceError> {
    let scope = Scope::whole(seeded.organisation.id);
    let allowances: BTreeMap<_, _> = services.allowance.of(&[scope]).await?.into_iter().collect();
    Ok(allowances.get(&scope).map_or(0, |allowance| allowance.daily.used))
}

/// Has the alerts of every organisation sent to the receiver, and forgets where those of an earlier demo went.
pub(super) async fn listen(
    services: &Services,
    caller: &Caller,
    seeded: &[Seeded],
    receiver: &Receiver,
) -> Result<(), ServiceError> {
    let url = receiver.url(PATH);
    let kinds = [FactKind::AlertRaised, FactKind::AlertRecovered, FactKind::AllowanceChanged];
    for Seeded { organisation, .. } in seeded {
        for endpoint in services.hook.list(organisation.id).await? {
            let is_ours = endpoint.url.starts_with("http://127.0.0.1:") && endpoint.url.ends_with(PATH);
            if is_ours {
                services.hook.delete(caller, endpoint.id).await?;
            }
        }
        let kinds = kinds.map(|kind| kind.code().to_owned()).to_vec();
        services.hook.create(caller, organisation.id, url.as_str(), Some(kinds)).await?;
    }
    Ok(())
}

/// Lets the receiver fail now and then, for as long as it is polled: what it did not take is sent again.
pub(super) async fn stumble(receiver: &Receiver, clock: &SharedClock) -> Infallible {
    loop {
        clock.wait(clock.now() + FAILS_EVERY).await;
        receiver.clear();
        receiver.fail(ReceiverFault::status(503), 1);
    }
}
