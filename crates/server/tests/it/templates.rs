//! Template parameters, from the URL or body of a request to the rows of its answer.

use serde_json::{Value, json};

use crate::support::TestApp;

const SQL: &str =
    "%\nSELECT {{String(x, 'a')}} AS x, {{Int32(n, 10)}} AS n{% if defined(y) %}, {{String(y)}} AS y{% end %}";

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_endpoint("p", SQL).await;
    app
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn rows(app: &TestApp, query: &str) -> Value {
    app.get(&format!("/v0/pipes/p.json{query}")).send().await.assert_status(200).json()["data"].clone()
}

#[tokio::test]
async fn parameters_come_from_the_query_a_form_or_json() {
    let app = app().await;
    assert_eq!(rows(&app, "").await, json!([{"x": "a", "n": 10}]));
    assert_eq!(rows(&app, "?x=b&n=5").await, json!([{"x": "b", "n": 5}]));
    assert_eq!(rows(&app, "?y=there&cli_version=1&from=cli&debug=1").await, json!([{"x": "a", "n": 10, "y": "there"}]));
    for request in [
        app.post("/v0/pipes/p.json").form("x=b+c&n=5"),
        app.post("/v0/pipes/p.json").json(&json!({"x": "b c", "n": 5})),
        app.post("/v0/pipes/p.json?n=5&x=lost&from=ui").json(&json!({"x": "b c"})),
    ] {
        let answer = request.send().await.assert_status(200).json();
        assert_eq!(answer["data"], json!([{"x": "b c", "n": 5}]));
    }
}

#[tokio::test]
async fn values_are_values_and_never_sql() {
    let app = app().await;
    for value in [
        "'",
        "\\",
        "\\' OR 1 = 1 --",
        "' || file('/etc/hostname') || '",
        "'; DROP TABLE x; --",
        "{{1}}",
        "a\nb\tc\0d",
        "‘quoted’ é 漢",
        "`x`",
        "/* */ # --",
    ] {
        let found = rows(&app, &format!("?x={0}&y={0}", encoded(value))).await;
        assert_eq!(found, json!([{"x": value, "n": 10, "y": value}]));
    }
}

#[tokio::test]
async fn values_of_the_wrong_type_are_refused() {
    let app = app().await;
    for value in ["ten", "1; DROP TABLE x", "1 OR 1", "99999999999"] {
        let error = app.get(&format!("/v0/pipes/p.json?n={}", encoded(value))).send().await.assert_error(400);
        assert!(error.contains('n'), "{error}");
    }
    app.create_endpoint("strict", "%\nSELECT {{Int32(needed)}} AS n").await;
    let error = app.get("/v0/pipes/strict.json").send().await.assert_error(400);
    assert!(error.contains("needed"), "{error}");
    app.get("/v0/pipes/strict.json?needed=4").send().await.assert_status(200);
}

#[tokio::test]
async fn a_pipe_shows_its_parameters() {
    let app = app().await;
    let pipe = app.get("/v0/pipes/p").send().await.json();
    let shown: Vec<_> =
        pipe["nodes"][0]["params"].as_array().unwrap().iter().map(|it| (&it["name"], &it["type"])).collect();
    let expected = [(json!("x"), json!("String")), (json!("n"), json!("Int32")), (json!("y"), json!("String"))];
    assert_eq!(shown.len(), 3, "{shown:?}");
    for (name, kind) in &expected {
        assert!(shown.contains(&(name, kind)), "{shown:?}");
    }
}

#[tokio::test]
async fn parameters_reach_the_nodes_and_pipes_that_are_read() {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    app.send_events("events", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}").await;
    app.create_endpoint("inner", "%\nSELECT n FROM events WHERE n >= {{Int32(low, 2)}}").await;
    app.create_endpoint("outer", "SELECT sum(n) AS s FROM inner").await;
    assert_eq!(app.get("/v0/pipes/outer.csv").send().await.assert_status(200).text(), "\"s\"\n5\n");
    assert_eq!(app.get("/v0/pipes/outer.csv?low=3").send().await.text(), "\"s\"\n3\n");
    assert_eq!(app.get("/v0/pipes/outer.csv?low=1").send().await.text(), "\"s\"\n6\n");
    let q = encoded("SELECT count() AS c FROM _");
    assert_eq!(app.get(&format!("/v0/pipes/inner.csv?low=3&q={q}")).send().await.text(), "\"c\"\n1\n");
    let sql = encoded("SELECT sum(n) AS s FROM outer_node FORMAT CSV").replace("outer_node", "inner");
    assert_eq!(app.get(&format!("/v0/sql?q={sql}&low=3")).send().await.assert_status(200).text(), "3\n");
}

#[tokio::test]
async fn sql_of_a_request_may_be_a_template() {
    let app = app().await;
    let sql = encoded("%SELECT {{Int32(v, 1)}} + 1 AS v FORMAT CSV");
    assert_eq!(app.get(&format!("/v0/sql?q={sql}&v=41")).send().await.assert_status(200).text(), "42\n");
    let json = json!({"q": "%SELECT {{String(v)}} AS v FORMAT CSV", "v": "it's"});
    assert_eq!(app.post("/v0/sql").json(&json).send().await.assert_status(200).text(), "\"it's\"\n");
}

