//! From a data source's columns to the decoder of its rows.

use standpipe_datafile::{ColumnDef, DefaultKind};
use standpipe_ingest::{Column, DataType, Decoder, JsonPath, Schema};

use crate::error::{Error, Result};

/// The decoder of a data source's rows, with the schema it was made for.
#[derive(Debug)]
pub(super) struct RowDecoder {
    /// Columns that rows have values for.
    pub(super) schema: Schema,
    /// The decoder.
    pub(super) decoder: Decoder,
}

/// The decoder of rows for these columns. MATERIALIZED columns are computed by the engine and take no values.
///
/// Errors: types that rows cannot carry (`AggregateFunction(..)`), paths that are no JSON paths.
pub(super) fn row_decoder(columns: &[ColumnDef]) -> Result<RowDecoder> {
    let columns = columns.iter().filter(|column| !is_computed(column)).map(column).collect::<Result<Vec<_>>>()?;
    let schema = Schema { columns };
    let decoder = Decoder::new(&schema).map_err(|error| Error::bad_request(error.to_string()))?;
    Ok(RowDecoder { schema, decoder })
}

fn is_computed(column: &ColumnDef) -> bool {
    column.default.as_ref().is_some_and(|default| default.kind == DefaultKind::Materialized)
}

fn column(column: &ColumnDef) -> Result<Column> {
    let data_type = DataType::parse(&column.full_type())
        .map_err(|error| Error::bad_request(format!("column '{}' cannot be appended to: {error}", column.name)))?;
    let jsonpath = column
        .jsonpath
        .as_deref()
        .map(|path| {
            JsonPath::parse(path).map_err(|error| Error::bad_request(format!("column '{}': {error}", column.name)))
        })
        .transpose()?;
    Ok(Column { name: column.name.clone(), data_type, jsonpath, has_default: column.default.is_some() })
}
