//! `/v0/sql_tables`, `/v0/sql_replace`, `/v0/sql_format`.

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn ask(client: &Client, route: &str, fields: &[(&str, &str)]) -> Value {
    let posted = client.post(route).form(&form(fields)).send().await.assert_status(200).json();
    let got = client.get(&format!("{route}?{}", form(fields))).send().await.assert_status(200).json();
    assert_eq!(posted, got, "{fields:?}");
    posted
}

#[tokio::test]
async fn tables_of_a_query() {
    let app = TestApp::new().await;
    let client = app.with_scopes(&["TOKENS"]).await;
    let sql = "WITH c AS (SELECT * FROM b) SELECT * FROM c JOIN other.a AS x ON x.i = c.i, numbers(3) WHERE i IN d";
    let plain = json!({"tables": [["", "b"], ["", "d"], ["other", "a"]]});
    for raising in ["true", "false"] {
        let fields = [("q", sql), ("raising", raising), ("table_functions", "false"), ("is_copy", "false")];
        assert_eq!(ask(&client, "/v0/sql_tables", &fields).await, plain);
    }
    let with_functions = ask(&client, "/v0/sql_tables", &[("q", sql), ("table_functions", "true")]).await;
    let listed = json!([["", "", "numbers"], ["", "b", ""], ["", "d", ""], ["other", "a", ""]]);
    assert_eq!(with_functions["tables"], listed);
    let body = json!({"q": "select 1"});
    let none = client.post("/v0/sql_tables").json(&body).send().await.assert_status(200).json();
    assert_eq!(none, json!({"tables": []}));
}

#[tokio::test]
async fn tables_of_what_is_no_query() {
    let app = TestApp::new().await;
    for sql in ["SELECT FROM WHERE (", "nonsense", "INSERT INTO a VALUES (1)", "SELECT 1; SELECT 2"] {
        let quiet = ask(&app, "/v0/sql_tables", &[("q", sql), ("raising", "false")]).await;
        assert_eq!(quiet, json!({"tables": []}), "{sql}");
        let raising = form(&[("q", sql), ("raising", "true")]);
        app.post("/v0/sql_tables").form(&raising).send().await.assert_error(400);
    }
    let url = "SELECT * FROM url('http://x', 'CSV')";
    for functions in ["true", "false"] {
        let fields = form(&[("q", url), ("table_functions", functions)]);
        let error = app.post("/v0/sql_tables").form(&fields).send().await.assert_error(400);
        assert!(error.contains("usage of function url is restricted to copy pipes"), "{error}");
    }
    let copy = ask(&app, "/v0/sql_tables", &[("q", url), ("is_copy", "true"), ("table_functions", "true")]).await;
    assert_eq!(copy["tables"], json!([["", "", "url"]]));
    app.post("/v0/sql_tables").send().await.assert_error(400);
}

#[tokio::test]
async fn replaced_tables() {
    let app = TestApp::new().await;
    let client = app.with_scopes(&["TOKENS"]).await;
    // What clients send for a MATERIALIZED column: they look for an upper-case SELECT in the answer.
    let column = ask(&client, "/v0/sql_replace", &[("q", "select  toDate(timestamp)"), ("replacements", "{}")]).await;
    assert_eq!(column, json!({"query": "SELECT toDate(timestamp)"}));
    for (replacements, expected) in [
        (r#"{"ds": "t_1"}"#, "SELECT t_1.x\nFROM t_1 AS ds"),
        (r#"{"ds": ["db", "t_1"]}"#, "SELECT t_1.x\nFROM db.t_1 AS ds"),
        (r#"{"[\"\", \"ds\"]": "b.c"}"#, "SELECT `b.c`.x\nFROM `b.c` AS ds"),
        (r#"{"ds": "(SELECT 1 AS x)"}"#, "SELECT ds.x\nFROM\n(\n    SELECT 1 AS x\n) AS ds"),
        ("", "SELECT ds.x\nFROM ds"),
    ] {
        let fields = [("q", "select ds.x from ds -- all"), ("replacements", replacements)];
        assert_eq!(ask(&client, "/v0/sql_replace", &fields).await["query"], expected, "{replacements}");
    }
    let body = json!({"q": "SELECT 1 FROM a", "replacements": {"a": "b"}});
    let json = client.post("/v0/sql_replace").json(&body).send().await.assert_status(200).json();
    assert_eq!(json["query"], "SELECT 1\nFROM b AS a");
    for (sql, replacements) in [
        ("SELECT FROM (", "{}"),
        ("SELECT 1 FROM a", "{"),
        ("SELECT 1 FROM a", r#"{"a": 1}"#),
        ("SELECT 1 FROM a", r#"{"a": "(SELECT 1 FROM b)", "b": "(SELECT 1 FROM a)"}"#),
        ("SELECT 1 FROM url('x')", "{}"),
        ("SELECT 1 WHERE 1 IN a", r#"{"a": "(SELECT 1)"}"#),
        ("DROP TABLE a", "{}"),
        ("", "{}"),
    ] {
        let fields = form(&[("q", sql), ("replacements", replacements)]);
        client.post("/v0/sql_replace").form(&fields).send().await.assert_error(400);
    }
}

#[tokio::test]
async fn formatted_queries() {
    let app = TestApp::new().await;
    let client = app.with_scopes(&["TOKENS"]).await;
    for (sql, expected) in [
        ("select a,b from t where x=1 limit 3", "SELECT\n    a,\n    b\nFROM t\nWHERE x = 1\nLIMIT 3"),
        ("select 'it''s \\\\ \\n'", "SELECT 'it\\'s \\\\ \\n'"),
        ("select 1 -- why", "select 1 -- why"),
        (
            "% select * from {{ table('x') }} where a='{{b}}' and c in {{ Array(d, 'Int32') }}",
            "%\nSELECT *\nFROM {{ table('x') }}\nWHERE (a = '{{b}}') AND (c IN ({{ Array(d, 'Int32') }}))",
        ),
        ("% select {% if x %} 1 {% else %} 2 {% end %}", "% select {% if x %} 1 {% else %} 2 {% end %}"),
        ("% select {{ columns('a') }} frm where (", "% select {{ columns('a') }} frm where ("),
    ] {
        assert_eq!(ask(&client, "/v0/sql_format", &[("q", sql)]).await, json!({"q": expected}), "{sql}");
    }
    let long = format!("select '{}', {}", "\\n".repeat(50_000), vec!["a"; 20_000].join(","));
    let answer = client.post("/v0/sql_format").form(&form(&[("q", &long)])).send().await.assert_status(200).json();
    assert!(answer["q"].as_str().unwrap().ends_with(",\n    a"), "a long text is formatted whole");
    let canonical = [("q", "select 1 -- why"), ("with_clickhouse_format", "true")];
    assert_eq!(ask(&client, "/v0/sql_format", &canonical).await, json!({"q": "SELECT 1"}));
    let error = client.get("/v0/sql_format?q=select%20(").send().await.assert_error(400);
    assert!(error.starts_with("the SQL cannot be formatted"), "{error}");
}
