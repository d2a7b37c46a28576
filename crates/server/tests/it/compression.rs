//! Answers in gzip and zstd.

use std::io::Read;

use http::header::{ACCEPT_ENCODING, VARY};
use http_body_util::BodyExt;

use crate::support::{Answer, TestApp};

async fn get(app: &TestApp, path: &str, encodings: &str) -> Answer {
    app.get(path).header(ACCEPT_ENCODING, encodings).send().await
}

fn plain(answer: &Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    match answer.header("content-encoding") {
        Some("gzip") => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).unwrap(),
        Some("zstd") => zstd::stream::read::Decoder::new(&answer.body[..]).unwrap().read_to_end(&mut plain).unwrap(),
        other => panic!("{other:?}"),
    };
    plain
}

fn varies(answer: &Answer) -> bool {
    answer.headers.get_all(VARY).iter().any(|value| value == "accept-encoding")
}

#[tokio::test]
async fn text_comes_compressed_to_those_who_ask() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT number AS n, 'some text' AS text FROM numbers(100000)").await;
    for path in ["/v0/pipes/p.ndjson", "/v0/pipes/p.csv", "/v0/sql?q=SELECT+n,text+FROM+p+FORMAT+JSONCompact"] {
        let expected = get(&app, path, "identity").await.assert_status(200);
        assert!(expected.header("content-encoding").is_none() && varies(&expected), "caches must know at any time");
        for encoding in ["gzip", "zstd"] {
            let answer = get(&app, path, encoding).await.assert_status(200);
            assert_eq!(answer.header("content-encoding"), Some(encoding), "{path}");
            assert!(varies(&answer), "{path}");
            assert!(answer.body.len() < expected.body.len() / 2, "{path} {encoding}");
            let (plain, expected) = (plain(&answer), &expected.body[..]);
            assert!(path.contains("JSONCompact") || plain == expected, "{path} {encoding}");
            assert!(plain.ends_with(&expected[expected.len() - 1..]), "{path} {encoding}");
        }
    }
    assert_eq!(
        get(&app, "/v0/pipes/p.csv", "br, gzip;q=0.5, zstd;q=0.9").await.header("content-encoding"),
        Some("zstd")
    );
    assert_eq!(get(&app, "/v0/pipes/p.csv", "br").await.header("content-encoding"), None);
}

#[tokio::test]
async fn small_answers_and_binary_formats_are_left_alone() {
    let app = TestApp::new().await;
    app.create_endpoint("small", "SELECT 1 AS x").await;
    app.create_endpoint("large", "SELECT number AS n FROM numbers(100000)").await;
    for path in ["small.json", "small.csv", "large.parquet", "absent.json"] {
        let answer = get(&app, &format!("/v0/pipes/{path}"), "gzip, zstd").await;
        assert_eq!(answer.header("content-encoding"), None, "{path}");
    }
}

#[tokio::test]
async fn rows_arrive_while_the_query_runs() {
    let app = TestApp::new().await;
    // Each row is a block of its own and takes some time; all of them take longer than a query may.
    let sql = "SELECT number AS arrives, sipHash64(repeat(toString(number), 1000000)) AS slow FROM numbers(100000) \
               FORMAT JSONEachRow SETTINGS max_block_size = 1";
    let response = app.post("/v0/sql").plain(sql).header(ACCEPT_ENCODING, "gzip").begin().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let mut body = response.into_body();
    let (mut compressed, mut plain) = (flate2::write::GzDecoder::new(Vec::new()), Vec::new());
    while plain.iter().filter(|byte| **byte == b'\n').count() < 3 {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        std::io::Write::write_all(&mut compressed, &frame).unwrap();
        std::io::Write::flush(&mut compressed).unwrap();
        plain.clone_from(compressed.get_ref());
    }
    assert_eq!(app.engine_runs("arrives").await, 1, "the query has not ended");
    assert!(plain.starts_with(b"{\"arrives\":0,"));
}
