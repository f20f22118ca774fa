//! Account usage: what a BSP reports for a channel and a day, and the months made of such days.

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::clock::Instant;
use super::code::coded;
use super::id::{ChannelId, OrganisationId, PayloadId};
pub use super::money::Overflow;
use super::money::{Currency, Fees};
use super::period::{DateRange, Month, Zone};

coded! {
    /// What the counts of a day count. BSPs changed from conversations to messages on 2025-07-01.
    UsageUnit {
        Conversation = "CONVERSATION",
        Message = "MESSAGE",
    }
}

coded! {
    /// A category of WhatsApp traffic; what is none of the named ones is `Other` and keeps its raw name.
    UsageCategory {
        Marketing = "MARKETING",
        Utility = "UTILITY",
        Authentication = "AUTHENTICATION",
        AuthenticationInternational = "AUTHENTICATION_INTERNATIONAL",
        MarketingLite = "MARKETING_LITE",
        Service = "SERVICE",
        ReferralConversion = "REFERRAL_CONVERSION",
        Other = "OTHER",
    }
}

impl UsageCategory {
    /// The category that a BSP means by `raw`, in whatever case and with hyphens or underscores.
    pub fn of_raw(raw: &str) -> Self {
        let name = raw.trim().to_ascii_uppercase().replace('-', "_");
        match name.as_str() {
            "MARKETING_LITE_DYNAMIC" => Self::MarketingLite,
            known => Self::from_code(known).unwrap_or(Self::Other),
        }
    }
}

/// Where a detail is counted. The places are disjoint: a free utility message is not also a utility message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    Marketing,
    Utility,
    Authentication,
    AuthenticationInternational,
    MarketingLite,
    Service,
    FreeUtility,
    FreeEntryPoint,
    FreeTier,
    Other,
}

impl Bucket {
    /// The pricing type decides first: Meta shows free entry points under the category `SERVICE` in one place and under
    /// `REFERRAL_CONVERSION` in another.
    pub fn of(category: UsageCategory, pricing_type: Option<&str>) -> Self {
        match (pricing_type, category) {
            (Some("FREE_ENTRY_POINT" | "FREE_ENTRY"), _) | (_, UsageCategory::ReferralConversion) => {
                Self::FreeEntryPoint
            }
            (Some("FREE_TIER"), _) => Self::FreeTier,
            (Some("FREE_CUSTOMER_SERVICE"), UsageCategory::Utility) => Self::FreeUtility,
            (_, UsageCategory::Marketing) => Self::Marketing,
            (_, UsageCategory::Utility) => Self::Utility,
            (_, UsageCategory::Authentication) => Self::Authentication,
            (_, UsageCategory::AuthenticationInternational) => Self::AuthenticationInternational,
            (_, UsageCategory::MarketingLite) => Self::MarketingLite,
            (_, UsageCategory::Service) => Self::Service,
            (_, UsageCategory::Other) => Self::Other,
        }
    }
}

/// Messages or conversations by where they are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageCounts {
    pub marketing: i64,
    pub utility: i64,
    pub authentication: i64,
    pub authentication_international: i64,
    pub marketing_lite: i64,
    pub service: i64,
    pub free_utility: i64,
    pub free_entry_point: i64,
    pub free_tier: i64,
    pub other: i64,
}

impl UsageCounts {
    /// The counts in the order of their fields, for folding and hashing.
    pub const fn to_array(self) -> [i64; 10] {
        [
            self.marketing,
            self.utility,
            self.authentication,
            self.authentication_international,
            self.marketing_lite,
            self.service,
            self.free_utility,
            self.free_entry_point,
            self.free_tier,
            self.other,
        ]
    }

    /// The inverse of [`Self::to_array`].
    pub const fn from_array(counts: [i64; 10]) -> Self {
        let [
            marketing,
            utility,
            authentication,
            authentication_international,
            marketing_lite,
            service,
            free_utility,
            free_entry_point,
            free_tier,
            other,
        ] = counts;
        Self {
            marketing,
            utility,
            authentication,
            authentication_international,
            marketing_lite,
            service,
            free_utility,
            free_entry_point,
            free_tier,
            other,
        }
    }

    /// All of them together; `None` beyond 64 bits.
    pub fn total(self) -> Option<i64> {
        self.to_array().into_iter().try_fold(0_i64, i64::checked_add)
    }

    /// Field by field; `None` beyond 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let mut sums = self.to_array();
        for (sum, more) in sums.iter_mut().zip(other.to_array()) {
            *sum = sum.checked_add(more)?;
        }
        Some(Self::from_array(sums))
    }

    /// Counts `count` more in `bucket`; `None` beyond 64 bits.
    pub fn checked_count(mut self, bucket: Bucket, count: i64) -> Option<Self> {
        let place = match bucket {
            Bucket::Marketing => &mut self.marketing,
            Bucket::Utility => &mut self.utility,
            Bucket::Authentication => &mut self.authentication,
            Bucket::AuthenticationInternational => &mut self.authentication_international,
            Bucket::MarketingLite => &mut self.marketing_lite,
            Bucket::Service => &mut self.service,
            Bucket::FreeUtility => &mut self.free_utility,
            Bucket::FreeEntryPoint => &mut self.free_entry_point,
            Bucket::FreeTier => &mut self.free_tier,
            Bucket::Other => &mut self.other,
        };
        *place = place.checked_add(count)?;
        Some(self)
    }
}

/// Messages by direction and form, where the BSP gives them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCounts {
    pub incoming: i64,
    pub outgoing: i64,
    pub outgoing_media: i64,
    pub template: i64,
    pub template_media: i64,
    /// As the BSP says it, which need not be the sum of the others.
    pub total: i64,
}

