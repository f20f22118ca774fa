//! What lines say, in plain English.

use crate::domain::billing::Charge;
use crate::domain::channel::ChannelKind;
use crate::domain::period::Month;
use crate::domain::usage::Resource;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `June 2026`.
pub(super) fn of_month(month: Month) -> String {
    let name = usize::try_from(month.number()).ok().and_then(|number| MONTHS.get(number.checked_sub(1)?));
    format!("{} {}", name.copied().unwrap_or_default(), month.year())
}

pub(super) fn of_fee(plan: &str, month: Month) -> String {
    format!("Plan {plan}, {}", of_month(month))
}

pub(super) fn of_included(month: Month) -> String {
    format!("Included credit, {}", of_month(month))
}

pub(super) fn of_charge(charge: &Charge, late: bool) -> String {
    let resource = of_resource(&charge.resource);
    let unpriced = if charge.rate_id.is_none() { " (no price yet)" } else { "" };
    if late {
        format!("Adjustment for {}: {resource}{unpriced}", of_month(charge.usage_month))
    } else {
        format!("{resource}{unpriced}")
    }
}

/// `WhatsApp messages, marketing, IN`.
fn of_resource(resource: &Resource) -> String {
    let kind = match resource.kind {
        ChannelKind::Whatsapp => "WhatsApp",
        ChannelKind::Voice => "Voice",
        ChannelKind::Sms => "SMS",
        ChannelKind::Email => "Email",
        ChannelKind::Social => "Social",
        ChannelKind::Llm => "LLM",
    };
    let things = match resource.resource_type.code() {
        "mms" => "multimedia messages".to_owned(),
        many if many.ends_with('s') => many.to_owned(),
        one => format!("{one}s"),
    };
    let category = resource.category.map(|category| category.code().to_ascii_lowercase().replace('_', " "));
    let country = resource.country.map(|country| country.to_string());
    let parts = [Some(format!("{kind} {things}")), category, country];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
