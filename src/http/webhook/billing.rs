//! Gupshup's billing events: what was charged for a message (<https://partner-docs.gupshup.io/docs/billing-events>).

use serde_json::Value;

use super::field::Fields;
use crate::domain::account_usage::UsageCategory;
use crate::domain::clock::Instant;
use crate::domain::input::BadInput;
use crate::domain::message::Pricing;
use crate::domain::recording::Direction;
use crate::domain::webhook::Told;

/// What an event tells of its message. Gupshup's own fee, which comes as an event of its own, tells nothing.
pub(super) fn read(field: &str, event: &Value, at: Option<Instant>) -> Result<Vec<Told>, BadInput> {
    let event = Fields::of(field, event)?;
    let (deductions, references) = (event.required_child("deductions")?, event.required_child("references")?);
    if deductions.word("source")?.as_deref() == Some("gupshup") {
        return Ok(Vec::new());
    }
    let told = Told::seen(
        references.required_text("id")?.to_owned(),
        Direction::Outbound,
        references.phone("destination")?,
        at,
    );
    Ok(vec![Told { pricing: read_pricing(&deductions)?, ..told }])
}

/// Since messages are charged, and not conversations, `type` says whether it was free; before, it said the category.
fn read_pricing(deductions: &Fields<'_>) -> Result<Pricing, BadInput> {
    let is_free = deductions.truth("billable")? == Some(false);
    let (kind, category) = (deductions.word("type")?, deductions.word("category")?);
    let by_message = category.is_some() || deductions.word("model")?.as_deref() == Some("pmp");
    let (category, pricing_type) = if by_message {
        (category, kind.or_else(|| is_free.then(|| "free".to_owned())))
    } else {
        let pricing_type = match kind.as_deref() {
            Some("ftc") => "free_tier",
            Some("fep") => "free_entry_point",
            _ if is_free => "free",
            _ => "regular",
        };
        (deductions.word("conversationType")?.or(kind), Some(pricing_type.to_owned()))
    };
    Ok(Pricing { category: category.as_deref().map(UsageCategory::of_raw), pricing_type })
}
