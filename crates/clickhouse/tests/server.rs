//! The client against a real ClickHouse server, which `scripts/test-clickhouse.sh` starts (`make test-clickhouse`).
//!
//! Debian's server is version 18.16: it shows the protocol, no more. Each test has a database of its own.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use standpipe_clickhouse::{Client, Error, Internal, Lane, QueryOptions, Server, Sql, codes, quote};

#[expect(clippy::disallowed_methods, reason = "the script hands over the server's address this way")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/test-clickhouse.sh"))
}

fn client() -> Client {
    let url = variable("STANDPIPE_TEST_CLICKHOUSE_URL");
    let password = variable("STANDPIPE_TEST_CLICKHOUSE_PASSWORD");
    Client::http(Server { url, user: "default".into(), password: Some(password.into()) }).unwrap()
}

fn sql(text: &str) -> Internal<Sql> {
    Internal::new(text)
}

/// A new database, and options that select it.
async fn database(name: &str) -> (Client, QueryOptions) {
    let client = client();
    let create = sql(&format!("CREATE DATABASE {}", quote::identifier(name)));
    client.execute(&create, &QueryOptions::new(Lane::Background)).await.unwrap();
    (client, QueryOptions::new(Lane::Read).database(name))
}

async fn text(client: &Client, statement: &str, options: &QueryOptions) -> String {
    client.query(&sql(statement), options).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn ping_and_version() {
    client().ping().await.unwrap();
    let version = client().version().await.unwrap();
    assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
}

#[tokio::test]
async fn select_in_the_format_asked_for() {
    let options = QueryOptions::new(Lane::Read).format("JSONEachRow").query_id("client-select-1");
    let answer = client().query(&sql("SELECT toUInt8(1) AS a, 'x' AS b"), &options).await.unwrap();
    assert!(answer.content_type.is_some());
    assert_eq!(answer.text().await.unwrap(), "{\"a\":1,\"b\":\"x\"}\n");
    assert_eq!(text(&client(), "SELECT 1 FORMAT CSV", &options).await, "1\n");
}

#[tokio::test]
async fn json_has_meta_data_rows_and_statistics() {
    let options = QueryOptions::new(Lane::Read).setting("output_format_json_quote_64bit_integers", 0);
    let statement = sql("SELECT number FROM system.numbers LIMIT 3 FORMAT JSON");
    let answer = client().query(&statement, &options).await.unwrap();
    assert_eq!(answer.content_type.as_deref(), Some("application/json; charset=UTF-8"));
    let mut answer: Value = answer.json().await.unwrap();
    assert!(answer["statistics"].take()["elapsed"].is_number());
    assert_eq!(
        answer,
        json!({"meta": [{"name": "number", "type": "UInt64"}], "data": [{"number": 0}, {"number": 1}, {"number": 2}],
               "rows": 3, "rows_before_limit_at_least": 3, "statistics": null})
    );
}

#[tokio::test]
async fn insert_in_several_formats() {
    let (client, options) = database("client_insert").await;
    client.execute(&sql("CREATE TABLE t (n Int32, s String) ENGINE = Memory"), &options).await.unwrap();
    let insert = options.clone().setting("max_insert_block_size", 1000);
    client.insert(&sql("INSERT INTO t FORMAT JSONEachRow"), "{\"n\":1,\"s\":\"a\"}\n", &insert).await.unwrap();
    client.insert(&sql("INSERT INTO t FORMAT CSV"), "2,\"b,\"\n3,c\n", &insert).await.unwrap();
    client.insert(&sql("INSERT INTO t FORMAT RowBinary"), &b"\x04\0\0\0\x01d"[..], &insert).await.unwrap();
    assert_eq!(text(&client, "SELECT n, s FROM t ORDER BY n FORMAT TSV", &options).await, "1\ta\n2\tb,\n3\tc\n4\td\n");
}

#[tokio::test]
async fn a_large_answer_streams_whole() {
    let options = QueryOptions::new(Lane::Read).setting("wait_end_of_query", 0);
    let statement = sql("SELECT number FROM system.numbers LIMIT 300000 FORMAT RowBinary");
    let answer = client().query(&statement, &options).await.unwrap();
    let chunks: Vec<_> = answer.into_stream().try_collect().await.unwrap();
    assert!(chunks.len() > 1);
    assert_eq!(chunks.iter().map(|chunk| chunk.len()).sum::<usize>(), 300_000 * 8);
}

#[tokio::test]
async fn errors_have_code_and_name() {
    let (client, options) = database("client_errors").await;
    for (statement, code, name) in [
        ("SELEC 1", codes::SYNTAX_ERROR, "SYNTAX_ERROR"),
        ("SELECT * FROM nowhere", codes::UNKNOWN_TABLE, "UNKNOWN_TABLE"),
        ("SELECT nothing", codes::UNKNOWN_IDENTIFIER, "UNKNOWN_IDENTIFIER"),
        ("SELECT nothing()", codes::UNKNOWN_FUNCTION, "UNKNOWN_FUNCTION"),
        ("SELECT * FROM nowhere.t", codes::UNKNOWN_DATABASE, "UNKNOWN_DATABASE"),
        ("SELECT 1 FORMAT Nothing", codes::UNKNOWN_FORMAT, "UNKNOWN_FORMAT"),
    ] {
        let error = client.query(&sql(statement), &options).await.unwrap_err();
        let Error::Exception(exception) = error else { panic!("{statement}: {error:?}") };
        assert_eq!((exception.code, exception.name.as_str()), (code, name), "{statement}: {}", exception.message);
        assert!(exception.message.starts_with("Code: "), "{}", exception.message);
    }
}

#[tokio::test]
async fn an_error_after_the_first_rows_is_an_error() {
    let statement = sql("SELECT throwIf(number = 200000) FROM system.numbers LIMIT 300000 FORMAT RowBinary");
    let error = client().query(&statement, &QueryOptions::new(Lane::Read)).await.unwrap_err();
    assert_eq!(error.code(), Some(codes::FUNCTION_THROW_IF_VALUE_IS_NON_ZERO));
}

#[tokio::test]
async fn a_bad_row_fails_the_insert() {
    let (client, options) = database("client_bad_row").await;
    client.execute(&sql("CREATE TABLE t (n Int32) ENGINE = Memory"), &options).await.unwrap();
    let error = client.insert(&sql("INSERT INTO t FORMAT CSV"), "1\nx\n", &options).await.unwrap_err();
    assert!(matches!(error, Error::Exception(_)), "{error:?}");
    assert_eq!(text(&client, "SELECT count() FROM t", &options).await, "0\n");
}

#[tokio::test]
async fn settings_and_database_apply() {
    let (client, options) = database("client_settings").await;
    assert_eq!(text(&client, "SELECT currentDatabase()", &options).await, "client_settings\n");
    let limited = options.clone().setting("max_result_rows", 1);
    let error = client.query(&sql("SELECT arrayJoin([1, 2])"), &limited).await.unwrap_err();
    assert!(matches!(error, Error::Exception(_)), "{error:?}");
    let error = client.query(&sql("SELECT 1"), &options.setting("no_such_setting", 1)).await.unwrap_err();
    assert_eq!(error.code(), Some(codes::UNKNOWN_SETTING));
}

#[tokio::test]
async fn literals_and_identifiers_come_back_as_they_went() {
    let value = "it's \\ `odd`\n\t\u{fc}\u{2019}";
    let statement = format!("SELECT {} AS {} FORMAT JSON", quote::string_literal(value), quote::identifier(value));
    let answer = client().query(&sql(&statement), &QueryOptions::new(Lane::Read)).await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["data"][0], json!({ value: value }));
}

#[tokio::test]
async fn kill_ends_a_running_query() {
    let client = client();
    let options = QueryOptions::new(Lane::Read).query_id("client-kill-1");
    let statement = sql("SELECT count() FROM system.numbers");
    let mut victim = std::pin::pin!(client.query(&statement, &options));
    // Asking again is no sleep: the query may not have reached the server when the first kill does.
    let error = loop {
        tokio::select! {
            biased;
            answer = &mut victim => break answer.unwrap_err(),
            killed = client.kill("client-kill-1") => killed.unwrap(),
        }
    };
    assert_eq!(error.code(), Some(codes::QUERY_WAS_CANCELLED), "{error:?}");
}

#[tokio::test]
async fn a_wrong_password_is_an_exception() {
    let url = variable("STANDPIPE_TEST_CLICKHOUSE_URL");
    let server = Server { url, user: "default".into(), password: Some("wrong".into()) };
    let error = Client::http(server).unwrap().version().await.unwrap_err();
    let known = [codes::WRONG_PASSWORD, codes::AUTHENTICATION_FAILED];
    assert!(error.code().is_some_and(|code| known.contains(&code)), "{error:?}");
}
