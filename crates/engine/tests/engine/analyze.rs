//! `POST /analyze`: what a statement is and touches, without running it.

use serde_json::{Value, json};

use crate::support::Engine;

fn analyze(engine: &Engine, sql: &str) -> Value {
    let reply = engine.client().post("/analyze?param_x=1", sql.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn a_query_shows_its_tree() {
    let engine = Engine::start();
    let analysis = analyze(&engine, "WITH c AS (SELECT file('/etc/hostname')) SELECT {x:UInt8} FROM d.t, c;");
    assert_eq!((&analysis["statements"], &analysis["class"]), (&json!(1), &json!("read_only")));
    assert_eq!(analysis["exception"], Value::Null);
    let tree: Vec<&str> =
        analysis["query_tree"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(tree[0], "QUERY id: 0");
    let shows = |text: &str| tree.iter().any(|line| line.contains(text));
    assert!(shows("cte_name: c") && shows("identifier: d.t") && shows("function_name: file"), "{tree:#?}");
}

#[test]
fn classes_are_told_apart() {
    let engine = Engine::start();
    for (sql, class) in [
        ("INSERT INTO t VALUES (1)", "mutating"),
        ("DROP TABLE t", "mutating"),
        ("CREATE FUNCTION f AS x -> x", "global"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "control"),
        ("SYSTEM RELOAD CONFIG", "control"),
    ] {
        let analysis = analyze(&engine, sql);
        let expected = json!({"statements": 1, "class": class, "query_tree": null, "exception": null});
        assert_eq!(analysis, expected, "{sql}");
    }
}

#[test]
fn nothing_is_run() {
    let engine = Engine::start();
    for sql in [
        "SELECT 1; CREATE DATABASE evil ENGINE=Atomic",
        "SELECT 1; CREATE DATABASE evil ENGINE=Atomic; nonsense (",
        "CREATE DATABASE evil ENGINE=Atomic",
        "run_passes=1 SELECT 1; CREATE DATABASE evil ENGINE=Atomic",
    ] {
        let analysis = analyze(&engine, sql);
        assert_eq!(analysis["query_tree"], Value::Null, "{sql}");
    }
    assert_eq!(engine.sql("SELECT count() FROM system.databases WHERE name = 'evil'"), "0\n");
}

#[test]
fn several_statements_and_nonsense_say_why() {
    let engine = Engine::start();
    let several = analyze(&engine, "SELECT 1; SELECT 2");
    assert_eq!((&several["statements"], &several["exception"]["code"]), (&json!(2), &json!(62)));
    let nonsense = analyze(&engine, "SELEC 'a\\n' \n\t1");
    assert_eq!((&nonsense["statements"], &nonsense["class"]), (&json!(0), &json!("unknown")));
    assert_eq!(nonsense["exception"]["code"], json!(62));
    assert!(nonsense["exception"]["message"].as_str().unwrap().contains("Syntax error"), "{nonsense}");
    let formatted = analyze(&engine, "SELECT 1 FORMAT JSON");
    assert_eq!((&formatted["query_tree"], &formatted["exception"]["code"]), (&Value::Null, &json!(36)));
    let described = analyze(&engine, "DESCRIBE (SELECT 1)");
    assert_eq!((&described["class"], &described["exception"]["code"]), (&json!("read_only"), &json!(62)));
}
