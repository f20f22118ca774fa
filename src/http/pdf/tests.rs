//! Invoices of all lengths, written and read again.

use super::measure::{BOTTOM, MARGIN, PAGE_HEIGHT, TOP, Twips, WIDTH};
use super::sheet::{Mark, Sheet};
use super::*;
use proptest::prelude::*;

fn line(description: &str, quantity: &str, amount: &str) -> Line {
    Line {
        description: description.to_owned(),
        detail: None,
        quantity: quantity.to_owned(),
        unit_price: Some("0.0780".to_owned()),
        amount: amount.to_owned(),
    }
}

fn total(label: &str, value: &str, strong: bool) -> Total {
    Total { label: label.to_owned(), value: value.to_owned(), strong }
}

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.to_owned(), value: value.to_owned() }
}

fn texts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn invoice() -> Document {
    Document {
        title: "Invoice".to_owned(),
        number: Some("INV-2026-000042".to_owned()),
        issuer: texts(&["Wabacus Operations B.V.", "Keizersgracht 1", "1015 CN Amsterdam", "NL123456789B01"]),
        customer: texts(&["Taquería del Sol", "Calle de la Luna 12, 2º", "28004 Madrid", "", "España"]),
        facts: vec![
            fact("Month", "October 2026"),
            fact("Issued", "4 November 2026"),
            fact("Due", "18 November 2026"),
            fact("Currency", "EUR"),
            fact("Plan", "Business Plus"),
        ],
        lines: vec![
            line("Business Plus, monthly fee", "1", "49.00"),
            line("WhatsApp marketing messages, Spain", "12,480", "973.44"),
            Line {
                detail: Some("1 to 10,000 at 0.0300 = 300.00; 10,001 to 100,000 at 0.0240 = 1,004.16".to_owned()),
                unit_price: None,
                ..line("WhatsApp utility messages, all countries", "51,840", "1,304.16")
            },
            line("Adjustment for September 2026: SMS, France", "-12", "-0.94"),
            Line { unit_price: None, ..line("Included credit", "1", "-25.00") },
        ],
        totals: vec![
            total("Subtotal", "2,325.66", false),
            total("Credits applied", "-25.00", false),
            total("Total due", "EUR 2,300.66", true),
        ],
        note: Some(
            "Please pay within 14 days and name the number of this invoice. Thank you for your business.".to_owned(),
        ),
        stamp: None,
    }
}

/// With as many lines, each of them known by its number.
fn long_invoice(count: usize) -> Document {
    let lines = (1..=count).map(|at| line(&format!("Line {at:04}"), "12,345.678901", &format!("{at},567.89")));
    Document { lines: lines.collect(), ..invoice() }
}

/// Texts that no line is long enough for, everywhere.
fn absurd_invoice() -> Document {
    let long = "W".repeat(900);
    let lines = vec![long.clone(); 12];
    Document {
        title: format!("Invoice {long}"),
        number: Some(long.clone()),
        issuer: lines.clone(),
        customer: lines,
        facts: (0..10).map(|_| fact(&long, &long)).collect(),
        lines: vec![
            Line {
                description: long.clone(),
                detail: Some(long.clone()),
                quantity: long.clone(),
                unit_price: Some(long.clone()),
                amount: long.clone()
            };
            2
        ],
        totals: (0..12).map(|at| total(&long, &long, at % 2 == 0)).collect(),
        note: Some(long.repeat(3)),
        stamp: Some(long),
    }
}

fn sheets(document: &Document) -> Vec<Sheet> {
    layout::sheets(document, &font::Fonts::new())
}

/// A line of text on a sheet: what it says, and its left, upper, right and lower border.
type Written<'a> = (&'a str, [Twips; 4]);

fn written(sheet: &Sheet) -> Vec<Written<'_>> {
    let texts = sheet.marks.iter().filter_map(|mark| match mark {
        Mark::Text { run, left, base, style } => {
            let (top, bottom) = (base - style.size * 3 / 4, base + style.size / 5);
            Some((run.text.as_str(), [*left, top, left + run.width, bottom]))
        }
        Mark::Fill { .. } | Mark::Stamp { .. } => None,
    });
    texts.collect()
}

