//! The lines of the invoice, in as many pages as they take, below a header on each.

use super::Flow;
use crate::http::pdf::document::Line;
use crate::http::pdf::font::{Fonts, Paragraph};
use crate::http::pdf::measure::{BOTTOM, MARGIN, TOP, Twips, WIDTH, points};
use crate::http::pdf::sheet::{Align, BODY, DETAIL, HAIR, LABEL, TEAL};

/// Between two columns.
const GAP: Twips = points(14);
/// Above and below the text of a row.
const PADDING: Twips = points(5);
const HEADER_HEIGHT: Twips = points(19);
/// A column of numbers is as wide as its widest number, within these; a wider number is broken.
const NUMBERS_MIN: Twips = points(52);
const NUMBERS_MAX: Twips = points(104);
const DESCRIPTION_LINES_MAX: usize = 20;
const DETAIL_LINES_MAX: usize = 24;
const NUMBER_LINES_MAX: usize = 4;

/// Quantity, unit price and amount.
const HEADINGS: [&str; 3] = ["Quantity", "Unit price", "Amount"];

struct Columns {
    /// Of the description.
    width: Twips,
    /// The right borders of the numbers, and their widths.
    numbers: [(Twips, Twips); 3],
}

struct Row {
    description: Paragraph,
    detail: Option<Paragraph>,
    numbers: [Paragraph; 3],
}

impl Row {
    fn height(&self) -> Twips {
        let detail = self.detail.as_ref().map_or(0, Paragraph::height);
        let numbers = self.numbers.iter().map(Paragraph::height).max().unwrap_or(0);
        // A line without any text is still a line.
        (self.description.height() + detail).max(numbers).max(BODY.leading) + 2 * PADDING
    }
}

/// Writes the table. The last line stays with what closes the document, so that no total stands on a page of its own.
pub(super) fn draw(flow: &mut Flow<'_>, closing: Twips) {
    let columns = columns(&flow.document.lines, flow.fonts);
    let last = flow.document.lines.len().saturating_sub(1);
    let mut with_header = false;
    for (at, line) in flow.document.lines.iter().enumerate() {
        let row = row(line, &columns, flow.fonts);
        let mut needed = row.height();
        if at == last && needed + closing + HEADER_HEIGHT + points(60) <= BOTTOM - TOP {
            needed += closing;
        }
        let header_height = if with_header { 0 } else { HEADER_HEIGHT };
        if !flow.fits(header_height + needed) {
            flow.turn();
            with_header = false;
        }
        if !with_header {
            header(flow, &columns);
            with_header = true;
        }
        write(flow, row, &columns);
    }
}

fn texts(line: &Line) -> [&str; 3] {
    [&line.quantity, line.unit_price.as_deref().unwrap_or(""), &line.amount]
}

fn columns(lines: &[Line], fonts: &Fonts) -> Columns {
    let mut widths = HEADINGS.map(|heading| fonts.paragraph(heading, LABEL, WIDTH, 1).width().max(NUMBERS_MIN));
    for line in lines {
        for (width, text) in widths.iter_mut().zip(texts(line)) {
            let own = fonts.paragraph(text, BODY, NUMBERS_MAX, NUMBER_LINES_MAX).width();
            *width = own.clamp(*width, NUMBERS_MAX);
        }
    }
    let [quantity, price, amount] = widths;
    let right = MARGIN + WIDTH;
    Columns {
        width: WIDTH - widths.iter().map(|width| width + GAP).sum::<Twips>(),
        numbers: [(right - amount - price - 2 * GAP, quantity), (right - amount - GAP, price), (right, amount)],
    }
}

fn row(line: &Line, columns: &Columns, fonts: &Fonts) -> Row {
    let texts = texts(line);
    let number = |at: usize| fonts.paragraph(texts[at], BODY, columns.numbers[at].1, NUMBER_LINES_MAX);
    let detail = line.detail.as_deref().map(|text| fonts.paragraph(text, DETAIL, columns.width, DETAIL_LINES_MAX));
    Row {
        description: fonts.paragraph(&line.description, BODY, columns.width, DESCRIPTION_LINES_MAX),
        detail,
        numbers: [number(0), number(1), number(2)],
    }
}

fn header(flow: &mut Flow<'_>, columns: &Columns) {
    let fonts = flow.fonts;
    let top = flow.top + points(3);
    let sheet = flow.sheet();
    sheet.write(fonts.paragraph("Description", LABEL, columns.width, 1), MARGIN, top, Align::Left);
    for (heading, (right, width)) in HEADINGS.iter().zip(columns.numbers) {
        sheet.write(fonts.paragraph(heading, LABEL, width, 1), right, top, Align::Right);
    }
    flow.top += HEADER_HEIGHT;
    let bottom = flow.top;
    flow.sheet().rule(MARGIN, bottom - 20, WIDTH, 20, TEAL);
}

fn write(flow: &mut Flow<'_>, row: Row, columns: &Columns) {
    let height = row.height();
    let top = flow.top + PADDING;
    flow.top += height;
    let bottom = flow.top;
    let sheet = flow.sheet();
    let below = sheet.write(row.description, MARGIN, top, Align::Left);
    if let Some(detail) = row.detail {
        sheet.write(detail, MARGIN, below, Align::Left);
    }
    for (number, (right, _)) in row.numbers.into_iter().zip(columns.numbers) {
        sheet.write(number, right, top, Align::Right);
    }
    sheet.rule(MARGIN, bottom - 10, WIDTH, 10, HAIR);
}
