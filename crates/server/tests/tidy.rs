//! Rules about the tree that no lint checks.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 800;

/// Which crate may use which of ours, outside tests.
const ARROWS: &[(&str, &[&str])] = &[
    // The seal of checked SQL is the guard's.
    // The benchmark times the engine in process.
    ("standpipe-bench", &["standpipe-engine"]),
    ("standpipe-clickhouse", &["standpipe-sql"]),
    (
        "standpipe-core",
        &["standpipe-clickhouse", "standpipe-datafile", "standpipe-ingest", "standpipe-sql", "standpipe-template"],
    ),
    ("standpipe-datafile", &[]),
    ("standpipe-engine", &[]),
    ("standpipe-ingest", &[]),
    ("standpipe-sql", &[]),
    ("standpipe-template", &[]),
    // `engine` for one `run()`; the languages for reading schemas, dialects and parameters out of requests.
    (
        "standpipe",
        &[
            "standpipe-clickhouse",
            "standpipe-core",
            "standpipe-datafile",
            "standpipe-engine",
            "standpipe-ingest",
            "standpipe-template",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Rust file of our crates, by its path from the root.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(found.len() > 100, "the sources are not where they were");
    found
}

/// Unit tests that fill a file of their own call it `tests.rs`.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/benches/") || path.contains("/examples/")
}

/// A file's lines up to its unit tests, with numbers, without comments.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    (1..).zip(lines).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn files_are_short_and_named_after_what_they_hold() {
    for (path, text) in sources() {
        assert!(text.lines().count() <= LONGEST_FILE, "{path} has more than {LONGEST_FILE} lines");
        assert!(!path.ends_with("/mod.rs"), "{path}: a module is foo.rs beside foo/, never foo/mod.rs");
    }
}

#[test]
fn files_of_tests_are_no_part_of_the_product() {
    let declared = ["#[cfg(test)]\nmod tests;", "#[cfg(test)]\npub(crate) mod tests;"];
    let sources = sources();
    for path in sources.keys().filter(|path| path.contains("/src/") && path.ends_with("/tests.rs")) {
        let parent = format!("{}.rs", path.strip_suffix("/tests.rs").unwrap());
        let is_declared = declared.iter().any(|declared| sources[&parent].contains(declared));
        assert!(is_declared, "{path} is compiled into the product");
    }
}

/// SQL that bypasses the guard is made in few places.
#[test]
fn only_storage_makes_internal_sql() {
    let allowed = ["crates/core/src/storage/", "crates/clickhouse/src/"];
    for (path, text) in sources() {
        if is_test(&path) || allowed.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for (number, line) in product_lines(&text) {
            assert!(!line.contains("Internal::new") && !line.contains("Internal::<"), "{path}:{number}: {line}");
        }
    }
}

/// Text becomes SQL by `format!` only where quoting is looked after.
#[test]
fn sql_is_formatted_in_few_places() {
    let allowed = [
        // Quotes names and literals.
        "crates/clickhouse/src/quote.rs",
        // Kills by a query id of our own making.
        "crates/clickhouse/src/client.rs",
        // The final text of a sink, which the guard checks after it.
        "crates/core/src/read/sinking/statement.rs",
        // DDL from model types, and the expressions in it.
        "crates/core/src/storage/",
        // Looks at statements; runs none but its own probes.
        "crates/engine/src/",
        // Writes the final text, which the guard checks after it.
        "crates/sql/src/",
        // The template language's own functions; what they write is checked after them.
        "crates/template/src/",
    ];
    assert!(formats_sql(r#"let sql = format!("DROP TABLE {name}");"#), "the check sees what it is for");
    for (path, text) in sources() {
        if is_test(&path) || allowed.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for (number, line) in product_lines(&text) {
            assert!(!formats_sql(line), "{path}:{number} formats SQL: {line}");
        }
    }
}

fn formats_sql(line: &str) -> bool {
    const WORDS: &[&str] =
        &["SELECT ", "INSERT INTO ", "CREATE TABLE", "CREATE DATABASE", "DROP ", "ALTER ", "EXPLAIN ", "TRUNCATE "];
    let formats = ["format!(", "format_args!(", "write!(", "push_str("].iter().any(|call| line.contains(call));
    formats && WORDS.iter().any(|word| line.contains(&format!("\"{word}")) || line.contains(&format!(" {word}")))
}

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .unwrap();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut found = BTreeMap::new();
    for package in &metadata.packages {
        let normal = package.dependencies.iter().filter(|it| it.kind == cargo_metadata::DependencyKind::Normal);
        let of_ours: BTreeSet<&str> = normal.map(|it| it.name.as_str()).filter(|name| ours.contains(name)).collect();
        found.insert(package.name.as_str(), of_ours);
    }
    let drawn = ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    assert_eq!(found, drawn, "an arrow between crates is new or gone: is that meant?");
}

#[test]
fn the_pure_crates_stay_pure() {
    let metadata =
        cargo_metadata::MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    for name in ["standpipe-datafile", "standpipe-ingest", "standpipe-sql", "standpipe-template"] {
        let package = metadata.packages.iter().find(|package| package.name == name).unwrap();
        for dependency in package.dependencies.iter().filter(|it| it.kind == cargo_metadata::DependencyKind::Normal) {
            let forbidden = ["tokio", "axum", "hyper", "reqwest", "sqlx", "rustix", "libc"];
            assert!(!forbidden.contains(&dependency.name.as_str()), "{name} does I/O with {}", dependency.name);
        }
    }
}
