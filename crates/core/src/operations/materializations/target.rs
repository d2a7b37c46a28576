//! The target of a materialized view, made from the columns of its query.

use std::collections::BTreeMap;

use standpipe_datafile::{ColumnDef, Engine, EngineName, check_keys, parse_schema};
use standpipe_sql::{TokenKind, tokenize};

use crate::error::{Error, Result};
use crate::read::ViewQuery;
use crate::storage::TableColumn;

/// Columns and engine for a query. Without an engine it is `AggregatingMergeTree` where columns hold states of aggregate
/// functions, else `MergeTree`; without a sorting key the rows are sorted by what the query groups by.
pub(super) fn suggest(
    query: &ViewQuery,
    engine: Option<&str>,
    options: &BTreeMap<String, String>,
) -> Result<(Vec<ColumnDef>, Engine)> {
    let columns = columns(&query.columns)?;
    let aggregates = query.columns.iter().any(|column| is_state(&column.data_type));
    let default = if aggregates { "AggregatingMergeTree" } else { "MergeTree" };
    let keys = sorting_key(query);
    let asked = engine.map(str::trim).filter(|name| !name.is_empty());
    let options = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let given =
        |key: &str| options.clone().any(|(name, value)| name.eq_ignore_ascii_case(key) && !value.trim().is_empty());
    let has_key = given("engine_sorting_key");
    let extra = keys.as_deref().filter(|_| !has_key).map(|keys| ("engine_sorting_key", keys));
    let with_key =
        || options.clone().filter(|(name, value)| !value.trim().is_empty() && *name != "engine").chain(extra);
    let unusable = |error: standpipe_datafile::EngineError| {
        Error::bad_request(match error.hint {
            Some(hint) => format!("the target cannot be made: {}. {hint}", error.message),
            None => format!("the target cannot be made: {}", error.message),
        })
    };
    let is_null = asked.is_some_and(|name| name.parse::<EngineName>() == Ok(EngineName::Null));
    if is_null {
        return Err(Error::bad_request(
            "the target of a materialized view cannot have the engine Null: it keeps no rows",
        ));
    }
    let engine = Engine::from_params(Some(asked.unwrap_or(default)), with_key()).map_err(unusable)?;
    check_keys(&engine, &columns).map_err(unusable)?;
    Ok((columns, engine))
}

/// The query's columns as those of a table.
fn columns(columns: &[TableColumn]) -> Result<Vec<ColumnDef>> {
    let mut text = Vec::new();
    for column in columns {
        let name = &column.name;
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !is_plain {
            return Err(Error::bad_request(format!(
                "the query's column '{name}' cannot be a column of a data source: give it a name with AS"
            )));
        }
        text.push(format!("`{name}` {}", column.data_type));
    }
    parse_schema(&text.join(", ")).map_err(|error| {
        Error::bad_request(format!("the query's columns cannot be those of a data source: {}", error.message))
    })
}

pub(super) fn is_state(data_type: &str) -> bool {
    data_type.starts_with("AggregateFunction(") || data_type.starts_with("SimpleAggregateFunction(")
}

/// What rows are sorted by: the columns that the query groups by; else, where it aggregates, all that hold no states.
fn sorting_key(query: &ViewQuery) -> Option<String> {
    let can_be_key = |column: &&TableColumn| !is_state(&column.data_type) && !column.data_type.contains("Nullable(");
    let grouped = grouping(&query.text, &query.columns);
    let mut keys: Vec<&TableColumn> =
        grouped.iter().filter_map(|name| query.columns.iter().find(|column| column.name == *name)).collect();
    if keys.is_empty() && query.columns.iter().any(|column| is_state(&column.data_type)) {
        keys = query.columns.iter().collect();
    }
    let keys: Vec<String> = keys.into_iter().filter(can_be_key).map(|column| column.name.clone()).collect();
    (!keys.is_empty()).then(|| keys.join(", "))
}

