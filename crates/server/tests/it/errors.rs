//! `docs/errors.md`, and that the list of codes is closed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use standpipe_core::ErrorCode;
use standpipe_server::error::status;

use crate::support::{TestApp, assert_file};

const HEAD: &str = "# Errors

Every error is JSON with `error`, a sentence on what went wrong and what to do, and `code`, a stable word from this list.
Where ClickHouse raised it, the header `X-DB-Exception-Code` has its code. An answer of 429 or 503 has `Retry-After`;
one of 429 also `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, the last in seconds from now.
A missing, unknown or insufficient token is 403, never 401.

This file is written from the code: `UPDATE=1 cargo test -p standpipe --test it errors`.

| code | status | meaning |
|---|---|---|
";

const TAIL: &str = "
Errors of HTTP alone (no such route, wrong method, a body that breaks off) have the status' name as their code, such as
`not_found` and `method_not_allowed`. A template's `custom_error` answers the status and JSON that it chooses.
";

#[test]
fn the_document_is_what_the_code_says() {
    let mut text = HEAD.to_owned();
    for code in ErrorCode::ALL {
        writeln!(text, "| `{}` | {} | {} |", code.as_str(), status(code).as_u16(), code.meaning()).unwrap();
    }
    text.push_str(TAIL);
    assert_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md"), &text);
}

#[test]
fn codes_are_words_of_their_own() {
    let words: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words.len(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", code.as_str());
        assert!(status(code).is_client_error() || status(code).is_server_error(), "{}", code.as_str());
        assert!(code.meaning().ends_with('.'), "{}", code.as_str());
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_are_json() {
    let app = TestApp::new().await;
    let answer = app.get("/v0/nothing/here").send().await.assert_status(404);
    assert_eq!(answer.json()["error"], "there is no route 'GET /v0/nothing/here'");
    assert_eq!(answer.json()["code"], "not_found");
    let answer = app.delete("/v0/sql").send().await.assert_status(405);
    assert_eq!(answer.json()["code"], "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD,POST"));
    app.anonymous().get("/").send().await.assert_status(404);
    app.get("/v0/pipes/%ff").send().await.assert_error(400);
}
