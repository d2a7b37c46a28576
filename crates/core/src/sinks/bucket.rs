//! A bucket as a sink uses it: checked once, then written to in parts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, GetOptions, MultipartId, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload, RetryConfig,
};

use super::claims::{ClaimedKey, Put};
use super::google::{self, AccountKey};
use super::region::{check_arn, check_region};
use super::role::AssumedRole;
use super::{AwsIdentity, Claims, Destination};
use crate::error::{Error, Result};
use crate::model::connection::Settings;
use crate::model::{Connection, JobId, Service};
use crate::outbound::Outbound;

/// Google's S3-compatible address.
const GCS_ENDPOINT: &str = "https://storage.googleapis.com";

/// How often a request that met a fault of the moment is repeated, and for how long.
const RETRIES: usize = 4;
const RETRY_TIME: Duration = Duration::from_secs(40);
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The user metadata that says which job wrote a file of `new`.
const JOB_STAMP: &str = "standpipe-job";

/// What stores call credentials that are not good enough.
const REFUSALS: &[&str] = &[
    "AccessDenied",
    "AccountProblem",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "NotSignedUp",
    "SignatureDoesNotMatch",
];

/// Longest reason that is taken from a store's answer, in bytes.
const REASON_BYTES: usize = 600;

/// How buckets are reached. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Sends to addresses that users name.
    pub outbound: Outbound,
    /// Sends to addresses that the configuration names.
    pub trusted: Outbound,
    /// Who this installation is to AWS.
    pub identity: Option<Arc<AwsIdentity>>,
    /// Keys that are being written.
    pub claims: Claims,
}

