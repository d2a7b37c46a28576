//! `/v0/events`.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::{TestApp, gzip};

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source(
        "events",
        "n Int32 `json:$.n`, tag String `json:$.meta.tag`, list Array(Int8) `json:$.list[:]`",
    )
    .await;
    app
}

fn counts(successful: u64, quarantined: u64) -> Value {
    json!({"successful_rows": successful, "quarantined_rows": quarantined})
}

#[tokio::test]
async fn counts_are_exact_and_rows_are_there_at_once() {
    let app = app().await;
    let body = "{\"n\":1,\"meta\":{\"tag\":\"a\"},\"list\":[1,2]}\n{\"n\":2,\"meta\":{\"tag\":\"b\"},\"list\":[]}\n";
    let answer = app.post("/v0/events?name=events").body(body).send().await.assert_status(202);
    assert_eq!(answer.json(), counts(2, 0));
    assert_eq!(app.rows("SELECT * FROM events ORDER BY n").await, "1\ta\t[1,2]\n2\tb\t[]\n");
    let answer = app.post("/v0/events?name=events&wait=true").body(body.trim_end()).send().await.assert_status(200);
    assert_eq!(answer.json(), counts(2, 0));
    assert_eq!(app.rows("SELECT count() FROM events").await, "4\n", "the same body again is new rows");
}

#[tokio::test]
async fn json_of_one_object_or_many_lines() {
    let app = app().await;
    let pretty = "{\n  \"n\": 1,\n  \"meta\": {\"tag\": \"a\"},\n  \"list\": []\n}";
    let line = "{\"n\":2,\"meta\":{\"tag\":\"b\"},\"list\":[]}";
    let send = async |request: crate::support::Request| request.send().await.assert_status(202).json();
    assert_eq!(send(app.post("/v0/events?name=events&format=json").body(pretty)).await, counts(1, 0));
    let json = app.post("/v0/events?name=events").header(CONTENT_TYPE, "application/json").body(pretty);
    assert_eq!(send(json).await, counts(1, 0));
    let lines = format!("{line}\n{line}");
    let many = app.post("/v0/events?name=events").header(CONTENT_TYPE, "application/json").body(lines.clone());
    assert_eq!(send(many).await, counts(2, 0));
    let ndjson =
        app.post("/v0/events?name=events&format=ndjson").header(CONTENT_TYPE, "application/x-ndjson").body(lines);
    assert_eq!(send(ndjson).await, counts(2, 0));
    let form = app.post("/v0/events?name=events").form(line);
    assert_eq!(send(form).await, counts(1, 0), "curl -d says that it is a form");
    app.post("/v0/events?name=events&format=xml").body(line).send().await.assert_error(400);
}

#[tokio::test]
async fn gzip_bodies() {
    let app = app().await;
    let body = gzip("{\"n\":1,\"meta\":{\"tag\":\"a\"},\"list\":[]}\n{\"n\":2,\"meta\":{\"tag\":\"b\"},\"list\":[]}");
    let request = app.post("/v0/events?name=events").header(CONTENT_ENCODING, "gzip").body(body.clone());
    assert_eq!(request.send().await.assert_status(202).json(), counts(2, 0));
    let unnamed = app.post("/v0/events?name=events").body(body.clone()).send().await.assert_status(202);
    assert_eq!(unnamed.json(), counts(2, 0), "gzip is known by its signature, too");
    let broken = app.post("/v0/events?name=events").header(CONTENT_ENCODING, "gzip").body(body[..20].to_vec());
    broken.send().await.assert_error(400);
    let plain = app.post("/v0/events?name=events").header(CONTENT_ENCODING, "gzip").body("{\"n\":1}");
    plain.send().await.assert_error(400);
    let other = app.post("/v0/events?name=events").header(CONTENT_ENCODING, "br").body("{\"n\":1}");
    other.send().await.assert_error(400);
    assert_eq!(app.rows("SELECT count() FROM events").await, "4\n");
}

