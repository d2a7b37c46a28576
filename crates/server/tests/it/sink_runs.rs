//! Runs of sinks against a real S3 server: what is in the bucket afterwards.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sinks::{FORM, SinkApp};
use crate::support::{KEY, Part, SECRET, redact};

/// So many rows that a file of them comes in several parts.
pub(crate) const MANY: &str = "SELECT number AS id, hex(sipHash128(number)) AS text FROM numbers(900000)";

async fn app() -> SinkApp {
    let app = SinkApp::new().await.with_pipe().await;
    app.set(FORM).await.assert_status(200);
    app
}

/// A pipe of many rows.
pub(crate) async fn large(app: &SinkApp, sql: &str) {
    app.create_pipe("large", sql).await;
    let uri = "/v0/pipes/large/nodes/large_0/sink";
    app.post(uri).form("connection=store&path=s3://exports/large&file_template=f").send().await.assert_status(200);
}

async fn start_large(app: &SinkApp, form: &str) -> String {
    let answer = app.post("/v0/pipes/large/sink").form(form).send().await.assert_status(200).json();
    answer["job"]["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn run_large(app: &SinkApp, form: &str) -> Value {
    let id = start_large(app, form).await;
    app.run_jobs().await;
    app.job(&id).await
}

/// Waits until a part of a file does not come through.
async fn stuck(app: &SinkApp) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !app.s3.is_cut() {
        assert!(Instant::now() < deadline, "no part was sent");
        tokio::task::yield_now().await;
    }
}

fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

const ALL: &str = "\"id\",\"country\",\"at\"\n1,\"ES\",\"2024-01-31 08:00:00\"\n2,\"FR\",\"2024-01-31 09:00:00\"\n\
                   3,\"ES\",\"2024-02-01 10:00:00\"\n";

