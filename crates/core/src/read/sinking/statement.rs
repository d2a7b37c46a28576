//! The text that a sink has the engine run, which the guard checks once more: the query's rows with the keys of their files.

use standpipe_clickhouse::quote::{identifier, string_literal};

use super::super::column_types::{is_name_of_element, next_word};
use super::RowStream;
use crate::sinks::{FileFormat, FileNames};
use crate::storage::TableColumn;

/// What the column that holds the keys of files is called, unless a column is.
const KEY_COLUMN: &str = "sink_file_key";

/// What is asked of the engine: how the rows come, in which format, and the text.
pub(super) fn statement(
    sql: &str,
    columns: &[TableColumn],
    names: &FileNames,
    format: FileFormat,
) -> (RowStream, &'static str, String) {
    let key = names.key_sql();
    let (whole, line) = match format {
        FileFormat::Csv => ("CSV", "CSV"),
        FileFormat::Ndjson => ("JSONEachRow", "JSONEachRow"),
        FileFormat::Parquet => return blocks(sql, columns, key),
    };
    if key.is_none() && names.split() == 1 {
        return (RowStream::Text, whole, sql.to_owned());
    }
    let key = key.map(|key| format!("{key}, ")).unwrap_or_default();
    let text = format!("SELECT {key}formatRow({}, *) FROM ({sql}\n)", string_literal(line));
    (RowStream::Lines, "RowBinary", text)
}

/// Parquet knows times, which the engine's blocks have only where they have fractions, and no types of addresses: such
/// columns are cast.
fn blocks(sql: &str, columns: &[TableColumn], key: Option<String>) -> (RowStream, &'static str, String) {
    let cast = |column: &TableColumn| {
        let data_type = parquet_type(&column.data_type);
        let name = identifier(&column.name);
        let target = string_literal(&data_type);
        (data_type != column.data_type).then(|| format!("CAST({name}, {target}) AS {name}"))
    };
    let casts: Vec<String> = columns.iter().filter_map(cast).collect();
    let key = key.map(|key| format!("{key} AS {}, ", key_column(columns)));
    if casts.is_empty() && key.is_none() {
        return (RowStream::Blocks, "ArrowStream", sql.to_owned());
    }
    let replace = if casts.is_empty() { String::new() } else { format!(" REPLACE ({})", casts.join(", ")) };
    let key = key.unwrap_or_default();
    (RowStream::Blocks, "ArrowStream", format!("SELECT {key}*{replace} FROM ({sql}\n)"))
}

/// A name for the keys of files that no column has.
fn key_column(columns: &[TableColumn]) -> String {
    let mut name = KEY_COLUMN.to_owned();
    while columns.iter().any(|column| column.name == name) {
        name.push('_');
    }
    name
}

/// The type of a column in Parquet, as the engine's: the same but for those that Parquet does not know.
fn parquet_type(data_type: &str) -> String {
    let mut out = String::with_capacity(data_type.len());
    let mut rest = data_type;
    while let Some((word, behind)) = next_word(rest) {
        out.push_str(&rest[..word.start]);
        let name = &rest[word];
        rest = behind;
        if is_name_of_element(behind) {
            out.push_str(name);
            continue;
        }
        match name {
            "DateTime" => {
                let zone = behind.strip_prefix('(').and_then(|inner| inner.split_once(')'));
                let (zone, behind) = zone.map_or((None, behind), |(zone, behind)| (Some(zone), behind));
                out.push_str(&zone.map_or("DateTime64(3)".to_owned(), |zone| format!("DateTime64(3, {zone})")));
                rest = behind;
            }
            "Enum8" | "Enum16" => {
                out.push_str("String");
                rest = behind_parentheses(behind);
            }
            // A value of any type is written as text; one may be missing.
            "Dynamic" | "Variant" => {
                out.push_str("Nullable(String)");
                if behind.starts_with('(') {
                    rest = behind_parentheses(behind);
                }
            }
            "IPv4" | "IPv6" | "Int128" | "UInt128" | "Int256" | "UInt256" | "UUID" | "Nothing" => {
                out.push_str("String")
            }
            "Time" => out.push_str("Time64(3)"),
            "BFloat16" => out.push_str("Float32"),
            _ => out.push_str(name),
        }
    }
    out.push_str(rest);
    out
}

