//! The demo's webhooks: while it runs, the simulated BSPs tell of a new message about every second, so that what is live moves.
//!
//! They are signed, and now and then late, twice or in another order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::ledger::Trader;
use crate::domain::channel::{BspKind, Channel};
use crate::domain::clock::{Instant, SharedClock};
use crate::service::access::Caller;
use crate::service::{ServiceError, Services};
use crate::sim::{Courier, SimNotice, SimPerson, SimSender, SimTraffic};

/// How often a message is sent, and what is due is told.
const EVERY: TimeDelta = TimeDelta::seconds(1);

/// How long after a webhook that was not taken the next one is tried.
const PAUSE: TimeDelta = TimeDelta::seconds(10);

/// How long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The most notices of a channel that wait for their time; beyond it the oldest are told at once.
const WAITING_MAX: usize = 1_000;

/// A channel that is told of.
pub(super) struct Line {
    courier: Courier,
    traffic: SimTraffic,
    /// What is to be told, and when.
    waiting: Vec<(Instant, SimNotice)>,
}

/// Every WhatsApp channel of the shops, with a secret that it is told of with. `app_secret` is what Meta signs with, and `seed` what the
/// messages are made up from.
pub(super) async fn lines(
    services: &Services,
    caller: &Caller,
    address: SocketAddr,
    traders: &[Trader],
    app_secret: &SecretString,
    seed: u64,
) -> Result<Vec<Line>, ServiceError> {
    let base = base(address).map_err(|error| ServiceError::Internal(error.into()))?;
    let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).no_proxy().build();
    let client = client.map_err(|error| ServiceError::Internal(error.into()))?;
    let started_at = services.clock.now().timestamp_millis();
    let mut lines = Vec::new();
    for trader in traders {
        let people = trader.customers().iter().map(|customer| {
            let name = customer.name.clone().unwrap_or_else(|| customer.phone.to_string());
            SimPerson { phone: customer.phone.to_string(), name }
        });
        let people: Vec<_> = people.collect();
        for channel in trader.whatsapp() {
            let number = lines.len();
            let Some(sender) = sender(services, caller, channel, app_secret, number).await? else { continue };
            // Another run of the demo tells of other messages.
            let name = format!("live{started_at}.{number}");
            let traffic = SimTraffic::new(seed + u64::try_from(number).unwrap_or(0), &name, people.clone());
            let courier = Courier::new(base.clone(), sender, client.clone());
            lines.push(Line { courier, traffic, waiting: Vec::new() });
        }
    }
    Ok(lines)
}

/// Gupshup tells of its channels in its two versions by turns.
async fn sender(
    services: &Services,
    caller: &Caller,
    channel: &Channel,
    app_secret: &SecretString,
    place: usize,
) -> Result<Option<SimSender>, ServiceError> {
    let (Some(account), Some(number)) = (&channel.account, channel.phone_number.clone()) else { return Ok(None) };
    Ok(Some(match account.bsp {
        BspKind::Interakt => {
            SimSender::Meta { waba: account.account.clone(), number, app_secret: app_secret.expose_secret().to_owned() }
        }
        BspKind::Gupshup => {
            let secret = services.webhook.rotate_channel_secret(caller, channel.id).await?.expose_secret().to_owned();
            let id = channel.id.to_string();
            if place.is_multiple_of(2) {
                SimSender::GupshupV2 { channel: id, app_name: channel.name.clone(), number, secret }
            } else {
                SimSender::GupshupV3 { channel: id, app: account.account.clone(), number, secret }
            }
        }
    }))
}

/// Where the server is reached from this machine.
fn base(address: SocketAddr) -> Result<Url, url::ParseError> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    Url::parse(&format!("http://{}", SocketAddr::new(ip, address.port())))
}

/// Sends webhooks for as long as it is polled.
pub(super) async fn send(mut lines: Vec<Line>, clock: SharedClock) {
    let count = lines.len();
    for turn in (0..count).cycle() {
        clock.wait(clock.now() + EVERY).await;
        let now = clock.now();
        if let Some(line) = lines.get_mut(turn) {
            line.make(now);
        }
        for line in &mut lines {
            let due = line.due(now);
            if due.is_empty() {
                continue;
            }
            if let Err(error) = line.courier.tell(&due).await {
                tracing::warn!(%error, "the made-up webhooks pause");
                // Who gets no answer tells it again later.
                line.waiting.extend(due.into_iter().map(|notice| (now + PAUSE, notice)));
                clock.wait(clock.now() + PAUSE).await;
            }
        }
    }
}

impl Line {
    fn make(&mut self, now: Instant) {
        let messages = self.traffic.next(now);
        self.waiting.extend(self.traffic.deliveries(&messages));
    }

    /// Takes out what is due.
    fn due(&mut self, now: Instant) -> Vec<SimNotice> {
        let is_full = self.waiting.len() > WAITING_MAX;
        let due = self.waiting.extract_if(.., |(at, notice)| *at <= now || (is_full && notice.at <= now));
        due.map(|(_, notice)| notice).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_reached_on_this_machines_own() {
        for (address, expected) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080/"),
            ("[::]:8080", "http://[::1]:8080/"),
            ("192.0.2.7:80", "http://192.0.2.7/"),
        ] {
            assert_eq!(base(address.parse().unwrap()).unwrap().as_str(), expected);
        }
    }
}
