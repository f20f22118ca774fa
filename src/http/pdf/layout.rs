//! What stands where: the head of the first page, the table over as many pages as it takes, the totals, the foot.

/// Totals and note.
mod closing;
/// Head of the first page: the mark of the house, parties and facts.
mod head;
/// What is repeated on each page.
mod running;
/// The lines of the invoice.
mod table;

use super::document::Document;
use super::font::Fonts;
use super::measure::{BOTTOM, Twips};
use super::sheet::Sheet;

/// The pages written so far, and how far the last one is full.
struct Flow<'a> {
    document: &'a Document,
    fonts: &'a Fonts,
    sheets: Vec<Sheet>,
    top: Twips,
}

impl Flow<'_> {
    /// The page that is being written.
    fn sheet(&mut self) -> &mut Sheet {
        if self.sheets.is_empty() {
            self.sheets.push(Sheet::default());
        }
        self.sheets.last_mut().expect("a flow has a page")
    }

    /// Whether so much more fits the page.
    fn fits(&self, height: Twips) -> bool {
        self.top + height <= BOTTOM
    }

    /// Goes on at the head of another page.
    fn turn(&mut self) {
        let mut sheet = Sheet::default();
        self.top = running::head(&mut sheet, self.document, self.fonts);
        self.sheets.push(sheet);
    }
}

/// The pages of a document.
pub(super) fn sheets(document: &Document, fonts: &Fonts) -> Vec<Sheet> {
    let mut sheet = Sheet::default();
    let top = head::draw(&mut sheet, document, fonts);
    let mut flow = Flow { document, fonts, sheets: vec![sheet], top };
    let closing = closing::Closing::new(document, fonts);
    table::draw(&mut flow, closing.height());
    closing.draw(&mut flow);
    running::feet(&mut flow.sheets, document, fonts);
    flow.sheets
}
