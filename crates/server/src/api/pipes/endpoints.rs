//! The OpenAPI document of the endpoints that a token can read: one path each, with its parameters.

use axum::Json;
use serde_json::{Map, Value, json};
use standpipe_core::model::Pipe;

use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::public_url::PublicUrl;

/// Describe the endpoints
///
/// Answers an OpenAPI document of the published pipes that the token can read, with their parameters.
#[utoipa::path(
    get, path = "/v0/pipes/openapi.json", tag = "Pipes", security(("token" = [])),
    responses((status = 200, description = "An OpenAPI document"), (status = 403, body = ErrorBody)),
)]
pub async fn describe_endpoints(Caller(access): Caller, url: PublicUrl) -> Result<Json<Value>, ApiError> {
    let workspace = access.workspace();
    let mut readable: Vec<_> =
        workspace.pipes.values().filter(|pipe| pipe.endpoint().is_some() && access.can_read_pipe(pipe)).collect();
    readable.sort_by(|one, other| one.name.cmp(&other.name));
    let paths: Map<String, Value> =
        readable.into_iter().map(|pipe| (format!("/v0/pipes/{}.json", pipe.name), path(pipe))).collect();
    Ok(Json(json!({
        "openapi": "3.0.3",
        "info": { "title": format!("Endpoints of {}", workspace.name), "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": url.join("") }],
        "components": { "securitySchemes": {
            "bearer": { "type": "http", "scheme": "bearer" },
            "query": { "type": "apiKey", "in": "query", "name": "token" },
        } },
        "security": [{ "bearer": [] }, { "query": [] }],
        "paths": paths,
    })))
}

fn path(pipe: &Pipe) -> Value {
    let description = pipe.description.clone().unwrap_or_default();
    json!({ "get": {
        "operationId": pipe.name.as_str(),
        "summary": description.lines().next().unwrap_or_default(),
        "description": description,
        "parameters": parameters(pipe),
        "responses": {
            "200": { "description": "The data", "content": { "application/json": { "schema": { "type": "object" } } } },
            "400": { "description": "A parameter is missing or of another type, or the query failed" },
            "403": { "description": "The token cannot read this pipe" },
        },
    } })
}

/// Parameters of all nodes, each name once: the first node that declares it says what it is.
fn parameters(pipe: &Pipe) -> Vec<Value> {
    let mut named: Map<String, Value> = Map::new();
    for param in pipe.nodes.iter().flat_map(|node| &node.params) {
        if let Some(name) = param["name"].as_str() {
            named.entry(name).or_insert_with(|| parameter(name, param));
        }
    }
    named.into_iter().map(|(_, parameter)| parameter).collect()
}

fn parameter(name: &str, param: &Value) -> Value {
    let mut schema = schema(param["type"].as_str().unwrap_or("String"));
    for key in ["default", "enum", "example"] {
        if let Some(value) = param.get(key).filter(|value| !value.is_null()) {
            schema[key] = value.clone();
        }
    }
    if let Some(format) = param["format"].as_str() {
        schema["format"] = format.into();
    }
    json!({
        "name": name,
        "in": "query",
        "required": param["required"].as_bool().unwrap_or_default(),
        "description": param["description"].as_str().unwrap_or_default(),
        "schema": schema,
    })
}

/// A template type as JSON Schema knows it.
fn schema(type_name: &str) -> Value {
    if let Some(element) = type_name.strip_prefix("Array(").and_then(|rest| rest.strip_suffix(')')) {
        return json!({ "type": "array", "items": schema(element) });
    }
    let is_integer = ["Int", "UInt"].iter().any(|prefix| type_name.starts_with(prefix));
    match type_name {
        "Boolean" => json!({ "type": "boolean" }),
        "Float32" | "Float64" => json!({ "type": "number" }),
        "Date" => json!({ "type": "string", "format": "date" }),
        "DateTime" | "DateTime64" => json!({ "type": "string", "format": "date-time" }),
        _ if is_integer => json!({ "type": "integer" }),
        _ => json!({ "type": "string" }),
    }
}
