//! `/v0/sql`.

use serde_json::json;

use crate::support::TestApp;

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`, url String `json:$.url`").await;
    app.send_events("events", "{\"n\":1,\"url\":\"http://x/?a=1&q=2\"}\n{\"n\":2,\"url\":\"b\"}").await;
    app
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn sql_comes_in_the_query_or_the_body() {
    let app = app().await;
    let sql = "SELECT sum(n) AS s FROM events FORMAT CSV";
    for request in [
        app.get(&format!("/v0/sql?q={}", encoded(sql))),
        app.get(&format!("/v0/sql/?q={}&cli_version=1&from=cli", encoded(sql))),
        app.post(&format!("/v0/sql?q={}", encoded(sql))),
        app.post("/v0/sql").form(sql),
        app.post("/v0/sql").plain(sql),
        app.post("/v0/sql").body(sql),
        app.post("/v0/sql").form(&format!("q={}", encoded(sql))),
        app.post("/v0/sql").body(format!("q={}", encoded(sql))),
        app.post("/v0/sql").json(&json!({"q": sql})),
        app.post("/v0/sql").body(json!({"q": sql}).to_string()),
    ] {
        let answer = request.send().await.assert_status(200);
        assert_eq!(answer.text(), "3\n", "{}", answer.what);
    }
}

#[tokio::test]
async fn json_is_the_default() {
    let app = app().await;
    let answer = app.sql("SELECT n FROM events WHERE n = 2").await.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json = answer.json();
    assert_eq!(json["meta"], json!([{"name": "n", "type": "Int32"}]));
    assert_eq!((&json["data"], &json["rows"]), (&json!([{"n": 2}]), &json!(1)));
    for member in ["elapsed", "rows_read", "bytes_read"] {
        assert!(json["statistics"][member].is_number(), "{member}");
    }
}

#[tokio::test]
async fn a_body_is_a_form_only_if_it_has_q() {
    let app = app().await;
    for (sql, expected) in [
        ("SELECT n FROM events WHERE url = 'http://x/?a=1&q=2' FORMAT CSV", "1\n"),
        ("SELECT count() FROM events WHERE n=1 OR url LIKE '%&q=%' FORMAT CSV", "1\n"),
        ("SELECT 1 + 1 AS x, '100%25' AS y FORMAT TSV", "2\t100%25\n"),
    ] {
        let answer = app.post("/v0/sql").form(sql).send().await.assert_status(200);
        assert_eq!(answer.text(), expected, "{sql}");
    }
}

#[tokio::test]
async fn format_decides_the_content_type() {
    let app = app().await;
    for (format, content_type, body) in [
        ("CSV", "text/csv; charset=utf-8", "1\n"),
        ("CSVWithNames", "text/csv; charset=utf-8", "\"x\"\n1\n"),
        ("TSVWithNames", "text/tab-separated-values; charset=utf-8", "x\n1\n"),
        ("JSONEachRow", "application/x-ndjson; charset=utf-8", "{\"x\":1}\n"),
        ("JSONCompactEachRow", "application/x-ndjson; charset=utf-8", "[1]\n"),
    ] {
        let answer = app.sql(&format!("SELECT 1 AS x FORMAT {format}")).await.assert_status(200);
        assert_eq!((answer.header("content-type"), answer.text()), (Some(content_type), body), "{format}");
    }
    let answer = app.sql("SELECT 1 AS x FORMAT PrettyCompact").await.assert_status(200);
    assert!(answer.text().contains('x'));
    // The engine would show where the states are in its memory.
    for (format, columns) in [("Arrow", "sumState(1) AS s"), ("ArrowStream", "1 AS x, [(uniqState(2), 3)] AS s")] {
        let error = app.sql(&format!("SELECT {columns} FORMAT {format}")).await.assert_error(400);
        assert!(error.contains("column 's' holds states of an aggregate function"), "{error}");
        app.sql(&format!("SELECT 1 AS x FORMAT {format}")).await.assert_status(200);
    }
    for format in ["Nonsense", "json", "Template", "Protobuf", "CapnProto"] {
        let error = app.sql(&format!("SELECT 1 FORMAT {format}")).await.assert_error(400);
        assert!(error.contains(&format!("format '{format}' is unknown")), "{error}");
    }
}

#[tokio::test]
async fn the_wrapping_of_the_command_line_client_works() {
    let app = app().await;
    let sql = "SELECT * FROM (SELECT n FROM events ORDER BY n) LIMIT 100 FORMAT CSVWithNames";
    assert_eq!(app.sql(sql).await.assert_status(200).text(), "\"n\"\n1\n2\n");
    let sql = "SELECT * FROM (SELECT n FROM events ORDER BY n DESC -- the last first\n) LIMIT 1 FORMAT JSON";
    assert_eq!(app.sql(sql).await.assert_status(200).json()["data"], json!([{"n": 2}]));
}

#[tokio::test]
async fn pipeline_names_what_the_underscore_is() {
    let app = app().await;
    app.create_pipe("p", "SELECT n * 10 AS n FROM events").await;
    for request in [
        app.get(&format!("/v0/sql?pipeline=p&q={}", encoded("SELECT sum(n) FROM _ FORMAT CSV"))),
        app.post("/v0/sql?pipeline=p").plain("SELECT sum(n) FROM _ FORMAT CSV"),
        app.post("/v0/sql").form("pipeline=p&q=SELECT+sum(n)+FROM+_+FORMAT+CSV"),
        app.post("/v0/sql").json(&json!({"pipeline": "p", "q": "SELECT sum(n) FROM _ FORMAT CSV"})),
    ] {
        assert_eq!(request.send().await.assert_status(200).text(), "30\n");
    }
    app.post("/v0/sql?pipeline=absent").plain("SELECT * FROM _").send().await.assert_error(404);
    app.sql("SELECT * FROM _").await.assert_error(400);
    let stranger = app.with_scopes(&["DATASOURCES:READ:events"]).await;
    stranger.post("/v0/sql?pipeline=p").plain("SELECT * FROM _").send().await.assert_error(403);
}

#[tokio::test]
async fn pipes_and_quarantines_are_tables() {
    let app = app().await;
    app.create_pipe("p", "SELECT n FROM events").await;
    app.append_node("p", "second", "SELECT n + 1 AS n FROM p_0").await;
    assert_eq!(app.rows("SELECT sum(n) FROM p").await, "5\n", "the last node, when none is published");
    app.post("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_status(200);
    assert_eq!(app.rows("SELECT sum(n) FROM p").await, "3\n", "else the published one");
    assert_eq!(app.rows("SELECT a.n, b.n FROM events a JOIN p b ON a.n = b.n ORDER BY a.n").await, "1\t1\n2\t2\n");
    assert_eq!(app.rows("SELECT n FROM events WHERE n IN (SELECT n FROM p) ORDER BY n").await, "1\n2\n");
    assert_eq!(app.rows("WITH events AS (SELECT 7 AS n) SELECT n FROM events").await, "7\n", "a CTE hides a name");
    assert_eq!(app.rows("SELECT count() FROM events_quarantine").await, "0\n");
    let described = app.rows("DESCRIBE (SELECT n FROM events)").await;
    assert!(described.starts_with("n\tInt32"), "{described}");
}

#[tokio::test]
async fn errors_of_the_engine_carry_its_code() {
    let app = app().await;
    let answer = app.sql("SELECT no_column FROM events").await.assert_status(400);
    assert_eq!(answer.header("x-db-exception-code"), Some("47"));
    let answer = app.sql("SELECT FROM WHERE").await.assert_status(400);
    assert_eq!(answer.json()["code"], "sql_refused");
    let error = app.sql("SELECT * FROM nowhere").await.assert_error(400);
    assert_eq!(error, "resource 'nowhere' not found: it is no data source, pipe or earlier node of this pipe");
}

#[tokio::test]
async fn errors_name_data_sources_by_their_names() {
    let app = app().await;
    let database = app.workspace().database.clone();
    app.create_endpoint("p", "SELECT 1").await;
    app.store_node_unchecked("p", "SELECT no_column FROM events").await;
    for sql in [
        "SELECT no_column FROM events",
        "SELECT n.x.y FROM events AS e",
        "SELECT * FROM p",
        "SELECT x FROM events_quarantine",
    ] {
        let error = app.sql(sql).await.assert_error(400);
        assert!(!error.contains(&database) && !error.contains("t_"), "{error}");
        assert!(error.contains("FROM events"), "{error}");
    }
    let error = app.get("/v0/pipes/p.json").send().await.assert_error(400);
    assert!(!error.contains(&database) && !error.contains("t_"), "{error}");
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let app = app().await;
    for request in
        [app.get("/v0/sql"), app.get("/v0/sql?q="), app.post("/v0/sql"), app.post("/v0/sql").json(&json!({}))]
    {
        let error = request.send().await.assert_error(400);
        assert_eq!(error, "there is no SQL: send it as 'q' or as the body of a POST");
    }
    app.post("/v0/sql").body(&b"SELECT '\xff'"[..]).send().await.assert_error(400);
    app.post("/v0/sql").json(&json!(["SELECT 1"])).send().await.assert_error(400);
    let long = format!("SELECT '{}'", "x".repeat(70_000));
    let error = app.post("/v0/sql").plain(&long).send().await.assert_error(400);
    assert!(error.contains("at most 65536 are allowed"), "{error}");
}

#[tokio::test]
async fn a_failed_query_leaves_nothing_in_the_next_answer() {
    let app = app().await;
    let failing = "SELECT number, throwIf(number = 250000, 'half-way') FROM numbers(300000) FORMAT JSON";
    let calls = (0..24).map(|call| {
        let app = &app;
        async move {
            if call % 2 == 0 {
                app.sql(failing).await.assert_error(400);
            } else {
                assert_eq!(app.rows(&format!("SELECT {call}")).await, format!("{call}\n"));
            }
        }
    });
    futures_join(calls).await;
}

/// Runs all at once.
async fn futures_join<F: Future<Output = ()>>(calls: impl Iterator<Item = F>) {
    let mut running: Vec<_> = calls.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|call| call.as_mut().poll(context).is_pending());
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn tables_that_only_count_are_there_and_their_neighbours_are_not() {
    let app = TestApp::new().await;
    assert_eq!(app.rows("SELECT number FROM system.numbers WHERE number % 2 LIMIT 3").await, "1\n3\n5\n");
    assert_eq!(app.rows("SELECT n.number FROM system.numbers_mt AS n LIMIT 1").await, "0\n");
    for table in ["system.tables", "system.one", "system.zeros", "`system`.`processes`", "SYSTEM.numbers"] {
        let sql = format!("SELECT * FROM {table}");
        app.post("/v0/sql").plain(&sql).send().await.assert_error(400);
    }
}

#[tokio::test]
async fn paths_of_json_columns_are_keys() {
    let app = TestApp::new().await;
    app.create_data_source("events", "payload JSON `json:$.payload`").await;
    app.send_events(
        "events",
        "{\"payload\":{\"plan\":\"b\"}}\n{\"payload\":{\"plan\":\"a\"}}\n{\"payload\":{\"plan\":\"b\"}}",
    )
    .await;
    let sql = "SELECT payload.plan AS plan, count() AS c FROM events GROUP BY plan ORDER BY payload.plan";
    assert_eq!(app.rows(sql).await, "a\t1\nb\t2\n");
    app.create_endpoint("plans", sql).await;
    assert_eq!(app.get("/v0/pipes/plans.csv").send().await.text(), "\"plan\",\"c\"\n\"a\",1\n\"b\",2\n");
}
