//! Appends a request's body to a data source.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::Uri;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::{Map, Value};
use standpipe_core::Error;
use standpipe_core::access::Access;
use standpipe_core::model::DataSource;
use standpipe_core::service_data::Event;
use standpipe_core::write::{AppendFormat, AppendRequest, Appended, Compression};
use standpipe_ingest::CsvDialect;
use utoipa::ToSchema;

use super::body;
use super::view::show;
use crate::api::events::compression;
use crate::app::App;
use crate::error::ApiError;
use crate::fields::{Fields, form_with, looks_like_json};

/// Keys that tell a form from rows.
const FORM_KEYS: &[&str] = &["schema", "name", "mode", "engine", "url"];

/// What a request carried.
pub struct Sent {
    /// Named values of a form, JSON object or multipart form.
    pub fields: Option<Fields>,
    /// Rows: the raw body or a multipart form's file.
    rows: Bytes,
    /// Name of the multipart part that the rows were in, and of its file.
    part: Option<(String, String)>,
    compression: Compression,
}

/// The answer to an append: the keys that the documents show, and the ones that SDKs read.
#[derive(Serialize, ToSchema)]
pub struct AppendedBody {
    /// Under which its quarantined rows are found.
    import_id: String,
    /// The data source.
    #[schema(value_type = Object)]
    datasource: Map<String, Value>,
    /// Rows that were read but do not fit the schema.
    quarantine_rows: u64,
    /// Lines that could not be read as a row.
    invalid_lines: u64,
    /// Always false: a failed append answers an error.
    error: bool,
    /// Rows stored.
    successful_rows: u64,
    /// Rows put into the quarantine, unreadable lines included.
    quarantined_rows: u64,
    /// How the body was read.
    blocks: Vec<Block>,
}

/// A block of rows that was read at once: the whole body is one.
#[derive(Serialize, ToSchema)]
struct Block {
    block_id: String,
    processing_time: f64,
    process_return: [ProcessReturn; 1],
}

/// What was read of a block.
#[derive(Serialize, ToSchema)]
struct ProcessReturn {
    parser: &'static str,
    lines: u64,
    quarantine: u64,
    invalid_lines: u64,
    empty_lines: u64,
    bytes: u64,
    time: f64,
    #[schema(value_type = Vec<Object>)]
    db_stats: [Value; 0],
}

impl Sent {
    /// Whether there are rows to append.
    pub fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }
}

/// Reads the body: a multipart form, a form or JSON object with settings, or rows.
pub async fn read_body(app: &App, request: Request) -> Result<Sent, ApiError> {
    let (parts, body) = request.into_parts();
    let limit = app.config.limits.append_body.as_usize();
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if let Some(boundary) = content_type.and_then(|value| multer::parse_boundary(value).ok()) {
        let constraints = multer::Constraints::new().size_limit(multer::SizeLimit::new().whole_stream(limit as u64));
        let multipart = multer::Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
        return read_multipart(multipart, compression(&parts.headers)?).await;
    }
    let body = to_bytes(body, limit).await.map_err(|_| Error::BodyTooLarge { bytes: limit as u64 })?;
    read_plain(&parts.uri, &parts.headers, body)
}

fn read_plain(uri: &Uri, headers: &HeaderMap, body: Bytes) -> Result<Sent, ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let trimmed = body.trim_ascii();
    // Where the query says that the body is rows, no row is taken for settings, whatever its keys.
    let is_rows = Fields::of_query(uri).filled("mode").is_some_and(|mode| mode != "create");
    let is_ndjson = content_type.is_some_and(|value| value.contains("ndjson"));
    let fields = if trimmed.is_empty() || is_ndjson || is_rows {
        None
    } else if looks_like_json(content_type, trimmed) {
        // An NDJSON body without content type begins like a JSON object, too: a row is not taken for settings.
        let json = Fields::parse_json(trimmed).ok();
        json.filter(|fields| ["schema", "mode", "url"].iter().any(|key| fields.has(key)))
    } else {
        form_with(trimmed, FORM_KEYS)
    };
    let rows = if fields.is_some() || trimmed.is_empty() { Bytes::new() } else { body };
    Ok(Sent { fields, rows, part: None, compression: compression(headers)? })
}

async fn read_multipart(mut multipart: multer::Multipart<'_>, compression: Compression) -> Result<Sent, ApiError> {
    let unreadable = |error: multer::Error| match error {
        multer::Error::StreamSizeExceeded { limit } => ApiError::from(Error::BodyTooLarge { bytes: limit }),
        error => ApiError::bad_request(format!("the multipart body cannot be read: {error}")),
    };
    let mut fields = Fields::default();
    let mut rows = Bytes::new();
    let mut part = None;
    while let Some(field) = multipart.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(str::to_owned);
        let is_rows = file.is_some() || matches!(name.as_str(), "csv" | "ndjson" | "parquet" | "file");
        if is_rows {
            if part.is_some() {
                return Err(ApiError::bad_request(format!("part '{name}' is a second file: send one file a request")));
            }
            rows = field.bytes().await.map_err(unreadable)?;
            part = Some((name, file.unwrap_or_default()));
        } else {
            let value = field.text().await.map_err(unreadable)?;
            fields.push(name, value.into());
        }
    }
    Ok(Sent { fields: Some(fields), rows, part, compression })
}

