//! How answers show pipes and nodes.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use standpipe_core::access::Access;
use standpipe_core::model::{CopyRole, Node, NodeId, Pipe, Role, format_timestamp};
use standpipe_core::schedules::Schedule;
use utoipa::ToSchema;

use crate::app::App;
use crate::fields::Fields;
use crate::public_url::PublicUrl;

/// The tags that say where a copy node's rows go.
const TARGET_TAG: &str = "copy_target_datasource";
const WORKSPACE_TAG: &str = "copy_target_workspace";

/// A pipe.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PipeBody {
    /// Immutable id.
    pub id: String,
    /// Current name.
    pub name: String,
    /// Markdown.
    pub description: Option<String>,
    /// Id of the published node.
    pub endpoint: Option<String>,
    /// Creation time, UTC.
    pub created_at: String,
    /// Time of the last change, UTC.
    pub updated_at: String,
    /// Always null.
    pub parent: Option<String>,
    /// `default`, `endpoint`, `materialized`, `copy` or `sink`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Id of the published node; of the first node before one is published.
    pub published_version: Option<String>,
    /// Time of publication, UTC; of creation before that.
    pub published_date: String,
    /// Id of the copy node.
    pub copy_node: Option<String>,
    /// How a copy pipe copies. Only copy pipes have this.
    #[serde(flatten)]
    #[schema(inline)]
    pub copy: Option<CopyView>,
    /// Id of the data source that a materialized view fills. Only materialized pipes have this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub materialized_datasource: Option<String>,
    /// When it runs by itself. Only pipes with a schedule have this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleBody>,
    /// Id of the sink node.
    pub sink_node: Option<String>,
    /// Id of the stream node.
    pub stream_node: Option<String>,
    /// Nodes, in order.
    pub nodes: Vec<NodeBody>,
    /// Where the data is.
    pub url: String,
    /// The nodes once more, in the shorter form of older documents. Only in answers about one pipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Pipeline>,
    /// The one token that may only read this pipe, if there is exactly one and the caller may see it. Only in answers to
    /// publishing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// How a copy pipe copies.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CopyView {
    /// Id of the data source where the rows go.
    pub copy_target_datasource: String,
    /// Id of its workspace.
    pub copy_target_workspace: String,
    /// `append` or `replace`.
    pub copy_mode: &'static str,
    /// The cron expression, or `@on-demand`.
    pub copy_schedule: String,
}

/// When a pipe runs by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScheduleBody {
    /// A cron expression of five fields.
    pub cron: String,
    /// Its time zone.
    pub timezone: String,
    #[serde(skip)]
    schedule: Schedule,
    /// `running` or `paused`.
    pub status: &'static str,
    /// Time of the next run, UTC; null while paused.
    pub next_run: Option<String>,
}

/// A pipe's nodes in the shorter form.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Pipeline {
    /// Nodes, in order.
    pub nodes: Vec<PipelineNode>,
}

/// A node in the shorter form.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PipelineNode {
    /// Its name.
    pub name: String,
    /// Its SQL.
    pub sql: String,
    /// Id of the target data source, or false.
    #[schema(value_type = Object)]
    pub materialized: Value,
}

/// A node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeBody {
    /// Immutable id.
    pub id: String,
    /// Name.
    pub name: String,
    /// The SQL as it was written.
    pub sql: String,
    /// Free text.
    pub description: Option<String>,
    /// Id of the target data source; null or false when it has none.
    #[schema(value_type = Object)]
    pub materialized: Value,
    /// Always null.
    pub cluster: Option<String>,
    /// Operational key/values.
    #[schema(value_type = Object)]
    pub tags: Map<String, Value>,
    /// Creation time, UTC.
    pub created_at: String,
    /// Time of the last change, UTC.
    pub updated_at: String,
    /// How often it was edited.
    pub version: u32,
    /// Always null.
    pub project: Option<String>,
    /// Always null.
    pub result: Option<String>,
    /// Always false.
    pub ignore_sql_errors: bool,
    /// `default`, `endpoint`, `materialized`, `copy` or `sink`.
    pub node_type: &'static str,
    /// The same as `node_type`, but `standard` for a plain node.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What the SQL reads: data sources, pipes and earlier nodes. Lists have it only where asked for.
    pub dependencies: Vec<String>,
    /// Template parameters.
    #[schema(value_type = Vec<Object>)]
    pub params: Vec<Value>,
}

