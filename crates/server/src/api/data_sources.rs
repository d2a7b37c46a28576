//! The Data Sources API.

pub mod append;
pub mod view;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};
use standpipe_core::access::Access;
use standpipe_core::model::DataSource;
use standpipe_core::operations::data_sources::{DataSourceUpdate, NewDataSource};
use standpipe_datafile::{Engine, parse_schema};
use utoipa::ToSchema;

use self::view::{DataSourceBody, show};
use super::body_fields;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;

/// The data sources that a token sees.
#[derive(Serialize, ToSchema)]
pub struct DataSourceList {
    /// Data sources, by name; each has only the attributes asked for.
    #[schema(value_type = Vec<DataSourceBody>)]
    datasources: Vec<Map<String, Value>>,
}

/// The answer to creating a data source.
#[derive(Serialize, ToSchema)]
pub struct CreatedBody {
    /// The data source.
    #[schema(value_type = DataSourceBody)]
    datasource: Map<String, Value>,
}

/// What would be affected by deleting a data source.
#[derive(Serialize, ToSchema)]
pub struct DryRunBody {
    /// Pipes that read it.
    dependent_pipes: Vec<String>,
}

/// List data sources
///
/// Lists the data sources on which the token has any right. `attrs` names the attributes to answer with.
#[utoipa::path(
    get, path = "/v0/datasources", tag = "Data Sources", security(("token" = [])),
    params(("attrs" = Option<String>, Query, description = "Attributes, separated by commas")),
    responses((status = 200, body = DataSourceList), (status = 403, body = ErrorBody)),
)]
pub async fn list_data_sources(State(app): State<App>, uri: Uri, Caller(access): Caller) -> Json<DataSourceList> {
    let attrs = Fields::of_query(&uri).list("attrs");
    let seen = access.workspace().data_sources.values().filter(|it| access.sees_data_source(it) && it.is_ready());
    let mut seen: Vec<_> = seen.collect();
    seen.sort_by(|one, other| one.name.cmp(&other.name));
    let bodies = seen.into_iter().map(|it| show(&body(&app, &access, it), attrs.as_deref()));
    Json(DataSourceList { datasources: bodies.collect() })
}

/// Create a data source, or append to one
///
/// `mode=create` (the default) creates a data source from `schema`, `engine` and `engine_*`, as a form, a JSON object or
/// in the query. `mode=append` appends the body to the data source `name`: CSV or NDJSON, raw or as the file of a
/// multipart form.
#[utoipa::path(
    post, path = "/v0/datasources", tag = "Data Sources", security(("token" = [])),
    params(
        ("mode" = Option<String>, Query, description = "create (default) or append"),
        ("name" = Option<String>, Query, description = "Name; required for append"),
        ("schema" = Option<String>, Query, description = "Columns: `name` Type `json:$.path` DEFAULT expression, …"),
        ("engine" = Option<String>, Query, description = "MergeTree (default), ReplacingMergeTree, …"),
        ("format" = Option<String>, Query, description = "Of the body to append: csv (default) or ndjson"),
        ("dialect_delimiter" = Option<String>, Query, description = "What separates CSV fields; guessed when absent"),
    ),
    request_body(content = String, description = "A form, a JSON object, or rows", content_type = "text/csv"),
    responses(
        (status = 200, body = CreatedBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
    ),
)]
pub async fn create_or_append(
    State(app): State<App>,
    uri: Uri,
    Caller(access): Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let query = Fields::of_query(&uri);
    let sent = append::read_body(&app, request).await?;
    let fields = match &sent.fields {
        // What the query says counts more than the same name in the body.
        Some(fields) => fields.clone().without(&query).and(query),
        None => query,
    };
    match fields.filled("mode").as_deref() {
        None | Some("create") => create(&app, &access, &fields, sent).await,
        Some("append") => append::append(&app, &access, &fields, sent).await,
        Some("replace") => Err(ApiError::bad_request("mode 'replace' cannot be used yet: truncate, then append")),
        Some(other) => Err(ApiError::bad_request(format!("mode '{other}' is unknown: use create or append"))),
    }
}

async fn create(app: &App, access: &Access, fields: &Fields, sent: append::Sent) -> Result<Response, ApiError> {
    access.require_data_source_create()?;
    let schema = fields.filled("schema").ok_or_else(|| {
        ApiError::bad_request("a data source needs columns: send schema=`name` Type, … (guessing them comes later)")
    })?;
    let columns =
        parse_schema(&schema).map_err(|error| ApiError::bad_request(with_hint(&error, error.hint.as_deref())))?;
    let options = fields.pairs();
    let options = options.iter().filter(|(name, _)| name.starts_with("engine"));
    let engine =
        Engine::from_params(fields.filled("engine").as_deref(), options.map(|(name, value)| (*name, value.as_str())))
            .map_err(|error| ApiError::bad_request(with_hint(&error, error.hint.as_deref())))?;
    standpipe_datafile::check_keys(&engine, &columns)
        .map_err(|error| ApiError::bad_request(with_hint(&error, error.hint.as_deref())))?;
    let new = NewDataSource {
        name: fields.filled("name"),
        description: fields.text("description").unwrap_or_default(),
        columns,
        engine,
        tags: BTreeMap::new(),
    };
    let created = app.standpipe.create_data_source(access, new).await?;
    let access = access.refreshed(app.standpipe.catalog().snapshot());
    if sent.has_rows() {
        return append::append_to(app, &access, &created, fields, sent).await;
    }
    Ok(Json(CreatedBody { datasource: show(&body(app, &access, &created), None) }).into_response())
}

