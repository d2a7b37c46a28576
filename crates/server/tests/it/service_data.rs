//! `tinybird.<name>`: what the server tells a workspace about itself.

use http::Method;
use http::header::USER_AGENT;
use http_body_util::BodyExt;
use serde_json::json;
use standpipe_core::service_data::ServiceTable;
use standpipe_server::config::Size;
use standpipe_server::router;
use tower::ServiceExt;

use crate::support::{TestApp, gzip};

/// An endpoint that counts `events`, of three rows, up to a limit.
async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    app.send_events("events", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}").await;
    app.create_endpoint("top", "% SELECT n FROM events WHERE n <= {{Int32(limit, 9)}} ORDER BY n").await;
    app
}

#[tokio::test]
async fn every_table_can_be_read_and_has_its_columns() {
    let app = TestApp::new().await;
    for table in ServiceTable::ALL {
        let name = table.full_name();
        for sql in [
            format!("SELECT * FROM {name} LIMIT 1"),
            format!("SELECT toJSONString(tuple(*)) AS row FROM {name} LIMIT 1"),
            format!("SELECT formatRowNoNewline('JSONEachRow', *) AS row FROM {name} LIMIT 1"),
        ] {
            app.rows(&sql).await;
        }
    }
    let described = app.sql("DESCRIBE tinybird.endpoint_errors FORMAT TSV").await.assert_status(200);
    let columns: Vec<_> = described.text().lines().map(|line| line.split('\t').take(2).collect::<Vec<_>>()).collect();
    assert_eq!(columns[0], ["start_datetime", "DateTime"]);
    assert_eq!(columns[6], ["status_code", "Nullable(Int32)"]);
    assert_eq!(columns.len(), 9);
}

#[tokio::test]
async fn a_request_for_data_is_recorded_at_its_end() {
    let app = app().await;
    let uri = format!("/v0/pipes/top.json?limit=2&token={}&x=a%20b", app.token());
    let answer = app.anonymous().get(&uri).header(USER_AGENT, "curl/8").send().await.assert_status(200);
    let request_id = answer.header("x-request-id").unwrap().to_owned();
    let pipe = app.workspace().pipe("top").unwrap().id;
    let row = app
        .recorded(
            "SELECT pipe_id, pipe_name, token_name, read_rows, result_rows, url, error, error_message, status_code, \
             request_id, parameters, method, user_agent, client_ip, release FROM tinybird.pipe_stats_rt",
        )
        .await;
    let expected = format!(
        "{pipe}\ttop\tadmin local_testing@tinybird.co\t3\t2\t/v0/pipes/top.json?limit=2&x=a%20b\t0\t\\N\t200\t\
         {request_id}\t{{'limit':'2','x':'a b'}}\tGET\tcurl/8\t127.0.0.1\t\n"
    );
    assert_eq!(row, expected);
    let token = app.workspace().tokens.values().next().unwrap().id.to_string();
    let more = "SELECT token, duration > 0 AND duration < 60, read_bytes > 0, abs(now() - start_datetime) < 60 FROM \
                tinybird.pipe_stats_rt WHERE pipe_name = 'top'";
    assert_eq!(app.rows(more).await, format!("{token}\t1\t1\t1\n"));
}

#[tokio::test]
async fn a_long_answer_has_the_counts_of_all_of_it() {
    let app = TestApp::new().await;
    app.create_endpoint("long", "SELECT number FROM numbers(300000)").await;
    let sent = app.get("/v0/pipes/long.ndjson").send().await.assert_status(200);
    assert_eq!(sent.text().lines().count(), 300_000);
    let whole = app.get("/v0/pipes/long.json").send().await.assert_status(200);
    assert_eq!(whole.json()["rows"], 300_000);
    let counts = app.recorded("SELECT result_rows, read_rows FROM tinybird.pipe_stats_rt").await;
    assert_eq!(counts, "300000\t300000\n300000\t300000\n");
}

