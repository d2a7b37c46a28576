//! Materialized views: materialize a node, unlink it, populate it, look at what it would be.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use standpipe_core::access::Access;
use standpipe_core::operations::materializations::{
    Analysis, Linked, MaterializationRequest, PopulateRequest, Warning,
};
use standpipe_datafile::print_schema;
use utoipa::ToSchema;

use super::view::NodeBody;
use crate::api::body_fields;
use crate::api::jobs::JobBody;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::{Fields, form_with, looks_like_json};
use crate::middleware::RequestId;
use crate::public_url::PublicUrl;

/// The parameters of materializing a node, beside `engine_*`.
const KEYS: [&str; 7] = [
    "datasource",
    "override_datasource",
    "populate",
    "populate_subset",
    "populate_condition",
    "unlink_on_populate_error",
    "engine",
];

/// Where the engine's own documents say what a materialized view sees.
const DOCUMENTATION: &str = "https://clickhouse.com/docs/materialized-view/incremental-materialized-view";

/// The parameters of a populate.
const POPULATE_KEYS: &[&str] = &["populate_subset", "populate_condition", "truncate", "unlink_on_populate_error"];

/// A node that was materialized.
#[derive(Debug, Serialize, ToSchema)]
pub struct MaterializedNode {
    /// The node; `materialized` is the target's id.
    #[serde(flatten)]
    pub node: NodeBody,
    /// What came of it beside.
    #[serde(flatten)]
    pub view: MaterializedBody,
}

/// What materializing made.
#[derive(Debug, Serialize, ToSchema)]
pub struct MaterializedBody {
    /// Where the rows go.
    pub datasource: TargetBody,
    /// Whether that was made.
    pub created_datasource: bool,
    /// The populate. Only when one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobBody>,
}

/// A view's target.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetBody {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A populate.
#[derive(Debug, Serialize, ToSchema)]
pub struct PopulateBody {
    /// The node.
    #[serde(flatten)]
    pub node: NodeBody,
    /// The job: ask for it again to see how it is getting on.
    pub job: JobBody,
}

/// What a node would be as a materialized view.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnalysisBody {
    /// The data source and the pipe that would make it one, with their datafiles.
    #[schema(value_type = Object)]
    pub analysis: Value,
    /// What to mind, the gravest first.
    pub warnings: Vec<WarningBody>,
}

/// Something to mind.
#[derive(Debug, Serialize, ToSchema)]
pub struct WarningBody {
    /// A stable word for it.
    pub code: &'static str,
    /// What it is and what to do.
    pub text: &'static str,
    /// How grave it is, from 1; 3 gives wrong results.
    pub weight: u8,
    /// Where to read more.
    pub documentation: &'static str,
}

impl MaterializedBody {
    /// What came of materializing a node.
    pub fn of(linked: &Linked, url: &PublicUrl) -> MaterializedBody {
        MaterializedBody {
            datasource: TargetBody { id: linked.target.id.to_string(), name: linked.target.name.to_string() },
            created_datasource: linked.is_created,
            job: linked.job.as_ref().map(|job| JobBody::of(job, url)),
        }
    }
}

impl MaterializedNode {
    /// The node as answers show it.
    pub fn of(linked: &Linked, access: &Access, url: &PublicUrl) -> MaterializedNode {
        let node = NodeBody::of(&linked.pipe, &linked.node).in_workspace(access);
        MaterializedNode { node, view: MaterializedBody::of(linked, url) }
    }
}

