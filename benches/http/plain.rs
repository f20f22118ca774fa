//! The measure: a handler that reads the same days through SeaORM and writes the same fields as plain JSON.

use std::net::SocketAddr;

use actix_web::{App, HttpResponse, HttpServer, web};
use entity::daily_usage::{Column, Entity, Model};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wabacus::domain::id::OrganisationId;
use wabacus::domain::money::Money;
use wabacus::store::{self, Store};

use crate::load::Question;

#[derive(Deserialize)]
struct Wanted {
    organisation: Uuid,
    from: chrono::NaiveDate,
    to: chrono::NaiveDate,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Day {
    date: chrono::NaiveDate,
    unit: String,
    counts: Counts,
    fees: Option<Fees>,
    complete: bool,
}

#[derive(Serialize)]
struct Counts {
    marketing: i64,
    utility: i64,
    authentication: i64,
    service: i64,
    total: i64,
}

#[derive(Serialize)]
struct Fees {
    amount: String,
    currency: String,
}

fn day(row: Model) -> Day {
    let total = row.marketing
        + row.utility
        + row.authentication
        + row.authentication_international
        + row.marketing_lite
        + row.service
        + row.free_utility
        + row.free_entry_point
        + row.free_tier
        + row.other;
    let fees = row.fees_nanos.zip(row.fees_currency);
    Day {
        date: row.date,
        unit: row.unit,
        counts: Counts {
            marketing: row.marketing,
            utility: row.utility,
            authentication: row.authentication,
            service: row.service,
            total,
        },
        fees: fees.map(|(nanos, currency)| Fees { amount: Money::from_nanos(nanos).to_string(), currency }),
        complete: row.complete,
    }
}

async fn daily_usage(wanted: web::Query<Wanted>, store: web::Data<Store>) -> HttpResponse {
    let rows = Entity::find()
        .filter(Column::OrganisationId.eq(wanted.organisation))
        .filter(Column::Date.between(wanted.from, wanted.to))
        .order_by_asc(Column::Date)
        .order_by_asc(Column::ChannelId)
        .all(store.read())
        .await
        .expect("rows");
    HttpResponse::Ok().json(rows.into_iter().map(day).collect::<Vec<_>>())
}

/// The server that is the measure.
pub(crate) struct Plain {
    address: SocketAddr,
}

impl Plain {
    /// The days of June 2026.
    pub(crate) fn question(&self, organisation: OrganisationId) -> Question {
        let Self { address } = *self;
        let target = format!("/daily-usage?organisation={}&from=2026-06-01&to=2026-06-30", organisation.uuid());
        let bytes = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
        Question { address, bytes }
    }
}

/// Starts it on the database at `url`, with as many workers as a server has by itself.
pub(crate) async fn start(url: &str) -> Plain {
    let options = store::Options { url: url.to_owned(), ..store::Options::default() };
    let store = web::Data::new(Store::open(&options).await.expect("the file is there"));
    let server =
        HttpServer::new(move || App::new().app_data(store.clone()).route("/daily-usage", web::get().to(daily_usage)));
    let server = server.bind(("127.0.0.1", 0)).expect("a free port");
    let address = server.addrs().first().copied().expect("the address it was bound to");
    drop(tokio::spawn(server.run()));
    Plain { address }
}
