//! Many rows as one value for each column, which is how PostgreSQL takes them in fastest.
//!
//! A statement with a place for every value is another one for every number of rows, each of them parsed, planned and kept by every connection.
//! With an array for each column there is one for each table. The arrays are written as text (see PostgreSQL's manual, chapter 8.15.2), because
//! the driver's own cannot hold a null, and text can.

use std::fmt::Write as _;

use sea_orm::sea_query::{ColumnType, Expr, ExprTrait as _, Func, Query, SelectStatement};
use sea_orm::{ColumnTrait, DbErr, Value};

use super::StoreError;

/// How many rows one statement writes.
pub(super) const ROWS_MAX: usize = 5_000;

/// The columns of rows, each as the text of an array.
#[derive(Debug)]
pub(super) struct Arrays {
    columns: Vec<(String, &'static str)>,
}

impl Arrays {
    /// Of no rows yet, with these columns.
    pub(super) fn of<C: ColumnTrait>(columns: impl IntoIterator<Item = C>) -> Result<Self, StoreError> {
        let array = |column: C| Ok(("{".to_owned(), array_of(column.def().get_column_type())?));
        Ok(Self { columns: columns.into_iter().map(array).collect::<Result<_, StoreError>>()? })
    }

    /// Adds a row: a value for each column, in their order.
    pub(super) fn push(&mut self, values: impl IntoIterator<Item = Value>) -> Result<(), StoreError> {
        for ((text, _), value) in self.columns.iter_mut().zip(values) {
            if text.len() > 1 {
                text.push(',');
            }
            write_value(text, value)?;
        }
        Ok(())
    }

    /// The rows, in the order in which they were added, for `INSERT INTO ... SELECT`.
    pub(super) fn select(self) -> SelectStatement {
        let mut select = Query::select();
        for (text, array) in self.columns {
            select.expr(Func::cust("unnest").arg(Expr::val(text + "}").cast_as(array)));
        }
        select
    }

    /// The same for a statement written by hand: what goes behind `SELECT`, with places from `$1` on, and the values.
    pub(super) fn into_parts(self, list_of_names: &str) -> (String, Vec<Value>) {
        let columns = self.columns.iter().zip(list_of_names.split(", ")).enumerate();
        let list =
            columns.map(|(place, ((_, array), name))| format!("unnest(CAST(${} AS {array})) AS {name}", place + 1));
        let list = list.collect::<Vec<_>>().join(", ");
        (list, self.columns.into_iter().map(|(text, _)| Value::from(text + "}")).collect())
    }
}

/// The text of one array.
pub(super) fn array(values: impl IntoIterator<Item = Value>) -> Result<Value, StoreError> {
    let mut text = "{".to_owned();
    for value in values {
        if text.len() > 1 {
            text.push(',');
        }
        write_value(&mut text, value)?;
    }
    Ok(Value::from(text + "}"))
}

/// What PostgreSQL calls an array of a column's values.
#[expect(clippy::wildcard_enum_match_arm, reason = "the tables have columns of these types and of no others")]
fn array_of(column: &ColumnType) -> Result<&'static str, StoreError> {
    Ok(match column {
        ColumnType::Uuid => "uuid[]",
        ColumnType::String(_) | ColumnType::Text | ColumnType::Char(_) => "text[]",
        ColumnType::SmallInteger => "smallint[]",
        ColumnType::Integer => "integer[]",
        ColumnType::BigInteger => "bigint[]",
        ColumnType::Boolean => "boolean[]",
        ColumnType::Date => "date[]",
        ColumnType::Timestamp | ColumnType::TimestampWithTimeZone => "timestamptz[]",
        ColumnType::Json | ColumnType::JsonBinary => "json[]",
        ColumnType::Binary(_) | ColumnType::VarBinary(_) | ColumnType::Blob => "bytea[]",
        other => return Err(DbErr::Custom(format!("no column is {other:?}")).into()),
    })
}

/// Writes a value as an array holds it: a null bare, and what may hold anything between quotation marks.
#[expect(clippy::wildcard_enum_match_arm, reason = "the tables have columns of these types and of no others")]
fn write_value(text: &mut String, value: Value) -> Result<(), StoreError> {
    // Writing into a String cannot fail.
    let _ = match value {
        Value::Uuid(Some(value)) => write!(text, "{value}"),
        Value::SmallInt(Some(value)) => write!(text, "{value}"),
        Value::Int(Some(value)) => write!(text, "{value}"),
        Value::BigInt(Some(value)) => write!(text, "{value}"),
        Value::Bool(Some(value)) => write!(text, "{value}"),
        Value::ChronoDate(Some(value)) => write!(text, "{value}"),
        Value::ChronoDateTimeUtc(Some(value)) => write!(text, "\"{}\"", value.format("%Y-%m-%d %H:%M:%S%.6f+00")),
        Value::String(Some(value)) => {
            quote(text, &value);
            Ok(())
        }
        Value::Json(Some(value)) => {
            quote(text, &value.to_string());
            Ok(())
        }
        Value::Bytes(Some(value)) => {
            text.push_str("\"\\\\x");
            value.iter().try_for_each(|byte| write!(text, "{byte:02x}")).map(|()| text.push('"'))
        }
        Value::Uuid(None)
        | Value::SmallInt(None)
        | Value::Int(None)
        | Value::BigInt(None)
        | Value::Bool(None)
        | Value::ChronoDate(None)
        | Value::ChronoDateTimeUtc(None)
        | Value::String(None)
        | Value::Json(None)
        | Value::Bytes(None) => {
            text.push_str("NULL");
            Ok(())
        }
        other => return Err(DbErr::Custom(format!("no column holds {other:?}")).into()),
    };
    Ok(())
}

fn quote(text: &mut String, value: &str) {
    text.push('"');
    for letter in value.chars() {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use entity::usage_record::Column;

    use super::*;

    #[test]
    fn what_would_end_a_text_is_marked_and_a_null_is_no_text() {
        let mut arrays = Arrays::of([Column::ResourceId, Column::QuantityMicros, Column::ContentHash]).unwrap();
        for (text, number, bytes) in
            [(Some("a\"b\\c,{}"), 7, vec![0_u8, 255]), (None, -1, vec![]), (Some("NULL"), 0, vec![1])]
        {
            arrays.push([Value::from(text), Value::from(i64::from(number)), Value::from(bytes)]).unwrap();
        }
        let (list, values) = arrays.into_parts("resource, quantity, hash");
        assert!(list.starts_with("unnest(CAST($1 AS text[])) AS resource, unnest(CAST($2 AS bigint[]))"), "{list}");
        let texts = [r#"{"a\"b\\c,{}",NULL,"NULL"}"#, "{7,-1,0}", r#"{"\\x00ff","\\x","\\x01"}"#];
        assert_eq!(values, texts.map(Value::from));
    }
}
