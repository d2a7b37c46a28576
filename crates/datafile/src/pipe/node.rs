//! From a node's keywords to what is made of its result.

use super::{BucketSink, Copy, CopyMode, Endpoint, Materialized, NodeDef, NodeKind, Sink, SinkTarget, Stream};
use crate::datasource::engine;
use crate::error::DatafileError;
use crate::options::Options;
use crate::schedule::Schedule;
use crate::source::{Place, Source};

/// A node of which some statements have been read.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) at: Place,
    pub(super) description: Option<String>,
    pub(super) sql: Option<String>,
    pub(super) kind: Option<(String, Place)>,
    pub(super) engine: Options,
    pub(super) options: Options,
}

impl Draft {
    pub(super) fn new(name: String, at: Place) -> Draft {
        Draft {
            name,
            at,
            description: None,
            sql: None,
            kind: None,
            engine: Options::default(),
            options: Options::default(),
        }
    }
}

/// Makes the node, once all its statements have been read.
pub(super) fn finish(source: &Source<'_>, draft: Draft) -> Result<NodeDef, DatafileError> {
    let Some(sql) = draft.sql else {
        let error = source.error(draft.at, format!("node \"{}\" has no SQL", draft.name));
        return Err(error.hint("Write SQL > and an indented query."));
    };
    let (word, at) = draft.kind.unwrap_or_else(|| ("standard".to_owned(), draft.at));
    let mut options = draft.options;
    let kind = match word.as_str() {
        "standard" => NodeKind::Standard,
        "endpoint" => NodeKind::Endpoint(endpoint(source, &mut options)?),
        "materialized" => NodeKind::Materialized(materialized(source, &mut options, at)?),
        "copy" => NodeKind::Copy(copy(source, &mut options, at)?),
        "sink" => NodeKind::Sink(sink(source, &mut options, at)?),
        "stream" => NodeKind::Stream(Stream {
            connection: options.take("KAFKA_CONNECTION_NAME"),
            topic: options.take("KAFKA_TOPIC"),
        }),
        _ => {
            return Err(source
                .error(at, format!("node \"{}\" cannot have the type \"{word}\"", draft.name))
                .hint("Write one of standard, endpoint, materialized, copy, sink, stream."));
        }
    };
    let what = format!("the {} node \"{}\"", kind.as_str(), draft.name);
    options.finish(source, &what)?;
    let kind = match kind {
        NodeKind::Materialized(view) => {
            NodeKind::Materialized(Materialized { engine: engine(source, draft.engine, None)?, ..view })
        }
        other => {
            draft.engine.finish(source, &what)?;
            other
        }
    };
    Ok(NodeDef { name: draft.name, description: draft.description, sql, kind })
}

fn endpoint(source: &Source<'_>, options: &mut Options) -> Result<Endpoint, DatafileError> {
    let cache_seconds = match options.take_entry("CACHE") {
        None => None,
        Some(entry) => match entry.value.parse() {
            Ok(seconds) => Some(seconds),
            Err(_) => {
                let message = format!("\"{}\" is not a number of seconds", entry.value);
                return Err(source.error(entry.at, message).hint("Write CACHE 60, or leave it out."));
            }
        },
    };
    Ok(Endpoint { cache_seconds: cache_seconds.filter(|seconds| *seconds > 0) })
}

fn materialized(source: &Source<'_>, options: &mut Options, at: Place) -> Result<Materialized, DatafileError> {
    let datasource = options.require(source, "DATASOURCE", "a materialized node", at)?;
    let alter = match options.take_entry("DEPLOYMENT_METHOD") {
        None => false,
        Some(entry) if entry.value.eq_ignore_ascii_case("alter") => true,
        Some(entry) => {
            let message = format!("\"{}\" is not an allowed value for DEPLOYMENT_METHOD", entry.value);
            return Err(source.error(entry.at, message).hint("Write DEPLOYMENT_METHOD alter, or leave it out."));
        }
    };
    Ok(Materialized { datasource, engine: None, alter })
}

fn copy(source: &Source<'_>, options: &mut Options, at: Place) -> Result<Copy, DatafileError> {
    let target = options.require(source, "TARGET_DATASOURCE", "a copy node", at)?;
    let schedule = schedule(source, options, "COPY_SCHEDULE")?.unwrap_or_default();
    let mode = match options.take_entry("COPY_MODE") {
        None => CopyMode::default(),
        Some(entry) => match entry.value.to_ascii_lowercase().as_str() {
            "append" => CopyMode::Append,
            "replace" => CopyMode::Replace,
            _ => {
                let message = format!("cannot copy in the mode \"{}\"", entry.value);
                return Err(source.error(entry.at, message).hint("Write append or replace."));
            }
        },
    };
    let on_demand_compute = match options.take_entry("ON_DEMAND_COMPUTE") {
        None => None,
        Some(entry) => match entry.value.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                let message = format!("ON_DEMAND_COMPUTE is true or false, not \"{}\"", entry.value);
                return Err(source.error(entry.at, message));
            }
        },
    };
    Ok(Copy { target, schedule, mode, on_demand_compute })
}

fn sink(source: &Source<'_>, options: &mut Options, at: Place) -> Result<Sink, DatafileError> {
    let what = "a sink node";
    let connection = options.require(source, "EXPORT_CONNECTION_NAME", what, at)?;
    let target = match (options.take_entry("EXPORT_KAFKA_TOPIC"), options.has("EXPORT_BUCKET_URI")) {
        (Some(topic), true) => {
            return Err(
                source.error(topic.at, "a sink node writes to EXPORT_KAFKA_TOPIC or EXPORT_BUCKET_URI, not both")
            );
        }
        (Some(topic), false) => SinkTarget::Kafka { topic: topic.value },
        (None, true) => SinkTarget::Bucket(BucketSink {
            uri: options.require(source, "EXPORT_BUCKET_URI", what, at)?,
            file_template: options.require(source, "EXPORT_FILE_TEMPLATE", "a sink node for a bucket", at)?,
            format: options.take("EXPORT_FORMAT"),
            compression: options.take("EXPORT_COMPRESSION"),
            strategy: options.take("EXPORT_STRATEGY"),
            write_strategy: options.take("EXPORT_WRITE_STRATEGY"),
        }),
        (None, false) => {
            return Err(source.error(at, "a sink node needs a place to write to").hint(
                "Write EXPORT_KAFKA_TOPIC for Kafka; EXPORT_BUCKET_URI and EXPORT_FILE_TEMPLATE for S3 or GCS.",
            ));
        }
    };
    let schedule = schedule(source, options, "EXPORT_SCHEDULE")?;
    let schedule = schedule.ok_or_else(|| source.error(at, format!("{what} needs EXPORT_SCHEDULE")))?;
    Ok(Sink { connection, schedule, target })
}

fn schedule(source: &Source<'_>, options: &mut Options, keyword: &str) -> Result<Option<Schedule>, DatafileError> {
    let Some(entry) = options.take_entry(keyword) else { return Ok(None) };
    match entry.value.parse() {
        Ok(schedule) => Ok(Some(schedule)),
        Err(error) => Err(source
            .error(entry.at, error.to_string())
            .hint("Write @on-demand or a cron expression such as 0 * * * *.")),
    }
}