/// Names of the query's columns that stand in its outermost GROUP BY, by name or number.
pub(super) fn grouping(sql: &str, columns: &[TableColumn]) -> Vec<String> {
    let words = outermost(sql);
    let is = |at: usize, word: &str| words.get(at).is_some_and(|found: &&str| found.eq_ignore_ascii_case(word));
    let Some(start) = (0..words.len()).find(|&at| is(at, "GROUP") && is(at + 1, "BY")) else { return Vec::new() };
    const END: [&str; 9] = ["HAVING", "WITH", "ORDER", "LIMIT", "SETTINGS", "UNION", "QUALIFY", "WINDOW", "OFFSET"];
    let clause: Vec<&str> = words[start + 2..]
        .iter()
        .copied()
        .take_while(|word| !END.iter().any(|end| word.eq_ignore_ascii_case(end)))
        .collect();
    let name = |item: &[&str]| -> Option<String> {
        let [word] = item else { return None };
        if let Ok(number) = word.parse::<usize>() {
            return Some(columns.get(number.checked_sub(1)?)?.name.clone());
        }
        Some(word.trim_matches(['`', '"']).to_owned())
    };
    clause.split(|word| *word == ",").filter_map(name).collect()
}

/// The tokens of a text outside of all brackets; brackets with what is in them are one token each.
pub(super) fn outermost(sql: &str) -> Vec<&str> {
    let (mut depth, mut words) = (0_usize, Vec::new());
    for token in tokenize(sql) {
        let raw = &sql[token.span];
        if token.kind.is_closing() {
            depth = depth.saturating_sub(1);
        } else if token.kind.is_opening() {
            if depth == 0 {
                words.push(raw);
            }
            depth += 1;
        } else if depth == 0 && !token.kind.is_trivia() && token.kind != TokenKind::Semicolon {
            words.push(raw);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(sql: &str, columns: &[(&str, &str)]) -> ViewQuery {
        let column = |(name, data_type): &(&str, &str)| TableColumn {
            name: (*name).to_owned(),
            data_type: (*data_type).to_owned(),
            default_kind: String::new(),
        };
        ViewQuery {
            sql: String::new(),
            source: crate::model::DataSourceId::parse(&format!("t_{:032x}", 1)).unwrap(),
            reads: std::collections::BTreeSet::new(),
            columns: columns.iter().map(column).collect(),
            text: sql.to_owned(),
        }
    }

    #[test]
    fn states_make_an_aggregating_target_sorted_by_the_groups() {
        let found = query(
            "SELECT toDate(ts) AS day, k, countState() AS n FROM t WHERE (a GROUP BY b) GROUP BY day, k ORDER BY k",
            &[("day", "Date"), ("k", "String"), ("n", "AggregateFunction(count)")],
        );
        let (columns, engine) = suggest(&found, None, &BTreeMap::new()).unwrap();
        assert_eq!(engine.name, EngineName::AggregatingMergeTree);
        assert_eq!(engine.sorting_key.as_deref(), Some("day, k"));
        assert_eq!(columns[2].full_type(), "AggregateFunction(count)");
    }

    #[test]
    fn given_options_win() {
        let found = query("SELECT a, b FROM t GROUP BY 1, b", &[("a", "Int8"), ("b", "Nullable(Int8)")]);
        let (_, engine) = suggest(&found, Some("SummingMergeTree"), &BTreeMap::new()).unwrap();
        assert_eq!((engine.name, engine.sorting_key.as_deref()), (EngineName::SummingMergeTree, Some("a")));
        let options = BTreeMap::from([("engine_sorting_key".to_owned(), "tuple()".to_owned())]);
        assert!(suggest(&found, Some("MergeTree"), &options).is_ok());
        assert!(suggest(&found, Some("Nonsense"), &options).is_err());
        assert!(suggest(&found, Some("Null"), &BTreeMap::new()).is_err());
    }

    #[test]
    fn columns_need_names() {
        let found = query("SELECT count() FROM t", &[("count()", "UInt64")]);
        let error = suggest(&found, None, &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("'count()'") && error.contains("AS"), "{error}");
    }
}
