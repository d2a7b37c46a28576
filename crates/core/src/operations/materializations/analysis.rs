//! What a node would be as a materialized view: what to mind, and the datafiles that would make it one.

use standpipe_datafile::{DataSourceFile, Engine, EngineName, Materialized, NodeDef, NodeKind, PipeFile, Tags};

use super::{MaterializationRequest, target};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::ResourceName;
use crate::operations::nodes::named;
use crate::read::ViewQuery;
use crate::standpipe::Standpipe;

/// What was found of a node.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// What to mind, the gravest first.
    pub warnings: Vec<Warning>,
    /// The data source that would be its target.
    pub target: DataSourceFile,
    /// The name of its source.
    pub source: String,
    /// The pipe with the node materialized.
    pub pipe: PipeFile,
}

/// Something to mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A stable word for it.
    pub code: &'static str,
    /// What it is and what to do.
    pub text: &'static str,
    /// How grave it is: 3 for what gives wrong results.
    pub weight: u8,
}

impl Standpipe {
    /// Looks at a node as a materialized view, without making it one. Of the request, target and engine count; a target that
    /// exists keeps its engine unless it is to be overridden.
    pub async fn analyze(
        &self,
        access: &Access,
        pipe: &str,
        node: &str,
        request: &MaterializationRequest,
    ) -> Result<Analysis> {
        access.require_pipe_create()?;
        let pipe = self.pipe(access, pipe)?;
        let node = named(&pipe, node)?;
        let query = self.reader.view_query(access, &pipe, node).await?;
        let (columns, suggested) = target::suggest(&query, request.engine.as_deref(), &request.options)?;
        let asked = request.target.as_deref();
        let existing = asked.and_then(|name| access.workspace().data_source(name));
        let name = match (existing, asked) {
            (Some(existing), _) => existing.name.to_string(),
            (None, Some(name)) => ResourceName::parse(name)?.to_string(),
            (None, None) => format!("{}_mv", node.name),
        };
        let engine = existing.filter(|_| !request.overrides).map_or(suggested, |existing| existing.engine.clone());
        let source = access.workspace().data_sources.get(&query.source);
        let source = source.ok_or_else(|| Error::DataSourceNotFound { name: query.source.to_string() })?;
        let nodes = pipe.nodes.iter().map(|other| NodeDef {
            name: other.name.to_string(),
            description: other.description.clone().filter(|text| !text.is_empty()),
            sql: other.sql.as_str().to_owned(),
            kind: if other.id == node.id {
                let engine = Some(engine.clone());
                NodeKind::Materialized(Materialized { datasource: name.clone(), engine, alter: false })
            } else {
                NodeKind::Standard
            },
        });
        let file = PipeFile {
            name: pipe.name.to_string(),
            description: pipe.description.clone().filter(|text| !text.is_empty()),
            tokens: Vec::new(),
            tags: Tags::default(),
            nodes: nodes.collect(),
            warnings: Vec::new(),
        };
        let warnings = warnings(&query, &engine);
        let target = DataSourceFile { engine: Some(engine), ..DataSourceFile::new(name, columns) };
        Ok(Analysis { warnings, target, source: source.name.to_string(), pipe: file })
    }
}

fn warnings(query: &ViewQuery, engine: &Engine) -> Vec<Warning> {
    let words = target::outermost(&query.text);
    let has = |word: &str| words.iter().any(|found| found.eq_ignore_ascii_case(word));
    let groups = has("GROUP");
    let has_states = query.columns.iter().any(|column| target::is_state(&column.data_type));
    let sums = engine.name == EngineName::SummingMergeTree;
    let all = [
        (
            groups && !has_states && !sums,
            Warning {
                code: "SIMPLE_AGG",
                text: "the query groups, but a view sees one block of rows at a time: use the -State form of the \
                       aggregate functions with AggregatingMergeTree, and read with -Merge",
                weight: 3,
            },
        ),
        (
            has("OVER"),
            Warning {
                code: "WINDOW",
                text: "window functions see one block of rows at a time: compute them when reading",
                weight: 3,
            },
        ),
        (
            has("DISTINCT"),
            Warning {
                code: "DISTINCT",
                text: "DISTINCT holds within one block of rows only: use uniqState, or ReplacingMergeTree",
                weight: 3,
            },
        ),
        (
            has("LIMIT"),
            Warning { code: "LIMIT", text: "LIMIT counts within one block of rows: take it away", weight: 3 },
        ),
        (
            has("UNION"),
            Warning {
                code: "UNION",
                text: "only the first branch of UNION takes new rows; the others are read anew with each block: make a \
                       view of each",
                weight: 3,
            },
        ),
        (
            has("JOIN"),
            Warning {
                code: "JOIN",
                text: "the right side of JOIN is read anew with each block, and its new rows change nothing that is \
                       there already: keep it small",
                weight: 2,
            },
        ),
        (
            has("ORDER"),
            Warning {
                code: "ORDER_BY",
                text: "ORDER BY has no effect: the target is sorted by its sorting key",
                weight: 1,
            },
        ),
    ];
    all.into_iter().filter(|(found, _)| *found).map(|(_, warning)| warning).collect()
}
