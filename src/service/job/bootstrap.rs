//! `WELCOME_BOOTSTRAP`: what the first messages of a customer will need is fetched before they do.

mod gate;

use async_trait::async_trait;
use futures_util::future::join;

use super::{Job, JobContext};
use crate::catalog::{Action, StopReason};
use crate::domain::attempt::Verdict;
use crate::domain::bootstrap::{Bootstrap, Warmed};
use crate::domain::catalog::CatalogPart;
use crate::domain::job::{JobKind, RetryPolicy};
use crate::domain::organisation::Organisation;
use crate::domain::schedule::Cron;
use crate::service::catalog::{self, Cold};
use crate::service::{Core, ServiceError, welcome};
use crate::store;
use gate::Gate;

/// How many bootstraps this node makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootstrapOptions {
    pub at_once: usize,
    pub per_minute: usize,
}

impl Default for BootstrapOptions {
    fn default() -> Self {
        Self { at_once: 5, per_minute: 20 }
    }
}

/// Fetches both parts of an organisation's catalogue side by side and keeps them. What was fetched is not fetched again as long as it is kept.
#[derive(Debug)]
pub struct WelcomeBootstrap {
    gate: Gate,
}

impl WelcomeBootstrap {
    /// Under these limits.
    pub fn new(options: BootstrapOptions) -> Self {
        Self { gate: Gate::new(options.at_once, options.per_minute) }
    }
}

#[async_trait]
impl Job for WelcomeBootstrap {
    fn kind(&self) -> JobKind {
        JobKind::WelcomeBootstrap
    }

    fn default_cron(&self) -> Option<Cron> {
        None
    }

    fn retry(&self, _usual: &RetryPolicy) -> RetryPolicy {
        welcome::RETRY
    }

    async fn run(&self, context: &JobContext) -> Result<Verdict, ServiceError> {
        let (core, run) = (context.core(), context.run());
        let organisation = store::organisation::find(core.store().read(), run.organisation_id).await?;
        let Some(organisation) = organisation else { return Ok(Verdict::Done) };
        let before = run.bootstrap.unwrap_or_default();
        let merchant = match catalog::merchant(core, &organisation) {
            Ok(merchant) => merchant,
            Err(why) => return Ok(Verdict::Stop { error: why.to_owned(), partial: false }),
        };
        let began_at = core.now();
        let _turn = match self.gate.enter(run.id, began_at) {
            Ok(turn) => turn,
            Err(until) => {
                let error = "as many bootstraps as may be are under way on this node".to_owned();
                return Ok(Verdict::Wait { until, error, partial: before.is_begun() });
            }
        };
        let fresh = before.fresh(began_at, core.catalog_options().ttl);
        let warm = |part| warm(core, &organisation, merchant, fresh.part(part), part);
        let (categories, branches) = join(warm(CatalogPart::Categories), warm(CatalogPart::Branches)).await;
        let failures = Failures::of([categories.as_ref().err(), branches.as_ref().err()]);
        let bootstrap = Bootstrap {
            categories: categories.ok(),
            branches: branches.ok(),
            templates: count(core.catalog_options().templates.len()),
            milliseconds: before.milliseconds + (core.now() - began_at).num_milliseconds().max(0),
        };
        context.note_bootstrap(&bootstrap).await?;
        tracing::info!(
            organisation.id = %organisation.id,
            job_run.id = %run.id,
            categories = bootstrap.categories.map(|part| part.items),
            branches = bootstrap.branches.map(|part| part.items),
            templates = bootstrap.templates,
            "warmed what the first messages need in {} ms",
            bootstrap.milliseconds
        );
        Ok(failures.verdict(bootstrap.is_begun()))
    }
}

/// Fetches a part, unless it was fetched before.
async fn warm(
    core: &Core,
    organisation: &Organisation,
    merchant: &str,
    before: Option<Warmed>,
    part: CatalogPart,
) -> Result<Warmed, Cold> {
    if let Some(before) = before {
        return Ok(before);
    }
    let (items, at) = catalog::warm(core, organisation, merchant, part).await?;
    Ok(Warmed { items: count(items), at })
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// What went wrong with the parts.
#[derive(Debug, Default)]
struct Failures {
    errors: Vec<String>,
    /// Trying again would change nothing of one of them.
    is_final: bool,
}

impl Failures {
    fn of(failures: [Option<&Cold>; 2]) -> Self {
        let mut all = Self::default();
        for failure in failures.into_iter().flatten() {
            let (error, is_final) = match failure {
                Cold::There(Action::Retry, error) => (error.clone(), false),
                Cold::There(
                    Action::Stop(StopReason::UnknownMerchant | StopReason::Key | StopReason::Refused),
                    error,
                ) => (error.clone(), true),
                Cold::Here(error) => (error.to_string(), false),
            };
            all.is_final |= is_final;
            // An unknown merchant is unknown to both.
            if !all.errors.contains(&error) {
                all.errors.push(error);
            }
        }
        all
    }

    fn verdict(self, partial: bool) -> Verdict {
        let error = self.errors.join("; ");
        match (error.is_empty(), self.is_final) {
            (true, _) => Verdict::Done,
            (false, true) => Verdict::Stop { error, partial },
            (false, false) => Verdict::Retry { error, partial },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(action: Action, error: &str) -> Cold {
        Cold::There(action, error.to_owned())
    }

    #[test]
    fn what_does_not_pass_outweighs_what_may() {
        let passing = there(Action::Retry, "503");
        let unknown = there(Action::Stop(StopReason::UnknownMerchant), "no merchant");
        let retry = Verdict::Retry { error: "503".to_owned(), partial: true };
        assert_eq!(Failures::of([Some(&passing), None]).verdict(true), retry);
        let stop = Verdict::Stop { error: "503; no merchant".to_owned(), partial: false };
        assert_eq!(Failures::of([Some(&passing), Some(&unknown)]).verdict(false), stop);
        let once = Verdict::Stop { error: "no merchant".to_owned(), partial: false };
        assert_eq!(Failures::of([Some(&unknown), Some(&unknown)]).verdict(false), once);
        assert_eq!(Failures::of([None, None]).verdict(true), Verdict::Done);
    }
}
