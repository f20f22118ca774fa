//! `GET /v1/organisations/{id}/usage/export`: the ledger's records as CSV or JSON, sent as they are read.

mod document;
mod row;

use actix_web::http::header;
use actix_web::web::{Bytes, Path, Query};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::DateTime;
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Deserialize;

use super::auth::Authenticate;
use super::{response, rest};
use crate::domain::id::{OrganisationId, UsageRecordId};
use crate::domain::input::BadInput;
use crate::domain::money::Overflow;
use crate::domain::period;
use crate::domain::usage::UsageRecord;
use crate::service::usage::{Bound, ExportRequest};
use crate::service::{ServiceError, Services};
use document::Document;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

impl Format {
    fn parse(text: &str) -> Result<Self, BadInput> {
        match text {
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            other => Err(BadInput::new("format", other, "expected csv or json")),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json; charset=utf-8",
        }
    }
}

/// The query string; other parameters are ignored.
#[derive(Debug, Default, Deserialize)]
struct Parameters {
    format: Option<String>,
    from: Option<String>,
    to: Option<String>,
    after: Option<String>,
}

/// What the query string asks for.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    format: Format,
    request: ExportRequest,
}

impl Question {
    fn parse(query: &str) -> Result<Self, BadInput> {
        let parameters = Query::<Parameters>::from_query(query)
            .map_err(|error| BadInput::new("query string", query, format!("it cannot be read: {error}")))?
            .into_inner();
        let after = parameters.after.filter(|text| !text.is_empty());
        let request = ExportRequest {
            from: bound("from", parameters.from.as_deref())?,
            to: bound("to", parameters.to.as_deref())?,
            after: after.map(|id| UsageRecordId::parse("after", &id)).transpose()?,
        };
        Ok(Self { format: Format::parse(parameters.format.as_deref().unwrap_or("csv"))?, request })
    }

    /// A name for a file of it.
    fn file_name(&self, organisation: OrganisationId) -> String {
        let name = |bound| match bound {
            Bound::Day(date) => date.to_string(),
            Bound::Instant(at) => at.format("%Y%m%dT%H%M%SZ").to_string(),
        };
        let (from, to) = (name(self.request.from), name(self.request.to));
        format!("usage_{organisation}_{from}_{to}.{}", self.format.name())
    }
}

fn bound(field: &str, text: Option<&str>) -> Result<Bound, BadInput> {
    let accepted = "expected a date such as 2026-06-05, or an instant such as 2026-06-05T02:00:00Z";
    let text = text.ok_or_else(|| BadInput::new(field, "null", accepted))?;
    if text.len() == "2026-06-05".len() {
        return period::parse_date(field, text).map(Bound::Day);
    }
    // A plus sign that was not escaped arrives as a space.
    let instant = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc3339(&text.replace(' ', "+")));
    let instant = instant.map_err(|_| BadInput::new(field, text, accepted))?.to_utc();
    period::parse_date(field, &instant.date_naive().to_string()).map(|_| Bound::Instant(instant))
}

/// Answers the request.
pub(super) async fn usage(
    incoming: HttpRequest,
    path: Path<String>,
    services: web::Data<Services>,
    authenticate: web::Data<dyn Authenticate>,
) -> HttpResponse {
    let caller = match rest::caller(incoming.headers(), authenticate.get_ref()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let asked = OrganisationId::parse("id", &path).and_then(|id| Ok((id, Question::parse(incoming.query_string())?)));
    let (organisation, question) = match asked {
        Ok(asked) => asked,
        Err(bad) => return response::bad_input(&bad),
    };
    let pages = match services.usage.export(&caller, organisation, question.request).await {
        Ok(pages) => pages,
        Err(error) => return response::service_error(&error),
    };
    let document = Document::new(question.format, question.request.after);
    let disposition = format!("attachment; filename=\"{}\"", question.file_name(organisation));
    HttpResponse::Ok()
        .content_type(question.format.content_type())
        .insert_header((header::CONTENT_DISPOSITION, disposition))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(chunks(document, pages))
}

/// The document as it grows. An error ends it without its last line, and with it the connection, so that nobody takes a part for the whole.
fn chunks(
    document: Document,
    pages: impl Stream<Item = Result<Vec<UsageRecord>, ServiceError>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, ServiceError>> {
    stream::try_unfold(Some((document, pages.boxed())), |state| async move {
        let Some((mut document, mut pages)) = state else { return Ok(None) };
        let Some(page) = pages.next().await else { return Ok(Some((document.end(), None))) };
        let written = page.and_then(|page| document.page(&page).map_err(internal));
        match written {
            Ok(bytes) => Ok(Some((bytes, Some((document, pages))))),
            Err(error) => {
                tracing::error!("an export broke off: {}", response::chain(&error));
                Err(error)
            }
        }
    })
}

fn internal(overflow: Overflow) -> ServiceError {
    ServiceError::Internal(overflow.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants_are_read_by_their_form() {
        let question = Question::parse("from=2026-06-05&to=2026-06-05T08:00:00+07:00&format=json&unknown=1").unwrap();
        assert_eq!(question.format, Format::Json);
        assert_eq!(question.request.from, Bound::Day("2026-06-05".parse().unwrap()));
        assert_eq!(question.request.to, Bound::Instant("2026-06-05T01:00:00Z".parse().unwrap()));
        let organisation = OrganisationId::from_uuid(uuid::Uuid::nil());
        let name = question.file_name(organisation);
        assert_eq!(name, format!("usage_{organisation}_2026-06-05_20260605T010000Z.json"));
    }

    #[test]
    fn a_bad_parameter_is_refused_by_its_name() {
        for (query, field) in [
            ("to=2026-06-05", "from"),
            ("from=2026-06-05", "to"),
            ("from=2026-06-31&to=2026-07-01", "from"),
            ("from=2026-06-05&to=yesterday", "to"),
            ("from=2026-06-05&to=9999-06-05T00:00:00Z", "to"),
            ("from=2026-06-05&to=2026-06-05&format=xml", "format"),
            ("from=2026-06-05&to=2026-06-05&after=cus_1", "after"),
            ("from=2026-06-05&from=2026-06-06&to=2026-06-07", "query string"),
        ] {
            assert_eq!(Question::parse(query).unwrap_err().field, field, "{query}");
        }
    }
}
