//! The keywords that connect a data source to where its rows come from.

use crate::error::DatafileError;
use crate::options::{Entry, Options};
use crate::source::{Place, Source};

/// Where a data source's rows come from by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connector {
    /// A Kafka topic.
    Kafka(KafkaSource),
    /// Files in an S3 or GCS bucket.
    Bucket(BucketSource),
    /// A `DynamoDB` table.
    DynamoDb(DynamoDbSource),
    /// A PostgreSQL table.
    Postgres(PostgresSource),
}

/// `KAFKA_*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaSource {
    /// Name of the connection.
    pub connection: String,
    /// The topic.
    pub topic: String,
    /// The consumer group.
    pub group_id: String,
    /// Where to begin: `earliest`, `latest` or `error`.
    pub auto_offset_reset: Option<String>,
    /// Whether to keep the message's bytes.
    pub store_raw_value: Option<bool>,
    /// Whether to keep the message's headers.
    pub store_headers: Option<bool>,
    /// Format of the key.
    pub key_format: Option<String>,
    /// Format of the value.
    pub value_format: Option<String>,
}

/// `IMPORT_*` for a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketSource {
    /// Name of the connection.
    pub connection: String,
    /// Which files, such as `s3://bucket/*.csv`.
    pub uri: String,
    /// `@auto`, `@on-demand` or `@once`.
    pub schedule: String,
    /// Files from this ISO 8601 time on.
    pub from_timestamp: Option<String>,
    /// `csv`, `ndjson` or `parquet`, in lower case; by the file name where there is none.
    pub format: Option<String>,
}

/// `IMPORT_*` for `DynamoDB`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamoDbSource {
    /// Name of the connection.
    pub connection: String,
    /// The table's ARN.
    pub table_arn: String,
    /// The bucket that exports go through.
    pub export_bucket: String,
}

/// `PG_*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostgresSource {
    /// Name of the connection.
    pub connection: String,
    /// The table.
    pub table: String,
}

const IMPORT_SCHEDULES: [&str; 3] = ["@auto", "@on-demand", "@once"];

/// Builds the connector that a file's keywords describe.
pub(crate) fn connector(source: &Source<'_>, mut options: Options) -> Result<Option<Connector>, DatafileError> {
    let Some(first) = options.first() else { return Ok(None) };
    let at = first.at;
    let family = first.keyword.split('_').next().unwrap_or_default().to_owned();
    let (connector, what) = match family.as_str() {
        "KAFKA" => {
            let what = "a Kafka data source";
            let kafka = KafkaSource {
                connection: options.require(source, "KAFKA_CONNECTION_NAME", what, at)?,
                topic: options.require(source, "KAFKA_TOPIC", what, at)?,
                group_id: options.require(source, "KAFKA_GROUP_ID", what, at)?,
                auto_offset_reset: options.take("KAFKA_AUTO_OFFSET_RESET"),
                store_raw_value: switch(source, options.take_entry("KAFKA_STORE_RAW_VALUE"))?,
                store_headers: switch(source, options.take_entry("KAFKA_STORE_HEADERS"))?,
                key_format: options.take("KAFKA_KEY_FORMAT"),
                value_format: options.take("KAFKA_VALUE_FORMAT"),
            };
            (Connector::Kafka(kafka), what)
        }
        "PG" => {
            let what = "a PostgreSQL data source";
            let connection = options.require(source, "PG_CONNECTION_NAME", what, at)?;
            let table = options.require(source, "PG_TABLE", what, at)?;
            (Connector::Postgres(PostgresSource { connection, table }), what)
        }
        _ if options.has("IMPORT_TABLE_ARN") || options.has("IMPORT_EXPORT_BUCKET") => {
            let what = "a DynamoDB import";
            let import = DynamoDbSource {
                connection: options.require(source, "IMPORT_CONNECTION_NAME", what, at)?,
                table_arn: options.require(source, "IMPORT_TABLE_ARN", what, at)?,
                export_bucket: options.require(source, "IMPORT_EXPORT_BUCKET", what, at)?,
            };
            (Connector::DynamoDb(import), what)
        }
        _ => {
            let what = "an import from a bucket";
            let import = BucketSource {
                connection: options.require(source, "IMPORT_CONNECTION_NAME", what, at)?,
                uri: options.require(source, "IMPORT_BUCKET_URI", what, at)?,
                schedule: import_schedule(source, &mut options, at)?,
                from_timestamp: options.take("IMPORT_FROM_TIMESTAMP"),
                format: options.take("IMPORT_FORMAT").map(|format| format.to_ascii_lowercase()),
            };
            (Connector::Bucket(import), what)
        }
    };
    options.finish(source, what)?;
    Ok(Some(connector))
}

fn import_schedule(source: &Source<'_>, options: &mut Options, at: Place) -> Result<String, DatafileError> {
    match options.take_entry("IMPORT_SCHEDULE") {
        Some(entry) if IMPORT_SCHEDULES.contains(&entry.value.as_str()) => Ok(entry.value),
        Some(entry) => Err(source
            .error(entry.at, format!("cannot import on the schedule \"{}\"", entry.value))
            .hint(format!("Write one of {}.", IMPORT_SCHEDULES.join(", ")))),
        None => Err(source.error(at, "an import from a bucket needs IMPORT_SCHEDULE")),
    }
}

fn switch(source: &Source<'_>, entry: Option<Entry>) -> Result<Option<bool>, DatafileError> {
    let Some(entry) = entry else { return Ok(None) };
    match entry.value.to_ascii_lowercase().as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(source.error(entry.at, format!("{} is true or false, not \"{}\"", entry.keyword, entry.value))),
    }
}

impl Connector {
    /// The keywords and values that describe it, in the order of documentation.
    pub(crate) fn keywords(&self) -> Vec<(&'static str, String)> {
        let on = |switch: bool| if switch { "True".to_owned() } else { "False".to_owned() };
        let all = match self.clone() {
            Connector::Kafka(kafka) => vec![
                ("KAFKA_CONNECTION_NAME", Some(kafka.connection)),
                ("KAFKA_TOPIC", Some(kafka.topic)),
                ("KAFKA_GROUP_ID", Some(kafka.group_id)),
                ("KAFKA_AUTO_OFFSET_RESET", kafka.auto_offset_reset),
                ("KAFKA_STORE_RAW_VALUE", kafka.store_raw_value.map(on)),
                ("KAFKA_STORE_HEADERS", kafka.store_headers.map(on)),
                ("KAFKA_KEY_FORMAT", kafka.key_format),
                ("KAFKA_VALUE_FORMAT", kafka.value_format),
            ],
            Connector::Bucket(import) => vec![
                ("IMPORT_CONNECTION_NAME", Some(import.connection)),
                ("IMPORT_BUCKET_URI", Some(import.uri)),
                ("IMPORT_SCHEDULE", Some(import.schedule)),
                ("IMPORT_FROM_TIMESTAMP", import.from_timestamp),
                ("IMPORT_FORMAT", import.format),
            ],
            Connector::DynamoDb(import) => vec![
                ("IMPORT_CONNECTION_NAME", Some(import.connection)),
                ("IMPORT_TABLE_ARN", Some(import.table_arn)),
                ("IMPORT_EXPORT_BUCKET", Some(import.export_bucket)),
            ],
            Connector::Postgres(postgres) => {
                vec![("PG_CONNECTION_NAME", Some(postgres.connection)), ("PG_TABLE", Some(postgres.table))]
            }
        };
        all.into_iter().filter_map(|(keyword, value)| Some((keyword, value?))).collect()
    }
}