#[tokio::test]
async fn a_run_answers_the_node_and_a_job() {
    let app = app().await;
    let answer = app.post("/v0/pipes/p/sink").form("format=csv&compression=gz&file_template=export_file").send().await;
    let node = answer.assert_status(200).json();
    assert_eq!((&node["name"], &node["type"], &node["version"]), (&json!("p_0"), &json!("sink"), &json!(0)));
    assert_eq!(node["ignore_sql_errors"], false);
    app.run_jobs().await;
    let mut job = app.job(node["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["job_url"], node["job"]["job_url"]);
    job["job_url"] = "[url]".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&redact(job)).unwrap(), @r#"
    {
      "id": "[uuid 1]",
      "job_id": "[uuid 1]",
      "kind": "sink",
      "status": "done",
      "created_at": "[time]",
      "updated_at": "[time]",
      "started_at": "[time]",
      "is_cancellable": false,
      "progress_percentage": 100.0,
      "pipe_id": "[id 2]",
      "pipe_name": "p",
      "job_url": "[url]",
      "query_id": "[uuid 3]",
      "service": "s3",
      "path": "s3://exports/daily",
      "file_template": "export_file",
      "format": "csv",
      "compression": "gz",
      "write_strategy": "new",
      "read_rows": 3,
      "read_bytes": 33,
      "written_rows": 3,
      "written_bytes": 91,
      "written_files": 1,
      "output": [
        "daily/export_file.csv.gz"
      ]
    }
    "#);
    assert_eq!(gunzip(&app.s3.files("exports")["daily/export_file.csv.gz"]), ALL);
    let jobs = app.get("/v0/jobs?kind=sink&pipe_name=p").send().await.json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn overrides_and_variables_fill_the_template() {
    let app = app().await;
    let run = async |form: &str| assert_eq!(app.run(form).await["status"], "done", "{form}");
    run("").await;
    assert_eq!(app.s3.text("exports", "daily/export.csv"), ALL);
    run("path=s3://other/a/b&file_template=x/{team}/{country}&team=../red&format=ndjson&over=1").await;
    assert_eq!(app.s3.keys("other"), ["a/b/x/..%2Fred/ES.ndjson", "a/b/x/..%2Fred/FR.ndjson"]);
    assert_eq!(
        app.s3.text("other", "a/b/x/..%2Fred/FR.ndjson"),
        "{\"id\":2,\"country\":\"FR\",\"at\":\"2024-01-31 09:00:00\"}\n"
    );
    run("path=s3://exports/days&file_template={at, '%Y-%m-%d'}/part_{2}").await;
    let days: Vec<String> = app.s3.keys("exports").into_iter().filter(|key| key.starts_with("days")).collect();
    assert_eq!(days, ["days/2024-01-31/part_0.csv", "days/2024-01-31/part_1.csv", "days/2024-02-01/part_0.csv"]);
    let text = app.post("/v0/pipes/p/sink").form("file_template={team}").send().await.assert_error(400);
    assert!(text.contains("'team'") && text.contains("id, country, at"), "{text}");
    for (form, status) in [
        ("over=x", 400),
        ("connection=nope", 404),
        ("path=s3://no-such-bucket/x", 404),
        ("format=orc", 400),
        ("compression=lz4", 400),
        ("write_strategy=merge", 400),
    ] {
        app.post("/v0/pipes/p/sink").form(form).send().await.assert_error(status);
    }
    app.post("/v0/pipes/nope/sink").send().await.assert_error(404);
}

#[tokio::test]
async fn new_adds_files_and_truncate_rewrites_them() {
    let app = app().await;
    for _ in 0..2 {
        app.run("").await;
    }
    app.run("write_strategy=@new&over=2").await;
    assert_eq!(app.s3.keys("exports"), ["daily/export.1.csv", "daily/export.2.csv", "daily/export.csv"]);
    assert_eq!(app.s3.text("exports", "daily/export.1.csv"), ALL);
    assert_eq!(app.s3.text("exports", "daily/export.2.csv").lines().count(), 2);
    for word in ["truncate", "replace", "overwrite"] {
        assert_eq!(app.run(&format!("write_strategy={word}&over=1")).await["status"], "done");
        assert_eq!(app.s3.text("exports", "daily/export.csv").lines().count(), 3);
    }
    assert_eq!(app.s3.keys("exports").len(), 3);
    // Two at once take two names.
    let jobs = [app.start("strategy=create_new").await, app.start("").await];
    app.run_jobs().await;
    for job in jobs {
        assert_eq!(app.job(&job).await["status"], "done");
    }
    assert_eq!(app.s3.keys("exports").len(), 5);
    // No rows: a file with a header, where its name is known.
    assert_eq!(app.run("over=100&file_template=none").await["written_rows"], 0);
    assert_eq!(app.s3.text("exports", "daily/none.csv"), "\"id\",\"country\",\"at\"\n");
    app.run("over=100&file_template=none&format=ndjson&compression=gz").await;
    assert_eq!(gunzip(&app.s3.files("exports")["daily/none.ndjson.gz"]), "");
    assert_eq!(app.run("over=100&file_template={country}").await["written_files"], 0);
}

#[tokio::test]
async fn a_folder_is_listed_once_for_all_names_that_are_taken() {
    let app = SinkApp::new().await;
    large(&app, "SELECT number AS id FROM numbers(40)").await;
    app.s3.write("exports", "large/1.8.csv", "");
    app.s3.write("exports", "large/deep/2.9.csv", "");
    app.s3.write("exports", "large/3.99999999999999999999.csv", "");
    for expected in
        [["large/1.csv", "large/2.csv"], ["large/1.9.csv", "large/2.1.csv"], ["large/1.10.csv", "large/2.2.csv"]]
    {
        let before = app.s3.lists();
        let job = run_large(&app, "file_template={id}").await;
        let output = job["output"].as_array().unwrap_or_else(|| panic!("{job}"));
        assert!(expected.iter().all(|key| output.contains(&json!(key))), "{job}");
        let [trees, folders] = app.s3.lists();
        // The one of the tree looks whether there is such a bucket.
        let of_this = (trees - before[0], folders - before[1]);
        assert_eq!(of_this, (1, u64::from(expected[0] != "large/1.csv")));
    }
    assert_eq!(app.s3.keys("exports").len(), 123);
}

/// What the query answers and what another reader finds in the files are the same.
#[tokio::test]
async fn every_format_and_compression_is_read_by_the_engine() {
    let app = SinkApp::new().await;
    let sql = "SELECT number AS id, if(number % 3 = 0, NULL, concat('a \"b\",\\n', toString(number))) AS text, \
               toDate('2024-01-01') + number % 40 AS day, toDateTime('2024-01-31 08:00:00') + number AS at, \
               toDateTime64('2024-01-31 08:00:00.123456', 6) AS fine, [number, 1] AS list, number / 7 AS ratio, \
               toDecimal64(number / 8, 3) AS price, toLowCardinality(toString(number % 5)) AS kind, \
               number % 2 = 0 AS even, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS uuid, toIPv4('1.2.3.4') AS ip, \
               CAST(number % 2 AS Enum8('no' = 0, 'yes' = 1)) AS answer FROM numbers(5000)";
    large(&app, sql).await;
    // A number for each column; times by their value, as formats differ in precision.
    let shown = [
        "id",
        "ifNull(text, 'nothing')",
        "toString(day)",
        "toUnixTimestamp(at)",
        "toUnixTimestamp64Micro(toDateTime64(fine, 6))",
        "toString(list)",
        "round(ratio, 6)",
        "toString(price)",
        "toString(kind)",
        "toUInt8(even)",
        "toString(uuid)",
        "toString(ip)",
        "toString(answer)",
    ]
    .map(|column| format!("sum(cityHash64({column}))"))
    .join(", ");
    let types = "id UInt64, text Nullable(String), day Date, at DateTime, fine DateTime64(6), list Array(UInt64), ratio \
                 Float64, price Decimal(18, 3), kind String, even Bool, uuid UUID, ip IPv4, answer String";
    let sum = |from: &str| format!("SELECT count(), {shown} FROM {from}");
    let expected = app.engine_lines(&sum(&format!("({sql})"))).await;
    for (format, reader, compressions) in [
        ("csv", format!("CSVWithNames, '{types}'"), ["none", "gz", "zstd"].as_slice()),
        ("ndjson", format!("JSONEachRow, '{types}'"), &["none", "gz", "zstd"]),
        ("parquet", "Parquet".to_owned(), &["none", "gz", "zstd", "lz4", "snappy"]),
    ] {
        for compression in compressions {
            for template in ["all", "{kind}/{even}", "{day, '%Y/%m'}/x_{3}"] {
                let path = format!("{format}_{compression}_{}", template.len());
                let form = format!(
                    "path=s3://exports/{path}&file_template={template}&format={format}&compression={compression}"
                );
                let job = run_large(&app, &form).await;
                assert_eq!((&job["status"], &job["written_rows"]), (&json!("done"), &json!(5000)), "{path}: {job}");
                let mut files = app.s3.files("exports");
                files.retain(|key, _| key.starts_with(&format!("{path}/")));
                assert_eq!(job["written_files"], files.len(), "{path}");
                let found = app.engine_reads(&files, &reader, &sum("files")).await;
                assert_eq!(found, expected, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn rows_are_dealt_out_to_hundreds_of_files() {
    let rows: u64 = std::env::var_os("CHAOS_SINK_ROWS").map_or(200_000, |rows| rows.to_str().unwrap().parse().unwrap());
    let app = SinkApp::new().await;
    let text = "hex(sipHash128(number)) AS text";
    large(&app, &format!("SELECT number AS id, number % 200 AS part, {text} FROM numbers({rows})")).await;
    for (format, reader) in [("csv", "CSVWithNames"), ("parquet", "Parquet")] {
        let (path, before) = (format!("s3://exports/{format}"), Instant::now());
        let form = format!("path={path}&file_template=part={{part}}/f&format={format}&compression=zstd");
        let job = run_large(&app, &form).await;
        assert_eq!((&job["status"], &job["written_files"]), (&json!("done"), &json!(200)), "{job}");
        eprintln!("{rows} rows in 200 files of {format}: {:?}, {} bytes", before.elapsed(), job["written_bytes"]);
        let mut files: BTreeMap<_, _> = app.s3.files("exports");
        files.retain(|key, _| key.starts_with(format));
        assert_eq!(files.len(), 200);
        let sums = "count(), sum(cityHash64(toUInt64(id), toUInt64(part), text)), max(length(text))";
        let of_files =
            app.engine_reads(&files, reader, &format!("SELECT {sums}, uniqExact(part, _file) FROM files")).await;
        let of_query =
            format!("SELECT {sums}, 200 FROM (SELECT number AS id, number % 200 AS part, {text} FROM numbers({rows}))");
        assert_eq!(of_files, app.engine_lines(&of_query).await);
    }
}

#[tokio::test]
async fn large_files_come_in_parts() {
    let app = SinkApp::new().await;
    large(&app, MANY).await;
    let job = run_large(&app, "").await;
    assert_eq!((&job["status"], &job["written_rows"]), (&json!("done"), &json!(900_000)), "{job}");
    let files = app.s3.files("exports");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["large/f.csv"]);
    assert_eq!(job["written_bytes"], files["large/f.csv"].len());
    assert!(files["large/f.csv"].len() > 24 << 20);
    let sum = "SELECT count(), sum(cityHash64(toUInt64(id), text)) FROM";
    let found = app.engine_reads(&files, "CSVWithNames", &format!("{sum} files")).await;
    assert_eq!(found, app.engine_lines(&format!("{sum} ({MANY})")).await);
    assert_eq!(app.s3.half_written(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_network_that_is_cut_in_mid_upload_leaves_nothing() {
    let app = SinkApp::new().await;
    large(&app, MANY).await;
    for strategy in ["new", "truncate"] {
        app.s3.after_parts(1, Part::IsCut);
        let job = run_large(&app, &format!("write_strategy={strategy}")).await;
        assert!(app.s3.is_cut());
        assert_eq!((&job["status"], job.get("written_bytes")), (&json!("error"), None), "{job}");
        let error = job["error"].as_str().unwrap();
        assert!(error.contains("could not write a part of a file"), "{error}");
        assert_eq!(app.s3.keys("exports"), Vec::<String>::new());
        assert_eq!(app.s3.half_written(), Vec::<std::path::PathBuf>::new());
    }
    app.s3.after_parts(i64::MAX, Part::IsCut);
    assert_eq!(run_large(&app, "").await["status"], "done");
}

#[tokio::test]
async fn a_store_that_is_gone_ends_the_job() {
    let app = SinkApp::new().await;
    large(&app, MANY).await;
    app.s3.after_parts(1, Part::EndsAll);
    let job = run_large(&app, "").await;
    assert_eq!(job["status"], "error", "{job}");
    let error = job["error"].as_str().unwrap();
    assert!(error.contains("what it had begun in the bucket could not be removed: 'large/f.csv' ("), "{error}");
    assert_eq!(app.s3.keys("exports"), Vec::<String>::new());
    // Nobody is told so before asking: setting and running say it at once.
    let text = app.post("/v0/pipes/large/sink").send().await.assert_error(400);
    assert!(text.contains("could not list the bucket"), "{text}");
}

#[tokio::test]
async fn a_cancelled_run_leaves_nothing() {
    let app = SinkApp::new().await;
    large(&app, MANY).await;
    app.s3.after_parts(1, Part::Hangs);
    let id = start_large(&app, "").await;
    let cancelled = async {
        stuck(&app).await;
        app.post(&format!("/v0/jobs/{id}/cancel")).send().await.assert_status(200).json()
    };
    let ((), job) = tokio::join!(app.run_jobs(), cancelled);
    assert_eq!(job["status"], "cancelling");
    assert_eq!(app.job(&id).await["status"], "cancelled");
    assert_eq!((app.s3.keys("exports"), app.s3.half_written()), (vec![], vec![]));
}

#[tokio::test]
async fn a_run_says_how_far_it_has_come() {
    let app = SinkApp::new().await;
    large(&app, &format!("%\n{}", MANY.replace("900000", "{{Int32(rows, 9000000)}}"))).await;
    app.s3.after_parts(2, Part::Hangs);
    let id = start_large(&app, "").await;
    assert_eq!(app.job(&id).await.get("progress_percentage"), None);
    let looked_at = async {
        stuck(&app).await;
        let deadline = Instant::now() + Duration::from_secs(60);
        let job = loop {
            let job = app.job(&id).await;
            let has_begun = job["progress_percentage"].as_f64().is_some_and(|percent| percent > 0.0);
            if has_begun && job["written_bytes"].as_u64().is_some_and(|bytes| bytes > 0) {
                break job;
            }
            assert!(Instant::now() < deadline, "no progress: {job}");
            tokio::task::yield_now().await;
        };
        assert_eq!(job["status"], "working");
        let (percent, bytes) = (job["progress_percentage"].as_f64().unwrap(), job["written_bytes"].as_u64().unwrap());
        // Two parts of 8 MiB and a little more.
        assert!(percent < 50.0 && (16 << 20..20 << 20).contains(&bytes), "{job}");
        app.post(&format!("/v0/jobs/{id}/cancel")).send().await.assert_status(200);
    };
    tokio::join!(app.run_jobs(), looked_at);
    let job = app.job(&id).await;
    assert_eq!((&job["status"], job.get("written_bytes")), (&json!("cancelled"), None), "{job}");
    app.s3.after_parts(i64::MAX, Part::Hangs);
    let job = run_large(&app, "rows=10").await;
    let shown = (&job["status"], &job["progress_percentage"], &job["written_rows"]);
    assert_eq!(shown, (&json!("done"), &json!(100.0), &json!(10)));
}

#[tokio::test]
async fn a_schedule_writes() {
    let app = SinkApp::new().await.with_pipe().await;
    app.set(&format!("{FORM}_{{job_timestamp}}&schedule_cron=0 * * * *")).await.assert_status(200);
    app.set_ahead(3_700);
    app.run_jobs().await;
    let keys = app.s3.keys("exports");
    assert!(
        matches!(&keys[..], [key] if key.starts_with("daily/export_20") && key.ends_with(":00:00.csv")),
        "{keys:?}"
    );
    assert_eq!(app.s3.text("exports", &keys[0]), ALL);
    app.delete("/v0/pipes/p/nodes/p_0/sink").send().await.assert_status(200);
    app.set_ahead(10_000);
    app.run_jobs().await;
    assert_eq!(app.s3.keys("exports").len(), 1);
}

#[tokio::test]
async fn what_waits_goes_with_its_sink() {
    let app = app().await;
    let waiting = app.start("").await;
    app.delete("/v0/pipes/p/nodes/p_0/sink").send().await.assert_status(200);
    assert_eq!(app.job(&waiting).await["status"], "cancelled");
    app.set(FORM).await.assert_status(200);
    let waiting = app.start("").await;
    app.delete("/v0/pipes/p").send().await.assert_status(204);
    assert_eq!(app.job(&waiting).await["status"], "cancelled");
    app.run_jobs().await;
    assert_eq!(app.s3.keys("exports"), Vec::<String>::new());
    app.delete("/v0/connectors/store").send().await.assert_status(204);
}

#[tokio::test]
async fn a_run_that_its_server_left_is_undone() {
    let app = SinkApp::new().await;
    large(&app, MANY).await;
    app.s3.after_parts(1, Part::Hangs);
    let id = start_large(&app, "").await;
    tokio::select! {
        () = app.run_jobs() => panic!("the run did not wait for its part"),
        () = stuck(&app) => {}
    }
    let app = app.restart().await;
    app.take_over_jobs().await;
    let job = app.job(&id).await;
    assert_eq!((&job["status"], &job["error"]), (&json!("error"), &json!("the server stopped while it ran")));
    assert_eq!((app.s3.keys("exports"), app.s3.half_written()), (vec![], vec![]));
}

/// Google's store speaks S3's protocol to those who have HMAC keys.
#[tokio::test]
async fn a_store_by_hmac_keys() {
    let app = SinkApp::new().await.with_pipe().await;
    let connection = json!({
        "service": "gcs_hmac", "name": "google", "gcs_hmac_access_id": KEY, "gcs_hmac_secret": SECRET,
        "gcs_endpoint": app.s3.endpoint,
    });
    app.post("/v0/connectors").json(&connection).send().await.assert_status(200);
    app.set("connection=google&path=gs://exports/g&file_template=all&format=ndjson").await.assert_status(200);
    assert_eq!(app.run("").await["service"], "gcs_hmac");
    assert_eq!(app.s3.text("exports", "g/all.ndjson").lines().count(), 3);
}

#[tokio::test]
async fn runs_are_recorded() {
    let app = app().await;
    app.run("over=1&team=red&format=ndjson").await;
    app.s3.after_parts(0, Part::EndsAll);
    large(&app, MANY).await;
    run_large(&app, "").await;
    app.standpipe().service_data().flush().await.unwrap();
    let rows = "SELECT pipe_name, service, result, position(ifNull(error, ''), 'could not') > 0, read_rows, \
                written_rows, written_bytes, output, parameters['team'], options['format'], options['path'], token_name, \
                notEmpty(job_id), elapsed_time >= 0 FROM tinybird.sinks_ops_log ORDER BY timestamp, pipe_name DESC";
    let rows = app.rows(rows).await;
    let expected = "p\ts3\tok\t0\t3\t2\t102\t1\tred\tndjson\ts3://exports/daily\tadmin local_testing@tinybird.co\t1\t1\n\
                    large\ts3\terror\t1\t0\t0\t0\t0\t\tcsv\ts3://exports/large\tadmin local_testing@tinybird.co\t1\t1\n";
    assert_eq!(rows, expected);
    let jobs = "SELECT DISTINCT job_type FROM tinybird.jobs_log WHERE pipe_id != ''";
    assert_eq!(app.rows(jobs).await, "sink\n");
}
