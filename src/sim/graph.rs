//! The Graph API's analytics fields as the stand-in speaks them.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::answer;
use super::fault::{Asked, EmptyShape, Fault};
use super::point::{self, Field, Point, Span};
use super::state::{State, Verdict};
use crate::domain::channel::BspKind;

/// What a request asks for.
#[derive(Debug, Default)]
struct Question {
    currency: bool,
    timezone_id: bool,
    /// Analytics with their filters.
    usage: Vec<(Field, Span)>,
    /// 0 for the first page, of how many.
    page: usize,
    pages: usize,
}

/// `GET /{version}/{waba}?fields=...`.
pub(super) async fn node(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    let (_, waba) = path.into_inner();
    let fields = form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(key, _)| key == "fields")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let mut question = Question { pages: 1, ..Question::default() };
    for field in point::split(&fields, ',') {
        match field {
            "id" | "" => {}
            "currency" => question.currency = true,
            "timezone_id" => question.timezone_id = true,
            _ => match Field::with_filters(field) {
                Some(usage) => question.usage.push(usage),
                None => return error(400, 100, None, &format!("(#100) Tried accessing nonexisting field ({field})")),
            },
        }
    }
    answer(&request, &waba, &fields, question, &state, true).await
}

/// `GET /{version}/{waba}/{field}?start=...&end=...`, the edge by itself, which further pages are addressed as.
pub(super) async fn edge(
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    let (_, waba, field) = path.into_inner();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let find = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let Some(usage) = Field::named(&field).zip(Span::of(find)) else {
        return error(400, 100, None, "(#100) Invalid parameter");
    };
    let number = |name: &str| find(name).and_then(|value| value.parse::<usize>().ok());
    let (page, pages) = (number("page").unwrap_or(0), number("pages").unwrap_or(1));
    let question = Question { usage: vec![usage], page, pages, ..Question::default() };
    let query: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    answer(&request, &waba, &query.join("&"), question, &state, false).await
}

async fn answer(
    request: &HttpRequest,
    waba: &str,
    query: &str,
    mut question: Question,
    state: &State,
    is_node: bool,
) -> HttpResponse {
    let is_usage = !question.usage.is_empty() && question.page == 0;
    let asked = Asked { is_graph: true, is_usage, query };
    let mut twist = None;
    match state.receive(waba, request.path(), asked).await {
        Verdict::Unknown => return missing(waba),
        Verdict::TooMany => return too_many(None),
        Verdict::Good => {}
        Verdict::Spoilt(Fault::Paged { pages }) => question.pages = pages.max(1),
        Verdict::Spoilt(
            fault @ (Fault::UsageHeaders { .. } | Fault::OffMidnight | Fault::ForeignNextPage | Fault::EmptyShape(_)),
        ) => twist = Some(fault),
        Verdict::Spoilt(fault) => return spoilt(fault).await,
    }
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let account = state.with(waba, |desk| desk.book.account.clone());
    let Some(account) = account.filter(|account| account.bsp == BspKind::Interakt) else {
        return missing(waba);
    };
    if account.token != token {
        return error(401, 190, Some(467), "Error validating access token: the session is invalid.");
    }
    if question.usage.iter().any(|(_, span)| span.asks_cost_alone) && !account.shows_cost {
        return cost_not_available();
    }
    let mut body = serde_json::Map::new();
    if question.currency {
        body.insert("currency".to_owned(), json!(account.currency.code()));
    }
    if question.timezone_id {
        body.insert("timezone_id".to_owned(), json!(account.timezone_id.to_string()));
    }
    let mut text = String::new();
    for (field, span) in &question.usage {
        let points = state.with(waba, |desk| point::points(&desk.book, state.seed, *field, *span, state.clock.now()));
        let mut points = points.unwrap_or_default();
        if matches!(twist, Some(Fault::OffMidnight)) {
            for point in &mut points {
                point.shift(3_600);
            }
        }
        let next = next(request, waba, token, *field, *span, &question, twist.as_ref());
        let points = point::page(points, question.page, question.pages);
        text = edge_text(&points, next, twist.as_ref());
        // Only one field of usage is asked at a time; a second one overwrites the first in this stand-in.
        if is_node && !matches!(twist, Some(Fault::EmptyShape(EmptyShape::NoField))) {
            body.insert(field.name().to_owned(), Value::Null);
        }
    }
    let builder = headers(waba, twist.as_ref());
    if is_node {
        body.insert("id".to_owned(), json!(waba));
        send(builder, node_text(&body, &text))
    } else {
        send(builder, text)
    }
}

fn send(mut builder: HttpResponseBuilder, text: String) -> HttpResponse {
    builder.content_type("application/json; charset=UTF-8").body(text)
}

