//! The demo's messages: what became of each WhatsApp message of the traffic, what customers answered, campaigns, and snapshots of the days.
//!
//! They are made of the same traffic as the ledger's records and have the same names, so that a message and its record are one thing.

use chrono::{Days, NaiveDate, TimeDelta};

use super::ledger::{Trader, span};
use super::traffic::{self, Chance, Happening};
use crate::domain::account_usage::UsageCategory;
use crate::domain::campaign::{Campaign, CampaignDraft, CampaignState};
use crate::domain::channel::ChannelKind;
use crate::domain::clock::{Instant, SharedClock};
use crate::domain::message::{Life, Pricing, Update};
use crate::domain::organisation::Organisation;
use crate::domain::phone::PhoneNumber;
use crate::domain::recording::Direction;
use crate::domain::snapshot::SnapshotType;
use crate::service::access::Caller;
use crate::service::message::MESSAGES_MAX;
use crate::service::{ServiceError, Services};

/// How many days have a snapshot.
const SNAPSHOT_DAYS: u64 = 31;

/// For how many days each WhatsApp channel has one of its own.
const CHANNEL_SNAPSHOT_DAYS: u64 = 7;

/// How long a campaign lasts.
const CAMPAIGN_DAYS: u64 = 5;

/// How often somebody new writes to a shop.
const NEWCOMER_EVERY: TimeDelta = TimeDelta::seconds(15);

/// Campaigns, and how many days ago each began; the last one still runs.
const CAMPAIGNS: [(&str, u64); 4] =
    [("Opening hours", 52), ("Loyalty points", 37), ("Weekend offer", 19), ("New on the menu", 3)];

/// A campaign and its days.
struct Drive {
    campaign: Campaign,
    from: NaiveDate,
}

impl Drive {
    fn runs_on(&self, date: NaiveDate) -> bool {
        (0..i64::try_from(CAMPAIGN_DAYS).unwrap_or(0)).contains(&(date - self.from).num_days())
    }
}

/// Takes in the messages of the shop's traffic up to now. What an earlier demo took in is known, and changes nothing.
pub(super) async fn fill(
    services: &Services,
    caller: &Caller,
    organisation: &Organisation,
    trader: &Trader,
) -> Result<(), ServiceError> {
    let now = services.clock.now();
    let range = span(organisation, services);
    let drives = campaigns(services, caller, organisation, range.to()).await?;
    let mut updates = Vec::new();
    for date in range.days() {
        let happenings = traffic::of_day(&trader.shop, date, now).into_iter();
        for happening in happenings.filter(|happening| happening.kind == ChannelKind::Whatsapp) {
            let drive = drives.iter().find(|drive| drive.runs_on(date));
            updates.extend(messages(trader, &happening, drive, date, now)?);
        }
    }
    tracing::info!(organisation.id = %organisation.id, messages = updates.len(), "takes in made-up messages");
    let mut updates = updates.into_iter().map(Ok).peekable();
    while updates.peek().is_some() {
        let batch = updates.by_ref().take(MESSAGES_MAX).collect();
        services.message.record(caller, organisation.id, batch).await?;
    }
    snapshots(services, caller, organisation, trader, range.to()).await
}

/// Lets somebody whom nobody knows write to each shop from time to time, for as long as it is polled.
pub(super) async fn newcomers(services: Services, traders: Vec<Trader>, clock: SharedClock) {
    let caller = Caller::command_line();
    for trader in traders.iter().cycle() {
        clock.wait(clock.now() + NEWCOMER_EVERY).await;
        if let Err(error) = greet(&services, &caller, trader, clock.now()).await {
            tracing::warn!(%error, "a made-up newcomer is not heard");
        }
    }
}

async fn greet(services: &Services, caller: &Caller, trader: &Trader, now: Instant) -> Result<(), ServiceError> {
    let Some(channel) = trader.whatsapp().next() else { return Ok(()) };
    // Numbers from half a million on are nobody's yet; another moment is another person.
    let number = 500_000 + now.timestamp_millis().rem_euclid(400_000);
    let greeting = Update {
        field: "messages".to_owned(),
        external_id: format!("hello-{}", now.timestamp_millis()),
        channel_id: channel.id,
        direction: Direction::Inbound,
        phone: PhoneNumber::parse("phone", &format!("{}{number:06}", trader.shop.phone_prefix))?,
        customer_name: None,
        campaign_id: None,
        conversation_id: None,
        conversation_expires_at: None,
        pricing: Pricing::default(),
        life: Life::seen(now),
        failure: None,
    };
    services.message.record(caller, trader.organisation_id, vec![Ok(greeting)]).await?;
    Ok(())
}

async fn campaigns(
    services: &Services,
    caller: &Caller,
    organisation: &Organisation,
    today: NaiveDate,
) -> Result<Vec<Drive>, ServiceError> {
    let began = |days_ago| today.checked_sub_days(Days::new(days_ago)).unwrap_or(today);
    let drafts = CAMPAIGNS.iter().map(|(name, days_ago)| {
        let from = began(*days_ago);
        let is_over = *days_ago >= CAMPAIGN_DAYS;
        let end = from.checked_add_days(Days::new(CAMPAIGN_DAYS)).filter(|_| is_over);
        let at = |date| organisation.time_zone.midnight(date).to_rfc3339();
        CampaignDraft {
            // Named by its days, so that a demo on another day has other ones.
            external_id: format!("demo-{from}"),
            name: (*name).to_owned(),
            channel_id: None,
            state: if is_over { CampaignState::Completed } else { CampaignState::Active },
            recipients: 100,
            started_at: Some(at(from)),
            finished_at: end.map(at),
        }
    });
    let campaigns = services.campaign.upsert(caller, organisation.id, drafts.collect()).await?;
    let from = CAMPAIGNS.iter().map(|(_, days_ago)| began(*days_ago));
    Ok(campaigns.into_iter().zip(from).map(|(campaign, from)| Drive { campaign, from }).collect())
}

