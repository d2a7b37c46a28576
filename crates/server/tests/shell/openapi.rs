//! The OpenAPI document.

use serde_json::Value;

#[test]
fn every_route_has_id_summary_tag_and_a_good_answer() {
    let document: Value = serde_json::from_str(&standpipe_server::router::openapi().to_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/health/ready"));
    for (path, methods) in paths {
        for (method, route) in methods.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(route["operationId"].is_string(), "{name} has no id");
            assert!(!route["summary"].as_str().unwrap_or_default().is_empty(), "{name} has no summary");
            assert_eq!(route["tags"].as_array().map(Vec::len), Some(1), "{name} has not one tag");
            let answers = route["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{name} has no good answer");
        }
    }
}