#[tokio::test]
async fn errors_of_endpoints_are_recorded_twice_and_bodies_never() {
    let app = app().await;
    app.get("/v0/pipes/top.json?limit=many").send().await.assert_error(400);
    app.post("/v0/pipes/top.json?x=1").json(&json!({"limit": "private"})).send().await.assert_error(400);
    app.post("/v0/pipes/top.json").form("limit=private").send().await.assert_error(400);
    app.post("/v0/pipes/top.json").json(&json!({"limit": 2, "note": "private"})).send().await.assert_status(200);
    app.post("/v0/pipes/top.json").body("{\"private\"").send().await.assert_error(400);
    app.post("/v0/sql").plain("SELECT 'private' FROM nowhere").send().await.assert_error(400);
    let stranger = app.with_scopes(&["DATASOURCES:READ:events"]).await;
    stranger.get("/v0/pipes/top.json?s=1").send().await.assert_error(403);
    app.with_token("p.unknown").get("/v0/pipes/top.json?u=1").send().await.assert_error(403);
    let told = app.recorded("SELECT error FROM tinybird.endpoint_errors WHERE url LIKE '%many'").await;
    assert!(told.contains("many"), "{told}");
    let columns = "pipe_name, status_code, url, params";
    let errors = format!("SELECT {columns} FROM tinybird.endpoint_errors ORDER BY url, params");
    assert_eq!(
        app.rows(&errors).await,
        "top\t400\t/v0/pipes/top.json\t{}\n\
         top\t400\t/v0/pipes/top.json\t{}\n\
         top\t400\t/v0/pipes/top.json?limit=many\t{\"limit\":\"many\"}\n\
         top\t403\t/v0/pipes/top.json?s=1\t{\"s\":\"1\"}\n\
         top\t400\t/v0/pipes/top.json?x=1\t{\"x\":\"1\"}\n"
    );
    let kinds = "SELECT pipe_name, error, status_code, error_message FROM tinybird.pipe_stats_rt WHERE method = 'POST' \
                 AND error > 0 ORDER BY pipe_name, error_message";
    let kinds = app.rows(kinds).await;
    assert!(kinds.contains("top\t1\t400\ttemplate_failed: "), "{kinds}");
    assert!(kinds.contains("query_api\t1\t400\tname_unknown: "), "{kinds}");
    let everything = "SELECT count() FROM tinybird.pipe_stats_rt AS r WHERE toJSONString(tuple(*)) LIKE '%private%'";
    assert_eq!(app.rows(everything).await, "0\n");
    let everything = "SELECT count() FROM tinybird.endpoint_errors WHERE toJSONString(tuple(*)) LIKE '%private%'";
    assert_eq!(app.rows(everything).await, "0\n");
}

#[tokio::test]
async fn no_token_is_recorded_wherever_a_client_puts_it() {
    let app = app().await;
    let token = app.token();
    for uri in [
        format!("/v0/pipes/top.json?token={token}"),
        format!("/v0/pipes/top.json?limit={token}"),
        format!("/v0/pipes/top.json?limit={token}x"),
        format!("/v0/pipes/top.json?{token}=1&%74oken={token}"),
        format!("/v0/sql?q=SELECT+'{token}'"),
        format!("/v0/sql?q=SELECT+{token}"),
    ] {
        app.get(&uri).send().await;
    }
    app.post(&format!("/v0/pipes/top.json?Token={token}"))
        .json(&json!({"limit": token}))
        .send()
        .await
        .assert_error(400);
    let signature = token.rsplit('.').next().unwrap();
    for table in ["pipe_stats_rt", "endpoint_errors", "datasources_ops_log", "block_log"] {
        let found = format!(
            "SELECT count() > 0, countIf(position(formatRow('JSONEachRow', *), '{signature}') > 0) FROM tinybird.{table}"
        );
        assert_eq!(app.recorded(&found).await, "1\t0\n", "{table}");
    }
}

