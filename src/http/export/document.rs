//! The bytes of an export: its beginning, its records, and a last line by which a reader knows that it is whole.
//!
//! The last line says how many records there are, what they cost together, and the SHA-256 of all bytes before it.

use actix_web::web::Bytes;
use csv::{Writer, WriterBuilder};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Format;
use super::row::{COLUMNS, Row};
use crate::domain::id::UsageRecordId;
use crate::domain::money::{Money, Overflow};
use crate::domain::usage::UsageRecord;

/// A document that is being written.
#[derive(Debug)]
pub(super) struct Document {
    format: Format,
    after: Option<UsageRecordId>,
    hasher: Sha256,
    records: u64,
    /// Of the costs that were stamped.
    cost: Money,
    has_begun: bool,
}

impl Document {
    /// One that goes on behind `after`, or begins at the beginning.
    pub(super) fn new(format: Format, after: Option<UsageRecordId>) -> Self {
        Self { format, after, hasher: Sha256::new(), records: 0, cost: Money::ZERO, has_begun: false }
    }

    /// The next records; before the first ones, the beginning.
    pub(super) fn page(&mut self, records: &[UsageRecord]) -> Result<Bytes, Overflow> {
        let mut bytes = self.beginning();
        match self.format {
            Format::Csv => {
                let mut writer = writer(bytes);
                for record in records {
                    self.count(record)?;
                    write(&mut writer, Row::of(record).cells().iter().map(AsRef::as_ref));
                }
                bytes = into_bytes(writer);
            }
            Format::Json => {
                for record in records {
                    if self.records > 0 {
                        bytes.extend_from_slice(b",\n");
                    }
                    self.count(record)?;
                    serde_json::to_writer(&mut bytes, &Row::of(record))
                        .expect("texts can be written to memory as JSON");
                }
            }
        }
        self.hasher.update(&bytes);
        Ok(bytes.into())
    }

    /// What is left once there are no more records.
    pub(super) fn end(&mut self) -> Bytes {
        let mut bytes = self.beginning();
        if self.format == Format::Json {
            bytes.extend_from_slice(if self.records > 0 { b"\n],\n" } else { b"],\n" });
        }
        self.hasher.update(&bytes);
        let sha256 = hex::encode(self.hasher.clone().finalize());
        let (records, cost) = (self.records, self.cost);
        let line = match (self.format, self.after) {
            (Format::Csv, None) => format!("# records={records} cost={cost} sha256={sha256}\n"),
            (Format::Csv, Some(after)) => format!("# records={records} cost={cost} after={after} sha256={sha256}\n"),
            (Format::Json, after) => {
                let trailer = json!({ "records": records, "cost": cost, "after": after, "sha256": sha256 });
                format!("\"trailer\":{trailer}}}\n")
            }
        };
        bytes.extend_from_slice(line.as_bytes());
        bytes.into()
    }

    fn count(&mut self, record: &UsageRecord) -> Result<(), Overflow> {
        self.records += 1;
        self.cost = self.cost.checked_add(record.cost.unwrap_or_default()).ok_or(Overflow)?;
        Ok(())
    }

    fn beginning(&mut self) -> Vec<u8> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Vec::new();
        }
        match (self.format, self.after) {
            (Format::Csv, _) => {
                let mut writer = writer(Vec::new());
                write(&mut writer, COLUMNS);
                into_bytes(writer)
            }
            (Format::Json, None) => b"{\"records\":[\n".to_vec(),
            (Format::Json, Some(after)) => format!("{{\"after\":\"{after}\",\"records\":[\n").into_bytes(),
        }
    }
}

fn writer(to: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new().from_writer(to)
}

fn write<'a>(writer: &mut Writer<Vec<u8>>, cells: impl IntoIterator<Item = &'a str>) {
    writer.write_record(cells).expect("rows of one length can be written to memory");
}

fn into_bytes(writer: Writer<Vec<u8>>) -> Vec<u8> {
    writer.into_inner().expect("memory takes what is written to it")
}
