//! What a data source's rows look like: columns, their types, and where in a JSON row they come from.

use crate::{DataType, JsonPath};

/// One column that rows bring a value for. Leave MATERIALIZED and ALIAS columns out of a [`Schema`]: nobody sends them.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name, as in the table.
    pub name: String,
    /// The column's type.
    pub data_type: DataType,
    /// Where the value stands in a JSON row. Without a path it is the row's key that equals the column's name.
    pub jsonpath: Option<JsonPath>,
    /// Whether the table computes a value (DEFAULT) when a row brings none, or brings null.
    pub has_default: bool,
}

/// The columns of a data source, in the order of the INSERT.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schema {
    /// The columns, in the order of the INSERT.
    pub columns: Vec<Column>,
}