#[track_caller]
fn expect_readable(document: &Document) {
    for (page, sheet) in sheets(document).iter().enumerate() {
        let texts = written(sheet);
        for (at, (text, [left, top, right, bottom])) in texts.iter().enumerate() {
            assert!(
                *left >= MARGIN && *right <= MARGIN + WIDTH,
                "page {page}: {text} leaves the page: {left}, {right}"
            );
            assert!(*top >= TOP && *bottom <= PAGE_HEIGHT, "page {page}: {text} leaves the page: {top}, {bottom}");
            for (other, area) in &texts[at + 1..] {
                let apart = *right <= area[0] || area[2] <= *left || *bottom <= area[1] || area[3] <= *top;
                assert!(apart, "page {page}: {text} and {other} overlap");
            }
        }
    }
}

/// What a reader of PDF makes of the pages.
fn read(bytes: &[u8]) -> Vec<String> {
    let pdf = lopdf::Document::load_mem(bytes).unwrap();
    pdf.get_pages().keys().map(|page| pdf.extract_text(&[*page]).unwrap()).collect()
}

#[track_caller]
fn expect_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn the_same_document_is_the_same_bytes() {
    let invoice = Document { stamp: Some("PAID".to_owned()), ..long_invoice(60) };
    assert_eq!(render(&invoice).unwrap(), render(&invoice.clone()).unwrap());
    let other = Document { stamp: Some("VOID".to_owned()), ..invoice.clone() };
    assert_ne!(render(&invoice).unwrap(), render(&other).unwrap());
}

#[test]
fn a_small_invoice_is_a_page_that_says_everything() {
    let bytes = render(&Document { stamp: Some("PAID".to_owned()), ..invoice() }).unwrap();
    let pages = read(&bytes);
    assert_eq!(pages.len(), 1);
    expect_all(&pages[0], &["Wabacus", "Invoice", "INV-2026-000042", "PAID", "1 / 1"]);
    expect_all(&pages[0], &["Wabacus Operations B.V.", "Taquería del Sol", "Calle de la Luna 12, 2º", "España"]);
    expect_all(&pages[0], &["Month", "October 2026", "Due", "18 November 2026", "Plan", "Business Plus"]);
    expect_all(&pages[0], &["WhatsApp marketing messages, Spain", "12,480", "0.0780", "973.44"]);
    expect_all(&pages[0], &["1 to 10,000 at 0.0300 = 300.00", "Total due", "EUR 2,300.66", "within 14 days"]);
}

#[test]
fn the_file_says_what_it_is_and_in_which_language() {
    let pdf = lopdf::Document::load_mem(&render(&invoice()).unwrap()).unwrap();
    let about = pdf.trailer.get(b"Info").unwrap().as_reference().unwrap();
    let about = pdf.get_dictionary(about).unwrap();
    assert_eq!(lopdf::decode_text_string(about.get(b"Title").unwrap()).unwrap(), "Invoice INV-2026-000042");
    assert_eq!(lopdf::decode_text_string(about.get(b"Author").unwrap()).unwrap(), "Wabacus Operations B.V.");
    assert!(!about.has(b"CreationDate"), "the day of rendering is not a part of the invoice");
    let language = pdf.catalog().unwrap().get(b"Lang").unwrap();
    assert_eq!(lopdf::decode_text_string(language).unwrap(), "en");
}

#[test]
fn a_long_invoice_has_every_line_once_and_each_page_a_header_and_a_number() {
    let pages = read(&render(&long_invoice(200)).unwrap());
    assert!((5..12).contains(&pages.len()), "{}", pages.len());
    for (at, page) in pages.iter().enumerate() {
        let number = format!("{} / {}", at + 1, pages.len());
        expect_all(page, &["Invoice INV-2026-000042", "Description", "Quantity", "Unit price", "Amount", &number]);
    }
    let all = pages.concat();
    let places: Vec<_> =
        (1..=200).map(|at| format!("Line {at:04}")).map(|line| all.match_indices(&line).collect()).collect();
    assert!(places.iter().all(|found: &Vec<_>| found.len() == 1), "a line is missing or there twice");
    assert!(places.is_sorted_by_key(|found| found[0].0), "the lines are out of order");
    // No totals without a line above them.
    expect_all(&pages[pages.len() - 1], &["Line 0200", "Subtotal", "Total due", "within 14 days"]);
}

#[test]
fn totals_are_never_torn_apart_wherever_the_lines_end() {
    for count in 15..32 {
        let document = long_invoice(count);
        let last = format!("Line {count:04}");
        for sheet in sheets(&document) {
            let texts: Vec<_> = written(&sheet).into_iter().map(|(text, _)| text).collect();
            let found = ["Subtotal", "Credits applied", "Total due", &last].map(|text| texts.contains(&text));
            assert!(found == [true; 4] || found == [false; 4], "{count} lines: {texts:?}");
        }
    }
}

