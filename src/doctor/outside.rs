//! What the server reaches beyond the database: the BSPs and the catalogue, by a request that shows nobody's credentials; and the server itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, redirect};
use url::Url;

use super::{Finding, chain};
use crate::config::Config;

/// How long somebody may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let client = match client() {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::fail("BSPs", chain(&error), "see that the system's root certificates are installed")];
        }
    };
    let catalogue = async {
        match &config.catalog.base {
            Some(base) => reached(&client, "catalogue", base, "CATALOG_API_BASE").await,
            None => Finding::ok("catalogue", "none is set"),
        }
    };
    let (gupshup, interakt, catalogue) = tokio::join!(
        reached(&client, "BSP: Gupshup", &config.bsp.gupshup_url, "GUPSHUP_PARTNER_API"),
        reached(&client, "BSP: Interakt", &config.bsp.interakt_url, "INTERAKT_API"),
        catalogue,
    );
    vec![gupshup, interakt, catalogue]
}

fn client() -> reqwest::Result<Client> {
    Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none()).build()
}

/// Whether anything answers at all; to somebody without credentials a refusal is an answer.
async fn reached(client: &Client, what: &'static str, base: &Url, setting: &str) -> Finding {
    let place = base.origin().ascii_serialization();
    match client.get(&place).send().await {
        Ok(_) if base.scheme() != "https" && !is_loopback(base) => {
            let advice = format!("set {setting} to an https:// address: tokens are sent to it");
            Finding::warn(what, format_args!("{place} answers, in the clear"), advice)
        }
        Ok(_) => Finding::ok(what, format_args!("{place} answers")),
        Err(error) => {
            let detail = format!("{place} does not answer: {}", chain(&error.without_url()));
            Finding::fail(what, detail, format_args!("see that this host may reach it and that {setting} is right"))
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Asks the server that runs on this host under the same settings whether it is ready; what it says if it is not.
pub async fn ready(config: &Config) -> Result<(), String> {
    let url = format!("http://{}/readyz", reachable(config.http.bind));
    let answer = match client() {
        Ok(client) => client.get(&url).send().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(answer.text().await.unwrap_or_else(|error| chain(&error))),
        Err(error) => Err(chain(&error)),
    }
}

/// Where a server that listens there is reached from this host: one that listens everywhere, on the loopback.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let here = match bind.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address @ (IpAddr::V4(_) | IpAddr::V6(_)) => address,
    };
    SocketAddr::new(here, bind.port())
}
