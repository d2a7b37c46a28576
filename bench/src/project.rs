//! What the server holds while it is measured: a table of rows to read, one to append to, and two endpoints.

use std::fmt::Write;

use anyhow::{Context, Result};
use http::Method;
use serde_json::json;

use crate::client::Connection;
use crate::server::Server;

/// The pipe that reads one key and groups its rows.
pub(crate) const KEY_READ: &str = "bench_key_read";
/// The pipe that reads nothing.
pub(crate) const SELECT_ONE: &str = "bench_select_one";
/// The data source that events are sent to.
pub(crate) const EVENTS: &str = "bench_events";

const ROWS: &str = "bench_rows";
/// Different keys; each has the same number of rows.
const KEYS: u64 = 5_000;
const KEY_READ_SQL: &str = "SELECT toDate(ts) AS day, count() AS events, sum(v) AS total FROM bench_rows \
                            WHERE k = 2500 GROUP BY day ORDER BY day";
const SCHEMA: &str = "k UInt32 `json:$.k`, ts DateTime `json:$.ts`, v Float64 `json:$.v`, \
                      tag LowCardinality(String) `json:$.tag`";
/// Rows of one request while the table is filled.
const CHUNK: u64 = 500_000;

/// Makes both data sources and pipes, and fills the table with `rows` rows.
pub(crate) async fn create(server: &Server, rows: u64) -> Result<()> {
    for name in [ROWS, EVENTS] {
        let settings = [("name", name), ("schema", SCHEMA), ("engine", "MergeTree"), ("engine_sorting_key", "k, ts")];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(settings).finish();
        server.call(Method::POST, &format!("/v0/datasources?{form}"), "").await?;
    }
    for begin in (0..rows).step_by(CHUNK as usize) {
        let end = rows.min(begin + CHUNK);
        let path = format!("/v0/datasources?name={ROWS}&mode=append&format=csv");
        let answer = server.call(Method::POST, &path, csv(begin..end)).await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.body)?;
        anyhow::ensure!(answer["successful_rows"] == end - begin, "not all rows were stored: {answer}");
    }
    for (name, sql) in [(KEY_READ, KEY_READ_SQL), (SELECT_ONE, "SELECT 1 AS one")] {
        let pipe = json!({"name": name, "nodes": [{"name": format!("{name}_0"), "sql": sql, "type": "endpoint"}]});
        server.call(Method::POST, "/v0/pipes", pipe.to_string()).await?;
    }
    Ok(())
}

/// Makes one part of the table's parts, so that every run reads the same, and no merge runs while it is measured.
pub(crate) async fn merge(server: &Server, rows: u64) -> Result<()> {
    let find = format!(
        "SELECT concat(database, '.', name) FROM system.tables WHERE total_rows = {rows} AND engine = 'MergeTree' \
         FORMAT TSV"
    );
    let mut engine = Connection::open(&server.engine()).await?;
    let found = engine.send(&crate::capture::engine_call("/", find)?, 0).await?.success()?;
    let table = std::str::from_utf8(&found.body)?.trim();
    anyhow::ensure!(!table.is_empty(), "there is no table of {rows} rows");
    let optimize = format!("OPTIMIZE TABLE {table} FINAL");
    engine.send(&crate::capture::engine_call("/", optimize)?, 0).await?.success().context("cannot merge the table")?;
    Ok(())
}

/// One event as a line of NDJSON.
pub(crate) fn event(number: u64) -> String {
    let Row { k, day, hour, minute, second, v, tag } = row(number);
    format!(
        "{{\"k\": {k}, \"ts\": \"2024-01-{day:02} {hour:02}:{minute:02}:{second:02}\", \"v\": {v}, \"tag\": \"t{tag}\"}}\n"
    )
}

fn csv(numbers: std::ops::Range<u64>) -> String {
    let mut text = String::with_capacity(40 * CHUNK as usize);
    text.push_str("k,ts,v,tag\n");
    for number in numbers {
        let Row { k, day, hour, minute, second, v, tag } = row(number);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{k},2024-01-{day:02} {hour:02}:{minute:02}:{second:02},{v},t{tag}");
    }
    text
}

struct Row {
    k: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    v: u64,
    tag: u64,
}

/// The row of this number: the same in every run.
fn row(number: u64) -> Row {
    let of_key = number / KEYS;
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    Row {
        k: number % KEYS,
        day: of_key % 30 + 1,
        hour: mixed % 24,
        minute: mixed / 24 % 60,
        second: mixed / 1440 % 60,
        v: mixed % 1000,
        tag: mixed % 7,
    }
}
