//! Rates as lines of CSV: made for price lists with a price for each category and country, such as Meta's of WhatsApp messages.
//!
//! The first line names the columns, in any order: `kind`, `resource_type` and `effective_from` must be there; `category`, `country`, `model`,
//! `unit_price` and `tiers` may be. An empty cell is as one that is not there: any category, any country, the model `PER_UNIT`. Tiers are
//! written `upTo:unitPrice` or `upTo:unitPrice:flatFee` with semicolons between them, the last without an end:
//! `1000:0.01;10000:0.008:5;:0.005`. A package of 100 for 7 is `100:0:7`. Cells are separated by commas and may be quoted; spaces around them
//! do not count. A price list's regions are written country by country, and the rest of the world as a line without a country.

use std::collections::HashMap;

use ::csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

use super::{CSV_ROWS_MAX, RateDraft, TierDraft};
use crate::domain::account_usage::UsageCategory;
use crate::domain::channel::ChannelKind;
use crate::domain::input::BadInput;
use crate::domain::period;
use crate::domain::rating::RateModel;

/// Every column, and whether it must be there.
const COLUMNS: [(&str, bool); 8] = [
    ("kind", true),
    ("resource_type", true),
    ("category", false),
    ("country", false),
    ("effective_from", true),
    ("model", false),
    ("unit_price", false),
    ("tiers", false),
];

/// A rate and the line that it stands on, the header's being 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) draft: RateDraft,
}

/// Reads all lines. Complaints name `csv line 7: country`.
pub(super) fn read(text: &str) -> Result<Vec<Line>, BadInput> {
    // What spreadsheets put in front of UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
    let mut count = LineCount { rest: text.as_bytes(), byte: 0, line: 1 };
    let columns = columns(reader.headers().map_err(|error| unreadable(&mut count, &error))?)?;
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&mut count, &error))?;
        let number = count.of(record.position());
        if lines.len() == CSV_ROWS_MAX {
            let accepted = format!("expected at most {CSV_ROWS_MAX} rates");
            return Err(BadInput::new(format!("csv line {number}"), "one more", accepted));
        }
        let row = Row { number, columns: &columns, record: &record };
        lines.push(Line { number, draft: row.draft()? });
    }
    if lines.is_empty() {
        return Err(BadInput::new(
            "csv",
            text,
            "expected a line that names the columns, and then a line for each rate",
        ));
    }
    Ok(lines)
}

/// A complaint about a field of the rate on a line, by the name of the column: `csv line 7: unit_price`.
pub(super) fn of_column(line: u64, bad: BadInput) -> BadInput {
    let mut column = String::new();
    for letter in bad.field.chars() {
        // What is within a cell has no column, and keeps the name that it has in the API.
        if letter.is_ascii_uppercase() && !column.contains('[') {
            column.push('_');
            column.push(letter.to_ascii_lowercase());
        } else {
            column.push(letter);
        }
    }
    bad.under(format!("csv line {line}: {column}"))
}

fn columns(header: &StringRecord) -> Result<HashMap<&'static str, usize>, BadInput> {
    let names = COLUMNS.map(|(name, _)| name).join(", ");
    let mut columns = HashMap::new();
    for (place, cell) in header.iter().enumerate() {
        let known = COLUMNS.into_iter().map(|(name, _)| name).find(|name| name.eq_ignore_ascii_case(cell));
        let name = known.ok_or_else(|| BadInput::new("csv line 1", cell, format!("expected the columns {names}")))?;
        if columns.insert(name, place).is_some() {
            return Err(BadInput::new("csv line 1", cell, "expected each column once"));
        }
    }
    match COLUMNS.into_iter().find(|(name, required)| *required && !columns.contains_key(name)) {
        Some((name, _)) => {
            let header: Vec<_> = header.iter().collect();
            Err(BadInput::new("csv line 1", header.join(","), format!("expected a column {name}")))
        }
        None => Ok(columns),
    }
}

/// Counts lines as an editor does. The library's own count leaves out empty lines, and lags one behind where lines end with CR LF.
struct LineCount<'a> {
    rest: &'a [u8],
    byte: u64,
    line: u64,
}

