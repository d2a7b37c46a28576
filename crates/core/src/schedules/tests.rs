//! Times of schedules, and the scheduler stepped through a year by hand.

use std::collections::BTreeSet;

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::jobs::tests::Bench;
use crate::jobs::{Context, Failure, JobFilter, JobKind, JobStatus, Kind, Retry};
use crate::model::{
    CopyMode, CopyRole, DataSourceId, Node, NodeId, Pipe, PipeId, Published, ResourceName, Role, Workspace,
};
use crate::read::NodeSql;
use crate::store::Change;

fn schedule(cron: &str, timezone: &str) -> Schedule {
    Schedule::parse(cron, timezone).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next runs after a time, as the clock on the wall shows them.
#[track_caller]
fn check(cron: &str, zone: &str, after: &str, expected: &[&str]) {
    let (schedule, mut time) = (schedule(cron, zone), at(after));
    for expected in expected {
        time = schedule.next_run(time).unwrap();
        let shown = time.to_zoned(TimeZone::get(zone).unwrap()).strftime("%Y-%m-%d %H:%M %Z").to_string();
        assert_eq!(shown, *expected);
    }
}

#[test]
fn ordinary_times() {
    check("*/15 * * * *", "UTC", "2026-01-01T00:07:00Z", &["2026-01-01 00:15 UTC", "2026-01-01 00:30 UTC"]);
    check("0 9 * * mon-fri", "UTC", "2026-01-02T09:00:00Z", &["2026-01-05 09:00 UTC", "2026-01-06 09:00 UTC"]);
    check("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29 00:00 UTC"]);
    check("@daily", "America/New_York", "2026-01-01T00:00:00Z", &["2026-01-01 00:00 EST"]);
    check("0 12 1 * *", "Asia/Kolkata", "2026-01-01T06:30:00Z", &["2026-02-01 12:00 IST"]);
}

#[test]
fn where_clocks_go_forward_a_missing_time_is_the_moment_after() {
    let after = "2026-03-28T12:00:00Z";
    check("30 2 * * *", "Europe/Madrid", after, &["2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"]);
    check("0 * * * *", "Europe/Madrid", "2026-03-29T00:30:00Z", &["2026-03-29 03:00 CEST", "2026-03-29 04:00 CEST"]);
}

#[test]
fn where_clocks_go_back_a_fixed_time_comes_once_and_a_repeated_one_each_time() {
    let after = "2026-10-24T12:00:00Z";
    check("30 2 * * *", "Europe/Madrid", after, &["2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"]);
    let hours = &["2026-10-25 02:00 CEST", "2026-10-25 02:00 CET", "2026-10-25 03:00 CET"];
    check("0 * * * *", "Europe/Madrid", "2026-10-24T23:30:00Z", hours);
}

#[test]
fn what_is_no_schedule_says_why() {
    let error = |cron, zone| Schedule::parse(cron, zone).unwrap_err().to_string();
    assert!(error("* * * *", "UTC").contains("five fields"));
    assert!(error("0 0 * * * *", "UTC").contains("five fields"));
    assert!(error("0 0 31 2 *", "UTC").contains("never comes"));
    assert!(error("@on-demand", "UTC").contains("no schedule"));
    assert!(error("@daily", "Europe/Nowhere").contains("\"Europe/Nowhere\" is unknown"));
}

#[test]
fn what_is_due_runs_once_if_it_is_not_too_long_ago() {
    let hourly = schedule("0 * * * *", "UTC");
    let due = |planned, now| {
        let due = hourly.due(at(planned), at(now)).unwrap();
        (due.run.map(|time| time.to_string()), due.missed, due.next.to_string())
    };
    let run = |time: &str| Some(time.to_owned());
    let (t1, t2, t9) = ("2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T09:00:00Z");
    assert_eq!(due(t1, "2026-01-01T00:59:59Z"), (None, 0, t1.to_owned()));
    assert_eq!(due(t1, t1), (run(t1), 0, t2.to_owned()));
    assert_eq!(due(t1, "2026-01-01T08:30:00Z"), (run("2026-01-01T08:00:00Z"), 7, t9.to_owned()));
    let daily = schedule("0 1 * * *", "UTC").due(at(t1), at("2026-01-04T12:00:00Z")).unwrap();
    assert_eq!((daily.run, daily.missed, daily.next), (None, 4, at("2026-01-05T01:00:00Z")));
    // A year of minutes is not counted to its end, and the last one is found all the same.
    let minutes = schedule("* * * * *", "UTC").due(at(t1), at("2027-01-01T01:00:30Z")).unwrap();
    assert_eq!((minutes.run, minutes.missed), (Some(at("2027-01-01T01:00:00Z")), COUNTED - 1));
}

