//! Noto Sans in two weights: from text to glyphs, and from paragraphs to lines.

use super::measure::{Twips, in_ems};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Face, Script, ShapePlan, UnicodeBuffer};
use std::cell::RefCell;
use std::rc::Rc;

/// How bold letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// A colour: red, green and blue.
pub(super) type Colour = (u8, u8, u8);

/// How a paragraph looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) weight: Weight,
    /// The size of the letters.
    pub(super) size: Twips,
    /// From one line to the next.
    pub(super) leading: Twips,
    pub(super) colour: Colour,
}

/// A line of text, shaped.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) glyphs: Vec<KrillaGlyph>,
    pub(super) width: Twips,
}

/// Text broken into lines.
#[derive(Debug)]
pub(super) struct Paragraph {
    pub(super) lines: Vec<Run>,
    pub(super) style: Style,
}

impl Paragraph {
    pub(super) fn height(&self) -> Twips {
        let lines = i32::try_from(self.lines.len()).unwrap_or(i32::MAX);
        self.style.leading.saturating_mul(lines)
    }

    /// The width of the longest line.
    pub(super) fn width(&self) -> Twips {
        self.lines.iter().map(|line| line.width).max().unwrap_or(0)
    }
}

struct Typeface {
    face: Face<'static>,
    font: Font,
    units_per_em: u16,
    /// How text of a script is shaped; to find that out takes longer than to shape a line.
    plans: RefCell<Vec<(Script, Rc<ShapePlan>)>>,
}

/// Text as glyphs, each with the bytes that it stands for.
struct Shaped {
    glyphs: Vec<KrillaGlyph>,
    /// How far each glyph advances, in units of the font.
    advances: Vec<i64>,
}

impl Shaped {
    fn advance(&self) -> i64 {
        self.advances.iter().sum()
    }
}

/// Both weights, read.
pub(super) struct Fonts {
    regular: Typeface,
    bold: Typeface,
}

impl Typeface {
    fn new(bytes: &'static [u8]) -> Self {
        let face = Face::from_slice(bytes, 0).expect("the embedded font is a font");
        let font = Font::new(bytes.into(), 0).expect("the embedded font is a font");
        let units_per_em = u16::try_from(face.units_per_em()).expect("a font has between 16 and 16384 units per em");
        Self { face, font, units_per_em, plans: RefCell::default() }
    }

    fn plan(&self, script: Script) -> Rc<ShapePlan> {
        let mut plans = self.plans.borrow_mut();
        if let Some((_, plan)) = plans.iter().find(|(known, _)| *known == script) {
            return Rc::clone(plan);
        }
        let plan = Rc::new(ShapePlan::new(&self.face, Direction::LeftToRight, Some(script), None, &[]));
        plans.push((script, Rc::clone(&plan)));
        plan
    }

    fn shape(&self, text: &str) -> Shaped {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(Direction::LeftToRight);
        let plan = self.plan(buffer.script());
        let shaped = rustybuzz::shape_with_plan(&self.face, &plan, buffer);
        let starts: Vec<usize> = shaped
            .glyph_infos()
            .iter()
            .map(|glyph| usize::try_from(glyph.cluster).unwrap_or(text.len()).min(text.len()))
            .collect();
        let mut glyphs = Vec::with_capacity(starts.len());
        let mut end = text.len();
        // From the last glyph to the first: glyphs of one cluster share the bytes up to the next cluster.
        for (at, (info, position)) in shaped.glyph_infos().iter().zip(shaped.glyph_positions()).enumerate().rev() {
            glyphs.push(KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                in_ems(position.x_advance, self.units_per_em),
                in_ems(position.x_offset, self.units_per_em),
                in_ems(position.y_offset, self.units_per_em),
                in_ems(position.y_advance, self.units_per_em),
                starts[at]..end,
                None,
            ));
            if at > 0 && starts[at - 1] != starts[at] {
                end = starts[at];
            }
        }
        glyphs.reverse();
        let advances = shaped.glyph_positions().iter().map(|position| i64::from(position.x_advance)).collect();
        Shaped { glyphs, advances }
    }

    /// The width of the text.
    fn measure(&self, text: &str, size: Twips) -> Twips {
        self.length(self.shape(text).advance(), size)
    }

    /// The text in pieces that are at most `width` wide, or one cluster if that is wider.
    fn pieces<'text>(&self, text: &'text str, size: Twips, width: Twips) -> Vec<&'text str> {
        let shaped = self.shape(text);
        let mut pieces = Vec::new();
        let mut begin = 0;
        let mut units = 0;
        let mut at = 0;
        for cluster in shaped.glyphs.chunk_by(|one, other| one.text_range == other.text_range) {
            let start = cluster[0].text_range.start;
            let own: i64 = shaped.advances[at..at + cluster.len()].iter().sum();
            if begin < start && self.length(units + own, size) > width {
                pieces.push(&text[begin..start]);
                begin = start;
                units = 0;
            }
            units += own;
            at += cluster.len();
        }
        pieces.push(&text[begin..]);
        pieces
    }

    /// Units of the font as a length, rounded up.
    fn length(&self, units: i64, size: Twips) -> Twips {
        let per_em = i64::from(self.units_per_em);
        let length = (units * i64::from(size) + per_em - 1).div_euclid(per_em);
        Twips::try_from(length).unwrap_or(Twips::MAX)
    }
}

