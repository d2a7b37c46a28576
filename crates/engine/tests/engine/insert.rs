//! Inserts: rows that come with the request.

use crate::support::Engine;

fn with_table() -> Engine {
    let engine = Engine::start();
    engine.sql("CREATE DATABASE d ENGINE=Atomic");
    engine.sql(
        "CREATE TABLE d.t (a UInt32, s String) ENGINE=MergeTree ORDER BY a \
         SETTINGS non_replicated_deduplication_window=1000",
    );
    engine
}

fn row_binary(rows: std::ops::Range<u32>) -> Vec<u8> {
    rows.flat_map(|row| [&row.to_le_bytes()[..], &[2], b"xy"].concat()).collect()
}

#[test]
fn row_binary_goes_in_as_it_comes() {
    let engine = with_table();
    let data = row_binary(0..300_000);
    let reply = engine.client().post("/?query=INSERT INTO d.t (a, s) FORMAT RowBinary", &data);
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    assert_eq!(reply.summary("written_rows"), 300_000);
    assert_eq!(engine.sql("SELECT count(), sum(a), uniq(s) FROM d.t"), "300000\t44999850000\t1\n");
}

#[test]
fn data_may_stand_behind_the_statement() {
    let engine = with_table();
    engine.sql("INSERT INTO d.t (a) VALUES (1), (1 + 1)");
    engine.sql("INSERT INTO d.t FORMAT CSV\n3,\"c\"\n4,\"d\"\n");
    engine.sql("INSERT INTO d.t SELECT 5, 'e'");
    let body = [&b"INSERT INTO d.t FORMAT RowBinary\n"[..], &row_binary(10..12)].concat();
    assert_eq!(engine.client().post("/", &body).status, 200);
    let reply = engine.client().post("/?database=d&query=INSERT INTO t (a) VALUES", b"(6), (7)");
    assert_eq!((reply.status, reply.summary("written_rows")), (200, 2));
    assert_eq!(engine.sql("SELECT groupArray(a) FROM (SELECT a FROM d.t ORDER BY a)"), "[1,2,3,4,5,6,7,10,11]\n");
}

#[test]
fn a_token_is_stored_once() {
    let engine = with_table();
    for _ in 0..3 {
        let url = "/?insert_deduplication_token=one&query=INSERT INTO d.t FORMAT RowBinary";
        assert_eq!(engine.client().post(url, &row_binary(0..10)).status, 200);
    }
    assert_eq!(engine.sql("SELECT count() FROM d.t"), "10\n");
}

#[test]
fn a_bad_row_stores_nothing() {
    let engine = with_table();
    let reply = engine.post("?query=INSERT+INTO+d.t+FORMAT+JSONEachRow", "{\"a\":1}\n{\"a\":\"x\"}\n");
    assert_eq!((reply.status, reply.header("x-clickhouse-exception-code")), (400, Some("27")));
    let reply = engine.post("?query=INSERT+INTO+d.nope+FORMAT+RowBinary", "x");
    assert_eq!((reply.status, reply.header("x-clickhouse-exception-code")), (404, Some("60")));
    assert_eq!(engine.sql("SELECT count() FROM d.t"), "0\n");
}

#[test]
fn a_client_that_leaves_stores_nothing() {
    let engine = with_table();
    let mut client = engine.client();
    let head = "POST /?query=INSERT+INTO+d.t+FORMAT+RowBinary HTTP/1.1\r\nhost: e\r\ncontent-length: 1000000\r\n\r\n";
    client.write(head.as_bytes());
    client.write(&row_binary(0..1000));
    engine.wait_for(|status| status["lanes"]["insert"]["running"] == 1);
    drop(client);
    engine.wait_for(|status| status["lanes"]["insert"]["running"] == 0);
    assert_eq!(engine.sql("SELECT count() FROM d.t"), "0\n");
}

#[test]
fn an_empty_insert_is_no_error() {
    let engine = with_table();
    let reply = engine.client().post("/?query=INSERT INTO d.t FORMAT RowBinary", b"");
    assert_eq!((reply.status, reply.summary("written_rows")), (200, 0), "{}", reply.text());
}

#[test]
fn a_client_that_sends_nothing_frees_its_lane() {
    let engine = with_table();
    let mut client = engine.client();
    let url = "/?receive_timeout=0.2&query=INSERT+INTO+d.t+FORMAT+RowBinary";
    client.write(format!("POST {url} HTTP/1.1\r\nhost: e\r\ncontent-length: 1000000\r\n\r\n").as_bytes());
    client.write(&row_binary(0..10));
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("x-clickhouse-exception-code")), (503, Some("209")));
    assert_eq!(engine.sql("SELECT count() FROM d.t"), "0\n");
}
