//! One row: all of its columns encoded, or all that is wrong with it.

use super::path_of;
use crate::batch::Batch;
use crate::encode::{Encoded, Reject, encode_at, encode_null, encode_text, excerpt};
use crate::json::{Kind, Scanner, StringBody, Syntax};
use crate::paths::PathTree;
use crate::quarantine::{QuarantinedRow, readable};
use crate::{DataType, Schema, Step};

/// A schema, prepared for rows.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<RowColumn>,
    pub(super) tree: PathTree,
    /// Whether every value is preceded by a byte that says "take the DEFAULT instead".
    pub(super) with_defaults: bool,
    pub(super) holds_json: bool,
}

#[derive(Debug)]
pub(crate) struct RowColumn {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) has_default: bool,
    /// Where the path tree puts the text that the path leads to, up to its first `[:]`.
    slot: usize,
    /// The rest of the path.
    rest: Vec<Step>,
    path: String,
}

/// The value that a row brings for a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    /// None, or a way to say so (null; an empty CSV field): the DEFAULT if there is one, else NULL where possible.
    Nothing { null: bool },
    /// A JSON value.
    Json(&'a [u8]),
    /// A text.
    Text(&'a [u8]),
    /// Bytes that are no text.
    Bytes(&'a [u8]),
}

impl Rows {
    pub(super) fn new(schema: &Schema) -> Rows {
        let mut tree = PathTree::new();
        let columns = schema.columns.iter().map(|column| {
            let path = path_of(column);
            let keys = path.steps().iter().map_while(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Elements => None,
            });
            let count = keys.clone().count();
            RowColumn {
                name: column.name.clone(),
                data_type: column.data_type.clone(),
                has_default: column.has_default,
                slot: tree.add(keys),
                rest: path.steps()[count..].to_vec(),
                path: path.to_string(),
            }
        });
        Rows {
            columns: columns.collect(),
            tree,
            with_defaults: schema.columns.iter().any(|column| column.has_default),
            holds_json: schema.columns.iter().any(|column| column.data_type.holds_json()),
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.tree.slots()
    }

    /// Finds the columns' texts in a row that must be one JSON value, and says what the row is.
    pub(super) fn locate<'a>(
        &self,
        row: &'a [u8],
        is_text: bool,
        slots: &mut [Option<&'a [u8]>],
    ) -> Result<Kind, Syntax> {
        if !is_text && let Err(error) = std::str::from_utf8(row) {
            return Err(Syntax { at: error.valid_up_to(), expected: "UTF-8" });
        }
        let mut scanner = Scanner::new(row);
        self.tree.locate(&mut scanner, slots)?;
        match scanner.peek() {
            Some(_) => Err(Syntax { at: scanner.at(), expected: "the end of the line" }),
            None => Ok(Kind::of(row)),
        }
    }

    /// Adds a located JSON row to the batch: to its rows, or to its quarantine.
    pub(super) fn add(&self, kind: Kind, row: &[u8], slots: &[Option<&[u8]>], batch: &mut Batch) {
        if kind != Kind::Object {
            let why = format!("row is {}, not a JSON object", kind.name());
            batch.quarantine.push(QuarantinedRow::whole(self.columns.len(), &why, row));
            return;
        }
        let found = |column: &RowColumn| match slots[column.slot] {
            None => Found::Nothing { null: false },
            Some(b"null") => Found::Nothing { null: true },
            Some(value) => Found::Json(value),
        };
        if self.encode(found, &mut batch.row_binary) {
            batch.rows += 1;
            return;
        }
        let mut quarantined = self.quarantine(found);
        if quarantined.values.iter().all(Option::is_none) {
            // Without a value to show, the row's own text is all there is to repair it from.
            quarantined.add("", format!("row has none of the schema's fields: {}", readable(row)));
        }
        batch.quarantine.push(quarantined);
    }

    /// Appends a row's values. Returns false, and appends nothing, when one of them does not fit.
    #[inline]
    pub(crate) fn encode<'a>(&self, found: impl Fn(&RowColumn) -> Found<'a>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for column in &self.columns {
            if self.encode_column(column, found(column), out).is_err() {
                out.truncate(start);
                return false;
            }
        }
        true
    }

    fn encode_column(&self, column: &RowColumn, found: Found<'_>, out: &mut Vec<u8>) -> Encoded {
        if self.with_defaults {
            let takes_default = column.has_default && matches!(found, Found::Nothing { .. });
            out.push(u8::from(takes_default));
            if takes_default {
                return Ok(());
            }
        }
        match found {
            Found::Json(value) => encode_at(&column.rest, &column.data_type, Some(value), out),
            Found::Text(text) => encode_text(&column.data_type, text, out),
            Found::Bytes(_) => Err("it is not UTF-8".into()),
            Found::Nothing { .. } if column.data_type.is_nullable() => {
                encode_null(out);
                Ok(())
            }
            Found::Nothing { null: true } => Err("the column is neither Nullable nor has a DEFAULT".into()),
            Found::Nothing { null: false } => Err(Reject::Missing),
        }
    }

    /// What is wrong with a row that `encode` refused, and what it brings.
    pub(crate) fn quarantine<'a>(&self, found: impl Fn(&RowColumn) -> Found<'a>) -> QuarantinedRow {
        let mut row = QuarantinedRow::default();
        let mut scratch = Vec::new();
        for column in &self.columns {
            let value = found(column);
            let text = value.text();
            scratch.clear();
            if let Err(reject) = self.encode_column(column, value, &mut scratch) {
                row.add(&column.name, column.describe(text.as_deref(), &reject));
            }
            row.values.push(text);
        }
        row
    }
}

impl RowColumn {
    fn describe(&self, text: Option<&str>, reject: &Reject) -> String {
        let RowColumn { name, data_type, path, .. } = self;
        let value = excerpt(text.unwrap_or("null"));
        match reject {
            Reject::NotOfType => format!("value '{value}' on column '{name}' is not {data_type}"),
            Reject::Because(reason) => format!("value '{value}' on column '{name}' is not {data_type}: {reason}"),
            Reject::Missing if text.is_some() => {
                format!("value '{value}' on column '{name}' is not {data_type}: it has nothing at '{path}'")
            }
            Reject::Missing => {
                format!("column '{name}' has no value (at '{path}'), and is neither Nullable nor has a DEFAULT")
            }
        }
    }
}

impl Found<'_> {
    /// The value as a quarantine keeps it.
    fn text(self) -> Option<String> {
        match self {
            Found::Nothing { .. } => None,
            Found::Json(value) if Kind::of(value) == Kind::String => {
                Some(readable(&StringBody::of_value(value).text()))
            }
            Found::Json(bytes) | Found::Text(bytes) | Found::Bytes(bytes) => Some(readable(bytes)),
        }
    }
}
