//! The data of a published node, in the format that the URL ends in.

use axum::response::Response;
use http::{HeaderMap, Uri};
use standpipe_core::Error;
use standpipe_core::access::Access;
use standpipe_core::model::Pipe;
use standpipe_core::read::{Answer, Format, OutputSettings, Query};
use standpipe_template::Params;

use crate::api::answer::respond;
use crate::api::observed::Observed;
use crate::api::sent_fields;
use crate::app::App;
use crate::error::ApiError;
use crate::fields::Fields;

/// What a request for data asks for.
#[derive(Clone, Debug)]
pub struct DataRequest {
    /// SQL over the data.
    pub q: Option<String>,
    /// Template parameters.
    pub params: Params,
    /// The three settings of the answer.
    pub output: OutputSettings,
}

impl DataRequest {
    /// From the query string alone.
    pub fn from_query(uri: &Uri) -> DataRequest {
        DataRequest::from_fields(Fields::of_query(uri))
    }

    /// From the query string, then a form or a JSON object in the body.
    pub fn from_parts(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<DataRequest, ApiError> {
        sent_fields(uri, headers, body).map(DataRequest::from_fields)
    }

    /// From named values: what is no setting of the request is a template parameter. Names that no template knows are
    /// ignored by it, which takes care of what clients add of their own.
    pub fn from_fields(fields: Fields) -> DataRequest {
        let output = output_settings(&fields);
        let q = fields.filled("q");
        let mut values = fields.into_values();
        values.remove("token");
        values.remove("q");
        DataRequest { q, params: values.into_iter().collect(), output }
    }
}

/// The three settings of answers.
pub fn output_settings(fields: &Fields) -> OutputSettings {
    OutputSettings {
        quote_64bit_integers: fields.flag("output_format_json_quote_64bit_integers"),
        quote_denormals: fields.flag("output_format_json_quote_denormals"),
        parquet_string_as_string: fields.flag("output_format_parquet_string_as_string"),
    }
}

/// Splits `<pipe>.<format>`; none when there is no format at the end. Decorated ids hold a dot, too.
pub fn split_extension(path: &str) -> Option<(&str, Format)> {
    let (name, extension) = path.rsplit_once('.')?;
    Some((name, Format::by_extension(extension)?))
}

/// Answers a pipe's data. `target` is the pipe's name or id and the format; a request that could not be read is recorded,
/// too.
pub async fn answer(
    app: &App,
    access: Access,
    observed: Observed,
    target: (&str, Format),
    request: Result<DataRequest, ApiError>,
) -> Result<Response, ApiError> {
    let (name, format) = target;
    let not_found = || Error::PipeNotFound { name: name.to_owned() };
    let pipe = access.workspace().pipe(name).ok_or_else(not_found)?;
    let recording = observed.of_endpoint(app, access.clone(), pipe);
    let answered = match request {
        Ok(request) => read(app, &access, pipe, format, &request).await,
        Err(error) => Err(error),
    };
    respond(answered, recording)
}

async fn read(
    app: &App,
    access: &Access,
    pipe: &Pipe,
    format: Format,
    request: &DataRequest,
) -> Result<Answer, ApiError> {
    let query = Query { params: &request.params, output: request.output, request_id: access.request_id() };
    let reader = app.standpipe.reader();
    let answer = match &request.q {
        None => reader.endpoint(access, pipe, &query, format).await?,
        Some(sql) => {
            access.require_pipe_read(pipe)?;
            if pipe.endpoint().is_none() {
                return Err(Error::NotPublished { pipe: pipe.name.to_string() }.into());
            }
            reader.sql(access, sql, Some(pipe), &query, format).await?
        }
    };
    Ok(answer)
}