#[tokio::test]
async fn the_query_api_is_recorded_under_one_name() {
    let app = app().await;
    app.get("/v0/sql?q=SELECT+count()+FROM+events").send().await.assert_status(200);
    app.sql("SELECT 1").await.assert_status(200);
    let rows =
        "SELECT pipe_id, pipe_name, method, url, result_rows, read_rows FROM tinybird.pipe_stats_rt ORDER BY method";
    assert_eq!(
        app.recorded(rows).await,
        "query_api\tquery_api\tGET\t/v0/sql?q=SELECT+count()+FROM+events\t1\t1\n\
         query_api\tquery_api\tPOST\t/v0/sql\t1\t1\n"
    );
}

#[tokio::test]
async fn days_are_summed_up_by_the_engine() {
    let app = app().await;
    for limit in ["1", "2", "x"] {
        app.get(&format!("/v0/pipes/top.json?limit={limit}")).send().await;
    }
    let id = app.workspace().pipe("top").unwrap().id;
    // What the command-line tool sends, more or less.
    let sql = "SELECT pipe_id id, sumIf(view_count, date > now() - interval 7 day) requests, sumIf(error_count, date > now() \
               - interval 7 day) errors, avgMergeIf(avg_duration_state, date > now() - interval 7 day) > 0 latency \
               FROM tinybird.pipe_stats WHERE pipe_id NOT IN ('query_api') GROUP BY pipe_id ORDER BY requests DESC";
    assert_eq!(app.recorded(sql).await, format!("{id}\t3\t1\t1\n"));
    let more = "SELECT date = toStartOfDay(now(), 'UTC'), arrayMap(ms -> ms > 0, \
                quantilesTimingMerge(0.9, 0.95, 0.99)(quantile_timing_state)), sum(read_rows_sum) FROM tinybird.pipe_stats \
                WHERE pipe_name = 'top' GROUP BY date";
    assert_eq!(app.rows(more).await, "1\t[1,1,1]\t6\n");
    let recent = "SELECT groupArraySample(2)(url) AS endpoint_url, groupArraySample(2)(mapFilter((k, v) -> k != 'x', \
                  parameters)) AS pipe_request_params, method AS http_method, any(mapKeys(parameters)), \
                  any(extractURLParameter(assumeNotNull(url), 'limit')), any(extractURLParameterNames(assumeNotNull(url))) \
                  FROM tinybird.pipe_stats_rt WHERE pipe_name = 'top' AND error = 0 GROUP BY http_method";
    assert!(app.rows(recent).await.contains("GET"));
}

#[tokio::test]
async fn operations_on_data_sources_are_recorded() {
    let app = TestApp::new().await;
    app.create_data_source("log", "n Int32 `json:$.n`").await;
    app.post("/v0/events?name=log").body(gzip("{\"n\":1}\n{\"n\":\"x\"}")).send().await.assert_status(202);
    let appended =
        app.post("/v0/datasources?mode=append&name=log&format=csv").body("2\n3\n").send().await.assert_status(200);
    app.post("/v0/datasources?mode=append&name=log&format=ndjson").body("none").send().await;
    app.put("/v0/datasources/log?name=log2").send().await.assert_status(200);
    app.post("/v0/datasources/log2/truncate").send().await.assert_status(205);
    app.delete("/v0/datasources/log2").send().await.assert_status(204);
    let log = "SELECT event_type, datasource_name, result, rows, rows_quarantine, written_rows, Options.Values FROM \
               tinybird.datasources_ops_log ORDER BY event_type, result DESC";
    assert_eq!(
        app.recorded(log).await,
        "append\tlog\tok\t2\t0\t2\t[]\n\
         append\tlog\terror\t\\N\t\\N\t0\t[]\n\
         append-hfi\tlog\tok\t1\t1\t1\t[]\n\
         create\tlog\tok\t\\N\t\\N\t0\t[]\n\
         delete\tlog2\tok\t\\N\t\\N\t0\t[]\n\
         rename\tlog\tok\t\\N\t\\N\t0\t['log','log2']\n\
         truncate\tlog2\tok\t\\N\t\\N\t0\t[]\n"
    );
    let import_id = appended.json()["import_id"].as_str().unwrap().to_owned();
    let request_id = appended.header("x-request-id").unwrap();
    let ids =
        format!("SELECT request_id, blocks_ids[1] FROM tinybird.datasources_ops_log WHERE import_id = '{import_id}'");
    assert_eq!(app.rows(&ids).await, format!("{request_id}\t{import_id}\n"));
    let blocks = "SELECT source, status, rows, parser, quarantine_lines, bytes, processing_error IS NULL FROM \
                  tinybird.block_log ORDER BY source DESC, status";
    assert_eq!(
        app.rows(blocks).await,
        "events\tdone\t1\tndjson\t1\t17\t1\nbody\tdone\t2\tcsv\t0\t4\t1\nbody\terror\t0\tndjson\t0\t0\t0\n"
    );
    let days = "SELECT event_type, sum(executions), sum(error_count), sum(written_rows) FROM \
                tinybird.datasources_ops_stats WHERE event_type LIKE 'append%' GROUP BY event_type ORDER BY event_type";
    assert_eq!(app.rows(days).await, "append\t2\t1\t2\nappend-hfi\t1\t0\t1\n");
}

