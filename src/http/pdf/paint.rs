//! From sheets to bytes: the one file that draws.

use super::document::{Document, PdfError};
use super::font::{Colour, Fonts, Run, Style};
use super::measure::{PAGE_HEIGHT, PAGE_WIDTH, Twips, in_points};
use super::sheet::{Area, Mark, Sheet};
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Rect, Transform};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;

/// By how much a stamp is turned, in degrees; negative is up at its right end.
const STAMP_ANGLE: f32 = -8.0;

/// The bytes of the PDF.
pub(super) fn paint(document: &Document, fonts: &Fonts, sheets: Vec<Sheet>) -> Result<Vec<u8>, PdfError> {
    let mut pdf = krilla::Document::new();
    for sheet in sheets {
        let settings = PageSettings::from_wh(in_points(PAGE_WIDTH), in_points(PAGE_HEIGHT));
        let mut page = pdf.start_page_with(settings.expect("A4 has a width and a height"));
        let mut surface = page.surface();
        for mark in &sheet.marks {
            draw(&mut surface, fonts, mark);
        }
        surface.finish();
        page.finish();
    }
    pdf.set_metadata(metadata(document));
    pdf.finish().map_err(PdfError::Write)
}

fn metadata(document: &Document) -> Metadata {
    let author = document.issuer.iter().find(|line| !line.trim().is_empty());
    Metadata::new()
        .title(document.name())
        .authors(author.cloned().into_iter().collect())
        .creator("Wabacus".to_owned())
        .language("en".to_owned())
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts, mark: &Mark) {
    match mark {
        Mark::Text { run, left, base, style } => text(surface, fonts, run, (*left, *base), *style),
        Mark::Fill { area, radius, colour } => {
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*colour)));
            surface.draw_path(&outline(*area, *radius));
        }
        Mark::Stamp { word, style, area } => stamp(surface, fonts, word, *style, *area),
    }
}

fn text(surface: &mut Surface<'_>, fonts: &Fonts, run: &Run, (left, base): (Twips, Twips), style: Style) {
    surface.set_stroke(None);
    surface.set_fill(Some(fill(style.colour)));
    let start = Point::from_xy(in_points(left), in_points(base));
    surface.draw_glyphs(start, &run.glyphs, fonts.font(style.weight), &run.text, in_points(style.size), false);
}

fn stamp(surface: &mut Surface<'_>, fonts: &Fonts, word: &Run, style: Style, area: Area) {
    let (x, y) = (area.left + area.width / 2, area.top + area.height / 2);
    surface.push_transform(&Transform::from_rotate_at(STAMP_ANGLE, in_points(x), in_points(y)));
    surface.set_fill(None);
    surface.set_stroke(Some(Stroke { paint: colour(style.colour).into(), width: 2.0, ..Stroke::default() }));
    surface.draw_path(&outline(area, 100));
    // Capitals are about seven tenths of the letter size high.
    let base = y + style.size * 7 / 20;
    text(surface, fonts, word, (x - word.width / 2, base), style);
    surface.pop();
}

fn fill(of: Colour) -> Fill {
    Fill { paint: colour(of).into(), opacity: NormalizedF32::ONE, ..Fill::default() }
}

fn colour((red, green, blue): Colour) -> rgb::Color {
    rgb::Color::new(red, green, blue)
}

/// The border of an area whose corners are quarters of a circle, drawn as the usual cubic curves.
fn outline(area: Area, radius: Twips) -> Path {
    let Area { left, top, width, height } = area;
    let (right, bottom) = (left + width, top + height);
    let mut path = PathBuilder::new();
    if radius == 0 {
        let rect = Rect::from_ltrb(in_points(left), in_points(top), in_points(right), in_points(bottom));
        path.push_rect(rect.expect("an area has a width and a height"));
        return path.finish().expect("a rectangle is a path");
    }
    let radius = radius.min(width / 2).min(height / 2);
    // 1 - 0.5523 of the radius: from the corner to the handle of a curve that is nearest to the circle.
    let handle = radius * 4_477 / 10_000;
    let corners = [
        // Where the curve begins, its two handles, where it ends; clockwise from the upper right.
        [(right - radius, top), (right - handle, top), (right, top + handle), (right, top + radius)],
        [(right, bottom - radius), (right, bottom - handle), (right - handle, bottom), (right - radius, bottom)],
        [(left + radius, bottom), (left + handle, bottom), (left, bottom - handle), (left, bottom - radius)],
        [(left, top + radius), (left, top + handle), (left + handle, top), (left + radius, top)],
    ];
    path.move_to(in_points(left + radius), in_points(top));
    for [begin, first, second, end] in corners {
        path.line_to(in_points(begin.0), in_points(begin.1));
        path.cubic_to(
            in_points(first.0),
            in_points(first.1),
            in_points(second.0),
            in_points(second.1),
            in_points(end.0),
            in_points(end.1),
        );
    }
    path.close();
    path.finish().expect("a closed line of four curves is a path")
}
