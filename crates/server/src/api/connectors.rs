//! Connections to object storage and Kafka. Secrets go in and never come out.

mod export;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};
use standpipe_core::model::connection::Settings;
use standpipe_core::model::{Connection, Pipe, Service, SinkOutput, Workspace, format_timestamp};
use standpipe_core::operations::connections::{NewConnection, pipes_of};
use utoipa::ToSchema;

use self::export::Export;
use super::body_fields;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;

/// The workspace's connections.
#[derive(Serialize, ToSchema)]
pub struct ConnectionList {
    /// Connections, by name.
    connectors: Vec<ConnectionBody>,
}

/// A connection.
#[derive(Serialize, ToSchema)]
pub struct ConnectionBody {
    /// Immutable id.
    id: String,
    /// Its name.
    name: String,
    /// `s3`, `s3_iamrole`, `gcs_service_account`, `gcs_hmac` or `kafka`.
    service: &'static str,
    /// Its settings but for the secrets among them.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// Data sources that read from it: always none.
    #[schema(value_type = Vec<Object>)]
    linkers: Vec<Value>,
    /// Pipes that write to it.
    sinks: Vec<ConnectionSink>,
    /// Creation time, UTC.
    created_at: String,
    /// Time of the last change, UTC.
    updated_at: String,
}

/// A pipe that writes to a connection.
#[derive(Serialize, ToSchema)]
pub struct ConnectionSink {
    /// Id of the pipe.
    resource_id: String,
    /// Its name.
    name: String,
    /// What is written.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// What a request to try a connection's settings found: nothing wrong.
#[derive(Serialize, ToSchema)]
pub struct ConnectionTried {
    /// The name it would have.
    name: String,
    /// The service it would lead to.
    service: &'static str,
    /// Always `ok`.
    status: &'static str,
}

/// List connections
///
/// Lists the workspace's connections, without their secrets.
#[utoipa::path(
    get, path = "/v0/connectors", tag = "Connections", security(("token" = [])),
    params(("service" = Option<String>, Query, description = "Only connections of this service")),
    responses((status = 200, body = ConnectionList), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)),
)]
pub async fn list_connections(
    State(app): State<App>,
    uri: Uri,
    Caller(access): Caller,
) -> Result<Json<ConnectionList>, ApiError> {
    let mut connections = app.standpipe.connections(&access)?;
    if let Some(word) = Fields::of_query(&uri).filled("service") {
        let service = Service::read(&word, |_| None)?;
        connections.retain(|connection| connection.service == service);
    }
    let body = |connection: &_| ConnectionBody::of(connection, access.workspace());
    Ok(Json(ConnectionList { connectors: connections.iter().map(|connection| body(connection)).collect() }))
}

/// Create a connection
///
/// Keeps how a system outside is reached, with the credentials encrypted. Nothing is sent there: bucket and credentials
/// are checked when a sink is set. `dry_run=true` checks the settings and keeps nothing.
#[utoipa::path(
    post, path = "/v0/connectors", tag = "Connections", security(("token" = [])),
    params(
        ("service" = Option<String>, Query, description = "s3, s3_iamrole, gcs (gcs_service_account), gcs_hmac or kafka; type is the same. s3 with a role is s3_iamrole, gcs with HMAC keys gcs_hmac. All also in the body"),
        ("name" = Option<String>, Query, description = "The connection's name"),
        ("dry_run" = Option<bool>, Query, description = "Only check"),
    ),
    request_body(content = String, description = "The settings as a form or JSON, also as .connection files call them", content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = ConnectionBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody),
    ),
)]
pub async fn create_connection(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Caller(access): Caller,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    access.require_admin()?;
    let fields = body_fields(&uri, &headers, &body, &["service", "SERVICE", "type", "TYPE", "name", "NAME"])?;
    let new = new_connection(&fields)?;
    if fields.flag("dry_run") {
        app.standpipe.check_connection(&access, &new).await?;
        return shown(&ConnectionTried { name: new.name, service: new.service.as_str(), status: "ok" });
    }
    let connection = app.standpipe.create_connection(&access, new).await?;
    shown(&ConnectionBody::of(&connection, access.workspace()))
}