/// How a node without target shows `materialized`: the documents show both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Materialized {
    /// In answers to creating, appending and `PUT …/endpoint`.
    False,
    /// Everywhere else.
    Null,
}

impl Materialized {
    fn value(self) -> Value {
        if self == Materialized::False { Value::Bool(false) } else { Value::Null }
    }
}

impl PipeBody {
    /// A pipe with all its nodes.
    pub fn of(pipe: &Pipe, url: &PublicUrl) -> PipeBody {
        PipeBody {
            id: pipe.id.to_string(),
            name: pipe.name.to_string(),
            description: pipe.description.clone(),
            endpoint: pipe.endpoint().as_ref().map(NodeId::to_string),
            created_at: format_timestamp(pipe.created_at),
            updated_at: format_timestamp(pipe.updated_at),
            parent: None,
            kind: pipe.kind(),
            published_version: pipe.endpoint().or(pipe.nodes.first().map(|node| node.id)).map(|id| id.to_string()),
            published_date: format_timestamp(pipe.published_at),
            copy_node: pipe.copy().and(pipe.published_node()).map(|node| node.id.to_string()),
            copy: pipe.copy().map(CopyView::of),
            materialized_datasource: pipe.materialization().map(|view| view.target.to_string()),
            schedule: pipe.schedule().map(ScheduleBody::of),
            sink_node: pipe.sink().and(pipe.published_node()).map(|node| node.id.to_string()),
            stream_node: None,
            nodes: pipe.nodes.iter().map(|node| NodeBody::of(pipe, node)).collect(),
            url: url.join(&format!("/v0/pipes/{}.json", pipe.name)),
            pipeline: None,
            token: None,
        }
    }

    /// With the nodes once more in the shorter form.
    #[must_use]
    pub fn with_pipeline(mut self) -> PipeBody {
        let short = |node: &NodeBody| PipelineNode {
            name: node.name.clone(),
            sql: node.sql.clone(),
            materialized: if node.materialized.is_string() { node.materialized.clone() } else { false.into() },
        };
        self.pipeline = Some(Pipeline { nodes: self.nodes.iter().map(short).collect() });
        self
    }

    /// The pipe as it is for this caller at this moment.
    pub fn now(app: &App, access: &Access, pipe: &Pipe, url: &PublicUrl) -> PipeBody {
        PipeBody::of(pipe, url).in_workspace(access, app.standpipe.clock().now())
    }

    /// With what depends on the workspace and the time: where a copy's target is, and when it runs next.
    #[must_use]
    pub fn in_workspace(mut self, access: &Access, now: Timestamp) -> PipeBody {
        if let Some(copy) = &mut self.copy {
            copy.copy_target_workspace = access.workspace().id.to_string();
        }
        if let Some(shown) = &mut self.schedule {
            let next = shown.schedule.next_run(now).ok().filter(|_| !shown.schedule.is_paused);
            shown.next_run = next.map(format_timestamp);
        }
        self.nodes = self.nodes.into_iter().map(|node| node.in_workspace(access)).collect();
        self
    }

    /// With this value for nodes that have no target.
    #[must_use]
    pub fn with_materialized(mut self, shown: Materialized) -> PipeBody {
        for node in self.nodes.iter_mut().filter(|node| !node.materialized.is_string()) {
            node.materialized = shown.value();
        }
        self
    }
}