/// The node's object, with the edge's text in place of the null that stands for it: amounts must stay as written.
fn node_text(body: &serde_json::Map<String, Value>, edge: &str) -> String {
    let members = body.iter().map(|(key, value)| {
        if value.is_null() { format!("{}:{edge}", json!(key)) } else { format!("{}:{value}", json!(key)) }
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn edge_text(points: &[Point], next: Option<String>, twist: Option<&Fault>) -> String {
    #[derive(Serialize)]
    struct Element<'a> {
        data_points: &'a [Point],
    }
    #[derive(Serialize)]
    struct Paging {
        next: String,
    }
    #[derive(Serialize)]
    struct Edge<'a> {
        data: Vec<Element<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        paging: Option<Paging>,
    }
    let data = match twist {
        Some(Fault::EmptyShape(EmptyShape::NoPoints)) => vec![Element { data_points: &[] }],
        Some(Fault::EmptyShape(_)) => Vec::new(),
        _ => vec![Element { data_points: points }],
    };
    let edge = Edge { data, paging: next.map(|next| Paging { next }) };
    serde_json::to_string(&edge).expect("points are plain data")
}

/// The address of the next page, with the token in it, as Graph writes them.
fn next(
    request: &HttpRequest,
    waba: &str,
    token: &str,
    field: Field,
    span: Span,
    question: &Question,
    twist: Option<&Fault>,
) -> Option<String> {
    let mut host = request.connection_info().host().to_owned();
    if matches!(twist, Some(Fault::ForeignNextPage)) {
        "elsewhere.invalid".clone_into(&mut host);
    } else if question.page + 1 >= question.pages {
        return None;
    }
    let (page, pages, metrics) = ((question.page + 1).to_string(), question.pages.to_string(), span.metrics(field));
    let (start, end) = (span.start.to_string(), span.end.to_string());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("access_token", token), ("start", &start), ("end", &end), ("granularity", "DAILY")])
        .extend_pairs([("metric_types", metrics), ("page", &page), ("pages", &pages)])
        .finish();
    Some(format!("http://{host}/v23.0/{waba}/{}?{query}", field.name()))
}

fn headers(waba: &str, twist: Option<&Fault>) -> HttpResponseBuilder {
    let (percent, minutes) = match twist {
        Some(Fault::UsageHeaders { percent, regain_minutes }) => (*percent, *regain_minutes),
        _ => (1, 0),
    };
    let entry = json!([{
        "type": "whatsapp_business_management",
        "call_count": percent,
        "total_cputime": 1,
        "total_time": 1,
        "estimated_time_to_regain_access": minutes,
    }]);
    let mut builder = HttpResponse::Ok();
    builder.insert_header(("facebook-api-version", "v23.0"));
    builder.insert_header(("x-app-usage", json!({ "call_count": 2, "total_time": 1, "total_cputime": 1 }).to_string()));
    builder.insert_header(("x-business-use-case-usage", json!({ waba: entry }).to_string()));
    builder
}

async fn spoilt(fault: Fault) -> HttpResponse {
    match fault {
        Fault::TooManyRequests { retry_after_seconds } => too_many(retry_after_seconds),
        Fault::GraphCode { code, subcode } => {
            error(status_of(code), code, subcode, &format!("(#{code}) The stand-in was told to say so"))
        }
        Fault::TokenExpired => error(
            401,
            190,
            Some(463),
            "Error validating access token: Session has expired on Monday, 01-Jun-26 00:00:00 PDT.",
        ),
        Fault::ServerError(status) => error(status, 2, None, "An unexpected error has occurred. Please retry later."),
        Fault::UnknownField(field) => {
            let words =
                format!("(#100) Tried accessing nonexisting field ({field}) on node type (WhatsAppBusinessAccount)");
            error(400, 100, None, &words)
        }
        Fault::CostNotAvailable => cost_not_available(),
        Fault::Timeout => answer::late().await,
        Fault::CutConnection => answer::cut(),
        Fault::NotJson => answer::not_json(),
        Fault::WrongShape => answer::json(HttpResponse::Ok(), &json!({ "pricing_analytics": [1, 2], "id": 7 })),
        Fault::HugeBody { bytes } => answer::huge(bytes),
        Fault::RedirectElsewhere => answer::elsewhere(),
        // These twist a good answer and do not replace it.
        Fault::UsageHeaders { .. }
        | Fault::OffMidnight
        | Fault::Paged { .. }
        | Fault::ForeignNextPage
        | Fault::EmptyShape(_) => HttpResponse::NotImplemented().finish(),
    }
}

fn error(status: u16, code: u32, subcode: Option<u32>, message: &str) -> HttpResponse {
    let mut error = json!({ "message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A0standin" });
    if let Some(subcode) = subcode {
        error["error_subcode"] = json!(subcode);
    }
    answer::json(answer::status(status), &json!({ "error": error }))
}

fn missing(waba: &str) -> HttpResponse {
    error(400, 100, Some(33), &format!("Unsupported get request. Object with ID '{waba}' does not exist"))
}

fn too_many(retry_after_seconds: Option<u32>) -> HttpResponse {
    let error = json!({
        "message": "(#80008) There have been too many calls to this WhatsApp Business account.",
        "type": "OAuthException",
        "code": 80008,
    });
    answer::json(answer::too_many(retry_after_seconds), &json!({ "error": error }))
}

fn cost_not_available() -> HttpResponse {
    let error = json!({
        "message": "Cost not available",
        "type": "OAuthException",
        "code": 100,
        "error_user_title": "Cost not available",
    });
    answer::json(HttpResponse::BadRequest(), &json!({ "error": error }))
}

const fn status_of(code: u32) -> u16 {
    match code {
        1..=3 => 500,
        190 | 102 => 401,
        10 | 200..=299 | 368 => 403,
        _ => 400,
    }
}
