//! Pairs of statements that differ in one literal, through the guard's memory: the verdict on the first, which is
//! honest, must not pass the second.

use super::world::World;

/// Each literal names something: a type, a function, a format, a setting, columns, a table.
const PAIRS: &[(&str, &str, &str)] = &[
    ("column pattern", "SELECT COLUMNS('^a') FROM events", "SELECT COLUMNS('a\\n  WHERE') FROM events"),
    ("pattern of EXCEPT", "SELECT * EXCEPT('^a') FROM events", "SELECT * EXCEPT('a\\nb') FROM events"),
    ("pattern of LIKE", "SELECT * LIKE 'a%' FROM events", "SELECT * LIKE 'a\\nb' FROM events"),
    ("collation", "SELECT s FROM events ORDER BY s COLLATE 'de'", "SELECT s FROM events ORDER BY s COLLATE 'de\\nx'"),
    (
        "setting inside",
        "SELECT * FROM (SELECT 1 SETTINGS join_algorithm = 'hash')",
        "SELECT * FROM (SELECT 1 SETTINGS join_algorithm = 'hash readonly=0')",
    ),
    ("setting behind", "SELECT 1 SETTINGS join_algorithm = 'hash'", "SELECT 1 SETTINGS join_algorithm = 'hash\\nx'"),
    ("table", "SELECT a FROM events AS x, users", "SELECT a FROM events AS x, 'users'"),
    ("table function's structure", "SELECT * FROM values('a Int8', (1))", "SELECT * FROM values('a File', (1))"),
    (
        "random structure",
        "SELECT * FROM generateRandom('a Int8', 1) LIMIT 1",
        "SELECT * FROM generateRandom('a Nothing2', 1) LIMIT 1",
    ),
    ("type of CAST", "SELECT CAST(a, 'String') FROM events", "SELECT CAST(a, 'Dynamic2') FROM events"),
    ("type of accurateCast", "SELECT accurateCast(a, 'Int8') FROM events", "SELECT accurateCast(a, 'X') FROM events"),
    ("type in JSONExtract", "SELECT JSONExtract('{}', 'a', 'Int8')", "SELECT JSONExtract('{}', 'a', 'Nope')"),
    ("default of a type", "SELECT defaultValueOfTypeName('Int8')", "SELECT defaultValueOfTypeName('Nope')"),
    ("aggregate by its name", "SELECT arrayReduce('sum', [1])", "SELECT arrayReduce('nope', [1])"),
    ("state by its name", "SELECT initializeAggregation('sum', 1)", "SELECT initializeAggregation('nope', 1)"),
    ("format by its name", "SELECT formatRow('CSV', 1)", "SELECT formatRow('Nope', 1)"),
    ("time zone", "SELECT toDateTime(0, 'UTC')", "SELECT toDateTime(0, 'Nowhere/City')"),
    ("element of a tuple", "SELECT tupleElement(tuple(1), 1)", "SELECT tupleElement(tuple(1), 2)"),
    ("function as a name", "SELECT arrayMap(upper, ['x'])", "SELECT arrayMap(file, ['x'])"),
    ("function of APPLY", "SELECT * APPLY(toString) FROM events", "SELECT * APPLY(file) FROM events"),
    ("function", "SELECT upper('/etc/hostname')", "SELECT file('/etc/hostname')"),
    ("table function", "SELECT count() FROM numbers(3)", "SELECT count() FROM merge(3)"),
    ("table by another name", "SELECT count() FROM events", "SELECT count() FROM theirs"),
    ("name right of IN", "SELECT a IN (1) FROM events", "SELECT a IN theirs FROM events"),
    ("quotes", "SELECT 'x' AS s FROM events", "SELECT \u{2018}x\u{2019} AS s FROM events"),
    ("what a string ends", "SELECT 'a', 'b'", "SELECT 'a\\', file('/etc/hostname'), '"),
    ("what a comment ends", "SELECT 1 /* 'x' */", "SELECT 1 /* 'x' */, file('/etc/hostname') /* */"),
    ("a list that grows", "SELECT 1 IN (1, 2)", "SELECT 1 IN (1, (SELECT file('/etc/hostname')))"),
];

#[tokio::test]
async fn a_verdict_passes_nothing_else() {
    let world = World::new().await;
    for (what, first, second) in PAIRS {
        for _ in 0..2 {
            world.sql(first).await.assert_status(200);
        }
        for _ in 0..2 {
            let answer = world.sql(second).await;
            let error = answer.assert_error(400);
            assert!(error.len() > 10, "{what}: {error}");
        }
        world.sql(first).await.assert_status(200);
    }
}

/// The same through one endpoint, where the literal is a parameter.
#[tokio::test]
async fn nor_where_the_literal_is_a_parameter() {
    let world = World::new().await;
    for (template, first, second) in [
        ("SELECT COLUMNS({{String(x, '^a')}}) FROM events", "^a", "a\n  WHERE"),
        ("SELECT * FROM values({{String(x, 'a Int8')}}, (1))", "a+Int8", "a+Nope"),
        ("SELECT arrayReduce({{String(x, 'sum')}}, [1])", "sum", "nope"),
        ("SELECT CAST(a, {{String(x, 'String')}}) FROM events", "String", "Nope"),
        ("SELECT formatRow({{String(x, 'CSV')}}, a) FROM events", "CSV", "Nope"),
        ("SELECT arrayMap({{symbol(x, '')}}, ['x'])", "upper", "file"),
        ("SELECT a FROM {{table(x)}}", "events", "theirs"),
    ] {
        world.store_node_unchecked("stored", &format!("%\n{template}")).await;
        for (value, status) in [(first, 200), (second, 400), (first, 200), (second, 400)] {
            let uri = format!("/v0/pipes/stored.json?x={}", value.replace('\n', "%0A").replace(' ', "+"));
            world.get(&uri).send().await.assert_status(status);
        }
    }
}
