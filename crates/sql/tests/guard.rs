//! The attack suite and the harmless corpus, through every door, on the engine's recorded analyses.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;

use serde::Deserialize;
use standpipe_sql::{Analysis, Checked, Door, Policy, StatementClass, VerdictCache, inspect, parse_statement};

#[path = "support/cases.rs"]
mod cases;

use cases::attacks::{ATTACKS, CONDITION_ATTACKS, NEUTRALISED};
use cases::harmless::{HARMLESS, HARMLESS_CONDITIONS};
use cases::pairs::{HITS, PAIRS};
use cases::{DOORS, final_text, policy};

#[derive(Deserialize)]
struct Recorded {
    sql: String,
    statements: u32,
    class: String,
    tree: Option<String>,
    error: Option<String>,
    run_error: Option<String>,
}

fn recorded() -> HashMap<String, Recorded> {
    let lines = include_str!("fixtures/analyses.ndjson").lines();
    let records = lines.map(|line| serde_json::from_str::<Recorded>(line).expect("a recording is JSON"));
    records.map(|record| (record.sql.clone(), record)).collect()
}

fn analysis(record: &Recorded) -> Analysis {
    let class = match record.class.as_str() {
        "ReadOnly" => StatementClass::ReadOnly,
        "Mutating" => StatementClass::Mutating,
        "Global" => StatementClass::Global,
        "Control" => StatementClass::Control,
        _ => StatementClass::Unknown,
    };
    Analysis { statements: record.statements, class, query_tree: record.tree.clone().unwrap_or_default() }
}

fn given(
    door: Door,
    statements: &'static [(&str, &str)],
    conditions: &'static [(&str, &str)],
) -> &'static [(&'static str, &'static str)] {
    if door == Door::Condition { conditions } else { statements }
}

/// What happens to a text: refused with a message, or passed as a final text.
fn outcome(recorded: &HashMap<String, Recorded>, door: Door, sql: &str) -> Result<String, String> {
    let (text, policy): (String, Policy) = final_text(door, sql).map_err(|refusal| refusal.to_string())?;
    let record = recorded.get(&text).unwrap_or_else(|| panic!("not recorded: {text}\nrun record_analyses.py"));
    if let Some(error) = &record.error {
        return Err(format!("the engine: {error}"));
    }
    inspect(&text, &analysis(record), &policy).map_err(|refusal| refusal.to_string())?;
    Ok(text)
}

#[test]
fn no_attack_passes_any_door() {
    let recorded = recorded();
    let mut passed = Vec::new();
    for &door in DOORS {
        for (what, sql) in given(door, ATTACKS, CONDITION_ATTACKS) {
            match outcome(&recorded, door, sql) {
                Ok(text) => passed.push(format!("{door:?}, {what}: {sql}\n  as {text}")),
                Err(message) => assert!(!message.is_empty(), "{what}"),
            }
        }
    }
    assert!(passed.is_empty(), "{} passed:\n{}", passed.len(), passed.join("\n"));
    assert!(ATTACKS.len() >= 200, "the suite has shrunk to {}", ATTACKS.len());
}

/// Even if nothing before it did its work, the last step refuses: here it gets the attacks as they are written.
#[test]
fn the_last_step_refuses_attacks_alone() {
    let recorded = recorded();
    let tables: BTreeSet<_> = [("d_ws".to_owned(), "t_events".to_owned())].into();
    let mut passed = Vec::new();
    for (what, sql) in ATTACKS.iter().chain(NEUTRALISED) {
        let record = recorded.get(*sql).unwrap_or_else(|| panic!("not recorded: {sql}"));
        if record.error.is_none() && inspect(sql, &analysis(record), &policy(Door::Sql, tables.clone())).is_ok() {
            passed.push(format!("{what}: {sql}"));
        }
    }
    assert!(passed.is_empty(), "{} passed:\n{}", passed.len(), passed.join("\n"));
}

