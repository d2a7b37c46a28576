//! What rewriting writes, and which names it leaves alone.

use standpipe_sql::{RefusalKind, rewrite, used_tables};

#[path = "support/cases.rs"]
#[expect(dead_code, reason = "shared with the guard's tests, which use all of it")]
mod cases;

use cases::Workspace;
use cases::harmless::HARMLESS;

fn check(sql: &str, expected: &str) {
    let rewritten = rewrite(sql, &mut Workspace::default());
    assert_eq!(rewritten.as_deref(), Ok(expected), "{sql}");
}

const EVENTS: &str = "`d_ws`.`t_events`";
const USERS: &str = "(SELECT * FROM `d_ws`.`t_users` AS filtered WHERE (country = 'ES') LIMIT 18446744073709551615)";

#[test]
fn tables_keep_their_names() {
    check("SELECT a FROM events", &format!("SELECT a FROM {EVENTS} AS events"));
    check("SELECT a FROM events e", &format!("SELECT a FROM {EVENTS} e"));
    check("SELECT a FROM events AS `e e` FINAL", &format!("SELECT a FROM {EVENTS} AS `e e` FINAL"));
    check("SELECT*FROM\"events\"WHERE a", &format!("SELECT*FROM {EVENTS} AS events WHERE a"));
    check("SELECT a FROM `a.b`", "SELECT a FROM `d_ws`.`t_dotted` AS `a.b`");
    check("SELECT a /* x */ FROM events -- y", &format!("SELECT a /* x */ FROM {EVENTS} AS events"));
}

#[test]
fn a_column_may_be_called_like_its_table() {
    check("SELECT a AS events FROM events", &format!("SELECT a AS events FROM {EVENTS} AS events_2"));
    check(
        "SELECT events.a AS events, events.* FROM events, users AS events_2",
        &format!("SELECT events_3.a AS events, events_3.* FROM {EVENTS} AS events_3, {USERS} AS events_2"),
    );
    check("SELECT max(a) AS events FROM events", &format!("SELECT max(a) AS events FROM {EVENTS} AS events"));
    check(
        "SELECT (SELECT 1 FROM events) AS x, a AS events",
        &format!("SELECT (SELECT 1 FROM {EVENTS} AS events) AS x, a AS events"),
    );
}

#[test]
fn zeros_are_counted() {
    check("SELECT zero FROM zeros(4)", "SELECT zero FROM (SELECT toUInt8(0) AS zero FROM numbers(4))");
    check(
        "SELECT 1 FROM zeros_mt((SELECT max(a) FROM events)) AS z, numbers(2)",
        &format!(
            "SELECT 1 FROM (SELECT toUInt8(0) AS zero FROM numbers_mt((SELECT max(a) FROM {EVENTS} AS events))) AS z, numbers(2)"
        ),
    );
}

#[test]
fn filters_stand_around_the_table_with_its_modifiers() {
    check("SELECT a FROM users", &format!("SELECT a FROM {USERS} AS users"));
    check(
        "SELECT a FROM users AS u FINAL SAMPLE 1/10 WHERE b",
        "SELECT a FROM (SELECT * FROM `d_ws`.`t_users` AS filtered FINAL SAMPLE 1 / 10 WHERE (country = 'ES') \
         LIMIT 18446744073709551615) AS u  WHERE b",
    );
    check(
        "SELECT a FROM users PREWHERE a OR b WHERE c OR d ORDER BY a",
        &format!("SELECT a FROM {USERS} AS users WHERE ( a OR b) AND ( c OR d) ORDER BY a"),
    );
    check("SELECT a FROM users PREWHERE a = 1", &format!("SELECT a FROM {USERS} AS users WHERE ( a = 1)"));
    check("SELECT a FROM events PREWHERE a", &format!("SELECT a FROM {EVENTS} AS events PREWHERE a"));
}

