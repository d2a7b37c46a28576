//! A populate while rows come all the time and the engine is killed: the view is what a fresh look at its source says.

use super::*;

/// Sends events, some at a time, until told to stop; answers how many requests were taken.
fn append(caller: &Caller, writers: u64, stop: &Arc<AtomicBool>) -> JoinSet<u64> {
    let mut set = JoinSet::new();
    for writer in 0..writers {
        let (caller, stop) = (caller.clone(), Arc::clone(stop));
        set.spawn(async move {
            let (mut taken, mut number) = (0, (writer + 1) * 1_000_000_000);
            while !stop.load(Ordering::Relaxed) {
                // All of them in one partition.
                let rows: Vec<String> = (0..20).map(|it| format!("{{\"n\":{}}}", number + it * 20)).collect();
                match caller.try_post("/v0/events?name=log&wait=true", &rows.join("\n")).await.unwrap() {
                    (200, ..) => taken += 1,
                    (503, Some(_), _) => {}
                    (status, _, body) => panic!("{status} {body}"),
                }
                number += 401;
            }
            taken
        });
    }
    set
}

async fn link(caller: &Caller, pipe: &str, sql: &str, query: &str) -> Value {
    caller.post("/v0/pipes", &json!({"name": pipe, "sql": sql}).to_string()).await;
    let path = format!("/v0/pipes/{pipe}/nodes/{pipe}_0/materialization?{query}");
    serde_json::from_str(&caller.post(&path, "").await).unwrap()
}

/// A source of so many rows over 20 partitions, and a view over the target that its own view will have.
async fn prepare(caller: &Caller, rows: u64) {
    let log = json!({
        "name": "log", "schema": "n UInt64 `json:$.n`",
        "engine": "MergeTree", "engine_partition_key": "n % 20", "engine_sorting_key": "n",
    });
    caller.post("/v0/datasources", &log.to_string()).await;
    let sql = format!("SELECT number AS n FROM numbers({rows})");
    caller.post("/v0/pipes", &json!({"name": "filled", "sql": sql}).to_string()).await;
    caller.post("/v0/pipes/filled/nodes/filled_0/copy?target_datasource=log", "").await;
    let answer: Value = serde_json::from_str(&caller.post("/v0/pipes/filled/copy", "").await).unwrap();
    let filled = until_ended(caller, answer["job"]["id"].as_str().unwrap()).await;
    assert_eq!(filled["status"], "done", "{filled}");
    let by_k = json!({
        "name": "by_k", "schema": "k UInt64, c AggregateFunction(count), s AggregateFunction(sum, UInt64)",
        "engine": "AggregatingMergeTree", "engine_sorting_key": "k",
    });
    caller.post("/v0/datasources", &by_k.to_string()).await;
    let sql = "SELECT k % 2 AS odd, countMergeState(c) AS c, sumMergeState(s) AS s FROM by_k GROUP BY odd";
    link(caller, "second", sql, "datasource=by_odd").await;
}

/// The job, once it has been seen working so often, or has ended.
async fn after_looks(caller: &Caller, job: &str, looks: u64) -> Value {
    let mut looked = 0;
    loop {
        let shown: Value = serde_json::from_str(&caller.get(&format!("/v0/jobs/{job}")).await).unwrap();
        match shown["status"].as_str().unwrap() {
            "waiting" => {}
            "working" if looked < looks => looked += 1,
            _ => return shown,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_populate_under_fire_is_exact() {
    let (rows, writers) = (size("CHAOS_POPULATE_ROWS", 1_000_000), size("CHAOS_WRITERS", 5));
    let kills = size("CHAOS_KILLS", 2);
    let mut seed = size("CHAOS_SEED", u64::from(std::process::id()));
    println!("seed {seed}: {rows} rows, {writers} writers, {kills} kills");
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]).await;
    let caller = server.caller.clone();
    prepare(&caller, rows).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writing = append(&caller, writers, &stop);
    while caller.rows(&format!("SELECT count() FROM log WHERE n >= {rows}")).await == ["0"] {
        assert!(!writing.is_empty());
    }

    let sql = "SELECT n % 1000 AS k, countState() AS c, sumState(n) AS s FROM log GROUP BY k";
    let begun = Instant::now();
    let linked = link(&caller, "first", sql, "datasource=by_k&populate=true").await;
    let job = linked["job"]["id"].as_str().unwrap().to_owned();
    for kill_number in 1..=kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let shown = after_looks(&caller, &job, (seed >> 33) % 400).await;
        println!("kill {kill_number} while {} at {}", shown["status"], shown["progress_percentage"]);
        kill(server.engine, Signal::KILL);
        server.logged("the engine process has started").await;
        server.logged("the engine is ready").await;
    }
    let ended = until_ended(&caller, &job).await;
    println!("{} after {:?}", ended["status"], begun.elapsed());
    assert_eq!(ended["status"], "done", "{ended}");
    let before = caller.rows("SELECT count() FROM log").await;
    while caller.rows("SELECT count() FROM log").await == before {
        assert!(!writing.is_empty());
    }
    stop.store(true, Ordering::Relaxed);
    let taken: u64 = writing.join_all().await.into_iter().sum();
    println!("{taken} requests were taken meanwhile");
    assert!(taken > 0);

    let fresh = caller.rows("SELECT n % 1000 AS k, count(), sum(n) FROM log GROUP BY k ORDER BY k").await;
    let view = "SELECT k, countMerge(c), sumMerge(s) FROM by_k GROUP BY k ORDER BY k";
    assert_eq!(caller.rows(view).await, fresh, "the view");
    let fresh = caller.rows("SELECT n % 2 AS odd, count(), sum(n) FROM log GROUP BY odd ORDER BY odd").await;
    let view = "SELECT odd, countMerge(c), sumMerge(s) FROM by_odd GROUP BY odd ORDER BY odd";
    assert_eq!(caller.rows(view).await, fresh, "the view of the view");
    let (status, _) = server.stop().await;
    assert_eq!(status.code(), Some(0));
}
