//! The demo's ledger: prices, customers, sixty days of traffic on all kinds of channels, invoices for the months that are over, and a trickle.

use chrono::{Days, TimeDelta};

use super::traffic::{self, Happening, Shop};
use crate::domain::channel::{Channel, ChannelKind};
use crate::domain::clock::SharedClock;
use crate::domain::customer::{Customer, CustomerDraft};
use crate::domain::id::{InvoiceId, OrganisationId};
use crate::domain::organisation::Organisation;
use crate::domain::page::PageRequest;
use crate::domain::period::{DateRange, Month};
use crate::domain::rating::RateModel;
use crate::domain::usage::{Draft, Outcome};
use crate::service::access::Caller;
use crate::service::ledger::{Filter, RECORDS_MAX, Window};
use crate::service::plan::{RateDraft, TierDraft};
use crate::service::{ServiceError, Services};

/// How many days of traffic the demo shows, today included.
pub(super) const DAYS: u64 = 60;

/// How often something more happens while the demo runs.
const TRICKLE_EVERY: TimeDelta = TimeDelta::seconds(2);

/// A shop whose traffic is recorded.
#[derive(Debug, Clone)]
pub(super) struct Trader {
    pub(super) shop: Shop,
    pub(super) organisation_id: OrganisationId,
    channels: Vec<Channel>,
    customers: Vec<Customer>,
}

/// Prices for social messages: two plans count them, each in its own way; the third has none, so that it can be seen how that looks.
pub(super) async fn publish_prices(services: &Services, caller: &Caller) -> Result<(), ServiceError> {
    let tier = |up_to: Option<&str>, unit_price: &str, flat_fee: &str| TierDraft {
        up_to: up_to.map(str::to_owned),
        unit_price: unit_price.to_owned(),
        flat_fee: Some(flat_fee.to_owned()),
    };
    let tiers = vec![tier(Some("100"), "0.004", "0"), tier(Some("300"), "0.003", "0"), tier(None, "0.002", "0")];
    for (plan, model, tiers) in [
        ("professional", RateModel::Graduated, tiers),
        ("enterprise", RateModel::Package, vec![tier(Some("50"), "0", "0.15")]),
    ] {
        let rate = RateDraft {
            kind: ChannelKind::Social,
            resource_type: "message".to_owned(),
            category: None,
            country: None,
            effective_from: Month::parse("effectiveFrom", "2020-01")?.first_day(),
            model,
            unit_price: None,
            tiers,
        };
        services.plan.publish(caller, plan, &[rate]).await?;
    }
    Ok(())
}

/// Records the shop's traffic up to now. What an earlier demo recorded in the same database is recognised and not recorded again.
pub(super) async fn fill(
    services: &Services,
    caller: &Caller,
    organisation: &Organisation,
    shop: Shop,
) -> Result<Trader, ServiceError> {
    let channels = services.channel.list(organisation.id, None, None).await?;
    let customers = customers(services, caller, organisation.id, &shop).await?;
    let trader = Trader { shop, organisation_id: organisation.id, channels, customers };
    let now = services.clock.now();
    let mut drafts = Vec::new();
    for date in span(organisation, services).days() {
        drafts.extend(traffic::of_day(&shop, date, now).into_iter().map(|happening| trader.draft(happening)));
    }
    for batch in drafts.chunks(RECORDS_MAX) {
        let outcomes = services.ledger.record(caller, organisation.id, batch.to_vec(), Window::Backfill).await?;
        refuse_lost(&outcomes)?;
    }
    tracing::info!(organisation.id = %organisation.id, records = drafts.len(), "recorded {DAYS} days of made-up traffic");
    Ok(trader)
}

/// Makes the invoices of the months that are over, all of them final and all but the last one paid; then takes a record back that was
/// invoiced already, which will be on the next invoice. The newest of them.
pub(super) async fn invoice(
    services: &Services,
    caller: &Caller,
    organisation: &Organisation,
) -> Result<Option<InvoiceId>, ServiceError> {
    let range = span(organisation, services);
    let present = Month::of(range.to());
    let mut newest = None;
    for month in range.months().into_iter().filter(|month| *month < present) {
        if let Some(before) = newest {
            services.invoice.pay(caller, before).await?;
        }
        let draft = services.invoice.generate(caller, organisation.id, month).await?;
        newest = Some(services.invoice.finalize(caller, draft.id).await?.id);
    }
    let before = organisation.time_zone.midnight(present.first_day());
    let filter = Filter { to: Some(before), kind: Some(ChannelKind::Voice), ..Filter::default() };
    let last = services.ledger.page(organisation.id, &filter, &PageRequest::first(1)).await?.items.pop();
    if let Some(record) = last.filter(|record| record.correction.is_none()) {
        services.ledger.void(caller, record.id, "the call was dropped, the customer complained").await?;
    }
    Ok(newest)
}

