//! Jobs that move rows, beside the engine's own INSERT SELECT of the same rows: a copy, a populate.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::capture::engine_call;
use crate::client::Connection;
use crate::report;
use crate::sample::median;
use crate::server::Server;

/// Turns of each comparison; figures are medians over them.
const ROUNDS: usize = 3;
/// How often a job is asked how it is getting on.
const POLL: Duration = Duration::from_millis(20);
/// How long a job may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) const SOURCE: &str = "bench_source";
const COPIED: &str = "bench_copied";
const VIEWED: &str = "bench_viewed";
pub(crate) const COPY_SQL: &str = "SELECT k, ts, v, tag FROM bench_source";
const VIEW_SQL: &str =
    "SELECT k, toStartOfHour(ts) AS hour, count() AS events, sum(v) AS total FROM bench_source GROUP BY k, hour";

/// A kind of job, beside what the engine alone needs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Job {
    pub(crate) kind: &'static str,
    /// Rows of the source.
    pub(crate) rows: u64,
    /// From the request to the job's end.
    pub(crate) job_seconds: f64,
    /// The same INSERT SELECT, sent to the engine's socket.
    pub(crate) engine_seconds: f64,
    /// Median over the turns of the one over the other.
    pub(crate) ratio: f64,
}

/// The source, the pipes and the server that has them.
pub(crate) struct Bench<'a> {
    server: &'a Server,
    rows: u64,
    /// The source's table in the engine.
    source: String,
}

