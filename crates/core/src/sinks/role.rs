//! Roles of bucket owners, assumed for an hour at a time.

use std::sync::Arc;
use std::time::Duration;

use object_store::CredentialProvider;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::bucket::reason;
use crate::error::{Error, Result};
use crate::outbound::Outbound;

/// How long the credentials of an assumed role are asked for, and how long they are used.
const ASKED_SECONDS: u32 = 3_600;
const USED: Duration = Duration::from_secs(50 * 60);

/// Who this installation is to AWS.
#[derive(Clone, Debug)]
pub struct AwsIdentity {
    /// The principal that trust policies name, such as `arn:aws:iam::123456789012:root`.
    pub principal: String,
    /// Its access key.
    pub access_key_id: String,
    /// The key's secret.
    pub secret_access_key: SecretString,
    /// Where roles are assumed.
    pub sts_endpoint: String,
    /// The region of that endpoint.
    pub sts_region: String,
}

/// A role, and its credentials while they are fresh.
#[derive(Debug)]
pub(super) struct AssumedRole {
    outbound: Outbound,
    identity: Arc<AwsIdentity>,
    arn: String,
    region: String,
    external_id: String,
    fresh: Mutex<Option<(Instant, Arc<AwsCredential>)>>,
}

impl AssumedRole {
    pub(super) fn new(
        outbound: Outbound,
        identity: Arc<AwsIdentity>,
        arn: &str,
        region: &str,
        external_id: &str,
    ) -> AssumedRole {
        let (arn, region, external_id) = (arn.to_owned(), region.to_owned(), external_id.to_owned());
        AssumedRole { outbound, identity, arn, region, external_id, fresh: Mutex::default() }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// The role's credentials. Errors: [`Error::RoleRefused`] with what was answered.
    pub(super) async fn assume(&self) -> Result<Arc<AwsCredential>> {
        let mut fresh = self.fresh.lock().await;
        if let Some((since, credential)) = &*fresh
            && since.elapsed() < USED
        {
            return Ok(credential.clone());
        }
        let credential = Arc::new(self.ask().await?);
        *fresh = Some((Instant::now(), credential.clone()));
        Ok(credential)
    }

    async fn ask(&self) -> Result<AwsCredential> {
        let refused = |reason: String| Error::RoleRefused { arn: self.arn.clone(), reason };
        let answer = self.outbound.send(self.request()?).await;
        let answer =
            answer.map_err(|error| refused(format!("the STS endpoint could not be asked: {}", reason(&error))))?;
        let status = answer.status();
        let body = answer.into_body().bytes().await.map_err(|error| refused(reason(&error)))?;
        let text = String::from_utf8_lossy(&body);
        if !status.is_success() {
            let said = element(&text, "Message").unwrap_or_else(|| "no reason is given".to_owned());
            return Err(refused(format!("{} {}", status.as_u16(), said.trim_end_matches('.'))));
        }
        let part = |name: &str| element(&text, name).ok_or_else(|| refused(format!("the answer of STS has no {name}")));
        Ok(AwsCredential {
            key_id: part("AccessKeyId")?,
            secret_key: part("SecretAccessKey")?,
            token: Some(part("SessionToken")?),
        })
    }

    fn request(&self) -> Result<HttpRequest> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", &self.arn)
            .append_pair("RoleSessionName", "standpipe")
            .append_pair("ExternalId", &self.external_id)
            .append_pair("DurationSeconds", &ASKED_SECONDS.to_string())
            .finish();
        let unusable = |error: &dyn std::fmt::Display| {
            Error::internal(format!("the STS endpoint '{}' cannot be used: {error}", self.identity.sts_endpoint))
        };
        let mut request = http::Request::post(&self.identity.sts_endpoint)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(HttpRequestBody::from(body))
            .map_err(|error| unusable(&error))?;
        let own = AwsCredential {
            key_id: self.identity.access_key_id.clone(),
            secret_key: self.identity.secret_access_key.expose_secret().to_owned(),
            token: None,
        };
        let authorizer = AwsAuthorizer::new(&own, "sts", &self.identity.sts_region);
        authorizer.try_authorize(&mut request, None).map_err(|error| unusable(&error))?;
        Ok(request)
    }
}

#[async_trait::async_trait]
impl CredentialProvider for AssumedRole {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.assume()
            .await
            .map_err(|error| object_store::Error::Unauthenticated { path: String::new(), source: Box::new(error) })
    }
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut is_in, mut text) = (false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => is_in = start.local_name().as_ref() == name.as_bytes(),
            Event::Text(part) if is_in => text.push_str(&part.decode().ok()?),
            Event::GeneralRef(entity) if is_in => {
                let entity = entity.decode().ok()?;
                text.push_str(quick_xml::escape::resolve_predefined_entity(&entity)?);
            }
            Event::End(_) if is_in => return Some(text.trim().to_owned()),
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_answers() {
        let xml = "<A xmlns='x'><C><AccessKeyId>AK</AccessKeyId><SecretAccessKey>a/b+c&amp;=</SecretAccessKey></C></A>";
        assert_eq!(element(xml, "AccessKeyId").as_deref(), Some("AK"));
        assert_eq!(element(xml, "SecretAccessKey").as_deref(), Some("a/b+c&="));
        assert_eq!(element(xml, "SessionToken"), None);
        assert_eq!(element("not xml <", "A"), None);
    }
}
