//! `GET /v1/invoices/{id}.pdf`: an invoice as a PDF, to whoever may see it; the same bytes for the same final invoice.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::Authenticate;
use super::media::Media;
use super::pdf::{self, Document, Fact, Line, Total};
use super::{response, rest};
use crate::domain::id::InvoiceId;
use crate::domain::invoice::{InvoiceLine, InvoiceState};
use crate::domain::money::Money;
use crate::domain::rating::Step;
use crate::service::invoice::Statement;
use crate::service::{ServiceError, Services};

/// Answers with the PDF.
pub(super) async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    services: web::Data<Services>,
    authenticate: web::Data<dyn Authenticate>,
) -> HttpResponse {
    let caller = match rest::caller(request.headers(), authenticate.get_ref()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let found = async {
        caller.require_read()?;
        // An id that is none is as one that does not exist: it is a part of the address.
        let id = InvoiceId::parse("id", &id).map_err(|_| ServiceError::NotFound("invoice"))?;
        let found = services.invoice.find(id).await?.filter(|found| caller.may_see(found.invoice.organisation_id));
        let statement = found.ok_or(ServiceError::NotFound("invoice"))?;
        let lines = match &statement.computed {
            Some(lines) => lines.clone(),
            None => services.invoice.lines(&[id]).await?.remove(&id).unwrap_or_default(),
        };
        Ok((statement, lines))
    };
    let (statement, lines) = match found.await {
        Ok(found) => found,
        Err(error) => return response::service_error(&error),
    };
    let name = statement.invoice.number.clone().unwrap_or_else(|| format!("draft-{}", statement.invoice.month));
    match web::block(move || pdf::render(&document(&statement, &lines))).await {
        Ok(Ok(bytes)) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "private, no-cache"))
            .insert_header((header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}.pdf\"")))
            .content_type("application/pdf")
            .body(bytes),
        Ok(Err(error)) => response::service_error(&ServiceError::Internal(error.into())),
        Err(_) => {
            let status = actix_web::http::StatusCode::SERVICE_UNAVAILABLE;
            response::refusal(status, Media::Json, "UNAVAILABLE", "The server is stopping.")
        }
    }
}

/// What the PDF says.
fn document(statement: &Statement, lines: &[InvoiceLine]) -> Document {
    let invoice = &statement.invoice;
    let digits = invoice.currency.minor_digits();
    let amount = |money: Money| payable(money, digits);
    let (title, note, stamp) = match invoice.state {
        InvoiceState::Draft => {
            let note = "This is a draft: it follows late usage until it becomes final, and is not to be paid.";
            ("Draft invoice", Some(note.to_owned()), Some("DRAFT"))
        }
        InvoiceState::Finalized => ("Invoice", None, None),
        InvoiceState::Paid => ("Invoice", None, Some("PAID")),
        InvoiceState::Void => ("Invoice", invoice.void_reason.as_ref().map(|why| format!("Void: {why}")), Some("VOID")),
    };
    let parties = invoice.parties.as_ref();
    let zone = parties.map(|parties| parties.time_zone);
    let day = |at: Option<crate::domain::clock::Instant>| {
        at.zip(zone).map(|(at, zone)| zone.date(at).to_string()).filter(|_| invoice.state != InvoiceState::Draft)
    };
    let mut customer: Vec<_> = parties.map(|parties| parties.organisation.clone()).into_iter().collect();
    customer.extend(parties.and_then(|parties| parties.external_id.clone()));
    let facts = [
        ("Month", Some(invoice.month.to_string())),
        ("Issued", day(invoice.finalized_at)),
        ("Paid", day(invoice.paid_at)),
        ("Plan", parties.map(|parties| parties.plan.clone())),
        ("Currency", Some(invoice.currency.code().to_owned())),
        ("Time zone", zone.map(|zone| zone.name().to_owned())),
    ];
    let facts = facts.into_iter().filter_map(|(label, value)| Some(Fact { label: label.to_owned(), value: value? }));
    let total = |label: &str, money: Money, strong| Total { label: label.to_owned(), value: amount(money), strong };
    let mut totals = vec![total("Subtotal", invoice.sums.subtotal, false)];
    if invoice.sums.credits_applied != Money::ZERO {
        let credits = Money::ZERO.checked_sub(invoice.sums.credits_applied).unwrap_or_default();
        totals.push(total("Credits applied", credits, false));
    }
    totals.push(total(&format!("Total {}", invoice.currency.code()), invoice.sums.total, true));
    Document {
        title: title.to_owned(),
        number: invoice.number.clone(),
        issuer: parties.map(|parties| parties.issuer.clone()).unwrap_or_default(),
        customer,
        facts: facts.collect(),
        lines: lines.iter().map(|line| drawn(line, digits)).collect(),
        totals,
        note,
        stamp: stamp.map(str::to_owned),
    }
}

fn drawn(line: &InvoiceLine, digits: u32) -> Line {
    let steps: Vec<_> = line.steps.iter().map(in_words).collect();
    let counted = line.resource.is_some();
    Line {
        description: line.description.clone(),
        detail: Some(steps.join("; ")).filter(|text| !text.is_empty()),
        quantity: line.quantity.to_string(),
        unit_price: line.unit_price.map(|price| if counted { price.to_string() } else { payable(price, digits) }),
        amount: payable(line.amount, digits),
    }
}

/// `0 to 1000: 1000 × 0.01 + 5`.
fn in_words(step: &Step) -> String {
    let end = step.up_to.map_or_else(|| "on".to_owned(), |end| format!("to {end}"));
    let fee = if step.flat_fee == Money::ZERO { String::new() } else { format!(" + {}", step.flat_fee) };
    format!("{} {end}: {} × {}{fee}", step.from, step.quantity, step.unit_price)
}

/// An amount with all the digits that its currency has: `7.50`.
fn payable(money: Money, digits: u32) -> String {
    let text = money.to_string();
    let digits = usize::try_from(digits).unwrap_or(0);
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    if part.len() >= digits { text } else { format!("{whole}.{part:0<digits$}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_all_the_digits_of_its_currency() {
        let money = |text| Money::parse(text).unwrap();
        let shown = [("7.5", 2), ("0", 2), ("-7.05", 2), ("1500", 0), ("1.5", 3), ("0.0015", 2)];
        let shown = shown.map(|(text, digits)| payable(money(text), digits));
        assert_eq!(shown, ["7.50", "0.00", "-7.05", "1500", "1.500", "0.0015"]);
    }
}