#[tokio::test]
async fn sizes_of_data_sources_are_recorded_when_they_change_and_now_and_then() {
    let app = app().await;
    app.standpipe().refresh_counts().await.unwrap();
    app.standpipe().refresh_counts().await.unwrap();
    let rows = "SELECT datasource_name, rows, bytes > 0, rows_quarantine FROM tinybird.datasources_storage";
    assert_eq!(app.recorded(rows).await, "events\t3\t1\t0\n");
    app.send_events("events", "{\"n\":4}").await;
    app.standpipe().refresh_counts().await.unwrap();
    app.recorded("SELECT 1").await;
    app.standpipe().service_data().record_storage(app.standpipe().registry(), false);
    app.standpipe().service_data().record_storage(app.standpipe().registry(), true);
    let largest = "SELECT datasource_name, max(rows) FROM tinybird.datasources_storage GROUP BY datasource_name";
    assert_eq!(app.recorded(largest).await, "events\t4\n");
}

#[tokio::test]
async fn service_data_is_the_workspaces_own() {
    let app = app().await;
    let other = app.other_workspace().await;
    app.get("/v0/pipes/top.json").send().await.assert_status(200);
    assert_eq!(app.recorded("SELECT count() FROM tinybird.pipe_stats_rt WHERE pipe_name = 'top'").await, "1\n");
    let count = "SELECT count() FROM tinybird.pipe_stats_rt";
    assert_eq!(other.rows(count).await, "0\n");
    app.standpipe().service_data().flush().await.unwrap();
    assert_eq!(other.rows("SELECT DISTINCT pipe_name FROM tinybird.pipe_stats_rt").await, "query_api\n");
    let table = format!("SELECT count() FROM {}.service_pipe_stats_rt", app.workspace().database);
    other.sql(&table).await.assert_error(400);
    app.sql(&table).await.assert_error(400);
}

#[tokio::test]
async fn own_sql_needs_admin_and_a_pipe_may_show_it() {
    let app = app().await;
    let reader = app.with_scopes(&["DATASOURCES:READ:events", "PIPES:READ:top"]).await;
    for name in ["tinybird.pipe_stats_rt", "tinybird.nothing", "`tinybird`.`block_log`"] {
        reader.sql(&format!("SELECT * FROM {name}")).await.assert_error(403);
    }
    let nothing = app.sql("SELECT * FROM tinybird.nothing").await.assert_error(400);
    assert!(
        nothing.starts_with("service data source 'tinybird.nothing' not found: there are pipe_stats_rt, "),
        "{nothing}"
    );
    app.create_endpoint(
        "usage",
        "SELECT pipe_name, count() AS c FROM tinybird.pipe_stats_rt WHERE pipe_name = 'top' GROUP BY ALL",
    )
    .await;
    app.get("/v0/pipes/top.json").send().await.assert_status(200);
    app.recorded("SELECT 1").await;
    let viewer = app.with_scopes(&["PIPES:READ:usage"]).await;
    let shown = viewer.get("/v0/pipes/usage.csv").send().await.assert_status(200);
    assert_eq!(shown.text(), "\"pipe_name\",\"c\"\n\"top\",1\n");
    assert_eq!(viewer.rows("SELECT c FROM usage").await, "1\n");
    viewer.get("/v0/pipes/usage/explain").send().await.assert_error(403);
    viewer.sql("EXPLAIN PLAN SELECT c FROM usage").await.assert_error(403);
}

