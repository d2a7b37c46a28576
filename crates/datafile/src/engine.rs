//! Table engines and their options, as clients and datafiles name them (`engine_sorting_key`, `ENGINE_VER`, ...).

mod arguments;
mod keys;
mod params;
mod settings;

use std::fmt;
use std::str::FromStr;

pub use keys::check_keys;
pub use settings::TableSetting;

/// The engines a data source can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "these are the engines' own names")]
pub enum EngineName {
    #[default]
    MergeTree,
    ReplacingMergeTree,
    SummingMergeTree,
    AggregatingMergeTree,
    CollapsingMergeTree,
    VersionedCollapsingMergeTree,
    Null,
}

/// A data source's engine with its options. Option texts are SQL that stays inside the brackets it is put into; an option
/// that was empty is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Engine {
    /// Which engine.
    pub name: EngineName,
    /// Columns or expressions that rows are sorted by; `tuple()` where there is none.
    pub sorting_key: Option<String>,
    /// Expression that says which partition a row belongs to.
    pub partition_key: Option<String>,
    /// A prefix of the sorting key, where the index should hold less than all of it.
    pub primary_key: Option<String>,
    /// Expression for `SAMPLE` queries.
    pub sampling_key: Option<String>,
    /// When rows expire.
    pub ttl: Option<String>,
    /// Table settings, as `name=value, ...`; see [`Engine::table_settings`].
    pub settings: Option<String>,
    /// `ReplacingMergeTree`: the column whose greatest value wins.
    pub ver: Option<String>,
    /// `ReplacingMergeTree` with `ver`: the column that is 1 in rows that delete.
    pub is_deleted: Option<String>,
    /// The collapsing engines: the column that is 1 or -1.
    pub sign: Option<String>,
    /// `VersionedCollapsingMergeTree`: the column that orders states of a row.
    pub version: Option<String>,
    /// `SummingMergeTree`: the columns to sum; all numeric ones where there is none.
    pub columns: Option<String>,
}

/// Why an engine and its options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What is wrong.
    pub message: String,
    /// The option it is about, in its `engine_sorting_key` spelling; `engine` for the engine itself.
    pub param: &'static str,
    /// What to do about it, as a sentence.
    pub hint: Option<String>,
}

impl EngineError {
    pub(crate) fn new(param: &'static str, message: impl Into<String>) -> EngineError {
        EngineError { message: message.into(), param, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> EngineError {
        self.hint = Some(hint.into());
        self
    }
}

impl EngineName {
    /// Every engine, in the order of documentation.
    pub const ALL: [EngineName; 7] = [
        EngineName::MergeTree,
        EngineName::ReplacingMergeTree,
        EngineName::SummingMergeTree,
        EngineName::AggregatingMergeTree,
        EngineName::CollapsingMergeTree,
        EngineName::VersionedCollapsingMergeTree,
        EngineName::Null,
    ];

    /// The name as ClickHouse writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            EngineName::MergeTree => "MergeTree",
            EngineName::ReplacingMergeTree => "ReplacingMergeTree",
            EngineName::SummingMergeTree => "SummingMergeTree",
            EngineName::AggregatingMergeTree => "AggregatingMergeTree",
            EngineName::CollapsingMergeTree => "CollapsingMergeTree",
            EngineName::VersionedCollapsingMergeTree => "VersionedCollapsingMergeTree",
            EngineName::Null => "Null",
        }
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EngineName {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<EngineName, EngineError> {
        EngineName::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let supported = EngineName::ALL.map(EngineName::as_str).join(", ");
            EngineError::new(
                "engine",
                format!("Engine {text} is not supported, supported engines include: {supported}"),
            )
        })
    }
}

