//! Who is in the demo: organisations in three zones, channels at both BSPs, one of which is refused and one of which has to wait.

use chrono::Days;
use secrecy::SecretString;

use super::traffic::Shop;
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::money::Currency;
use crate::domain::organisation::Organisation;
use crate::domain::page::PageRequest;
use crate::domain::period::Zone;
use crate::service::access::Caller;
use crate::service::channel::{GupshupCredentials, InteraktCredentials, NewChannel};
use crate::service::organisation::{Filter, NewOrganisation, Order};
use crate::service::{ServiceError, Services};
use crate::sim::{Fault, Often, Sim, SimAccount, SimMerchant};

/// Channels of the other kinds, which every shop has one of.
const OTHERS: [(ChannelKind, &str); 5] = [
    (ChannelKind::Voice, "Telephone"),
    (ChannelKind::Sms, "Text messages"),
    (ChannelKind::Email, "Newsletter"),
    (ChannelKind::Social, "Instagram"),
    (ChannelKind::Llm, "Answering bot"),
];

/// How many customers a shop knows.
const CUSTOMERS: usize = 60;

/// How many days of usage the demo shows.
pub(super) const DAYS: u64 = 35;

struct Tenant {
    external_id: &'static str,
    name: &'static str,
    zone: &'static str,
    currency: &'static str,
    plan_code: &'static str,
    /// Things that happen on an ordinary day, WhatsApp and all other kinds of channels together.
    traffic_per_day: u64,
    country: &'static str,
    phone_prefix: &'static str,
    channels: &'static [Line],
}

struct Line {
    name: &'static str,
    phone_number: &'static str,
    account: AccountAt,
    mishap: Option<Mishap>,
}

