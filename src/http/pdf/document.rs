//! What an invoice says, as preformatted text, and how much of it there may be.

use thiserror::Error;

/// Lines that one document may have; an invoice has one for each rate that was used.
pub const LINES_MAX: usize = 2_000;

/// Lines of one party's address.
const PARTY_LINES_MAX: usize = 12;

/// Facts under the parties: two rows of five.
const FACTS_MAX: usize = 10;

/// Totals under the table.
const TOTALS_MAX: usize = 12;

/// An invoice, ready to be drawn: every date, quantity and amount is text already.
///
/// A text may have any length: what does not fit is wrapped, and what would not fit the page even so ends in "…".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is, "Invoice" or "Draft invoice". It stands at the head of every page.
    pub title: String,
    /// The number, which a draft does not have yet.
    pub number: Option<String>,
    /// Who sends it: the name, then the address. An empty line is left out.
    pub issuer: Vec<String>,
    /// Who pays it: the name, then the address. An empty line is left out.
    pub customer: Vec<String>,
    /// Month, days of issue and payment, currency, plan.
    pub facts: Vec<Fact>,
    /// 1 to [`LINES_MAX`] lines.
    pub lines: Vec<Line>,
    /// From the subtotal to what is due.
    pub totals: Vec<Total>,
    /// What is said below the totals.
    pub note: Option<String>,
    /// A word across the first page: "PAID", "VOID". It is repeated at the head of the other pages.
    pub stamp: Option<String>,
}

/// One thing to know about the invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is, such as "Due".
    pub label: String,
    /// What it says.
    pub value: String,
}

/// One line of the invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was used.
    pub description: String,
    /// How the amount came about, such as the steps of a graduated price; in smaller letters below.
    pub detail: Option<String>,
    /// How much was used.
    pub quantity: String,
    /// The price of one, where there is one price.
    pub unit_price: Option<String>,
    /// What it costs.
    pub amount: String,
}

/// One line of the totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// What is summed up.
    pub label: String,
    /// The sum.
    pub value: String,
    /// Whether it is what the reader looks for: larger, below a rule.
    pub strong: bool,
}

/// Why there is no PDF.
#[derive(Debug, Error)]
pub enum PdfError {
    /// An invoice without lines says nothing.
    #[error("an invoice has at least one line")]
    NoLines,
    /// More than the page, or a reader, could bear.
    #[error("{count} {what} are too many: the limit is {limit}")]
    TooMany {
        /// Of what, in the plural.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The library could not write it; its errors are no `std::error::Error`.
    #[error("the PDF could not be written: {0:?}")]
    Write(krilla::error::KrillaError),
}

impl Document {
    /// Whether it can be drawn at all.
    pub(super) fn check(&self) -> Result<(), PdfError> {
        if self.lines.is_empty() {
            return Err(PdfError::NoLines);
        }
        let counts = [
            ("lines", self.lines.len(), LINES_MAX),
            ("lines of the issuer", self.issuer.len(), PARTY_LINES_MAX),
            ("lines of the customer", self.customer.len(), PARTY_LINES_MAX),
            ("facts", self.facts.len(), FACTS_MAX),
            ("totals", self.totals.len(), TOTALS_MAX),
        ];
        match counts.into_iter().find(|(_, count, limit)| count > limit) {
            Some((what, count, limit)) => Err(PdfError::TooMany { what, count, limit }),
            None => Ok(()),
        }
    }

    /// Title and number, as the document is called.
    pub(super) fn name(&self) -> String {
        match self.number.as_deref().filter(|number| !number.is_empty()) {
            Some(number) => format!("{} {number}", self.title),
            None => self.title.clone(),
        }
    }
}
