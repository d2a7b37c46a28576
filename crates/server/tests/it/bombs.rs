//! Legal SQL that asks for too much: it ends at a limit, and nobody else waits for it.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::TestApp;

/// What a bomb may be refused for: the length of an array, its memory, the depth of a recursion; or by the guard.
const CODES: [&str; 4] = ["69", "241", "306", REFUSED];
const REFUSED: &str = "no code";

/// Names and statements. Each must end with 408 at its time, with 400 for one of [`CODES`], or with 413 at its size.
const BOMBS: &[(&str, &str)] = &[
    ("a sum without end", "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"),
    ("a distinct count", "SELECT uniqExact(number) FROM numbers(1000000000000)"),
    ("a group for each row", "SELECT number, count() AS c FROM numbers(1000000000) GROUP BY number ORDER BY c LIMIT 1"),
    ("an array of everything", "SELECT length(groupArray(number)) FROM numbers(1000000000)"),
    ("an exact median", "SELECT quantileExact(number) FROM numbers(1000000000)"),
    ("a sort", "SELECT number FROM numbers(1000000000) ORDER BY sipHash64(number) LIMIT 1 OFFSET 900000000"),
    ("a recursion", "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count() FROM t"),
    (
        "a recursion that doubles",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + arrayJoin([1, 2]) FROM t) SELECT count() FROM t",
    ),
    ("a long repeat", "SELECT repeat('a', 1000000000)"),
    ("many repeats", "SELECT sum(length(repeat(toString(number), 1000000))) FROM numbers(1000000000)"),
    ("a doubling string", "WITH repeat('a', 900000) AS s SELECT length(replaceAll(s, 'a', s))"),
    ("a long range", "SELECT length(range(100000000000))"),
    ("many ranges", "SELECT sum(length(range(1000000 + number))) FROM numbers(1000000000)"),
    ("a joined array", "SELECT count() FROM (SELECT arrayJoin(range(1000000)) FROM numbers(1000000000))"),
    (
        "joined arrays of joined arrays",
        "SELECT count() FROM (SELECT arrayJoin(range(a)) AS b FROM (SELECT arrayJoin(range(1000000)) AS a))",
    ),
    ("maps in maps", "SELECT arraySum(arrayMap(x -> arraySum(arrayMap(y -> x * y, range(20000))), range(20000)))"),
    ("n-grams", "SELECT length(ngrams(repeat('ab', 400000), 1000))"),
    ("a cross join", "SELECT sum(a.number * b.number) FROM numbers(1000000) AS a CROSS JOIN numbers(10000000) AS b"),
    (
        "comma joins",
        "SELECT count() FROM numbers(10000) AS a, numbers(10000) AS b, numbers(10000) AS c WHERE a.number + b.number = c.number + 1",
    ),
    (
        "a join of one key",
        "SELECT count() FROM (SELECT 1 AS k FROM numbers(1000000)) AS a JOIN (SELECT 1 AS k FROM numbers(1000000)) AS b ON a.k = b.k",
    ),
    (
        "a window over everything",
        "SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY sipHash64(number)) AS r FROM numbers(1000000000))",
    ),
    (
        "a regular expression",
        "SELECT sum(countMatches(repeat('a', 100 + number % 100), '(a|aa)+$')) FROM numbers(1000000000)",
    ),
    (
        "an expression that backtracks elsewhere",
        "SELECT sum(match(repeat('a', 100 + number % 100), '(a*)*(a*)*b')) FROM numbers(1000000000)",
    ),
    ("filled gaps", "SELECT toUInt64(1) AS x ORDER BY x WITH FILL FROM 0 TO 1000000000000"),
    ("an answer without end", "SELECT number, toString(number) FROM numbers(1000000000000) FORMAT JSON"),
    ("a Parquet file without end", "SELECT sipHash64(number) FROM numbers(1000000000000) FORMAT Parquet"),
    ("a nap", "SELECT sleepEachRow(1) FROM numbers(1000000)"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_end_at_a_limit_while_others_are_served() {
    let app = TestApp::with(|config| {
        config.limits.query_seconds = 1;
        config.limits.query_memory.bytes = 200_000_000;
        config.limits.result.bytes = 10_000_000;
        config.engine.lanes.read.threads = NonZeroU16::new(4).unwrap();
        config.limits.workspace_share = std::num::NonZeroU8::new(50).unwrap();
    })
    .await;
    let neighbour = app.other_workspace().await;
    neighbour.create_endpoint("light", "SELECT 1 AS x").await;
    let next = AtomicUsize::new(0);
    let throw = || async {
        while let Some((name, sql)) = BOMBS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begun = Instant::now();
            let answer = app.sql(sql).await;
            let took = begun.elapsed();
            let code = answer.header("x-db-exception-code").unwrap_or(REFUSED);
            println!("{name}: {} {code} after {took:?}", answer.status);
            let ended = match answer.status {
                400 => CODES.contains(&code) && (code == REFUSED) == (*name == "a nap"),
                408 | 413 => true,
                _ => false,
            };
            assert!(ended, "{name}: {} {}", answer.status, answer.text());
            assert!(took < Duration::from_secs(8), "{name} ended after {took:?}");
        }
    };
    let serve = async {
        let mut times = Vec::new();
        while next.load(Ordering::Relaxed) < BOMBS.len() {
            let begun = Instant::now();
            neighbour.get("/v0/pipes/light.json").send().await.assert_status(200);
            times.push(begun.elapsed());
            tokio::task::yield_now().await;
        }
        times.sort();
        times
    };
    let ((), (), times) = tokio::join!(throw(), throw(), serve);
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{} other requests: median {median:?}, worst {worst:?}", times.len());
    assert!(median < Duration::from_millis(250), "{median:?}");
    assert!(worst < Duration::from_secs(3), "{worst:?}");
}

