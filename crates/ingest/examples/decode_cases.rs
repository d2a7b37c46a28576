//! Reads cases from standard input, one JSON object per line (`columns`: pairs of name and type, or triples with a DEFAULT;
//! `body`: NDJSON), and writes them back with the bytes that their bodies become. tests/engine/record.py runs it.

use std::io::{BufRead, Write};

use serde_json::{Value, json};
use standpipe_ingest::{Batch, Column, DataType, Decoder, Schema};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let mut case: Value = serde_json::from_str(&line?)?;
        let mut columns = Vec::new();
        for column in case["columns"].as_array().ok_or("columns must be a list")? {
            let text = |at: usize| column[at].as_str().ok_or("a column is a list of texts");
            columns.push(Column {
                name: text(0)?.to_owned(),
                data_type: DataType::parse(text(1)?)?,
                jsonpath: None,
                has_default: column.get(2).is_some(),
            });
        }
        let decoder = Decoder::new(&Schema { columns })?;
        let mut batch = Batch::default();
        decoder.ndjson(case["body"].as_str().ok_or("body must be a text")?.as_bytes(), &mut batch)?;
        let hex: String = batch.row_binary.iter().map(|byte| format!("{byte:02x}")).collect();
        case["format"] = decoder.insert_format().into();
        case["hex"] = hex.into();
        case["refused"] = json!(batch.quarantine.iter().flat_map(|row| row.errors.clone()).collect::<Vec<_>>());
        writeln!(out, "{case}")?;
    }
    Ok(())
}