impl MessageCounts {
    /// The counts in the order of their fields.
    pub const fn to_array(self) -> [i64; 6] {
        [self.incoming, self.outgoing, self.outgoing_media, self.template, self.template_media, self.total]
    }

    /// The inverse of [`Self::to_array`].
    pub const fn from_array(counts: [i64; 6]) -> Self {
        let [incoming, outgoing, outgoing_media, template, template_media, total] = counts;
        Self { incoming, outgoing, outgoing_media, template, template_media, total }
    }

    /// Field by field; `None` beyond 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let mut sums = self.to_array();
        for (sum, more) in sums.iter_mut().zip(other.to_array()) {
            *sum = sum.checked_add(more)?;
        }
        Some(Self::from_array(sums))
    }
}

/// One line of a day: the counts of a (category, pricing type, country).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDetail {
    pub category: UsageCategory,
    /// As the BSP wrote it.
    pub raw_category: String,
    /// As the BSP wrote it: `REGULAR`, `FREE_CUSTOMER_SERVICE`, `FREE_ENTRY_POINT`, `FREE_TIER`, ...
    pub pricing_type: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    pub count: i64,
    pub fees: Option<Fees>,
}

/// The figures of one day of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayFigures {
    /// The account's local day.
    pub date: NaiveDate,
    pub unit: UsageUnit,
    pub counts: UsageCounts,
    pub messages: Option<MessageCounts>,
    pub fees: Option<Fees>,
}

impl DayFigures {
    /// Whether anything happened on that day.
    pub fn is_anything(&self) -> bool {
        let messages = self.messages.is_some_and(|messages| messages.total > 0);
        messages || self.counts.to_array().iter().any(|count| *count > 0)
    }
}

/// What a BSP says of one day of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUsage {
    pub figures: DayFigures,
    /// Sorted by raw category, pricing type and country; each combination once.
    pub details: Vec<UsageDetail>,
}

impl DayUsage {
    /// SHA-256 over everything that is said of the day, so that a change of content can be told from a repetition.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut feed = |text: &str| {
            hash.update(text.as_bytes());
            hash.update([0]);
        };
        feed(self.figures.unit.code());
        for count in self.figures.counts.to_array() {
            feed(&count.to_string());
        }
        feed(&self.figures.messages.map(|messages| format!("{:?}", messages.to_array())).unwrap_or_default());
        feed(&fees_text(self.figures.fees));
        for detail in &self.details {
            feed(&detail.raw_category);
            feed(detail.pricing_type.as_deref().unwrap_or_default());
            feed(detail.country.as_deref().unwrap_or_default());
            feed(&detail.count.to_string());
            feed(&fees_text(detail.fees));
        }
        hash.finalize().into()
    }
}

fn fees_text(fees: Option<Fees>) -> String {
    fees.map(|fees| format!("{} {}", fees.amount, fees.currency)).unwrap_or_default()
}

/// A body as it was received, kept so that a figure can be shown with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedPayload {
    /// The API and field that answered, such as `gupshup usage` or `graph pricing_analytics`.
    pub source: String,
    /// Pages of one answer are joined by a newline.
    pub body: String,
}

impl ReceivedPayload {
    /// SHA-256 of the body's bytes.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.body.as_bytes()).into()
    }
}

/// The answer of a BSP for one channel and a range of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// The days that were asked for; a day of this range that is not in `days` had no usage.
    pub range: DateRange,
    /// Oldest first, each day once, all within `range`.
    pub days: Vec<DayUsage>,
    pub payload: ReceivedPayload,
    /// The zone in which the BSP cuts the account's days, where it says so.
    pub account_zone: Option<Zone>,
    /// The account's currency, where the BSP says so.
    pub account_currency: Option<Currency>,
}

/// A day of a channel as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyUsage {
    pub organisation_id: OrganisationId,
    pub channel_id: ChannelId,
    pub figures: DayFigures,
    /// False for a day that was still open when it was pulled.
    pub complete: bool,
    /// How many times the content changed since it was first stored: 0 for a day that never did.
    pub revision: i32,
    pub fetched_at: Instant,
    /// `None` once the payload was removed by retention.
    pub payload_id: Option<PayloadId>,
}

/// A month of a channel, made of its stored days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthlyUsage {
    pub organisation_id: OrganisationId,
    pub channel_id: ChannelId,
    pub month: Month,
    pub counts: UsageCounts,
    pub messages: Option<MessageCounts>,
    /// `None` where no day reported fees, or where the days' currencies differ and so cannot be added.
    pub fees: Option<Fees>,
    /// How many days have usage.
    pub days: i32,
}

/// Adds up the days of a month. The order of the days does not matter.
pub fn month_of_days<'a>(
    organisation_id: OrganisationId,
    channel_id: ChannelId,
    month: Month,
    days: impl IntoIterator<Item = &'a DayFigures>,
) -> Result<MonthlyUsage, Overflow> {
    let mut total = MonthlyUsage {
        organisation_id,
        channel_id,
        month,
        counts: UsageCounts::default(),
        messages: None,
        fees: None,
        days: 0,
    };
    let mut fees = Vec::new();
    for day in days {
        total.counts = total.counts.checked_add(day.counts).ok_or(Overflow)?;
        if let Some(messages) = day.messages {
            total.messages = Some(total.messages.unwrap_or_default().checked_add(messages).ok_or(Overflow)?);
        }
        fees.extend(day.fees);
        total.days += 1;
    }
    total.fees = Fees::total(fees);
    Ok(total)
}