/// A message that reached its customer, as the ledger's record says, and now and then an answer with thanks for it, or another message that
/// failed.
fn messages(
    trader: &Trader,
    happening: &Happening,
    drive: Option<&Drive>,
    date: NaiveDate,
    now: Instant,
) -> Result<Vec<Update>, ServiceError> {
    let Some(channel) = trader.channel(happening) else { return Ok(Vec::new()) };
    let shop = &trader.shop;
    let mut chance = Chance::of(&format!("message {} {}", shop.name, happening.resource_id));
    let mut later = |from: u64, to: u64| TimeDelta::seconds(i64::try_from(from + chance.below(to - from)).unwrap_or(0));
    let delivered_at = happening.at;
    let created_at = delivered_at - later(1, 8);
    let read_at = delivered_at + later(5, 1_800);
    let came_at = read_at + later(10, 900);
    let thanked_at = came_at + later(20, 600);
    let mut is_one_in_hundred = |share| chance.below(100) < share;
    let is_read = is_one_in_hundred(74) && read_at < now;
    let is_answered = is_read && is_one_in_hundred(26) && came_at < now;
    let is_thanked = is_answered && is_one_in_hundred(80);
    let fails_another = is_one_in_hundred(4);
    let phone = match happening.customer.and_then(|number| trader.customers().get(number)) {
        Some(customer) => customer.phone.clone(),
        // Somebody whom the shop does not know by name.
        None => PhoneNumber::parse("phone", &format!("{}{:06}", shop.phone_prefix, 900_000 + chance.below(40)))?,
    };
    let is_marketing = happening.category == Some(UsageCategory::Marketing);
    let update = |external_id: String, direction, life| Update {
        field: "messages".to_owned(),
        external_id,
        channel_id: channel.id,
        direction,
        phone: phone.clone(),
        customer_name: None,
        campaign_id: drive.filter(|_| is_marketing).map(|drive| drive.campaign.id),
        conversation_id: Some(format!("{date}-{phone}")),
        conversation_expires_at: None,
        pricing: Pricing::default(),
        life,
        failure: None,
    };
    let told = Life {
        sent_at: Some(created_at),
        delivered_at: Some(delivered_at),
        read_at: Some(read_at).filter(|_| is_read),
        replied_at: Some(came_at).filter(|_| is_answered),
        ..Life::seen(created_at)
    };
    let pricing = Pricing { category: happening.category, pricing_type: Some("regular".to_owned()) };
    let sent = Update { pricing, ..update(happening.resource_id.clone(), Direction::Outbound, told) };
    let mut updates = vec![sent];
    if is_answered {
        let came = update(format!("{}-answer", happening.resource_id), Direction::Inbound, Life::seen(came_at));
        updates.push(Update { campaign_id: None, ..came });
    }
    if is_thanked && thanked_at < now {
        let life = Life { sent_at: Some(thanked_at), delivered_at: Some(thanked_at), ..Life::seen(thanked_at) };
        let thanks = update(format!("{}-thanks", happening.resource_id), Direction::Outbound, life);
        // Within a day of the customer's own words it costs nothing.
        let pricing_type = Some("free_customer_service".to_owned());
        let pricing = Pricing { category: Some(UsageCategory::Service), pricing_type };
        updates.push(Update { campaign_id: None, pricing, ..thanks });
    }
    if fails_another {
        let failed = Life { sent_at: Some(created_at), failed_at: Some(delivered_at), ..Life::seen(created_at) };
        let failed = update(format!("{}-failed", happening.resource_id), Direction::Outbound, failed);
        updates.push(Update { failure: Some("131026: Message undeliverable".to_owned()), ..failed });
    }
    Ok(updates)
}

/// Freezes the figures of the days until yesterday, and of the weeks and the month that they make, as the jobs would have done.
async fn snapshots(
    services: &Services,
    caller: &Caller,
    organisation: &Organisation,
    trader: &Trader,
    today: NaiveDate,
) -> Result<(), ServiceError> {
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    let id = organisation.id;
    for date in (1..=SNAPSHOT_DAYS).rev().map(back) {
        services.snapshot.generate(caller, id, SnapshotType::Daily, date, None).await?;
        if date >= back(CHANNEL_SNAPSHOT_DAYS) {
            for channel in trader.whatsapp() {
                services.snapshot.generate(caller, id, SnapshotType::Daily, date, Some(channel.id)).await?;
            }
        }
    }
    for date in [28, 21, 14, 7].map(back) {
        services.snapshot.generate(caller, id, SnapshotType::Weekly, date, None).await?;
    }
    services.snapshot.generate(caller, id, SnapshotType::Monthly, back(31), None).await?;
    Ok(())
}