enum AccountAt {
    Gupshup(&'static str),
    Interakt(&'static str),
}

/// What goes wrong, so that it can be seen how that looks.
enum Mishap {
    /// The token has expired: the channel is stopped and says so.
    TokenExpired,
    /// The first request is answered with 429: the run waits, which costs no attempt.
    TooManyRequests,
}

const TENANTS: &[Tenant] = &[
    Tenant {
        external_id: "demo-kedai",
        name: "Kedai Kopi Senja",
        zone: "Asia/Jakarta",
        currency: "IDR",
        plan_code: "professional",
        traffic_per_day: 150,
        country: "ID",
        phone_prefix: "+628129",
        channels: &[
            Line {
                name: "Orders",
                phone_number: "+6281200000001",
                account: AccountAt::Gupshup("11111111-2222-4333-8444-000000000001"),
                mishap: None,
            },
            Line {
                name: "Loyalty club",
                phone_number: "+6281200000002",
                account: AccountAt::Gupshup("11111111-2222-4333-8444-000000000002"),
                mishap: Some(Mishap::TooManyRequests),
            },
        ],
    },
    Tenant {
        external_id: "demo-chai",
        name: "Chai Point Express",
        zone: "Asia/Kolkata",
        currency: "INR",
        plan_code: "enterprise",
        traffic_per_day: 110,
        country: "IN",
        phone_prefix: "+919811",
        channels: &[
            Line {
                name: "Customer care",
                phone_number: "+919800000001",
                account: AccountAt::Interakt("900000000000001"),
                mishap: None,
            },
            Line {
                name: "Campaigns (expired token)",
                phone_number: "+919800000002",
                account: AccountAt::Interakt("900000000000002"),
                mishap: Some(Mishap::TokenExpired),
            },
        ],
    },
    Tenant {
        external_id: "demo-taqueria",
        name: "Taquería del Sol",
        zone: "America/Mexico_City",
        currency: "MXN",
        plan_code: "free-trial",
        traffic_per_day: 60,
        country: "MX",
        phone_prefix: "+525511",
        channels: &[Line {
            name: "Reservas",
            phone_number: "+525500000001",
            account: AccountAt::Interakt("900000000000003"),
            mishap: None,
        }],
    },
];

/// An organisation of the demo and what its traffic is like.
pub(super) struct Seeded {
    pub(super) organisation: Organisation,
    pub(super) shop: Shop,
}

/// The organisations of the demo, made unless the database has them from an earlier demo, with their usage asked for.
pub(super) async fn organisations(
    services: &Services,
    sim: &Sim,
    caller: &Caller,
) -> Result<Vec<Seeded>, ServiceError> {
    let mut organisations = Vec::new();
    for tenant in TENANTS {
        let zone = Zone::parse("timeZone", tenant.zone)?;
        let currency = Currency::parse("currency", tenant.currency)?;
        for line in tenant.channels {
            open_account(sim, line, zone, currency);
        }
        sim.catalog().add(SimMerchant::new(tenant.external_id));
        let organisation = match existing(services, tenant.external_id).await? {
            Some(organisation) => organisation,
            None => create(services, caller, tenant).await?,
        };
        backfill(services, caller, &organisation).await?;
        let shop = Shop {
            name: tenant.external_id,
            zone,
            per_day: tenant.traffic_per_day,
            country: tenant.country,
            customers: CUSTOMERS,
            phone_prefix: tenant.phone_prefix,
        };
        organisations.push(Seeded { organisation, shop });
    }
    Ok(organisations)
}

fn open_account(sim: &Sim, line: &Line, zone: Zone, currency: Currency) {
    let (id, account) = match line.account {
        AccountAt::Gupshup(id) => (id, SimAccount::gupshup(id, &token_of(id), zone)),
        AccountAt::Interakt(id) => (id, SimAccount::interakt(id, &token_of(id), zone).billed_in(currency)),
    };
    sim.add(account);
    match line.mishap {
        Some(Mishap::TokenExpired) => sim.fault(id, Fault::TokenExpired, Often::Always),
        Some(Mishap::TooManyRequests) => {
            sim.fault(id, Fault::TooManyRequests { retry_after_seconds: Some(2) }, Often::Times(1));
        }
        None => {}
    }
}

fn token_of(account: &str) -> String {
    format!("demo-{account}")
}

async fn existing(services: &Services, external_id: &str) -> Result<Option<Organisation>, ServiceError> {
    let filter = Filter { search: Some(external_id.to_owned()), active: None };
    let page = services.organisation.page(&filter, Order::OldestFirst, &PageRequest::first(10)).await?;
    Ok(page.items.into_iter().find(|organisation| organisation.external_id.as_deref() == Some(external_id)))
}

async fn create(services: &Services, caller: &Caller, tenant: &Tenant) -> Result<Organisation, ServiceError> {
    let new = NewOrganisation {
        name: tenant.name.to_owned(),
        time_zone: tenant.zone.to_owned(),
        currency: tenant.currency.to_owned(),
        plan_code: tenant.plan_code.to_owned(),
        external_id: Some(tenant.external_id.to_owned()),
    };
    let organisation = services.organisation.create(caller, new).await?;
    for line in tenant.channels {
        let secret = |id| SecretString::from(token_of(id));
        let (gupshup, interakt) = match line.account {
            AccountAt::Gupshup(id) => (Some(GupshupCredentials { app_id: id.to_owned(), token: secret(id) }), None),
            AccountAt::Interakt(id) => {
                (None, Some(InteraktCredentials { waba_id: id.to_owned(), access_token: Some(secret(id)) }))
            }
        };
        let channel = NewChannel {
            kind: ChannelKind::Whatsapp,
            name: line.name.to_owned(),
            phone_number: Some(line.phone_number.to_owned()),
            gupshup,
            interakt,
        };
        services.channel.create(caller, organisation.id, channel).await?;
    }
    for (kind, name) in OTHERS {
        let name = name.to_owned();
        let channel = NewChannel { kind, name, phone_number: None, gupshup: None, interakt: None };
        services.channel.create(caller, organisation.id, channel).await?;
    }
    Ok(organisation)
}

/// Asks for the days until yesterday; an organisation's jobs run one after the other, so this comes after the channels' first pulls.
async fn backfill(services: &Services, caller: &Caller, organisation: &Organisation) -> Result<(), ServiceError> {
    let now: Instant = services.clock.now();
    let today = organisation.time_zone.date(now);
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    services.job_run.backfill(caller, organisation.id, back(DAYS), back(1)).await?;
    Ok(())
}
