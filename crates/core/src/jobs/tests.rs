//! The runner, stepped by hand over a clock that stands still. No engine is needed.

use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use standpipe_clickhouse::{Client, Progress};
use tokio::sync::Notify;

use super::*;
use crate::clock::Clock;
use crate::error::Error;
use crate::model::WorkspaceId;
use crate::read::{LimitBook, ReadLimits, ReadPlaces, ReadRules, RestartEngine, TemplateLimits};
use crate::service_data::ServiceDataSettings;
use crate::standpipe::Parts;
use crate::storage::Faults;
use crate::write::WriteLimits;

/// What a job of the tests does.
#[derive(Serialize, Deserialize)]
struct Once(Does);

/// The same for a kind that may be run again.
#[derive(Serialize, Deserialize)]
struct Again(Does);

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Does {
    End,
    Fail,
    Panic,
    LoseTheEngine,
    Wait,
    EndUnlessNew,
    FailWhenDone,
    EndWhenLookedAt,
    FailWhenLookedAt,
}

async fn act(does: Does, context: &Context) -> Result<(), Failure> {
    match does {
        Does::End => {
            context.set_progress(50.0).await?;
            context.show(Map::from_iter([("rows".to_owned(), json!(3))])).await?;
            Ok(())
        }
        Does::Fail => Err(Error::bad_request("there is nothing to copy").into()),
        Does::Panic => panic!("a planned panic"),
        Does::LoseTheEngine => Err(Error::EngineUnavailable { action: "copy rows" }.into()),
        Does::Wait => context.unless_cancelled(std::future::pending()).await,
        Does::FailWhenDone => {
            context.put_checkpoint(&8).await?;
            Err(Error::bad_request("too late").into())
        }
        Does::EndWhenLookedAt => {
            let looked = Notify::new();
            let look = |_: Option<Progress>| {
                looked.notify_one();
                Ok(Map::from_iter([("rows".to_owned(), json!(1))]))
            };
            let ends = async {
                looked.notified().await;
                Ok(())
            };
            context.watched_query("none", ends, look).await?;
            // What was told of it is there by now, and cannot come after this.
            let job = context.standpipe().catalog().store().job(context.job().workspace, context.job().id).await?;
            assert_eq!(job.unwrap().details["rows"], 1);
            context.show(Map::from_iter([("rows".to_owned(), json!(2))])).await?;
            Ok(())
        }
        Does::FailWhenLookedAt => {
            let look = |_: Option<Progress>| Err(Error::bad_request("too much"));
            context.watched_query("none", std::future::pending(), look).await
        }
        Does::EndUnlessNew => match context.checkpoint::<u32>().await? {
            Some(7) => Ok(()),
            _ => {
                context.put_checkpoint(&7).await?;
                context.unless_cancelled(std::future::pending()).await
            }
        },
    }
}

async fn clean_up(context: &Context) -> Result<Left> {
    context.show(Map::from_iter([("clean".to_owned(), json!(true))])).await?;
    Ok(if context.checkpoint::<u32>().await? == Some(8) { Left::Done } else { Left::Undone })
}

impl JobKind for Once {
    const NAME: &'static str = "once";
    const RETRY: Retry = Retry::Never;

    async fn run(&self, context: &Context) -> Result<(), Failure> {
        act(self.0, context).await
    }

    async fn clean_up(&self, context: &Context, _ending: JobStatus) -> Result<Left> {
        clean_up(context).await
    }
}

impl JobKind for Again {
    const NAME: &'static str = "again";
    const RETRY: Retry = Retry::Exact(2);

    async fn run(&self, context: &Context) -> Result<(), Failure> {
        act(self.0, context).await
    }

    async fn clean_up(&self, context: &Context, _ending: JobStatus) -> Result<Left> {
        clean_up(context).await
    }
}

/// What another version kept as work of the kind `once`.
#[derive(Serialize, Deserialize)]
struct OnceAsItWas {
    does: u8,
}