/// A bucket, and how to reach it. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    objects: Arc<dyn ObjectStore>,
    parts: Arc<dyn MultipartStore>,
    name: String,
    connection: String,
    claims: Claims,
    /// Whether the store is believed to know the condition that there be no such file yet.
    knows_conditions: Arc<AtomicBool>,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Gate {
    /// The bucket that a connection and a destination name. Nothing is sent yet, but to assume a role.
    ///
    /// Errors: a region that is missing or unknown, a role's name that is none, a role that cannot be assumed.
    pub async fn bucket(
        &self,
        connection: &Connection,
        destination: &Destination,
        region: Option<&str>,
        external_id: &str,
    ) -> Result<Bucket> {
        let settings = &connection.settings;
        let name = destination.bucket.as_str();
        match connection.service {
            Service::S3 => {
                let endpoint = settings.get("s3_endpoint");
                let region = region.or(settings.get("s3_region")).unwrap_or("us-east-1");
                // A server of somebody's own calls its regions as it likes.
                if endpoint.is_none() {
                    check_region(region)?;
                }
                let key = settings.get("s3_access_key_id").unwrap_or_default();
                let secret = settings.get("s3_secret_access_key").unwrap_or_default();
                let builder = self.s3(name, region, endpoint)?;
                self.built(builder.with_access_key_id(key).with_secret_access_key(secret), connection, name)
            }
            Service::GcsHmac => {
                let endpoint = settings.get("gcs_endpoint").unwrap_or(GCS_ENDPOINT);
                let region = region.or(settings.get("gcs_region")).unwrap_or("auto");
                let key = settings.get("gcs_hmac_access_id").unwrap_or_default();
                let secret = settings.get("gcs_hmac_secret").unwrap_or_default();
                let builder = self.s3(name, region, Some(endpoint))?;
                self.built(builder.with_access_key_id(key).with_secret_access_key(secret), connection, name)
            }
            Service::S3IamRole => {
                let role = self.role(connection, region, external_id)?;
                role.assume().await?;
                let region = role.region().to_owned();
                let builder = self.s3(name, &region, settings.get("s3_endpoint"))?;
                self.built(builder.with_credentials(Arc::new(role)), connection, name)
            }
            Service::GcsServiceAccount => {
                let key = settings.get(google::SETTING).unwrap_or_default();
                let builder = self.google(name, key)?;
                let store = builder.build().map_err(|error| unusable(connection, &error))?;
                Ok(self.wrapped(store, connection, name))
            }
            Service::Kafka => Err(Error::bad_request(format!(
                "connection '{}' leads to kafka, which has no files: use a connection of service s3, s3_iamrole, \
                 gcs_service_account or gcs_hmac",
                connection.name
            ))),
        }
    }

    /// Fails for settings that can never work: a region or a role that is none, an address that is private.
    pub async fn check_settings(&self, service: Service, settings: &Settings) -> Result<()> {
        if let Some(arn) = settings.get("s3_iamrole_arn") {
            check_arn(arn)?;
        }
        let region = settings.get("s3_region").or(settings.get("s3_iamrole_region"));
        let key = settings.get(google::SETTING).map(AccountKey::read).transpose()?;
        let base_url = key.as_ref().and_then(|key| key.base_url.as_deref());
        let endpoint = settings.get("s3_endpoint").or(settings.get("gcs_endpoint")).or(base_url);
        if let (Some(region), None, Service::S3 | Service::S3IamRole) = (region, endpoint, service) {
            check_region(region)?;
        }
        if let Some(endpoint) = endpoint {
            let uri = read_endpoint(endpoint)?;
            let host = uri.host().unwrap_or_default();
            let refused = |refused| Error::bad_request(format!("endpoint '{endpoint}' cannot be used: {refused}"));
            self.outbound.judge_host(host).await.map_err(refused)?;
        }
        Ok(())
    }

    fn s3(&self, bucket: &str, region: &str, endpoint: Option<&str>) -> Result<AmazonS3Builder> {
        let builder = AmazonS3Builder::new()
            .with_http_connector(self.outbound.clone())
            .with_bucket_name(bucket)
            .with_region(region)
            .with_allow_http(true)
            .with_disable_tagging(true)
            // TLS vouches for what is sent; without it the signature has to. The AWS tools do the same.
            .with_unsigned_payload(endpoint.is_none_or(|endpoint| endpoint.starts_with("https:")))
            .with_retry(retries());
        let Some(endpoint) = endpoint else { return Ok(builder) };
        read_endpoint(endpoint)?;
        Ok(builder.with_endpoint(endpoint.trim_end_matches('/')).with_virtual_hosted_style_request(false))
    }

    fn google(&self, bucket: &str, key: &str) -> Result<GoogleCloudStorageBuilder> {
        let builder = GoogleCloudStorageBuilder::new()
            .with_http_connector(self.outbound.clone())
            .with_bucket_name(bucket)
            .with_service_account_key(key)
            .with_retry(retries());
        let Some(base_url) = AccountKey::read(key)?.base_url else { return Ok(builder) };
        read_endpoint(&base_url)?;
        Ok(builder.with_base_url(base_url.trim_end_matches('/')))
    }

    fn role(&self, connection: &Connection, region: Option<&str>, external_id: &str) -> Result<AssumedRole> {
        let settings = &connection.settings;
        let arn = settings.get("s3_iamrole_arn").unwrap_or_default();
        check_arn(arn)?;
        let Some(region) = region.or(settings.get("s3_iamrole_region")) else {
            return Err(Error::bad_request(format!(
                "connection '{}' uses a role, which needs the bucket's region: send region=<region>, such as eu-west-3",
                connection.name
            )));
        };
        check_region(region)?;
        let Some(identity) = &self.identity else {
            return Err(Error::RoleRefused {
                arn: arn.to_owned(),
                reason: "this installation has no AWS identity (aws.principal in its configuration)".to_owned(),
            });
        };
        Ok(AssumedRole::new(self.trusted.clone(), identity.clone(), arn, region, external_id))
    }

    fn wrapped(&self, store: impl ObjectStore + MultipartStore, connection: &Connection, name: &str) -> Bucket {
        let store = Arc::new(store);
        Bucket {
            objects: store.clone(),
            parts: store,
            name: name.to_owned(),
            connection: connection.name.clone(),
            claims: self.claims.clone(),
            knows_conditions: Arc::new(AtomicBool::new(true)),
        }
    }

    fn built(&self, builder: AmazonS3Builder, connection: &Connection, name: &str) -> Result<Bucket> {
        let store = builder.build().map_err(|error| unusable(connection, &error))?;
        Ok(self.wrapped(store, connection, name))
    }
}

fn retries() -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: Duration::from_secs(5), base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_TIME }
}

fn read_endpoint(endpoint: &str) -> Result<http::Uri> {
    let uri = endpoint.parse::<http::Uri>().ok().filter(|uri| {
        let is_bare = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && is_bare && uri.query().is_none()
    });
    uri.ok_or_else(|| {
        let shown = endpoint.rsplit_once('@').map_or(endpoint, |(_, host)| host);
        Error::bad_request(format!(
            "endpoint '{shown}' cannot be used: write http(s)://host[:port], without credentials"
        ))
    })
}

fn unusable(connection: &Connection, error: &object_store::Error) -> Error {
    Error::bad_request(format!("the settings of connection '{}' cannot be used: {}", connection.name, reason(error)))
}

