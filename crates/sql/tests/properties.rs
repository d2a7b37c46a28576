//! What holds for any text.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use standpipe_sql::{
    Analysis, Door, Filter, Policy, Refusal, RefusalKind, Replacement, Resolver, StatementClass, StatementRules,
    TableName, TokenKind, VerdictCache, check_condition, inspect, parse_statement, rewrite, tokenize, used_tables,
};

const RULES: StatementRules = StatementRules { max_length: 8192, may_format: true, may_settings: true };

/// Pieces that queries and attacks are made of, so that random texts get somewhere.
const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WITH",
    "AS",
    "WHERE",
    "PREWHERE",
    "JOIN",
    "ON",
    "USING",
    "UNION ALL",
    "EXCEPT",
    "IN",
    "NOT IN",
    "ARRAY JOIN",
    "FINAL",
    "SAMPLE 1/2",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "SETTINGS",
    "FORMAT JSON",
    "INTO OUTFILE",
    "DESCRIBE",
    "EXPLAIN",
    "events",
    "users",
    "top",
    "c",
    "d",
    "x",
    "a.b",
    "d_ws",
    "system.tables",
    "file",
    "arrayMap",
    "in",
    "position",
    "COLUMNS",
    "'s'",
    "'x\\n'",
    "1",
    "1.5",
    "$$h$$",
    "`q`",
    "\"q\"",
    "`a\nb`",
    "(",
    ")",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "{p:String}",
    ",",
    ";",
    ".",
    "*",
    "=",
    "->",
    "::",
    "?",
    ":",
    "-",
    "+",
    "||",
    "--",
    "/*",
    "*/",
    "# ",
    "\n",
    " ",
    " ",
    "'",
    "`",
    "\"",
    "\\",
    "\u{2018}",
    "\u{f1}",
    "\0",
    "$",
    "@",
    "INTERVAL",
    "CASE",
    "END",
    "IS",
    "NULL",
    "OVER",
    "BY",
    "DISTINCT",
    "c AS (SELECT 1)",
];

fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..40);
    (pieces, any::<bool>()).prop_map(|(pieces, spaced)| pieces.join(if spaced { " " } else { "" }))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![soup(), any::<String>()]
}

/// Knows three names; one of them is filtered.
struct Names;

impl Resolver for Names {
    fn resolve(&mut self, name: &TableName) -> Result<Replacement, Refusal> {
        let table = |table: &str, filter: Option<&str>| Replacement::Table {
            database: "d_ws".to_owned(),
            table: table.to_owned(),
            filter: filter.map(|condition| Filter {
                condition: condition.to_owned(),
                called: "users".to_owned(),
                columns: Vec::new(),
            }),
        };
        match (&name.database, name.name.as_str()) {
            (None, "events") => Ok(table("t_events", None)),
            (None, "users") => Ok(table("t_users", Some("row_filter = 1"))),
            (None, "top") => Ok(Replacement::Subquery { sql: "WITH c AS (SELECT 1 AS x) SELECT * FROM c".to_owned() }),
            _ => Err(Refusal::new(RefusalKind::UnknownTable, format!("there is no \"{name}\""))),
        }
    }

    fn is_reserved(&self, word: &str) -> bool {
        word == "d_ws"
    }
}

fn policy() -> Policy {
    let tables: BTreeSet<_> = [("d_ws".to_owned(), "t_events".to_owned())].into();
    Policy { tables, workspace: "w".to_owned(), door: Door::Sql, extra_table_functions: BTreeSet::new() }
}

