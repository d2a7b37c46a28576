//! Schemas from text, and batches as text.

use standpipe_ingest::{Batch, Column, DataType, Decoder, JsonPath, Schema};

use crate::reader::read_rows;

/// A schema from lines of `name Type`, with ` @path` and ` DEFAULT` behind where wanted.
pub(crate) fn schema(text: &str) -> Schema {
    let columns = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| {
        let (line, has_default) = match line.strip_suffix(" DEFAULT") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let (line, jsonpath) = match line.split_once(" @") {
            Some((line, path)) => (line, Some(JsonPath::parse(path).expect(path))),
            None => (line, None),
        };
        let (name, data_type) = line.split_once(' ').expect("a name and a type");
        let data_type = DataType::parse(data_type).expect(data_type);
        Column { name: name.to_owned(), data_type, jsonpath, has_default }
    });
    Schema { columns: columns.collect() }
}

pub(crate) fn decoder(text: &str) -> Decoder {
    Decoder::new(&schema(text)).expect(text)
}

/// The batch in one line per row: stored rows first, then quarantined rows with their errors.
pub(crate) fn show(text: &str, batch: &Batch) -> Vec<String> {
    let schema = schema(text);
    let with_defaults = Decoder::new(&schema).expect(text).insert_format() == "RowBinaryWithDefaults";
    let rows = read_rows(&schema, with_defaults, &batch.row_binary);
    assert_eq!(rows.len() as u64, batch.rows, "the count of rows is that of the rows written");
    let mut lines: Vec<String> = rows.iter().map(|row| row.join(" | ")).collect();
    for row in &batch.quarantine {
        assert_eq!(row.values.len(), schema.columns.len());
        assert_eq!(row.error_columns.len(), row.errors.len());
        assert!(!row.errors.is_empty());
        let values: Vec<&str> = row.values.iter().map(|value| value.as_deref().unwrap_or("-")).collect();
        let errors: Vec<String> =
            row.error_columns.iter().zip(&row.errors).map(|(column, error)| format!("{column}: {error}")).collect();
        lines.push(format!("QUARANTINE {} ({})", values.join(" | "), errors.join("; ")));
    }
    lines
}

/// What an NDJSON body becomes.
pub(crate) fn ndjson(schema: &str, body: &str) -> Vec<String> {
    let mut batch = Batch::default();
    decoder(schema).ndjson(body.as_bytes(), &mut batch).expect(body);
    show(schema, &batch)
}