impl Bucket {
    /// Fails when there is no such bucket or the credentials may not list it.
    pub async fn check(&self, prefix: &str) -> Result<()> {
        let prefix = path(prefix)?;
        match self.objects.list(Some(&prefix)).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(self.failed(error, "list the bucket")),
        }
    }

    /// Takes a key for the job that no file has and that no other job is about to write, or to remove.
    pub(super) async fn claim(&self, key: &str, job: JobId) -> Result<bool> {
        let claimed = self.claimed(key);
        // First taken, then looked for: whoever had it before may have written it meanwhile.
        if !self.claims.take(claimed.clone(), job) {
            return Ok(false);
        }
        let is_taken = self.has(key).await?;
        if is_taken {
            self.claims.free(&claimed, job);
        }
        Ok(!is_taken)
    }

    fn claimed(&self, key: &str) -> ClaimedKey {
        ClaimedKey { bucket: self.name.clone(), key: key.to_owned() }
    }

    /// Whether there is a file of this key.
    pub async fn has(&self, key: &str) -> Result<bool> {
        match self.objects.head(&path(key)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed(error, "look for a file")),
        }
    }

    /// Keys of the files that lie in `folder` (at the top, for an empty one), and not below.
    pub(super) async fn keys_in(&self, folder: &str) -> Result<impl Iterator<Item = String>> {
        let found = self.objects.list_with_delimiter(Some(&path(folder)?)).await;
        let found = found.map_err(|error| self.failed(error, "list the bucket"))?;
        Ok(found.objects.into_iter().map(|object| String::from(object.location)))
    }

    /// Writes a whole file, in the place of any other.
    pub async fn put(&self, key: &str, content: Vec<u8>) -> Result<()> {
        let done = self.objects.put(&path(key)?, PutPayload::from(content)).await;
        done.map(|_| ()).map_err(|error| self.failed(error, "write a file"))
    }

    /// Writes a whole file under a key that the job has, unless there is one by now: whoever shares the bucket knows
    /// nothing of our claims. Answers whether it did; the key is free again if not. A store that knows no such condition
    /// is asked without it.
    pub(super) async fn create(&self, key: &str, content: Vec<u8>, job: JobId) -> Result<bool> {
        use object_store::Error as Failure;
        let (path, payload, claimed) = (path(key)?, PutPayload::from(content), self.claimed(key));
        let (mut pause, mut retries) = (FIRST_PAUSE, RETRIES);
        self.claims.note(&claimed, job, Put::Maybe);
        loop {
            let has_condition = self.knows_conditions.load(Ordering::Relaxed);
            let mode = if has_condition { PutMode::Create } else { PutMode::Overwrite };
            let stamp = Attributes::from_iter([(Attribute::Metadata(JOB_STAMP.into()), job.to_string())]);
            let options = PutOptions { mode, attributes: stamp, ..PutOptions::default() };
            match self.objects.put_opts(&path, payload.clone(), options).await {
                Ok(_) => break,
                // It may be this very file, of a request that was repeated since its answer was lost.
                Err(Failure::AlreadyExists { .. }) if has_condition => {
                    if self.stamp(key).await?.as_deref() == Some(&job.to_string()) {
                        break;
                    }
                    self.claims.free(&claimed, job);
                    return Ok(false);
                }
                Err(error) if has_condition && knows_no_condition(&error) => {
                    self.knows_conditions.store(false, Ordering::Relaxed);
                }
                // The library repeats a request that is cut off only if that has no condition.
                Err(error) if has_condition && retries > 0 && is_cut_off(&error) => {
                    retries -= 1;
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(self.failed(error, "write a file")),
            }
        }
        self.claims.note(&claimed, job, Put::Yes);
        Ok(true)
    }

    /// Makes a file of its parts under a key that the job has. Fails if there is one by now: the library has no condition
    /// for this request.
    pub(super) async fn complete_new(&self, key: &str, id: &MultipartId, parts: Vec<PartId>, job: JobId) -> Result<()> {
        if self.has(key).await? {
            let reason = format!("somebody else wrote '{key}' meanwhile");
            return Err(Error::StorageFailed { action: "complete a file", reason });
        }
        let claimed = self.claimed(key);
        self.claims.note(&claimed, job, Put::Maybe);
        self.complete(key, id, parts).await?;
        self.claims.note(&claimed, job, Put::Yes);
        Ok(())
    }

    /// Removes a file that the job wrote, or may have written: whether it did, its stamp says if it `is_stamped`.
    pub(crate) async fn remove_of(&self, job: JobId, key: &str, is_stamped: bool) -> Result<()> {
        match self.claims.put_by(&self.claimed(key), job) {
            None | Some(Put::No) => Ok(()),
            Some(Put::Maybe) if is_stamped && self.stamp(key).await?.as_deref() != Some(&job.to_string()) => Ok(()),
            Some(Put::Maybe | Put::Yes) => self.delete(key).await,
        }
    }

    /// The job that a file says it is of; none for one without a file, too.
    async fn stamp(&self, key: &str) -> Result<Option<String>> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.objects.get_opts(&path(key)?, options).await {
            Ok(found) => {
                let stamp = found.attributes.get(&Attribute::Metadata(JOB_STAMP.into()));
                Ok(stamp.map(|stamp| stamp.as_ref().to_owned()))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(error, "look for a file")),
        }
    }

    /// Removes a file. One that is gone already is fine.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.objects.delete(&path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(error, "remove a file")),
        }
    }

    /// Begins a file that comes in parts, and is not seen before [`Bucket::complete`].
    pub async fn begin(&self, key: &str) -> Result<MultipartId> {
        self.parts.create_multipart(&path(key)?).await.map_err(|error| self.failed(error, "begin a file"))
    }

    /// Writes a part; all but the last have at least 5 MiB.
    pub async fn part(&self, key: &str, id: &MultipartId, number: usize, content: Vec<u8>) -> Result<PartId> {
        let done = self.parts.put_part(&path(key)?, id, number, PutPayload::from(content)).await;
        done.map_err(|error| self.failed(error, "write a part of a file"))
    }

    /// Makes a file of its parts.
    pub async fn complete(&self, key: &str, id: &MultipartId, parts: Vec<PartId>) -> Result<()> {
        let done = self.parts.complete_multipart(&path(key)?, id, parts).await;
        done.map(|_| ()).map_err(|error| self.failed(error, "complete a file"))
    }

    /// Drops the parts of a file. One that is gone already is fine.
    pub async fn abort(&self, key: &str, id: &MultipartId) -> Result<()> {
        match self.parts.abort_multipart(&path(key)?, id).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(error, "drop a half-written file")),
        }
    }

    fn failed(&self, error: object_store::Error, action: &'static str) -> Error {
        use object_store::Error as Failure;
        let whole = chain(&error);
        let reason = reason(&error);
        let is_one_of = |codes: &[&str]| codes.iter().any(|code| whole.contains(&format!("<Code>{code}</Code>")));
        if is_one_of(&["NoSuchBucket"]) {
            return Error::BucketNotFound { bucket: self.name.clone(), reason };
        }
        // Those of a listing come without a kind of their own.
        let is_refused = matches!(error, Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. })
            || matches!(status(&error), Some(401 | 403));
        if is_refused || is_one_of(REFUSALS) {
            return Error::CredentialsRefused { connection: self.connection.clone(), reason };
        }
        Error::StorageFailed { action, reason }
    }
}

