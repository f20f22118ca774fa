//! The merchants' catalogue as the stand-in speaks it, with faults on demand and a count of what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tokio::sync::watch;
use url::Url;

use super::answer;
use super::fault::Often;
use crate::domain::catalog::CatalogPart;
use crate::domain::clock::{Instant, SharedClock};

/// What the catalogue wants to be shown.
const KEY: &str = "catalog-key";

/// A merchant of the catalogue.
#[derive(Debug, Clone)]
pub struct SimMerchant {
    pub id: String,
    pub categories: Vec<Value>,
    pub branches: Vec<Value>,
}

impl SimMerchant {
    /// One that sells something, in a few places.
    pub fn new(id: &str) -> Self {
        let categories = ["Breakfast", "Dosas", "Sweets", "Drinks"].iter().zip(1..);
        let branches = ["Market Street", "Station Road"].iter().zip(1..);
        Self {
            id: id.to_owned(),
            categories: categories
                .map(|(name, number)| json!({ "id": number, "name": name, "position": number, "active": true }))
                .collect(),
            branches: branches
                .map(|(name, number)| json!({ "id": format!("{id}-{number}"), "name": name, "phone": "+919800000100" }))
                .collect(),
        }
    }

    fn part(&self, part: CatalogPart) -> &[Value] {
        match part {
            CatalogPart::Categories => &self.categories,
            CatalogPart::Branches => &self.branches,
        }
    }
}

/// Something that goes wrong, or is odd, with a request about one merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogFault {
    /// This status.
    Status(u16),
    /// A good answer, so much later.
    Delay(Duration),
    /// No answer until the client gives up (or a minute has passed).
    Hang,
    /// The first thing alone, and no list around it.
    OneObject,
    /// A good answer that is labelled as plain text.
    TextPlain,
    /// 200 with a page for people.
    Garbage,
    /// 200 with a body that does not end before so many bytes.
    HugeBody { bytes: usize },
    /// A redirect to another host.
    RedirectElsewhere,
}

#[derive(Debug)]
struct Desk {
    merchant: SimMerchant,
    /// Of which part; `None`: of either.
    faults: VecDeque<(Option<CatalogPart>, CatalogFault, Often)>,
    asked: Vec<(CatalogPart, Instant)>,
    under_way: usize,
}

impl Desk {
    /// The first fault that is meant for this part, used up by one.
    fn spoil(&mut self, part: CatalogPart) -> Option<CatalogFault> {
        let fits = |of: &Option<CatalogPart>| of.is_none_or(|of| of == part);
        let place = self.faults.iter().position(|(of, _, often)| *often != Often::Times(0) && fits(of))?;
        let (_, fault, often) = self.faults.get_mut(place)?;
        let taken = fault.clone();
        if let Often::Times(left) = often {
            *left -= 1;
            if *left == 0 {
                self.faults.remove(place);
            }
        }
        Some(taken)
    }
}

#[derive(Debug, Default)]
struct Desks {
    by_merchant: HashMap<String, Desk>,
    /// Requests about merchants that are not there.
    strangers: usize,
    is_held: bool,
    /// The most merchants that were asked about at the same time.
    busiest: usize,
}

/// The catalogue of the stand-in; clones share it.
#[derive(Debug, Clone)]
pub struct SimCatalog {
    desks: Arc<Mutex<Desks>>,
    /// Told whenever a request arrives or the latch is moved.
    moved: Arc<watch::Sender<()>>,
    clock: SharedClock,
    base: Url,
}

impl SimCatalog {
    pub(super) fn new(base: Url, clock: SharedClock) -> Self {
        Self { desks: Arc::default(), moved: Arc::new(watch::Sender::new(())), clock, base }
    }

    /// What to set as the catalogue's address.
    pub fn url(&self) -> Url {
        self.base.clone()
    }

