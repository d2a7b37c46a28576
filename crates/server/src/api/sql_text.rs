//! What clients ask about SQL texts. Nothing is run.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::Value;
use standpipe_core::operations::sql_text::TableRules;
use utoipa::ToSchema;

use super::body_fields;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;

const KEYS: &[&str] = &["q", "replacements"];

/// The tables that a query reads.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsedTables {
    /// Database and table of each; the database is empty for plain names. With `table_functions` a third text is the function.
    pub tables: Vec<Vec<String>>,
}

/// A query with others in the places of its tables.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplacedQuery {
    /// The query in ClickHouse's own form.
    pub query: String,
}

/// A formatted query.
#[derive(Debug, Serialize, ToSchema)]
pub struct FormattedQuery {
    /// The query.
    pub q: String,
}

/// List the tables of a query
///
/// Lists the tables that the SQL in `q` names, without CTEs and aliases.
#[utoipa::path(
    get, path = "/v0/sql_tables", tag = "Query", security(("token" = [])),
    params(
        ("q" = String, Query, description = "SQL"),
        ("raising" = Option<bool>, Query, description = "SQL that cannot be read is an error, not an empty list"),
        ("table_functions" = Option<bool>, Query, description = "Lists table functions, too"),
        ("is_copy" = Option<bool>, Query, description = "The SQL is a copy pipe's"),
    ),
    responses((status = 200, body = UsedTables), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)),
)]
pub async fn list_tables(State(app): State<App>, uri: Uri, Caller(_): Caller) -> Result<Json<UsedTables>, ApiError> {
    tables(&app, &Fields::of_query(&uri))
}

/// List the tables of a query that the body holds
///
/// As `GET /v0/sql_tables`, with the parameters in a form or a JSON object.
#[utoipa::path(
    post, path = "/v0/sql_tables", tag = "Query", security(("token" = [])),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = UsedTables), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)),
)]
pub async fn post_tables(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Caller(_): Caller,
    body: Bytes,
) -> Result<Json<UsedTables>, ApiError> {
    tables(&app, &body_fields(&uri, &headers, &body, KEYS)?)
}

fn tables(app: &App, fields: &Fields) -> Result<Json<UsedTables>, ApiError> {
    let rules = TableRules {
        raising: fields.flag("raising"),
        table_functions: fields.flag("table_functions"),
        is_copy: fields.flag("is_copy"),
    };
    let used = app.standpipe.used_tables(&sql(fields)?, rules)?;
    let tables = used.into_iter().map(|used| match rules.table_functions {
        true => vec![used.database, used.table, used.function],
        false => vec![used.database, used.table],
    });
    Ok(Json(UsedTables { tables: tables.collect() }))
}

/// Replace tables in a query
///
/// Puts what `replacements`, a JSON object, holds for a name in its place: a name, `[database, table]`, or a subquery in
/// brackets.
#[utoipa::path(
    get, path = "/v0/sql_replace", tag = "Query", security(("token" = [])),
    params(
        ("q" = String, Query, description = "SQL"),
        ("replacements" = Option<String>, Query, description = "JSON object: name to replacement"),
    ),
    responses((status = 200, body = ReplacedQuery), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)),
)]
pub async fn replace_sql(State(app): State<App>, uri: Uri, Caller(_): Caller) -> Result<Json<ReplacedQuery>, ApiError> {
    replaced(&app, &Fields::of_query(&uri)).await
}

/// Replace tables in a query that the body holds
///
/// As `GET /v0/sql_replace`, with the parameters in a form or a JSON object.
#[utoipa::path(
    post, path = "/v0/sql_replace", tag = "Query", security(("token" = [])),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = ReplacedQuery), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)),
)]
pub async fn post_replace(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Caller(_): Caller,
    body: Bytes,
) -> Result<Json<ReplacedQuery>, ApiError> {
    replaced(&app, &body_fields(&uri, &headers, &body, KEYS)?).await
}

async fn replaced(app: &App, fields: &Fields) -> Result<Json<ReplacedQuery>, ApiError> {
    let replacements = match fields.value("replacements") {
        None => Value::Null,
        Some(Value::String(text)) if text.trim().is_empty() => Value::Null,
        Some(Value::String(text)) => serde_json::from_str(text)
            .map_err(|error| ApiError::bad_request(format!("'replacements' cannot be read as JSON: {error}")))?,
        Some(value) => value.clone(),
    };
    Ok(Json(ReplacedQuery { query: app.standpipe.replace_tables(&sql(fields)?, &replacements).await? }))
}

/// Format a query
///
/// Answers the SQL in `q` as ClickHouse itself writes it. The tags of a template stay as they are; a template whose text would
/// not survive is answered unchanged. Without `with_clickhouse_format` so is SQL with comments, which would be lost.
#[utoipa::path(
    get, path = "/v0/sql_format", tag = "Query", security(("token" = [])),
    params(
        ("q" = String, Query, description = "SQL"),
        ("with_clickhouse_format" = Option<bool>, Query, description = "ClickHouse's form, comments or not"),
    ),
    responses((status = 200, body = FormattedQuery), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)),
)]
pub async fn format_sql(State(app): State<App>, uri: Uri, Caller(_): Caller) -> Result<Json<FormattedQuery>, ApiError> {
    formatted(&app, &Fields::of_query(&uri)).await
}

/// Format a query that the body holds
///
/// As `GET /v0/sql_format`, with the parameters in a form or a JSON object.
#[utoipa::path(
    post, path = "/v0/sql_format", tag = "Query", security(("token" = [])),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = FormattedQuery), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)),
)]
pub async fn post_format(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Caller(_): Caller,
    body: Bytes,
) -> Result<Json<FormattedQuery>, ApiError> {
    formatted(&app, &body_fields(&uri, &headers, &body, KEYS)?).await
}

async fn formatted(app: &App, fields: &Fields) -> Result<Json<FormattedQuery>, ApiError> {
    let canonical = fields.flag("with_clickhouse_format");
    Ok(Json(FormattedQuery { q: app.standpipe.format_sql(&sql(fields)?, canonical).await? }))
}

fn sql(fields: &Fields) -> Result<String, ApiError> {
    fields.filled("q").ok_or_else(|| ApiError::bad_request("there is no SQL: send it as 'q'"))
}