impl Bench<'_> {
    /// Fills a data source with `rows` rows.
    pub(crate) async fn create(server: &Server, rows: u64) -> Result<Bench<'_>> {
        report::progress(&format!("filling a source of {rows} rows"))?;
        let columns = "k UInt32, ts DateTime, v Float64, tag LowCardinality(String)";
        for name in [SOURCE, COPIED] {
            let settings = [
                ("name", name),
                ("schema", columns),
                ("engine", "MergeTree"),
                ("engine_partition_key", "toYYYYMM(ts)"),
                ("engine_sorting_key", "k, ts"),
            ];
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(settings).finish();
            server.call(Method::POST, &format!("/v0/datasources?{form}"), "").await?;
        }
        for (name, sql) in [("bench_copy", COPY_SQL), ("bench_view", VIEW_SQL)] {
            let pipe = json!({"name": name, "nodes": [{"name": format!("{name}_0"), "sql": sql}]});
            server.call(Method::POST, "/v0/pipes", pipe.to_string()).await?;
        }
        let bench = Bench { server, rows, source: table(server, SOURCE).await? };
        let fill = format!(
            "INSERT INTO {} SELECT number % 5000, toDateTime('2024-01-01 00:00:00') + intDiv(number, 5000) * 600, \
             number * 7919 % 1000, concat('t', toString(number % 7)) FROM numbers({})",
            bench.source,
            rows.saturating_sub(1)
        );
        bench.engine(fill).await?;
        bench.engine(format!("OPTIMIZE TABLE {}", bench.source)).await?;
        bench.let_it_count().await?;
        let copy = format!("/v0/pipes/bench_copy/nodes/bench_copy_0/copy?target_datasource={COPIED}");
        server.call(Method::POST, &copy, "").await?;
        let view = format!(
            "/v0/pipes/bench_view/nodes/bench_view_0/materialization?datasource={VIEWED}&engine=SummingMergeTree\
             &engine_sorting_key=k,hour"
        );
        server.call(Method::POST, &view, "").await?;
        Ok(bench)
    }

    /// Moves its rows, by jobs and by the engine alone, in turns.
    pub(crate) async fn measure(&self) -> Result<Vec<Job>> {
        report::progress("copying")?;
        let copy = self.compare("copy", "/v0/pipes/bench_copy/copy?_mode=replace", COPY_SQL, COPIED).await?;
        report::progress("populating")?;
        let population = "/v0/pipes/bench_view/nodes/bench_view_0/population?truncate=true";
        let populate = self.compare("populate", population, VIEW_SQL, VIEWED).await?;
        Ok(vec![copy, populate])
    }

    /// Appends the last row by the API, and waits until the server has counted the others with it.
    async fn let_it_count(&self) -> Result<()> {
        let path = format!("/v0/datasources?name={SOURCE}&mode=append&format=csv");
        self.server.call(Method::POST, &path, "1,2024-01-01 00:00:00,1,t1\n").await?;
        let began = Instant::now();
        loop {
            let answer = self.server.call(Method::GET, &format!("/v0/datasources/{SOURCE}"), "").await?;
            let answer: Value = serde_json::from_slice(&answer.body)?;
            if answer["statistics"]["row_count"] == self.rows {
                return Ok(());
            }
            anyhow::ensure!(began.elapsed() < PATIENCE, "the server does not count the source's rows: {answer}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// The job at `path`, and the engine's own INSERT of `sql` into a table like `target`, in turns.
    async fn compare(&self, kind: &'static str, path: &str, sql: &str, target: &str) -> Result<Job> {
        let own = format!("{target}_engine");
        let sql = sql.replace(SOURCE, &self.source);
        let mut times = Vec::new();
        for round in 0..=ROUNDS {
            let like = table(self.server, target).await?;
            self.engine(format!("DROP TABLE IF EXISTS default.{own} SYNC")).await?;
            self.engine(format!("CREATE TABLE default.{own} AS {like}")).await?;
            settle(self.server).await?;
            let began = Instant::now();
            self.engine(format!("INSERT INTO default.{own} {sql}")).await?;
            let engine = began.elapsed().as_secs_f64();
            settle(self.server).await?;
            let job = run(self.server, path).await?;
            let checks = [table(self.server, target).await?, format!("default.{own}")];
            let counts = checks.map(|table| format!("(SELECT count() FROM {table})")).join(" = ");
            let same = self.engine(format!("SELECT {counts} FORMAT TSV")).await?;
            anyhow::ensure!(same.trim() == "1", "the {kind} did not move what the engine did");
            // The first turn warms both up.
            if round > 0 {
                times.push((job, engine));
            }
        }
        Ok(Job {
            kind,
            rows: self.rows,
            job_seconds: median(times.iter().map(|(job, _)| *job)),
            engine_seconds: median(times.iter().map(|(_, engine)| *engine)),
            ratio: median(times.iter().map(|(job, engine)| job / engine)),
        })
    }

    /// Sends a statement to the engine's socket.
    async fn engine(&self, sql: String) -> Result<String> {
        engine(self.server, sql).await
    }
}

/// Starts a job and waits until it has ended. Answers its time in seconds.
pub(crate) async fn run(server: &Server, path: &str) -> Result<f64> {
    let began = Instant::now();
    let answer: Value = serde_json::from_slice(&server.call(Method::POST, path, "").await?.body)?;
    let id = answer.pointer("/job/id").or(answer.get("id")).and_then(Value::as_str).context("no job was made")?;
    let path = format!("/v0/jobs/{id}");
    loop {
        let job: Value = serde_json::from_slice(&server.call(Method::GET, &path, "").await?.body)?;
        match job["status"].as_str() {
            Some("done") => return Ok(began.elapsed().as_secs_f64()),
            Some("waiting" | "working") => {}
            _ => anyhow::bail!("the job failed: {job}"),
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "the job did not end within {PATIENCE:?}: {job}");
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until the engine merges nothing, so that no turn pays for the parts of the one before.
pub(crate) async fn settle(server: &Server) -> Result<()> {
    let began = Instant::now();
    while engine(server, "SELECT count() FROM system.merges FORMAT TSV".to_owned()).await?.trim() != "0" {
        anyhow::ensure!(began.elapsed() < PATIENCE, "the engine's merges did not end within {PATIENCE:?}");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Sends a statement to the engine's socket.
pub(crate) async fn engine(server: &Server, sql: String) -> Result<String> {
    let about = sql.clone();
    let mut connection = Connection::open(&server.engine()).await?;
    let answer = connection.send(&engine_call("/", sql)?, 0).await?.success().with_context(|| about)?;
    Ok(String::from_utf8(answer.body.to_vec())?)
}

/// A data source's table in the engine: the newest of its name.
pub(crate) async fn table(server: &Server, data_source: &str) -> Result<String> {
    let answer = server.call(Method::GET, &format!("/v0/datasources/{data_source}"), "").await?;
    let answer: Value = serde_json::from_slice(&answer.body)?;
    let id = answer["id"].as_str().context("a data source has no id")?;
    let find = format!(
        "SELECT concat(database, '.', name) FROM system.tables WHERE match(name, '^{id}_[0-9]+$') \
         ORDER BY toUInt32(extract(name, '[0-9]+$')) DESC LIMIT 1 FORMAT TSV"
    );
    Ok(engine(server, find).await?.trim().to_owned())
}
