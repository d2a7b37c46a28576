//! Sink pipes over HTTP: the requests of the documents, their fields and codes.

use std::ops::Deref;

use serde_json::{Value, json};
use standpipe_server::config::Config;

use crate::support::{Answer, KEY, S3Server, SECRET, TestApp, key_file, redact};

/// A server with an object store, a connection to it, and a pipe.
pub(crate) struct SinkApp {
    app: TestApp,
    pub(crate) s3: S3Server,
}

impl Deref for SinkApp {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl SinkApp {
    pub(crate) async fn new() -> SinkApp {
        SinkApp::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> SinkApp {
        let app = SinkApp::over(S3Server::start(&["exports", "other"]).await, change).await;
        app.connect("store", KEY, SECRET).await;
        app
    }

    /// With a store as Google's and a connection by the key of a service account.
    pub(crate) async fn google() -> SinkApp {
        let app = SinkApp::over(S3Server::start_google(&["exports"]).await, |_| {}).await;
        app.connect_account("store", &key_file(&app.s3.endpoint)).await.assert_status(200);
        app
    }

    async fn over(s3: S3Server, change: impl FnOnce(&mut Config)) -> SinkApp {
        let app = TestApp::with(|config| {
            config.outbound.allow_private_networks = true;
            change(config);
        });
        SinkApp { app: app.await, s3 }
    }

    pub(crate) async fn restart(self) -> SinkApp {
        self.restart_with(|_| {}).await
    }

    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> SinkApp {
        SinkApp { app: self.app.restart_prepared_with(change).await, s3: self.s3 }
    }

    pub(crate) async fn connect_account(&self, name: &str, key: &Value) -> Answer {
        let body = json!({"service": "gcs", "name": name, "gcs_service_account_credentials_json": key});
        self.post("/v0/connectors").json(&body).send().await
    }

    pub(crate) async fn connect(&self, name: &str, key: &str, secret: &str) {
        let body = json!({
            "service": "s3", "name": name, "s3_access_key_id": key, "s3_secret_access_key": secret,
            "s3_region": "us-east-1", "s3_endpoint": self.s3.endpoint,
        });
        self.post("/v0/connectors").json(&body).send().await.assert_status(200);
    }

    /// Three rows, and the pipe that writes them.
    pub(crate) async fn with_pipe(self) -> SinkApp {
        self.create_data_source("visits", "id Int32 `json:$.id`, country String `json:$.c`, at DateTime `json:$.at`")
            .await;
        let rows = [
            json!({"id": 1, "c": "ES", "at": "2024-01-31 08:00:00"}),
            json!({"id": 2, "c": "FR", "at": "2024-01-31 09:00:00"}),
            json!({"id": 3, "c": "ES", "at": "2024-02-01 10:00:00"}),
        ];
        self.send_events("visits", &rows.map(|row| row.to_string()).join("\n")).await;
        self.create_pipe("p", "%\nSELECT id, country, at FROM visits WHERE id > {{Int32(over, 0)}} ORDER BY id").await;
        self
    }

    pub(crate) async fn set(&self, form: &str) -> Answer {
        self.post("/v0/pipes/p/nodes/p_0/sink").form(form).send().await
    }

    /// Runs the pipe's sink and answers the ended job.
    pub(crate) async fn run(&self, form: &str) -> Value {
        let job = self.start(form).await;
        self.run_jobs().await;
        self.job(&job).await
    }

    pub(crate) async fn start(&self, form: &str) -> String {
        let answer = self.post("/v0/pipes/p/sink").form(form).send().await.assert_status(200).json();
        answer["job"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn job(&self, id: &str) -> Value {
        self.get(&format!("/v0/jobs/{id}")).send().await.assert_status(200).json()
    }
}

pub(crate) const FORM: &str = "connection=store&path=s3://exports/daily&file_template=export";

#[tokio::test]
async fn a_pipe_is_set_and_unset_as_the_documents_show() {
    let app = SinkApp::new().await.with_pipe().await;
    let form = format!("{FORM}&format=csv&compression=gz&schedule_cron=0 */1 * * *&region=eu-west-3");
    let shown = app.set(&form).await.assert_status(200).json();
    let node = &shown["nodes"][0];
    for (member, expected) in [
        ("name", json!("p")),
        ("type", json!("sink")),
        ("description", Value::Null),
        ("endpoint", Value::Null),
        ("parent", Value::Null),
        ("last_commit", json!({"content_sha": "", "path": "", "status": "changed"})),
        ("sink_node", node["id"].clone()),
        ("copy_node", Value::Null),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    assert_eq!((&node["node_type"], &node["type"]), (&json!("sink"), &json!("sink")));
    let schedule = json!({"cron": "0 */1 * * *", "timezone": "UTC", "status": "running", "next_run": "[time]"});
    assert_eq!(redact(shown["schedule"].clone()), schedule);
    let pipe = app.get("/v0/pipes/p").send().await.json();
    assert_eq!((&pipe["type"], &pipe["sink_node"]), (&json!("sink"), &node["id"]));
    let connection = app.get("/v0/connectors/store").send().await.json();
    let expected = json!([{"resource_id": shown["id"], "name": "p", "settings": {
        "bucket_path": "s3://exports/daily", "file_template": "export", "format": "csv", "compression": "gz",
        "write_strategy": "new",
    }}]);
    assert_eq!(connection["sinks"], expected);
    let text = app.delete("/v0/connectors/store").send().await.assert_error(409);
    assert!(text.contains("sink pipe 'p'"), "{text}");

    let app = app.restart().await;
    let again = app.get("/v0/pipes/p").send().await.json();
    assert_eq!((&again["type"], &again["schedule"]), (&json!("sink"), &pipe["schedule"]));

    let unset = app.delete("/v0/pipes/p/nodes/p_0/sink").send().await.assert_status(200).json();
    assert_eq!((&unset["type"], &unset["sink_node"]), (&json!("default"), &Value::Null));
    assert_eq!(unset.get("schedule"), None);
    assert_eq!(unset["last_commit"]["status"], "changed");
    let text = app.delete("/v0/pipes/p/nodes/p_0/sink").send().await.assert_error(400);
    assert!(text.contains("not a sink pipe"), "{text}");
    app.delete("/v0/connectors/store").send().await.assert_status(204);
}

#[tokio::test]
async fn every_documented_code_of_setting() {
    let app = SinkApp::new().await.with_pipe().await;
    app.connect("wrong", KEY, "wrong").await;
    app.connect("unknown", "nobody", SECRET).await;
    let role = "service=s3_iamrole&name=role&s3_iamrole_arn=arn:aws:iam::123456789012:role/x";
    app.post("/v0/connectors").form(role).send().await.assert_status(200);
    for (form, status, part) in [
        // Not found.
        ("connection=nope&path=s3://exports/x&file_template=f", 404, "'nope'"),
        ("connection=store&path=s3://no-such-bucket/x&file_template=f", 404, "'no-such-bucket'"),
        // Credentials.
        ("connection=wrong&path=s3://exports/x&file_template=f", 401, "'wrong'"),
        ("connection=unknown&path=s3://exports/x&file_template=f", 401, "'unknown'"),
        // A role: its region, and who assumes it.
        ("connection=role&path=s3://exports/x&file_template=f", 400, "region"),
        ("connection=role&path=s3://exports/x&file_template=f&region=eu-west-33", 400, "'eu-west-33'"),
        ("connection=role&path=s3://exports/x&file_template=f&region=eu-west-3", 403, "no AWS identity"),
        // Parameters.
        ("path=s3://exports/x&file_template=f", 400, "connection"),
        ("connection=store&file_template=f", 400, "path"),
        ("connection=store&path=s3://exports/x", 400, "file_template"),
        ("connection=store&path=exports/x&file_template=f", 400, "s3://bucket/prefix"),
        ("connection=store&path=s3://exports/../x&file_template=f", 400, "'..'"),
        ("connection=store&path=s3://exports/x&file_template={", 400, "'{'"),
        ("connection=store&path=s3://exports/x&file_template=a/../b", 400, "'..'"),
        ("connection=store&path=s3://exports/x&file_template={9999}", 400, "1000"),
        ("connection=store&path=s3://exports/x&file_template=f&format=orc", 400, "'orc'"),
        ("connection=store&path=s3://exports/x&file_template=f&compression=rar", 400, "'rar'"),
        ("connection=store&path=s3://exports/x&file_template=f&compression=snappy", 400, "parquet only"),
        ("connection=store&path=s3://exports/x&file_template=f&write_strategy=merge", 400, "'merge'"),
        ("connection=store&path=s3://exports/x&file_template=f&schedule_cron=1 2", 400, "five fields"),
        ("connection=store&path=s3://exports/x&file_template={nope}&schedule_cron=@daily", 400, "'nope'"),
    ] {
        let text = app.set(form).await.assert_error(status);
        assert!(text.contains(part), "{form}: {text}");
    }
    for uri in ["/v0/pipes/nope/nodes/p_0/sink", "/v0/pipes/p/nodes/nope/sink"] {
        app.post(uri).form(FORM).send().await.assert_error(404);
        app.delete(uri).send().await.assert_error(404);
    }
    app.set(FORM).await.assert_status(200);
    let text = app.set(FORM).await.assert_error(403);
    assert!(text.contains("already"), "{text}");
}

#[tokio::test]
async fn a_query_that_may_not_be_run_is_forbidden() {
    let app = SinkApp::new().await.with_pipe().await;
    app.set(FORM).await.assert_status(200);
    for sql in ["SELECT * FROM s3('http://x/y')", "SELECT * FROM file('/etc/passwd')", "SELECT * FROM url('http://x')"]
    {
        let role = app.workspace().pipe("p").unwrap().published.clone().unwrap().role;
        app.store_unchecked("p", sql, Some(role)).await;
        app.post("/v0/pipes/p/sink").send().await.assert_error(403);
    }
    assert_eq!(app.get("/v0/jobs").send().await.json()["jobs"], json!([]));
    // Nor is it set.
    app.delete("/v0/pipes/p/nodes/p_0/sink").send().await.assert_status(200);
    let text = app.set(FORM).await.assert_error(403);
    assert!(text.contains("url"), "{text}");
    assert_eq!(app.get("/v0/pipes/p").send().await.json()["type"], "default");
}

#[tokio::test]
async fn a_materialized_pipe_is_unlinked_first() {
    let app = SinkApp::new().await.with_pipe().await;
    app.put("/v0/pipes/p/nodes/p_0").plain("SELECT id, country, at FROM visits").send().await.assert_status(200);
    let uri = "/v0/pipes/p/nodes/p_0/materialization";
    app.post(&format!("{uri}?datasource=target")).send().await.assert_status(200);
    let text = app.set(FORM).await.assert_error(409);
    assert!(text.contains(&format!("DELETE {uri}")), "{text}");
    app.delete(uri).send().await.assert_status(204);
    app.set(FORM).await.assert_status(200);
    app.post(&format!("{uri}?datasource=other")).send().await.assert_error(409);
}

#[tokio::test]
async fn only_the_sinks_own_node_unsets_it() {
    let app = SinkApp::new().await.with_pipe().await;
    app.append_node("p", "more", "SELECT 1 AS a").await;
    app.set(FORM).await.assert_status(200);
    let text = app.delete("/v0/pipes/p/nodes/more/sink").send().await.assert_error(400);
    assert_eq!(text, "node 'more' is not the sink of pipe 'p': that is node 'p_0'");
    assert_eq!(app.get("/v0/pipes/p").send().await.json()["type"], "sink");
    let text = app.post("/v0/pipes/p/nodes/more/sink").form(FORM).send().await.assert_error(403);
    assert!(text.contains("DELETE /v0/pipes/p/nodes/p_0/sink"), "{text}");
    app.delete("/v0/pipes/p/nodes/p_0/sink").send().await.assert_status(200);
}

#[tokio::test]
async fn a_pipe_does_one_thing() {
    let app = SinkApp::new().await.with_pipe().await;
    app.post("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_status(200);
    let text = app.set(FORM).await.assert_error(409);
    assert!(text.contains("DELETE /v0/pipes/p/nodes/p_0/endpoint"), "{text}");
    app.delete("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_status(200);
    app.set(FORM).await.assert_status(200);
    let text = app.post("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_error(409);
    assert!(text.contains("DELETE /v0/pipes/p/nodes/p_0/sink"), "{text}");
    app.create_data_source("target", "id Int32, country String, at DateTime").await;
    let copy = "/v0/pipes/p/nodes/p_0/copy?target_datasource=target";
    app.post(copy).send().await.assert_error(409);
    assert!(app.delete("/v0/pipes/p/nodes/p_0").send().await.assert_error(400).contains("sink"));
    app.post("/v0/pipes/p/copy").send().await.assert_error(400);
    app.delete("/v0/pipes/p/nodes/p_0/sink").send().await.assert_status(200);
    app.post(copy).send().await.assert_status(200);
    app.set(FORM).await.assert_error(409);
    app.post("/v0/pipes/p/sink").send().await.assert_error(400);
    app.delete("/v0/pipes/p/nodes/p_0/sink").send().await.assert_error(400);
}

#[tokio::test]
async fn only_admins_export() {
    let app = SinkApp::new().await.with_pipe().await;
    let creator = app.with_scopes(&["PIPES:CREATE", "PIPES:READ:p", "DATASOURCES:READ:visits"]).await;
    let uri = "/v0/pipes/p/nodes/p_0/sink";
    assert!(creator.post(uri).form(FORM).send().await.assert_error(403).contains("ADMIN"));
    app.set(FORM).await.assert_status(200);
    creator.post("/v0/pipes/p/sink").send().await.assert_error(403);
    creator.delete(uri).send().await.assert_error(403);
    // Who sees the pipe sees its jobs, but not where they write, and stops or repeats none.
    let id = app.start("").await;
    let job = format!("/v0/jobs/{id}");
    assert_eq!(app.job(&id).await["path"], "s3://exports/daily");
    let shown = creator.get(&job).send().await.assert_status(200);
    assert!(shown.json()["kind"] == "sink" && !shown.text().contains("exports"), "{}", shown.text());
    for action in ["cancel", "retry"] {
        creator.post(&format!("{job}/{action}")).send().await.assert_error(403);
    }
    app.post(&format!("{job}/cancel")).send().await.assert_status(200);
    let node = json!({"name": "n", "sql": "SELECT 1 AS a", "type": "sink", "export_params": {
        "connection": "store", "path": "s3://exports/x", "file_template": "f"}});
    let body = json!({"name": "q", "nodes": [node]});
    creator.post("/v0/pipes").json(&body).send().await.assert_error(403);
    app.other_workspace().await.post("/v0/pipes/p/sink").send().await.assert_error(404);
    let pipe = app.post("/v0/pipes").json(&body).send().await.assert_status(200).json();
    assert_eq!((&pipe["type"], &pipe["sink_node"]), (&json!("sink"), &pipe["nodes"][0]["id"]));
    // Pushed again, it stays what it is, under the same rule.
    let again = app.post("/v0/pipes?force=true").json(&body).send().await.assert_status(200).json();
    assert_eq!((&again["type"], &again["sink_node"]), (&json!("sink"), &pipe["sink_node"]));
}

#[tokio::test]
async fn kafka_sinks_are_kept_and_say_that_they_cannot_run() {
    let app = SinkApp::new().await.with_pipe().await;
    let kafka = "service=kafka&name=k&kafka_bootstrap_servers=k:9092";
    app.post("/v0/connectors").form(kafka).send().await.assert_status(200);
    app.set("connection=k").await.assert_error(400);
    let form = "connection=k&kafka_topic=visits&schedule_cron=0 * * * *";
    let pipe = app.set(form).await.assert_status(200).json();
    assert_eq!(pipe["type"], "sink");
    app.set_ahead(4_000);
    app.run_jobs().await;
    assert_eq!(app.get("/v0/jobs").send().await.json()["jobs"], json!([]));
    let connection = app.get("/v0/connectors/k").send().await.json();
    assert_eq!(connection["sinks"][0]["settings"], json!({"kafka_topic": "visits"}));
    let text = app.post("/v0/pipes/p/sink").send().await.assert_error(400);
    assert!(text.contains("kafka") && text.contains("cannot run yet"), "{text}");
}
