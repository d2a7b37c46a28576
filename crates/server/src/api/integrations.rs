//! What owners of buckets need to let this installation in.

use axum::Json;
use axum::extract::{Path, State};
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;

/// What stands for a bucket that was not named.
const ANY_BUCKET: &str = "<bucket>";

/// What lists a bucket, what reads its files, and what writes them.
const LIST: &[&str] = &["s3:GetBucketLocation", "s3:ListBucket"];
const READ: &[&str] = &["s3:GetObject"];
const WRITE: &[&str] =
    &["s3:GetObject", "s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject", "s3:AbortMultipartUpload"];

/// Who this installation is to AWS.
#[derive(Debug, Serialize, ToSchema)]
pub struct S3Settings {
    /// What trust policies name.
    principal: String,
    /// What they must ask for: the same for a workspace for ever, and nobody else's.
    external_id: String,
}

/// A Google account of this installation.
#[derive(Debug, Serialize, ToSchema)]
pub struct BigQueryAccount {
    /// Its name.
    account: String,
}

/// Read the trust policy for AWS roles
///
/// Answers the policy to attach to a role, so that connections of service `s3_iamrole` can assume it. Its external id is
/// the workspace's own.
#[utoipa::path(
    get, path = "/v0/integrations/{service}/policies/trust-policy", tag = "Connections", security(("token" = [])),
    params(("service" = String, Path, description = "s3; clients also say s3_iamrole")),
    responses((status = 200, body = Object), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn get_s3_trust_policy(
    State(app): State<App>,
    Path(service): Path<String>,
    Caller(access): Caller,
) -> Result<Json<Value>, ApiError> {
    access.require_admin()?;
    require_s3(&service)?;
    let principal = principal(&app)?;
    Ok(Json(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": principal},
            "Condition": {"StringEquals": {"sts:ExternalId": app.standpipe.external_id(access.workspace())}},
        }],
    })))
}

/// Read the access policy for AWS roles
///
/// Answers the policy that lets a role read and write a bucket.
#[utoipa::path(
    get, path = "/v0/integrations/{service}/policies/access-policy", tag = "Connections", security(("token" = [])),
    params(
        ("service" = String, Path, description = "s3; clients also say s3_iamrole"),
        ("bucket" = Option<String>, Query, description = "The bucket; `<bucket>` when absent"),
    ),
    responses(
        (status = 200, body = Object), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn get_s3_access_policy(
    uri: Uri,
    Path(service): Path<String>,
    Caller(access): Caller,
) -> Result<Json<Value>, ApiError> {
    access.require_admin()?;
    require_s3(&service)?;
    policy(&uri, WRITE)
}

/// Read the access policy that writes
///
/// Answers the policy that lets a role read and write a bucket: what sinks need.
#[utoipa::path(
    get, path = "/v0/integrations/{service}/policies/write-access-policy", tag = "Connections", security(("token" = [])),
    params(
        ("service" = String, Path, description = "s3; clients also say s3_iamrole"),
        ("bucket" = Option<String>, Query, description = "The bucket; `<bucket>` when absent"),
    ),
    responses(
        (status = 200, body = Object), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn get_s3_write_access_policy(
    uri: Uri,
    Path(service): Path<String>,
    Caller(access): Caller,
) -> Result<Json<Value>, ApiError> {
    access.require_admin()?;
    require_s3(&service)?;
    policy(&uri, WRITE)
}

/// Read the access policy that only reads
///
/// Answers the policy that lets a role read a bucket.
#[utoipa::path(
    get, path = "/v0/integrations/{service}/policies/read-access-policy", tag = "Connections", security(("token" = [])),
    params(
        ("service" = String, Path, description = "s3; clients also say s3_iamrole"),
        ("bucket" = Option<String>, Query, description = "The bucket; `<bucket>` when absent"),
    ),
    responses(
        (status = 200, body = Object), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn get_s3_read_access_policy(
    uri: Uri,
    Path(service): Path<String>,
    Caller(access): Caller,
) -> Result<Json<Value>, ApiError> {
    access.require_admin()?;
    require_s3(&service)?;
    policy(&uri, READ)
}

/// Read the settings for AWS roles
///
/// Answers the principal and the external id that the trust policy of a role names.
#[utoipa::path(
    get, path = "/v0/integrations/{service}/settings", tag = "Connections", security(("token" = [])),
    params(("service" = String, Path, description = "s3; clients also say s3_iamrole")),
    responses((status = 200, body = S3Settings), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn get_s3_settings(
    State(app): State<App>,
    Path(service): Path<String>,
    Caller(access): Caller,
) -> Result<Json<S3Settings>, ApiError> {
    access.require_admin()?;
    require_s3(&service)?;
    Ok(Json(S3Settings { principal: principal(&app)?, external_id: app.standpipe.external_id(access.workspace()) }))
}

/// Read the account for BigQuery
///
/// There is none: this server has no Google account of its own. Send the key of yours as a connection of service
/// `gcs_service_account`.
#[utoipa::path(
    get, path = "/v0/datasources-bigquery-credentials", tag = "Connections", security(("token" = [])),
    responses((status = 200, body = BigQueryAccount), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)),
)]
pub async fn get_bigquery_credentials(Caller(access): Caller) -> Result<Json<BigQueryAccount>, ApiError> {
    access.require_admin()?;
    let message = "feature not enabled in your region: this server has no Google account of its own; create a \
                   connection of service gcs_service_account with the key of yours";
    Err(ApiError::http(StatusCode::SERVICE_UNAVAILABLE, message))
}

/// Fails for other stores. Clients say the service of a connection where its store is meant.
fn require_s3(service: &str) -> Result<(), ApiError> {
    if ["s3", "s3_iamrole"].contains(&service) {
        return Ok(());
    }
    let message = format!("integration '{service}' not supported: only s3 has policies and settings here");
    Err(ApiError::http(StatusCode::NOT_FOUND, message))
}

fn principal(app: &App) -> Result<String, ApiError> {
    let message = "S3 integration not supported in your region: this server has no AWS identity (see [aws] in its \
                   configuration)";
    app.standpipe.aws_principal().map(str::to_owned).ok_or_else(|| ApiError::http(StatusCode::NOT_FOUND, message))
}

fn policy(uri: &Uri, files: &[&str]) -> Result<Json<Value>, ApiError> {
    let bucket = Fields::of_query(uri).filled("bucket").unwrap_or_else(|| ANY_BUCKET.to_owned());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if bucket != ANY_BUCKET && !bucket.bytes().all(is_name) {
        let message = format!("bucket '{bucket}' is no name of a bucket: send letters, digits, dots and dashes");
        return Err(ApiError::bad_request(message));
    }
    let bucket = format!("arn:aws:s3:::{bucket}");
    Ok(Json(json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": LIST, "Resource": bucket},
            {"Effect": "Allow", "Action": files, "Resource": format!("{bucket}/*")},
        ],
    })))
}