const CRONS: &[&str] = &[
    "* * * * *",
    "*/7 * * * *",
    "30 2 * * *",
    "0 0 * * 0",
    "15 1-4 * 3,10 *",
    "0 12 1 * *",
    "@weekly",
    "59 23 31 12 *",
];
const ZONES: &[&str] =
    &["UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_next_run_is_strictly_after_now_and_the_same_until_then(
        cron in 0..CRONS.len(),
        zone in 0..ZONES.len(),
        second in 1_400_000_000_i64..2_000_000_000,
        later in 0.0..1.0_f64,
    ) {
        let (schedule, now) = (schedule(CRONS[cron], ZONES[zone]), Timestamp::from_second(second).unwrap());
        let next = schedule.next_run(now).unwrap();
        prop_assert!(next > now);
        prop_assert_eq!(next.as_second() % 60, 0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a moment in between")]
        let between = now + SignedDuration::from_secs(((next.as_second() - second) as f64 * later) as i64);
        if between < next {
            prop_assert_eq!(schedule.next_run(between).unwrap(), next);
        }
        let due = schedule.due(next, next).unwrap();
        prop_assert_eq!((due.run, due.missed), (Some(next), 0));
        prop_assert!(due.next > next);
    }
}

/// In the place of the copy: it ends at once, or never when it is asked to.
#[derive(Serialize, Deserialize)]
struct Instant {
    params: std::collections::BTreeMap<String, Value>,
    mode: CopyMode,
}

impl JobKind for Instant {
    const NAME: &'static str = "copy";
    const RETRY: Retry = Retry::Exact(9);

    async fn run(&self, context: &Context) -> Result<(), Failure> {
        match self.mode {
            CopyMode::Append => Ok(()),
            CopyMode::Replace => context.unless_cancelled(std::future::pending()).await,
        }
    }
}

static KINDS: &[Kind] = &[Kind::of::<Instant>()];

/// A copy pipe with this schedule.
async fn put_pipe(bench: &Bench, mode: CopyMode, schedule: &Schedule) -> PipeId {
    let now = bench.standpipe.clock().now();
    let random = bench.standpipe.random();
    let node = Node {
        id: NodeId::random(random),
        name: ResourceName::parse("n").unwrap(),
        sql: NodeSql::stored("n", "SELECT 1", &Default::default()),
        description: None,
        materialized: None,
        cache_seconds: None,
        tags: Default::default(),
        dependencies: Vec::new(),
        params: Vec::new(),
        version: 0,
        created_at: now,
        updated_at: now,
    };
    let copy = CopyRole { target: DataSourceId::random(random), mode, schedule: Some(schedule.clone()) };
    let pipe = Pipe {
        id: PipeId::random(random),
        name: ResourceName::parse("cp").unwrap(),
        description: None,
        published: Some(Published { node: node.id, role: Role::Copy(copy) }),
        nodes: vec![node],
        published_at: now,
        created_at: now,
        updated_at: now,
    };
    let id = pipe.id;
    change(bench, pipe).await;
    id
}

async fn change(bench: &Bench, pipe: Pipe) {
    let now = bench.standpipe.clock().now();
    let next_run = crate::operations::copies::schedule_change(&pipe, now).unwrap();
    let changes = vec![Change::PutPipe(pipe.into()), next_run];
    bench.standpipe.catalog().change(bench.workspace, |_| Ok((changes, ()))).await.unwrap();
}

async fn pause(bench: &Bench, id: PipeId, is_paused: bool) {
    let workspace: std::sync::Arc<Workspace> = bench.standpipe.catalog().snapshot().workspace(bench.workspace).unwrap();
    let mut pipe = Pipe::clone(&workspace.pipes[&id]);
    if let Some(Published { role: Role::Copy(copy), .. }) = &mut pipe.published {
        copy.schedule.as_mut().unwrap().is_paused = is_paused;
    }
    change(bench, pipe).await;
}

/// Steps until `end`: the clock goes from each due time to the next, and the times of the runs are added to `seen`.
async fn run_until(bench: &Bench, end: Timestamp, seen: &mut Vec<Timestamp>) {
    loop {
        let ticked = bench.runner.tick().await.unwrap();
        bench.standpipe.settle().await;
        for id in ticked.begun {
            let job = bench.standpipe.catalog().store().job(bench.workspace, id).await.unwrap().unwrap();
            assert_eq!(job.status, JobStatus::Done);
            let time = job.payload["params"]["job_timestamp"].as_str().unwrap().replace(' ', "T") + "Z";
            seen.push(at(&time));
        }
        let next = bench.standpipe.catalog().store().next_scheduled_run().await.unwrap();
        match next.filter(|next| *next < end) {
            Some(next) => bench.set_time(next),
            None => break bench.set_time(end),
        }
    }
}

