//! The data that the corpus reads, and the engine's own answers to compare with.

use std::fmt::Write;
use std::ops::Deref;

use standpipe_clickhouse::{Lane, QueryOptions};

use crate::support::{Client, TestApp};

/// Data sources: name, schema, engine's fields.
const DATA_SOURCES: &[(&str, &str, &str)] = &[
    (
        "events",
        "id UInt32 `json:$.id`, user_id UInt32 `json:$.user_id`, kind LowCardinality(String) `json:$.kind`, \
         value Float64 `json:$.value`, ts DateTime `json:$.ts`, day Date `json:$.day`, tags Array(String) `json:$.tags[:]`, \
         payload String `json:$.payload`, note Nullable(String) `json:$.note`, url String `json:$.url`",
        "engine=MergeTree&engine_sorting_key=id",
    ),
    (
        "users",
        "user_id UInt32 `json:$.user_id`, name String `json:$.name`, country String `json:$.country`, \
         score Nullable(Int32) `json:$.score`",
        "engine=MergeTree&engine_sorting_key=user_id",
    ),
    (
        "prices",
        "kind String `json:$.kind`, ts DateTime `json:$.ts`, price Float64 `json:$.price`",
        "engine=MergeTree&engine_sorting_key=kind,+ts",
    ),
    (
        "sampled",
        "id UInt32 `json:$.id`",
        "engine=MergeTree&engine_sorting_key=intHash32(id)&engine_sampling_key=intHash32(id)",
    ),
    (
        "versions",
        "id UInt32 `json:$.id`, state String `json:$.state`, version UInt32 `json:$.version`",
        "engine=ReplacingMergeTree&engine_sorting_key=id&engine_ver=version",
    ),
];

/// What the row-filtered token may see of `events`.
pub(super) const FILTER: &str = "kind != 'buy'";

pub(super) struct World {
    app: TestApp,
    /// A database whose tables have the names and all rows of the data sources, and one as the filtered token sees them.
    pub(super) truth: String,
    pub(super) filtered_truth: String,
}

impl Deref for World {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl World {
    pub(super) async fn new() -> World {
        let app = TestApp::new().await;
        for (name, schema, engine) in DATA_SOURCES {
            let schema: String = form_urlencoded::byte_serialize(schema.as_bytes()).collect();
            let form = format!("name={name}&schema={schema}&{engine}");
            app.post("/v0/datasources").form(&form).send().await.assert_status(200);
        }
        send_rows(&app).await;
        // A pipe of each kind that queries name.
        app.create_endpoint("clicks", "SELECT id, user_id, value FROM events WHERE kind = 'click'").await;
        app.create_pipe("user_totals", "SELECT user_id, sum(value) AS total FROM events GROUP BY user_id").await;
        let database = app.workspace().database.clone();
        let world = World { app, truth: format!("{database}_truth"), filtered_truth: format!("{database}_filtered") };
        world.make_truth(&world.truth, "1").await;
        world.make_truth(&world.filtered_truth, FILTER).await;
        world
    }

    /// Not by our rewriting: the parts of the tables, linked into tables that are called like the data sources.
    async fn make_truth(&self, database: &str, filter: &str) {
        let workspace = self.workspace();
        self.engine_lines(&format!("CREATE DATABASE {database}")).await;
        for (name, ..) in DATA_SOURCES {
            let table = workspace.data_source(name).unwrap().table().rows();
            let from = format!("{}.{table}", workspace.database);
            self.engine_lines(&format!("CREATE TABLE {database}.{name} AS {from}")).await;
            let fill = match *name {
                "events" => format!("INSERT INTO {database}.{name} SELECT * FROM {from} WHERE {filter}"),
                _ => format!("ALTER TABLE {database}.{name} ATTACH PARTITION ALL FROM {from}"),
            };
            self.engine_lines(&fill).await;
        }
        for pipe in ["clicks", "user_totals"] {
            let sql =
                workspace.pipe(pipe).unwrap().nodes[0].sql.as_str().replace("FROM ", &format!("FROM {database}."));
            self.engine_lines(&format!("CREATE VIEW {database}.{pipe} AS {sql}")).await;
        }
    }

    pub(super) async fn drop_truth(&self) {
        for database in [&self.truth, &self.filtered_truth] {
            self.engine_lines(&format!("DROP DATABASE {database}")).await;
        }
    }

    /// What the engine answers to a query as it is written.
    pub(super) async fn raw(&self, database: &str, sql: &str, format: &'static str) -> String {
        let options = QueryOptions::new(Lane::Read).database(database).format(format).setting("max_threads", 1);
        String::from_utf8(self.engine(sql, options).await).unwrap()
    }

    /// A token that sees the rows of [`FILTER`] only, and everything else.
    pub(super) async fn filtered_token(&self) -> Client {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("name", "filtered").append_pair("scope", &format!("DATASOURCES:READ:events:{FILTER}"));
        for name in ["users", "prices", "sampled", "versions"] {
            form.append_pair("scope", &format!("DATASOURCES:READ:{name}"));
        }
        for pipe in ["clicks", "user_totals", "corpus"] {
            form.append_pair("scope", &format!("PIPES:READ:{pipe}"));
        }
        let answer = self.post("/v0/tokens").form(&form.finish()).send().await.assert_status(200);
        self.with_token(answer.json()["token"].as_str().unwrap())
    }
}

async fn send_rows(app: &TestApp) {
    let (kinds, colours) = (["view", "click", "buy"], ["red", "green", "blue"]);
    let mut events = String::new();
    for id in 0..24_u32 {
        let tags: Vec<_> = colours.iter().take((id % 4) as usize).collect();
        let note = if id % 5 == 0 { "null".to_owned() } else { format!("\"n{}\"", id % 7) };
        let payload = format!(r#"{{\"name\":\"n{id}\",\"n\":{id},\"f\":1.5,\"ok\":true,\"list\":[1,{id}]}}"#);
        writeln!(
            events,
            r#"{{"id":{id},"user_id":{},"kind":"{}","value":{},"ts":"2026-01-{:02} {:02}:30:00","day":"2026-01-{:02}","tags":{},"payload":"{payload}","note":{note},"url":"https://www.example.com/p/{id}?q={id}"}}"#,
            id % 5,
            kinds[(id % 3) as usize],
            f64::from(id % 11) + 0.25,
            1 + id / 4,
            id,
            1 + id / 4,
            serde_json::to_string(&tags).unwrap(),
        )
        .unwrap();
    }
    app.send_events("events", &events).await;
    let users = r#"{"user_id":0,"name":"Ana","country":"ES","score":1}
{"user_id":1,"name":"Bo","country":"SE","score":null}
{"user_id":2,"name":"Chen","country":"CN","score":7}
{"user_id":9,"name":"Nobody","country":"ES","score":3}"#;
    app.send_events("users", users).await;
    let prices = r#"{"kind":"click","ts":"2026-01-01 00:00:00","price":1}
{"kind":"click","ts":"2026-01-03 00:00:00","price":2}
{"kind":"buy","ts":"2026-01-02 00:00:00","price":10}"#;
    app.send_events("prices", prices).await;
    let sampled: String = (0..40).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    app.send_events("sampled", &sampled).await;
    for version in 1..=2 {
        let rows = format!(
            "{{\"id\":1,\"state\":\"v{version}\",\"version\":{version}}}\n{{\"id\":{version},\"state\":\"w\",\"version\":{version}}}"
        );
        app.send_events("versions", &rows).await;
    }
}
