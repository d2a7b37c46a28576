//! The columns that an engine takes as arguments: names, never expressions. The engine would run what else stands there
//! when the table is made.

use super::{Engine, EngineError, EngineName};
use crate::scan::{self, Kind};
use crate::schema::ColumnDef;

impl Engine {
    /// The columns that the engine itself takes, in the order of its arguments and without backticks. For a
    /// `SummingMergeTree` they are the columns to sum.
    ///
    /// # Errors
    /// An argument that is not the name of exactly one column.
    pub fn argument_columns(&self, columns: &[ColumnDef]) -> Result<Vec<String>, EngineError> {
        let single = |param, value: &Option<String>| (param, value.as_deref().map(|value| vec![value.to_owned()]));
        let given = match self.name {
            EngineName::ReplacingMergeTree => {
                vec![single("engine_ver", &self.ver), single("engine_is_deleted", &self.is_deleted)]
            }
            EngineName::CollapsingMergeTree => vec![single("engine_sign", &self.sign)],
            EngineName::VersionedCollapsingMergeTree => {
                vec![single("engine_sign", &self.sign), single("engine_version", &self.version)]
            }
            EngineName::SummingMergeTree => {
                let list = |text: &String| scan::split_list(text).into_iter().map(str::to_owned).collect();
                vec![("engine_columns", self.columns.as_ref().map(list))]
            }
            EngineName::MergeTree | EngineName::AggregatingMergeTree | EngineName::Null => vec![],
        };
        let arguments = given.into_iter().flat_map(|(param, names)| {
            let names = names.unwrap_or_default();
            names.into_iter().map(move |name| find(param, &name, columns))
        });
        arguments.collect()
    }
}

fn find(param: &'static str, text: &str, columns: &[ColumnDef]) -> Result<String, EngineError> {
    let name = column_name(text).map_err(|reason| EngineError::new(param, format!("cannot use {param}: {reason}")))?;
    match columns.iter().filter(|column| column.name == name).count() {
        1 => Ok(name.to_owned()),
        _ => Err(EngineError::new(param, format!("{param} names \"{name}\", which is not a column of the schema"))
            .hint("Write the name of a column.")),
    }
}

/// The column that a text names: a word, or anything in backticks.
pub(super) fn column_name(text: &str) -> Result<&str, String> {
    let pieces = scan::pieces(text).map_err(|fault| fault.message)?;
    let is_name = |kind| matches!(kind, Kind::Word | Kind::Quoted('`'));
    // Names with dots are those of a Nested column's elements.
    let dotted = pieces.iter().enumerate().all(|(index, piece)| match index % 2 {
        0 => piece.kind == Kind::Word,
        _ => piece.kind == Kind::Other('.'),
    });
    let inner = match pieces.as_slice() {
        [one] if is_name(one.kind) => text.trim_matches('`'),
        [_, _, ..] if dotted && pieces.len() % 2 == 1 => text,
        _ => return Err(format!("\"{text}\" is not the name of a column")),
    };
    let starts_well = text.starts_with('`') || !inner.starts_with(|c: char| c.is_ascii_digit());
    if inner.is_empty() || inner.contains(['`', '\\']) || !starts_well {
        return Err(format!("\"{text}\" is not the name of a column"));
    }
    Ok(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_schema;

    #[track_caller]
    fn check(engine: &str, params: &[(&str, &str)], expected: Result<&[&str], &str>) {
        let columns = parse_schema("k Int8, v Int8, `odd.name` Int8, `a-b` Int8, s Int8").unwrap();
        let params = [("engine_sorting_key", "k")].iter().chain(params).copied();
        let found = Engine::from_params(Some(engine), params).and_then(|engine| engine.argument_columns(&columns));
        let expected = expected.map(|names| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn arguments_are_names_of_columns() {
        check("ReplacingMergeTree", &[], Ok(&[]));
        check("ReplacingMergeTree", &[("engine_ver", "v"), ("engine_is_deleted", "`a-b`")], Ok(&["v", "a-b"]));
        check("SummingMergeTree", &[("engine_columns", "v, `s`,odd.name")], Ok(&["v", "s", "odd.name"]));
        check("CollapsingMergeTree", &[("engine_sign", "s")], Ok(&["s"]));
        check("VersionedCollapsingMergeTree", &[("engine_sign", "s"), ("engine_version", "v")], Ok(&["s", "v"]));
        let missing = "engine_ver names \"w\", which is not a column of the schema";
        check("ReplacingMergeTree", &[("engine_ver", "w")], Err(missing));
    }

    #[test]
    fn expressions_are_no_arguments() {
        for text in ["file('/etc/hostname')", "v + 1", "(v)", "v, s", "'v'", "1", "v v", "\"v\"", "`v\\``", "v.", ".v"]
        {
            let params = [("engine_sorting_key", "k"), ("engine_ver", text)];
            let refused = Engine::from_params(Some("ReplacingMergeTree"), params.into_iter());
            assert!(refused.is_err_and(|error| error.param == "engine_ver"), "{text}");
        }
        let comment = [("engine_sorting_key", "k"), ("engine_ver", "n // (\n ORDER BY s AS SELECT s, n FROM d.t //")];
        assert!(Engine::from_params(Some("ReplacingMergeTree"), comment.into_iter()).is_err());
        let sums = [("engine_sorting_key", "k"), ("engine_columns", "v, file('x')")];
        assert!(Engine::from_params(Some("SummingMergeTree"), sums.into_iter()).is_err());
    }
}
