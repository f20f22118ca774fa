//! What closes the document: the totals, kept together, and the note.

use super::Flow;
use crate::http::pdf::document::Document;
use crate::http::pdf::font::{Fonts, Paragraph, Style, Weight};
use crate::http::pdf::measure::{MARGIN, Twips, WIDTH, points};
use crate::http::pdf::sheet::{Align, BODY, DETAIL, INK, TEAL, style};

const STRONG: Style = style(Weight::Bold, 230, points(17), INK);
const TOTALS_WIDTH: Twips = points(260);
const VALUE_WIDTH: Twips = points(120);
const LABEL_WIDTH: Twips = TOTALS_WIDTH - VALUE_WIDTH - points(10);
/// Above the first total, and above the note.
const SPACE: Twips = points(14);
/// Above and below the text of a total.
const PADDING: Twips = points(3);
const LABEL_LINES_MAX: usize = 2;
const NOTE_LINES_MAX: usize = 12;

struct Sum {
    label: Paragraph,
    value: Paragraph,
    strong: bool,
}

impl Sum {
    fn height(&self) -> Twips {
        self.label.height().max(self.value.height()) + 2 * PADDING + self.rule()
    }

    /// A rule takes a little more than its own height.
    fn rule(&self) -> Twips {
        if self.strong { points(5) } else { 0 }
    }
}

/// Totals and note, measured.
pub(super) struct Closing {
    sums: Vec<Sum>,
    note: Option<Paragraph>,
}

impl Closing {
    pub(super) fn new(document: &Document, fonts: &Fonts) -> Self {
        let sum = |label: &str, value: &str, strong: bool| {
            let style = if strong { STRONG } else { BODY };
            let label = fonts.paragraph(label, style, LABEL_WIDTH, LABEL_LINES_MAX);
            Sum { label, value: fonts.paragraph(value, style, VALUE_WIDTH, LABEL_LINES_MAX), strong }
        };
        let sums = document.totals.iter().map(|total| sum(&total.label, &total.value, total.strong)).collect();
        let note = document.note.as_deref().map(|note| fonts.paragraph(note, DETAIL, WIDTH, NOTE_LINES_MAX));
        Self { sums, note: note.filter(|note| !note.lines.is_empty()) }
    }

    /// Of the totals, which is what a line may be kept with.
    pub(super) fn height(&self) -> Twips {
        self.sums.iter().map(Sum::height).sum::<Twips>() + SPACE
    }

    pub(super) fn draw(self, flow: &mut Flow<'_>) {
        if !flow.fits(self.height()) {
            flow.turn();
        }
        let left = MARGIN + WIDTH - TOTALS_WIDTH;
        let mut top = flow.top + SPACE;
        let sheet = flow.sheet();
        for sum in self.sums {
            let bottom = top + sum.height();
            if sum.strong {
                sheet.rule(left, top, TOTALS_WIDTH, 24, TEAL);
            }
            top += sum.rule() + PADDING;
            sheet.write(sum.label, left, top, Align::Left);
            sheet.write(sum.value, MARGIN + WIDTH, top, Align::Right);
            top = bottom;
        }
        flow.top = top;
        if let Some(note) = self.note {
            let height = note.height() + 2 * SPACE;
            if !flow.fits(height) {
                flow.turn();
            }
            let top = flow.top + 2 * SPACE;
            flow.top = flow.sheet().write(note, MARGIN, top, Align::Left);
        }
    }
}
