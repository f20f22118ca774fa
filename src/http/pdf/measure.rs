//! Lengths in twentieths of a point, so that a layout is counted in whole numbers and rounds nowhere.

/// A twentieth of a point, 1/1440 inch. An A4 page is 11,906 by 16,838 of them, which an `i16` can hold.
pub(super) type Twips = i32;

/// The width of A4, 210 mm.
pub(super) const PAGE_WIDTH: Twips = 11_906;
/// The height of A4, 297 mm.
pub(super) const PAGE_HEIGHT: Twips = 16_838;

/// Left and right of everything.
pub(super) const MARGIN: Twips = points(48);
/// What is between the margins.
pub(super) const WIDTH: Twips = PAGE_WIDTH - 2 * MARGIN;
/// Where a page begins.
pub(super) const TOP: Twips = points(42);
/// Where the body of a page ends; the foot is below.
pub(super) const BOTTOM: Twips = PAGE_HEIGHT - points(62);

/// Whole points as a length.
pub(super) const fn points(points: i32) -> Twips {
    points * 20
}

/// A length as the number of points that a PDF counts in. What is far outside of a page ends at its border.
#[expect(clippy::float_arithmetic, reason = "the coordinates of a PDF are decimals; nothing is counted with them")]
pub(super) fn in_points(length: Twips) -> f32 {
    f32::from(saturated(length)) / 20.0
}

/// A distance inside a font as a share of the letter size.
#[expect(clippy::float_arithmetic, reason = "the positions of glyphs are decimals; nothing is counted with them")]
pub(super) fn in_ems(units: i32, units_per_em: u16) -> f32 {
    f32::from(saturated(units)) / f32::from(units_per_em)
}

fn saturated(number: i32) -> i16 {
    i16::try_from(number).unwrap_or(if number < 0 { i16::MIN } else { i16::MAX })
}