    /// What to set as the catalogue's key.
    pub const fn key(&self) -> &'static str {
        KEY
    }

    /// Adds a merchant. One of the same id is replaced.
    pub fn add(&self, merchant: SimMerchant) {
        let id = merchant.id.clone();
        let desk = Desk { merchant, faults: VecDeque::new(), asked: Vec::new(), under_way: 0 };
        self.desks().by_merchant.insert(id, desk);
    }

    /// Spoils requests about a merchant, of one part or of either. Faults are used up in the order in which they came. Nothing happens where
    /// there is no such merchant.
    pub fn fault(&self, merchant: &str, part: Option<CatalogPart>, fault: CatalogFault, often: Often) {
        if let Some(desk) = self.desks().by_merchant.get_mut(merchant) {
            desk.faults.push_back((part, fault, often));
        }
    }

    /// Forgets the faults that are still in store for a merchant.
    pub fn clear(&self, merchant: &str) {
        if let Some(desk) = self.desks().by_merchant.get_mut(merchant) {
            desk.faults.clear();
        }
    }

    /// What was asked about a merchant and when by the stand-in's clock, in the order of arrival, parked requests included.
    pub fn asked(&self, merchant: &str) -> Vec<(CatalogPart, Instant)> {
        self.desks().by_merchant.get(merchant).map(|desk| desk.asked.clone()).unwrap_or_default()
    }

    /// How often it was asked about merchants that it does not know.
    pub fn strangers(&self) -> usize {
        self.desks().strangers
    }

    /// The most merchants that were asked about at the same time.
    pub fn busiest(&self) -> usize {
        self.desks().busiest
    }

    /// How many merchants are asked about now.
    pub fn under_way(&self) -> usize {
        self.desks().by_merchant.values().filter(|desk| desk.under_way > 0).count()
    }

    /// Parks all requests until [`SimCatalog::release`].
    pub fn hold(&self) {
        self.desks().is_held = true;
    }

    /// Answers the parked requests, and further ones at once.
    pub fn release(&self) {
        self.desks().is_held = false;
        self.moved.send_replace(());
    }

    /// Resolves once so many merchants are asked about at the same time.
    pub async fn reached(&self, merchants: usize) {
        self.until(|| self.under_way() >= merchants).await;
    }

    fn desks(&self) -> MutexGuard<'_, Desks> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        let mut moved = self.moved.subscribe();
        while !condition() {
            if moved.changed().await.is_err() {
                return;
            }
        }
    }

    /// Writes the request down; `None`: there is no such merchant. It is under way until what is given is dropped.
    fn arrive(&self, merchant: &str, part: CatalogPart) -> Option<UnderWay> {
        let mut desks = self.desks();
        let Some(desk) = desks.by_merchant.get_mut(merchant) else {
            desks.strangers += 1;
            return None;
        };
        desk.asked.push((part, self.clock.now()));
        desk.under_way += 1;
        let now = desks.by_merchant.values().filter(|desk| desk.under_way > 0).count();
        desks.busiest = desks.busiest.max(now);
        drop(desks);
        self.moved.send_replace(());
        Some(UnderWay { catalog: self.clone(), merchant: merchant.to_owned() })
    }
}

/// A request that was not answered yet.
struct UnderWay {
    catalog: SimCatalog,
    merchant: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(desk) = self.catalog.desks().by_merchant.get_mut(&self.merchant) {
            desk.under_way = desk.under_way.saturating_sub(1);
        }
    }
}

/// `GET /catalog/merchants/{merchant}/{part}`.
pub(super) async fn part(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    catalog: web::Data<SimCatalog>,
) -> HttpResponse {
    let (merchant, part) = path.into_inner();
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown != Some(&format!("ApiToken {KEY}")) {
        return trouble(401, "invalid api token");
    }
    let Some(part) = CatalogPart::from_code(&part) else { return trouble(404, "not found") };
    let Some(under_way) = catalog.arrive(&merchant, part) else { return trouble(404, "merchant not found") };
    catalog.until(|| !catalog.desks().is_held).await;
    let (items, fault) = {
        let mut desks = catalog.desks();
        let Some(desk) = desks.by_merchant.get_mut(&merchant) else { return trouble(404, "merchant not found") };
        (desk.merchant.part(part).to_vec(), desk.spoil(part))
    };
    let answer = match fault {
        None => answer::json(HttpResponse::Ok(), &items),
        Some(fault) => spoilt(fault, &items).await,
    };
    drop(under_way);
    answer
}

fn trouble(status: u16, message: &str) -> HttpResponse {
    answer::json(answer::status(status), &json!({ "error": message }))
}

async fn spoilt(fault: CatalogFault, items: &[Value]) -> HttpResponse {
    match fault {
        CatalogFault::Status(status) => trouble(status, "as was asked for"),
        CatalogFault::Delay(delay) => {
            tokio::time::sleep(delay).await;
            answer::json(HttpResponse::Ok(), &items)
        }
        CatalogFault::Hang => answer::late().await,
        CatalogFault::OneObject => answer::json(HttpResponse::Ok(), &items.first()),
        CatalogFault::TextPlain => {
            HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(Value::from(items).to_string())
        }
        CatalogFault::Garbage => answer::not_json(),
        CatalogFault::HugeBody { bytes } => answer::huge(bytes),
        CatalogFault::RedirectElsewhere => answer::elsewhere(),
    }
}
