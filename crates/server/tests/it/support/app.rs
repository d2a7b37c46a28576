//! The product as a test meets it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::Value;
use standpipe_clickhouse::{Client as EngineClient, Internal, Lane, QueryOptions};
use standpipe_core::access::Access;
use standpipe_core::jobs::Runner;
use standpipe_core::model::Token;
use standpipe_core::model::{Pipe, Published, Role, Workspace};
use standpipe_core::read::NodeSql;
use standpipe_core::storage::Faults;
use standpipe_core::store::Change;
use standpipe_core::{Clock, Parts, Standpipe};
use standpipe_server::app::App;
use standpipe_server::config::{Config, Layers};
use standpipe_server::engine_process::{EngineHandle, EngineState};
use standpipe_server::metrics::Metrics;
use standpipe_server::{router, startup};
use tempfile::TempDir;
use tokio::sync::watch;

use super::engine::SharedEngine;
use super::{Answer, Client, SlowChecks};

/// A server without a socket: its own metadata, its own workspace, the shared engine. Calls go out as the workspace's
/// admin.
pub(crate) struct TestApp {
    admin: Client,
    pub(crate) app: App,
    /// Says what the supervisor says elsewhere.
    pub(crate) engine_state: watch::Sender<EngineState>,
    /// Failures between two steps of an operation.
    pub(crate) faults: Faults,
    /// Seconds by which the clock is ahead.
    ahead: Arc<AtomicI64>,
    folder: TempDir,
    engine: Arc<SharedEngine>,
}

impl Deref for TestApp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.admin
    }
}

impl TestApp {
    pub(crate) async fn new() -> TestApp {
        TestApp::with(|_| {}).await
    }

