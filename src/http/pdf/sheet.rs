//! A page as a list of marks, before anything is drawn.

use super::font::{Colour, Paragraph, Run, Style, Weight};
use super::measure::{Twips, points};

/// What text is written in.
pub(super) const INK: Colour = (0x1c, 0x2b, 0x29);
/// What is said in passing.
pub(super) const MUTED: Colour = (0x5c, 0x6b, 0x68);
/// The colour of the house.
pub(super) const TEAL: Colour = (0x0f, 0x6b, 0x5c);
/// Between the lines of a table.
pub(super) const HAIR: Colour = (0xd5, 0xdf, 0xdd);
/// Behind the facts.
pub(super) const PALE: Colour = (0xf0, 0xf6, 0xf4);

/// The text of the body.
pub(super) const BODY: Style = style(Weight::Regular, 180, points(13), INK);
/// Names.
pub(super) const NAME: Style = style(Weight::Bold, 190, points(13), INK);
/// Labels over what they label.
pub(super) const LABEL: Style = style(Weight::Bold, 140, points(10), MUTED);
/// What explains, below what it explains.
pub(super) const DETAIL: Style = style(Weight::Regular, 150, points(10), MUTED);

/// A style, in one line.
pub(super) const fn style(weight: Weight, size: Twips, leading: Twips, colour: Colour) -> Style {
    Style { weight, size, leading, colour }
}

/// A rectangle on the page, from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: Twips,
    pub(super) top: Twips,
    pub(super) width: Twips,
    pub(super) height: Twips,
}

/// One thing on a page.
#[derive(Debug)]
pub(super) enum Mark {
    /// A line of text, from its left end on the base line.
    Text { run: Run, left: Twips, base: Twips, style: Style },
    /// A filled rectangle with round corners; with a radius of half its side, a disc.
    Fill { area: Area, radius: Twips, colour: Colour },
    /// A word in a frame, turned about the middle of the area.
    Stamp { word: Run, style: Style, area: Area },
}

/// Which side of a paragraph is straight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A page.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) marks: Vec<Mark>,
}

impl Sheet {
    /// Writes a paragraph below `top`, and says where it ends. `at` is its left or its right border.
    pub(super) fn write(&mut self, paragraph: Paragraph, at: Twips, top: Twips, align: Align) -> Twips {
        let style = paragraph.style;
        let mut top = top;
        for run in paragraph.lines {
            let left = match align {
                Align::Left => at,
                Align::Right => at - run.width,
            };
            // Letters reach about three quarters of their size above the base line and a quarter below.
            let base = top + (style.leading - style.size) / 2 + style.size * 4 / 5;
            self.marks.push(Mark::Text { run, left, base, style });
            top += style.leading;
        }
        top
    }

    /// A filled rectangle.
    pub(super) fn fill(&mut self, area: Area, radius: Twips, colour: Colour) {
        self.marks.push(Mark::Fill { area, radius, colour });
    }

    /// A horizontal line.
    pub(super) fn rule(&mut self, left: Twips, top: Twips, width: Twips, height: Twips, colour: Colour) {
        self.fill(Area { left, top, width, height }, 0, colour);
    }
}