/// Queries over the three names with everything that can hold a table.
fn query() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&["events", "users", "top", "c"][..]);
    let leaf = name.prop_map(|name| format!("SELECT x FROM {name}"));
    leaf.prop_recursive(4, 24, 3, |inner| {
        let name = prop::sample::select(&["events", "users", "top"][..]);
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} UNION ALL {b}")),
            inner.clone().prop_map(|a| format!("SELECT x FROM ({a}) AS s WHERE x IN users")),
            (inner.clone(), name.clone())
                .prop_map(|(a, n)| format!("SELECT x FROM {n} AS t PREWHERE x = 1 WHERE x IN ({a})")),
            (inner.clone(), name.clone())
                .prop_map(|(a, n)| format!("SELECT x FROM {n} FINAL JOIN ({a}) AS s USING x, users AS u")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("SELECT * FROM (WITH c AS ({a}) {b}) AS w")),
            (inner.clone(), name)
                .prop_map(|(a, n)| format!("SELECT ({a} LIMIT 1) AS x, in(x, {n}) FROM (users JOIN events USING x)")),
            inner.prop_map(|a| format!("SELECT x FROM events WHERE EXISTS ({a}) AND x = ANY ({a})")),
        ]
    })
    .prop_map(|sql| {
        if sql.starts_with("WITH") { sql } else { format!("WITH c AS (SELECT x FROM users) SELECT * FROM ({sql})") }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens_cover_the_text(sql in text()) {
        let mut end = 0;
        for token in tokenize(&sql) {
            prop_assert_eq!(token.span.start, end);
            prop_assert!(token.span.end > end && sql.is_char_boundary(token.span.end));
            end = token.span.end;
        }
        prop_assert_eq!(end, sql.len());
    }

    #[test]
    fn nothing_panics(sql in text(), tree in text()) {
        let _ = parse_statement(&sql, &RULES);
        let _ = check_condition(&sql, &RULES);
        let _ = used_tables(&sql);
        let _ = rewrite(&sql, &mut Names);
        let analysis = Analysis { statements: 1, class: StatementClass::ReadOnly, query_tree: tree };
        prop_assert!(inspect(&sql, &analysis, &policy()).is_err());
        let cache = VerdictCache::new(NonZeroUsize::MIN, "v");
        prop_assert!(cache.get(&sql, &policy()).is_none());
    }

    #[test]
    fn a_statement_is_a_statement_again(sql in soup()) {
        if let Ok(statement) = parse_statement(&format!("SELECT {sql}"), &RULES) {
            let again = parse_statement(&statement.sql, &RULES).expect("what was taken out of a statement is one");
            prop_assert_eq!(&again.sql, &statement.sql);
            prop_assert_eq!((again.format, again.settings.len()), (None, 0));
        }
    }

    /// A condition in brackets is one bracket, and takes nothing of what follows it.
    #[test]
    fn conditions_stay_between_their_brackets(condition in soup()) {
        if let Ok(checked) = check_condition(&condition, &RULES) {
            let sql = format!("({checked}) AND mark = 1");
            let tokens: Vec<_> = tokenize(&sql).into_iter().filter(|token| !token.kind.is_trivia()).collect();
            let mut depth = 0;
            let mut closes = Vec::new();
            for (at, token) in tokens.iter().enumerate() {
                depth += i32::from(token.kind.is_opening()) - i32::from(token.kind.is_closing());
                prop_assert!(!token.kind.is_error() && token.kind != TokenKind::Semicolon);
                if depth == 0 {
                    closes.push(at);
                }
            }
            prop_assert_eq!(closes.first().copied(), Some(tokens.len() - 5));
        }
    }

    #[test]
    fn a_filter_is_around_its_table_everywhere(sql in query()) {
        let rewritten = rewrite(&sql, &mut Names).expect("a query over known names");
        let places = rewritten.matches("`t_users`").count();
        let filtered = ["", " FINAL"].map(|modifier| {
            let filtered = format!("(SELECT * FROM `d_ws`.`t_users` AS users{modifier} WHERE (row_filter = 1) LIMIT 184467");
            rewritten.matches(&filtered).count()
        });
        prop_assert_eq!(places, filtered.iter().sum::<usize>(), "{}", rewritten);
        prop_assert!(places > 0);
        let again = used_tables(&rewritten).expect("what was rewritten is a query");
        prop_assert!(again.iter().all(|table| table.database.as_deref() == Some("d_ws")), "{:?} in {}", again, rewritten);
    }
}