#[test]
fn a_draft_and_a_stamp_are_seen_on_every_page() {
    let title = "Draft invoice".to_owned();
    let draft = Document { title, number: None, stamp: Some("VOID".to_owned()), ..long_invoice(60) };
    let pages = read(&render(&draft).unwrap());
    assert!(pages.len() > 1);
    for page in &pages {
        expect_all(page, &["Draft invoice", "VOID"]);
    }
}

#[test]
fn numbers_end_at_one_border() {
    let document = invoice();
    let sheets = sheets(&document);
    let texts = written(&sheets[0]);
    let right = |wanted: &str| texts.iter().find(|(text, _)| *text == wanted).unwrap().1[2];
    for number in ["Amount", "49.00", "973.44", "1,304.16", "-0.94", "2,325.66", "EUR 2,300.66"] {
        assert_eq!(right(number), MARGIN + WIDTH, "{number}");
    }
    assert_eq!(right("12,480"), right("-12"));
}

#[test]
fn names_of_many_alphabets_are_written() {
    let names = ["Taquería del Sol", "Čajovna", "Ελλάδα", "Кофе", "Łódź – Ørsted", "₹ 1,234.50"];
    let lines = names.iter().map(|name| line(name, "1", "1.00")).collect();
    let pages = read(&render(&Document { lines, ..invoice() }).unwrap());
    expect_all(&pages[0], &names);
}

#[test]
fn what_the_font_lacks_is_a_box_and_no_failure() {
    let names = ["珈琲", "😀👩‍👩‍👧‍👦", "नमस्ते", "مرحبا", "\u{202e}abc", "\u{0}\u{feff}\u{200d}"];
    let lines = names.iter().map(|name| line(name, name, name)).collect();
    let document = Document { lines, customer: texts(&names), ..invoice() };
    expect_readable(&document);
    let pages = read(&render(&document).unwrap());
    expect_all(&pages[0], &["Wabacus Operations B.V.", "Total due"]);
}

#[test]
fn nothing_overlaps_and_nothing_leaves_the_page() {
    expect_readable(&invoice());
    expect_readable(&Document { stamp: Some("PAID".to_owned()), ..long_invoice(60) });
    expect_readable(&absurd_invoice());
    let stamp = Some("SETTLED BY SET-OFF".to_owned());
    expect_readable(&Document { facts: Vec::new(), totals: Vec::new(), note: None, stamp, ..invoice() });
}

#[test]
fn the_body_ends_above_the_foot() {
    for document in [absurd_invoice(), long_invoice(60)] {
        for sheet in sheets(&document) {
            let texts = written(&sheet);
            let body = texts.iter().filter(|(text, _)| !text.contains(" / ") && !text.starts_with("Invoice"));
            let lowest = body.map(|(_, area)| area[3]).max().unwrap();
            assert!(lowest <= BOTTOM, "{lowest} is below {BOTTOM}");
        }
    }
}

#[test]
fn empty_texts_are_drawn_as_nothing() {
    let empty = Document {
        title: String::new(),
        number: Some(String::new()),
        issuer: texts(&["", " "]),
        customer: Vec::new(),
        facts: vec![fact("", "")],
        lines: vec![Line { unit_price: None, detail: Some(String::new()), ..line("", "", "") }],
        totals: vec![total("", "", true)],
        note: Some(String::new()),
        stamp: Some(String::new()),
    };
    expect_readable(&empty);
    let pages = read(&render(&empty).unwrap());
    assert_eq!(pages.len(), 1);
    expect_all(&pages[0], &["Description", "1 / 1"]);
}

#[test]
fn an_invoice_has_a_line_and_not_more_than_the_limit() {
    assert!(long_invoice(LINES_MAX).check().is_ok());
    assert!(matches!(
        render(&long_invoice(LINES_MAX + 1)),
        Err(PdfError::TooMany { what: "lines", count: 2_001, limit: LINES_MAX })
    ));
    assert!(matches!(render(&long_invoice(0)), Err(PdfError::NoLines)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_text_can_be_drawn(words in prop::collection::vec("\\PC{0,40}|[ \\PC]{0,200}|.{0,20}", 8), count in 1_usize..4) {
        let own = line(&words[2], &words[3], &words[4]);
        let document = Document {
            customer: vec![words[0].clone(), words[1].clone()],
            lines: vec![Line { detail: Some(words[5].clone()), ..own }; count],
            totals: vec![total(&words[5], &words[6], true)],
            note: Some(words[7].clone()),
            stamp: Some(words[1].clone()),
            ..invoice()
        };
        expect_readable(&document);
        prop_assert!(render(&document).is_ok());
    }
}
