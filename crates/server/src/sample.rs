//! Loads a data project from a folder: its data sources with their fixtures, then its pipes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use standpipe_core::Standpipe;
use standpipe_core::access::Access;
use standpipe_core::operations::data_sources::NewDataSource;
use standpipe_core::operations::nodes::{NewNode, NodeKind};
use standpipe_core::operations::pipes::NewPipe;
use standpipe_core::service_data::Event;
use standpipe_core::write::{AppendFormat, AppendRequest, Compression};
use standpipe_datafile::{self as datafile, NodeDef, PipeFile, parse_datasource, parse_pipe};

/// Folders that hold pipes.
const PIPE_FOLDERS: [&str; 2] = ["pipes", "endpoints"];

/// Loads the project in `folder`. What is there already by name is left as it is, so a second load changes nothing.
///
/// A data source `x` takes its rows from `fixtures/x.ndjson`, `x.csv`, or either with `.gz`.
pub async fn load(standpipe: &Standpipe, access: &Access, folder: &Path) -> Result<()> {
    for path in files(&folder.join("datasources"), "datasource")? {
        load_data_source(standpipe, access, folder, &path).await.with_context(|| path.display().to_string())?;
    }
    let mut pipes = Vec::new();
    for name in PIPE_FOLDERS {
        for path in files(&folder.join(name), "pipe")? {
            pipes.push((stem(&path)?, parse_pipe(&path.display().to_string(), &std::fs::read_to_string(&path)?)?));
        }
    }
    load_pipes(standpipe, access, pipes).await
}

async fn load_data_source(standpipe: &Standpipe, access: &Access, folder: &Path, path: &Path) -> Result<()> {
    let name = stem(path)?;
    if access.workspace().data_source(&name).is_some() {
        return Ok(());
    }
    let file = parse_datasource(&path.display().to_string(), &std::fs::read_to_string(path)?)?;
    let new = NewDataSource {
        name: Some(name.clone()),
        description: file.description.unwrap_or_default(),
        columns: file.columns,
        engine: file.engine.unwrap_or_default(),
        tags: BTreeMap::new(),
    };
    let created = standpipe.create_data_source(access, new).await?;
    let Some((body, format)) = fixture(folder, &name)? else { return Ok(()) };
    let (compression, event) = (Compression::None, Event::Append);
    let request = AppendRequest { body, format, compression, limit: u64::MAX - 1, event };
    let done = standpipe.writer().append(access, standpipe.catalog(), created.id, request).await?;
    tracing::info!(data_source = name, rows = done.rows, quarantined = done.quarantined, "sample data is loaded");
    Ok(())
}

/// Pipes may read each other: those whose names all resolve go first, and the others are tried again after them.
async fn load_pipes(standpipe: &Standpipe, access: &Access, mut waiting: Vec<(String, PipeFile)>) -> Result<()> {
    while !waiting.is_empty() {
        let (mut again, mut last_error) = (Vec::new(), None);
        let count = waiting.len();
        for (name, file) in waiting {
            let access = access.refreshed(standpipe.catalog().snapshot());
            if access.workspace().pipe(&name).is_some() {
                continue;
            }
            if let Err(error) = standpipe.create_pipe(&access, new_pipe(&name, &file)?).await {
                last_error = Some(anyhow::Error::new(error).context(format!("pipe '{name}'")));
                again.push((name, file));
            }
        }
        if let (true, Some(error)) = (again.len() == count, last_error) {
            return Err(error);
        }
        waiting = again;
    }
    Ok(())
}

fn new_pipe(name: &str, file: &PipeFile) -> Result<NewPipe> {
    let mut nodes = Vec::new();
    for node in &file.nodes {
        nodes.push(NewNode {
            name: Some(node.name.clone()),
            sql: node.sql.clone(),
            description: node.description.clone(),
            kind: kind(node)?,
            cache_seconds: cache_seconds(node),
            ..NewNode::default()
        });
    }
    Ok(NewPipe { name: name.to_owned(), description: file.description.clone(), nodes, ..NewPipe::default() })
}

fn kind(node: &NodeDef) -> Result<NodeKind> {
    match node.kind {
        datafile::NodeKind::Standard => Ok(NodeKind::Standard),
        datafile::NodeKind::Endpoint(_) => Ok(NodeKind::Endpoint),
        _ => bail!("node '{}' is of a type that cannot be loaded yet: use standard or endpoint", node.name),
    }
}

fn cache_seconds(node: &NodeDef) -> Option<u32> {
    match &node.kind {
        datafile::NodeKind::Endpoint(endpoint) => endpoint.cache_seconds,
        _ => None,
    }
}

fn fixture(folder: &Path, name: &str) -> Result<Option<(Bytes, AppendFormat)>> {
    for (extension, format) in [("ndjson", AppendFormat::Ndjson), ("csv", AppendFormat::Csv(Default::default()))] {
        for suffix in ["", ".gz"] {
            let path = folder.join("fixtures").join(format!("{name}.{extension}{suffix}"));
            if path.is_file() {
                let body = std::fs::read(&path).with_context(|| path.display().to_string())?;
                return Ok(Some((body.into(), format)));
            }
        }
    }
    Ok(None)
}

/// Files of a folder with this extension, by name; none when there is no such folder.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn stem(path: &Path) -> Result<String> {
    match path.file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) => Ok(stem.to_owned()),
        None => bail!("the name of '{}' is no UTF-8 text", path.display()),
    }
}
