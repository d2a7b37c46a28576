//! `openapi.json` at the root of the repository, and what every route documents.

use std::path::Path;

use serde_json::Value;

use crate::support::assert_file;

#[test]
fn the_committed_document_is_what_the_code_says() {
    let document = standpipe_server::router::openapi().to_pretty_json().unwrap() + "\n";
    assert_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json"), &document);
}

#[test]
fn every_route_documents_itself() {
    let document = serde_json::to_value(standpipe_server::router::openapi()).unwrap();
    let tags: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{what}: no summary");
            assert!(operation["description"].as_str().is_some_and(|text| !text.is_empty()), "{what}: no description");
            assert!(tags.contains(&&operation["tags"][0]), "{what}: no known tag");
            let responses = operation["responses"].as_object().unwrap();
            let good: Vec<&Value> =
                responses.iter().filter(|(status, _)| status.starts_with('2')).map(|(_, it)| it).collect();
            assert!(!good.is_empty(), "{what}: no good answer");
            for response in good {
                let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described || response.get("content").is_some(), "{what}: an answer says nothing");
            }
            let secured = operation.get("security").is_some();
            assert_eq!(secured, responses.contains_key("403") && path != "/tokens", "{what}: security and 403");
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
}
