//! The recorders: what is told of calls, messages, letters and answers goes into the ledger if it counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::access::Caller;
use super::ledger::{LedgerService, RECORDS_MAX, Window};
use super::{Core, ServiceError};
use crate::domain::channel::ChannelKind;
use crate::domain::customer::Customer;
use crate::domain::id::{ChannelId, CustomerId, OrganisationId};
use crate::domain::input::BadInput;
use crate::domain::phone::PhoneNumber;
use crate::domain::recording::{CallDetail, CallReport, Ruling, Said, llm_response};
use crate::domain::usage::Outcome;
use crate::store;
use crate::store::{Db, StoreError};

/// An answer of a language model.
#[derive(Debug, Clone)]
pub struct LlmResponse {
    /// The customer by id is a part of it.
    pub said: Said,
    /// The customer by number; not both.
    pub customer_phone: Option<String>,
    pub text: String,
}

/// Records what counts.
#[derive(Debug, Clone)]
pub struct RecordingService {
    core: Arc<Core>,
    ledger: LedgerService,
}

impl RecordingService {
    pub(super) const fn new(core: Arc<Core>, ledger: LedgerService) -> Self {
        Self { core, ledger }
    }

    /// Puts into the ledger what counts by `ruling`, and answers what does not.
    pub async fn record(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        ruling: Ruling,
    ) -> Result<Outcome, ServiceError> {
        let organisation = caller.reach_to_record(Some(organisation))?;
        match ruling {
            Ruling::Counts(draft) => {
                let outcomes = self.ledger.record(caller, organisation, vec![*draft], Window::Live).await?;
                let missing = || ServiceError::Internal("a record has no outcome".into());
                outcomes.into_iter().next().ok_or_else(missing)
            }
            Ruling::Skipped(reason) => {
                self.must_exist(organisation).await?;
                Ok(Outcome::Skipped(reason))
            }
            Ruling::Rejected(bad) => {
                self.must_exist(organisation).await?;
                Ok(Outcome::Rejected(bad.into()))
            }
        }
    }

    /// What does not get as far as the ledger is refused of a strange organisation all the same.
    async fn must_exist(&self, organisation: OrganisationId) -> Result<(), ServiceError> {
        let found = store::organisation::find(self.core.store().read(), organisation).await?;
        found.map(drop).ok_or(ServiceError::NotFound("organisation"))
    }

    /// Records an answer of a language model, if it counts.
    pub async fn record_llm_response(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        response: LlmResponse,
    ) -> Result<Outcome, ServiceError> {
        let organisation = caller.reach_to_record(Some(organisation))?;
        let LlmResponse { said, customer_phone, text } = response;
        let ruling = match named(&said, customer_phone.as_deref()) {
            Ok(named) => {
                let customer = match named {
                    Named::Nobody => None,
                    Named::Id(id) => store::customer::find_any(self.core.store().read(), id).await?,
                    Named::Phone(phone) => {
                        store::customer::find_by_phone(self.core.store().read(), organisation, &[phone]).await?.pop()
                    }
                };
                // One of another organisation is as one that does not exist.
                let own: Option<Customer> = customer.filter(|customer| customer.organisation_id == organisation);
                llm_response(said, &text, own.as_ref())
            }
            Err(bad) => Ruling::Rejected(bad),
        };
        self.record(caller, organisation, ruling).await
    }

    /// Writes down calls that the exchange reported, those that do not count as well, and puts those that do into the ledger. What could
    /// not be read is answered as rejected, in its place. `organisation` is known by the signature.
    ///
    /// The calls are committed first: where recording them fails, a report that comes again, or a backfill, makes up for it.
    pub async fn receive_calls(
        &self,
        organisation: OrganisationId,
        reports: Vec<Result<CallReport, BadInput>>,
    ) -> Result<Vec<Outcome>, ServiceError> {
        if !(1..=RECORDS_MAX).contains(&reports.len()) {
            return Err(BadInput::new("body", reports.len(), format!("expected 1 to {RECORDS_MAX} calls")).into());
        }
        let ends = self.store_calls(organisation, &reports).await?;
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(reports.len());
        let mut drafts = Vec::new();
        for report in reports {
            let ruling = match report {
                Ok(CallReport { field, call, .. }) => {
                    let (customer_id, channel_id) = ends.get(&call.resource_id).copied().unwrap_or_default();
                    CallDetail { customer_id, channel_id, ..call }.rule(field)
                }
                Err(bad) => Ruling::Rejected(bad),
            };
            outcomes.push(match ruling {
                Ruling::Counts(draft) => {
                    drafts.push(*draft);
                    None
                }
                Ruling::Skipped(reason) => Some(Outcome::Skipped(reason)),
                Ruling::Rejected(bad) => Some(Outcome::Rejected(bad.into())),
            });
        }
        let mut recorded = Vec::new();
        if !drafts.is_empty() {
            recorded = self.ledger.record(&Caller::command_line(), organisation, drafts, Window::Live).await?;
        }
        let mut recorded = recorded.into_iter();
        let outcomes: Option<Vec<_>> =
            outcomes.into_iter().map(|outcome| outcome.or_else(|| recorded.next())).collect();
        outcomes.ok_or_else(|| ServiceError::Internal("a call has no outcome".into()))
    }

