//! Hidden rows stay hidden from what a query can find out without reading them: conditions that fail on them, names that a
//! filter would take from the query around it, settings, texts of errors.

use std::fmt::Write;

use serde_json::json;

use super::{acme, app, filtered};
use crate::support::TestApp;

/// Each fails on some hidden row, and on no row of `acme`.
const FAILING: &[&str] = &[
    "throwIf(tenant != 'acme') = 0",
    "throwIf(startsWith(note, 'hidden')) = 0",
    "intDiv(1, toUInt8(tenant = 'acme')) = 1",
    "intDiv(1, divisor) >= 0",
    "toInt64(note) >= 0",
    "CAST(note AS UInt32) >= 0",
    "accurateCast(note, 'Int32') >= 0",
    "k < 100 AND throwIf(tenant = 'blue') = 0",
    "divisor > 0 AND toInt64(note) % 2 = 0",
    "if(divisor > 0, 1, 0) AND throwIf(divisor = 0) = 0",
    "match(note, if(tenant = 'acme', '.', '(')) = 1",
];

/// Where a condition can stand: `{x}` is what is read, `{c}` the condition.
const PLACES: &[&str] = &[
    "SELECT count() FROM {x} WHERE {c}",
    "SELECT count() FROM {x} PREWHERE {c}",
    "SELECT sum(k) FROM {x} PREWHERE {c} WHERE k >= 0",
    "SELECT countIf({c}) FROM {x}",
    "SELECT tenant, note, divisor, k FROM {x} GROUP BY ALL HAVING {c} ORDER BY k LIMIT 3",
    "SELECT count() FROM (SELECT * FROM {x}) WHERE {c}",
    "SELECT count() FROM (SELECT DISTINCT * FROM {x}) WHERE {c}",
    "SELECT count() FROM (SELECT * FROM {x} UNION ALL SELECT * FROM {x}) WHERE {c}",
    "WITH z AS (SELECT * FROM {x}) SELECT count() FROM z WHERE {c}",
    "SELECT count() FROM {x} ARRAY JOIN [1, 2] AS twice WHERE {c}",
    "SELECT count() FROM {x} AS a JOIN (SELECT toInt32(number) AS k FROM numbers(50)) AS o USING k WHERE {c}",
    "SELECT count() FROM (SELECT toInt32(number) AS k FROM numbers(50)) AS o JOIN {x} AS a USING k WHERE {c}",
    "SELECT count() FROM (SELECT toInt32(number) AS o FROM numbers(50)) AS o JOIN {x} AS a ON a.k = o.o AND {c}",
    "SELECT count() FROM (SELECT toInt32(number) AS o FROM numbers(50)) AS o, {x} AS a WHERE a.k = o.o AND {c}",
    "SELECT count() FROM numbers(50) WHERE number IN (SELECT k FROM {x} WHERE {c})",
    "SELECT count() FROM numbers(50) AS o WHERE EXISTS (SELECT 1 FROM {x} AS a WHERE a.k = o.number AND {c})",
    "SELECT k FROM {x} ORDER BY {c}, k LIMIT 5",
    "SELECT k, {c} AS c FROM {x} ORDER BY k LIMIT 5",
    "SELECT k, tenant, note, divisor FROM {x} QUALIFY {c} AND row_number() OVER (ORDER BY k) < 3 ORDER BY k",
    "SELECT k FROM (SELECT *, row_number() OVER (PARTITION BY tenant ORDER BY k) AS r FROM {x}) WHERE {c} ORDER BY k LIMIT 3",
    "SELECT count() FROM {x} WHERE {c} SETTINGS max_threads = 4, max_block_size = 7",
    "SELECT count() FROM {x} WHERE {c} SETTINGS optimize_move_to_prewhere = 1, optimize_read_in_order = 1",
];

