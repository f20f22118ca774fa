//! The head of the first page: the mark of the house, what this is, who sends it to whom, and the facts.

use crate::http::pdf::document::Document;
use crate::http::pdf::font::{Colour, Fonts, Style, Weight};
use crate::http::pdf::measure::{MARGIN, PAGE_WIDTH, TOP, Twips, WIDTH, points};
use crate::http::pdf::sheet::{Align, Area, BODY, LABEL, MUTED, Mark, NAME, PALE, Sheet, TEAL, style};

const TITLE: Style = style(Weight::Bold, 440, points(27), TEAL);
const NUMBER: Style = style(Weight::Regular, 200, points(14), MUTED);
const WORDMARK: Style = style(Weight::Bold, 320, points(22), TEAL);
const AMBER: Colour = (0xff, 0xd1, 0x66);
const MIST: Colour = (0xd7, 0xef, 0xe9);
const GREEN: Colour = (0x1b, 0x7f, 0x4b);
const RED: Colour = (0xb3, 0x26, 0x1e);

/// Of issuer and customer each; what is right of them is the stamp's.
const PARTY_WIDTH: Twips = points(180);
const PARTY_STEP: Twips = points(196);
/// Lines of a party once they are wrapped.
const PARTY_ROWS_MAX: usize = 20;

const FACTS_PER_ROW: i32 = 5;
const FACT_PADDING: Twips = points(10);
const FACT_LINES_MAX: usize = 4;

/// Draws it, and says where it ends.
pub(super) fn draw(sheet: &mut Sheet, document: &Document, fonts: &Fonts) -> Twips {
    logo(sheet, MARGIN, TOP, 16);
    let wordmark = fonts.paragraph("Wabacus", WORDMARK, WIDTH / 2, 1);
    sheet.write(wordmark, MARGIN + points(33), TOP + points(2), Align::Left);

    let right = MARGIN + WIDTH;
    let title = fonts.paragraph(&document.title, TITLE, WIDTH * 3 / 5, 2);
    let mut top = sheet.write(title, right, TOP, Align::Right);
    if let Some(number) = &document.number {
        top = sheet.write(fonts.paragraph(number, NUMBER, WIDTH * 3 / 5, 2), right, top, Align::Right);
    }
    let top = top.max(TOP + points(28)) + points(14);
    sheet.rule(MARGIN, top, WIDTH, 30, TEAL);

    let top = top + points(20);
    let issuer = party(sheet, fonts, ("From", &document.issuer), MARGIN, top);
    let customer = party(sheet, fonts, ("Bill to", &document.customer), MARGIN + PARTY_STEP, top);
    let least = document.stamp.as_ref().map_or(top, |word| stamp(sheet, fonts, word, top));
    facts(sheet, document, fonts, issuer.max(customer).max(least) + points(16)) + points(22)
}

/// An abacus, drawn on a grid of 32 by 32 cells of `unit` each.
pub(super) fn logo(sheet: &mut Sheet, left: Twips, top: Twips, unit: Twips) {
    let place = |x: i32, y: i32, width: i32, height: i32| Area {
        // The square begins two cells in.
        left: left + (x - 20) * unit / 10,
        top: top + y * unit / 10,
        width: width * unit / 10,
        height: height * unit / 10,
    };
    sheet.fill(place(20, 20, 280, 280), unit * 5, TEAL);
    for rod in [100, 160, 220] {
        sheet.fill(place(65, rod - 8, 190, 16), unit * 8 / 10, MIST);
    }
    for (x, y) in [(100, 100), (160, 100), (220, 160), (100, 220), (220, 220)] {
        sheet.fill(place(x - 28, y - 28, 56, 56), unit * 28 / 10, AMBER);
    }
}

fn party(sheet: &mut Sheet, fonts: &Fonts, (label, lines): (&str, &[String]), left: Twips, top: Twips) -> Twips {
    let mut top = sheet.write(fonts.paragraph(label, LABEL, PARTY_WIDTH, 1), left, top, Align::Left) + points(3);
    let mut rows = PARTY_ROWS_MAX;
    let mut style = NAME;
    for line in lines {
        let paragraph = fonts.paragraph(line, style, PARTY_WIDTH, rows);
        rows -= paragraph.lines.len();
        if !paragraph.lines.is_empty() {
            style = BODY;
        }
        top = sheet.write(paragraph, left, top, Align::Left);
        if rows == 0 {
            break;
        }
    }
    top
}

/// The word in a frame right of the parties, and where that ends.
fn stamp(sheet: &mut Sheet, fonts: &Fonts, word: &str, top: Twips) -> Twips {
    let width_max = WIDTH - 2 * PARTY_STEP;
    let colour = match word {
        "PAID" => GREEN,
        "VOID" => RED,
        _ => MUTED,
    };
    let height = points(34);
    let size = [420, 320, 240, 180].into_iter().find(|size| {
        let word = fonts.paragraph(word, style(Weight::Bold, *size, height, colour), Twips::MAX / 2, 1);
        word.width() + points(26) <= width_max
    });
    let style = style(Weight::Bold, size.unwrap_or(140), height, colour);
    let mut paragraph = fonts.paragraph(word, style, width_max - points(26), 1);
    if let Some(word) = paragraph.lines.pop() {
        let width = word.width + points(20);
        let area = Area { left: PAGE_WIDTH - MARGIN - width - points(6), top: top + points(9), width, height };
        sheet.marks.push(Mark::Stamp { word, style, area });
    }
    top + points(54)
}

fn facts(sheet: &mut Sheet, document: &Document, fonts: &Fonts, top: Twips) -> Twips {
    let step = (WIDTH - FACT_PADDING) / FACTS_PER_ROW;
    let width = step - FACT_PADDING;
    let mut top = top;
    for row in document.facts.chunks(usize::try_from(FACTS_PER_ROW).expect("a small number")) {
        let cells: Vec<_> = row
            .iter()
            .map(|fact| {
                let label = fonts.paragraph(&fact.label, LABEL, width, 1);
                (label, fonts.paragraph(&fact.value, BODY, width, FACT_LINES_MAX))
            })
            .collect();
        let text = cells.iter().map(|(label, value)| label.height() + value.height()).max().unwrap_or(0);
        let height = text + points(18);
        sheet.fill(Area { left: MARGIN, top, width: WIDTH, height }, 0, PALE);
        let mut left = MARGIN + FACT_PADDING;
        for (label, value) in cells {
            let below = sheet.write(label, left, top + points(8), Align::Left);
            sheet.write(value, left, below + points(1), Align::Left);
            left += step;
        }
        top += height;
    }
    top
}