/// Appends to the data source that `name` names.
pub async fn append(app: &App, access: &Access, fields: &Fields, sent: Sent) -> Result<Response, ApiError> {
    let name = fields.filled("name").ok_or_else(|| {
        ApiError::bad_request("'name' is missing: name the data source to append to with name=<data source>")
    })?;
    let Some(data_source) = access.workspace().data_source(&name).cloned() else {
        // Only who may create data sources learns that there is none.
        access.require_data_source_create()?;
        return Err(Error::DataSourceNotFound { name }.into());
    };
    append_to(app, access, &data_source, fields, sent).await
}

/// Appends to this data source.
pub async fn append_to(
    app: &App,
    access: &Access,
    data_source: &DataSource,
    fields: &Fields,
    sent: Sent,
) -> Result<Response, ApiError> {
    access.require_append(data_source)?;
    if fields.has("url") {
        return Err(ApiError::bad_request("imports from a URL cannot be made yet: send the rows as the body"));
    }
    if !sent.has_rows() {
        return Err(ApiError::bad_request("the body is empty: send the rows as the body or as a multipart file"));
    }
    let format = append_format(fields, sent.part.as_ref())?;
    let parser = format.parser();
    let request = AppendRequest {
        body: sent.rows,
        format,
        compression: sent.compression,
        limit: app.config.limits.append_body.bytes,
        event: Event::Append,
    };
    let started = app.standpipe.clock().now();
    let done = app.standpipe.writer().append(access, app.standpipe.catalog(), data_source.id, request).await?;
    let seconds = app.standpipe.clock().now().duration_since(started).as_secs_f64();
    let answer = AppendedBody {
        datasource: show(&body(app, access, data_source), None),
        quarantine_rows: done.quarantined - done.invalid_lines,
        invalid_lines: done.invalid_lines,
        error: false,
        successful_rows: done.rows,
        quarantined_rows: done.quarantined,
        blocks: vec![block(&done, parser, seconds)],
        import_id: done.import_id,
    };
    Ok(Json(answer).into_response())
}

fn block(done: &Appended, parser: &'static str, seconds: f64) -> Block {
    let process_return = ProcessReturn {
        parser,
        lines: done.rows + done.quarantined,
        quarantine: done.quarantined - done.invalid_lines,
        invalid_lines: done.invalid_lines,
        empty_lines: 0,
        bytes: done.bytes,
        time: seconds,
        db_stats: [],
    };
    Block { block_id: done.import_id.clone(), processing_time: seconds, process_return: [process_return] }
}

/// The format that `format` names, else the one that the multipart part or its file is named after, else CSV.
fn append_format(fields: &Fields, part: Option<&(String, String)>) -> Result<AppendFormat, ApiError> {
    let named = fields.filled("format").map(|name| name.to_ascii_lowercase());
    let of_part = part.and_then(|(name, file)| {
        let file = file.trim_end_matches(".gz").to_ascii_lowercase();
        (name == "ndjson" || file.ends_with(".ndjson") || file.ends_with(".jsonl")).then(|| "ndjson".to_owned())
    });
    match named.or(of_part).as_deref() {
        None | Some("csv") => Ok(AppendFormat::Csv(csv_dialect(fields)?)),
        Some("ndjson" | "jsonl") => Ok(AppendFormat::Ndjson),
        Some("json") => Ok(AppendFormat::Json),
        Some("parquet") => Err(ApiError::bad_request("Parquet cannot be appended yet: send CSV or NDJSON")),
        Some(other) => Err(ApiError::bad_request(format!("format '{other}' is unknown: use csv or ndjson"))),
    }
}

fn csv_dialect(fields: &Fields) -> Result<CsvDialect, ApiError> {
    let mut dialect = CsvDialect::default();
    if let Some(delimiter) = one_byte(fields, "dialect_delimiter")? {
        dialect.delimiter = Some(delimiter);
    }
    if let Some(escape) = one_byte(fields, "dialect_escapechar")? {
        dialect.escape = Some(escape);
    }
    Ok(dialect)
}

fn one_byte(fields: &Fields, name: &str) -> Result<Option<u8>, ApiError> {
    let Some(text) = fields.text(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.as_bytes() {
        [byte] => Ok(Some(*byte)),
        b"\\t" => Ok(Some(b'\t')),
        _ => Err(ApiError::bad_request(format!("{name} '{text}' is not one ASCII character"))),
    }
}
