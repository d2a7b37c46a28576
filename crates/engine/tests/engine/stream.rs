//! Streamed results: the same bytes as a result built as a whole, and never a clean end after an error.

use crate::support::Engine;

/// Some four blocks.
const LARGE: &str = "SELECT number AS n, toString(number) AS \"a\nb\" FROM numbers(200000)";

#[test]
fn streamed_bytes_equal_the_whole_result() {
    let engine = Engine::start();
    for format in [
        "JSONEachRow",
        "Native",
        "RowBinary",
        "CSV",
        "TSV",
        "CSVWithNames",
        "TSVWithNames",
        "TabSeparatedWithNames",
        "JSON",
        "CSVWithNamesAndTypes",
        "ArrowStream",
    ] {
        for sql in [LARGE, "SELECT 1 AS a", "SELECT 1 AS a WHERE 0", "SELECT number FROM numbers(5) WHERE number > 9"] {
            let url = format!("?default_format={format}&max_threads=1&output_format_write_statistics=0");
            let streamed = engine.post(&url, sql);
            let whole = engine.post(&format!("{url}&wait_end_of_query=1"), sql);
            assert!(streamed.complete && whole.complete, "{format} {sql}");
            assert!(streamed.body == whole.body, "{format} of '{sql}' differs");
        }
    }
}

#[test]
fn a_header_appears_once_however_many_blocks() {
    let engine = Engine::start();
    let csv = engine.post("?default_format=CSVWithNames", "SELECT 'n' AS n FROM numbers(200000)").text();
    assert_eq!(csv.lines().count(), 200_001);
    assert_eq!(csv.lines().filter(|line| *line == "\"n\"").count(), 200_001, "rows equal to the header stay");
}

#[test]
fn a_stream_ends_with_the_counters_of_all_of_it() {
    let engine = Engine::start();
    engine.sql("CREATE DATABASE d");
    engine.sql("CREATE TABLE d.t (n UInt64) ENGINE = MergeTree ORDER BY n AS SELECT number AS n FROM numbers(300000)");
    let ask = |headers: &str, sql: &str| {
        let mut client = engine.client();
        // Without the cache of conditions, which spares reading and so makes the counters depend on earlier queries.
        client.send(
            "POST",
            "/?default_format=JSONEachRow&max_threads=1&use_query_condition_cache=0",
            headers,
            sql.as_bytes(),
        );
        client.reply()
    };
    let streamed = ask("te: trailers\r\n", "SELECT n FROM d.t WHERE n % 3 = 0");
    assert!(streamed.complete);
    let counted = ["result_rows", "result_bytes", "read_rows", "read_bytes"].map(|name| streamed.final_summary(name));
    assert_eq!(counted, [100_000, streamed.body.len() as u64, 300_000, 2_400_000].map(Some));
    let without = ask("", "SELECT n FROM d.t");
    assert!(without.complete && without.final_summary("read_rows").is_none(), "nobody asked for a trailer");
    let small = ask("te: trailers\r\n", "SELECT n FROM d.t WHERE n < 10");
    assert_eq!((small.summary("result_rows"), small.final_summary("result_rows")), (10, None));
    let nothing = ask("te: trailers\r\n", "SELECT n FROM d.t WHERE n % 300000 = 1 SETTINGS max_block_size = 1000");
    assert_eq!(
        (nothing.summary("result_rows"), nothing.summary("read_rows")),
        (1, 300_000),
        "what matches nothing is read"
    );
}

#[test]
fn totals_and_extremes_stand_where_they_belong() {
    let engine = Engine::start();
    let sql = "SELECT number % 2 AS a, count() AS c FROM numbers(4) GROUP BY a WITH TOTALS ORDER BY a";
    assert_eq!(engine.post("?default_format=CSVWithNames", sql).text(), "\"a\",\"c\"\n0,2\n1,2\n\n0,4\n");
    let extremes = engine.post("?default_format=CSV&extremes=1", "SELECT number FROM numbers(3)");
    assert_eq!(extremes.text(), "0\n1\n2\n\n0\n2\n");
}

#[test]
fn an_error_in_mid_stream_breaks_the_connection() {
    let engine = Engine::start();
    // Slow enough at the end that blocks are sent before the error.
    let sql = "SELECT number, throwIf(number = 900000) FROM numbers(1000000)";
    let reply = engine.post("?default_format=JSONEachRow&max_threads=1&max_block_size=1000", sql);
    assert_eq!(reply.status, 200);
    assert!(!reply.body.is_empty() && !reply.complete, "{} bytes came", reply.body.len());
}

#[test]
fn an_error_in_the_first_block_has_its_status() {
    let engine = Engine::start();
    let sql = "SELECT throwIf(number = 10) FROM numbers(20)";
    assert_eq!(engine.error("?default_format=JSONEachRow", sql), (500, 395));
}

#[test]
fn a_client_that_takes_nothing_is_cancelled() {
    let engine = Engine::start();
    let mut client = engine.client();
    client.send("POST", "/?default_format=JSONEachRow&send_timeout=1", "", b"SELECT * FROM numbers(100000000000)");
    client.head();
    engine.wait_for(|status| status["lanes"]["read"]["running"] == 0);
    assert!(!client.chunks().1, "the stream must not look complete");
}

#[test]
fn a_client_that_leaves_ends_its_stream() {
    let engine = Engine::start();
    let mut client = engine.client();
    client.send("POST", "/?default_format=JSONEachRow", "", b"SELECT * FROM numbers(100000000000)");
    client.head();
    drop(client);
    engine.wait_for(|status| status["lanes"]["read"]["running"] == 0);
}
