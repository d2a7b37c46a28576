//! Whether a query's columns fit the columns of the table that they go into.

use crate::error::{Error, Result};
use crate::storage::TableColumn;

/// The names of the query's columns, in its order, for an INSERT into the table. Errors: what does not fit, column by
/// column.
pub(crate) fn fit_columns(query: &[TableColumn], table: &[TableColumn], target: &str) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for column in query {
        match table.iter().find(|it| it.name == column.name) {
            None => faults.push(format!("the target has no column '{}' ({})", column.name, column.data_type)),
            Some(it) if matches!(it.default_kind.as_str(), "MATERIALIZED" | "ALIAS") => {
                faults.push(format!("column '{}' of the target is computed and takes no values", it.name));
            }
            Some(it) if !fits(&column.data_type, &it.data_type) => faults.push(format!(
                "column '{}' is {} in the query and {} in the target: cast it in the query",
                it.name, column.data_type, it.data_type
            )),
            Some(_) => {}
        }
    }
    for column in table.iter().filter(|column| column.default_kind.is_empty()) {
        if !query.iter().any(|it| it.name == column.name) {
            faults.push(format!("the query has no column '{}' ({})", column.name, column.data_type));
        }
    }
    if faults.is_empty() {
        return Ok(query.iter().map(|column| column.name.clone()).collect());
    }
    Err(Error::bad_request(format!("the query does not fit the target data source '{target}': {}", faults.join("; "))))
}

/// Whether every value of one type is a value of the other. Both are as the engine writes them.
fn fits(from: &str, to: &str) -> bool {
    let (from, to) = (plain(from), plain(to));
    if from == to {
        return true;
    }
    // What it holds is a value; only the function that merges two of them stands in the type.
    if let Some(inside) = simple_state(from) {
        return fits(inside, simple_state(to).unwrap_or(to));
    }
    if let Some(inside) = argument(to, "Nullable") {
        return fits(argument(from, "Nullable").unwrap_or(from), inside);
    }
    if counts(from) && counts(to) {
        return true;
    }
    if let (Some(from), Some(to)) = (argument(from, "Array"), argument(to, "Array")) {
        return fits(from, to);
    }
    if let Some(inside) = simple_state(to) {
        return fits(from, inside);
    }
    if let (Some(from), Some(to)) = (decimal(from), decimal(to)) {
        return from.0 - from.1 <= to.0 - to.1 && from.1 <= to.1;
    }
    if let (Some((key, value)), Some((to_key, to_value))) = (map(from), map(to)) {
        return fits(key, to_key) && fits(value, to_value);
    }
    if let (Some(from), Some(to)) = (Integer::of(from), Integer::of(to)) {
        return from.fits(to);
    }
    let date_time = |name: &str| name == "DateTime" || name.starts_with("DateTime(");
    match (from, to) {
        ("Float32", "Float64") | ("Date", "Date32") => true,
        (from, to) if date_time(from) => date_time(to) || to.starts_with("DateTime64("),
        (from, "Float64") => Integer::of(from).is_some_and(|it| it.bits <= 32),
        (from, "String") => from.starts_with("FixedString(") || from.starts_with("Enum"),
        // Of the same precision, in whatever time zone they are shown.
        (from, to) if from.starts_with("DateTime64(") && to.starts_with("DateTime64(") => {
            precision(from) == precision(to)
        }
        _ => false,
    }
}

/// Whether it is a state of `count`, which is the same whatever is counted.
fn counts(name: &str) -> bool {
    argument(name, "AggregateFunction").is_some_and(|inside| inside == "count" || inside.starts_with("count, "))
}

/// How many values are kept once is no matter of which there may be.
fn plain(name: &str) -> &str {
    argument(name, "LowCardinality").unwrap_or(name)
}

/// The type that a `SimpleAggregateFunction` holds; the function's name stands before it.
fn simple_state(name: &str) -> Option<&str> {
    argument(name, "SimpleAggregateFunction")?.split_once(", ").map(|(_, inside)| inside)
}

/// Precision and scale of a decimal.
fn decimal(name: &str) -> Option<(i32, i32)> {
    let (precision, scale) = argument(name, "Decimal")?.split_once(", ")?;
    Some((precision.parse().ok()?, scale.parse().ok()?))
}

/// The types of a map's keys and values. Keys are plain types or have one argument.
fn map(name: &str) -> Option<(&str, &str)> {
    argument(name, "Map")?.split_once(", ")
}

/// What stands in the brackets of `name(...)`.
fn argument<'a>(name: &'a str, function: &str) -> Option<&'a str> {
    name.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')
}

fn precision(name: &str) -> Option<&str> {
    argument(name, "DateTime64").map(|inside| inside.split(',').next().unwrap_or(inside))
}