impl LineCount<'_> {
    /// The line of a record that begins there; later records come later.
    fn of(&mut self, position: Option<&::csv::Position>) -> u64 {
        let begin = position.map_or(0, ::csv::Position::byte);
        // What separates a record from the one before it is taken for its own first bytes.
        while let Some((byte, rest)) = self.rest.split_first()
            && (self.byte < begin || matches!(byte, b'\r' | b'\n'))
        {
            self.line += u64::from(*byte == b'\n');
            self.byte += 1;
            self.rest = rest;
        }
        self.line
    }
}

fn unreadable(count: &mut LineCount<'_>, error: &::csv::Error) -> BadInput {
    let line = count.of(error.position());
    let accepted = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, .. } => format!("expected {expected_len} cells, as many as columns"),
        ErrorKind::Io(_)
        | ErrorKind::Utf8 { .. }
        | ErrorKind::Seek
        | ErrorKind::Serialize(_)
        | ErrorKind::Deserialize { .. }
        | _ => "expected CSV with commas".to_owned(),
    };
    BadInput::new(format!("csv line {line}"), error, accepted)
}

/// A line as text.
struct Row<'a> {
    number: u64,
    columns: &'a HashMap<&'static str, usize>,
    record: &'a StringRecord,
}

impl Row<'_> {
    /// What stands in a column; `None`: nothing.
    fn cell(&self, column: &str) -> Option<&str> {
        let place = self.columns.get(column)?;
        self.record.get(*place).filter(|cell| !cell.is_empty())
    }

    /// A code out of a column, such as `WHATSAPP`, in any case.
    fn code<T>(&self, column: &str, codes: &[T], code: impl Fn(&T) -> &'static str) -> Result<Option<T>, BadInput>
    where
        T: Copy,
    {
        let Some(cell) = self.cell(column) else { return Ok(None) };
        let found = codes.iter().find(|known| code(known).eq_ignore_ascii_case(cell));
        found.copied().map(Some).ok_or_else(|| {
            let known: Vec<_> = codes.iter().map(code).collect();
            self.bad(column, cell, format!("expected one of {}", known.join(", ")))
        })
    }

    fn bad(&self, column: &str, cell: &str, accepted: impl Into<String>) -> BadInput {
        BadInput::new(format!("csv line {}: {column}", self.number), cell, accepted)
    }

    fn draft(&self) -> Result<RateDraft, BadInput> {
        let missing = |column, accepted: &str| self.bad(column, "", accepted);
        let kind = self.code("kind", ChannelKind::ALL, |kind| kind.code())?;
        let effective_from = self.cell("effective_from").unwrap_or_default();
        let effective_from =
            period::parse_date("effective_from", effective_from).map_err(|bad| of_column(self.number, bad))?;
        let tiers = self.cell("tiers").map(|cell| self.tiers(cell)).transpose()?;
        Ok(RateDraft {
            kind: kind.ok_or_else(|| missing("kind", "expected a kind of channel, such as WHATSAPP"))?,
            resource_type: self.cell("resource_type").unwrap_or_default().to_owned(),
            category: self.code("category", UsageCategory::ALL, |category| category.code())?,
            country: self.cell("country").map(str::to_owned),
            effective_from,
            model: self.code("model", RateModel::ALL, |model| model.code())?.unwrap_or(RateModel::PerUnit),
            unit_price: self.cell("unit_price").map(str::to_owned),
            tiers: tiers.unwrap_or_default(),
        })
    }

    fn tiers(&self, cell: &str) -> Result<Vec<TierDraft>, BadInput> {
        let tier = |text: &str| {
            let filled = |part: &str| Some(part.trim().to_owned()).filter(|part| !part.is_empty());
            let parts: Vec<_> = text.split(':').collect();
            match parts.as_slice() {
                [up_to, unit_price] => {
                    Some(TierDraft { up_to: filled(up_to), unit_price: unit_price.trim().to_owned(), flat_fee: None })
                }
                [up_to, unit_price, flat_fee] => Some(TierDraft {
                    up_to: filled(up_to),
                    unit_price: unit_price.trim().to_owned(),
                    flat_fee: filled(flat_fee),
                }),
                _ => None,
            }
        };
        let tiers: Option<Vec<_>> = cell.split(';').map(tier).collect();
        tiers.ok_or_else(|| self.bad("tiers", cell, "expected tiers such as 1000:0.01;10000:0.008:5;:0.005"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "kind,resource_type,category,country,effective_from,model,unit_price,tiers";

    fn field(lines: &str) -> String {
        read(&format!("{HEADER}\n{lines}")).unwrap_err().field
    }

    #[test]
    fn a_price_list_is_read_line_by_line() {
        let text = "\u{feff}Kind, resource_type ,country,CATEGORY,effective_from,unit_price\r\n\
                    WHATSAPP,message,IN,marketing,2026-07-01,0.0107\r\n\
                    \r\n\
                    whatsapp,\"message\",,Utility,2026-07-01, 0.0014\r\n";
        let lines = read(text).unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 4]);
        let [first, second] = lines.as_slice() else { panic!("two lines") };
        assert_eq!((first.draft.country.as_deref(), second.draft.country.as_deref()), (Some("IN"), None));
        assert_eq!(second.draft.category, Some(UsageCategory::Utility));
        assert_eq!(second.draft.unit_price.as_deref(), Some("0.0014"));
        assert_eq!(second.draft.model, RateModel::PerUnit);
    }

    #[test]
    fn tiers_stand_in_one_cell() {
        let text = format!("{HEADER}\nSMS,message,,,2026-07-01,GRADUATED,,1000:0.01; 10000 : 0.008 : 5 ;:0.005\n");
        let tiers = read(&text).unwrap().remove(0).draft.tiers;
        let tier = |up_to: Option<&str>, unit_price: &str, flat_fee: Option<&str>| TierDraft {
            up_to: up_to.map(str::to_owned),
            unit_price: unit_price.to_owned(),
            flat_fee: flat_fee.map(str::to_owned),
        };
        let expected =
            [tier(Some("1000"), "0.01", None), tier(Some("10000"), "0.008", Some("5")), tier(None, "0.005", None)];
        assert_eq!(tiers, expected);
    }

    #[test]
    fn a_complaint_names_line_and_column() {
        assert_eq!(field("SMS,message,,,2026-07-01,,1,\nFAX,message,,,2026-07-01,,1,"), "csv line 3: kind");
        assert_eq!(field(",message,,,2026-07-01,,1,"), "csv line 2: kind");
        assert_eq!(field("SMS,message,cheap,,2026-07-01,,1,"), "csv line 2: category");
        assert_eq!(field("SMS,message,,,2026-7-1,,1,"), "csv line 2: effective_from");
        assert_eq!(field("SMS,message,,,,,1,"), "csv line 2: effective_from");
        assert_eq!(field("SMS,message,,,2026-07-01,FREE,1,"), "csv line 2: model");
        assert_eq!(field("SMS,message,,,2026-07-01,VOLUME,,10"), "csv line 2: tiers");
        assert_eq!(field("SMS,message,,"), "csv line 2");
        assert_eq!(field(""), "csv");
        let read_field = |text: &str| read(text).unwrap_err().field;
        assert_eq!(read_field(""), "csv line 1");
        assert_eq!(
            field("\r\n\nSMS,\"mes\nsage\",,,2026-07-01,,1,\r\n\r\nSMS,message,,,never,,1,"),
            "csv line 7: effective_from"
        );
        assert_eq!(field("\r\n\r\nSMS,message"), "csv line 4");
        assert_eq!(read_field("kind,resource_type,price\n"), "csv line 1");
        assert_eq!(read_field("kind,kind\n"), "csv line 1");
        assert_eq!(read_field("kind,resource_type\n"), "csv line 1");
        let renamed = |field: &str| of_column(7, BadInput::new(field, "", "")).field;
        assert_eq!(renamed("unitPrice"), "csv line 7: unit_price");
        assert_eq!(renamed("tiers[1].upTo"), "csv line 7: tiers[1].upTo");
    }

    #[test]
    fn more_lines_than_are_taken_at_once_are_refused() {
        let lines = "SMS,message,,,2026-07-01,,1,\n".repeat(CSV_ROWS_MAX);
        assert_eq!(read(&format!("{HEADER}\n{lines}")).unwrap().len(), CSV_ROWS_MAX);
        assert_eq!(field(&format!("{lines}SMS,message,,,2026-07-01,,1,")), "csv line 5002");
    }
}