/// Texts that are small and grow when they are understood.
fn growing_texts() -> Vec<(&'static str, String)> {
    let nested = |open: &str, inside: &str, close: &str, depth: usize| {
        format!("SELECT {}{inside}{}", open.repeat(depth), close.repeat(depth))
    };
    let doubling = |depth: usize| {
        let steps: Vec<String> = (1..depth).map(|step| format!("a{} + a{} AS a{step}", step - 1, step - 1)).collect();
        format!("WITH number AS a0, {} SELECT a{} FROM numbers(1)", steps.join(", "), depth - 1)
    };
    let ctes = |depth: usize| {
        let steps: Vec<String> =
            (1..depth).map(|step| format!("t{step} AS (SELECT * FROM t{0} AS l, t{0} AS r)", step - 1)).collect();
        format!("WITH t0 AS (SELECT 1 AS n), {} SELECT count() FROM t{}", steps.join(", "), depth - 1)
    };
    let unions = vec!["SELECT sum(sipHash64(number)) FROM numbers(100000000000)"; 400].join(" UNION ALL ");
    vec![
        ("parentheses", nested("(", "1", ")", 20_000)),
        ("arrays", nested("[", "1", "]", 20_000)),
        ("functions", nested("abs(", "1", ")", 10_000)),
        ("negations", nested("- ", "1", "", 25_000)),
        ("NOT", nested("NOT ", "1", "", 15_000)),
        ("cases", nested("CASE WHEN 1 THEN ", "1", " ELSE 0 END", 2_000)),
        ("subqueries", nested("(SELECT ", "1", ")", 5_000)),
        ("lambdas", nested("arrayMap(x -> ", "1", ", [1])", 3_000)),
        ("sums", format!("SELECT {}1", "1+".repeat(30_000))),
        ("conditions", format!("SELECT 1 WHERE {}1", "1 AND 1 OR ".repeat(5_000))),
        ("aliases that double", doubling(40)),
        ("CTEs that double", ctes(24)),
        ("queries in one", unions),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_grow_cost_no_more_than_time() {
    let app = TestApp::with(|config| {
        config.limits.query_seconds = 1;
        config.limits.query_memory.bytes = 200_000_000;
    })
    .await;
    for (name, sql) in growing_texts() {
        let begun = Instant::now();
        let answer = app.sql(&sql).await;
        println!("{name}: {} after {:?}", answer.status, begun.elapsed());
        assert!([200, 400, 408].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        assert!(begun.elapsed() < Duration::from_secs(8), "{name} took {:?}", begun.elapsed());
        app.sql("SELECT 1").await.assert_status(200);
    }
}