impl JobKind for OnceAsItWas {
    const NAME: &'static str = Once::NAME;
    const RETRY: Retry = Retry::Never;

    async fn run(&self, _context: &Context) -> Result<(), Failure> {
        panic!("nobody runs it")
    }

    async fn clean_up(&self, _context: &Context, _ending: JobStatus) -> Result<Left> {
        panic!("nobody cleans up after it")
    }
}

static TEST_KINDS: &[Kind] = &[Kind::of::<Once>(), Kind::of::<Again>()];

/// A product without an engine, and its runner.
pub(crate) struct Bench {
    pub(crate) standpipe: Standpipe,
    pub(crate) runner: Runner,
    pub(crate) workspace: WorkspaceId,
    now: Arc<AtomicI64>,
    kinds: &'static [Kind],
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Bench {
        Bench::with_kinds(TEST_KINDS).await
    }

    pub(crate) async fn with_kinds(kinds: &'static [Kind]) -> Bench {
        let now = Arc::new(AtomicI64::new(1_700_000_000));
        let folder = tempfile::tempdir().unwrap();
        let standpipe = Standpipe::open(parts(folder.path(), &now)).await.unwrap();
        let workspace = crate::model::Workspace::new(WorkspaceId(standpipe.random().uuid()), "w".into(), "d_1".into());
        let workspace = standpipe.catalog().create_workspace(workspace, Timestamp::UNIX_EPOCH).await.unwrap().id;
        let runner = Runner::with_kinds(standpipe.clone(), kinds);
        Bench { standpipe, runner, workspace, now, kinds, folder }
    }

    /// As if the process had been killed and started again.
    pub(crate) async fn restart(self) -> Bench {
        self.standpipe.close().await;
        let standpipe = Standpipe::open(parts(self.folder.path(), &self.now)).await.unwrap();
        let runner = Runner::with_kinds(standpipe.clone(), self.kinds);
        runner.begin().await.unwrap();
        Bench { standpipe, runner, ..self }
    }

    async fn add<K: JobKind>(&self, work: K) -> JobId {
        let (details, subject, origin) = <(Map<String, Value>, Subject, Origin)>::default();
        let new = NewJob { workspace: self.workspace, work, details, subject, origin };
        self.now.fetch_add(1, Ordering::Relaxed);
        self.standpipe.enqueue(&new).await.unwrap().id
    }

    /// Sets the clock.
    pub(crate) fn set_time(&self, time: Timestamp) {
        self.now.store(time.as_second(), Ordering::Relaxed);
    }

