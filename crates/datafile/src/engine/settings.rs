//! Which settings a data source's table may have, and with which values.
//!
//! The list is short on purpose. Left out are settings that say where data lies (`disk`, `storage_policy`), that loosen
//! what the product promises (deduplication, fsync), that touch replication, or that let one table take the machine's
//! memory or threads.

use super::{Engine, EngineError};
use crate::scan::{self, Kind};

enum Takes {
    /// A whole number, not negative.
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
}

#[rustfmt::skip]
const ALLOWED: &[(&str, Takes)] = &[
    // How fine the index is: rows, or bytes, between two marks.
    ("index_granularity", Takes::Number),
    ("index_granularity_bytes", Takes::Number),
    ("enable_mixed_granularity_parts", Takes::Number),
    // From which size on a part has a file for each column.
    ("min_bytes_for_wide_part", Takes::Number),
    ("min_rows_for_wide_part", Takes::Number),
    // How expired rows go: with their whole part only, and how often merges look for them.
    ("ttl_only_drop_parts", Takes::Number),
    ("merge_with_ttl_timeout", Takes::Number),
    // Lets keys hold nullable columns.
    ("allow_nullable_key", Takes::Number),
    // How many parts make inserts slower, and how many make them fail.
    ("parts_to_delay_insert", Takes::Number),
    ("parts_to_throw_insert", Takes::Number),
    ("max_parts_in_total", Takes::Number),
    // From which age on parts are merged whatever their size.
    ("min_age_to_force_merge_seconds", Takes::Number),
    ("min_age_to_force_merge_on_partition_only", Takes::Number),
    // What merges that remove rows do with projections.
    ("deduplicate_merge_projection_mode", Takes::Word(&["throw", "drop", "rebuild"])),
];

/// Settings that every table has from us.
const OURS: &[&str] = &["non_replicated_deduplication_window"];

/// One setting of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSetting {
    /// Its name, which is on the list of allowed ones.
    pub name: &'static str,
    /// Its value as SQL: digits, or a listed word in quotes.
    pub value: String,
}

impl Engine {
    /// The settings of `engine_settings`, in order.
    ///
    /// # Errors
    /// A setting that tables cannot have or have twice, or a value it cannot have.
    pub fn table_settings(&self) -> Result<Vec<TableSetting>, EngineError> {
        let text = self.settings.as_deref().unwrap_or_default();
        read(text)
            .map_err(|reason| EngineError::new("engine_settings", format!("cannot use engine_settings: {reason}")))
    }
}

pub(super) fn read(text: &str) -> Result<Vec<TableSetting>, String> {
    let mut settings: Vec<TableSetting> = Vec::new();
    if text.is_empty() {
        return Ok(settings);
    }
    scan::check_expression(text).map_err(|fault| fault.message)?;
    for part in scan::split_list(text) {
        let setting = one(part)?;
        if settings.iter().any(|known| known.name == setting.name) {
            return Err(format!("{} is given twice", setting.name));
        }
        settings.push(setting);
    }
    Ok(settings)
}

fn one(text: &str) -> Result<TableSetting, String> {
    let pieces = scan::pieces(text).map_err(|fault| fault.message)?;
    let pieces: Vec<_> = pieces.into_iter().filter(|piece| !scan::is_blank(piece.kind)).collect();
    let [name, equals, value] = pieces.as_slice() else { return Err(not_a_setting(text)) };
    if (name.kind, equals.kind) != (Kind::Word, Kind::Other('=')) {
        return Err(not_a_setting(text));
    }
    let (name, value) = (&text[name.start..name.end], &text[value.start..value.end]);
    if OURS.contains(&name) {
        return Err(format!("{name} is set for every data source and cannot be changed"));
    }
    let Some((name, takes)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) else {
        let allowed: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
        return Err(format!("\"{name}\" cannot be set for a data source: use one of {}", allowed.join(", ")));
    };
    let value = match takes {
        Takes::Number if value.len() <= 18 && value.bytes().all(|byte| byte.is_ascii_digit()) => value.to_owned(),
        Takes::Number => return Err(format!("{name} takes a whole number, and \"{value}\" is none")),
        Takes::Word(words) => match words.iter().find(|word| **word == value.trim_matches('\'')) {
            Some(word) => format!("'{word}'"),
            None => return Err(format!("{name} takes one of {}, and \"{value}\" is none", words.join(", "))),
        },
    };
    Ok(TableSetting { name, value })
}

fn not_a_setting(text: &str) -> String {
    format!("\"{text}\" is not name=value with a number or word as value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let shown = |settings: Vec<TableSetting>| {
            let shown: Vec<String> = settings.iter().map(|it| format!("{} = {}", it.name, it.value)).collect();
            shown.join(", ")
        };
        assert_eq!(read(text).map(shown), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
    }

    #[test]
    fn listed_settings_pass() {
        check("index_granularity=1024", Ok("index_granularity = 1024"));
        check("ttl_only_drop_parts = 1,allow_nullable_key=1", Ok("ttl_only_drop_parts = 1, allow_nullable_key = 1"));
        let projections = Ok("deduplicate_merge_projection_mode = 'drop'");
        check("deduplicate_merge_projection_mode=drop", projections);
        check("deduplicate_merge_projection_mode = 'drop'", projections);
    }

    #[test]
    fn other_settings_and_values_do_not() {
        check("index_granularity=1, index_granularity=2", Err("index_granularity is given twice"));
        check(
            "non_replicated_deduplication_window=0",
            Err("non_replicated_deduplication_window is set for every data source and cannot be changed"),
        );
        check("index_granularity='1'", Err("index_granularity takes a whole number, and \"'1'\" is none"));
        check("index_granularity", Err("\"index_granularity\" is not name=value with a number or word as value"));
        check("index_granularity=1,", Err("\"\" is not name=value with a number or word as value"));
        for text in [
            "storage_policy='default'",
            "disk=disk(type='local', path='/')",
            "fsync_after_insert=0",
            "INDEX_GRANULARITY=1",
            "index_granularity=1 // ",
            "index_granularity=$x$1$x$",
            "index_granularity=-1",
            "index_granularity=1e3",
            "index_granularity=max_threads",
            "deduplicate_merge_projection_mode=keep",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
