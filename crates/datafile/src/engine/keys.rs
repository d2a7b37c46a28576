//! Checks of an engine's keys against the columns, for mistakes whose message from the engine would come late or be unclear.

use super::{Engine, EngineError, EngineName};
use crate::scan;
use crate::schema::ColumnDef;

/// Aggregate functions people write into a sorting key; all others are found out by the engine.
const AGGREGATES: &[&str] = &[
    "any",
    "anyLast",
    "argMax",
    "argMin",
    "avg",
    "count",
    "groupArray",
    "groupUniqArray",
    "max",
    "min",
    "quantile",
    "quantiles",
    "stddevPop",
    "stddevSamp",
    "sum",
    "topK",
    "uniq",
    "uniqCombined",
    "uniqExact",
    "uniqHLL12",
    "varPop",
    "varSamp",
];

/// Checks that the sorting key's columns can be sorted by: none is nullable, an aggregate state or an aggregate function,
/// nor the version column of a `ReplacingMergeTree`.
///
/// # Errors
/// The first column or expression that cannot stand in the sorting key.
pub fn check_keys(engine: &Engine, columns: &[ColumnDef]) -> Result<(), EngineError> {
    let Some(key) = &engine.sorting_key else { return Ok(()) };
    let fault = |message: String| Err(EngineError::new("engine_sorting_key", message));
    for part in key_parts(key) {
        if let Some(column) = columns.iter().find(|column| column.name == part.trim_matches('`')) {
            if column.nullable {
                return fault(format!("the sorting key contains the nullable column \"{}\"", column.name));
            }
            if column.data_type.starts_with("AggregateFunction(") {
                return fault(format!("the sorting key contains the AggregateFunction column \"{}\"", column.name));
            }
            if engine.name == EngineName::ReplacingMergeTree
                && engine.ver.as_deref().map(|ver| ver.trim_matches('`')) == Some(&column.name)
            {
                return Err(EngineError::new(
                    "engine_sorting_key",
                    format!("the sorting key contains the engine_ver column \"{}\"", column.name),
                )
                .hint("The sorting key says which rows are the same; with the version in it no two rows ever are."));
            }
        } else if is_aggregate(part) {
            return fault(format!("the sorting key contains the aggregate function \"{part}\""));
        }
    }
    Ok(())
}

/// The parts of a sorting key, which may be written with or without brackets around it.
fn key_parts(key: &str) -> Vec<&str> {
    match scan::split_list(key).as_slice() {
        [one] if one.starts_with('(') && one.ends_with(')') => scan::split_list(&one[1..one.len() - 1]),
        [one] if one.starts_with("tuple(") && one.ends_with(')') => scan::split_list(&one[6..one.len() - 1]),
        parts => parts.to_vec(),
    }
}

fn is_aggregate(expression: &str) -> bool {
    let Some((function, _)) = expression.split_once('(') else { return false };
    let function = function.trim();
    let base = ["State", "Merge", "If"].iter().find_map(|suffix| function.strip_suffix(suffix)).unwrap_or(function);
    AGGREGATES.contains(&base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_schema;

    #[track_caller]
    fn check(engine: &str, key: &str, ver: &str, expected: Result<(), &str>) {
        let columns = parse_schema("a Int32, n Nullable(Int32), s AggregateFunction(sum, Int32), v UInt8").unwrap();
        let params = [("engine_sorting_key", key), ("engine_ver", ver)];
        let engine = Engine::from_params(Some(engine), params.into_iter()).unwrap();
        assert_eq!(check_keys(&engine, &columns).map_err(|error| error.message), expected.map_err(str::to_owned));
    }

    #[test]
    fn columns_that_cannot_be_sorted_by_are_named() {
        check("MergeTree", "a, toDate(v)", "", Ok(()));
        check("MergeTree", "tuple()", "", Ok(()));
        check("MergeTree", "(a, `n`)", "", Err("the sorting key contains the nullable column \"n\""));
        check("MergeTree", "s", "", Err("the sorting key contains the AggregateFunction column \"s\""));
        check(
            "MergeTree",
            "a, sumState(v)",
            "",
            Err("the sorting key contains the aggregate function \"sumState(v)\""),
        );
        check("ReplacingMergeTree", "a", "v", Ok(()));
        check("ReplacingMergeTree", "a, v", "v", Err("the sorting key contains the engine_ver column \"v\""));
    }
}
