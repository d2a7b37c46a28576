//! The attack suite: one table of doors by which SQL comes in, one of statements that must never run, each through each.
//!
//! A statement is refused with a clear message, quickly, and nothing is told or changed by it. Every route of the API is
//! either a door here or is named as taking no SQL, so a new route has to be thought about.

mod conditions;
mod doors;
mod pairs;
mod parameters;
#[path = "../../../sql/tests/support/attacks.rs"]
mod statements;
mod world;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::support::Answer;
use doors::{By, DOORS, Door, WITHOUT_SQL};
use statements::{ATTACKS, NEUTRALISED};
use world::World;

/// Longest that a refusal may take.
const QUICK: Duration = Duration::from_millis(50);

/// How often a slow refusal is asked for before it counts as slow.
const ATTEMPTS: usize = 9;

#[test]
fn every_route_is_a_door_or_takes_no_sql() {
    let document = serde_json::to_value(standpipe_server::router::openapi()).unwrap();
    let routes: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let doors = DOORS.iter().flat_map(|door| door.routes).chain(conditions::ROUTES);
    let doors: BTreeSet<String> = doors.map(|route| (*route).to_owned()).collect();
    let without: BTreeSet<String> = WITHOUT_SQL.iter().map(|(route, _)| (*route).to_owned()).collect();
    let known: BTreeSet<String> = doors.union(&without).cloned().collect();
    let missing: Vec<_> = routes.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "give these routes a door in attacks/doors.rs or attacks/conditions.rs, or list them there as taking no SQL: \
         {missing:#?}"
    );
    let gone: Vec<_> = known.difference(&routes).collect();
    assert!(gone.is_empty(), "these routes are gone: {gone:#?}");
    let both: Vec<_> = doors.intersection(&without).collect();
    assert!(both.is_empty(), "these routes are doors and yet said to take no SQL: {both:#?}");
}

#[tokio::test]
async fn no_attack_passes_any_door() {
    let world = World::new().await;
    let mut slowest = (Duration::ZERO, String::new());
    let mut passed = Vec::new();
    for door in DOORS {
        let before = world.everything().await;
        for (what, sql) in ATTACKS.iter().chain(NEUTRALISED) {
            if door.skips.iter().any(|(skipped, _)| skipped == what) {
                continue;
            }
            let sql = world.address(sql);
            match refuse(&world, door, &sql).await {
                Ok(time) if time <= slowest.0 => {}
                Ok(time) => slowest = (time, format!("{}, {what}", door.name)),
                Err(wrong) => passed.push(format!("{}, {what}: {sql}\n    {wrong}", door.name)),
            }
        }
        let after = world.everything().await;
        if after != before {
            passed.push(format!("{} changed something: {before}\n    became {after}", door.name));
        }
    }
    let (statements, doors) = (ATTACKS.len() + NEUTRALISED.len(), DOORS.len());
    eprintln!("{statements} statements through {doors} doors; slowest {:?}: {}", slowest.0, slowest.1);
    assert!(passed.is_empty(), "{} were not refused as they should:\n{}", passed.len(), passed.join("\n"));
    assert!(statements >= 240 && doors >= 20, "the suite has shrunk");
}

/// Doors that refuse everything would pass the test above.
#[tokio::test]
async fn every_door_lets_honest_statements_in() {
    for door in DOORS {
        let world = World::new().await;
        for sql in ["SELECT a, s FROM events", "WITH c AS (SELECT a FROM events) SELECT a, 'x' AS s FROM c"] {
            let answer = knock(&world, door, sql).await.assert_status(200);
            world.assert_tells_nothing(door.name, sql, &answer);
        }
    }
}

/// Answers how long the refusal takes, or what is wrong with it. One that is slow is asked for again: the machine does other
/// things, too.
async fn refuse(world: &World, door: &Door, sql: &str) -> Result<Duration, String> {
    let mut best = Duration::MAX;
    for _ in 0..ATTEMPTS {
        let started = Instant::now();
        let answer = knock(world, door, sql).await;
        best = best.min(started.elapsed());
        check(&answer)?;
        world.tells_nothing(sql, &answer)?;
        if best < QUICK {
            return Ok(best);
        }
    }
    Err(format!("was refused only after {best:?}"))
}

async fn knock(world: &World, door: &Door, sql: &str) -> Answer {
    match door.by {
        By::Request(request) => request(world, sql).send().await,
        By::Stored(role, request) => {
            world.store_unchecked("stored", sql, role(world)).await;
            request(world).send().await
        }
    }
}

/// It must be a refusal, with a reason.
fn check(answer: &Answer) -> Result<(), String> {
    if ![400, 403].contains(&answer.status) {
        return Err(format!("{} {}", answer.status, answer.text()));
    }
    let json = answer.json();
    let message = json["error"].as_str().unwrap_or_default();
    // The engine may see a text to say what it is; it must not be the one that finds out by running it.
    match answer.header("x-db-exception-code") {
        Some(code) if !LOOKED_AT.contains(&code) => Err(format!("the engine found out: {code} {message}")),
        _ if message.len() < 10 => Err(format!("'{message}' is no reason")),
        _ => Ok(()),
    }
}

/// Codes of errors that the engine finds by parsing and naming alone: syntax, unknown identifiers, functions and tables,
/// aliases and CTEs that need themselves, arguments that do not fit,
/// locales that do not exist.
const LOOKED_AT: &[&str] =
    &["62", "47", "46", "60", "174", "179", "42", "43", "48", "36", "115", "168", "306", "53", "186"];
