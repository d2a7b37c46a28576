//! What the client sends and how it reads answers, against a small HTTP server of the test's own.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod fake;

use futures_util::StreamExt;
use http_body::Body as _;
use http_body_util::BodyExt;
use secrecy::SecretString;
use standpipe_clickhouse::{Client, Error, Internal, Lane, QueryOptions, Server, Sql};

use fake::{Fake, Reply};

fn sql(text: &str) -> Internal<Sql> {
    Internal::new(text)
}

fn read() -> QueryOptions {
    QueryOptions::new(Lane::Read)
}

#[tokio::test]
async fn query_carries_lane_options_and_text() {
    let fake = Fake::unix(
        Reply::ok("1\n")
            .header("x-clickhouse-query-id", "q1")
            .header("x-clickhouse-format", "TabSeparated")
            .header("x-clickhouse-summary", r#"{"read_rows":"1","read_bytes":"8"}"#)
            .header("content-type", "text/tab-separated-values"),
    );
    let options = QueryOptions::new(Lane::Background).query_id("q1").setting("max_threads", 1).param("x", "a&b=c");
    let answer = fake.client().query(&sql("SELECT 'ü', {x:String}"), &options).await.unwrap();

    assert_eq!(answer.query_id.as_deref(), Some("q1"));
    assert_eq!(answer.format.as_deref(), Some("TabSeparated"));
    assert_eq!(answer.content_type.as_deref(), Some("text/tab-separated-values"));
    assert_eq!(answer.summary.unwrap().read_rows, Some(1));
    assert_eq!(answer.text().await.unwrap(), "1\n");

    let request = fake.only_request();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/"));
    assert_eq!(request.header("x-standpipe-lane"), Some("background"));
    assert_eq!(request.body, "SELECT 'ü', {x:String}".as_bytes());
    assert_eq!(request.query, [("query_id", "q1"), ("max_threads", "1"), ("param_x", "a&b=c")].map(fake::pair));
}

#[tokio::test]
async fn the_counts_behind_a_streamed_answer_take_the_place_of_the_early_ones() {
    let fake = Fake::unix(
        Reply::ok("1\n2\n")
            .header("x-clickhouse-summary", r#"{"read_rows":"1"}"#)
            .trailer("x-clickhouse-summary", r#"{"read_rows":"2","result_rows":"2"}"#),
    );
    let answer = fake.client().query(&sql("SELECT 1"), &read()).await.unwrap();
    assert_eq!(answer.summary.unwrap().read_rows, Some(1));
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        bytes.extend(frame.unwrap().into_data().expect("the trailer is no part of the answer"));
    }
    assert_eq!(bytes, b"1\n2\n");
    let summary = body.summary().unwrap();
    assert_eq!((summary.read_rows, summary.result_rows), (Some(2), Some(2)));
    assert_eq!(fake.only_request().header("te"), Some("trailers"));
}

#[tokio::test]
async fn absent_headers_mean_unknown() {
    let fake = Fake::unix(Reply::ok(""));
    let answer = fake.client().query(&sql("SELECT 1"), &read()).await.unwrap();
    assert_eq!((&answer.query_id, &answer.format, &answer.summary), (&None, &None, &None));
    assert_eq!(answer.bytes().await.unwrap().len(), 0);

    let summary = fake.client().execute(&sql("DROP TABLE t"), &read()).await.unwrap();
    assert_eq!(summary.written_rows, None);
}

#[tokio::test]
async fn insert_sends_the_statement_in_the_address_and_the_rows_as_body() {
    let fake = Fake::unix(Reply::ok("").header("x-clickhouse-summary", r#"{"written_rows":"2"}"#));
    let options = QueryOptions::new(Lane::Insert).setting("insert_deduplication_token", "n:1:0-2");
    let rows = futures_util::stream::iter(["{\"a\":1}\n", "{\"a\":2}\n"].map(Ok::<_, std::io::Error>));
    let statement = sql("INSERT INTO `d`.`t` (`a`) FORMAT JSONEachRow");
    let summary = fake.client().insert(&statement, fake::stream_body(rows), &options).await.unwrap();

    assert_eq!(summary.written_rows, Some(2));
    let request = fake.only_request();
    assert_eq!(request.query[0], fake::pair(("query", "INSERT INTO `d`.`t` (`a`) FORMAT JSONEachRow")));
    assert_eq!(request.query[1], fake::pair(("insert_deduplication_token", "n:1:0-2")));
    assert_eq!(request.body, b"{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(request.header("x-standpipe-lane"), Some("insert"));
}

#[tokio::test]
async fn a_server_gets_user_password_and_waits_for_the_end() {
    let fake = Fake::tcp(Reply::ok("1\n"));
    fake.client().query(&sql("SELECT 1"), &read()).await.unwrap().bytes().await.unwrap();
    let unhurried = read().setting("wait_end_of_query", 0);
    fake.client().query(&sql("SELECT 1"), &unhurried).await.unwrap().bytes().await.unwrap();

    let requests = fake.requests();
    assert_eq!(requests[0].header("x-clickhouse-user"), Some("reader"));
    assert_eq!(requests[0].header("x-clickhouse-key"), Some("hunter2"));
    assert_eq!(requests[0].query, [fake::pair(("wait_end_of_query", "1"))]);
    assert_eq!(requests[1].query, [fake::pair(("wait_end_of_query", "0"))]);
}

#[tokio::test]
async fn a_server_is_never_asked_to_analyze() {
    let fake = Fake::tcp(Reply::ok("{}"));
    let error = fake.client().analyze("DROP TABLE t", &[]).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot ask a clickhouse server for '/analyze': only the embedded engine has it");
    assert!(fake.client().status().await.is_err());
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn exceptions_come_by_header_or_by_text() {
    let text = "Code: 60. DB::Exception: Table d.t does not exist. (UNKNOWN_TABLE)\n";
    for reply in [
        Reply::status(404, text).header("x-clickhouse-exception-code", "60"),
        Reply::status(200, text).header("x-clickhouse-exception-code", "60"),
        Reply::status(
            500,
            "Code: 60, e.displayText() = DB::Exception: Table d.t doesn't exist., e.what() = DB::Exception",
        ),
    ] {
        let fake = Fake::unix(reply);
        let error = fake.client().query(&sql("SELECT * FROM d.t"), &read()).await.unwrap_err();
        assert_eq!(error.code(), Some(60));
        let Error::Exception(exception) = error else { panic!("{error:?}") };
        assert_eq!(exception.name, "UNKNOWN_TABLE");
        assert!(exception.message.starts_with("Code: 60"), "{}", exception.message);
    }
}

#[tokio::test]
async fn a_full_lane_is_busy() {
    let text = "Code: 202. DB::Exception: the read lane is full";
    let fake = Fake::unix(Reply::status(503, text).header("x-clickhouse-exception-code", "202"));
    let error = fake.client().query(&sql("SELECT 1"), &read()).await.unwrap_err();
    assert!(matches!(&error, Error::Busy { message } if message == text), "{error:?}");
    assert!(!error.is_outcome_unknown());
}

#[tokio::test]
async fn an_answer_of_something_else_is_shown() {
    let fake = Fake::tcp(Reply::status(502, "Bad gateway"));
    let error = fake.client().query(&sql("SELECT 1"), &read()).await.unwrap_err();
    assert_eq!(error.to_string(), "clickhouse answered with status 502 and no error code: 'Bad gateway'");
    let error = Fake::tcp(Reply::ok("hello")).client().ping().await.unwrap_err();
    assert!(error.to_string().contains("not clickhouse"), "{error}");
}

#[tokio::test]
async fn nobody_there_means_nothing_was_run() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::unix(&folder.path().join("none.sock")).unwrap();
    let error = client.execute(&sql("DROP TABLE t"), &read()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { outcome_unknown: false, .. }), "{error:?}");
}

#[tokio::test]
async fn a_break_before_the_answer_leaves_the_outcome_unknown() {
    let fake = Fake::unix(Reply::close());
    let error = fake.client().insert(&sql("INSERT INTO t FORMAT CSV"), "1\n", &read()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { outcome_unknown: true, .. }), "{error:?}");
    assert_eq!(fake.requests().len(), 1, "the client must not repeat an insert by itself");
}

#[tokio::test]
async fn a_break_inside_the_answer_is_never_a_clean_end() {
    let fake = Fake::unix(Reply::ok("half").break_off());
    let client = fake.client();
    let error = client.query(&sql("SELECT 1"), &read()).await.unwrap().bytes().await.unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }), "{error:?}");

    let stream = client.query(&sql("SELECT 1"), &read()).await.unwrap().into_stream();
    let items: Vec<_> = stream.collect().await;
    assert!(matches!(items.last(), Some(Err(Error::Incomplete { .. }))), "{items:?}");

    let error = client.execute(&sql("OPTIMIZE TABLE t"), &read()).await.unwrap_err();
    assert!(error.is_outcome_unknown());
}

