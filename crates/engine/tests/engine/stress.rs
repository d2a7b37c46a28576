//! Many clients at once: nobody sees a byte of somebody else's answer.

use std::thread;

use crate::support::Engine;

/// A query that fails after it has produced output, in every way there is.
fn fail(engine: &Engine, round: usize) {
    match round % 3 {
        0 => {
            let sql = "SELECT number, throwIf(number = 300000) FROM numbers(400000)";
            engine.error("?default_format=JSON&max_threads=1&max_block_size=1000", sql);
        }
        1 => {
            let sql = "SELECT number, sleepEachRow(0.001) FROM numbers(1000000)";
            engine.error("?default_format=JSON&max_execution_time=0.05&max_block_size=10", sql);
        }
        _ => {
            let mut client = engine.client();
            let sql = b"SELECT number, sipHash64(number) FROM numbers(100000000000)";
            client.send("POST", "/?default_format=JSONEachRow", "", sql);
            client.head();
        }
    }
}

#[test]
fn failed_queries_leave_nothing_in_other_answers() {
    let engine = Engine::start();
    thread::scope(|scope| {
        for client in 0..4 {
            let engine = &engine;
            scope.spawn(move || (0..9).for_each(|round| fail(engine, client + round)));
        }
        for client in 0..4 {
            let engine = &engine;
            scope.spawn(move || {
                for round in 0..100 {
                    let (format, expected) = match round % 3 {
                        0 => ("JSONEachRow", format!("{{\"a\":{client},\"b\":{round}}}\n")),
                        1 => ("CSVWithNames", format!("\"a\",\"b\"\n{client},{round}\n")),
                        _ => ("JSONCompactEachRow", format!("[{client}, {round}]\n")),
                    };
                    let sql = format!("SELECT {client} AS a, {round} AS b");
                    assert_eq!(engine.post(&format!("?default_format={format}"), &sql).text(), expected);
                }
            });
        }
    });
    engine.wait_for(|status| status["lanes"]["read"]["running"] == 0);
}
