//! The body that Gupshup sends in its version 2: one event (<https://partner-docs.gupshup.io/docs/pmp-events-1>).

use serde_json::Value;

use super::field::Fields;
use super::{billing, cloud};
use crate::domain::clock::Instant;
use crate::domain::input::BadInput;
use crate::domain::message::Pricing;
use crate::domain::recording::Direction;
use crate::domain::webhook::{Happening, Item, Told};

/// The one item of a body.
pub(super) fn read(body: &Value) -> Item<'_> {
    let app = body["appId"].as_str().unwrap_or_default();
    Item {
        field: "body".to_owned(),
        account: app,
        number: body["phone"].as_str(),
        payload: body,
        told: read_event(body),
    }
}

fn read_event(body: &Value) -> Result<Vec<Told>, BadInput> {
    let event = Fields::of("body", body)?;
    let kind = event.required_text("type")?;
    let payload = &body["payload"];
    match kind {
        "message-event" => read_status(&Fields::of("body.payload", payload)?, event.time("timestamp")?),
        "billing-event" => billing::read("body.payload", payload, event.time("timestamp")?),
        "message" => read_message(&Fields::of("body.payload", payload)?, event.required_time("timestamp")?),
        // News of the account, of users and the like.
        _ => Ok(Vec::new()),
    }
}

/// `enqueued` is before WhatsApp knows of the message; where it does not say what WhatsApp calls it, there is nothing to know it by.
fn read_status(payload: &Fields<'_>, event_at: Option<Instant>) -> Result<Vec<Told>, BadInput> {
    let detail = payload.child("payload")?;
    let whatsapp_id = detail.as_ref().map(|detail| detail.text("whatsappMessageId")).transpose()?.flatten();
    let happening = match payload.word("type")?.as_deref() {
        Some("enqueued") if whatsapp_id.is_none() => return Ok(Vec::new()),
        Some("enqueued") => Happening::Seen,
        Some("sent") => Happening::Sent,
        Some("delivered") => Happening::Delivered,
        Some("read") => Happening::Read,
        Some("failed") => Happening::Failed,
        _ => return Err(payload.bad("type", "expected enqueued, sent, delivered, read or failed")),
    };
    let id = match whatsapp_id {
        Some(id) => id,
        None => payload.required_text("id")?,
    };
    let at = detail.as_ref().map(|detail| detail.time("ts")).transpose()?.flatten().or(event_at);
    let at = at.ok_or_else(|| BadInput::new("body.timestamp", "null", "expected milliseconds since 1970"))?;
    let conversation = payload.child("conversation")?;
    let expires_at = conversation.as_ref().map(|conversation| conversation.time("expiresAt")).transpose()?;
    let conversation_id = conversation.map(|conversation| conversation.text("id")).transpose()?.flatten();
    let told = Told::seen(id.to_owned(), Direction::Outbound, payload.phone("destination")?, Some(at));
    Ok(vec![Told {
        happening,
        conversation_id: conversation_id.map(str::to_owned),
        conversation_expires_at: expires_at.flatten(),
        pricing: payload.child("pricing")?.map_or(Ok(Pricing::default()), |pricing| cloud::read_pricing(&pricing))?,
        failure: detail.filter(|_| happening == Happening::Failed).map(|detail| read_failure(&detail)),
        ..told
    }])
}

fn read_failure(detail: &Fields<'_>) -> String {
    let reason = detail.value("reason").and_then(Value::as_str).unwrap_or("no reason is given");
    match detail.value("code") {
        None => reason.to_owned(),
        Some(code) => format!("{code}: {reason}"),
    }
}

/// A message of the customer's, and what it says of the one that it answers.
fn read_message(payload: &Fields<'_>, at: Instant) -> Result<Vec<Told>, BadInput> {
    let phone = payload.phone("source")?;
    let own = Told::seen(payload.required_text("id")?.to_owned(), Direction::Inbound, phone.clone(), Some(at));
    let sender = payload.child("sender")?;
    let name = sender.map(|sender| sender.text("name")).transpose()?.flatten().filter(|name| !name.trim().is_empty());
    let mut told = vec![Told { customer_name: name.map(str::to_owned), ..own }];
    if let Some(context) = payload.child("context")?
        && let Some(answered) = context.text("id")?
    {
        // Customers also quote themselves. What went out through Gupshup has its id too, and only that has buttons.
        let kind = payload.text("type")?;
        let is_answer = matches!(kind, Some("button_reply" | "list_reply" | "quick_reply" | "button"));
        if is_answer || context.value("gsId").is_some() {
            let answered = Told::seen(answered.to_owned(), Direction::Outbound, phone, Some(at));
            told.push(Told { happening: Happening::Replied, ..answered });
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests;