/// Materialize a node
///
/// Has the node's query take the new rows of the first data source in its FROM, and put what it makes of them into
/// `datasource`, which is made from the query's columns when it does not exist. The body is a form when it has one of the
/// parameters, else the node's new SQL.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/nodes/{node}/materialization", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
        ("datasource" = Option<String>, Query, description = "Name or id of the target; also in the body"),
        ("override_datasource" = Option<bool>, Query, description = "Make a target that exists anew; default false"),
        ("populate" = Option<bool>, Query, description = "Apply the view to the rows that are there; default false"),
        ("populate_subset" = Option<f64>, Query, description = "A share of the rows, more than 0 and at most 0.1; at most 2 million rows"),
        ("populate_condition" = Option<String>, Query, description = "Which rows, as an expression over the source's columns"),
        ("unlink_on_populate_error" = Option<bool>, Query, description = "Unlink the view when the populate fails; default false"),
        ("engine" = Option<String>, Query, description = "Engine of a target that is made; engine_* are its options"),
    ),
    request_body(content = String, description = "The parameters as a form or JSON, or SQL", content_type = "text/plain"),
    responses(
        (status = 200, body = MaterializedNode), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn materialize_node(
    State(app): State<App>,
    (uri, headers): (Uri, HeaderMap),
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
    url: PublicUrl,
    body: Bytes,
) -> Result<Json<MaterializedNode>, ApiError> {
    access.require_pipe_create()?;
    let (fields, sql) = fields_or_sql(&uri, &headers, &body)?;
    let request = materialization_request(&fields, &fields, &request_id)?;
    let linked = app.standpipe.materialize(&access, &pipe, &node, sql.as_deref(), &request).await?;
    Ok(Json(MaterializedNode::of(&linked, &access, &url)))
}

/// Unlink a materialized view
///
/// Takes the view away. The node and the target with its rows stay; new rows of the source do not come to it any more.
#[utoipa::path(
    delete, path = "/v0/pipes/{pipe}/nodes/{node}/materialization", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
    ),
    responses(
        (status = 204, description = "Unlinked"), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn unlink_node(
    State(app): State<App>,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
) -> Result<StatusCode, ApiError> {
    app.standpipe.unmaterialize(&access, &pipe, &node).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Populate a materialized view
///
/// Adds a job that applies the view to the rows that its source has now. Rows that the view saw when they came are not left
/// out: send `truncate=true` to begin with an empty target, which also takes `DATASOURCES:CREATE`, or a condition. When no
/// populate of the view has succeeded yet, one that fails unlinks it.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/nodes/{node}/population", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the materialized node"),
        ("populate_subset" = Option<f64>, Query, description = "A share of the rows, more than 0 and at most 0.1; at most 2 million rows"),
        ("populate_condition" = Option<String>, Query, description = "Which rows, as an expression over the source's columns"),
        ("truncate" = Option<bool>, Query, description = "Empty the target first, which also takes DATASOURCES:CREATE; default false"),
        ("unlink_on_populate_error" = Option<bool>, Query, description = "Unlink the view when the populate fails; default false"),
    ),
    request_body(content = String, description = "The parameters as a form or JSON", content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = PopulateBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn populate_node(
    State(app): State<App>,
    (uri, headers): (Uri, HeaderMap),
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
    url: PublicUrl,
    body: Bytes,
) -> Result<Json<PopulateBody>, ApiError> {
    access.require_pipe_create()?;
    let request = populate_request(&body_fields(&uri, &headers, &body, POPULATE_KEYS)?)?;
    let (pipe, node, job) = app.standpipe.populate(&access, &pipe, &node, &request, &request_id.to_string()).await?;
    let node = NodeBody::of(&pipe, &node).in_workspace(&access);
    Ok(Json(PopulateBody { node, job: JobBody::of(&job, &url) }))
}

/// Analyze a node as a materialized view
///
/// Answers what to mind when the node is materialized, and datafiles of a target and a pipe that would do it. Nothing
/// changes.
#[utoipa::path(
    get, path = "/v0/pipes/{pipe}/nodes/{node}/analysis", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
        ("datasource" = Option<String>, Query, description = "Name of the target; made up when absent"),
        ("engine" = Option<String>, Query, description = "Engine of a target that would be made; engine_* are its options"),
        ("override_datasource" = Option<bool>, Query, description = "Whether a target that exists would be made anew"),
        ("include_datafile" = Option<bool>, Query, description = "Whether to answer the datafiles; default true"),
    ),
    responses(
        (status = 200, body = AnalysisBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn analyze_node(
    State(app): State<App>,
    uri: Uri,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
) -> Result<Json<AnalysisBody>, ApiError> {
    let fields = Fields::of_query(&uri);
    let request = materialization_request(&fields, &Fields::default(), &request_id)?;
    let analysis = app.standpipe.analyze(&access, &pipe, &node, &request).await?;
    let with_files = !fields.has("include_datafile") || fields.flag("include_datafile");
    Ok(Json(show_analysis(&analysis, with_files)))
}

fn show_analysis(analysis: &Analysis, with_files: bool) -> AnalysisBody {
    let (target, pipe) = (&analysis.target, &analysis.pipe);
    let engine = target.engine.as_ref();
    let mut shown = json!({
        "datasource": {
            "name": target.name,
            "schema": print_schema(&target.columns),
            "columns": target.columns,
            "engine": engine.map(|engine| engine.name.to_string()),
            "engine_sorting_key": engine.and_then(|engine| engine.sorting_key.clone()),
        },
        "pipe": {"name": pipe.name},
        "source": analysis.source,
    });
    if with_files {
        shown["datasource"]["datafile"] = target.to_string().into();
        shown["pipe"]["datafile"] = pipe.to_string().into();
    }
    let warning =
        |it: &Warning| WarningBody { code: it.code, text: it.text, weight: it.weight, documentation: DOCUMENTATION };
    AnalysisBody { analysis: shown, warnings: analysis.warnings.iter().map(warning).collect() }
}

/// The parameters, and the SQL that the body is when it has none of them.
fn fields_or_sql(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(Fields, Option<String>), ApiError> {
    let query = Fields::of_query(uri);
    let body = body.trim_ascii();
    if body.is_empty() {
        return Ok((query, None));
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if looks_like_json(content_type, body) {
        return Ok((query.and(Fields::parse_json(body)?), None));
    }
    let form = Fields::parse_form(body);
    let options = form.names().filter(|name| name.starts_with("engine_"));
    let keys: Vec<&str> = KEYS.into_iter().chain(options).collect();
    if let Some(form) = form_with(body, &keys) {
        return Ok((query.and(form), None));
    }
    let sql = std::str::from_utf8(body).map_err(|_| ApiError::bad_request("the body is no UTF-8 text"))?;
    Ok((query, Some(sql.to_owned())))
}

/// How a node is to be materialized: `fields` says where to, `populate` whether and how to populate.
pub fn materialization_request(
    fields: &Fields,
    populate: &Fields,
    request_id: &RequestId,
) -> Result<MaterializationRequest, ApiError> {
    let options = fields.pairs().into_iter().filter(|(name, _)| name.starts_with("engine_"));
    Ok(MaterializationRequest {
        target: fields.filled("datasource"),
        overrides: fields.flag("override_datasource"),
        engine: fields.filled("engine"),
        options: options.map(|(name, value)| (name.to_owned(), value)).collect(),
        populate: if populate.flag("populate") { Some(populate_request(populate)?) } else { None },
        request_id: request_id.to_string(),
    })
}

fn populate_request(fields: &Fields) -> Result<PopulateRequest, ApiError> {
    let subset = fields.filled("populate_subset").map(|text| {
        text.trim().parse::<f64>().map_err(|_| {
            ApiError::bad_request(format!("populate_subset '{text}' is no number: send one between 0 and 0.1"))
        })
    });
    Ok(PopulateRequest {
        subset: subset.transpose()?,
        condition: fields.filled("populate_condition"),
        truncate: fields.flag("truncate"),
        unlink_on_error: fields.flag("unlink_on_populate_error"),
    })
}
