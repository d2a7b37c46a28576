//! Row filters: the rows of a table or query that a token sees, put where everybody else gets all of them.
//!
//! A filter is a wall, not a hint. What the engine must not do with it was found by trying (26.7): it moves conditions of
//! the outer query below the filter, where they meet the rows that the filter hides, and an error then tells of them; a
//! lambda that the outer query calls `equals` is what `=` in the filter means; settings change what the filter says. So
//! a LIMIT that limits nothing stands above each filter, which no condition passes; the guard refuses lambdas that take
//! the name of a function; and [`check_settings_beside_filters`] leaves only settings that say nothing about values.

use crate::allow::settings;
use crate::condition::check_condition;
use crate::name::{TableName, quote, quote_if_needed};
use crate::outline::outline;
use crate::refusal::Refusal;
use crate::replace::{ReplaceWith, Replacements, replace_tables};
use crate::rewrite::{Resolver, rewrite};
use crate::statement::StatementRules;
use crate::tables::used_tables;
use crate::text::Text;

/// Limits nothing, and stays in the plan: no condition and no order is moved below it.
const WALL: &str = "LIMIT 18446744073709551615";

/// A query, rewritten already, whose own conditions are a wall to the query around it.
pub fn walled(sql: &str) -> String {
    format!("SELECT * FROM ({sql}\n) {WALL}")
}

/// The rows that may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// A condition whose own names are rewritten, as [`rewrite_filter`] answers it.
    pub condition: String,
    /// What the condition calls the table that it is about, before the name of a column.
    pub called: String,
    /// Columns that `*` leaves out. Those that the query around the filter names can be read through it.
    pub columns: Vec<String>,
}

impl Filter {
    /// The rows of a query that may be seen. The query is rewritten already.
    pub fn of_query(&self, sql: &str) -> String {
        // The line break ends a comment that the query may end in.
        self.over(&format!("({sql}\n)"), "")
    }

    /// The rows of a physical table that may be seen.
    pub fn of_table(&self, database: &str, table: &str) -> String {
        self.over(&format!("{}.{}", quote(database), quote(table)), "")
    }

    /// The condition without what it is about, to look at what it calls.
    pub fn alone(&self) -> String {
        format!("SELECT 1 WHERE ({})", self.condition)
    }

    /// `modifiers` are a table's FINAL and SAMPLE, with a space before them.
    pub(crate) fn over(&self, rows: &str, modifiers: &str) -> String {
        let columns: String = self.columns.iter().map(|column| format!(", {}", quote_if_needed(column))).collect();
        let called = quote_if_needed(&self.called);
        format!("SELECT *{columns} FROM {rows} AS {called}{modifiers} WHERE ({}) {WALL}", self.condition)
    }
}

/// Reads a row filter on `table` as users write it: one expression. Names of tables in its subqueries become what `id_of`
/// answers for them, so that the filter goes on reading the same after a rename; so does `table` before a column.
///
/// # Errors
///
/// As [`check_condition`] and [`replace_tables`].
pub fn bind_filter(
    filter: &str,
    table: &TableName,
    rules: &StatementRules,
    mut id_of: impl FnMut(&TableName) -> Option<String>,
) -> Result<String, Refusal> {
    let plain = check_condition(filter, rules)?;
    let sql = format!("SELECT 1 FROM {} WHERE ({plain})", quote_if_needed(&table.name));
    let mut tables = Vec::new();
    for name in used_tables(&sql)? {
        if let Some(id) = id_of(&name) {
            tables.push((name, ReplaceWith::Table(TableName::plain(id))));
        }
    }
    let bound = replace_tables(&sql, &Replacements { tables, ..Replacements::default() })?;
    let bound = bound.split_once(" WHERE (").and_then(|(_, rest)| rest.strip_suffix(')'));
    Ok(bound.unwrap_or(&plain).to_owned())
}

/// Puts tables in the places of the names in a bound filter's subqueries.
///
/// # Errors
///
/// As [`rewrite`].
pub fn rewrite_filter(bound: &str, resolver: &mut dyn Resolver) -> Result<String, Refusal> {
    let before = "SELECT 1 WHERE (";
    let rewritten = rewrite(&format!("{before}{bound})"), resolver)?;
    let condition = rewritten.strip_prefix(before).and_then(|rest| rest.strip_suffix(')'));
    condition.map(str::to_owned).ok_or_else(|| Refusal::syntax("the row filter is not one expression"))
}