#[test]
fn names_right_of_in() {
    let from = format!("SELECT a FROM {EVENTS} AS events WHERE a");
    check("SELECT a FROM events WHERE a IN events", &format!("{from} IN (SELECT * FROM {EVENTS})"));
    check("SELECT a FROM events WHERE a NOT IN (users)", &format!("{from} NOT IN ({USERS})"));
    check("SELECT a FROM events WHERE a IN tags", &format!("{from} IN identity(tags)"));
    check("SELECT a FROM events WHERE a IN events.tags", &format!("{from} IN identity(events.tags)"));
    check("SELECT a FROM events WHERE a IN (tags, others)", &format!("{from} IN (tags, others)"));
    check(
        "SELECT in(a, events), position('x' IN a)",
        &format!("SELECT in(a, (SELECT * FROM {EVENTS})), position('x' IN a)"),
    );
    check("WITH (1, 2) AS k SELECT 1 IN k", "WITH (1, 2) AS k SELECT 1 IN k");
    check("WITH t AS k SELECT 1 IN k", "WITH t AS k SELECT 1 IN identity(k)");
    check("SELECT arrayMap(events -> 1 IN events, x)", "SELECT arrayMap(events -> 1 IN identity(events), x)");
    check("SELECT 1 IN NULL, 1 IN (true), 1 IN [2], 1 IN f(x)", "SELECT 1 IN NULL, 1 IN (true), 1 IN [2], 1 IN f(x)");
    let top = rewrite("SELECT 1 IN top", &mut Workspace::default()).expect("a pipe");
    assert!(top.starts_with("SELECT 1 IN (SELECT * FROM (WITH final AS ("), "{top}");
}

#[test]
fn ctes_hide_data_sources_where_they_are_in_scope() {
    check("WITH events AS (SELECT 1) SELECT * FROM events", "WITH events AS (SELECT 1) SELECT * FROM events");
    check(
        "WITH events AS (SELECT * FROM events) SELECT * FROM events",
        &format!("WITH events AS (SELECT * FROM {EVENTS} AS events) SELECT * FROM events"),
    );
    check(
        "SELECT * FROM (WITH events AS (SELECT 1) SELECT * FROM events) AS x, events",
        &format!("SELECT * FROM (WITH events AS (SELECT 1) SELECT * FROM events) AS x, {EVENTS} AS events"),
    );
    check(
        "WITH events AS (SELECT 1) SELECT * FROM events UNION ALL SELECT * FROM (SELECT * FROM events)",
        "WITH events AS (SELECT 1) SELECT * FROM events UNION ALL SELECT * FROM (SELECT * FROM events)",
    );
    check(
        "SELECT 1 UNION ALL (WITH events AS (SELECT 1) SELECT * FROM events) UNION ALL SELECT * FROM events",
        &format!(
            "SELECT 1 UNION ALL (WITH events AS (SELECT 1) SELECT * FROM events) UNION ALL SELECT * FROM {EVENTS} AS events"
        ),
    );
    check(
        "WITH RECURSIVE events AS (SELECT 1 AS a UNION ALL SELECT a FROM events) SELECT * FROM events",
        "WITH RECURSIVE events AS (SELECT 1 AS a UNION ALL SELECT a FROM events) SELECT * FROM events",
    );
    check(
        "WITH RECURSIVE events AS (SELECT a FROM events UNION ALL SELECT a FROM events) SELECT a FROM events",
        &format!(
            "WITH RECURSIVE events AS (SELECT a FROM {EVENTS} AS events UNION ALL SELECT a FROM events) SELECT a FROM events"
        ),
    );
    check("WITH 1 AS events SELECT * FROM events", &format!("WITH 1 AS events SELECT * FROM {EVENTS} AS events"));
    check(
        "WITH c AS (SELECT * FROM events), events AS (SELECT 1) SELECT * FROM c",
        "WITH c AS (SELECT * FROM events), events AS (SELECT 1) SELECT * FROM c",
    );
}

#[test]
fn inlined_queries_are_never_captured() {
    // The pipe reads the data source, whatever the query around it calls its CTEs.
    let sql = rewrite("WITH events AS (SELECT 1 AS a) SELECT * FROM top, events", &mut Workspace::default());
    let sql = sql.expect("a pipe");
    assert!(sql.contains(&format!("count() AS c FROM {EVENTS} AS events")), "{sql}");
    assert!(sql.ends_with(", events"), "{sql}");
    // Its CTEs get names of their own where the query around it uses the same ones.
    let sql = rewrite("WITH final AS (SELECT * FROM top) SELECT * FROM final", &mut Workspace::default());
    assert_eq!(
        sql.expect("a pipe"),
        format!(
            "WITH final AS (SELECT * FROM (WITH final_2 AS (SELECT a, count() AS c FROM {EVENTS} AS events GROUP BY a) \
             SELECT * FROM `final_2` AS `final`) AS top) SELECT * FROM final"
        )
    );
}