/// What follows the parentheses that a text begins with; quoted ones do not count.
fn behind_parentheses(text: &str) -> &str {
    let (mut depth, mut is_quoted, mut is_escaped) = (0_u32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted && depth == 1 => return &text[at + 1..],
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sinks::FileTemplate;

    #[test]
    fn types_that_parquet_knows() {
        for (from, to) in [
            ("DateTime", "DateTime64(3)"),
            ("Nullable(DateTime('Europe/Madrid'))", "Nullable(DateTime64(3, 'Europe/Madrid'))"),
            ("DateTime64(6)", "DateTime64(6)"),
            ("Array(Enum8('a)(' = 1, 'it\\'s' = 2))", "Array(String)"),
            ("Tuple(`DateTime` Int8, IPv4)", "Tuple(`DateTime` Int8, String)"),
            ("Map(String, UInt256)", "Map(String, String)"),
            ("Nullable(Nothing)", "Nullable(String)"),
            ("LowCardinality(String)", "LowCardinality(String)"),
            ("Tuple(UUID UUID, Time DateTime, x Int8)", "Tuple(UUID String, Time DateTime64(3), x Int8)"),
            ("Tuple(`a UUID` Int8, `b\\`IPv4` Int8)", "Tuple(`a UUID` Int8, `b\\`IPv4` Int8)"),
            ("Array(Variant(String, Tuple(Int8, UUID)))", "Array(Nullable(String))"),
            ("Map(String, Dynamic(max_types=4))", "Map(String, Nullable(String))"),
            ("Tuple(Dynamic, BFloat16, Time, Time64(6))", "Tuple(Nullable(String), Float32, Time64(3), Time64(6))"),
        ] {
            assert_eq!(parquet_type(from), to);
        }
    }

    fn check(template: &str, format: FileFormat) -> String {
        let columns = [("c", "String"), ("t", "DateTime")].map(|(name, data_type)| TableColumn {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            default_kind: String::new(),
        });
        let names = FileTemplate::parse(template).unwrap().resolve(&BTreeMap::new(), &["c", "t"]).unwrap();
        let (stream, format, sql) = statement("SELECT c, t FROM x -- all", &columns, &names, format);
        format!("{stream:?} {format}: {sql}")
    }

    #[test]
    fn the_engine_is_asked_for_keys_and_rows() {
        let asked = [
            check("a", FileFormat::Csv),
            check("a_{4}", FileFormat::Csv),
            check("{c}", FileFormat::Ndjson),
            check("{t, '%Y'}", FileFormat::Parquet),
            check("a", FileFormat::Parquet),
        ];
        insta::assert_snapshot!(asked.join("\n\n"), @r"
        Text CSV: SELECT c, t FROM x -- all

        Lines RowBinary: SELECT formatRow('CSV', *) FROM (SELECT c, t FROM x -- all
        )

        Lines RowBinary: SELECT concat('', replaceAll(ifNull(toString(`c`), 'null'), '\0', '')), formatRow('JSONEachRow', *) FROM (SELECT c, t FROM x -- all
        )

        Blocks ArrowStream: SELECT concat('', replaceAll(ifNull(formatDateTime(`t`, '%Y'), 'null'), '\0', '')) AS sink_file_key, * REPLACE (CAST(`t`, 'DateTime64(3)') AS `t`) FROM (SELECT c, t FROM x -- all
        )

        Blocks ArrowStream: SELECT * REPLACE (CAST(`t`, 'DateTime64(3)') AS `t`) FROM (SELECT c, t FROM x -- all
        )
        ");
    }
}