impl NodeBody {
    /// A node of a pipe.
    pub fn of(pipe: &Pipe, node: &Node) -> NodeBody {
        let role = pipe.role_of(node.id);
        let kind = role.map_or("standard", Role::kind);
        let target = match role {
            Some(Role::Materialized(view)) => view.target.to_string().into(),
            _ => Value::Null,
        };
        NodeBody {
            id: node.id.to_string(),
            name: node.name.to_string(),
            sql: node.sql.as_str().to_owned(),
            description: node.description.clone(),
            materialized: target,
            cluster: None,
            tags: tags(node, role),
            created_at: format_timestamp(node.created_at),
            updated_at: format_timestamp(node.updated_at),
            version: node.version,
            project: None,
            result: None,
            ignore_sql_errors: false,
            node_type: if kind == "standard" { "default" } else { kind },
            kind,
            dependencies: node.dependencies.clone(),
            params: node.params.clone(),
        }
    }

    /// With where a copy's target is.
    #[must_use]
    pub fn in_workspace(mut self, access: &Access) -> NodeBody {
        if self.tags.contains_key(TARGET_TAG) {
            self.tags.insert(WORKSPACE_TAG.to_owned(), access.workspace().id.to_string().into());
        }
        self
    }

    /// A node as the walk-through of the Pipes API shows it: without a target, `materialized` is false.
    pub fn in_walk_through(pipe: &Pipe, node: &Node) -> NodeBody {
        let mut body = NodeBody::of(pipe, node);
        if body.materialized.is_null() {
            body.materialized = Materialized::False.value();
        }
        body
    }
}

impl CopyView {
    fn of(copy: &CopyRole) -> CopyView {
        CopyView {
            copy_target_datasource: copy.target.to_string(),
            copy_target_workspace: String::new(),
            copy_mode: copy.mode.as_str(),
            copy_schedule: copy.schedule.as_ref().map_or("@on-demand", |schedule| &schedule.cron).to_owned(),
        }
    }
}

impl ScheduleBody {
    fn of(schedule: &Schedule) -> ScheduleBody {
        ScheduleBody {
            cron: schedule.cron.clone(),
            timezone: schedule.timezone.clone(),
            status: schedule.status(),
            next_run: None,
            schedule: schedule.clone(),
        }
    }
}

/// A node's own tags, and those that say where a copy goes.
fn tags(node: &Node, role: Option<&Role>) -> Map<String, Value> {
    let mut tags: Map<String, Value> =
        node.tags.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    if let Some(Role::Copy(copy)) = role {
        tags.insert(TARGET_TAG.to_owned(), copy.target.to_string().into());
    }
    tags
}

/// Which attributes an answer shows.
#[derive(Clone, Debug)]
pub struct PipeView {
    attrs: Option<Vec<String>>,
    node_attrs: Option<Vec<String>>,
    dependencies: bool,
}

impl PipeView {
    /// Everything.
    pub fn full() -> PipeView {
        PipeView { attrs: None, node_attrs: None, dependencies: true }
    }

    /// What a list was asked for by `attrs`, `node_attrs` and `dependencies`.
    pub fn list(fields: &Fields) -> PipeView {
        PipeView {
            attrs: fields.list("attrs"),
            node_attrs: fields.list("node_attrs"),
            dependencies: fields.flag("dependencies"),
        }
    }

    /// The body with only these attributes. `url` is always there; `nodes` is left out when `attrs` are named, `nodes` is
    /// not among them and no `node_attrs` are.
    pub fn show(&self, body: &PipeBody) -> Map<String, Value> {
        let mut shown = members(body);
        if let Some(attrs) = &self.attrs {
            let wants_nodes = self.node_attrs.is_some();
            shown.retain(|name, _| {
                attrs.iter().any(|attr| attr == name) || name == "url" || (wants_nodes && name == "nodes")
            });
        }
        if let Some(Value::Array(nodes)) = shown.get_mut("nodes") {
            for node in nodes.iter_mut().filter_map(Value::as_object_mut) {
                match &self.node_attrs {
                    Some(attrs) => node.retain(|name, _| {
                        attrs.iter().any(|attr| attr == name) || (self.dependencies && name == "dependencies")
                    }),
                    None if !self.dependencies => {
                        node.remove("dependencies");
                    }
                    None => {}
                }
            }
        }
        shown
    }
}

fn members(body: &PipeBody) -> Map<String, Value> {
    match serde_json::to_value(body) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
