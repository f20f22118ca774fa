//! The body that Meta's Cloud API sends, and Gupshup in its version 3: entries of changes of statuses and messages.
//!
//! Meta describes it in <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages>.

use serde_json::Value;

use super::billing;
use super::field::Fields;
use crate::domain::account_usage::UsageCategory;
use crate::domain::input::{BadInput, Name};
use crate::domain::message::Pricing;
use crate::domain::recording::Direction;
use crate::domain::webhook::{Happening, Item, Told};

/// The items of a body, in their order. What cannot be read at all is one that is wrong.
pub(super) fn read(body: &Value) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let around = Around { account: "", number: None };
    for (field, entry) in around.list(&mut items, "entry".to_owned(), &body["entry"]) {
        let around = Around { account: entry["id"].as_str().unwrap_or_default(), number: None };
        for (field, change) in around.list(&mut items, format!("{field}.changes"), &entry["changes"]) {
            read_change(&mut items, &around, &field, change);
        }
    }
    items
}

/// Where something is told.
struct Around<'a> {
    account: &'a str,
    number: Option<&'a str>,
}

impl<'a> Around<'a> {
    fn item(&self, field: String, payload: &'a Value, told: Result<Vec<Told>, BadInput>) -> Item<'a> {
        Item { field, account: self.account, number: self.number, payload, told }
    }

    /// The elements of a list with their places; nothing is an empty list, and what is none is an item that is wrong.
    fn list(&self, items: &mut Vec<Item<'a>>, field: String, list: &'a Value) -> Vec<(String, &'a Value)> {
        match list {
            Value::Null => Vec::new(),
            Value::Array(list) => {
                list.iter().enumerate().map(|(place, value)| (format!("{field}[{place}]"), value)).collect()
            }
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                let bad = BadInput::new(field.clone(), other, "expected a list");
                items.push(self.item(field, other, Err(bad)));
                Vec::new()
            }
        }
    }
}

fn read_change<'a>(items: &mut Vec<Item<'a>>, around: &Around<'a>, field: &str, change: &'a Value) {
    let value = &change["value"];
    let around = Around { number: value["metadata"]["display_phone_number"].as_str(), ..*around };
    let field = format!("{field}.value");
    match change["field"].as_str() {
        Some("messages") => {
            for (field, status) in around.list(items, format!("{field}.statuses"), &value["statuses"]) {
                let told = read_status(&field, status).map(|told| vec![told]);
                items.push(around.item(field, status, told));
            }
            for (field, message) in around.list(items, format!("{field}.messages"), &value["messages"]) {
                let told = read_message(&field, message, &value["contacts"]);
                items.push(around.item(field, message, told));
            }
        }
        Some("billing-event") => {
            let told = billing::read(&format!("{field}.billing"), &value["billing"], None);
            items.push(around.item(field, value, told));
        }
        // News of the account, of templates and the like.
        _ => items.push(around.item(field, change, Ok(Vec::new()))),
    }
}

fn read_status(field: &str, status: &Value) -> Result<Told, BadInput> {
    let status = Fields::of(field, status)?;
    let id = status.required_text("id")?.to_owned();
    let happening = match status.word("status")?.as_deref() {
        Some("sent") => Happening::Sent,
        Some("delivered") => Happening::Delivered,
        Some("read" | "played") => Happening::Read,
        Some("failed") => Happening::Failed,
        _ => return Err(status.bad("status", "expected sent, delivered, read, played or failed")),
    };
    let at = status.required_time("timestamp")?;
    let told = Told::seen(id, Direction::Outbound, status.phone("recipient_id")?, Some(at));
    let conversation = status.child("conversation")?;
    let expires_at = conversation.as_ref().map(|conversation| conversation.time("expiration_timestamp")).transpose()?;
    let conversation_id = conversation.map(|conversation| conversation.text("id")).transpose()?.flatten();
    Ok(Told {
        happening,
        conversation_id: conversation_id.map(str::to_owned),
        conversation_expires_at: expires_at.flatten(),
        pricing: status.child("pricing")?.map_or(Ok(Pricing::default()), |pricing| read_pricing(&pricing))?,
        failure: status.value("errors").and_then(read_failure),
        ..told
    })
}

/// What is said of a price. `billable` is only asked where there is no type: Meta is going to leave it out.
pub(super) fn read_pricing(pricing: &Fields<'_>) -> Result<Pricing, BadInput> {
    let pricing_type = match pricing.word("type")? {
        None if pricing.truth("billable")? == Some(false) => Some("free".to_owned()),
        told => told,
    };
    Ok(Pricing { category: pricing.word("category")?.as_deref().map(UsageCategory::of_raw), pricing_type })
}

/// The first of the errors, with its number and whatever says most.
fn read_failure(errors: &Value) -> Option<String> {
    let error = errors.get(0)?;
    let texts = [&error["error_data"]["details"], &error["message"], &error["title"]];
    let text = texts.into_iter().find_map(Value::as_str).unwrap_or("no reason is given");
    Some(match error.get("code") {
        None => text.to_owned(),
        Some(code) => format!("{code}: {text}"),
    })
}

/// A message of the customer's, and what it says of the one that it answers.
fn read_message(field: &str, message: &Value, contacts: &Value) -> Result<Vec<Told>, BadInput> {
    let message = Fields::of(field, message)?;
    let kind = message.text("type")?;
    // Not of the customer's making: that a number was changed, and the like.
    if kind == Some("system") {
        return Ok(Vec::new());
    }
    let phone = message.phone("from")?;
    let at = Some(message.required_time("timestamp")?);
    let id = message.required_text("id")?.to_owned();
    let contacts = contacts.as_array().map(Vec::as_slice).unwrap_or_default();
    let from = message.text("from")?;
    let contact = contacts.iter().find(|contact| contact["wa_id"].as_str() == from);
    let name = contact.and_then(|contact| Name::parse("name", contact["profile"]["name"].as_str()?).ok());
    let own = Told::seen(id, Direction::Inbound, phone.clone(), at);
    let mut told = vec![Told { customer_name: name.map(Name::into_string), ..own }];
    if let Some(context) = message.child("context")?
        && let Some(answered) = context.text("id")?
    {
        // Customers also quote themselves. Only the organisation's messages have buttons.
        let author = context.text("from")?;
        if author.map_or(matches!(kind, Some("button" | "interactive")), |author| Some(author) != from) {
            let answered = Told::seen(answered.to_owned(), Direction::Outbound, phone, at);
            told.push(Told { happening: Happening::Replied, ..answered });
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests;