impl Fonts {
    pub(super) fn new() -> Self {
        Self { regular: Typeface::new(notosans::REGULAR_TTF), bold: Typeface::new(notosans::BOLD_TTF) }
    }

    /// The font of the weight, as the PDF embeds it.
    pub(super) fn font(&self, weight: Weight) -> Font {
        self.typeface(weight).font.clone()
    }

    fn typeface(&self, weight: Weight) -> &Typeface {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    fn run(&self, text: &str, style: Style) -> Run {
        let typeface = self.typeface(style.weight);
        let shaped = typeface.shape(text);
        let width = typeface.length(shaped.advance(), style.size);
        Run { text: text.to_owned(), glyphs: shaped.glyphs, width }
    }

    /// The text in lines of at most `width`, and of at most `lines_max` lines: the last one then ends in "…".
    ///
    /// It breaks between words, and inside of one that is wider than the line. Control characters, such as a line
    /// feed, count as spaces; a non-breaking space does not break. Text without a word is a paragraph without a line.
    pub(super) fn paragraph(&self, text: &str, style: Style, width: Twips, lines_max: usize) -> Paragraph {
        let typeface = self.typeface(style.weight);
        let measure = |text: &str| typeface.measure(text, style.size);
        let space = measure(" ");
        let mut lines: Vec<String> = Vec::new();
        let mut used = 0;
        for word in text.split(breaks).filter(|word| !word.is_empty()) {
            let own = measure(word);
            match lines.last_mut() {
                Some(line) if used + space + own <= width => {
                    line.push(' ');
                    line.push_str(word);
                    used += space + own;
                }
                Some(_) | None => {
                    let pieces = if own > width { typeface.pieces(word, style.size, width) } else { vec![word] };
                    used = pieces.last().map_or(0, |piece| measure(piece));
                    lines.extend(pieces.into_iter().map(str::to_owned));
                }
            }
            if lines.len() > lines_max {
                break;
            }
        }
        if lines.len() > lines_max {
            lines.truncate(lines_max);
            if let Some(last) = lines.last_mut() {
                // A few letters make way for the sign that something is missing.
                while measure(last) + measure("…") > width && last.pop().is_some() {}
                last.push('…');
            }
        }
        Paragraph { lines: lines.iter().map(|line| self.run(line, style)).collect(), style }
    }
}

/// Where a line may end.
fn breaks(letter: char) -> bool {
    let keeps_together = matches!(letter, '\u{a0}' | '\u{202f}' | '\u{2007}');
    letter.is_control() || (letter.is_whitespace() && !keeps_together)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { weight: Weight::Regular, size: 200, leading: 260, colour: (0, 0, 0) };

    fn lines(text: &str, width: Twips, lines_max: usize) -> Vec<String> {
        let paragraph = Fonts::new().paragraph(text, STYLE, width, lines_max);
        assert!(paragraph.width() <= width, "{paragraph:?}");
        paragraph.lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_paragraph_breaks_between_words_and_inside_of_a_long_one() {
        assert_eq!(lines("to be or not", 1_200, 9), ["to be or not"]);
        assert_eq!(lines("to be or not", 600, 9), ["to be", "or not"]);
        let long = lines("a Donaudampfschifffahrt b", 700, 9);
        assert_eq!(long.first().map(String::as_str), Some("a"));
        assert!(long.len() > 3, "{long:?}");
        assert_eq!(long.concat().replace(' ', ""), "aDonaudampfschifffahrtb");
    }

    #[test]
    fn control_characters_are_spaces_and_a_firm_space_holds() {
        assert_eq!(lines(" to\nbe\u{0}or\t\tnot ", 4_000, 9), ["to be or not"]);
        assert_eq!(lines("1\u{a0}234 5\u{202f}678", 620, 9), ["1\u{a0}234", "5\u{202f}678"]);
        assert!(lines(" \n ", 500, 9).is_empty());
    }

    #[test]
    fn what_is_too_long_says_so() {
        let cut = lines("to be or not to be", 600, 2);
        assert_eq!(cut.len(), 2);
        assert!(cut[1].ends_with('…'), "{cut:?}");
    }

    #[test]
    fn a_letter_and_its_accent_stay_together() {
        // Each as a letter with an accent after it: pieces of one letter are pieces of two characters.
        let pieces = lines(&"e\u{301}".repeat(5), 150, 9);
        assert_eq!(pieces, ["e\u{301}"; 5]);
    }

    #[test]
    fn each_character_is_the_text_of_a_glyph() {
        let fonts = Fonts::new();
        for text in ["Taquería del Sol", "Čajovna", "Ελλάδα", "Кофе", "珈琲", "😀 fi ₹"] {
            let run = fonts.run(text, STYLE);
            let mut covered: Vec<_> = run.glyphs.iter().map(|glyph| &run.text[glyph.text_range.clone()]).collect();
            covered.dedup_by(|one, other| std::ptr::eq(*one, *other));
            assert_eq!(covered.concat(), text);
        }
    }
}
