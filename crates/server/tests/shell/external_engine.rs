//! A ClickHouse server in the engine's place.

use std::time::Duration;

use standpipe_clickhouse::{Client, Server};
use standpipe_server::engine_process::{EngineState, Supervisor};
use tokio::time::Instant;

use crate::fake_engine::start_server;

#[tokio::test]
async fn a_server_that_answers_is_ready() {
    let supervisor = Supervisor::external(start_server("24.8.4.13").await);
    let engine = supervisor.handle();
    engine.wait_ready(Instant::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(engine.state(), EngineState::External);
    supervisor.stop().await.unwrap();
}

#[tokio::test]
async fn an_old_server_is_refused_in_one_sentence() {
    let mut supervisor = Supervisor::external(start_server("18.16.1").await);
    assert_eq!(
        supervisor.failure().await.to_string(),
        "the clickhouse server at engine.url is version 18.16.1, which is too old: use version 24 or newer"
    );
}

#[tokio::test]
async fn a_server_that_refuses_us_is_told() {
    let text = "Code: 516. DB::Exception: default: Authentication failed. (AUTHENTICATION_FAILED)";
    let mut supervisor = Supervisor::external(start_server(text).await);
    let failure = format!("{:#}", supervisor.failure().await);
    assert!(failure.starts_with("cannot use the clickhouse server at engine.url: Code: 516"), "{failure}");
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_later() {
    // It takes connections and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server { url, user: "default".into(), password: None };
    let supervisor = Supervisor::external(Client::http(server).unwrap());
    assert!(supervisor.handle().wait_ready(Instant::now()).await.is_err());
    supervisor.stop().await.unwrap();
}
