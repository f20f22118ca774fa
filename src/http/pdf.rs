//! An invoice as an A4 PDF: plain data in, the same bytes for the same data out.
//!
//! `document` is what the caller says, `layout` decides what stands where (whole numbers only), `paint` hands that to
//! krilla, which embeds the parts of Noto Sans that are used. There is no clock and no random id anywhere, so the file
//! is a function of the document. Noto Sans knows Latin, Greek and Cyrillic; a character of another script, or an emoji,
//! is drawn as an empty box. What it stands for is kept in the file, for readers that can tell. Text runs from left to right.

/// What is to be drawn, its limits, and what can go wrong.
mod document;
/// Noto Sans: from text to glyphs, and from paragraphs to lines.
mod font;
/// What stands where on which page.
mod layout;
/// Lengths, counted in whole numbers.
mod measure;
/// From sheets to bytes.
mod paint;
/// A page as a list of marks.
mod sheet;

pub use document::{Document, Fact, LINES_MAX, Line, PdfError, Total};

/// The document as a PDF.
///
/// It takes about a millisecond for a page and a quarter of a second for the longest invoice, all of it work for the
/// processor: a handler calls it on a thread for blocking work.
pub fn render(document: &Document) -> Result<Vec<u8>, PdfError> {
    document.check()?;
    let fonts = font::Fonts::new();
    let sheets = layout::sheets(document, &fonts);
    paint::paint(document, &fonts, sheets)
}

#[cfg(test)]
mod tests;