/// Read a connection
///
/// Answers a connection without its secrets; `<name>.connection` answers its file as text, with `{{ tb_secret(…) }}` in the
/// places of secrets, and with `include_metadata=true` as JSON with warnings.
#[utoipa::path(
    get, path = "/v0/connectors/{connector}", tag = "Connections", security(("token" = [])),
    params(
        ("connector" = String, Path, description = "Name or id"),
        ("include_metadata" = Option<bool>, Query, description = "With .connection: JSON of content and warnings"),
    ),
    responses((status = 200, body = ConnectionBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn get_connection(
    State(app): State<App>,
    uri: Uri,
    Path(connector): Path<String>,
    Caller(access): Caller,
) -> Result<Response, ApiError> {
    // A connection's name may end like a file's.
    let whole = app.standpipe.connection(&access, &connector);
    let Some(name) = connector.strip_suffix(".connection").filter(|_| whole.is_err()) else {
        return Ok(Json(ConnectionBody::of(&*whole?, access.workspace())).into_response());
    };
    let export = Export::of(&*app.standpipe.connection(&access, name)?);
    if Fields::of_query(&uri).flag("include_metadata") {
        return Ok(Json(export).into_response());
    }
    // Exactly text/plain, as for other datafiles.
    Ok(([(CONTENT_TYPE, "text/plain")], export.content).into_response())
}

/// Delete a connection
///
/// Forgets a connection and its credentials. One that a sink pipe uses stays.
#[utoipa::path(
    delete, path = "/v0/connectors/{connector}", tag = "Connections", security(("token" = [])),
    params(("connector" = String, Path, description = "Name or id")),
    responses(
        (status = 204, description = "It is gone"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody),
    ),
)]
pub async fn delete_connection(
    State(app): State<App>,
    Path(connector): Path<String>,
    Caller(access): Caller,
) -> Result<StatusCode, ApiError> {
    app.standpipe.delete_connection(&access, &connector).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl ConnectionBody {
    fn of(connection: &Connection, workspace: &Workspace) -> ConnectionBody {
        let settings = connection.settings.shown(connection.service);
        ConnectionBody {
            id: connection.id.to_string(),
            name: connection.name.clone(),
            service: connection.service.as_str(),
            settings: settings.map(|(name, value)| (name.to_owned(), value.into())).collect(),
            linkers: Vec::new(),
            sinks: pipes_of(workspace, connection.id).map(|pipe| ConnectionSink::of(pipe)).collect(),
            created_at: format_timestamp(connection.created_at),
            updated_at: format_timestamp(connection.updated_at),
        }
    }
}

impl ConnectionSink {
    fn of(pipe: &Pipe) -> ConnectionSink {
        let members: Vec<(&str, &str)> = match pipe.sink().map(|sink| &sink.output) {
            Some(SinkOutput::Files(files)) => vec![
                ("bucket_path", &files.path),
                ("file_template", &files.file_template),
                ("format", files.format.as_str()),
                ("compression", files.compression.as_str()),
                ("write_strategy", files.write_strategy.as_str()),
            ],
            Some(SinkOutput::Kafka { topic }) => vec![("kafka_topic", topic)],
            None => Vec::new(),
        };
        ConnectionSink {
            resource_id: pipe.id.to_string(),
            name: pipe.name.to_string(),
            settings: members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        }
    }
}

fn new_connection(fields: &Fields) -> Result<NewConnection, ApiError> {
    let needed = |name: &str| ApiError::bad_request(format!("a connection needs {name}: send {name}=<{name}>"));
    // A key file of Google's is an object inside a JSON body.
    let said = |name: &str| match fields.value(name) {
        Some(object @ Value::Object(_)) => Some(object.to_string()),
        _ => fields.filled(name),
    };
    let either = |names: &[&str]| names.iter().find_map(|name| fields.filled(name));
    let word = either(&["service", "type", "SERVICE", "TYPE"]).ok_or_else(|| needed("service"))?;
    let name = either(&["name", "NAME"]).ok_or_else(|| needed("name"))?;
    let service = Service::read(&word, said)?;
    Ok(NewConnection { name: name.trim().to_owned(), service, settings: Settings::read(service, said)? })
}

fn shown(body: &impl Serialize) -> Result<Json<Value>, ApiError> {
    let body = serde_json::to_value(body);
    body.map(Json).map_err(|error| standpipe_core::Error::internal(format!("an answer is no JSON: {error}")).into())
}
