//! The supervisor with real processes: this test binary, asked by its environment to be an engine.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use standpipe_clickhouse::{Client, Internal, Lane, QueryOptions, Sql};
use standpipe_server::engine_process::{EngineCommand, EngineState, Supervisor};
use tokio::time::Instant;

use crate::fake_engine::{SOCKET, STUBBORN, Signal};

/// Far longer than anything here takes: only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

fn engine_command(socket: &Path) -> EngineCommand {
    EngineCommand {
        program: std::env::current_exe().unwrap(),
        args: ["--exact", "fake_engine::process", "--nocapture"].map(Into::into).into(),
        environment: vec![(SOCKET.into(), socket.into())],
        start_timeout: PATIENCE,
        stop_timeout: PATIENCE,
    }
}

fn shell(script: &str) -> EngineCommand {
    let args = ["-c", script].map(Into::into).into();
    EngineCommand { program: "/bin/sh".into(), args, ..engine_command("/nowhere".as_ref()) }
}

struct Running {
    supervisor: Supervisor,
    restarted: Signal,
    folder: tempfile::TempDir,
}

fn start(command: impl FnOnce(&Path) -> EngineCommand) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let restarted = Signal::default();
    let on_restart = {
        let (restarted, socket) = (restarted.clone(), socket.clone());
        move || {
            // The real engine removes a stale socket itself.
            let _was_there = std::fs::remove_file(&socket);
            restarted.give();
        }
    };
    let supervisor = Supervisor::embedded(command(&socket), Client::unix(&socket).unwrap(), on_restart);
    Running { supervisor, restarted, folder }
}

async fn process_id(client: &Client) -> i32 {
    let status = client.status().await.unwrap();
    i32::try_from(status.other["process_id"].as_i64().unwrap()).unwrap()
}

fn is_running(id: i32) -> bool {
    test_kill_process(Pid::from_raw(id).unwrap()).is_ok()
}

#[tokio::test]
async fn starts_and_stops_the_engine() {
    let Running { supervisor, folder, .. } = start(engine_command);
    let engine = supervisor.handle();
    engine.wait_ready(Instant::now() + PATIENCE).await.unwrap();
    assert_eq!(engine.state(), EngineState::Ready);
    let id = process_id(&engine.client).await;
    assert!(is_running(id));
    supervisor.stop().await.unwrap();
    assert!(!is_running(id));
    assert!(!engine.is_ready());
    drop(folder);
}

#[tokio::test]
async fn an_engine_that_does_not_stop_when_asked_is_killed() {
    let Running { supervisor, folder, .. } = start(|socket| {
        let mut command = engine_command(socket);
        command.environment.push((STUBBORN.into(), "1".into()));
        command.stop_timeout = Duration::ZERO;
        command
    });
    let engine = supervisor.handle();
    engine.wait_ready(Instant::now() + PATIENCE).await.unwrap();
    let id = process_id(&engine.client).await;
    supervisor.stop().await.unwrap();
    assert!(!is_running(id));
    drop(folder);
}

#[tokio::test]
async fn an_engine_that_dies_is_started_again() {
    let Running { supervisor, restarted, folder } = start(engine_command);
    let engine = supervisor.handle();
    engine.wait_ready(Instant::now() + PATIENCE).await.unwrap();
    for _ in 0..3 {
        let before = process_id(&engine.client).await;
        let exit = Internal::<Sql>::new("EXIT");
        let error = engine.client.execute(&exit, &QueryOptions::new(Lane::Read)).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
        restarted.given().await;
        engine.wait_ready(Instant::now() + PATIENCE).await.unwrap();
        assert_ne!(process_id(&engine.client).await, before);
    }
    supervisor.stop().await.unwrap();
    drop(folder);
}

#[tokio::test]
async fn an_engine_is_restarted_when_that_is_asked_for() {
    let Running { supervisor, restarted, folder } = start(engine_command);
    let engine = supervisor.handle();
    // Nothing runs yet that the restart could be meant for.
    engine.restart();
    engine.wait_ready(Instant::now() + PATIENCE).await.unwrap();
    for _ in 0..2 {
        let before = process_id(&engine.client).await;
        // Asking twice restarts once.
        engine.restart();
        engine.restart();
        restarted.given().await;
        assert!(!is_running(before));
        engine.wait_ready(Instant::now() + PATIENCE).await.unwrap();
        assert_ne!(process_id(&engine.client).await, before);
    }
    supervisor.stop().await.unwrap();
    drop(folder);
}

#[tokio::test]
async fn waiting_ends_at_the_deadline() {
    let Running { supervisor, .. } = start(|_| shell("exec sleep 1000"));
    let error = supervisor.handle().wait_ready(Instant::now()).await.unwrap_err();
    assert_eq!(error.to_string(), "the engine is starting");
    supervisor.stop().await.unwrap();
}

#[tokio::test]
async fn an_engine_that_never_starts_ends_the_supervisor_with_its_last_words() {
    let mut running = start(|_| shell("echo 'INFO hello' >&2; echo 'ERROR cannot find libchdb' >&2; exit 1"));
    let failure = running.supervisor.failure().await;
    assert_eq!(
        failure.to_string(),
        "the engine ended 5 times without answering once; its last words: 'ERROR cannot find libchdb'"
    );
    assert!(!running.supervisor.handle().is_ready());
}

#[tokio::test]
async fn an_engine_that_does_not_answer_in_time_is_killed_and_counted() {
    let mut running = start(|_| EngineCommand { start_timeout: Duration::ZERO, ..shell("exec sleep 1000") });
    let failure = running.supervisor.failure().await;
    assert!(failure.to_string().starts_with("the engine ended 5 times"), "{failure}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let mut running = start(|_| EngineCommand { program: "/nowhere/standpipe".into(), ..shell("") });
    let failure = running.supervisor.failure().await;
    assert_eq!(failure.to_string(), "cannot start the engine process '/nowhere/standpipe'");
}

#[tokio::test]
async fn the_engine_gets_no_environment() {
    let mut running = start(|_| shell("env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD= -e ^FAKE_ >&2; exit 1"));
    let failure = running.supervisor.failure().await;
    assert!(failure.to_string().ends_with("its last words: ''"), "{failure}");
}
