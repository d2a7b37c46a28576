use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use standpipe_datafile::{Engine, parse_schema};
use standpipe_sql::{Analysis, Door, Policy, StatementClass, TokenKind, tokenize};

use super::*;
use crate::model::DataSourceId;

fn table() -> PhysicalTable {
    let id = DataSourceId::parse("t_0123456789abcdef0123456789abcdef");
    PhysicalTable { data_source: id.expect("the id is one"), incarnation: 2 }
}

/// The definition, if every part of it is accepted.
fn definition(schema: &str, engine: &str, params: &[(&str, &str)]) -> Option<CheckedDefinition> {
    let columns = parse_schema(schema).ok()?;
    let engine = Engine::from_params(Some(engine), params.iter().copied()).ok()?;
    CheckedDefinition::read(&columns, &engine).ok()
}

fn rows(schema: &str, engine: &str, params: &[(&str, &str)]) -> Statement {
    let definition = definition(schema, engine, params).expect("the definition is accepted");
    create_rows("d_1", table(), &definition).expect("the statement has its shape")
}

#[test]
fn tables() {
    let schema = "`ts` DateTime `json:$.ts` DEFAULT now() CODEC(Delta(4), LZ4), `n` Nullable(Int32) `json:$.n`";
    let params = [("engine_sorting_key", "ts, n"), ("engine_partition_key", "toYYYYMM(ts)"), ("engine_ver", "ts")];
    insta::assert_snapshot!(rows(schema, "ReplacingMergeTree", &params).as_str(), @r"
    CREATE TABLE IF NOT EXISTS `d_1`.`t_0123456789abcdef0123456789abcdef_2`
    (
        `ts` DateTime DEFAULT (now()) CODEC(Delta(4), LZ4),
        `n` Nullable(Int32)
    )
    ENGINE = ReplacingMergeTree(`ts`)
    PARTITION BY (toYYYYMM(ts))
    ORDER BY (ts, n)
    SETTINGS non_replicated_deduplication_window = 1000
    ");
    let definition = definition(schema, "ReplacingMergeTree", &params).expect("the definition is accepted");
    let quarantine = create_quarantine("d_1", table(), &definition).expect("the statement has its shape");
    insta::assert_snapshot!(quarantine.as_str(), @r"
    CREATE TABLE IF NOT EXISTS `d_1`.`t_0123456789abcdef0123456789abcdef_2_quarantine`
    (
        `ts` Nullable(String),
        `n` Nullable(String),
        `c__error_column` Array(String),
        `c__error` Array(String),
        `c__import_id` Nullable(String),
        `insertion_date` DateTime
    )
    ENGINE = MergeTree
    PARTITION BY toYYYYMM(`insertion_date`)
    ORDER BY `insertion_date`
    SETTINGS non_replicated_deduplication_window = 1000
    ");
}

#[test]
fn every_clause_has_its_place() {
    let schema = "id UInt64, ts DateTime MATERIALIZED CAST(id AS DateTime), `a-b` UInt8";
    let params = [
        ("engine_sorting_key", "(id, toDate(ts))"),
        ("engine_primary_key", "id"),
        ("engine_sampling_key", "id"),
        ("engine_ttl", "ts + toIntervalDay(90) DELETE"),
        ("engine_columns", "`a-b`, id"),
        ("engine_settings", "index_granularity=1024,deduplicate_merge_projection_mode=drop"),
    ];
    insta::assert_snapshot!(rows(schema, "SummingMergeTree", &params).as_str(), @r"
    CREATE TABLE IF NOT EXISTS `d_1`.`t_0123456789abcdef0123456789abcdef_2`
    (
        `id` UInt64,
        `ts` DateTime MATERIALIZED (CAST(id AS DateTime)),
        `a-b` UInt8
    )
    ENGINE = SummingMergeTree((`a-b`, `id`))
    ORDER BY ((id, toDate(ts)))
    PRIMARY KEY (id)
    SAMPLE BY (id)
    TTL (ts + toIntervalDay(90))
    SETTINGS index_granularity = 1024, deduplicate_merge_projection_mode = 'drop', non_replicated_deduplication_window = 1000
    ");
    assert!(rows("a Int8", "Null", &[]).as_str().ends_with("ENGINE = Null"));
    assert!(rows("a Int8", "MergeTree", &[]).as_str().contains("ORDER BY tuple()"));
}

/// A query as the guard passes it.
fn checked(sql: &str) -> Checked<Sql> {
    let tree = "QUERY id: 0\n  PROJECTION\n    LIST id: 1, nodes: 1\n      CONSTANT id: 2, alias: b, \
        constant_value: UInt64_1, constant_value_type: UInt8";
    let analysis = Analysis { statements: 1, class: StatementClass::ReadOnly, query_tree: tree.to_owned() };
    let policy = Policy {
        tables: BTreeSet::new(),
        workspace: String::new(),
        door: Door::Copy,
        extra_table_functions: BTreeSet::new(),
    };
    standpipe_sql::inspect(sql, &analysis, &policy).expect("the query is harmless")
}

#[test]
fn tables_of_copies() {
    insta::assert_snapshot!(create_like("d", "copy_1", "t_2").as_str(), @"CREATE TABLE IF NOT EXISTS `d`.`copy_1` AS `d`.`t_2`");
    insta::assert_snapshot!(attach_all("d", "t_3", "copy`1").as_str(), @r"ALTER TABLE `d`.`t_3` ATTACH PARTITION ALL FROM `d`.`copy\`1`");
    insta::assert_snapshot!(describe("d", "t").as_str(), @"DESCRIBE TABLE `d`.`t` FORMAT JSONCompactEachRow");
    insta::assert_snapshot!(rows_of("d", "t'").as_str(), @r"
    SELECT sum(rows)
    FROM system.parts
    WHERE active AND database = 'd' AND table = 't\''
    FORMAT TabSeparated
    ");
    let query = checked("SELECT 1 AS b -- one");
    insta::assert_snapshot!(insert_select("d", "t", ["b c"].into_iter(), &query).as_str(), @r"
    INSERT INTO `d`.`t` (`b c`)
    SELECT 1 AS b -- one
    ");
    insta::assert_snapshot!(count_of(&query).as_str(), @r"
    SELECT count()
    FROM (
    SELECT 1 AS b -- one
    )
    FORMAT TabSeparated
    ");
}

#[test]
fn names_are_quoted() {
    insta::assert_snapshot!(drop_table("d", "a`b").as_str(), @r"DROP TABLE IF EXISTS `d`.`a\`b`");
    insta::assert_snapshot!(insert("d", "t", ["a", "b c"].into_iter(), "RowBinary").as_str(),
        @"INSERT INTO `d`.`t` (`a`, `b c`) FORMAT RowBinary");
}

/// What was used to make a table of another tenant's rows, or to run a function when the table is made.
#[test]
fn attacks_make_no_definition() {
    let other = "d_0123456789abcdef0123456789abcdef.t_0123456789abcdef0123456789abcdef_1";
    let select = format!("n // (\n ORDER BY s AS SELECT s, n FROM {other} //");
    for (engine, option, text) in [
        ("ReplacingMergeTree", "engine_ver", select.as_str()),
        ("ReplacingMergeTree", "engine_ver", "file('/etc/hostname')"),
        ("CollapsingMergeTree", "engine_sign", select.as_str()),
        ("SummingMergeTree", "engine_columns", select.as_str()),
        ("MergeTree", "engine_ttl", "ts + toIntervalDay(1) -- x"),
        ("MergeTree", "engine_ttl", "ts + toIntervalDay(1) //"),
        ("MergeTree", "engine_settings", "index_granularity=1 $x$ "),
        ("MergeTree", "engine_settings", "non_replicated_deduplication_window=0"),
        ("MergeTree", "engine_partition_key", &format!("n IN (SELECT s FROM {other})")),
    ] {
        assert_eq!(
            definition("n Int8, ts DateTime", engine, &[("engine_sorting_key", "n"), (option, text)]),
            None,
            "{text}"
        );
    }
    for schema in [
        "s FixedString(8 // '\n), n Int32) ENGINE = Memory AS SELECT 1 //')",
        "s String CODEC(ZSTD(1 // '\n)), n Int32) ENGINE = Memory //'))",
        "s Int8 DEFAULT (1 AS x)",
        "s Int8 DEFAULT 1 // x",
    ] {
        assert_eq!(definition(schema, "MergeTree", &[]), None, "{schema}");
    }
}

/// Texts that a part may be made of: what belongs there, and what might end it.
fn part(good: &'static [&'static str]) -> impl Strategy<Value = String> {
    let scrap = select(vec![
        "(",
        ")",
        ",",
        "'",
        "`",
        "\"",
        "//",
        "--",
        "#",
        "# ",
        "/*",
        "*/",
        "\n",
        " ",
        "\\",
        "$x$",
        "x'",
        "b'",
        "AS x",
        "SELECT",
        "ENGINE = Memory",
        "->",
        "\u{2018}",
        "\u{2019}",
        "\u{201c}",
        "\u{a0}",
        "{",
        "}",
        "[",
        "]",
        "1",
        "k",
        "DEFAULT",
        "TTL",
        ";",
        "SETTINGS",
        "= 1",
        ".",
        "INTERVAL 1 DAY",
        "CAST(",
        "as Int8)",
        "''",
        "\0",
        "\u{85}",
    ]);
    let cut = (select(good), vec(scrap, 1..5), 0..40_usize).prop_map(|(good, scraps, at)| {
        let at = good.floor_char_boundary(at.min(good.len()));
        format!("{}{}{}", &good[..at], scraps.concat(), &good[at..])
    });
    prop_oneof![3 => select(good).prop_map(str::to_owned), 1 => cut]
}

/// The tokens outside of brackets, with what a pair holds left out; `inside` looks into the first pair instead.
fn outline(sql: &str, inside: bool) -> String {
    let (mut depth, mut groups, mut words) = (0, 0, Vec::new());
    let level = usize::from(inside);
    for token in tokenize(sql).into_iter().filter(|token| token.kind != TokenKind::Whitespace) {
        depth -= usize::from(token.kind.is_closing());
        if depth == level && (!inside || groups == 0) {
            words.push(sql[token.span.clone()].to_owned());
        }
        groups += usize::from(token.kind.is_closing() && depth == 0);
        depth += usize::from(token.kind.is_opening());
    }
    words.join(" ")
}

const TYPES: &[&str] =
    &["Nullable(Int8)", "Array(String)", "Tuple(a Int8, b String)", "DateTime64(3, 'UTC')", "Enum8('a' = 1)"];
const DEFAULTS: &[&str] = &["now()", "CAST(k AS String)", "k + 1", "'it''s'", "arrayMap(x -> x, [k])", "'a // b'"];
const CODECS: &[&str] = &["CODEC(ZSTD(1))", "CODEC(Delta(4), LZ4)"];
const KEYS: &[&str] = &["k", "k, toDate(k)", "(k)", "tuple(k)", "cityHash64(k, '(')"];
const TTLS: &[&str] = &["k + INTERVAL 1 DAY", "toDate(k) + toIntervalDay(1) DELETE"];
const VERSIONS: &[&str] = &["k", "`k`", "a"];
const SETTINGS: &[&str] = &["index_granularity=1024", "index_granularity=1, ttl_only_drop_parts=1"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever users write, the statement is ours with one pair of brackets for each thing of theirs.
    #[test]
    fn accepted_parts_stay_in_their_places(
        (data_type, default, codec) in (part(TYPES), part(DEFAULTS), part(CODECS)),
        (partition, key, ttl) in (part(KEYS), part(KEYS), part(TTLS)),
        (ver, settings) in (part(VERSIONS), part(SETTINGS)),
    ) {
        let schema = format!("a {data_type} DEFAULT {default} {codec}, k DateTime");
        let params = [
            ("engine_partition_key", partition.as_str()),
            ("engine_sorting_key", key.as_str()),
            ("engine_ttl", ttl.as_str()),
            ("engine_ver", ver.as_str()),
            ("engine_settings", settings.as_str()),
        ];
        let Some(accepted) = definition(&schema, "ReplacingMergeTree", &params) else { return Ok(()) };
        prop_assume!(accepted.columns.len() == 2 && accepted.columns[0].codec.is_some());
        let statement = create_rows("d", table(), &accepted);
        let statement = statement.expect("what was accepted has the shape of our statement");
        let sql = statement.as_str();
        let expected = "CREATE TABLE IF NOT EXISTS `d` . `t_0123456789abcdef0123456789abcdef_2` ( ) \
            ENGINE = ReplacingMergeTree ( ) PARTITION BY ( ) ORDER BY ( ) TTL ( ) SETTINGS ";
        let outside = outline(sql, false);
        prop_assert!(outside.starts_with(expected), "{}", sql);
        let settings = outside[expected.len()..].split(" , ").map(|setting| setting.split(' ').count());
        prop_assert!(settings.clone().all(|words| words == 3), "{}", sql);
        prop_assert!(outside.ends_with("non_replicated_deduplication_window = 1000"), "{}", sql);
        let columns = outline(sql, true).replacen("( ) DEFAULT", "DEFAULT", 1);
        let words: Vec<&str> = columns.split(' ').collect();
        prop_assert_eq!((words[0], &words[2..]), ("`a`", &["DEFAULT", "(", ")", "CODEC", "(", ")", ",", "`k`", "DateTime"][..]));
    }
}

#[test]
fn the_property_is_about_something() {
    let accepted = |ttl, ver| {
        let params = [("engine_sorting_key", "k"), ("engine_ttl", ttl), ("engine_ver", ver)];
        definition("a Array(String) DEFAULT now() CODEC(ZSTD(1)), k DateTime", "ReplacingMergeTree", &params)
    };
    for ttl in TTLS {
        for ver in VERSIONS {
            assert!(accepted(ttl, ver).is_some(), "{ttl} {ver}");
        }
    }
}
