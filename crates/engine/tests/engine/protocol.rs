//! ClickHouse's HTTP protocol: where the statement stands, what the answer carries, how errors look.

use crate::support::Engine;

#[test]
fn a_json_answer_is_clickhouses_byte_for_byte() {
    let engine = Engine::start();
    let reply = engine.post("?default_format=JSON", "SELECT toUInt64(1) AS n, 'a/b' AS s");
    let body = reply.text();
    let (before, after) = body.split_once("\"elapsed\": ").unwrap();
    assert_eq!(
        before,
        "{\n\t\"meta\":\n\t[\n\t\t{\n\t\t\t\"name\": \"n\",\n\t\t\t\"type\": \"UInt64\"\n\t\t},\n\t\t{\n\t\t\t\"name\": \"s\",\n\
         \t\t\t\"type\": \"String\"\n\t\t}\n\t],\n\n\t\"data\":\n\t[\n\t\t{\n\t\t\t\"n\": 1,\n\t\t\t\"s\": \"a\\/b\"\n\t\t}\n\t],\n\n\
         \t\"rows\": 1,\n\n\t\"statistics\":\n\t{\n\t\t"
    );
    assert!(after.ends_with(",\n\t\t\"rows_read\": 1,\n\t\t\"bytes_read\": 1\n\t}\n}\n"), "{after}");
    assert_eq!(reply.header("content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(reply.header("x-clickhouse-format"), Some("JSON"));
}

#[test]
fn the_statement_stands_in_the_url_or_the_body_or_both() {
    let engine = Engine::start();
    assert_eq!(engine.client().get("/?query=SELECT 1").text(), "1\n");
    assert_eq!(engine.post("", "SELECT 2 FORMAT CSV").text(), "2\n");
    assert_eq!(engine.client().post("/?query=SELECT 1 %2B", b"2").text(), "3\n");
    assert_eq!(engine.post("?default_format=CSV", "SELECT 'a' FORMAT TSV").text(), "a\n");
}

#[test]
fn a_get_changes_nothing() {
    let engine = Engine::start();
    let reply = engine.client().get("/?query=CREATE DATABASE d ENGINE=Atomic");
    assert_eq!(reply.header("x-clickhouse-exception-code"), Some("164"));
    assert_eq!(engine.sql("SELECT count() FROM system.databases WHERE name = 'd'"), "0\n");
}

#[test]
fn a_connection_serves_many_requests() {
    let engine = Engine::start();
    let mut client = engine.client();
    for number in 0..3 {
        client.send("POST", "/", "", format!("SELECT {number}").as_bytes());
        assert_eq!(client.reply().text(), format!("{number}\n"));
        client.send("POST", "/", "", b"SELECT nope");
        assert_eq!(client.reply().status, 404);
    }
}

#[test]
fn the_answer_names_the_query_and_counts_it() {
    let engine = Engine::start();
    let reply = engine.post("?query_id=mine&default_format=JSON", "SELECT number FROM numbers(10)");
    assert_eq!(reply.header("x-clickhouse-query-id"), Some("mine"));
    assert_eq!((reply.summary("read_rows"), reply.summary("read_bytes")), (10, 80));
    assert_eq!(reply.summary("result_rows"), 10);
    assert!(reply.summary("elapsed_ns") > 0);
    let own = engine.post("", "SELECT 1");
    assert_eq!(own.header("x-clickhouse-query-id").unwrap().len(), 26);
}

#[test]
fn settings_parameters_and_database_belong_to_one_request() {
    let engine = Engine::start();
    engine.sql("CREATE DATABASE ws ENGINE=Atomic");
    let sql = "SELECT currentDatabase(), getSetting('max_threads'), {x:String}, {n:UInt8} + 1";
    let reply = engine.post("?database=ws&max_threads=3&readonly=1&param_x=it's \\t`&param_n=4", sql);
    assert_eq!(reply.text(), "ws\t3\tit\\'s \\t`\t5\n");
    assert_eq!(engine.sql("SELECT currentDatabase(), getSetting('readonly')"), "default\t0\n");
}

#[test]
fn every_error_has_clickhouses_code_and_status() {
    let engine = Engine::start();
    assert_eq!(engine.error("", "SELEC 1"), (400, 62));
    assert_eq!(engine.error("", "SELECT * FROM nope"), (404, 60));
    assert_eq!(engine.error("", "SELECT * FROM nope.t"), (404, 81));
    assert_eq!(engine.error("", "SELECT nope"), (404, 47));
    assert_eq!(engine.error("", "SELECT throwIf(1)"), (500, 395));
    assert_eq!(engine.error("", "SELECT {x:UInt8}"), (500, 456));
    assert_eq!(engine.error("?param_x=a", "SELECT {x:UInt8}"), (500, 457));
    assert_eq!(engine.error("?database=nope", "SELECT 1"), (404, 81));
    assert_eq!(engine.error("?database=a-b", "SELECT 1"), (500, 36));
    assert_eq!(engine.error("?nope=1", "SELECT 1"), (404, 115));
    assert_eq!(engine.error("?max_threads=many", "SELECT 1"), (400, 27));
    assert_eq!(engine.error("?log_comment=x", "SELECT 1"), (500, 36));
    assert_eq!(engine.error("?readonly=1", "SELECT 1 SETTINGS max_threads = 7"), (500, 164));
    assert_eq!(engine.error("?readonly=1", "CREATE DATABASE d"), (500, 164));
    assert_eq!(engine.error("", "SELECT 1; SELECT 2"), (400, 62));
    assert_eq!(engine.error("", ""), (400, 62));
}

#[test]
fn limits_hold() {
    let engine = Engine::start();
    assert_eq!(engine.error("?max_result_rows=10", "SELECT number FROM numbers(100) FORMAT JSON"), (500, 396));
    assert_eq!(engine.error("?max_execution_time=0.2", "SELECT sleep(2)"), (500, 159));
    let sql = "SELECT groupArray(number) FROM numbers(10000000) FORMAT Null";
    assert_eq!(engine.error("?max_memory_usage=10000000", sql), (500, 241));
}

#[test]
fn a_result_built_as_a_whole_has_an_upper_bound() {
    let engine = Engine::start_small();
    let large = "SELECT toString(number) AS s FROM numbers(200000)";
    assert_eq!(engine.error("?default_format=JSON", large), (500, 396));
    assert_eq!(engine.error("?default_format=JSON&max_result_bytes=100000000", large), (500, 396));
    // Small in the engine, large as JSON.
    assert_eq!(engine.error("?default_format=JSON", "SELECT 1 AS a, 2 AS b FROM numbers(200000)"), (500, 396));
    assert!(engine.post("?default_format=JSONEachRow", large).complete);
}

#[test]
fn other_paths_and_methods_are_refused() {
    let engine = Engine::start();
    assert_eq!(engine.client().get("/nope").status, 404);
    assert_eq!(engine.client().get("/analyze").status, 405);
    let mut client = engine.client();
    client.send("POST", "/", "x-standpipe-lane: fast\r\n", b"SELECT 1");
    let reply = client.reply();
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("must be control, check, insert, read, background or job"));
}