    fn later(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn cancel(&self, id: JobId) {
        let now = self.standpipe.clock().now();
        self.standpipe.catalog().store().cancel_job(self.workspace, id, now).await.unwrap().unwrap();
    }

    /// One look at the queue, and what it began, to its end.
    async fn step(&self) -> String {
        self.runner.tick().await.unwrap();
        self.standpipe.settle().await;
        self.state().await
    }

    /// All jobs, oldest first.
    async fn state(&self) -> String {
        let store = self.standpipe.catalog().store();
        let mut jobs = store.jobs(self.workspace, Timestamp::UNIX_EPOCH, &JobFilter::default(), 1000).await.unwrap();
        jobs.reverse();
        let mut text = String::new();
        for job in jobs {
            write!(text, "{} {} {}", job.kind, job.status.as_str(), job.attempts).unwrap();
            for shown in [job.progress.map(|it| it.to_string()), job.error].into_iter().flatten() {
                write!(text, " {shown}").unwrap();
            }
            writeln!(text, " {}", Value::Object(job.details)).unwrap();
        }
        text
    }
}

use serde_json::Value;

fn parts(folder: &Path, now: &Arc<AtomicI64>) -> Parts {
    let client = Client::unix(&folder.join("nobody.sock")).unwrap();
    let now = now.clone();
    Parts {
        data_dir: folder.to_owned(),
        key_file: None,
        client: client.clone(),
        checker: client,
        engine: "none".to_owned(),
        database_prefix: String::new(),
        read_rules: no_reads(),
        write_limits: WriteLimits { retry: std::time::Duration::ZERO, time: std::time::Duration::ZERO },
        service_data: ServiceDataSettings { buffer_bytes: 0, retention: Default::default() },
        job_limits: JobLimits {
            total: 3,
            per_kind: 2,
            copy: CopyLimits { rows: 0, time: std::time::Duration::ZERO, active: 0 },
            sink_time: std::time::Duration::ZERO,
        },
        allow_private_networks: false,
        aws_identity: None,
        clock: Clock::from_fn(move || Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap()),
        random: Random::system(),
        faults: Faults::none(),
        restart_engine: RestartEngine::default(),
    }
}

fn no_reads() -> ReadRules {
    let time = std::time::Duration::from_secs(1);
    let every = ReadLimits {
        query_bytes: 1000,
        time,
        memory_bytes: 1,
        result_bytes: 1,
        rows_read: None,
        bytes_read: None,
        single_thread_rows: 1,
        max_threads: 1,
        send: time,
    };
    let limits = LimitBook { every, token_reads: None, tokens: Default::default(), pipes: Default::default() };
    let places = ReadPlaces { lanes: 1, workspace_share: 100, workspace_reads: 1, queue: time };
    ReadRules { limits, places, templates: TemplateLimits::default(), cache_bytes: 0 }
}

#[tokio::test]
async fn a_job_waits_works_and_ends() {
    let bench = Bench::new().await;
    bench.add(Once(Does::End)).await;
    bench.add(Once(Does::Fail)).await;
    bench.add(Again(Does::Panic)).await;
    bench.add(Again(Does::FailWhenDone)).await;
    assert!(bench.state().await.starts_with("once waiting 0 {}\nonce waiting 0 {}\nagain waiting 0 {}\n"));
    bench.step().await;
    insta::assert_snapshot!(bench.step().await, @r#"
    once done 1 100 {"rows":3}
    once error 1 there is nothing to copy {"clean":true}
    again error 1 the job failed inside the server: its log says more under the job's id {"clean":true}
    again done 1 {"clean":true}
    "#);
}

#[tokio::test]
async fn a_job_that_cannot_be_read_ends() {
    let bench = Bench::new().await;
    bench.add(OnceAsItWas { does: 1 }).await;
    insta::assert_snapshot!(
        bench.step().await,
        @"once error 1 another version of the server kept this job in a way that this one cannot read: start it anew {}"
    );
}

#[tokio::test]
async fn a_query_is_looked_at_until_it_ends() {
    let bench = Bench::new().await;
    bench.add(Once(Does::EndWhenLookedAt)).await;
    bench.add(Once(Does::FailWhenLookedAt)).await;
    insta::assert_snapshot!(bench.step().await, @r#"
    once done 1 100 {"rows":2}
    once error 1 0 too much {"clean":true}
    "#);
}

#[tokio::test]
async fn only_as_many_as_the_limits_say_run_at_once() {
    let bench = Bench::new().await;
    let first = bench.add(Once(Does::Wait)).await;
    for _ in 0..2 {
        bench.add(Once(Does::Wait)).await;
        bench.add(Again(Does::Wait)).await;
    }
    assert_eq!(bench.runner.tick().await.unwrap().begun.len(), 3);
    assert_eq!(bench.runner.tick().await.unwrap().begun.len(), 0);
    let expected = "once working 1 {}\nonce working 1 {}\nagain working 1 {}\nonce waiting 0 {}\nagain waiting 0 {}\n";
    assert_eq!(bench.state().await, expected);
    bench.cancel(first).await;
    // Its place is free as soon as it has been cleaned up after.
    while bench.runner.tick().await.unwrap().begun.is_empty() {
        bench.standpipe.jobs.woken().await;
    }
    insta::assert_snapshot!(bench.state().await, @r#"
    once cancelled 1 {"clean":true}
    once working 1 {}
    again working 1 {}
    once working 1 {}
    again waiting 0 {}
    "#);
    bench.standpipe.close().await;
}

#[tokio::test]
async fn a_job_is_cancelled_at_any_stage() {
    let bench = Bench::new().await;
    let waiting = bench.add(Once(Does::End)).await;
    bench.cancel(waiting).await;
    let working = bench.add(Again(Does::Wait)).await;
    bench.runner.tick().await.unwrap();
    bench.cancel(working).await;
    let lost = bench.add(Again(Does::LoseTheEngine)).await;
    insta::assert_snapshot!(bench.step().await, @r#"
    once cancelled 0 {}
    again cancelled 1 {"clean":true}
    again waiting 1 {}
    "#);
    bench.cancel(lost).await;
    insta::assert_snapshot!(bench.step().await, @r#"
    once cancelled 0 {}
    again cancelled 1 {"clean":true}
    again cancelled 1 {"clean":true}
    "#);
}

#[tokio::test]
async fn a_lost_engine_is_waited_for_a_number_of_times() {
    let bench = Bench::new().await;
    bench.add(Again(Does::LoseTheEngine)).await;
    bench.add(Once(Does::LoseTheEngine)).await;
    let unavailable = "the engine is not available right now, could not copy rows: try again in a moment";
    let once = format!("once error 1 {unavailable} {{\"clean\":true}}\n");
    assert_eq!(bench.step().await, format!("again waiting 1 {{}}\n{once}"));
    assert_eq!(bench.step().await, format!("again waiting 1 {{}}\n{once}"), "not before its time");
    let ticked = bench.runner.tick().await.unwrap();
    assert_eq!(ticked.next.duration_since(bench.standpipe.clock().now()).as_secs(), 1);
    bench.later(1);
    assert_eq!(bench.step().await, format!("again error 2 {unavailable} {{\"clean\":true}}\n{once}"));
}

#[tokio::test]
async fn what_a_dead_process_ran_is_run_again_or_says_so() {
    let bench = Bench::new().await;
    bench.add(Once(Does::Wait)).await;
    bench.add(Again(Does::EndUnlessNew)).await;
    let cancelled = bench.add(Again(Does::Wait)).await;
    bench.runner.tick().await.unwrap();
    // Each has begun: the second has recorded how far it came.
    let store = bench.standpipe.catalog().store();
    let begun = async || {
        let jobs = store.jobs(bench.workspace, Timestamp::UNIX_EPOCH, &JobFilter::default(), 9).await.unwrap();
        jobs.iter().filter(|job| job.checkpoint.is_some()).count()
    };
    while begun().await < 1 {
        tokio::task::yield_now().await;
    }
    bench.cancel(cancelled).await;
    let bench = bench.restart().await;
    assert_eq!(bench.state().await, "once working 1 {}\nagain working 1 {}\nagain cancelling 1 {}\n");
    insta::assert_snapshot!(bench.step().await, @r#"
    once error 1 the server stopped while it ran {"clean":true}
    again done 2 {}
    again cancelled 1 {"clean":true}
    "#);
}

#[tokio::test]
async fn a_running_job_keeps_its_lease_and_history_ends() {
    let bench = Bench::new().await;
    let done = bench.add(Once(Does::End)).await;
    bench.step().await;
    bench.add(Once(Does::Wait)).await;
    bench.runner.tick().await.unwrap();
    for _ in 0..10 {
        bench.later(50);
        bench.runner.tick().await.unwrap();
    }
    assert!(bench.state().await.ends_with("once working 1 {}\n"));
    bench.later(HISTORY_HOURS * 3600);
    bench.runner.tick().await.unwrap();
    assert_eq!(bench.state().await, "once working 1 {}\n");
    assert_eq!(bench.standpipe.catalog().store().job(bench.workspace, done).await.unwrap(), None);
    bench.standpipe.close().await;
}