/// Refuses settings that could change what a filter in the same query means: those of the statement itself, which are
/// lifted out already, and those that stand inside of the text.
///
/// # Errors
///
/// `NotAllowed` for such a setting.
pub fn check_settings_beside_filters(sql: &str, lifted: &[(String, String)]) -> Result<(), Refusal> {
    for (name, _) in lifted {
        check_setting(name)?;
    }
    if !sql.as_bytes().windows(8).any(|word| word.eq_ignore_ascii_case(b"settings")) {
        return Ok(());
    }
    let text = Text::read(sql)?;
    let outline = outline(&text, 0)?;
    let names = outline.settings.iter().flat_map(|clause| &clause.pairs).map(|(name, _)| text.name(*name));
    names.into_iter().try_for_each(|name| check_setting(&name))
}

fn check_setting(name: &str) -> Result<(), Refusal> {
    if settings::keeps_meaning(name) {
        return Ok(());
    }
    let message = format!("the setting \"{name}\" is not allowed where a token sees only some rows");
    Err(Refusal::not_allowed(message).hint("Leave it out: it could change which rows those are."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::Replacement;

    const RULES: StatementRules = StatementRules { max_length: 1000, may_format: false, may_settings: false };

    fn bind(filter: &str) -> Result<String, Refusal> {
        bind_filter(filter, &TableName::plain("events"), &RULES, |name| match name.name.as_str() {
            "events" => Some("t_1".to_owned()),
            "allowed" => Some("t_2".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn names_in_a_filter_become_ids() {
        for (given, expected) in [
            ("tenant = 'acme' -- ours", "tenant = 'acme'"),
            ("events.tenant = 'acme'", "t_1.tenant = 'acme'"),
            ("tenant IN allowed", "tenant IN t_2"),
            ("tenant IN tags", "tenant IN tags"),
            ("tenant IN (SELECT t FROM allowed)", "tenant IN (SELECT t FROM t_2 AS allowed)"),
            ("n = (SELECT max(n) FROM events AS e)", "n = (SELECT max(n) FROM t_1 AS e)"),
            ("s = ' WHERE ('", "s = ' WHERE ('"),
            (
                "tenant IN (WITH allowed AS (SELECT 1 AS t) SELECT t FROM allowed)",
                "tenant IN (WITH allowed AS (SELECT 1 AS t) SELECT t FROM allowed)",
            ),
        ] {
            assert_eq!(bind(given).as_deref(), Ok(expected), "{given}");
        }
        assert!(bind("1) OR (1").is_err());
        assert!(bind("tenant IN (SELECT * FROM url('http://x'))").is_err());
    }

    struct Physical;

    impl Resolver for Physical {
        fn resolve(&mut self, name: &TableName) -> Result<Replacement, Refusal> {
            Ok(Replacement::Table { database: "d".to_owned(), table: format!("{}_1", name.name), filter: None })
        }

        fn is_reserved(&self, word: &str) -> bool {
            word == "d"
        }
    }

    #[test]
    fn a_bound_filter_reads_physical_tables() {
        let read = rewrite_filter("tenant IN (SELECT t FROM t_2 AS allowed)", &mut Physical);
        assert_eq!(read.as_deref(), Ok("tenant IN (SELECT t FROM `d`.`t_2_1` AS allowed)"));
        assert!(rewrite_filter("tenant IN d.t_2_1", &mut Physical).is_err(), "physical names are nobody's");
    }

    #[test]
    fn a_query_is_closed_before_its_filter() {
        let filter = Filter { condition: "a = 1".to_owned(), called: "p".to_owned(), columns: vec!["m".to_owned()] };
        let expected = format!("SELECT *, m FROM (SELECT 1 AS a -- x\n) AS p WHERE (a = 1) {WALL}");
        assert_eq!(filter.of_query("SELECT 1 AS a -- x"), expected);
        assert_eq!(walled("SELECT 1 -- x"), format!("SELECT * FROM (SELECT 1 -- x\n) {WALL}"));
    }

    #[test]
    fn settings_that_say_nothing_about_values_stay() {
        let lifted = |name: &str| [(name.to_owned(), "1".to_owned())];
        for name in ["max_threads", "output_format_json_quote_denormals", "extremes", "join_algorithm"] {
            assert_eq!(check_settings_beside_filters("SELECT 1", &lifted(name)), Ok(()), "{name}");
        }
        for name in ["transform_null_in", "session_timezone", "final", "unheard_of"] {
            assert!(check_settings_beside_filters("SELECT 1", &lifted(name)).is_err(), "{name}");
            let nested = format!("SELECT * FROM (SELECT 1 settings {name} = 1)");
            assert!(check_settings_beside_filters(&nested, &[]).is_err(), "{name}");
        }
        assert_eq!(check_settings_beside_filters("SELECT 'settings', settings FROM t", &[]), Ok(()));
    }
}