/// The `engine_full` that clients see: `ReplacingMergeTree(ver) PARTITION BY (toYYYYMM(ts)) ORDER BY (id)`. It shows the
/// options as they were written, so it is for reading; a CREATE TABLE is made of checked parts.
impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        let arguments: Vec<&str> = match self.name {
            EngineName::ReplacingMergeTree => vec![&self.ver, &self.is_deleted],
            EngineName::CollapsingMergeTree => vec![&self.sign],
            EngineName::VersionedCollapsingMergeTree => vec![&self.sign, &self.version],
            _ => vec![],
        }
        .into_iter()
        .filter_map(|argument| argument.as_deref())
        .collect();
        if !arguments.is_empty() {
            write!(f, "({})", arguments.join(", "))?;
        }
        if let (EngineName::SummingMergeTree, Some(columns)) = (self.name, &self.columns) {
            write!(f, "(({columns}))")?;
        }
        if self.name == EngineName::Null {
            return Ok(());
        }
        if let Some(key) = &self.partition_key {
            write!(f, " PARTITION BY ({key})")?;
        }
        match &self.sorting_key {
            Some(key) if key != "tuple()" => write!(f, " ORDER BY ({key})")?,
            _ => f.write_str(" ORDER BY tuple()")?,
        }
        if let Some(key) = &self.primary_key {
            write!(f, " PRIMARY KEY ({key})")?;
        }
        if let Some(key) = &self.sampling_key {
            write!(f, " SAMPLE BY ({key})")?;
        }
        // Without brackets: a TTL may carry an action, as in `ts + INTERVAL 1 DAY DELETE WHERE x = 1`.
        if let Some(ttl) = &self.ttl {
            write!(f, " TTL {ttl}")?;
        }
        match &self.settings {
            Some(settings) => write!(f, " SETTINGS {settings}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(engine: Option<&str>, params: &[(&str, &str)], expected: &str) {
        let shown = match Engine::from_params(engine, params.iter().copied()) {
            Ok(engine) => engine.to_string(),
            Err(error) => format!("{}: {error}", error.param),
        };
        assert_eq!(shown, expected, "{engine:?} {params:?}");
    }

    #[test]
    fn the_clause_is_what_create_table_needs() {
        check(None, &[], "MergeTree ORDER BY tuple()");
        check(
            Some("MergeTree"),
            &[
                ("engine_sorting_key", "id, ts"),
                ("ENGINE_PARTITION_KEY", "toYYYYMM(ts)"),
                ("engine_primary_key", "id"),
                ("engine_ttl", "ts + toIntervalDay(90)"),
                ("engine_settings", "index_granularity=1024, ttl_only_drop_parts=1"),
                ("name", "events"),
            ],
            "MergeTree PARTITION BY (toYYYYMM(ts)) ORDER BY (id, ts) PRIMARY KEY (id) TTL ts + toIntervalDay(90) \
             SETTINGS index_granularity=1024, ttl_only_drop_parts=1",
        );
        let key = ("engine_sorting_key", "a");
        check(Some("ReplacingMergeTree"), &[key, ("engine_ver", "v")], "ReplacingMergeTree(v) ORDER BY (a)");
        check(
            Some("ReplacingMergeTree"),
            &[key, ("engine_ver", "v"), ("engine_is_deleted", "d")],
            "ReplacingMergeTree(v, d) ORDER BY (a)",
        );
        check(Some("SummingMergeTree"), &[key, ("engine_columns", "b, c")], "SummingMergeTree((b, c)) ORDER BY (a)");
        check(Some("SummingMergeTree"), &[key, ("ENGINE_SUMMING_COLUMNS", "b")], "SummingMergeTree((b)) ORDER BY (a)");
        check(Some("CollapsingMergeTree"), &[key, ("engine_sign", "s")], "CollapsingMergeTree(s) ORDER BY (a)");
        check(
            Some("VersionedCollapsingMergeTree"),
            &[key, ("engine_sign", "s"), ("engine_version", "v")],
            "VersionedCollapsingMergeTree(s, v) ORDER BY (a)",
        );
        check(Some("AggregatingMergeTree"), &[key], "AggregatingMergeTree ORDER BY (a)");
        check(Some("Null"), &[("engine_ttl", "")], "Null");
    }

    #[test]
    fn what_cannot_be_an_engine_is_refused() {
        let key = ("engine_sorting_key", "a");
        check(
            Some("Join"),
            &[],
            "engine: Engine Join is not supported, supported engines include: MergeTree, ReplacingMergeTree, \
             SummingMergeTree, AggregatingMergeTree, CollapsingMergeTree, VersionedCollapsingMergeTree, Null",
        );
        check(Some("MergeTree"), &[("engine_foo", "x")], "engine: \"engine_foo\" is not an engine option");
        check(Some("MergeTree"), &[key, key], "engine_sorting_key: engine_sorting_key is given twice");
        check(
            Some("ReplacingMergeTree"),
            &[("engine_sorting_key", "tuple()")],
            "engine_sorting_key: ReplacingMergeTree needs engine_sorting_key",
        );
        check(
            Some("ReplacingMergeTree"),
            &[key, ("engine_is_deleted", "d")],
            "engine_is_deleted: engine_is_deleted works only together with engine_ver",
        );
        check(Some("CollapsingMergeTree"), &[key], "engine_sign: CollapsingMergeTree needs engine_sign");
        check(Some("MergeTree"), &[("engine_ver", "v")], "engine_ver: engine MergeTree has no option engine_ver");
        check(Some("Null"), &[key], "engine_sorting_key: engine Null has no option engine_sorting_key");
        check(
            None,
            &[("engine_ttl", "ts) SETTINGS x = (1")],
            "engine_ttl: cannot use engine_ttl \"ts) SETTINGS x = (1\": ) without its opening bracket",
        );
        check(
            None,
            &[("engine_settings", "disk=disk(type='local', path='/')")],
            "engine_settings: cannot use engine_settings \"disk=disk(type='local', path='/')\": \
             \"disk=disk(type='local', path='/')\" is not name=value with a number or word as value",
        );
    }
}
