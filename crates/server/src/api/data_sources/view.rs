//! How answers show data sources: both spellings that clients read.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};
use standpipe_core::access::Access;
use standpipe_core::model::{DataSource, Resource, format_timestamp};
use standpipe_core::write::Counts;
use standpipe_datafile::{DataSourceFile, Engine, print_schema};
use utoipa::ToSchema;

/// A data source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DataSourceBody {
    /// Immutable id.
    pub id: String,
    /// Current name.
    pub name: String,
    /// Free text; empty when none.
    pub description: String,
    /// `ndjson` when columns have JSON paths, else `csv`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Always null.
    pub cluster: Option<String>,
    /// Operational key/values.
    pub tags: BTreeMap<String, String>,
    /// Creation time, UTC.
    pub created_at: String,
    /// Time of the last change, UTC.
    pub updated_at: String,
    /// Always null.
    pub errors_discarded_at: Option<String>,
    /// Always false.
    pub replicated: bool,
    /// Always 0.
    pub version: u32,
    /// Always null.
    pub project: Option<String>,
    /// Always empty.
    #[schema(value_type = Object)]
    pub headers: Map<String, Value>,
    /// Always empty.
    pub shared_with: Vec<String>,
    /// Engine and keys, with and without the prefix `engine_`.
    #[schema(value_type = Object)]
    pub engine: Map<String, Value>,
    /// Pipes that read it: id and name.
    #[schema(value_type = Vec<Object>)]
    pub used_by: Vec<Value>,
    /// Always empty.
    pub indexes: Vec<String>,
    /// Columns: name, type, codec, `default_value`, jsonpath, nullable, `normalized_name`.
    #[schema(value_type = Vec<Object>)]
    pub columns: Vec<Value>,
    /// Columns once more, and as canonical text.
    #[schema(value_type = Object)]
    pub schema: Value,
    /// Rows and bytes on disk.
    pub statistics: Statistics,
    /// The same, as an older name.
    pub stats: Statistics,
    /// Always empty.
    #[schema(value_type = Object)]
    pub new_columns_detected: Map<String, Value>,
    /// Rows in the quarantine.
    pub quarantine_rows: u64,
}

/// How much a data source holds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Statistics {
    /// Bytes on disk.
    pub bytes: u64,
    /// Rows.
    pub row_count: u64,
}

impl DataSourceBody {
    /// A data source with these counts, as this caller sees it.
    pub fn of(data_source: &DataSource, access: &Access, counts: Counts) -> DataSourceBody {
        let statistics = Statistics { bytes: counts.bytes, row_count: counts.rows };
        let columns: Vec<Value> = data_source.columns.iter().map(|column| json!(column)).collect();
        DataSourceBody {
            id: data_source.id.to_string(),
            name: data_source.name.to_string(),
            description: data_source.description.clone(),
            kind: if data_source.has_json_paths() { "ndjson" } else { "csv" },
            cluster: None,
            tags: data_source.tags.clone(),
            created_at: format_timestamp(data_source.created_at),
            updated_at: format_timestamp(data_source.updated_at),
            errors_discarded_at: None,
            replicated: false,
            version: 0,
            project: None,
            headers: Map::new(),
            shared_with: Vec::new(),
            engine: engine(&data_source.engine),
            used_by: used_by(data_source, access),
            indexes: Vec::new(),
            schema: json!({ "sql_schema": print_schema(&data_source.columns), "columns": columns }),
            columns,
            statistics,
            stats: statistics,
            new_columns_detected: Map::new(),
            quarantine_rows: counts.quarantine_rows,
        }
    }
}

/// The body with only these attributes. A client that names them builds closed records, so the engine then has exactly
/// the keys that the list documents.
pub fn show(body: &DataSourceBody, attrs: Option<&[String]>) -> Map<String, Value> {
    let Ok(Value::Object(mut shown)) = serde_json::to_value(body) else { return Map::new() };
    let Some(attrs) = attrs else { return shown };
    let listed = ["engine", "engine_sorting_key", "engine_partition_key", "engine_primary_key"];
    if attrs.iter().any(|attr| attr == "columns") {
        let with_columns = ["columns", "engine", "indexes", "new_columns_detected", "quarantine_rows"];
        shown.retain(|name, _| attrs.iter().any(|attr| attr == name) || with_columns.contains(&name.as_str()));
        if let Some(Value::Object(engine)) = shown.get_mut("engine") {
            engine.retain(|name, _| listed.contains(&name.as_str()));
        }
    } else {
        shown.retain(|name, _| attrs.iter().any(|attr| attr == name));
    }
    shown
}

/// The data source as a datafile.
pub fn datafile(data_source: &DataSource) -> String {
    let mut file = DataSourceFile::new(data_source.name.as_str(), data_source.columns.clone());
    file.description = Some(data_source.description.clone()).filter(|text| !text.is_empty());
    file.engine = Some(data_source.engine.clone());
    file.to_string()
}

fn engine(engine: &Engine) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("engine".to_owned(), engine.name.as_str().into());
    shown.insert("engine_full".to_owned(), engine.to_string().into());
    for key in ["sorting_key", "partition_key", "primary_key"] {
        shown.insert(key.to_owned(), "".into());
        shown.insert(format!("engine_{key}"), "".into());
    }
    for (name, value) in engine.params() {
        shown.insert(name.trim_start_matches("engine_").to_owned(), value.into());
        shown.insert(name.to_owned(), value.into());
    }
    shown
}

fn used_by(data_source: &DataSource, access: &Access) -> Vec<Value> {
    let workspace = access.workspace();
    let reads = |name: &String| matches!(workspace.resource(name), Some(Resource::DataSource(read)) if read.id == data_source.id);
    let seen = workspace.pipes.values().filter(|pipe| access.sees_pipe(pipe));
    let users = seen.filter(|pipe| pipe.nodes.iter().any(|node| node.dependencies.iter().any(reads)));
    users.map(|pipe| json!({ "id": pipe.id.to_string(), "name": pipe.name.as_str() })).collect()
}
