//! Data source definitions that try to be more than definitions: nothing of them may reach the engine as DDL of its own.

use crate::support::TestApp;

/// Fields of a create request; `{table}` stands for the address of another data source's table.
const ATTACKS: &[&[(&str, &str)]] = &[
    // Comments that end where our reading and the engine's differ.
    &[
        ("engine", "ReplacingMergeTree"),
        ("engine_sorting_key", "s"),
        ("engine_ver", "n // (\n ORDER BY s AS SELECT s, n FROM {table} //"),
    ],
    &[("engine_sorting_key", "s # (\n"), ("engine_primary_key", "s")],
    &[("engine_ttl", "now() + toIntervalDay(1) //")],
    &[("engine_sorting_key", "s) AS SELECT s, n FROM {table} -- ")],
    // A string or heredoc that spans parts.
    &[
        (
            "schema",
            "s FixedString(8 // '\n), n Int32) ENGINE = MergeTree ORDER BY tuple() AS SELECT s, n FROM {table} WHERE notEmpty($x$')",
        ),
        ("engine_settings", "storage_policy='$x$) //'"),
    ],
    &[("schema", "s String CODEC(NONE // '\n')")],
    &[("schema", "s String, n Int32) ENGINE = Memory AS SELECT s, n FROM {table} --")],
    // Expressions where names belong, and functions that reach outside.
    &[("engine", "ReplacingMergeTree"), ("engine_sorting_key", "s"), ("engine_ver", "file('/etc/hostname')")],
    &[("engine", "SummingMergeTree"), ("engine_sorting_key", "s"), ("engine_columns", "file('/etc/hostname')")],
    &[("schema", "s String DEFAULT file('/etc/hostname')")],
    &[("schema", "s String, n Int32 DEFAULT (SELECT count() FROM {table})")],
    &[("schema", "s String, p UInt8 DEFAULT s IN {table}")],
    &[("schema", "z Int8 DEFAULT (1 AS x), s String")],
    &[("engine_sorting_key", "s IN (SELECT s FROM {table})")],
    &[("engine_partition_key", "joinGet('{table}', 'n', s)")],
    &[("schema", "s String, b UInt8 DEFAULT sleep(3)")],
    // Settings and codecs that are not a user's business.
    &[("engine_settings", "disk=disk(type='local', path='/tmp/')")],
    &[("engine_settings", "storage_policy='default'")],
    &[("engine_settings", "non_replicated_deduplication_window=0")],
    &[("engine_settings", "fault_probability_before_part_commit=1")],
    &[("schema", "s String CODEC(AES_128_GCM_SIV)")],
    &[("engine_ttl", "now() + toIntervalDay(1) TO DISK 'x'")],
    &[("engine_ttl", "now() + toIntervalDay(1) DELETE WHERE s IN (SELECT s FROM {table})")],
];

#[tokio::test]
async fn definitions_are_refused_before_they_reach_the_engine() {
    let app = TestApp::new().await;
    app.create_data_source("victim", "s String `json:$.s`, n Int32 `json:$.n`").await;
    app.send_events("victim", r#"{"s": "SECRET", "n": 1}"#).await;
    let workspace = app.workspace();
    let table = format!("{}.{}", workspace.database, workspace.data_source("victim").unwrap().table().rows());
    let count = format!("SELECT count() FROM system.tables WHERE database = '{}'", workspace.database);
    let tables = app.engine_lines(&count).await;
    let attacker = app.with_scopes(&["DATASOURCES:CREATE"]).await;
    for (number, attack) in ATTACKS.iter().enumerate() {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("name", &format!("attack_{number}"));
        if !attack.iter().any(|(name, _)| *name == "schema") {
            form.append_pair("schema", "s String, n Int32");
        }
        for (name, value) in *attack {
            form.append_pair(name, &value.replace("{table}", &table));
        }
        let answer = attacker.post("/v0/datasources").form(&form.finish()).send().await;
        let error = answer.assert_error(400);
        assert!(!error.contains("SECRET"), "{attack:?}: {error}");
    }
    app.standpipe().settle().await;
    assert_eq!(app.engine_lines(&count).await, tables, "no attack made a table");
}

#[tokio::test]
async fn useful_definitions_still_work() {
    let app = TestApp::new().await;
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("name", "rich"),
            (
                "schema",
                "`ts` DateTime64(3, 'Europe/Madrid') `json:$.ts` DEFAULT now64(3) CODEC(Delta(8), ZSTD(3)), \
                 `kind` Enum8('a' = 1, 'b' = -2) `json:$.kind`, `tags` Array(LowCardinality(String)) `json:$.tags[:]`, \
                 `extra` Map(String, Nullable(Float64)) `json:$.extra`, `ver` UInt64 `json:$.ver`",
            ),
            ("engine", "ReplacingMergeTree"),
            ("engine_ver", "ver"),
            ("engine_sorting_key", "kind, cityHash64(ts), ts"),
            ("engine_partition_key", "toYYYYMM(ts)"),
            ("engine_primary_key", "kind"),
            ("engine_ttl", "toDateTime(ts) + toIntervalYear(10)"),
            ("engine_settings", "index_granularity=1024, ttl_only_drop_parts=1"),
        ])
        .finish();
    app.post("/v0/datasources").form(&form).send().await.assert_status(200);
    app.send_events(
        "rich",
        r#"{"ts": "2026-01-02 03:04:05.678", "kind": "b", "tags": ["x"], "extra": {"k": 1.5}, "ver": 1}"#,
    )
    .await;
    assert_eq!(app.rows("SELECT kind, tags, extra, ver FROM rich").await, "b\t['x']\t{'k':1.5}\t1\n");
}

/// Clients that leave half-way leave nothing half done: what they asked for is there, or its name is free.
#[tokio::test]
async fn a_client_that_leaves_leaves_nothing_half_done() {
    let app = TestApp::new().await;
    for polls in 0..40 {
        let name = format!("left_{polls}");
        let body = format!("name={name}&schema=a+Int32");
        let mut request = Box::pin(app.post("/v0/datasources").form(&body).send());
        for _ in 0..polls {
            if futures_util::poll!(request.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(request);
        app.standpipe().settle().await;
        let is_there = app.workspace().data_source(&name).is_some();
        let answer = app.post("/v0/datasources").form(&body).send().await;
        answer.assert_status(if is_there { 409 } else { 200 });
    }
}

#[tokio::test]
async fn of_two_resources_with_one_name_one_is_made() {
    let app = TestApp::new().await;
    for number in 0..10 {
        let pipe = format!("name=same_{number}&sql=SELECT+1");
        let data_source = format!("name=same_{number}&schema=a+Int32");
        let (one, other) = tokio::join!(
            app.post("/v0/pipes").form(&pipe).send(),
            app.post("/v0/datasources").form(&data_source).send(),
        );
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{number}");
    }
}
