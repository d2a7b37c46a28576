//! A connection: how to reach a system outside, and with which credentials.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::ConnectionId;
use crate::error::{Error, Result};

/// Longest name of a connection, in bytes.
const MAX_NAME: usize = 128;

/// A connection as the catalog knows it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Immutable id.
    pub id: ConnectionId,
    /// Its name, unique among the workspace's connections.
    pub name: String,
    /// What it connects to.
    pub service: Service,
    /// How, and with which credentials.
    pub settings: Settings,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a connection connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// S3, or a server that speaks its protocol, by access keys.
    S3,
    /// S3 by a role of its owner's.
    S3IamRole,
    /// Google Cloud Storage by a service account's key.
    GcsServiceAccount,
    /// Google Cloud Storage by HMAC keys.
    GcsHmac,
    /// Kafka.
    Kafka,
}

/// A setting that connections of a service have.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What answers call it.
    pub name: &'static str,
    /// What `.connection` files call it.
    pub keyword: &'static str,
    /// What else requests call it, in lower case.
    spellings: &'static [&'static str],
    is_required: bool,
    is_secret: bool,
}

const fn required(name: &'static str, keyword: &'static str, spellings: &'static [&'static str]) -> Setting {
    Setting { name, keyword, spellings, is_required: true, is_secret: false }
}

const fn optional(name: &'static str, keyword: &'static str, spellings: &'static [&'static str]) -> Setting {
    Setting { name, keyword, spellings, is_required: false, is_secret: false }
}

const fn secret(setting: Setting) -> Setting {
    Setting { is_secret: true, ..setting }
}

const S3: &[Setting] = &[
    required("s3_access_key_id", "S3_ACCESS_KEY", &["access_key_id", "access_key"]),
    secret(required("s3_secret_access_key", "S3_SECRET", &["secret_access_key", "secret_key"])),
    optional("s3_region", "S3_REGION", &["region"]),
    optional("s3_endpoint", "S3_ENDPOINT", &["endpoint", "s3_endpoint_url"]),
];
const S3_IAM_ROLE: &[Setting] = &[
    required("s3_iamrole_arn", "S3_ARN", &["s3_iam_role_arn", "iamrole_arn", "role_arn", "arn"]),
    optional("s3_iamrole_region", "S3_REGION", &["region"]),
    optional("s3_endpoint", "S3_ENDPOINT", &["endpoint", "s3_endpoint_url"]),
];
const GCS_SERVICE_ACCOUNT: &[Setting] = &[secret(required(
    "gcs_service_account_credentials_json",
    "GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON",
    &["gcs_credentials_json", "service_account_credentials_json", "gcs_service_account_key", "gcs_service_account"],
))];
const GCS_HMAC: &[Setting] = &[
    required(
        "gcs_hmac_access_id",
        "GCS_HMAC_ACCESS_ID",
        &["gcs_access_id", "gcs_access_key_id", "access_id", "access_key_id"],
    ),
    secret(required(
        "gcs_hmac_secret",
        "GCS_HMAC_SECRET",
        &["gcs_secret", "gcs_secret_access_key", "secret", "secret_access_key"],
    )),
    optional("gcs_region", "GCS_REGION", &["region", "s3_region"]),
    optional("gcs_endpoint", "GCS_ENDPOINT", &["endpoint", "s3_endpoint"]),
];
const KAFKA: &[Setting] = &[
    required("kafka_bootstrap_servers", "KAFKA_BOOTSTRAP_SERVERS", &["bootstrap_servers"]),
    optional("kafka_key", "KAFKA_KEY", &["kafka_sasl_plain_username", "sasl_plain_username"]),
    secret(optional("kafka_secret", "KAFKA_SECRET", &["kafka_sasl_plain_password", "sasl_plain_password"])),
    optional("kafka_security_protocol", "KAFKA_SECURITY_PROTOCOL", &["security_protocol"]),
    optional("kafka_sasl_mechanism", "KAFKA_SASL_MECHANISM", &["sasl_mechanism"]),
    // The address of a registry holds its password.
    secret(optional("kafka_schema_registry_url", "KAFKA_SCHEMA_REGISTRY_URL", &["schema_registry_url"])),
    optional("kafka_ssl_ca_pem", "KAFKA_SSL_CA_PEM", &["ssl_ca_pem"]),
    optional("kafka_sasl_oauthbearer_method", "KAFKA_SASL_OAUTHBEARER_METHOD", &[]),
    optional("kafka_sasl_oauthbearer_aws_region", "KAFKA_SASL_OAUTHBEARER_AWS_REGION", &[]),
    optional("kafka_sasl_oauthbearer_aws_role_arn", "KAFKA_SASL_OAUTHBEARER_AWS_ROLE_ARN", &[]),
    optional("kafka_sasl_oauthbearer_aws_external_id", "KAFKA_SASL_OAUTHBEARER_AWS_EXTERNAL_ID", &[]),
];