#[tokio::test]
async fn broken_templates_are_not_saved() {
    let app = app().await;
    for sql in [
        "%\nSELECT {{Int32(n",
        "%\nSELECT {% if x %} 1",
        "%\nSELECT {{no_such_function(x)}}",
        "%\n",
        "% SELECT {{String(x)}}; SELECT 1",
    ] {
        app.post("/v0/pipes/p/nodes").form(sql).send().await.assert_error(400);
    }
    assert_eq!(app.get("/v0/pipes/p").send().await.json()["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_template_chooses_its_own_error() {
    let app = TestApp::new().await;
    let sql = "%\n{% if not defined(x) %}{{custom_error({'message': 'x please', 'error': 'x is missing'}, 404)}}{% end %}SELECT 1 AS x";
    app.create_endpoint("p", sql).await;
    app.get("/v0/pipes/p.json?x=1").send().await.assert_status(200);
    let error = app.get("/v0/pipes/p.json").send().await.assert_error(404);
    assert_eq!(error, "x is missing");
}

/// Nothing that a template renders is trusted more than what is written out.
#[tokio::test]
async fn what_a_template_renders_passes_the_guard() {
    let app = app().await;
    for sql in ["% SELECT * FROM file({{String(x, '/etc/passwd')}})", "%\nSELECT {{symbol('file')}}('/etc/hostname')"] {
        app.post("/v0/pipes/p/nodes").form(sql).send().await.assert_error(400);
        app.sql(sql).await.assert_error(400);
    }
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    app.create_endpoint("any_table", "%\nSELECT * FROM {{table(t)}}").await;
    app.get("/v0/pipes/any_table.json?t=events").send().await.assert_status(200);
    for name in ["system.processes", "system.one", "file('/etc/passwd')", "nowhere"] {
        app.get(&format!("/v0/pipes/any_table.json?t={}", encoded(name))).send().await.assert_error(400);
    }
}

/// Samples stand for parameters when a template is saved: what they cause is no reason to refuse it.
#[tokio::test]
async fn templates_are_saved_whatever_their_samples_mean() {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`, d Date `json:$.d`, s String `json:$.s`").await;
    app.create_pipe("p", "SELECT 1").await;
    for sql in [
        "%\nSELECT n FROM events WHERE d >= {{String(from_day)}}",
        "%\nSELECT toDate({{String(day)}}) AS day, n + {{String(text)}} AS wrong FROM events",
        "%\nSELECT {{symbol(any_column)}} FROM events",
        "%\nSELECT {{column(x, 'n')}}, {{columns(y, 'n,d')}} FROM events ORDER BY {{symbol(order)}}",
        "%\nSELECT n FROM {{table(t)}} WHERE n IN (SELECT k FROM {{table(u)}}) AND n IN {{table(v)}}",
        "%\nSELECT {% if kind %} n AS v {% else %} s AS w {% end %} FROM events ORDER BY w",
        "%\nSELECT n FROM events WHERE n IN {{Array(ids, 'Int32')}}",
        "%\nSELECT n FROM events WHERE {{columns(c, 'n')}} > {{Int32(least)}} LIMIT {{Int32(size, 5)}}",
    ] {
        app.post("/v0/pipes/p/nodes").form(sql).send().await.assert_status(200);
    }
    let node = app.post("/v0/pipes/p/nodes").form("%\nSELECT n FROM {{table(t)}}, events").send().await.json();
    assert_eq!(node["dependencies"], json!(["events"]));
    // A plain node that reads a template is as uncertain as the template.
    app.append_node("p", "day", "%\nSELECT {{String(day)}} AS day FROM events").await;
    app.append_node("p", "reads_day", "SELECT toDate(day) AS d, day + 1 AS wrong FROM day").await;
}

#[tokio::test]
async fn templates_with_names_that_nothing_has_are_not_saved() {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    app.create_pipe("p", "SELECT 1").await;
    for (sql, name) in [
        ("%\nSELECT no_column FROM events WHERE n = {{Int32(n, 1)}}", "no_column"),
        ("%\nSELECT n FROM events WHERE no_column = {{Int32(needed)}}", "no_column"),
        ("%\nSELECT e.no_column FROM events AS e LIMIT {{Int32(size, 5)}}", "no_column"),
        ("%\nSELECT n FROM nowhere WHERE n = {{Int32(n, 1)}}", "nowhere"),
        ("SELECT n FROM placeholder", "placeholder"),
    ] {
        let error = app.post("/v0/pipes/p/nodes").form(sql).send().await.assert_error(400);
        assert!(error.contains(name), "{error}");
    }
    // What is too much work to look at is saved: reading it has its own limits.
    app.append_node("p", "heavy", "SELECT (SELECT sum(number) FROM numbers(100000000000)) AS s").await;
}
