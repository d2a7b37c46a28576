//! Pairs of texts that differ in literals only.

/// Harmless first, harmful second: the verdict on the first must not pass the second.
pub(crate) const PAIRS: &[(&str, &str, &str)] = &[
    ("column pattern", "SELECT COLUMNS('^a') FROM events", "SELECT COLUMNS('x\n  WHERE') FROM events"),
    ("column pattern, escaped", "SELECT COLUMNS('^a') FROM events", "SELECT COLUMNS('x\\n  WHERE') FROM events"),
    (
        "column pattern behind a table",
        "SELECT events.COLUMNS('^a') FROM events",
        "SELECT events.COLUMNS('x\\ny') FROM events",
    ),
    ("EXCEPT pattern", "SELECT * EXCEPT('a') FROM events", "SELECT * EXCEPT('x\\ny') FROM events"),
    ("EXCEPT STRICT", "SELECT * EXCEPT STRICT ('a') FROM events", "SELECT * EXCEPT STRICT ('x\\ny') FROM events"),
    ("LIKE of columns", "SELECT * LIKE 'a%' FROM events", "SELECT * LIKE 'x\\ny' FROM events"),
    ("ILIKE of columns", "SELECT * ILIKE 'a%' FROM events", "SELECT * ILIKE 'x\\ny' FROM events"),
    ("collation", "SELECT a FROM events ORDER BY a COLLATE 'de'", "SELECT a FROM events ORDER BY a COLLATE 'de\\nx'"),
    (
        "value of a setting",
        "SELECT * FROM (SELECT 1 SETTINGS join_algorithm = 'hash')",
        "SELECT * FROM (SELECT 1 SETTINGS join_algorithm = 'hash readonly=0')",
    ),
    (
        "value of a setting behind others",
        "SELECT * FROM (SELECT 1 SETTINGS max_threads = 1, join_algorithm = 'hash')",
        "SELECT * FROM (SELECT 1 SETTINGS max_threads = 1, join_algorithm = 'x\n  JOIN TREE')",
    ),
];

/// Pairs of one shape: the second passes by the verdict on the first.
pub(crate) const HITS: &[(&str, &str, &str)] = &[
    ("numbers", "SELECT a FROM events WHERE a = 1", "SELECT a FROM events WHERE a = 42"),
    ("strings", "SELECT a FROM events WHERE country = 'ES'", "SELECT a FROM events WHERE country = 'it''s; -- '"),
    ("strings and heredocs aside", "SELECT a FROM events WHERE b = $$x$$", "SELECT a FROM events WHERE b = $t$y$t$"),
    ("lists of any length", "SELECT a FROM events WHERE a IN (1, 2)", "SELECT a FROM events WHERE a IN (3, 4, 5, 6)"),
    (
        "arguments",
        "SELECT toDate('2020-01-01'), quantile(0.5)(a) FROM events",
        "SELECT toDate('2021-12-31'), quantile(0.9)(a) FROM events",
    ),
    ("limits", "SELECT a FROM events LIMIT 10 OFFSET 1", "SELECT a FROM events LIMIT 100 OFFSET 7"),
    (
        "BETWEEN and LIKE",
        "SELECT a FROM events WHERE a BETWEEN 1 AND 2 AND b LIKE 'x'",
        "SELECT a FROM events WHERE a BETWEEN 3 AND 4 AND b LIKE 'y'",
    ),
    ("white space and comments", "SELECT a FROM events", "SELECT  a /* the a */\nFROM events"),
];
