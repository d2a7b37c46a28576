//! What the attacks are after, and how it is seen that they did not get it.

use std::ops::Deref;
use std::path::Path;

use crate::support::{Answer, KEY, S3Server, SECRET as S3_SECRET, TestApp};

/// Stands in a row of the other workspace.
const SECRET: &str = "SECRET-77042";

/// A workspace with data, and another one that must stay out of reach.
pub(super) struct World {
    app: TestApp,
    /// Where sinks write.
    _s3: S3Server,
    /// Names in attacks, and what they are here.
    addresses: Vec<(&'static str, String)>,
    /// Texts that no answer holds, unless the statement itself did.
    secrets: Vec<String>,
}

impl Deref for World {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl World {
    pub(super) async fn new() -> World {
        let s3 = S3Server::start(&["bucket"]).await;
        let app = TestApp::with(|config| config.outbound.allow_private_networks = true).await;
        let schema = "a Int64 `json:$.a`, b Int64 `json:$.b`, p String `json:$.p`, s String `json:$.s`, \
                      tags Array(String) `json:$.tags[:]`";
        let rows = "{\"a\":1,\"b\":2,\"p\":\"x\",\"s\":\"fine\",\"tags\":[\"t\"]}\n{\"a\":2,\"b\":2,\"p\":\"x\",\"s\":\"fine\",\"tags\":[]}";
        for name in ["events", "users"] {
            app.create_data_source(name, schema).await;
            app.send_events(name, rows).await;
        }
        app.create_data_source("copied", "a Int64 `json:$.a`, s String `json:$.s`").await;
        let store = serde_json::json!({
            "service": "s3", "name": "store", "s3_access_key_id": KEY, "s3_secret_access_key": S3_SECRET,
            "s3_endpoint": s3.endpoint,
        });
        app.post("/v0/connectors").json(&store).send().await.assert_status(200);
        app.create_endpoint("p", "SELECT a, s FROM events").await;
        for name in ["stored", "more", "fed"] {
            app.create_pipe(name, "SELECT a, s FROM events").await;
        }
        let fed = "/v0/pipes/fed/nodes/fed_0/materialization?datasource=fed_rows";
        app.post(fed).send().await.assert_status(200);
        let other = app.other_workspace().await;
        other.create_data_source("theirs", "s String `json:$.s`").await;
        other.send_events("theirs", &format!("{{\"s\":\"{SECRET}\"}}")).await;
        let addresses = addresses(&app);
        let mut secrets: Vec<String> = addresses.iter().map(|(_, address)| address.clone()).collect();
        secrets.extend([SECRET.to_owned(), "root:x:0".to_owned()]);
        // A short host name could be part of anything.
        let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_owned();
        secrets.extend(Some(host).filter(|host| host.len() > 5));
        World { app, _s3: s3, addresses, secrets }
    }

    /// A statement with the real addresses of this world in the places of the suite's.
    pub(super) fn address(&self, sql: &str) -> String {
        let replaced = |sql: String, (name, address): &(&str, String)| sql.replace(name, address);
        let sql = self.addresses.iter().fold(sql.to_owned(), replaced);
        // The same with escapes in quotes.
        let (own, other) = (&self.addresses[0].1[1..], &self.addresses[1].1[2..]);
        sql.replace("\\x64_ws", &format!("\\x64{own}")).replace("d\\x5fother", &format!("d\\x5f{other}"))
    }

    /// Whether an answer keeps to what was sent; else what it tells.
    pub(super) fn tells_nothing(&self, sent: &str, answer: &Answer) -> Result<(), String> {
        let (body, headers) = (String::from_utf8_lossy(&answer.body), format!("{:?}", answer.headers));
        let told = |secret: &&String| !sent.contains(*secret) && (body.contains(*secret) || headers.contains(*secret));
        match self.secrets.iter().find(told) {
            Some(secret) => Err(format!("tells {secret}: {} {body}", answer.status)),
            None => Ok(()),
        }
    }

    #[track_caller]
    pub(super) fn assert_tells_nothing(&self, about: &str, sent: &str, answer: &Answer) {
        if let Err(told) = self.tells_nothing(sent, answer) {
            panic!("{about} {told}");
        }
    }

    /// All that an attack could change: tables and their rows, resources, files.
    pub(super) async fn everything(&self) -> String {
        let mut lines = self
            .engine_lines(
                "SELECT concat(database, '.', name, ' ', toString(total_rows)) FROM system.tables \
                 WHERE database IN (SELECT arrayJoin(splitByChar(',', '{databases}'))) ORDER BY 1"
                    .replace("{databases}", &format!("{},{}", self.addresses[0].1, self.addresses[1].1))
                    .as_str(),
            )
            .await;
        let workspace = self.workspace();
        let mut resources: Vec<String> = workspace
            .pipes
            .values()
            .map(|pipe| format!("{} {:?}", pipe.name, pipe.nodes.iter().map(|node| &node.name).collect::<Vec<_>>()))
            .chain(workspace.data_sources.values().map(|data_source| data_source.name.to_string()))
            .chain(workspace.tokens.values().map(|token| token.name.clone()))
            .collect();
        resources.sort();
        lines.extend(resources);
        lines.push(format!("/tmp/x: {}", Path::new("/tmp/x").exists()));
        lines.join("\n")
    }
}

/// Longer names first: one can be part of another.
fn addresses(app: &TestApp) -> Vec<(&'static str, String)> {
    let snapshot = app.standpipe().catalog().snapshot();
    let workspace = |name: &str| snapshot.workspaces().find(|workspace| workspace.name == name).unwrap().clone();
    let (own, other) = (workspace("test"), workspace("other"));
    let table = |name: &str| own.data_source(name).unwrap().table().rows();
    vec![
        ("d_ws", own.database.clone()),
        ("d_other", other.database.clone()),
        ("t_events", table("events")),
        ("t_users", table("users")),
        ("t_secret", other.data_source("theirs").unwrap().table().rows()),
    ]
}