fn with_hint(error: &impl std::fmt::Display, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{error}: {hint}"),
        None => error.to_string(),
    }
}

/// Read a data source
///
/// Answers one data source with its columns, engine and counts; `<name>.datasource` answers its datafile as text.
#[utoipa::path(
    get, path = "/v0/datasources/{datasource}", tag = "Data Sources", security(("token" = [])),
    params(("datasource" = String, Path, description = "Name or id")),
    responses((status = 200, body = DataSourceBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn get_data_source(
    State(app): State<App>,
    uri: Uri,
    Path(path): Path<String>,
    Caller(access): Caller,
) -> Result<Response, ApiError> {
    let fields = Fields::of_query(&uri);
    if let Some(name) = path.strip_suffix(".datasource") {
        let data_source = app.standpipe.data_source(&access, name)?;
        // Exactly text/plain: the command-line clients take a charset for JSON.
        return Ok(([(CONTENT_TYPE, "text/plain")], view::datafile(&data_source)).into_response());
    }
    let data_source = app.standpipe.data_source(&access, &path)?;
    if app.standpipe.registry().take_written()
        && let Err(error) = app.standpipe.refresh_counts().await
    {
        // The definition is ours to tell without the engine; the counts are then as they were last refreshed.
        tracing::warn!(%error, "row counts could not be refreshed");
        app.standpipe.registry().note_write();
    }
    let attrs = fields.list("attrs");
    Ok(Json(show(&body(&app, &access, &data_source), attrs.as_deref())).into_response())
}

/// Change a data source
///
/// Changes the data source's name, description, or both. Its id stays.
#[utoipa::path(
    put, path = "/v0/datasources/{datasource}", tag = "Data Sources", security(("token" = [])),
    params(
        ("datasource" = String, Path, description = "Name or id"),
        ("name" = Option<String>, Query, description = "The new name"),
        ("description" = Option<String>, Query, description = "The new description"),
    ),
    responses(
        (status = 200, body = DataSourceBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody),
    ),
)]
pub async fn update_data_source(
    State(app): State<App>,
    uri: Uri,
    Path(name): Path<String>,
    headers: HeaderMap,
    Caller(access): Caller,
    sent: Bytes,
) -> Result<Response, ApiError> {
    let fields = body_fields(&uri, &headers, &sent, &["name", "description"])?;
    let update = DataSourceUpdate { name: fields.filled("name"), description: fields.text("description") };
    let data_source = app.standpipe.update_data_source(&access, &name, &update).await?;
    let access = access.refreshed(app.standpipe.catalog().snapshot());
    Ok(Json(show(&body(&app, &access, &data_source), None)).into_response())
}

/// Delete a data source
///
/// Deletes the data source with its quarantine. A materialized view that depends on it keeps it from being deleted, unless
/// `force=true`. `dry_run=true` only tells which pipes read or fill it.
#[utoipa::path(
    delete, path = "/v0/datasources/{datasource}", tag = "Data Sources", security(("token" = [])),
    params(
        ("datasource" = String, Path, description = "Name or id"),
        ("force" = Option<bool>, Query, description = "Delete although views depend on it"),
        ("dry_run" = Option<bool>, Query, description = "Only tell which pipes read or fill it"),
    ),
    responses(
        (status = 200, body = DryRunBody), (status = 204, description = "Deleted"), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn delete_data_source(
    State(app): State<App>,
    uri: Uri,
    Path(name): Path<String>,
    Caller(access): Caller,
) -> Result<Response, ApiError> {
    let fields = Fields::of_query(&uri);
    if fields.flag("dry_run") {
        let data_source = app.standpipe.data_source(&access, &name)?;
        access.require_data_source_drop(&data_source)?;
        let dependent_pipes = app.standpipe.dependent_pipes(&access, &data_source);
        return Ok(Json(DryRunBody { dependent_pipes }).into_response());
    }
    app.standpipe.delete_data_source(&access, &name, fields.flag("force")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Truncate a data source
///
/// Deletes all rows of the data source and its quarantine.
#[utoipa::path(
    post, path = "/v0/datasources/{datasource}/truncate", tag = "Data Sources", security(("token" = [])),
    params(("datasource" = String, Path, description = "Name or id")),
    responses((status = 205, description = "Emptied"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn truncate_data_source(
    State(app): State<App>,
    Path(name): Path<String>,
    Caller(access): Caller,
) -> Result<StatusCode, ApiError> {
    app.standpipe.truncate_data_source(&access, &name).await?;
    Ok(StatusCode::RESET_CONTENT)
}

fn body(app: &App, access: &Access, data_source: &DataSource) -> DataSourceBody {
    let counts = app.standpipe.registry().state(data_source.id).counts();
    DataSourceBody::of(data_source, access, counts)
}