#[test]
fn names_that_stand_for_nothing_become_columns() {
    let recorded = recorded();
    for (what, sql) in NEUTRALISED {
        let text = outcome(&recorded, Door::Sql, sql).expect(what);
        assert!(text.contains("identity("), "{what}: {text}");
        let answer = recorded[&text].run_error.as_deref().unwrap_or("an answer");
        assert!(answer.contains("UNKNOWN_IDENTIFIER") || answer.contains("CYCLIC"), "{what}: {answer}");
    }
}

#[test]
fn what_people_write_passes() {
    let recorded = recorded();
    let mut refused = Vec::new();
    for &door in DOORS {
        for (what, sql) in given(door, HARMLESS, HARMLESS_CONDITIONS) {
            if let Err(message) = outcome(&recorded, door, sql) {
                refused
                    .push(format!("{door:?}, {what}: {message}\n  {sql}\n  {:?}", final_text(door, sql).map(|t| t.0)));
            }
        }
    }
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

/// The sandbox and the engine are further walls, but most attacks must not even reach the last step.
#[test]
fn refusals_say_what_is_wrong() {
    let recorded = recorded();
    for (what, sql) in ATTACKS {
        let message = outcome(&recorded, Door::Sql, sql).expect_err(what);
        let starts_small = message.chars().next().is_some_and(|c| !c.is_uppercase() || message.starts_with("INTO"));
        let is_acronym = ["EXPLAIN", "DESCRIBE", "STREAM"].iter().any(|word| message.starts_with(word));
        assert!(starts_small || is_acronym, "{what}: {message}");
        assert!(!message.ends_with('.') || message.starts_with("the engine"), "{what}: {message}");
    }
}

#[test]
fn a_cached_verdict_is_the_verdict_of_the_guard() {
    let recorded = recorded();
    let cache = VerdictCache::new(NonZeroUsize::new(10_000).expect("not zero"), "test");
    for &door in DOORS {
        for (_, sql) in given(door, HARMLESS, HARMLESS_CONDITIONS) {
            let (text, policy) = final_text(door, sql).expect("harmless");
            let record = &recorded[&text];
            cache.inspect(&text, &analysis(record), &policy).expect("harmless");
            assert_eq!(cache.get(&text, &policy).map(|sql| sql.as_str().to_owned()), Some(text));
        }
    }
    for &door in DOORS {
        for (what, sql) in given(door, ATTACKS, CONDITION_ATTACKS) {
            if let Ok((text, policy)) = final_text(door, sql) {
                assert!(cache.get(&text, &policy).is_none(), "{what} has the shape of something harmless: {text}");
            }
        }
    }
}

fn cache() -> VerdictCache {
    VerdictCache::new(NonZeroUsize::new(100).expect("not zero"), "test")
}

#[test]
fn a_verdict_does_not_pass_another_meaning() {
    let recorded = recorded();
    for (what, first, second) in PAIRS {
        let cache = cache();
        let (text, policy) = final_text(Door::Sql, first).expect(what);
        cache.inspect(&text, &analysis(&recorded[&text]), &policy).expect(what);
        // Past the first step, as if it had let the second text through.
        let other = text.replace(literal(first), literal(second));
        assert_ne!(text, other, "{what}: the pair differs in its last literal");
        assert!(cache.get(&other, &policy).is_none(), "{what}: {other}");
        let refused = match recorded.get(&other) {
            Some(record) => record.error.is_some() || inspect(&other, &analysis(record), &policy).is_err(),
            None => final_text(Door::Sql, second).is_err(),
        };
        assert!(refused, "{what}: {other}");
    }
}

fn literal(sql: &str) -> &str {
    let start = sql.find('\'').expect("a literal");
    let end = sql.rfind('\'').expect("a literal");
    &sql[start..=end]
}

#[test]
fn a_verdict_passes_other_values() {
    let recorded = recorded();
    for (what, first, second) in HITS {
        let cache = cache();
        let (text, policy) = final_text(Door::Sql, first).expect(what);
        cache.inspect(&text, &analysis(&recorded[&text]), &policy).expect(what);
        let (other, same_policy) = final_text(Door::Sql, second).expect(what);
        assert!(cache.get(&other, &same_policy).is_some(), "{what}: {other}");
        inspect(&other, &analysis(&recorded[&other]), &same_policy).expect(what);
    }
}

#[test]
fn a_verdict_holds_for_its_policy_only() {
    let recorded = recorded();
    let cache = cache();
    let (text, good) = final_text(Door::Sql, "SELECT a FROM events").expect("harmless");
    cache.inspect(&text, &analysis(&recorded[&text]), &good).expect("harmless");
    let mut others = vec![good.clone(); 5];
    others[0].workspace = "other".to_owned();
    others[1].door = Door::Copy;
    others[2].tables = BTreeSet::new();
    others[3].tables.insert(("d_ws".to_owned(), "t_users".to_owned()));
    others[4].extra_table_functions.insert("url".to_owned());
    assert!(cache.get(&text, &good).is_some());
    for other in others {
        assert!(cache.get(&text, &other).is_none(), "{other:?}");
    }
}

#[test]
fn the_cache_is_bounded_and_keeps_no_refusals() {
    let recorded = recorded();
    let cache = VerdictCache::new(NonZeroUsize::new(1).expect("not zero"), "test");
    let (first, policy) = final_text(Door::Sql, "SELECT a FROM events").expect("harmless");
    let (second, _) = final_text(Door::Sql, "SELECT * FROM events").expect("harmless");
    for text in [&first, &second] {
        cache.inspect(text, &analysis(&recorded[text]), &policy).expect("harmless");
    }
    assert!(cache.get(&first, &policy).is_none() && cache.get(&second, &policy).is_some());
    let bad = "SELECT file('/etc/hostname')";
    assert!(cache.inspect(bad, &analysis(&recorded[bad]), &policy).is_err());
    assert!(cache.get(bad, &policy).is_none());
}

#[test]
fn extra_table_functions_pass_for_copies_only_and_only_where_configured() {
    let sql = "SELECT * FROM url('http://169.254.169.254/latest')";
    let recorded = recorded();
    let analysis = analysis(&recorded[sql]);
    let mut copy = policy(Door::Copy, BTreeSet::new());
    assert!(inspect(sql, &analysis, &copy).is_err());
    copy.extra_table_functions.insert("url".to_owned());
    assert!(inspect(sql, &analysis, &copy).is_ok());
    copy.door = Door::Endpoint;
    assert!(inspect(sql, &analysis, &copy).is_err());
}

#[test]
fn what_passed_can_be_described_and_explained() {
    let recorded = recorded();
    let (text, policy) = final_text(Door::Sql, "SELECT * FROM events").expect("harmless");
    let checked = inspect(&text, &analysis(&recorded[&text]), &policy).expect("harmless");
    let rules = cases::rules(Door::Sql);
    for (sql, expected) in [
        ("SELECT 1", text.clone()),
        ("DESCRIBE events", format!("DESCRIBE TABLE ({text})")),
        ("EXPLAIN indexes = 1, actions=0 SELECT 1", format!("EXPLAIN PLAN indexes = 1, actions = 0 {text}")),
        ("EXPLAIN QUERY TREE SELECT 1", format!("EXPLAIN QUERY TREE {text}")),
    ] {
        let statement = parse_statement(sql, &rules).expect(sql);
        assert_eq!(checked.wrapped(&statement.kind).as_str(), expected, "{sql}");
    }
    let lines = Checked::lines(["a", "it's \\"].into_iter());
    assert_eq!(lines.as_str(), r"SELECT arrayJoin(CAST(['a', 'it\'s \\'], 'Array(String)')) AS explain");
}
