//! A data source's definition as its CREATE TABLE takes it: every part read, checked and ready to be printed.

use standpipe_datafile::{Codec, ColumnDef, ColumnType, DefaultKind, Engine, EngineError, EngineName, TableSetting};
use standpipe_sql::{TokenKind, tokenize};

use super::expression::Expression;
use crate::error::{Error, Result};

/// A definition whose texts cannot leave the places they are put into. Only [`CheckedDefinition::read`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedDefinition {
    pub(super) columns: Vec<CheckedColumn>,
    pub(super) engine: CheckedEngine,
}

/// A column of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckedColumn {
    pub(super) name: String,
    pub(super) data_type: ColumnType,
    pub(super) default: Option<(DefaultKind, Expression)>,
    pub(super) codec: Option<Codec>,
}

/// Its engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckedEngine {
    pub(super) name: EngineName,
    /// Names of columns.
    pub(super) arguments: Vec<String>,
    pub(super) partition_key: Option<Expression>,
    /// `None` for `tuple()`.
    pub(super) sorting_key: Option<Expression>,
    pub(super) primary_key: Option<Expression>,
    pub(super) sampling_key: Option<Expression>,
    pub(super) ttl: Option<Expression>,
    pub(super) settings: Vec<TableSetting>,
}

impl CheckedDefinition {
    /// Checks what the texts alone tell. A new definition must also pass the guard (see `check_definition`); one from the
    /// store did when it was new.
    pub fn read(columns: &[ColumnDef], engine: &Engine) -> Result<CheckedDefinition> {
        let checked = CheckedEngine {
            name: engine.name,
            arguments: engine.argument_columns(columns).map_err(unusable)?,
            partition_key: key("engine_partition_key", engine.partition_key.as_deref())?,
            sorting_key: key("engine_sorting_key", engine.sorting_key.as_deref().filter(|key| *key != "tuple()"))?,
            primary_key: key("engine_primary_key", engine.primary_key.as_deref())?,
            sampling_key: key("engine_sampling_key", engine.sampling_key.as_deref())?,
            ttl: engine.ttl.as_deref().map(|ttl| Expression::read("engine_ttl", without_delete(ttl))).transpose()?,
            settings: engine.table_settings().map_err(unusable)?,
        };
        Ok(CheckedDefinition { columns: columns.iter().map(column).collect::<Result<_>>()?, engine: checked })
    }

    /// Every expression in it, with the words that name it in refusals.
    pub(super) fn expressions(&self) -> impl Iterator<Item = (String, &Expression)> {
        let defaults = self.columns.iter().filter_map(|column| {
            let (_, expression) = column.default.as_ref()?;
            Some((default_of(&column.name), expression))
        });
        let engine = &self.engine;
        let of_engine = [
            ("engine_partition_key", &engine.partition_key),
            ("engine_sorting_key", &engine.sorting_key),
            ("engine_primary_key", &engine.primary_key),
            ("engine_sampling_key", &engine.sampling_key),
            ("engine_ttl", &engine.ttl),
        ];
        let of_engine = of_engine.into_iter().filter_map(|(what, it)| Some((what.to_owned(), it.as_ref()?)));
        defaults.chain(of_engine)
    }
}

fn column(column: &ColumnDef) -> Result<CheckedColumn> {
    let name = &column.name;
    let unusable = |what: &str, reason: String| {
        Error::bad_request(format!("the {what} of column '{name}' cannot be used: {reason}"))
    };
    let default = column
        .default
        .as_ref()
        .map(|default| Expression::read(&default_of(name), &default.expr).map(|expression| (default.kind, expression)));
    let codec = column.codec.as_ref().map(|codec| Codec::parse(codec).map_err(|reason| unusable("codec", reason)));
    Ok(CheckedColumn {
        name: name.clone(),
        data_type: ColumnType::parse(&column.full_type()).map_err(|reason| unusable("type", reason))?,
        default: default.transpose()?,
        codec: codec.transpose()?,
    })
}

fn default_of(column: &str) -> String {
    format!("the default of column '{column}'")
}

fn key(what: &'static str, text: Option<&str>) -> Result<Option<Expression>> {
    text.map(|text| Expression::list(what, text)).transpose()
}

fn unusable(error: EngineError) -> Error {
    match error.hint {
        Some(hint) => Error::bad_request(format!("{}. {hint}", error.message)),
        None => Error::bad_request(error.message),
    }
}

/// The expression of a TTL without the word DELETE behind it, which says what happens anyway. Whatever else may follow a
/// TTL moves or recompresses rows, and is no part of an expression.
fn without_delete(ttl: &str) -> &str {
    let mut tokens = tokenize(ttl).into_iter().rev().filter(|token| !token.kind.is_trivia());
    match tokens.next() {
        Some(last) if last.kind == TokenKind::BareWord && ttl[last.span.clone()].eq_ignore_ascii_case("delete") => {
            &ttl[..last.span.start]
        }
        _ => ttl,
    }
}

#[cfg(test)]
mod tests {
    use standpipe_datafile::parse_schema;

    use super::*;

    fn read(engine: &str, params: &[(&str, &str)]) -> Result<CheckedDefinition> {
        let columns = parse_schema("ts DateTime, is_delete Int8").expect("the schema is read");
        let engine = Engine::from_params(Some(engine), params.iter().copied());
        CheckedDefinition::read(&columns, &engine.expect("the engine is read"))
    }

    #[track_caller]
    fn ttl(text: &str) -> Option<String> {
        read("MergeTree", &[("engine_ttl", text)]).ok()?.engine.ttl.map(|ttl| ttl.to_string())
    }

    #[test]
    fn a_ttl_only_deletes() {
        assert_eq!(ttl("ts + toIntervalDay(1)").as_deref(), Some("(ts + toIntervalDay(1))"));
        assert_eq!(ttl("ts + INTERVAL 1 DAY delete").as_deref(), Some("(ts + INTERVAL 1 DAY)"));
        assert_eq!(ttl("ts + is_delete").as_deref(), Some("(ts + is_delete)"));
        assert_eq!(ttl("ts, ts + 1"), None);
        assert_eq!(ttl("ts DELETE WHERE is_delete"), None);
        assert_eq!(ttl("delete"), None);
    }

    #[test]
    fn arguments_are_columns_of_the_schema() {
        let key = ("engine_sorting_key", "ts");
        assert!(read("ReplacingMergeTree", &[key, ("engine_ver", "is_delete")]).is_ok());
        let error = read("ReplacingMergeTree", &[key, ("engine_ver", "n")]).expect_err("there is no such column");
        assert!(error.to_string().contains("engine_ver names \"n\""), "{error}");
    }

    #[test]
    fn parts_made_elsewhere_are_checked_too() {
        let columns = parse_schema("a Int8").expect("the schema is read");
        let mut spoilt = columns.clone();
        spoilt[0].data_type = "Int8) ENGINE = Memory //".to_owned();
        assert!(CheckedDefinition::read(&spoilt, &Engine::default()).is_err());
        spoilt.clone_from(&columns);
        spoilt[0].codec = Some("CODEC(AES_128_GCM_SIV)".to_owned());
        assert!(CheckedDefinition::read(&spoilt, &Engine::default()).is_err());
        let settings = Some("storage_policy = 'x'".to_owned());
        assert!(CheckedDefinition::read(&columns, &Engine { settings, ..Engine::default() }).is_err());
    }
}