#[tokio::test]
async fn a_year_with_two_changes_of_the_clocks_pauses_restarts_and_jumps() {
    let mut bench = Bench::with_kinds(KINDS).await;
    bench.set_time(at("2026-01-01T00:00:00Z"));
    let pipe = put_pipe(&bench, CopyMode::Append, &schedule("30 2 * * *", "Europe/Madrid")).await;
    let mut seen = Vec::new();
    // Runs through the change in March, with a restart every ten days.
    for days in (10..120).step_by(10) {
        run_until(&bench, at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * days), &mut seen).await;
        bench = bench.restart().await;
    }
    // Paused through May, also over a restart.
    run_until(&bench, at("2026-05-01T00:00:00Z"), &mut seen).await;
    pause(&bench, pipe, true).await;
    run_until(&bench, at("2026-05-20T00:00:00Z"), &mut seen).await;
    bench = bench.restart().await;
    run_until(&bench, at("2026-06-01T00:00:00Z"), &mut seen).await;
    pause(&bench, pipe, false).await;
    // Down from the 1st of July to half an hour after a time on the 5th: one run is caught up, four are missed.
    run_until(&bench, at("2026-07-01T00:00:00Z"), &mut seen).await;
    bench.set_time(at("2026-07-05T01:00:00Z"));
    run_until(&bench, at("2026-08-01T00:00:00Z"), &mut seen).await;
    let row = async |bench: &Bench| bench.standpipe.catalog().store().schedule(pipe).await.unwrap().unwrap();
    assert_eq!((row(&bench).await.missed, row(&bench).await.skipped), (4, 0));
    // The clock jumps a month ahead and back again: nothing is run for the time that was not, and nothing stops.
    bench.set_time(at("2026-09-01T12:00:00Z"));
    run_until(&bench, at("2026-09-01T12:00:01Z"), &mut seen).await;
    assert_eq!(row(&bench).await.missed, 4 + 32);
    bench.set_time(at("2026-08-01T00:00:02Z"));
    run_until(&bench, at("2027-01-01T00:00:00Z"), &mut seen).await;
    let madrid = TimeZone::get("Europe/Madrid").unwrap();
    let mut expected = BTreeSet::new();
    for day in date(2026, 1, 1).series(jiff::Span::new().days(1)).take_while(|day| day.year() == 2026) {
        let is_off = day.month() == 5 || (day.month() == 7 && (1..5).contains(&day.day()));
        // What does not exist on the wall is the moment after the gap; what comes twice is its first coming.
        let time = if day == date(2026, 3, 29) { day.at(3, 0, 0, 0) } else { day.at(2, 30, 0, 0) };
        if !is_off {
            expected.insert(madrid.to_ambiguous_zoned(time).earlier().unwrap().timestamp());
        }
    }
    let found: BTreeSet<Timestamp> = seen.iter().copied().collect();
    assert_eq!(found.symmetric_difference(&expected).collect::<Vec<_>>(), Vec::<&Timestamp>::new());
    assert_eq!(seen.len(), expected.len(), "no time runs twice");
}

#[tokio::test]
async fn a_run_is_left_out_while_the_one_before_goes_on() {
    let bench = Bench::with_kinds(KINDS).await;
    bench.set_time(at("2026-01-01T00:00:00Z"));
    let pipe = put_pipe(&bench, CopyMode::Replace, &schedule("* * * * *", "UTC")).await;
    let store = bench.standpipe.catalog().store();
    for minute in 1..=5 {
        bench.set_time(at("2026-01-01T00:00:00Z") + SignedDuration::from_mins(minute));
        let ticked = bench.runner.tick().await.unwrap();
        assert_eq!(ticked.begun.len(), usize::from(minute == 1));
    }
    let row = store.schedule(pipe).await.unwrap().unwrap();
    assert_eq!((row.skipped, row.missed), (4, 0));
    let jobs = store.jobs(bench.workspace, Timestamp::UNIX_EPOCH, &JobFilter::default(), 9).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].origin.is_scheduled, jobs[0].status), (1, true, JobStatus::Working));
    store.cancel_job(bench.workspace, jobs[0].id, bench.standpipe.clock().now()).await.unwrap();
    bench.runner.tick().await.unwrap();
    bench.standpipe.settle().await;
    bench.set_time(at("2026-01-01T00:06:00Z"));
    assert_eq!(bench.runner.tick().await.unwrap().begun.len(), 1);
    bench.standpipe.close().await;
}