#[tokio::test]
async fn gathering_stops_at_the_limit() {
    let fake = Fake::unix(Reply::ok("0123456789"));
    let client = fake.client();
    let within = client.query(&sql("SELECT 1"), &read().answer_limit(10)).await.unwrap();
    assert_eq!(within.bytes().await.unwrap().len(), 10);
    let beyond = client.query(&sql("SELECT 1"), &read().answer_limit(9)).await.unwrap();
    assert!(matches!(beyond.bytes().await, Err(Error::TooLarge { limit_bytes: 9 })));

    let fake = Fake::unix(Reply::ok("0123456789").chunks(4));
    let chunked = fake.client();
    let within = chunked.query(&sql("SELECT 1"), &read().answer_limit(10)).await.unwrap();
    assert_eq!(within.text().await.unwrap(), "0123456789");
    let beyond = chunked.query(&sql("SELECT 1"), &read().answer_limit(9)).await.unwrap();
    assert!(matches!(beyond.bytes().await, Err(Error::TooLarge { limit_bytes: 9 })));
}

#[tokio::test]
async fn connections_are_kept() {
    let fake = Fake::unix(Reply::ok("1\n"));
    let client = fake.client();
    for _ in 0..3 {
        client.query(&sql("SELECT 1"), &read()).await.unwrap().bytes().await.unwrap();
    }
    assert_eq!((fake.requests().len(), fake.connections()), (3, 1));

    let fake = Fake::tcp(Reply::ok("0123456789").chunks(4));
    let client = fake.client();
    for _ in 0..3 {
        client.query(&sql("SELECT 1"), &read()).await.unwrap().bytes().await.unwrap();
        client.execute(&sql("DROP TABLE t"), &read()).await.unwrap();
    }
    assert_eq!((fake.requests().len(), fake.connections()), (6, 1));
}