#[derive(Clone, Copy)]
struct Integer {
    is_signed: bool,
    bits: u32,
}

impl Integer {
    fn of(name: &str) -> Option<Integer> {
        if name == "Bool" {
            return Some(Integer { is_signed: false, bits: 8 });
        }
        let (is_signed, bits) = match name.strip_prefix("UInt") {
            Some(bits) => (false, bits),
            None => (true, name.strip_prefix("Int")?),
        };
        Some(Integer { is_signed, bits: bits.parse().ok()? })
    }

    fn fits(self, to: Integer) -> bool {
        match (self.is_signed, to.is_signed) {
            (false, true) => to.bits > self.bits,
            (true, false) => false,
            _ => to.bits >= self.bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_fit_when_no_value_is_lost() {
        for (from, to) in [
            ("String", "String"),
            ("LowCardinality(String)", "String"),
            ("String", "LowCardinality(Nullable(String))"),
            ("UInt8", "UInt64"),
            ("UInt8", "Int16"),
            ("Int32", "Nullable(Int64)"),
            ("Nullable(Int32)", "Nullable(Int64)"),
            ("UInt32", "Float64"),
            ("Float32", "Float64"),
            ("DateTime", "DateTime('UTC')"),
            ("DateTime", "DateTime64(3)"),
            ("DateTime64(3)", "DateTime64(3, 'UTC')"),
            ("Array(UInt8)", "Array(UInt16)"),
            ("UInt64", "SimpleAggregateFunction(sum, UInt64)"),
            ("AggregateFunction(sum, UInt64)", "AggregateFunction(sum, UInt64)"),
            ("AggregateFunction(count)", "AggregateFunction(count, UInt64)"),
            ("AggregateFunction(count, String)", "AggregateFunction(count)"),
            ("FixedString(3)", "String"),
            ("Bool", "UInt8"),
            ("SimpleAggregateFunction(sum, Int64)", "Int64"),
            ("SimpleAggregateFunction(max, UInt32)", "SimpleAggregateFunction(max, UInt64)"),
            ("SimpleAggregateFunction(any, Nullable(String))", "Nullable(String)"),
            ("Decimal(9, 2)", "Decimal(18, 4)"),
            ("Map(String, Int8)", "Map(LowCardinality(String), Int64)"),
        ] {
            assert!(fits(from, to), "{from} -> {to}");
        }
    }

    #[test]
    fn types_do_not_fit_when_one_might_be() {
        for (from, to) in [
            ("UInt64", "UInt32"),
            ("UInt64", "Int64"),
            ("Int8", "UInt64"),
            ("Nullable(String)", "String"),
            ("Float64", "Float32"),
            ("UInt64", "Float64"),
            ("String", "UInt8"),
            ("DateTime64(6)", "DateTime64(3)"),
            ("DateTime", "Date"),
            ("AggregateFunction(sum, UInt64)", "AggregateFunction(sum, UInt32)"),
            ("AggregateFunction(count)", "AggregateFunction(countIf, UInt8)"),
            // The engine makes no view of it.
            ("Nullable(Nothing)", "Nullable(Int8)"),
            ("SimpleAggregateFunction(sum, Int64)", "Int32"),
            ("SimpleAggregateFunction(any, Nullable(String))", "String"),
            ("Decimal(18, 4)", "Decimal(18, 5)"),
            ("Decimal(9, 4)", "Decimal(18, 2)"),
            ("Map(String, Int64)", "Map(String, Int8)"),
        ] {
            assert!(!fits(from, to), "{from} -> {to}");
        }
    }

    fn columns(text: &[(&str, &str, &str)]) -> Vec<TableColumn> {
        let column = |(name, data_type, kind): &(&str, &str, &str)| TableColumn {
            name: (*name).to_owned(),
            data_type: (*data_type).to_owned(),
            default_kind: (*kind).to_owned(),
        };
        text.iter().map(column).collect()
    }

    #[test]
    fn every_fault_is_named() {
        let table =
            columns(&[("a", "UInt8", ""), ("b", "String", ""), ("c", "UInt8", "DEFAULT"), ("d", "UInt8", "ALIAS")]);
        let query = columns(&[("b", "String", ""), ("a", "UInt8", "")]);
        assert_eq!(fit_columns(&query, &table, "t").unwrap(), ["b", "a"]);
        let query = columns(&[("a", "UInt64", ""), ("d", "UInt8", ""), ("e", "String", "")]);
        insta::assert_snapshot!(
            fit_columns(&query, &table, "t").unwrap_err(),
            @"the query does not fit the target data source 't': column 'a' is UInt64 in the query and UInt8 in the target: cast it in the query; column 'd' of the target is computed and takes no values; the target has no column 'e' (String); the query has no column 'b' (String)"
        );
    }
}
