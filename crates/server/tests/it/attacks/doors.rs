//! The doors by which a whole statement comes in, and the routes that take none.

use serde_json::json;
use standpipe_core::model::{CopyMode, CopyRole, FileOutput, Role, SinkOutput, SinkRole};
use standpipe_core::sinks::{Compression, FileFormat, WriteStrategy};

use super::world::World;
use crate::support::Request;

/// One way for SQL to come in.
pub(super) struct Door {
    pub(super) name: &'static str,
    /// The routes it is part of, as the OpenAPI document spells them.
    pub(super) routes: &'static [&'static str],
    pub(super) by: By,
    /// Attacks that are none here, with the reason.
    pub(super) skips: &'static [(&'static str, &'static str)],
}

/// How the statement is handed over.
pub(super) enum By {
    /// In this request.
    Request(fn(&World, &str) -> Request),
    /// It is the only node of the pipe `stored`, which has this role, from a time when a rule did not exist yet; this request
    /// reads it.
    Stored(fn(&World) -> Option<Role>, fn(&World) -> Request),
}

const fn door(name: &'static str, routes: &'static [&'static str], request: fn(&World, &str) -> Request) -> Door {
    Door { name, routes, by: By::Request(request), skips: &[] }
}

const fn template(name: &'static str, routes: &'static [&'static str], request: fn(&World, &str) -> Request) -> Door {
    Door { name, routes, by: By::Request(request), skips: TEMPLATE }
}

const fn stored(name: &'static str, routes: &'static [&'static str], request: fn(&World) -> Request) -> Door {
    stored_as(|_| Some(Role::Endpoint), name, routes, request)
}

const fn stored_as(
    role: fn(&World) -> Option<Role>,
    name: &'static str,
    routes: &'static [&'static str],
    request: fn(&World) -> Request,
) -> Door {
    Door { name, routes, by: By::Stored(role, request), skips: &[] }
}

fn copy_role(world: &World) -> Option<Role> {
    let target = world.workspace().data_source("copied").unwrap().id;
    Some(Role::Copy(CopyRole { target, mode: CopyMode::Append, schedule: None }))
}

fn sink_role(world: &World) -> Option<Role> {
    let output = FileOutput {
        path: "s3://bucket".to_owned(),
        region: None,
        file_template: "f".to_owned(),
        format: FileFormat::Csv,
        compression: Compression::None,
        write_strategy: WriteStrategy::New,
    };
    let connection = world.workspace().connection("store").unwrap().id;
    Some(Role::Sink(SinkRole { connection, output: SinkOutput::Files(output), schedule: None }))
}

const fn q(name: &'static str, request: fn(&World, &str) -> Request) -> Door {
    Door { name, routes: DATA, by: By::Request(request), skips: &[("nothing", "an empty q is none")] }
}

const TEMPLATE: &[(&str, &str)] = &[("a template that was not rendered", "it is rendered here")];

/// Right of IN, a name that stands for nothing is rewritten to be a column. Printing that looks nothing up.
const PRINTED: &[(&str, &str)] = &[
    ("system table right of IN", AS_COLUMN),
    ("in() of another database", AS_COLUMN),
    ("notIn() of another database", AS_COLUMN),
    ("globalNullIn() of another database", AS_COLUMN),
    ("a path right of IN", AS_COLUMN),
    ("a path right of in()", AS_COLUMN),
    ("a path right of IN by an alias", AS_COLUMN),
    ("a path right of IN by an alias in the SELECT list", AS_COLUMN),
    ("a path right of GLOBAL NOT IN", AS_COLUMN),
    ("an alias out of scope right of IN", AS_COLUMN),
    ("an alias of itself right of IN", AS_COLUMN),
    ("an alias of a function right of IN", AS_COLUMN),
];
const AS_COLUMN: &str = "it is printed as a column";

const SQL: &[&str] = &["GET /v0/sql", "POST /v0/sql"];
const MATERIALIZATION: &[&str] = &["POST /v0/pipes/{pipe}/nodes/{node}/materialization"];
const DATA: &[&str] = &["GET /v0/pipes/{pipe}", "POST /v0/pipes/{pipe}"];

pub(super) const DOORS: &[Door] = &[
    // The query API.
    door("GET /v0/sql", SQL, |world, sql| world.get(&format!("/v0/sql?q={}", encoded(sql)))),
    door("POST /v0/sql, text", SQL, |world, sql| world.post("/v0/sql").plain(sql)),
    door("POST /v0/sql, form", SQL, |world, sql| world.post("/v0/sql").form(&format!("q={}", encoded(sql)))),
    door("POST /v0/sql, JSON", SQL, |world, sql| world.post("/v0/sql").json(&json!({"q": sql}))),
    template("POST /v0/sql, JSON template", SQL, |world, sql| {
        world.post("/v0/sql").json(&json!({"q": format!("%\n{sql}"), "x": "1"}))
    }),
    door("/v0/sql, _ of a pipeline", SQL, |world, sql| {
        let sql = sql.replace("FROM events", "FROM _").replace("JOIN events", "JOIN _");
        world.get(&format!("/v0/sql?pipeline=p&q={}", encoded(&sql)))
    }),
    door("/v0/sql, EXPLAIN", SQL, |world, sql| world.post("/v0/sql").plain(&format!("EXPLAIN {sql}"))),
    Door {
        name: "/v0/sql, EXPLAIN SYNTAX",
        routes: SQL,
        by: By::Request(|world, sql| world.post("/v0/sql").plain(&format!("EXPLAIN SYNTAX {sql}"))),
        skips: PRINTED,
    },
    door("/v0/sql, EXPLAIN QUERY TREE", SQL, |world, sql| {
        world.post("/v0/sql").plain(&format!("EXPLAIN QUERY TREE {sql}"))
    }),
    door("/v0/sql, DESCRIBE", SQL, |world, sql| world.post("/v0/sql").plain(&format!("DESCRIBE TABLE ({sql})"))),
    door("/v0/sql, in a subquery", SQL, |world, sql| world.post("/v0/sql").plain(&format!("SELECT * FROM ({sql}\n)"))),
    door("/v0/sql, in a CTE", SQL, |world, sql| {
        world.post("/v0/sql").plain(&format!("WITH part AS ({sql}\n) SELECT * FROM part"))
    }),
    door("/v0/sql, in a join", SQL, |world, sql| {
        world.post("/v0/sql").plain(&format!("SELECT * FROM users CROSS JOIN ({sql}\n) AS x"))
    }),
    // Saving a node.
    Door {
        name: "POST /v0/pipes, form",
        routes: &["POST /v0/pipes"],
        by: By::Request(|world, sql| {
            world.post("/v0/pipes?force=true").form(&format!("name=new&sql={}", encoded(sql)))
        }),
        skips: &[("nothing", "a pipe may be without nodes")],
    },
    door("POST /v0/pipes, JSON", &["POST /v0/pipes"], |world, sql| {
        let nodes = json!([{"name": "one", "sql": "SELECT 1 AS a"}, {"name": "two", "sql": sql, "type": "endpoint"}]);
        world.post("/v0/pipes?force=true").json(&json!({"name": "new", "nodes": nodes}))
    }),
    door("POST node", &["POST /v0/pipes/{pipe}/nodes"], |world, sql| world.post("/v0/pipes/p/nodes").form(sql)),
    template("POST node, template", &["POST /v0/pipes/{pipe}/nodes"], |world, sql| {
        world.post("/v0/pipes/p/nodes").form(&format!("%\n{sql}"))
    }),
    door("PUT node", &["PUT /v0/pipes/{pipe}/nodes/{node}"], |world, sql| {
        world.put("/v0/pipes/p/nodes/p_node").form(sql)
    }),
    stored("POST /v0/pipes, copy", &["POST /v0/pipes"], |world| world.post("/v0/pipes?name=copy&from=stored")),
    // Reading a node that is there already.
    stored("endpoint", DATA, |world| world.get("/v0/pipes/stored.json")),
    stored("endpoint, POST", DATA, |world| world.post("/v0/pipes/stored.csv").form("x=1")),
    stored("endpoint, q", DATA, |world| world.get(&format!("/v0/pipes/stored.json?q={}", encoded("SELECT * FROM _")))),
    stored("/v0/sql over a pipe", SQL, |world| world.post("/v0/sql").plain("SELECT * FROM stored")),
    stored("/v0/sql over a pipe right of IN", SQL, |world| {
        world.post("/v0/sql").plain("SELECT a, s FROM events WHERE (a, s) IN stored")
    }),
    stored("/v0/sql of a pipeline", SQL, |world| world.post("/v0/sql?pipeline=stored").plain("SELECT * FROM _")),
    stored("explain pipe", &["GET /v0/pipes/{pipe}/explain"], |world| world.get("/v0/pipes/stored/explain")),
    stored("explain node", &["GET /v0/pipes/{pipe}/nodes/{node}/explain"], |world| {
        world.get("/v0/pipes/stored/nodes/stored_0/explain")
    }),
    // Copying a node's rows.
    stored_as(
        |_| None,
        "POST copy node",
        &["POST /v0/pipes/{pipe}/nodes/{node}/copy"],
        |world| world.post("/v0/pipes/stored/nodes/stored_0/copy?target_datasource=copied"),
    ),
    stored_as(copy_role, "PUT copy node", &["PUT /v0/pipes/{pipe}/nodes/{node}/copy"], |world| {
        world.put("/v0/pipes/stored/nodes/stored_0/copy?mode=replace")
    }),
    stored_as(copy_role, "run a copy", &["POST /v0/pipes/{pipe}/copy"], |world| {
        world.post("/v0/pipes/stored/copy?x=1")
    }),
    // Materializing a node.
    stored_as(
        |_| None,
        "POST materialization",
        MATERIALIZATION,
        |world| world.post("/v0/pipes/stored/nodes/stored_0/materialization?datasource=copied"),
    ),
    Door {
        name: "POST materialization, new SQL",
        routes: MATERIALIZATION,
        by: By::Request(|world, sql| {
            // A node can be materialized once.
            let pipe = if sql.starts_with("WITH") { "more" } else { "stored" };
            world.post(&format!("/v0/pipes/{pipe}/nodes/{pipe}_0/materialization?datasource=copied")).plain(sql)
        }),
        skips: &[("nothing", "the node's own SQL is materialized then")],
    },
    door("POST /v0/pipes, materialized", &["POST /v0/pipes"], |world, sql| {
        let node = json!({"name": "one", "sql": sql, "type": "materialized", "datasource": "copied"});
        world.post("/v0/pipes?force=true&populate=true").json(&json!({"name": "new", "nodes": [node]}))
    }),
    door("POST node, materialized", &["POST /v0/pipes/{pipe}/nodes"], |world, sql| {
        let pipe = if sql.starts_with("WITH") { "more" } else { "stored" };
        world.post(&format!("/v0/pipes/{pipe}/nodes?type=materialized&datasource=copied")).plain(sql)
    }),
    stored_as(
        |_| None,
        "analysis",
        &["GET /v0/pipes/{pipe}/nodes/{node}/analysis"],
        |world| world.get("/v0/pipes/stored/nodes/stored_0/analysis"),
    ),
    // Writing a node's rows outside.
    stored_as(
        |_| None,
        "POST sink node",
        &["POST /v0/pipes/{pipe}/nodes/{node}/sink"],
        |world| {
            world.post("/v0/pipes/stored/nodes/stored_0/sink").form("connection=store&path=s3://bucket&file_template=f")
        },
    ),
    stored_as(sink_role, "run a sink", &["POST /v0/pipes/{pipe}/sink"], |world| {
        world.post("/v0/pipes/stored/sink?x=1&file_template={a}")
    }),
    // SQL over an endpoint.
    q("q of an endpoint", |world, sql| world.get(&format!("/v0/pipes/p.json?q={}", encoded(sql)))),
    q("q of an endpoint, form", |world, sql| world.post("/v0/pipes/p.ndjson").form(&format!("q={}", encoded(sql)))),
    q("q of an endpoint, JSON", |world, sql| world.post("/v0/pipes/p.csv").json(&json!({"q": sql}))),
];

/// Routes that take no SQL and read no stored SQL, with what they take.
pub(super) const WITHOUT_SQL: &[(&str, &str)] = &[
    ("GET /health", "nothing"),
    ("GET /health/ready", "nothing"),
    ("GET /metrics", "nothing"),
    ("GET /tokens", "nothing"),
    ("GET /v0/connectors", "the name of a service"),
    ("POST /v0/connectors", "settings"),
    ("GET /v0/connectors/{connector}", "a name"),
    ("DELETE /v0/connectors/{connector}", "a name"),
    ("GET /v0/datasources", "nothing"),
    ("GET /v0/datasources/{datasource}", "a name"),
    ("PUT /v0/datasources/{datasource}", "a name and a description"),
    ("DELETE /v0/datasources/{datasource}", "a name"),
    ("POST /v0/datasources/{datasource}/truncate", "a name"),
    ("POST /v0/events", "rows"),
    ("GET /v0/datasources-bigquery-credentials", "nothing"),
    ("GET /v0/health", "nothing"),
    ("GET /v0/integrations/{service}/policies/access-policy", "the name of a bucket"),
    ("GET /v0/integrations/{service}/policies/read-access-policy", "the name of a bucket"),
    ("GET /v0/integrations/{service}/policies/trust-policy", "nothing"),
    ("GET /v0/integrations/{service}/policies/write-access-policy", "the name of a bucket"),
    ("GET /v0/integrations/{service}/settings", "nothing"),
    ("GET /v0/jobs", "a filter"),
    ("GET /v0/jobs/{job}", "an id"),
    ("POST /v0/jobs/{job}/cancel", "an id"),
    ("POST /v0/jobs/{job}/retry", "an id"),
    ("GET /v0/pipes", "nothing"),
    ("GET /v0/pipes/openapi.json", "nothing"),
    ("PUT /v0/pipes/{pipe}", "a name and a description"),
    ("DELETE /v0/pipes/{pipe}", "a name"),
    ("POST /v0/pipes/{pipe}/copy/cancel", "a name"),
    ("POST /v0/pipes/{pipe}/copy/pause", "a name"),
    ("POST /v0/pipes/{pipe}/copy/resume", "a name"),
    ("PUT /v0/pipes/{pipe}/endpoint", "the name of a node"),
    ("DELETE /v0/pipes/{pipe}/nodes/{node}", "a name"),
    ("POST /v0/pipes/{pipe}/nodes/{node}/endpoint", "a name"),
    ("DELETE /v0/pipes/{pipe}/nodes/{node}/endpoint", "a name"),
    ("DELETE /v0/pipes/{pipe}/nodes/{node}/copy", "a name"),
    ("DELETE /v0/pipes/{pipe}/nodes/{node}/materialization", "a name"),
    ("DELETE /v0/pipes/{pipe}/nodes/{node}/sink", "a name"),
    ("GET /v0/sql_format", PRINTED_ONLY),
    ("GET /v0/sql_replace", PRINTED_ONLY),
    ("GET /v0/sql_tables", PRINTED_ONLY),
    ("POST /v0/sql_format", PRINTED_ONLY),
    ("POST /v0/sql_replace", PRINTED_ONLY),
    ("POST /v0/sql_tables", PRINTED_ONLY),
    ("GET /v0/tokens", "nothing"),
    ("GET /v0/tokens/{token}", "a name"),
    ("DELETE /v0/tokens/{token}", "a name"),
    ("POST /v0/tokens/{token}/refresh", "a name"),
];

/// The engine gets it as a string literal.
const PRINTED_ONLY: &str = "SQL that is read and printed, never run";

pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
