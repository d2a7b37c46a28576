//! Reading a `.pipe` file.

use super::{NodeKind, PipeFile, node};
use crate::datasource::sql_block;
use crate::error::DatafileError;
use crate::header::{self, Header, Permission, Tags};
use crate::options::{Options, once};
use crate::pipe::node::Draft as NodeDraft;
use crate::source::{Grammar, Place, Source, Statement};
use crate::value::{self, Inputs};

#[rustfmt::skip]
pub(super) const GRAMMAR: Grammar = Grammar {
    kind: "pipe",
    keywords: &[
        "CACHE", "COPY_MODE", "COPY_SCHEDULE", "DATASOURCE", "DEPLOYMENT_METHOD", "DESCRIPTION", "ENGINE", "ENGINE_COLUMNS",
        "ENGINE_IS_DELETED", "ENGINE_PARTITION_KEY", "ENGINE_PRIMARY_KEY", "ENGINE_SAMPLING_KEY", "ENGINE_SETTINGS",
        "ENGINE_SIGN", "ENGINE_SORTING_KEY", "ENGINE_SUMMING_COLUMNS", "ENGINE_TTL", "ENGINE_VER", "ENGINE_VERSION",
        "EXPORT_BUCKET_URI", "EXPORT_COMPRESSION", "EXPORT_CONNECTION_NAME", "EXPORT_FILE_TEMPLATE", "EXPORT_FORMAT",
        "EXPORT_KAFKA_TOPIC", "EXPORT_SCHEDULE", "EXPORT_SERVICE", "EXPORT_STRATEGY", "EXPORT_WRITE_STRATEGY", "INCLUDE",
        "KAFKA_CONNECTION_NAME", "KAFKA_TOPIC", "MODE", "NODE", "ON_DEMAND_COMPUTE", "SOURCE", "SQL", "TAGS",
        "TARGET_DATASOURCE", "TOKEN", "TYPE", "VERSION",
    ],
    hints: &[
        ("SCHEMA", "A SCHEMA belongs into a .datasource file."),
        ("SETTINGS", "Write SETTINGS into the node's SQL."),
    ],
};

/// Reads a `.pipe` file; `file` is its name, from which the pipe gets its own. The nodes' SQL is taken as it is: whether it
/// is SQL, and a template that can be rendered, is not looked at.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse_pipe(file: &str, text: &str) -> Result<PipeFile, DatafileError> {
    parse_pipe_with(file, text, &Inputs::default())
}

/// [`parse_pipe`] with variables and secrets put into the values of keywords (not into SQL).
///
/// # Errors
/// As [`parse_pipe`]; also a secret that does not exist and has no default.
pub fn parse_pipe_with(file: &str, text: &str, inputs: &Inputs<'_>) -> Result<PipeFile, DatafileError> {
    let source = Source::new(file, text, inputs);
    let mut draft = Draft::default();
    for statement in source.statements(&GRAMMAR)? {
        draft.take(&source, &statement)?;
    }
    draft.finish(&source)
}

/// A pipe of which some statements have been read.
#[derive(Default)]
struct Draft {
    header: Header,
    nodes: Vec<NodeDraft>,
}

impl Draft {
    fn take(&mut self, source: &Source<'_>, statement: &Statement<'_>) -> Result<(), DatafileError> {
        match (statement.keyword.as_str(), self.nodes.last_mut()) {
            ("NODE", _) => self.start_node(source, statement),
            ("DESCRIPTION", Some(node)) => {
                let text = header::description(source, statement)?;
                once(source, statement, &mut node.description, text)
            }
            ("TAGS", Some(_)) => self.node_tags(source, statement),
            ("EXPORT_SERVICE", _) => {
                self.header.ignored(statement, "EXPORT_SERVICE has no effect any more: the connection says what it is");
                Ok(())
            }
            (_, node) => {
                if self.header.take(source, statement, &[Permission::Read])? {
                    return Ok(());
                }
                let Some(node) = node else {
                    let message = format!("{} must be called after a NODE command", statement.keyword);
                    return Err(source.error(statement.at, message));
                };
                take_in_node(source, statement, node)
            }
        }
    }