impl Setting {
    /// What a request says of it, under any of its names, in lower or upper case.
    fn said(&self, said: &mut impl FnMut(&str) -> Option<String>) -> Option<String> {
        let others = self.spellings.iter().map(|spelling| (*spelling).to_owned());
        [self.name.to_owned(), self.keyword.to_lowercase()]
            .into_iter()
            .chain(others)
            .flat_map(|spelling| [spelling.clone(), spelling.to_uppercase()])
            .find_map(|spelling| said(&spelling).filter(|value| !value.trim().is_empty()))
    }
}

impl Service {
    /// Every service.
    pub const ALL: [Service; 5] =
        [Service::S3, Service::S3IamRole, Service::GcsServiceAccount, Service::GcsHmac, Service::Kafka];

    /// The word of the API and of the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::S3IamRole => "s3_iamrole",
            Service::GcsServiceAccount => "gcs_service_account",
            Service::GcsHmac => "gcs_hmac",
            Service::Kafka => "kafka",
        }
    }

    /// Reads the word, in any letter case; `gcs` is `gcs_service_account`.
    pub fn parse(word: &str) -> Option<Service> {
        let word = word.trim();
        if word.eq_ignore_ascii_case("gcs") {
            return Some(Service::GcsServiceAccount);
        }
        Service::ALL.into_iter().find(|service| service.as_str().eq_ignore_ascii_case(word))
    }

    /// The service that a request means. `.connection` files have one word for two of them, which their settings tell apart:
    /// `s3` with a role is `s3_iamrole`, `gcs` with HMAC keys is `gcs_hmac`.
    ///
    /// Errors: a word that is unknown; settings of both.
    pub fn read(word: &str, mut said: impl FnMut(&str) -> Option<String>) -> Result<Service> {
        let Some(service) = Service::parse(word) else {
            let known = Service::ALL.map(Service::as_str).join(", ");
            return Err(Error::bad_request(format!("service '{word}' is unknown: use one of {known}")));
        };
        let sibling = match service {
            Service::S3 => Service::S3IamRole,
            Service::GcsServiceAccount if word.trim().eq_ignore_ascii_case("gcs") => Service::GcsHmac,
            _ => return Ok(service),
        };
        let mut has = |service: Service| {
            let mut required = service.settings().iter().filter(|setting| setting.is_required);
            required.any(|setting| setting.said(&mut said).is_some())
        };
        match (has(service), has(sibling)) {
            (true, true) => Err(Error::bad_request(format!(
                "the settings are those of service '{}' and of service '{}': send those of one",
                service.as_str(),
                sibling.as_str()
            ))),
            (false, true) => Ok(sibling),
            _ => Ok(service),
        }
    }

    /// The settings of its connections.
    pub fn settings(self) -> &'static [Setting] {
        match self {
            Service::S3 => S3,
            Service::S3IamRole => S3_IAM_ROLE,
            Service::GcsServiceAccount => GCS_SERVICE_ACCOUNT,
            Service::GcsHmac => GCS_HMAC,
            Service::Kafka => KAFKA,
        }
    }
}

/// A connection's settings by name. Its debug form and comparisons show no value.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<&'static str, SecretString>);

impl Settings {
    /// Takes a service's settings out of what a request says, under any of their spellings. Errors: what is required and
    /// missing.
    pub fn read(service: Service, mut said: impl FnMut(&str) -> Option<String>) -> Result<Settings> {
        let mut settings = BTreeMap::new();
        for setting in service.settings() {
            match setting.said(&mut said) {
                Some(value) => {
                    settings.insert(setting.name, SecretString::from(value.trim()));
                }
                None if setting.is_required => {
                    return Err(Error::bad_request(format!(
                        "a connection of service '{}' needs {}: send {}=<value>",
                        service.as_str(),
                        setting.name,
                        setting.name
                    )));
                }
                None => {}
            }
        }
        Ok(Settings(settings))
    }