#[tokio::test]
async fn names_are_shown_as_they_are_written() {
    let app = TestApp::new().await;
    app.create_endpoint("short", "SELECT 1 AS a").await;
    app.get("/v0/pipes/short.json").send().await.assert_status(200);
    app.recorded("SELECT 1").await;
    app.create_pipe("usage", "SELECT r.url FROM tinybird.pipe_stats_rt AS r, tinybird.pipe_stats AS s").await;
    let explained = app.get("/v0/pipes/usage/explain").send().await.assert_status(200);
    let (query, plan) = (explained.json()["debug_query"].to_string(), explained.json()["query_explain"].to_string());
    assert!(query.contains("tinybird.pipe_stats_rt AS r") && query.contains("tinybird.pipe_stats AS s"), "{query}");
    assert!(plan.contains("tinybird.pipe_stats_rt") && plan.contains("tinybird.pipe_stats"), "{plan}");
    assert!(![&query, &plan].iter().any(|text| text.contains("service_")), "{query} {plan}");
    let error = app.sql("SELECT nothing FROM tinybird.pipe_stats").await.assert_error(400);
    assert!(!error.contains("service_") && error.contains("tinybird.pipe_stats"), "{error}");
    let qualified = "SELECT pipe_stats.date, tinybird.pipe_stats.pipe_id FROM tinybird.pipe_stats WHERE pipe_stats.pipe_id \
                     IN (SELECT pipe_id FROM tinybird.endpoint_errors)";
    assert_eq!(app.rows(qualified).await, "");
}