    fn start_node(&mut self, source: &Source<'_>, statement: &Statement<'_>) -> Result<(), DatafileError> {
        let name = match statement.words.as_slice() {
            [name] => source.expand(statement, value::unquote(name.text))?,
            [_, extra, ..] => {
                let at = source.place_of(statement, extra);
                return Err(source
                    .error(at, format!("unexpected \"{}\" in NODE", extra.text))
                    .hint("Write NODE name."));
            }
            [] => String::new(),
        };
        if name.is_empty() {
            return Err(source.error(statement.at, "NODE needs a name").hint("Write NODE name."));
        }
        if let Some(other) = self.nodes.iter().find(|node| node.name == name) {
            let message = format!("node \"{name}\" is defined twice, first in line {}", other.at.line);
            return Err(source.error(statement.at, message));
        }
        if name == source.resource_name() {
            let error = source.error(statement.at, format!("node \"{name}\" has the name of its pipe"));
            return Err(error.hint("Give the node another name."));
        }
        self.nodes.push(NodeDraft::new(name, statement.at));
        Ok(())
    }

    /// Labels say something about the whole pipe wherever they stand; settings must stand where they do.
    fn node_tags(&mut self, source: &Source<'_>, statement: &Statement<'_>) -> Result<(), DatafileError> {
        let mut tags = Tags::default();
        let value = source.value(statement, ",")?;
        tags.add(&value);
        if let Some((key, _)) = tags.pairs.first() {
            let message = format!("the tag \"{key}\" has a value, which a node's TAGS cannot have");
            return Err(source.error(statement.at, message).hint("Put it above the first NODE."));
        }
        self.header.tags.add(&value);
        Ok(())
    }

    fn finish(self, source: &Source<'_>) -> Result<PipeFile, DatafileError> {
        if self.nodes.is_empty() {
            let top = Place { line: 1, column: 1 };
            let error = source.error(top, "a pipe needs at least one node");
            return Err(error.hint("Write NODE name, then SQL > and an indented query."));
        }
        let mut nodes = Vec::new();
        let mut published: Option<String> = None;
        for draft in self.nodes {
            let at = draft.at;
            let node = node::finish(source, draft)?;
            if node.kind != NodeKind::Standard {
                if let Some(other) = &published {
                    let message = format!(
                        "nodes \"{other}\" and \"{}\" both have a TYPE other than standard: a pipe has one at most",
                        node.name
                    );
                    return Err(source.error(at, message));
                }
                published = Some(node.name.clone());
            }
            nodes.push(node);
        }
        Ok(PipeFile {
            name: source.resource_name(),
            description: self.header.description,
            tokens: self.header.tokens,
            tags: self.header.tags,
            nodes,
            warnings: self.header.warnings,
        })
    }
}

fn take_in_node(source: &Source<'_>, statement: &Statement<'_>, node: &mut NodeDraft) -> Result<(), DatafileError> {
    match statement.keyword.as_str() {
        "SQL" => {
            let sql = sql_block(source, statement)?;
            once(source, statement, &mut node.sql, sql)
        }
        "TYPE" => {
            let kind = source.line_value(statement)?;
            once(source, statement, &mut node.kind, (kind.to_ascii_lowercase(), statement.at))
        }
        keyword if keyword == "ENGINE" || keyword.starts_with("ENGINE_") => {
            let value = source.value(statement, " ")?;
            node.engine.add(source, statement, value)
        }
        "MODE" => {
            // A second spelling of COPY_MODE.
            let renamed = Statement { keyword: "COPY_MODE".to_owned(), ..statement.clone() };
            add(source, &renamed, &mut node.options)
        }
        _ => add(source, statement, &mut node.options),
    }
}

fn add(source: &Source<'_>, statement: &Statement<'_>, options: &mut Options) -> Result<(), DatafileError> {
    let value = source.line_value(statement)?;
    options.add(source, statement, value)
}