#[tokio::test]
async fn a_connection_is_kept_when_its_reader_stops_at_the_last_byte() {
    let fake = Fake::unix(Reply::ok("1\n"));
    let client = fake.client();
    for _ in 0..3 {
        let mut body = client.query(&sql("SELECT 1"), &read()).await.unwrap().into_body();
        assert_eq!(body.size_hint().exact(), Some(2));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "1\n");
    }
    assert_eq!((fake.requests().len(), fake.connections()), (3, 1));
}

#[tokio::test]
async fn an_answer_that_is_dropped_closes_its_connection() {
    let fake = Fake::unix(Reply::ok("0123456789").chunks(1));
    let client = fake.client();
    for _ in 0..2 {
        drop(client.query(&sql("SELECT 1"), &read()).await.unwrap());
    }
    assert_eq!((fake.requests().len(), fake.connections()), (2, 2));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_nothing() {
    let fake = Fake::unix(Reply::ok("1\n").header("connection", "close"));
    let client = fake.client();
    for _ in 0..2 {
        assert_eq!(client.query(&sql("SELECT 1"), &read()).await.unwrap().text().await.unwrap(), "1\n");
    }
    assert_eq!((fake.requests().len(), fake.connections()), (2, 2));
}

#[tokio::test]
async fn a_statement_longer_than_an_address_can_be_is_refused() {
    let long = format!("INSERT INTO t SELECT '{}'", "x".repeat(70_000));
    let error = Fake::unix(Reply::ok("")).client().insert(&sql(&long), "", &read()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }) && !error.is_outcome_unknown(), "{error:?}");
}

