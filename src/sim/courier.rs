//! Webhooks as the BSPs send them: notices of messages in Meta's shape or one of Gupshup's, signed or with a secret, over real HTTP.

use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use super::message::{SimEvent, SimNotice};
use crate::domain::clock::Instant;

/// The most notices of one body, as Meta has it.
const NOTICES_MAX: usize = 1_000;

/// How a BSP tells of a channel.
#[derive(Debug, Clone)]
pub enum SimSender {
    /// Signed with the app's secret.
    Meta { waba: String, number: String, app_secret: String },
    /// In Gupshup's version 2, one notice a body, with the channel's secret.
    GupshupV2 { channel: String, app_name: String, number: String, secret: String },
    /// In Gupshup's version 3.
    GupshupV3 { channel: String, app: String, number: String, secret: String },
}

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    #[error("the webhook could not be sent")]
    Http(#[from] reqwest::Error),
    #[error("the webhook was answered with {0}")]
    Refused(u16),
}

/// Sends the webhooks of a channel.
#[derive(Debug, Clone)]
pub struct Courier {
    base: Url,
    sender: SimSender,
    client: reqwest::Client,
}

impl Courier {
    /// To the server at `base`. `client` decides how long is waited.
    pub const fn new(base: Url, sender: SimSender, client: reqwest::Client) -> Self {
        Self { base, sender, client }
    }

    /// Tells everything, in the order of `notices`, in as few bodies as may be.
    pub async fn tell(&self, notices: &[SimNotice]) -> Result<(), CourierError> {
        for body in self.sender.bodies(notices) {
            let status = self.post(body).await?;
            if status != 200 {
                return Err(CourierError::Refused(status));
            }
        }
        Ok(())
    }

    /// Sends a body as it is, signed or with the secret; the status of the answer.
    pub async fn post(&self, body: String) -> Result<u16, CourierError> {
        let (name, value) = self.sender.header(body.as_bytes());
        let mut url = self.base.clone();
        url.set_path(&self.sender.path());
        let request = self.client.post(url).header("content-type", "application/json").header(name, value);
        Ok(request.body(body).send().await?.status().as_u16())
    }
}

impl SimSender {
    /// Where its webhooks go.
    pub fn path(&self) -> String {
        match self {
            Self::Meta { .. } => "/webhooks/meta".to_owned(),
            Self::GupshupV2 { channel, .. } | Self::GupshupV3 { channel, .. } => format!("/webhooks/gupshup/{channel}"),
        }
    }

    /// What shows who sends a body.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn header(&self, body: &[u8]) -> (&'static str, String) {
        match self {
            Self::Meta { app_secret, .. } => {
                let mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes());
                let mut mac = mac.expect("HMAC takes keys of any length");
                mac.update(body);
                ("x-hub-signature-256", format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
            }
            Self::GupshupV2 { secret, .. } | Self::GupshupV3 { secret, .. } => ("x-webhook-secret", secret.clone()),
        }
    }

    /// The bodies that tell `notices`.
    pub fn bodies(&self, notices: &[SimNotice]) -> Vec<String> {
        match self {
            Self::Meta { waba, number, .. } => {
                let body =
                    |notices| json!({ "object": "whatsapp_business_account", "entry": [entry(waba, number, notices)] });
                notices.chunks(NOTICES_MAX).map(|notices| body(notices).to_string()).collect()
            }
            Self::GupshupV3 { app, number, .. } => {
                let body = |notices| json!({ "object": "whatsapp_business_account", "gs_app_id": app, "entry": [entry("900", number, notices)] });
                notices.chunks(NOTICES_MAX).map(|notices| body(notices).to_string()).collect()
            }
            Self::GupshupV2 { app_name, number, .. } => {
                notices.iter().map(|notice| event(app_name, number, notice).to_string()).collect()
            }
        }
    }
}

fn digits(phone: &str) -> &str {
    phone.trim_start_matches('+')
}

fn category(notice: &SimNotice) -> String {
    notice.message.category.code().to_lowercase()
}

/// When the conversation of a message ends.
fn expires_at(notice: &SimNotice) -> Instant {
    notice.message.at + TimeDelta::hours(24)
}

