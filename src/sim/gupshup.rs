//! Gupshup's usage endpoint as the stand-in speaks it.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer;
use super::fault::{Asked, Fault};
use super::ledger::{Book, SimDay};
use super::state::{State, Verdict};
use crate::domain::channel::BspKind;
use crate::domain::clock::Instant;
use crate::domain::money::Money;
use crate::domain::period::DateRange;

/// What Gupshup itself charges for a message, in nanos.
const FEE_PER_MESSAGE: i64 = 1_000_000;

#[derive(serde::Deserialize)]
pub(super) struct Query {
    from: Option<String>,
    to: Option<String>,
}

#[derive(Serialize)]
struct Trouble<'a> {
    status: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    status: &'static str,
    partner_app_usage_list: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    app_id: String,
    app_name: String,
    date: NaiveDate,
    currency: &'static str,
    marketing: i64,
    mm_lite_marketing: i64,
    utility: i64,
    free_utility: i64,
    authentication: i64,
    international_authentication: i64,
    service: i64,
    fep: i64,
    ftc: i64,
    incoming_msg: i64,
    outgoing_msg: i64,
    outgoing_media_msg: i64,
    template_msg: i64,
    template_media_msg: i64,
    total_msg: i64,
    wa_fees: Box<RawValue>,
    gs_fees: Box<RawValue>,
    total_fees: Box<RawValue>,
    cumulative_bill: Box<RawValue>,
    discount: Box<RawValue>,
    gs_cap: Box<RawValue>,
}

fn trouble(status: u16, message: &str) -> HttpResponse {
    answer::json(answer::status(status), &Trouble { status: "error", message })
}

/// `GET /partner/app/{appId}/usage?from=YYYY-MM-DD&to=YYYY-MM-DD`.
pub(super) async fn usage(
    request: HttpRequest,
    app: web::Path<String>,
    query: web::Query<Query>,
    state: web::Data<State>,
) -> HttpResponse {
    let asked = Asked { is_graph: false, is_usage: true, query: request.query_string() };
    match state.receive(&app, request.path(), asked).await {
        Verdict::Unknown => return trouble(400, "Application is not linked to the partner"),
        Verdict::TooMany => return trouble(429, "Too Many Requests"),
        Verdict::Spoilt(fault) => return spoilt(fault).await,
        Verdict::Good => {}
    }
    let date = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<NaiveDate>().ok());
    let range = date(&query.from).zip(date(&query.to)).and_then(|(from, to)| DateRange::new(from, to));
    let Some(range) = range.filter(|range| range.count_days() <= 400) else {
        return trouble(400, "Please review the request parameters and retry");
    };
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (now, seed) = (state.clock.now(), state.seed);
    let rows = state.with(&app, |desk| {
        let account = &desk.book.account;
        let is_admitted = account.bsp == BspKind::Gupshup && account.token == token;
        is_admitted.then(|| range.days().filter_map(|date| row(&desk.book, seed, date, now)).collect())
    });
    match rows.flatten() {
        Some(rows) => {
            let usage = Usage { status: "success", partner_app_usage_list: rows };
            answer::json(HttpResponse::Ok(), &usage)
        }
        None => trouble(401, "Unauthorized Access"),
    }
}

async fn spoilt(fault: Fault) -> HttpResponse {
    match fault {
        Fault::TooManyRequests { retry_after_seconds } => {
            let body = Trouble { status: "error", message: "Too Many Requests" };
            answer::json(answer::too_many(retry_after_seconds), &body)
        }
        Fault::TokenExpired => trouble(401, "Authentication Failed"),
        Fault::ServerError(status) => trouble(status, "Internal server error. Please try again later"),
        Fault::Timeout => answer::late().await,
        Fault::CutConnection => answer::cut(),
        Fault::NotJson => answer::not_json(),
        Fault::WrongShape => {
            let body = serde_json::json!({ "status": "success", "partnerAppUsageList": { "rows": 7 } });
            answer::json(HttpResponse::Ok(), &body)
        }
        Fault::HugeBody { bytes } => answer::huge(bytes),
        Fault::RedirectElsewhere => answer::elsewhere(),
        // These are Graph's, and spoil no request of Gupshup.
        Fault::UsageHeaders { .. }
        | Fault::GraphCode { .. }
        | Fault::OffMidnight
        | Fault::UnknownField(_)
        | Fault::CostNotAvailable
        | Fault::Paged { .. }
        | Fault::ForeignNextPage
        | Fault::EmptyShape(_) => HttpResponse::NotImplemented().finish(),
    }
}

fn row(book: &Book, seed: u64, date: NaiveDate, now: Instant) -> Option<Row> {
    let day = book.day(seed, date, now)?;
    let counts = |category: &str, is_type: fn(&str) -> bool| -> i64 {
        let lines = day.lines.iter().filter(|line| line.category == category && is_type(&line.pricing_type));
        lines.map(|line| line.count).sum()
    };
    let paid = |pricing_type: &str| !matches!(pricing_type, "FREE_ENTRY_POINT" | "FREE_TIER");
    let of_type = |wanted: &str| -> i64 {
        day.lines.iter().filter(|line| line.pricing_type == wanted).map(|line| line.count).sum()
    };
    let outgoing: i64 = day.lines.iter().map(|line| line.count).sum();
    let whatsapp = total(&day);
    let gupshup = Money::from_nanos(FEE_PER_MESSAGE.saturating_mul(outgoing));
    let fees = whatsapp.checked_add(gupshup)?;
    let templates = outgoing - counts("SERVICE", |_| true);
    Some(Row {
        app_id: book.account.id.clone(),
        app_name: format!("{}app", book.account.id),
        date,
        currency: book.account.currency.code(),
        marketing: counts("MARKETING", paid),
        mm_lite_marketing: counts("MARKETING_LITE", paid),
        utility: counts("UTILITY", |kind| kind == "REGULAR"),
        free_utility: counts("UTILITY", |kind| kind == "FREE_CUSTOMER_SERVICE"),
        authentication: counts("AUTHENTICATION", paid),
        international_authentication: counts("AUTHENTICATION_INTERNATIONAL", paid),
        service: counts("SERVICE", paid),
        fep: of_type("FREE_ENTRY_POINT"),
        ftc: of_type("FREE_TIER"),
        incoming_msg: day.incoming,
        outgoing_msg: outgoing,
        outgoing_media_msg: outgoing / 10,
        template_msg: templates - templates / 4,
        template_media_msg: templates / 4,
        total_msg: outgoing + day.incoming,
        wa_fees: raw(whatsapp),
        gs_fees: raw(gupshup),
        total_fees: raw(fees),
        cumulative_bill: raw(fees),
        discount: raw(Money::ZERO),
        gs_cap: raw(Money::from_nanos(75_000_000_000)),
    })
}

fn total(day: &SimDay) -> Money {
    Money::from_nanos(day.lines.iter().map(|line| line.cost.nanos()).sum())
}

/// An amount as a JSON number, exactly as it is.
pub(super) fn raw(money: Money) -> Box<RawValue> {
    RawValue::from_string(money.to_string()).expect("a decimal is a JSON number")
}