#[tokio::test]
async fn wrong_rows_go_to_the_quarantine_with_their_reasons() {
    let app = app().await;
    let body = "{\"n\":1,\"meta\":{\"tag\":\"good\"},\"list\":[]}\n\
                {\"n\":\"many\",\"meta\":{\"tag\":\"x\"},\"list\":[]}\n\
                {\"n\":3000000000,\"meta\":{\"tag\":\"y\"},\"list\":[1]}\n\
                no json at all\n\
                {\"n\":5,\"meta\":{\"tag\":\"z\"},\"list\":[1000]}\n";
    let answer = app.post("/v0/events?name=events").body(body).send().await.assert_status(202);
    assert_eq!(answer.json(), counts(1, 4));
    assert_eq!(app.rows("SELECT n FROM events").await, "1\n");
    let sql = "SELECT n, tag, c__error_column, length(c__error) > 0 AS why, notEmpty(c__import_id) AS id, \
               insertion_date > '2000-01-01' AS at FROM events_quarantine ORDER BY tag";
    let rows = app.sql(sql).await.assert_status(200).json();
    let expected = json!([
        {"n": "many", "tag": "x", "c__error_column": ["n"], "why": 1, "id": 1, "at": 1},
        {"n": "3000000000", "tag": "y", "c__error_column": ["n"], "why": 1, "id": 1, "at": 1},
        {"n": "5", "tag": "z", "c__error_column": ["list"], "why": 1, "id": 1, "at": 1},
    ]);
    let rows = rows["data"].as_array().unwrap();
    assert_eq!(rows[..3], expected.as_array().unwrap()[..]);
    assert_eq!(rows.len(), 4);
    let import_ids = app.rows("SELECT uniqExact(c__import_id) FROM events_quarantine").await;
    assert_eq!(import_ids, "1\n", "one request, one import");
}

#[tokio::test]
async fn a_body_in_which_nothing_can_be_read_is_an_error() {
    let app = app().await;
    for body in ["no json", "<xml/>\n<xml/>"] {
        app.post("/v0/events?name=events").body(body).send().await.assert_error(400);
    }
    assert_eq!(app.rows("SELECT count() FROM events_quarantine").await, "0\n");
    let nothing = app.post("/v0/events?name=events").send().await.assert_status(202);
    assert_eq!(nothing.json(), counts(0, 0));
}

#[tokio::test]
async fn who_may_send_where() {
    let app = app().await;
    app.create_data_source("others", "n Int32 `json:$.n`").await;
    let event = "{\"n\":1,\"meta\":{\"tag\":\"a\"},\"list\":[]}";
    let error = app.post("/v0/events").body(event).send().await.assert_error(400);
    assert_eq!(error, "'name' is missing: name the data source with ?name=<data source>");
    let error = app.post("/v0/events?name=absent").body(event).send().await.assert_error(404);
    assert_eq!(error, "data source 'absent' not found");
    let appender = app.with_scopes(&["DATASOURCES:APPEND:events"]).await;
    appender.post("/v0/events?name=events").body(event).send().await.assert_status(202);
    appender.post("/v0/events?name=others").body(event).send().await.assert_error(403);
    let reader = app.with_scopes(&["DATASOURCES:READ:events", "PIPES:CREATE"]).await;
    let error = reader.post("/v0/events?name=events").body(event).send().await.assert_error(403);
    assert!(error.contains("DATASOURCES:APPEND:events"), "{error}");
    let query = format!("/v0/events?name=events&wait=false&token={}&from=js", appender.token());
    app.anonymous().post(&query).body(event).send().await.assert_status(202);
    let id = app.workspace().data_source("events").unwrap().id;
    app.post(&format!("/v0/events?name={id}")).body(event).send().await.assert_status(202);
    app.create_pipe("p", "SELECT 1").await;
    app.post("/v0/events?name=p").body(event).send().await.assert_error(404);
    app.post("/v0/events?name=events_quarantine").body(event).send().await.assert_error(404);
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let app = TestApp::with(|config| {
        config.limits.body.bytes = 1000;
        config.limits.append_body.bytes = 1000;
    })
    .await;
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    let line = "{\"n\":1}\n";
    app.post("/v0/events?name=events").body(line.repeat(100)).send().await.assert_status(202);
    app.post("/v0/events?name=events").body(line.repeat(200)).send().await.assert_error(413);
    // Small on the wire, large once decompressed.
    app.post("/v0/events?name=events").body(gzip(&line.repeat(200))).send().await.assert_error(413);
    assert_eq!(app.rows("SELECT count() FROM events").await, "100\n");
}

#[tokio::test]
async fn writers_at_once_lose_nothing() {
    let app = app().await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let client = app.with_token(app.token());
        tasks.spawn(async move {
            let mut accepted = 0;
            for event in 0..10 {
                let body = format!("{{\"n\":{},\"meta\":{{\"tag\":\"w\"}},\"list\":[]}}", writer * 10 + event);
                let answer = client.post("/v0/events?name=events").body(body).send().await.assert_status(202);
                accepted += answer.json()["successful_rows"].as_u64().unwrap();
            }
            accepted
        });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<u64>(), 80);
    assert_eq!(app.rows("SELECT count(), uniqExact(n) FROM events").await, "80\t80\n");
}