fn entry(account: &str, number: &str, notices: &[SimNotice]) -> Value {
    let metadata = json!({ "display_phone_number": digits(number), "phone_number_id": "106540352242922" });
    let (came, told): (Vec<_>, Vec<_>) = notices.iter().partition(|notice| notice.event == SimEvent::Came);
    let mut changes = Vec::new();
    if !told.is_empty() {
        let statuses: Vec<_> = told.into_iter().map(status).collect();
        changes.push(json!({ "field": "messages", "value":
            { "messaging_product": "whatsapp", "metadata": metadata.clone(), "statuses": statuses } }));
    }
    if !came.is_empty() {
        let contacts: Vec<_> = came
            .iter()
            .map(|notice| {
                let person = &notice.message.person;
                json!({ "wa_id": digits(&person.phone), "profile": { "name": person.name } })
            })
            .collect();
        let messages: Vec<_> = came.into_iter().map(|notice| message(number, notice)).collect();
        changes.push(json!({ "field": "messages", "value":
            { "messaging_product": "whatsapp", "metadata": metadata, "contacts": contacts, "messages": messages } }));
    }
    json!({ "id": account, "changes": changes })
}

fn word(event: SimEvent) -> &'static str {
    match event {
        SimEvent::Sent => "sent",
        SimEvent::Delivered => "delivered",
        SimEvent::Read => "read",
        SimEvent::Failed => "failed",
        SimEvent::Came => "message",
    }
}

fn status(notice: &SimNotice) -> Value {
    let SimNotice { message, event, at } = notice;
    let mut status = json!({ "id": message.id, "status": word(*event), "timestamp": at.timestamp().to_string(),
        "recipient_id": digits(&message.person.phone) });
    if *event == SimEvent::Sent {
        status["conversation"] = json!({ "id": message.conversation,
            "expiration_timestamp": expires_at(notice).timestamp().to_string(), "origin": { "type": category(notice) } });
    }
    if message.tells_price(*event) {
        status["pricing"] = json!({ "billable": message.pricing_type == "regular", "pricing_model": "PMP",
            "type": message.pricing_type, "category": category(notice) });
    }
    if *event == SimEvent::Failed {
        status["errors"] = json!([{ "code": 131_026, "title": "Message undeliverable",
            "error_data": { "details": "The customer's telephone cannot take it." } }]);
    }
    status
}

fn message(number: &str, notice: &SimNotice) -> Value {
    let SimNotice { message, at, .. } = notice;
    let mut body = json!({ "id": message.id, "from": digits(&message.person.phone), "timestamp": at.timestamp().to_string(),
        "type": "text", "text": { "body": "Terima kasih" } });
    if let Some(answered) = &message.answers {
        body["context"] = json!({ "from": digits(number), "id": answered });
    }
    body
}

/// A body in Gupshup's version 2.
fn event(app_name: &str, number: &str, notice: &SimNotice) -> Value {
    let SimNotice { message, event, at } = notice;
    let phone = digits(&message.person.phone);
    let kind = if *event == SimEvent::Came { "message" } else { "message-event" };
    let payload = match event {
        SimEvent::Came => {
            let mut payload = json!({ "id": message.id, "source": phone, "type": "text", "payload": { "text": "Terima kasih" },
                "sender": { "phone": phone, "name": message.person.name } });
            if let Some(answered) = &message.answers {
                payload["context"] = json!({ "id": answered, "gsId": format!("gs-{answered}") });
            }
            payload
        }
        SimEvent::Sent | SimEvent::Delivered | SimEvent::Read | SimEvent::Failed => {
            let gs_id = format!("gs-{}", message.id);
            let mut payload = json!({ "id": message.id, "gsId": gs_id, "type": word(*event), "destination": phone,
                "payload": { "ts": at.timestamp() } });
            if *event == SimEvent::Failed {
                payload["payload"] = json!({ "code": 1_002, "reason": "Number does not exist on WhatsApp" });
            }
            if *event == SimEvent::Sent {
                payload["conversation"] = json!({ "id": message.conversation,
                    "expiresAt": expires_at(notice).timestamp(), "type": category(notice) });
            }
            if message.tells_price(*event) {
                payload["pricing"] =
                    json!({ "policy": "PMP", "category": category(notice), "type": message.pricing_type });
            }
            payload
        }
    };
    json!({ "app": app_name, "phone": digits(number), "timestamp": at.timestamp_millis(), "version": 2, "type": kind,
        "payload": payload })
}
