//! What is repeated: the head of each page but the first, and the foot of all.

use super::head;
use crate::http::pdf::document::Document;
use crate::http::pdf::font::Fonts;
use crate::http::pdf::measure::{MARGIN, PAGE_HEIGHT, TOP, Twips, WIDTH, points};
use crate::http::pdf::sheet::{Align, DETAIL, HAIR, LABEL, Sheet};

/// The mark of the house and what this is, on a page that is not the first; and where that ends.
pub(super) fn head(sheet: &mut Sheet, document: &Document, fonts: &Fonts) -> Twips {
    head::logo(sheet, MARGIN, TOP, 10);
    let name = match document.stamp.as_deref() {
        Some(stamp) => format!("{} · {stamp}", document.name()),
        None => document.name(),
    };
    let name = fonts.paragraph(&name, LABEL, WIDTH - points(40), 1);
    sheet.write(name, MARGIN + WIDTH, TOP + points(3), Align::Right);
    TOP + points(30)
}

/// Name and page number, once it is known how many pages there are.
pub(super) fn feet(sheets: &mut [Sheet], document: &Document, fonts: &Fonts) {
    let top = PAGE_HEIGHT - points(46);
    let count = sheets.len();
    for (at, sheet) in sheets.iter_mut().enumerate() {
        sheet.rule(MARGIN, top, WIDTH, 10, HAIR);
        let top = top + points(6);
        sheet.write(fonts.paragraph(&document.name(), DETAIL, WIDTH - points(80), 1), MARGIN, top, Align::Left);
        let number = format!("{} / {count}", at + 1);
        sheet.write(fonts.paragraph(&number, DETAIL, points(70), 1), MARGIN + WIDTH, top, Align::Right);
    }
}