#[tokio::test]
async fn who_leaves_early_is_no_error_and_who_asks_for_a_head_is_served() {
    let app = TestApp::new().await;
    app.create_endpoint("long", "SELECT number FROM numbers(100000000)").await;
    app.create_endpoint("short", "SELECT 1 AS a").await;
    app.request(Method::HEAD, "/v0/pipes/short.json").send().await.assert_status(200);
    let uri = format!("/v0/pipes/long.ndjson?token={}", app.token());
    let request = http::Request::get(uri).body(axum::body::Body::empty()).unwrap();
    let mut response = router::build(app.app.clone()).oneshot(request).await.unwrap();
    response.frame().await.unwrap().unwrap();
    drop(response);
    let rows =
        "SELECT pipe_name, method, status_code, error, error_message FROM tinybird.pipe_stats_rt ORDER BY pipe_name";
    assert_eq!(
        app.recorded(rows).await,
        "long\tGET\t499\t0\tthe client left before the answer\\'s end\nshort\tHEAD\t200\t0\t\\N\n"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let app = TestApp::new().await;
    let sql = "SELECT number, throwIf(number = 900000) AS x FROM numbers(1000000)";
    app.create_endpoint("broken", sql).await;
    let uri = format!("/v0/pipes/broken.ndjson?token={}", app.token());
    let request = http::Request::get(uri).body(axum::body::Body::empty()).unwrap();
    let response = router::build(app.app.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.is_err(), "the answer must break off");
    let rows = "SELECT status_code, error, error_message LIKE 'the answer broke off%' FROM tinybird.pipe_stats_rt";
    assert_eq!(app.recorded(rows).await, "200\t1\t1\n");
}

#[tokio::test]
async fn rows_survive_a_restart_and_retention_follows_the_configuration() {
    let app = app().await;
    app.get("/v0/pipes/top.json").send().await.assert_status(200);
    // Nothing is flushed: the end of the server does it.
    let days = |app: &TestApp, table: ServiceTable| {
        let database = &app.workspace().database;
        let name = table.physical();
        format!(
            "SELECT extract(engine_full, 'TTL (.*) SETTINGS') FROM system.tables WHERE database = '{database}' AND name = '{name}'"
        )
    };
    let app = app
        .restart_with(|config| {
            config.service_data.days.insert(ServiceTable::PipeStatsRt, 5);
            config.service_data.days.insert(ServiceTable::PipeStats, 7);
            config.service_data.days.insert(ServiceTable::BlockLog, 0);
        })
        .await;
    let before = app.engine_lines(&days(&app, ServiceTable::PipeStatsRt)).await;
    assert_eq!(before, ["start_datetime + toIntervalDay(90)"]);
    app.standpipe().reconcile().await.unwrap();
    assert_eq!(app.recorded("SELECT pipe_name FROM tinybird.pipe_stats_rt").await, "top\n");
    let after = [ServiceTable::PipeStatsRt, ServiceTable::PipeStats, ServiceTable::BlockLog].map(|it| days(&app, it));
    let mut lines = Vec::new();
    for sql in after {
        lines.extend(app.engine_lines(&sql).await);
    }
    assert_eq!(lines, ["start_datetime + toIntervalDay(5)", "date + toIntervalDay(7)", ""]);
    let app = app.restart().await;
    app.standpipe().reconcile().await.unwrap();
    assert_eq!(app.recorded("SELECT count() FROM tinybird.pipe_stats_rt WHERE pipe_name = 'top'").await, "1\n");
}

#[tokio::test]
async fn a_table_of_an_older_version_gets_its_columns() {
    let app = app().await;
    app.recorded("SELECT 1 FROM tinybird.pipe_stats_rt").await;
    let table = format!("{}.{}", app.workspace().database, ServiceTable::PipeStatsRt.physical());
    app.engine_lines(&format!("ALTER TABLE {table} DROP COLUMN client_ip")).await;
    let app = app.restart().await;
    app.standpipe().reconcile().await.unwrap();
    app.get("/v0/pipes/top.json").send().await.assert_status(200);
    let rows = "SELECT client_ip FROM tinybird.pipe_stats_rt WHERE pipe_name = 'top'";
    assert_eq!(app.recorded(rows).await, "127.0.0.1\n");
}

#[tokio::test]
async fn a_dropped_table_is_made_anew() {
    let app = app().await;
    app.recorded("SELECT 1 FROM tinybird.block_log").await;
    let table = format!("{}.{}", app.workspace().database, ServiceTable::BlockLog.physical());
    app.engine_lines(&format!("DROP TABLE {table}")).await;
    app.send_events("events", "{\"n\":4}").await;
    let refused = app.standpipe().service_data().flush().await.unwrap_err();
    assert!(refused.to_string().contains("service_block_log"), "{refused}");
    assert_eq!(app.recorded("SELECT rows FROM tinybird.block_log").await, "1\n", "the rows waited");
}

#[tokio::test]
async fn a_full_buffer_drops_the_oldest_rows_and_says_so() {
    let app = TestApp::with(|config| config.service_data.buffer = Size { bytes: 1500 }).await;
    app.create_endpoint("short", "SELECT 1 AS a").await;
    for n in 0..9 {
        app.get(&format!("/v0/pipes/short.json?n={n}")).send().await.assert_status(200);
    }
    let newest = app.recorded("SELECT parameters['n'] FROM tinybird.pipe_stats_rt ORDER BY url").await;
    let kept = newest.lines().count() as u64;
    assert!(kept < 9 && newest.ends_with("7\n8\n"), "{newest}");
    let metrics = app.get("/metrics").send().await.assert_status(200);
    let line = format!("standpipe_service_data_dropped_rows_total{{table=\"pipe_stats_rt\"}} {}", 9 - kept);
    assert!(metrics.text().contains(&line), "{}", metrics.text());
}