#[test]
fn a_comment_at_the_end_of_a_pipe_swallows_nothing() {
    let sql = rewrite("SELECT * FROM top_users WHERE a = 1", &mut Workspace::default()).expect("a pipe");
    assert!(!sql.contains("-- end") && sql.ends_with(") AS top_users WHERE a = 1"), "{sql}");
}

#[test]
fn column_qualifiers_go_on_working() {
    check("SELECT events.a FROM events", &format!("SELECT events.a FROM {EVENTS} AS events"));
    check("SELECT events.a, e.b FROM events AS e", &format!("SELECT e.a, e.b FROM {EVENTS} AS e"));
    check("SELECT events.* FROM events e", &format!("SELECT e.* FROM {EVENTS} e"));
    check(
        "SELECT (SELECT count() FROM users AS u WHERE u.a = events.a) FROM events AS e",
        &format!("SELECT (SELECT count() FROM {USERS} AS u WHERE u.a = e.a) FROM {EVENTS} AS e"),
    );
    check(
        "SELECT events.a FROM events AS e, users AS events",
        &format!("SELECT events.a FROM {EVENTS} AS e, {USERS} AS events"),
    );
    let stats = "(SELECT * FROM `d_service`.`t_stats` AS filtered WHERE (workspace = 'w') LIMIT 18446744073709551615)";
    check(
        "SELECT tinybird.pipe_stats.a, pipe_stats.b, tinybird.pipe_stats.* FROM tinybird.pipe_stats",
        &format!("SELECT pipe_stats.a, pipe_stats.b, pipe_stats.* FROM {stats} AS pipe_stats"),
    );
    check("SELECT events.a FROM (SELECT 1 AS a) AS events", "SELECT events.a FROM (SELECT 1 AS a) AS events");
}

#[test]
fn refusals_of_the_resolver_know_their_place() {
    let refusal = rewrite("SELECT *\nFROM nothing", &mut Workspace::default()).expect_err("no such name");
    assert_eq!((refusal.kind, refusal.line, refusal.column), (RefusalKind::UnknownTable, 2, 6));
    let refusal = rewrite("SELECT d_ws.t_users.a FROM users", &mut Workspace::default()).expect_err("reserved");
    assert_eq!((refusal.kind, refusal.line, refusal.column), (RefusalKind::NotAllowed, 1, 8));
}

/// Wherever a filtered table ends up, its filter is around it, once for each place that names it.
#[test]
fn a_filtered_table_is_never_without_its_filter() {
    for (what, sql) in HARMLESS {
        let mut workspace = Workspace::default();
        let rewritten = rewrite(without_settings(sql), &mut workspace).unwrap_or_default();
        let places = rewritten.matches("`t_users`").count();
        let bare =
            rewritten.matches("SELECT * FROM `d_ws`.`t_users` AS filtered WHERE (country = 'ES') LIMIT 1844").count();
        let with_final =
            rewritten.matches("SELECT * FROM `d_ws`.`t_users` AS filtered FINAL WHERE (country = 'ES')").count();
        assert_eq!(places, bare + with_final, "{what}: {rewritten}");
    }
}

fn without_settings(sql: &str) -> &str {
    sql.split(" SETTINGS ").next().unwrap_or(sql)
}

#[test]
fn used_tables_are_names_as_written() {
    for (sql, expected) in [
        ("SELECT 1", &[][..]),
        (
            "SELECT * FROM b, a.c JOIN `x y` USING z WHERE q IN t AND r IN (SELECT 1 FROM s)",
            &["b", "s", "t", "x y", "a.c"],
        ),
        ("WITH c AS (SELECT * FROM a) SELECT * FROM c WHERE 1 IN c", &["a"]),
        ("DESCRIBE TABLE a", &["a"]),
        ("SELECT arrayMap(x -> y IN x, z), [1] AS k, 1 IN k FROM numbers(3)", &[]),
    ] {
        let names: Vec<_> = used_tables(sql).expect(sql).iter().map(ToString::to_string).collect();
        assert_eq!(names, expected, "{sql}");
    }
    for sql in
        ["SELECT * FROM url('x')", "SELECT joinGet('a', 'b', 1)", "SELECT 1; SELECT 2", "DROP TABLE a", "SELECT * FROM"]
    {
        assert!(used_tables(sql).is_err(), "{sql}");
    }
}
