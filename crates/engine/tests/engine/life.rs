//! The process's life: busy, cancelled, stopped, killed, started again.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Client, Engine, pause};

/// Runs until it is cancelled.
const ENDLESS: &[u8] = b"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))";

fn start_endless(engine: &Engine, headers: &str) -> Client {
    let mut client = engine.client();
    client.send("POST", "/?default_format=JSON", headers, ENDLESS);
    client
}

#[test]
fn a_full_lane_answers_busy_at_once_and_others_go_on() {
    let engine = Engine::start_small();
    let first = start_endless(&engine, "");
    engine.wait_for(|status| status["lanes"]["read"]["running"] == 1);
    let second = start_endless(&engine, "");
    engine.wait_for(|status| status["lanes"]["read"] == json!({"running": 1, "queued": 1, "capacity": 2}));
    let busy = engine.post("", "SELECT 1");
    assert_eq!((busy.status, busy.header("x-clickhouse-exception-code")), (503, Some("202")));
    assert_eq!(busy.header("retry-after"), Some("1"));
    assert!(busy.text().starts_with("Code: 202. DB::Exception: Too many simultaneous queries"), "{}", busy.text());
    assert_eq!(engine.client().get("/ping").text(), "Ok.\n");
    let mut background = engine.client();
    background.send("POST", "/", "x-standpipe-lane: background\r\n", b"SELECT 1");
    assert_eq!(background.reply().text(), "1\n");
    drop((first, second));
    engine.wait_for(|status| status["lanes"]["read"]["running"] == 0 && status["lanes"]["read"]["queued"] == 0);
    assert_eq!(engine.sql("SELECT 1"), "1\n");
}

#[test]
fn a_client_that_leaves_ends_its_query() {
    let engine = Engine::start();
    let client = start_endless(&engine, "");
    let running =
        "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number%' AND query NOT LIKE '%LIKE%'";
    while engine.sql(running) != "1\n" {
        pause();
    }
    let left = Instant::now();
    drop(client);
    engine.wait_for(|status| status["lanes"]["read"]["running"] == 0);
    assert!(left.elapsed() < Duration::from_secs(5), "took {:?}", left.elapsed());
    assert_eq!(engine.sql(running), "0\n");
}

#[test]
fn sigterm_lets_running_statements_end_and_exits_with_0() {
    let mut engine = Engine::start();
    let mut client = engine.client();
    client.send("POST", "/", "", b"SELECT sleep(1)");
    engine.wait_for(|status| status["lanes"]["read"]["running"] == 1);
    let mut idle = engine.client();
    idle.send("POST", "/", "", b"SELECT 1");
    idle.reply();
    engine.signal("TERM");
    assert_eq!(client.reply().text(), "0\n");
    let exit = engine.wait_exit();
    assert_eq!((exit.code(), exit.signal()), (Some(0), None));
}

#[test]
fn after_kill_9_everything_acknowledged_is_there() {
    let mut engine = Engine::start();
    engine.sql("CREATE DATABASE d ENGINE=Atomic");
    engine.sql("CREATE TABLE d.t (a UInt64) ENGINE=MergeTree ORDER BY a");
    engine.sql("INSERT INTO d.t SELECT number FROM numbers(100000)");
    let _running = start_endless(&engine, "");
    engine.signal("KILL");
    engine.wait_exit();
    engine.restart();
    assert_eq!(engine.sql("SELECT count(), sum(a) FROM d.t"), "100000\t4999950000\n");
}

#[test]
fn the_status_tells_versions_lanes_and_memory() {
    let engine = Engine::start();
    let status = engine.status();
    assert_eq!(status["library_version"], json!("26.7.3"));
    assert!(status["engine_version"].as_str().unwrap().starts_with("26.7."));
    for lane in ["control", "check", "insert", "read", "background", "job"] {
        assert!(status["lanes"][lane]["capacity"].as_u64().unwrap() > 1, "{lane}");
    }
    assert!(status["memory_bytes"].as_u64().unwrap() > 100 << 20);
    assert_eq!(status["connections"], json!(1));
}

#[test]
fn the_process_ends_with_the_one_that_started_it() {
    let engine = Engine::start_below_a_shell();
    engine.signal("KILL");
    // Nobody listens once the engine is gone; a shell that dies takes it along.
    while engine.accepts() {
        pause();
    }
}
