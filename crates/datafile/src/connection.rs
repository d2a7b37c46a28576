//! `.connection` files.

use std::fmt;

use crate::datasource::Sections;
use crate::error::{DatafileError, Warning};
use crate::header::{self, Header, Tags, write_value};
use crate::options::Options;
use crate::source::{Grammar, Place, Source, Statement};
use crate::value::Inputs;

/// A connection as its file defines it. Displays as such a file, with the values, which may be secrets; its debug form
/// hides them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionFile {
    /// The file's name without folders and extension.
    pub name: String,
    /// What the connection is about.
    pub description: Option<String>,
    /// What it connects to.
    pub kind: ConnectionKind,
    /// Its parameters, in the order of the file.
    pub params: Vec<ConnectionParam>,
    /// Keywords that were read over.
    pub warnings: Vec<Warning>,
}

/// What a connection connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "these are the services' own names")]
pub enum ConnectionKind {
    Kafka,
    S3,
    Gcs,
    DynamoDb,
    Postgres,
}

/// One parameter of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionParam {
    /// The keyword, one of [`ConnectionKind::keywords`].
    pub keyword: &'static str,
    /// The value; `{{ tb_secret(..) }}` in it is as written unless secrets were given to the parser.
    pub value: String,
}

impl fmt::Debug for ConnectionParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ...", self.keyword)
    }
}

#[rustfmt::skip]
const GRAMMAR: Grammar = Grammar {
    kind: "connection",
    keywords: &[
        "DESCRIPTION", "DYNAMODB_ARN", "DYNAMODB_REGION", "GCS_ACCESS_ID", "GCS_ENDPOINT", "GCS_HMAC_ACCESS_ID",
        "GCS_HMAC_SECRET", "GCS_REGION", "GCS_SECRET", "GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON", "INCLUDE",
        "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_KEY", "KAFKA_SASL_MECHANISM", "KAFKA_SASL_OAUTHBEARER_AWS_EXTERNAL_ID",
        "KAFKA_SASL_OAUTHBEARER_AWS_REGION", "KAFKA_SASL_OAUTHBEARER_AWS_ROLE_ARN", "KAFKA_SASL_OAUTHBEARER_METHOD",
        "KAFKA_SCHEMA_REGISTRY_URL", "KAFKA_SECRET", "KAFKA_SECURITY_PROTOCOL", "KAFKA_SSL_CA_PEM", "PG_DATABASE",
        "PG_HOST", "PG_PASSWORD", "PG_PORT", "PG_SSL_MODE", "PG_USER", "S3_ACCESS_KEY", "S3_ARN", "S3_ENDPOINT",
        "S3_REGION", "S3_SECRET", "TYPE", "VERSION",
    ],
    hints: &[
        ("SCHEMA", "A SCHEMA belongs into a .datasource file."),
        ("KAFKA_TOPIC", "The topic belongs into the .datasource file that reads it."),
    ],
};

impl ConnectionKind {
    /// Every kind.
    pub const ALL: [ConnectionKind; 5] = [
        ConnectionKind::Kafka,
        ConnectionKind::S3,
        ConnectionKind::Gcs,
        ConnectionKind::DynamoDb,
        ConnectionKind::Postgres,
    ];

    /// The word of a `TYPE` line.
    pub fn as_str(self) -> &'static str {
        match self {
            ConnectionKind::Kafka => "kafka",
            ConnectionKind::S3 => "s3",
            ConnectionKind::Gcs => "gcs",
            ConnectionKind::DynamoDb => "dynamodb",
            ConnectionKind::Postgres => "postgres",
        }
    }

    /// The keywords of its parameters.
    pub fn keywords(self) -> impl Iterator<Item = &'static str> {
        let prefix = match self {
            ConnectionKind::Kafka => "KAFKA_",
            ConnectionKind::S3 => "S3_",
            ConnectionKind::Gcs => "GCS_",
            ConnectionKind::DynamoDb => "DYNAMODB_",
            ConnectionKind::Postgres => "PG_",
        };
        GRAMMAR.keywords.iter().copied().filter(move |keyword| keyword.starts_with(prefix))
    }
}

impl ConnectionFile {
    /// The value of a parameter.
    pub fn param(&self, keyword: &str) -> Option<&str> {
        self.params.iter().find(|param| param.keyword == keyword).map(|param| param.value.as_str())
    }
}

/// Reads a `.connection` file; `file` is its name, from which the connection gets its own. Variables and secrets stay as
/// written.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse_connection(file: &str, text: &str) -> Result<ConnectionFile, DatafileError> {
    parse_connection_with(file, text, &Inputs::default())
}

/// [`parse_connection`] with variables and secrets put into the parameters.
///
/// # Errors
/// As [`parse_connection`]; also a secret that does not exist and has no default.
pub fn parse_connection_with(file: &str, text: &str, inputs: &Inputs<'_>) -> Result<ConnectionFile, DatafileError> {
    let source = Source::new(file, text, inputs);
    let mut header = Header::default();
    let mut options = Options::default();
    for statement in source.statements(&GRAMMAR)? {
        if !header.take(&source, &statement, &[])? {
            let value = source.value(&statement, "\n")?;
            check_json(&source, &statement, &value)?;
            options.add(&source, &statement, value)?;
        }
    }
    let kind = kind(&source, &mut options)?;
    let mut params = Vec::new();
    for keyword in kind.keywords() {
        params.extend(
            options.take_entry(keyword).map(|entry| (entry.at.line, ConnectionParam { keyword, value: entry.value })),
        );
    }
    options.finish(&source, &format!("TYPE {}", kind.as_str()))?;
    params.sort_by_key(|(line, _)| *line);
    Ok(ConnectionFile {
        name: source.resource_name(),
        description: header.description,
        kind,
        params: params.into_iter().map(|(_, param)| param).collect(),
        warnings: header.warnings,
    })
}

/// Credentials that are no JSON would only be found out at the first use. (With a secret in them they cannot be checked yet.)
fn check_json(source: &Source<'_>, statement: &Statement<'_>, value: &str) -> Result<(), DatafileError> {
    if statement.keyword != "GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON" || value.contains("{{") {
        return Ok(());
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(value) {
        Ok(_) => Ok(()),
        Err(error) => Err(source.error(statement.at, format!("the credentials are not JSON: {error}"))),
    }
}

fn kind(source: &Source<'_>, options: &mut Options) -> Result<ConnectionKind, DatafileError> {
    let kinds = ConnectionKind::ALL.map(ConnectionKind::as_str).join(", ");
    let Some(entry) = options.take_entry("TYPE") else {
        let top = Place { line: 1, column: 1 };
        return Err(source.error(top, "TYPE is missing").hint(format!("Write TYPE and one of {kinds}.")));
    };
    ConnectionKind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(&entry.value)).ok_or_else(|| {
        let message = format!("cannot connect to \"{}\"", entry.value);
        source.error(entry.at, message).hint(format!("Write one of {kinds}."))
    })
}

impl fmt::Display for ConnectionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sections = Sections::default();
        sections.add(Description(self).to_string());
        sections.add(Params(self).to_string());
        sections.fmt(f)
    }
}

struct Description<'a>(&'a ConnectionFile);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        header::write(f, self.0.description.as_deref(), &[], &Tags::default())
    }
}

struct Params<'a>(&'a ConnectionFile);

impl fmt::Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "TYPE {}", self.0.kind.as_str())?;
        self.0.params.iter().try_for_each(|param| write_value(f, param.keyword, &param.value))
    }
}