fn path(key: &str) -> Result<Path> {
    Path::parse(key).map_err(|error| Error::bad_request(format!("'{key}' cannot be a file's key: {error}")))
}

/// The status that a store answered, as the library words it: it has no type for that.
fn status(error: &(dyn std::error::Error + 'static)) -> Option<u16> {
    let mut causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    let answered =
        causes.find_map(|cause| Some(cause.strip_prefix("Server returned non-2xx status code: ")?.to_owned()));
    answered?.get(..3)?.parse().ok()
}

/// Whether a store refuses a condition that it does not know.
fn knows_no_condition(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. })
        || matches!(status(error), Some(400 | 405 | 501))
}

/// Whether a request was sent and its answer did not come.
fn is_cut_off(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let kind = causes.find_map(|cause| cause.downcast_ref::<HttpError>()).map(HttpError::kind);
    matches!(kind, Some(HttpErrorKind::Timeout | HttpErrorKind::Interrupted))
}

/// An error and its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What went wrong: a store's own words, if it answered, else the innermost cause.
pub(super) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let whole = chain(error);
    let said = ["Message", "message", "Code"].into_iter().find_map(|tag| {
        let begin = whole.find(&format!("<{tag}>"))? + tag.len() + 2;
        let length = whole[begin..].find("</")?;
        Some(whole[begin..begin + length].to_owned()).filter(|text| !text.trim().is_empty())
    });
    let innermost = std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string);
    let mut text = said.or(innermost.filter(|text| !text.is_empty())).unwrap_or(whole);
    text.retain(|c| !c.is_control());
    if text.len() > REASON_BYTES {
        let end = (0..=REASON_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
    }
    text.trim().trim_end_matches('.').to_owned()
}