    /// The value of a setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(ExposeSecret::expose_secret)
    }

    /// The values that may be shown, by name.
    pub fn shown(&self, service: Service) -> impl Iterator<Item = (&'static str, &str)> {
        self.parts(service).filter_map(|(setting, value)| Some((setting.name, value?)))
    }

    /// The settings that are there, with their values where those may be shown.
    pub fn parts(&self, service: Service) -> impl Iterator<Item = (&'static Setting, Option<&str>)> {
        let present = service.settings().iter().filter_map(|setting| Some((setting, self.get(setting.name)?)));
        present.map(|(setting, value)| (setting, Some(value).filter(|_| !setting.is_secret)))
    }

    /// All settings as the store encrypts them.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let member =
            |(name, value): (&&str, &SecretString)| ((*name).to_owned(), value.expose_secret().to_owned().into());
        serde_json::Value::Object(self.0.iter().map(member).collect())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl PartialEq for Connection {
    fn eq(&self, other: &Connection) -> bool {
        (self.id, &self.name, self.updated_at) == (other.id, &other.name, other.updated_at)
    }
}

/// Checks a connection's name: letters, digits, `_`, `-` and `.`.
pub fn check_name(name: &str) -> Result<()> {
    let refuse = |reason| Err(Error::BadName { name: name.to_owned(), reason });
    if name.is_empty() {
        return refuse("a connection needs a name");
    }
    if name.len() > MAX_NAME {
        return refuse("a name has at most 128 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' ')) {
        return refuse("a connection's name holds only letters, digits, spaces, dots, underscores and dashes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(service: Service, said: &[(&str, &str)]) -> Result<Settings> {
        Settings::read(service, |name| said.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn services_and_settings_have_several_spellings() {
        assert_eq!(Service::parse("gcs"), Some(Service::GcsServiceAccount));
        assert_eq!(Service::parse("S3_IAMRole"), Some(Service::S3IamRole));
        assert_eq!(Service::parse("ftp"), None);
        for said in [
            [("s3_access_key_id", "a"), ("s3_secret_access_key", "b")],
            [("s3_access_key", "a"), ("s3_secret", "b")],
            [("S3_ACCESS_KEY", "a"), ("S3_SECRET", "b")],
        ] {
            let settings = read(Service::S3, &said).unwrap();
            assert_eq!(
                (settings.get("s3_access_key_id"), settings.get("s3_secret_access_key")),
                (Some("a"), Some("b"))
            );
        }
        let text = read(Service::S3, &[("s3_access_key", "a"), ("s3_secret", " ")]).unwrap_err().to_string();
        assert_eq!(text, "a connection of service 's3' needs s3_secret_access_key: send s3_secret_access_key=<value>");
    }

    #[test]
    fn settings_tell_services_of_one_word_apart() {
        let read = |word, said: &[&str]| {
            Service::read(word, |name| said.contains(&name).then(|| "x".to_owned())).map_err(|error| error.to_string())
        };
        for (word, said, service) in [
            ("s3", &["S3_ARN", "S3_REGION"][..], Service::S3IamRole),
            ("S3", &["s3_iamrole_arn"], Service::S3IamRole),
            ("s3", &["S3_ACCESS_KEY", "S3_SECRET", "S3_REGION"], Service::S3),
            ("s3", &[], Service::S3),
            ("GCS", &["GCS_HMAC_ACCESS_ID", "GCS_HMAC_SECRET"], Service::GcsHmac),
            ("gcs", &["gcs_secret"], Service::GcsHmac),
            ("gcs", &["GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON"], Service::GcsServiceAccount),
            ("gcs_service_account", &["gcs_secret"], Service::GcsServiceAccount),
            ("kafka", &["S3_ARN"], Service::Kafka),
        ] {
            assert_eq!(read(word, said), Ok(service), "{word} {said:?}");
        }
        let text = read("s3", &["S3_ARN", "S3_SECRET"]).unwrap_err();
        assert_eq!(text, "the settings are those of service 's3' and of service 's3_iamrole': send those of one");
        assert!(read("ftp", &[]).unwrap_err().starts_with("service 'ftp' is unknown: use one of s3, s3_iamrole"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = read(Service::S3, &[("s3_access_key", "visible"), ("s3_secret", "hidden")]).unwrap();
        assert_eq!(settings.shown(Service::S3).collect::<Vec<_>>(), [("s3_access_key_id", "visible")]);
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