#[tokio::test]
async fn analyze_reads_what_the_engine_found() {
    let fake = Fake::unix(Reply::ok(
        r#"{"statements":1,"class":"read_only","query_tree":["QUERY id: 0"],"exception":{"code":62,"message":"Code: 62. DB::Exception: x"}}"#,
    ));
    let answer = fake.client().analyze("SELECT {n:Int32}", &[("n".into(), "1".into())]).await.unwrap();
    assert_eq!((answer.statements, answer.class.as_str()), (1, "read_only"));
    assert_eq!(answer.query_tree.unwrap(), ["QUERY id: 0"]);
    assert_eq!(answer.exception.unwrap().name, "SYNTAX_ERROR");

    let request = fake.only_request();
    assert_eq!((request.path.as_str(), request.header("x-standpipe-lane")), ("/analyze", Some("check")));
    assert_eq!(request.query, [fake::pair(("param_n", "1"))]);
    assert_eq!(request.body, b"SELECT {n:Int32}");
}

#[tokio::test]
async fn kill_quotes_the_id_and_takes_the_control_lane() {
    let fake = Fake::unix(Reply::ok(""));
    fake.client().kill("a'b").await.unwrap();
    let request = fake.only_request();
    assert_eq!(request.header("x-standpipe-lane"), Some("control"));
    assert_eq!(request.body, br"KILL QUERY WHERE endsWith(Settings['log_comment'], ' a\'b') ASYNC");

    let server = Fake::tcp(Reply::ok(""));
    server.client().kill("a").await.unwrap();
    assert_eq!(server.only_request().body, b"KILL QUERY WHERE query_id = 'a' ASYNC");
}

#[tokio::test]
async fn how_far_a_run_has_come_is_asked_on_the_control_lane() {
    let fake = Fake::unix(Reply::ok("5\t100\t3\n"));
    let progress = fake.client().progress("a'b").await.unwrap().unwrap();
    assert_eq!((progress.read_rows, progress.total_rows, progress.written_rows), (5, 100, 3));
    let request = fake.only_request();
    assert_eq!(request.header("x-standpipe-lane"), Some("control"));
    let condition = r"endsWith(Settings['log_comment'], ' a\'b')";
    let asked =
        format!("SELECT read_rows, total_rows_approx, written_rows FROM system.processes WHERE {condition} LIMIT 1");
    assert_eq!(request.body, asked.as_bytes());
    assert!(Fake::unix(Reply::ok("0\t0\t0\n")).client().is_running("a").await.unwrap());

    let server = Fake::tcp(Reply::ok(""));
    assert!(!server.client().is_running("a").await.unwrap());
    assert!(server.only_request().body.ends_with(b"WHERE query_id = 'a' LIMIT 1"));

    let error = Fake::unix(Reply::ok("many\n")).client().progress("a").await.unwrap_err();
    assert!(error.to_string().contains("many"), "{error}");
}

#[tokio::test]
async fn ping_status_and_version() {
    let fake = Fake::unix(Reply::ok("Ok.\n"));
    fake.client().ping().await.unwrap();
    assert_eq!(fake.only_request().path, "/ping");

    let fake = Fake::unix(Reply::ok(
        r#"{"version":"0.1.0","engine_version":"26.7.2.1","sandbox":{"landlock":true,"enforced":"full"},
            "lanes":{"read":{"running":1,"queued":2,"capacity":64}},"memory_bytes":1024}"#,
    ));
    let status = fake.client().status().await.unwrap();
    assert_eq!(status.engine_version.as_deref(), Some("26.7.2.1"));
    assert_eq!(status.sandbox.enforced.as_deref(), Some("full"));
    assert_eq!(status.lanes["read"].queued, 2);
}

#[test]
fn only_plain_http_addresses_are_taken() {
    for url in ["https://host:8443", "http://me:secret@host", "host:8123", "", "clickhouse://h"] {
        let server = Server { url: url.into(), user: "default".into(), password: None::<SecretString> };
        let error = Client::http(server).unwrap_err().to_string();
        assert!(error.starts_with("cannot use '") && !error.contains("secret"), "{error}");
    }
}