/// Lets something more happen in each shop from time to time, for as long as it is polled.
pub(super) async fn trickle(services: Services, traders: Vec<Trader>, clock: SharedClock) {
    let caller = Caller::command_line();
    for (number, trader) in traders.iter().cycle().enumerate() {
        clock.wait(clock.now() + TRICKLE_EVERY).await;
        let now = clock.now();
        let name = format!("live-{}-{number}", now.timestamp_millis());
        // WhatsApp messages come by webhook.
        let happening =
            traffic::at(&trader.shop, name, now).filter(|happening| happening.kind != ChannelKind::Whatsapp);
        let Some(happening) = happening else { continue };
        let drafts = vec![trader.draft(happening)];
        if let Err(error) = services.ledger.record(&caller, trader.organisation_id, drafts, Window::Live).await {
            tracing::warn!(%error, "the made-up traffic pauses");
            // Nobody waits for it.
            clock.wait(clock.now() + TimeDelta::seconds(30)).await;
        }
    }
}

impl Trader {
    /// The shop's WhatsApp channels, oldest first.
    pub(super) fn whatsapp(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter().filter(|channel| channel.kind == ChannelKind::Whatsapp)
    }

    /// Which channel something happens on: where there are several of its kind, everything on one that is always the same.
    pub(super) fn channel(&self, happening: &Happening) -> Option<&Channel> {
        let fitting: Vec<_> = self.channels.iter().filter(|channel| channel.kind == happening.kind).collect();
        let place = happening.resource_id.bytes().map(usize::from).sum::<usize>().checked_rem(fitting.len())?;
        fitting.get(place).copied()
    }

    /// The shop's customers.
    pub(super) fn customers(&self) -> &[Customer] {
        &self.customers
    }

    fn draft(&self, happening: Happening) -> Draft {
        let channel = self.channel(&happening);
        let customer = happening.customer.and_then(|number| self.customers.get(number));
        Draft {
            field: "records".to_owned(),
            idempotency_key: None,
            kind: happening.kind,
            channel_id: channel.map(|channel| channel.id.to_string()),
            resource_type: happening.resource_type.to_owned(),
            resource_id: Some(happening.resource_id),
            quantity: happening.quantity,
            category: happening.category,
            country: happening.country.map(str::to_owned),
            customer_id: customer.map(|customer| customer.id.to_string()),
            occurred_at: Some(happening.at.to_rfc3339()),
            metadata: None,
        }
    }
}

/// The days of traffic, in the organisation's zone.
pub(super) fn span(organisation: &Organisation, services: &Services) -> DateRange {
    let today = organisation.time_zone.date(services.clock.now());
    let first = today.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(today);
    DateRange::new(first, today).unwrap_or(DateRange::day(today))
}

async fn customers(
    services: &Services,
    caller: &Caller,
    organisation: OrganisationId,
    shop: &Shop,
) -> Result<Vec<Customer>, ServiceError> {
    const NAMES: [&str; 8] = ["Ayu", "Budi", "Citra", "Dewi", "Eka", "Farah", "Gita", "Hadi"];
    let drafts = (0..shop.customers).map(|number| CustomerDraft {
        phone: format!("{}{:06}", shop.phone_prefix, number + 1),
        name: NAMES.get(number % NAMES.len()).map(|name| format!("{name} {}", number + 1)),
        registered: true,
        blocked: false,
        external_id: None,
    });
    services.customer.upsert(caller, organisation, drafts.collect()).await
}

/// Made-up traffic that is refused is a mistake in the demo, and is said instead of showing less. What differs from what is there was
/// recorded by the demo of another version.
fn refuse_lost(outcomes: &[Outcome]) -> Result<(), ServiceError> {
    let lost = outcomes.iter().find(|outcome| matches!(outcome, Outcome::Skipped(_) | Outcome::Rejected(_)));
    match lost {
        None => Ok(()),
        Some(outcome) => Err(ServiceError::Internal(format!("the made-up traffic is refused: {outcome:?}").into())),
    }
}