    /// Writes the calls down, of one that comes twice the last word; with whom each was, by its resource id.
    async fn store_calls(
        &self,
        organisation: OrganisationId,
        reports: &[Result<CallReport, BadInput>],
    ) -> Result<HashMap<String, Ends>, ServiceError> {
        let reports = reports.iter().flatten().map(|report| (report.call.resource_id.as_str(), report));
        let reports: BTreeMap<_, _> = reports.collect();
        if reports.is_empty() {
            return Ok(HashMap::new());
        }
        let work = self.core.begin().await?;
        let known = Known::of(work.tx(), organisation, reports.values().copied()).await?;
        let calls: Vec<_> = reports
            .values()
            .map(|report| {
                let (customer_id, channel_id) = known.ends(report);
                CallDetail { customer_id, channel_id, ..report.call.clone() }
            })
            .collect();
        store::call_detail::upsert(work.tx(), organisation, &calls, work.now()).await?;
        let resource_ids: Vec<_> = reports.keys().copied().collect();
        // One that was reported before keeps those whom it was with then.
        let stored = store::call_detail::find_many(work.tx(), organisation, &resource_ids).await?;
        work.commit().await?;
        Ok(stored.into_iter().map(|call| (call.resource_id, (call.customer_id, call.channel_id))).collect())
    }
}

/// The customer at the other end of a call, and the organisation's own end of it.
type Ends = (Option<CustomerId>, Option<ChannelId>);

/// The people and lines that calls may have been between.
struct Known {
    customers: HashMap<PhoneNumber, CustomerId>,
    channels: HashMap<PhoneNumber, ChannelId>,
}

impl Known {
    async fn of<'a>(
        db: &impl Db,
        organisation: OrganisationId,
        reports: impl Iterator<Item = &'a CallReport>,
    ) -> Result<Self, StoreError> {
        let mut phones: Vec<_> = reports.filter_map(CallReport::their_number).collect();
        phones.sort_unstable();
        phones.dedup();
        let customers = store::customer::find_by_phone(db, organisation, &phones).await?;
        let lines = store::channel::list(db, organisation, Some(ChannelKind::Voice), None).await?;
        let channels = lines.into_iter().filter_map(|channel| {
            let phone = PhoneNumber::parse("phoneNumber", channel.phone_number.as_deref()?).ok()?;
            Some((phone, channel.id))
        });
        Ok(Self {
            customers: customers.into_iter().map(|customer| (customer.phone, customer.id)).collect(),
            channels: channels.collect(),
        })
    }

    fn ends(&self, report: &CallReport) -> Ends {
        let customer = report.their_number().and_then(|phone| self.customers.get(&phone).copied());
        (customer, report.our_number().and_then(|phone| self.channels.get(&phone).copied()))
    }
}

/// How a customer is named.
enum Named {
    Nobody,
    Id(CustomerId),
    Phone(PhoneNumber),
}

fn named(said: &Said, phone: Option<&str>) -> Result<Named, BadInput> {
    let field = |name: &str| format!("{}.{name}", said.field);
    match (said.customer_id.as_deref(), phone) {
        (None, None) => Ok(Named::Nobody),
        (Some(id), None) => CustomerId::parse(&field("customerId"), id).map(Named::Id),
        (None, Some(phone)) => PhoneNumber::parse(&field("customerPhone"), phone).map(Named::Phone),
        (Some(_), Some(phone)) => {
            let accepted = "expected the customer by customerId or by customerPhone, not by both";
            Err(BadInput::new(field("customerPhone"), phone, accepted))
        }
    }
}
