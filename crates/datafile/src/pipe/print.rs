//! Writing a `.pipe` file.

use std::fmt;

use super::parse::GRAMMAR;
use super::{NodeDef, NodeKind, PipeFile, SinkTarget};
use crate::datasource::{EngineLines, Keywords, Sections};
use crate::header::{self, write_description, write_name};
use crate::text;

impl fmt::Display for PipeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sections = Sections::default();
        sections.add(Header(self).to_string());
        for node in &self.nodes {
            sections.add(node.to_string());
        }
        sections.fmt(f)
    }
}

struct Header<'a>(&'a PipeFile);

impl fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        header::write(f, self.0.description.as_deref(), &self.0.tokens, &self.0.tags)
    }
}

/// The node as it stands in a file.
impl fmt::Display for NodeDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        f.write_str("NODE ")?;
        if plain {
            f.write_str(&self.name)?
        } else {
            write_name(f, &self.name)?
        }
        f.write_str("\n")?;
        write_description(f, self.description.as_deref())?;
        write!(f, "SQL >\n{}", text::sql_block(&GRAMMAR, &self.sql))?;
        if self.kind != NodeKind::Standard {
            writeln!(f, "TYPE {}", self.kind.as_str())?;
        }
        Keywords(keywords(&self.kind)).fmt(f)?;
        match &self.kind {
            NodeKind::Materialized(view) => view.engine.iter().try_for_each(|engine| EngineLines(engine).fmt(f)),
            _ => Ok(()),
        }
    }
}

fn keywords(kind: &NodeKind) -> Vec<(&'static str, String)> {
    let all = match kind.clone() {
        NodeKind::Standard => vec![],
        NodeKind::Endpoint(endpoint) => vec![("CACHE", endpoint.cache_seconds.map(|seconds| seconds.to_string()))],
        NodeKind::Materialized(view) => {
            vec![("DATASOURCE", Some(view.datasource)), ("DEPLOYMENT_METHOD", view.alter.then(|| "alter".to_owned()))]
        }
        NodeKind::Copy(copy) => vec![
            ("TARGET_DATASOURCE", Some(copy.target)),
            ("COPY_SCHEDULE", Some(copy.schedule.to_string())),
            ("COPY_MODE", Some(copy.mode.as_str().to_owned())),
            ("ON_DEMAND_COMPUTE", copy.on_demand_compute.map(|on| on.to_string())),
        ],
        NodeKind::Sink(sink) => {
            let mut all = vec![
                ("EXPORT_CONNECTION_NAME", Some(sink.connection)),
                ("EXPORT_SCHEDULE", Some(sink.schedule.to_string())),
            ];
            match sink.target {
                SinkTarget::Kafka { topic } => all.push(("EXPORT_KAFKA_TOPIC", Some(topic))),
                SinkTarget::Bucket(bucket) => all.extend([
                    ("EXPORT_BUCKET_URI", Some(bucket.uri)),
                    ("EXPORT_FILE_TEMPLATE", Some(bucket.file_template)),
                    ("EXPORT_FORMAT", bucket.format),
                    ("EXPORT_COMPRESSION", bucket.compression),
                    ("EXPORT_STRATEGY", bucket.strategy),
                    ("EXPORT_WRITE_STRATEGY", bucket.write_strategy),
                ]),
            }
            all
        }
        NodeKind::Stream(stream) => {
            vec![("KAFKA_CONNECTION_NAME", stream.connection), ("KAFKA_TOPIC", stream.topic)]
        }
    };
    all.into_iter().filter_map(|(keyword, value)| Some((keyword, value?))).collect()
}