/// Two parts of several granules: in `hidden_*` rows of three tenants, in `open` those of `acme` alone.
async fn tables(app: &TestApp) {
    let schema =
        "tenant String `json:$.tenant`, k Int32 `json:$.k`, note String `json:$.note`, divisor Int32 `json:$.divisor`";
    for (name, key, hidden) in [("hidden_by_key", "tenant, k", true), ("hidden", "k", true), ("open", "k", false)] {
        let body = json!({"name": name, "schema": schema, "engine": "MergeTree", "engine_sorting_key": key});
        app.post("/v0/datasources").json(&body).send().await.assert_status(200);
        for part in 0..2 {
            let mut rows = String::new();
            for k in (0..9_000).map(|k| k + part * 100_000) {
                let tenant = ["acme", "blue", "core"][k % 3];
                if tenant == "acme" {
                    writeln!(rows, r#"{{"tenant":"acme","k":{k},"note":"{k}","divisor":{}}}"#, k + 1).unwrap();
                } else if hidden {
                    writeln!(rows, r#"{{"tenant":"{tenant}","k":{k},"note":"hidden {k}","divisor":0}}"#).unwrap();
                }
            }
            app.send_events(name, &rows).await;
        }
    }
}

#[tokio::test]
async fn no_condition_meets_a_hidden_row() {
    let app = app().await;
    tables(&app).await;
    let mut wrong = Vec::new();
    let mut clients = Vec::new();
    for source in ["hidden_by_key", "hidden"] {
        clients.push((source, filtered(&app, "DATASOURCES:READ", source, "tenant = 'acme'").await));
    }
    for place in PLACES {
        for condition in FAILING {
            let sql = |x: &str| format!("{} FORMAT TSV", place.replace("{x}", x).replace("{c}", condition));
            let expected = app.sql(&sql("open")).await.assert_status(200);
            for (source, client) in &clients {
                let seen = client.sql(&sql(source)).await;
                if seen.status != 200 || seen.text() != expected.text() {
                    wrong.push(format!("{}\n  {}", sql(source), seen.text()));
                }
            }
        }
    }
    // A pipe that lends its right is as good a wall: its conditions are all that keeps rows from its reader.
    app.create_endpoint("acme_only", "SELECT * FROM hidden_by_key WHERE tenant = 'acme'").await;
    let reader = app.with_scopes(&["PIPES:READ:acme_only"]).await;
    for place in PLACES {
        let sql = |x: &str| format!("{} FORMAT TSV", place.replace("{x}", x).replace("{c}", "toInt64(note) >= 0"));
        let expected = app.sql(&sql("open")).await.assert_status(200);
        let seen = reader.sql(&sql("acme_only")).await;
        if seen.status != 200 || seen.text() != expected.text() {
            wrong.push(format!("{}\n  {}", sql("acme_only"), seen.text()));
        }
    }
    let q = "/v0/pipes/acme_only.csv?q=SELECT%20count()%20AS%20c%20FROM%20_%20WHERE%20toInt64(note)%20%3E%3D%200";
    assert_eq!(reader.get(q).send().await.assert_status(200).text(), "\"c\"\n6000\n");
    // The test is about something: without the wall such a condition meets them.
    let bare = "SELECT count() FROM (SELECT * FROM hidden_by_key WHERE tenant = 'acme') WHERE toInt64(note) >= 0";
    assert!(app.sql(bare).await.assert_error(400).contains("hidden 1"), "the engine moves it below the filter");
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn lambdas_do_not_take_the_place_of_functions() {
    let app = app().await;
    app.create_endpoint("p", "SELECT * FROM events WHERE lower(tenant) = 'acme'").await;
    let client = filtered(&app, "DATASOURCES:READ", "events", "lower(tenant) = 'acme'").await;
    let reader = app.with_scopes(&["PIPES:READ:p"]).await;
    for lambdas in [
        "WITH ((a, b) -> 1) AS equals",
        "WITH (a, b) -> 1 AS equals",
        "WITH (a -> 'acme') AS lower",
        "WITH (a -> 'acme') AS f, f AS lower",
        "WITH (a -> 'acme') AS f, f AS g, g AS `lower`",
    ] {
        for (caller, source) in [(&client, "events"), (&reader, "p")] {
            for from in [source.to_owned(), format!("(SELECT * FROM {source})")] {
                let error = caller.sql(&format!("{lambdas} SELECT count() FROM {from}")).await.assert_error(400);
                assert!(error.contains("a lambda cannot be called"), "{lambdas}: {error}");
            }
        }
    }
    assert_eq!(client.rows("WITH a -> a + 1 AS next SELECT next(count()) FROM events").await, "11\n");
}

#[tokio::test]
async fn a_column_that_is_gone_is_not_given_by_the_query() {
    let app = app().await;
    app.create_endpoint("p", "SELECT tenant, n FROM events").await;
    let client = filtered(&app, "PIPES:READ", "p", "tenant = 'acme'").await;
    let given = [
        "WITH 'acme' AS tenant SELECT count() FROM p",
        "SELECT (SELECT count() FROM p) FROM (SELECT 'acme' AS tenant) AS x",
        "SELECT arrayMap(tenant -> (SELECT count() FROM p), ['acme'])[1]",
    ];
    for sql in given {
        assert_eq!(client.rows(sql).await, "10\n", "{sql}");
    }
    app.put("/v0/pipes/p/nodes/p_node").body("SELECT n FROM events").send().await.assert_status(200);
    for sql in given.into_iter().chain(["SELECT count() FROM p"]) {
        let error = client.sql(sql).await.assert_error(400);
        assert!(error.starts_with("the token's row filter on 'p' cannot be applied"), "{sql}: {error}");
    }
    client.get("/v0/pipes/p.json").send().await.assert_error(400);
}

#[tokio::test]
async fn settings_do_not_change_what_a_filter_means() {
    let app = app().await;
    let client = acme(&app).await;
    for setting in ["transform_null_in = 1", "session_timezone = 'UTC'", "join_use_nulls = 1", "final = 1"] {
        for sql in [
            format!("SELECT count() FROM events SETTINGS {setting}"),
            format!("SELECT * FROM (SELECT count() FROM events SETTINGS {setting})"),
        ] {
            let error = client.sql(&sql).await.assert_error(400);
            assert!(error.contains("where a token sees only some rows"), "{sql}: {error}");
        }
    }
    let plain = "SELECT count() FROM events SETTINGS max_threads = 1, output_format_json_quote_64bit_integers = 1";
    client.sql(plain).await.assert_status(200);
    app.sql("SELECT count() FROM events SETTINGS transform_null_in = 1").await.assert_status(200);
}

#[tokio::test]
async fn errors_do_not_tell_hidden_values() {
    let app = app().await;
    // The filter itself fails on rows that it hides.
    let client = filtered(&app, "DATASOURCES:READ", "events", "toInt32(note) = 1").await;
    let error = client.sql("SELECT count() FROM events").await.assert_error(400);
    assert!(error.starts_with("the query failed on a value") && !error.contains("acme"), "{error}");
    // What is wrong with the query itself is told.
    let error = client.sql("SELECT absent FROM events").await.assert_error(400);
    assert!(error.contains("absent") && !error.contains("toInt32"), "{error}");
}