    /// With a configuration of its own.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> TestApp {
        let folder = TempDir::new().unwrap();
        let mut config = config(folder.path());
        // The engine is everybody's, so it is started before the configuration becomes this test's own.
        let engine = SharedEngine::get(&config);
        change(&mut config);
        let client = EngineClient::unix(engine.socket()).unwrap();
        let app = TestApp::open(folder, config, engine, client.clone(), client).await;
        app.standpipe().reconcile().await.unwrap();
        app
    }

    /// What a server finds that starts over what this one leaves, before it has looked after it.
    pub(crate) async fn restart(self) -> TestApp {
        self.restart_with(|_| {}).await
    }

    /// The same with another configuration.
    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> TestApp {
        self.standpipe().close().await;
        let client = EngineClient::unix(self.engine.socket()).unwrap();
        let mut config = Config::clone(&self.app.config);
        change(&mut config);
        TestApp::open(self.folder, config, self.engine, client.clone(), client).await
    }

    /// The same, looked after.
    pub(crate) async fn restart_prepared_with(self, change: impl FnOnce(&mut Config)) -> TestApp {
        let app = self.restart_with(change).await;
        app.standpipe().reconcile().await.unwrap();
        app
    }

    /// The same over an engine that does not answer.
    pub(crate) async fn restart_without_engine(self) -> TestApp {
        self.standpipe().close().await;
        let client = EngineClient::unix(&self.folder.path().join("nobody.sock")).unwrap();
        TestApp::open(self.folder, Config::clone(&self.app.config), self.engine, client.clone(), client).await
    }

    /// What a server finds that starts over what this one leaves, before it has looked after it; questions about texts are
    /// held.
    pub(crate) async fn restart_with_slow_checks(self) -> (TestApp, SlowChecks) {
        self.standpipe().close().await;
        let client = EngineClient::unix(self.engine.socket()).unwrap();
        let checks = SlowChecks::before(self.engine.socket().to_owned());
        let checker = EngineClient::unix(&checks.socket()).unwrap();
        let config = Config::clone(&self.app.config);
        (TestApp::open(self.folder, config, self.engine, client, checker).await, checks)
    }

    async fn open(
        folder: TempDir,
        config: Config,
        engine: Arc<SharedEngine>,
        client: EngineClient,
        checker: EngineClient,
    ) -> TestApp {
        let faults = Faults::none();
        let (engine_state, state) = watch::channel(EngineState::Ready);
        let handle = EngineHandle::new(client.clone(), state);
        let name = engine.library.display().to_string();
        let ahead = Arc::new(AtomicI64::new(0));
        let shift = ahead.clone();
        let clock =
            Clock::from_fn(move || Clock::system().now() + SignedDuration::from_secs(shift.load(Ordering::Relaxed)));
        let parts = Parts { faults: faults.clone(), clock, ..startup::parts(&config, client.clone(), checker, name) };
        let standpipe = Arc::new(Standpipe::open(parts).await.unwrap());
        let token = admin_token(&standpipe).await;
        let app = App::new(Arc::new(config), handle, Metrics::new(), standpipe, token.id);
        app.set_prepared();
        let admin = Client::new(router::build(app.clone()), Some(token.value.expose_secret().to_owned()));
        TestApp { admin, app, engine_state, faults, ahead, folder, engine }
    }

    pub(crate) fn standpipe(&self) -> &Standpipe {
        &self.app.standpipe
    }

    /// What the workspace's admin may do.
    pub(crate) fn access(&self) -> Access {
        Access::authenticate(self.standpipe().catalog().snapshot(), Some(self.token())).unwrap()
    }

    /// The rows of a query over service data, once all that was recorded is written.
    pub(crate) async fn recorded(&self, sql: &str) -> String {
        self.standpipe().service_data().flush().await.unwrap();
        self.rows(sql).await
    }

    /// The workspace as it is now.
    pub(crate) fn workspace(&self) -> Arc<Workspace> {
        let snapshot = self.standpipe().catalog().snapshot();
        snapshot.workspaces().find(|workspace| workspace.name == "test").unwrap().clone()
    }

    /// A caller without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(router::build(self.app.clone()), None)
    }

    /// A caller with this token.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client::new(router::build(self.app.clone()), Some(token.to_owned()))
    }

    /// A caller with a new token of these scopes.
    pub(crate) async fn with_scopes(&self, scopes: &[&str]) -> Client {
        let name = format!("token {}", self.workspace().tokens.len());
        let body = serde_json::json!({"name": name, "scopes": scopes});
        let answer = self.post("/v0/tokens").json(&body).send().await.assert_status(200);
        self.with_token(answer.json()["token"].as_str().unwrap())
    }

    /// The admin of a second workspace of the same server.
    pub(crate) async fn other_workspace(&self) -> Client {
        let workspace = self.standpipe().create_workspace("other").await.unwrap();
        let token = self.standpipe().admin_token(&workspace, "other admin", None).await.unwrap();
        self.with_token(token.value.expose_secret())
    }

    /// Puts SQL into a pipe's only node and publishes it, past every check: as if an older version had stored it.
    pub(crate) async fn store_node_unchecked(&self, pipe: &str, sql: &str) {
        self.store_unchecked(pipe, sql, Some(Role::Endpoint)).await;
    }

    /// The same with another role, or none.
    pub(crate) async fn store_unchecked(&self, pipe: &str, sql: &str, role: Option<Role>) {
        let workspace = self.workspace();
        let mut pipe = Pipe::clone(workspace.pipe(pipe).unwrap());
        pipe.nodes[0].sql = NodeSql::stored("unchecked", sql, &Default::default());
        pipe.published = role.map(|role| Published { node: pipe.nodes[0].id, role });
        let changes = vec![Change::PutPipe(Arc::new(pipe))];
        self.standpipe().catalog().change(workspace.id, |_| Ok((changes, ()))).await.unwrap();
    }

    /// Sets the clock so many seconds ahead.
    pub(crate) fn set_ahead(&self, seconds: i64) {
        self.ahead.store(seconds, Ordering::Relaxed);
    }

    /// Looks at the jobs once and waits until what began has ended.
    pub(crate) async fn run_jobs(&self) {
        Runner::new(self.standpipe().clone()).tick().await.unwrap();
        self.standpipe().settle().await;
    }

    /// Looks after the jobs that a server left which is gone, and waits until that has ended.
    pub(crate) async fn take_over_jobs(&self) {
        let runner = Runner::new(self.standpipe().clone());
        runner.begin().await.unwrap();
        runner.tick().await.unwrap();
        self.standpipe().settle().await;
    }

    /// The engine's own answer to SQL of ours: what an answer of the API is compared with.
    pub(crate) async fn engine(&self, sql: &str, options: QueryOptions) -> Vec<u8> {
        let client = EngineClient::unix(self.engine.socket()).unwrap();
        let response =
            client.query(&Internal::new(sql), &options).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        response.bytes().await.unwrap().to_vec()
    }

    /// What the engine reads in files of these names and contents, as a query over `files` answers it.
    pub(crate) async fn engine_reads(&self, files: &BTreeMap<String, Vec<u8>>, format: &str, sql: &str) -> Vec<String> {
        let folder = TempDir::new_in(self.engine.folder()).unwrap();
        let mut names = Vec::new();
        for (number, (key, content)) in files.iter().enumerate() {
            // The extension says how a file is compressed.
            let extension = key.rsplit('/').next().unwrap().split_once('.').unwrap().1;
            names.push(format!("{number}.{extension}"));
            std::fs::write(folder.path().join(names.last().unwrap()), content).unwrap();
        }
        // By their names: the sandbox lets no folder above be listed.
        let names = if names.len() == 1 { names.concat() } else { format!("{{{}}}", names.join(",")) };
        let files = format!("file('{}/{names}', {format})", folder.path().display());
        self.engine_lines(&sql.replace("files", &files)).await
    }

    /// How many queries whose text holds `word` the engine runs.
    pub(crate) async fn engine_runs(&self, word: &str) -> usize {
        let own = "query NOT LIKE '%system.processes%'";
        let sql = format!("SELECT count() FROM system.processes WHERE query LIKE '%{word}%' AND {own}");
        let count = self.engine(&sql, QueryOptions::new(Lane::Control).format("TSVRaw")).await;
        String::from_utf8(count).unwrap().trim().parse().unwrap()
    }

    /// One column of the engine's answer.
    pub(crate) async fn engine_lines(&self, sql: &str) -> Vec<String> {
        let bytes = self.engine(sql, QueryOptions::new(Lane::Read).format("TSVRaw")).await;
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Client {
    /// Creates a data source with the defaults of its engine and answers it.
    pub(crate) async fn create_data_source(&self, name: &str, schema: &str) -> Value {
        let body = serde_json::json!({"name": name, "schema": schema});
        let answer = self.post("/v0/datasources").json(&body).send().await.assert_status(200);
        answer.json()["datasource"].clone()
    }

    /// Sends events, none of which may end in the quarantine.
    pub(crate) async fn send_events(&self, name: &str, ndjson: &str) {
        let uri = format!("/v0/events?name={name}&wait=true");
        let answer = self.post(&uri).body(ndjson.to_owned()).send().await.assert_status(200);
        assert_eq!(answer.json()["quarantined_rows"], 0, "{}", answer.text());
    }

    /// Creates a pipe of one node and answers it.
    pub(crate) async fn create_pipe(&self, name: &str, sql: &str) -> Value {
        let body = serde_json::json!({"name": name, "sql": sql});
        self.post("/v0/pipes").json(&body).send().await.assert_status(200).json()
    }

    /// Creates a pipe of one node, named after it, that is published.
    pub(crate) async fn create_endpoint(&self, name: &str, sql: &str) -> Value {
        let node = serde_json::json!({"name": format!("{name}_node"), "sql": sql, "type": "endpoint"});
        let body = serde_json::json!({"name": name, "nodes": [node]});
        self.post("/v0/pipes").json(&body).send().await.assert_status(200).json()
    }

    /// Appends a node and answers it.
    pub(crate) async fn append_node(&self, pipe: &str, name: &str, sql: &str) -> Value {
        let uri = format!("/v0/pipes/{pipe}/nodes?name={name}");
        self.post(&uri).body(sql.to_owned()).send().await.assert_status(200).json()
    }

    /// Runs SQL, whatever comes of it.
    pub(crate) async fn sql(&self, sql: &str) -> Answer {
        self.post("/v0/sql").plain(sql).send().await
    }

    /// The rows of a query that must succeed, tab-separated.
    pub(crate) async fn rows(&self, sql: &str) -> String {
        let answer = self.sql(&format!("{sql} FORMAT TSV")).await.assert_status(200);
        answer.text().to_owned()
    }
}

fn config(data: &Path) -> Config {
    let data = data.to_str().unwrap();
    let mut layers = Layers::defaults().value("server.data", data, "test").unwrap();
    if let Some(library) = std::env::var_os("STANDPIPE_LIBCHDB") {
        layers = layers.value("engine.library", library.to_str().unwrap(), "test").unwrap();
    }
    layers.config().unwrap()
}

/// The first workspace and its admin token, as the first start makes them.
async fn admin_token(standpipe: &Standpipe) -> Arc<Token> {
    let workspace = standpipe.first_workspace("test").await.unwrap();
    standpipe.admin_token(&workspace, "admin local_testing@tinybird.co", None).await.unwrap()
}
