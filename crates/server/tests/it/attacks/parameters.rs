//! Parameters of endpoints, crafted to leave their place: every function of templates that prints one, each with each.

use super::doors::encoded;
use super::world::World;

/// Templates with the parameter `x`. Whatever it is, the answer has the columns `a` and `v` and at most two rows.
const TEMPLATES: &[(&str, &str)] = &[
    ("no function", "SELECT a, {{x}} AS v FROM events"),
    ("String", "SELECT a, {{String(x, 'd')}} AS v FROM events"),
    ("String in WHERE", "SELECT a, s AS v FROM events WHERE s = {{String(x, 'd')}} OR a = 1"),
    ("String in a list", "SELECT a, s AS v FROM events WHERE s IN ('x', {{String(x, 'd')}})"),
    ("String in LIKE", "SELECT a, s AS v FROM events WHERE s LIKE {{String(x, 'd')}}"),
    ("String behind a comment", "SELECT a, /* x */ {{String(x, 'd')}} AS v FROM events -- {{String(x, 'd')}}\n"),
    ("Boolean", "SELECT a, {{Boolean(x, 1)}} AS v FROM events"),
    ("Int32", "SELECT a, {{Int32(x, 1)}} AS v FROM events LIMIT 2"),
    ("Int32 in LIMIT", "SELECT a, s AS v FROM events LIMIT {{Int32(x, 1)}}"),
    ("UInt64", "SELECT a, {{UInt64(x, 1)}} AS v FROM events"),
    ("Int256", "SELECT a, {{Int256(x, 1)}} AS v FROM events"),
    ("Float64", "SELECT a, {{Float64(x, 1)}} AS v FROM events"),
    ("Date", "SELECT a, {{Date(x, '2020-01-01')}} AS v FROM events"),
    ("DateTime", "SELECT a, {{DateTime(x, '2020-01-01 00:00:00')}} AS v FROM events"),
    ("DateTime64", "SELECT a, {{DateTime64(x, '2020-01-01 00:00:00.000')}} AS v FROM events"),
    ("Array of String", "SELECT a, s AS v FROM events WHERE s IN {{Array(x, 'String', 'fine')}}"),
    ("Array of Int32", "SELECT a, s AS v FROM events WHERE a IN {{Array(x, 'Int32', '1')}}"),
    ("Array as a value", "SELECT a, {{Array(x, 'String', 'fine')}} AS v FROM events"),
    (
        "split_to_array",
        "SELECT a, concat({% for part in split_to_array(x, 'p,q') %}{{String(part)}}, {% end %} '') AS v FROM events",
    ),
    (
        "enumerate_with_last",
        "SELECT a, concat({% for last, part in enumerate_with_last(split_to_array(x, 'p,q')) %}{{String(part)}}, {% end %} '') AS v FROM events",
    ),
    ("column", "SELECT a, {{column(x, 's')}} AS v FROM events"),
    ("column in ORDER BY", "SELECT a, s AS v FROM events ORDER BY {{column(x, 's')}}"),
    ("columns", "SELECT a, tuple({{columns(x, 's')}}) AS v FROM events"),
    ("columns with a function", "SELECT a, tuple({{columns(x, 's', 'toString')}}) AS v FROM events"),
    ("symbol", "SELECT a, {{symbol(x)}} AS v FROM events"),
    ("symbol in double quotes", "SELECT a, {{symbol(x, '\"')}} AS v FROM events"),
    ("symbol without quotes", "SELECT a, {{symbol(x, '')}} AS v FROM events"),
    ("table", "SELECT a, s AS v FROM {{table(x)}}"),
    ("table in quotes", "SELECT a, s AS v FROM {{table(x, '`')}}"),
    ("symbol as a table", "SELECT a, s AS v FROM {{symbol(x)}}"),
    ("symbol as a function", "SELECT a, {{symbol(x, '')}}(s) AS v FROM events"),
    ("symbol as an argument", "SELECT a, arrayMap({{symbol(x)}}, [s]) AS v FROM events"),
    ("JSON", "SELECT a, {{String(JSON(x, '{\"k\": \"d\"}')['k'])}} AS v FROM events"),
    ("sql_unescape", "SELECT a, {{sql_unescape(x)}} AS v FROM events"),
    ("sql_unescape without quotes", "SELECT a, {{sql_unescape(x, '')}} AS v FROM events"),
    (
        "sql_and",
        "SELECT a, s AS v FROM events WHERE {{sql_and(a__in=Array(x, 'Int32', '1'), s__in=Array(x, 'String', 'fine'))}}",
    ),
    ("max_threads", "{{max_threads(x)}} SELECT a, s AS v FROM events"),
    ("backend_hint", "{{backend_hint(x)}} SELECT a, s AS v FROM events"),
    ("format of Python", "SELECT a, {{String('%s' % x)}} AS v FROM events"),
    ("a comparison", "SELECT a, {% if x == 'y' %}1{% else %}2{% end %} AS v FROM events"),
    ("an error", "{% if defined(x) %}{{error(x)}}{% end %}SELECT a, s AS v FROM events"),
];

/// What would show in an answer if a value had become SQL. Echoes of the value do not hold it.
const MARK: &str = "INJECTED";

/// `{call}` answers the mark.
const VALUES: &[&str] = &[
    "'",
    "''",
    "\\",
    "\\'",
    "\\\\'",
    "\"",
    "`",
    "'; DROP TABLE events; --",
    "' || {call} || '",
    "\\' || {call} || \\'",
    "\\\\' || {call} || '",
    "', {call}, '",
    "' UNION ALL SELECT 1, {call} -- ",
    "') UNION ALL SELECT 1, ({call}",
    "1 UNION ALL SELECT 1, {call}",
    "1) UNION ALL SELECT 1, {call} -- ",
    "1; SELECT {call}",
    "1 OR 1 = 1",
    "{call}",
    "({call})",
    "s`, {call} AS `s",
    "s\", {call} AS \"s",
    "s\\`, {call} AS v FROM events -- ",
    "s, {call}",
    "s AS v, {call} AS a FROM events -- ",
    "events WHERE 0 UNION ALL SELECT 1, {call}",
    "events` WHERE 0 UNION ALL SELECT 1, {call} -- ",
    "events, (SELECT {call} AS t)",
    "events -- ",
    "events /*",
    "events #",
    "(SELECT 1 AS a, {call} AS s)",
    "numbers(1)",
    "values('a Int8, s String', (1, {call}))",
    "system.tables",
    "system.one",
    "d_other.t_secret",
    "d_ws.t_users",
    "t_users",
    "`d_other`.`t_secret`",
    "d_other`.`t_secret",
    "file('/etc/hostname')",
    "file",
    "hostName",
    "hostName()",
    "/etc/passwd",
    "theirs",
    "*",
    "* EXCEPT(a)",
    "COLUMNS('.*')",
    "x'41'",
    "0x41",
    "1e999",
    "-1",
    "1--1",
    "nan",
    "\u{2018}, {call}, \u{2019}",
    "\u{201c}",
    "\u{ff07} || {call} || \u{ff07}",
    "$$ || {call} || $$",
    "$a$",
    "{x:Identifier}",
    "{{1 + 1}}",
    "{% raw x %}",
    "a\nb",
    "a\0b",
    "\r\n-- ",
    "2020-01-01' || {call} || '",
    "2020-01-01 00:00:00'), ({call}",
    "[1, {call}]",
    "['a', {call}]",
    "a','b",
    "a,b,{call}",
    "{\"k\": \"' || {call} || '\"}",
    "{\"k\": {\"k\": 1}}",
    "SETTINGS readonly = 0",
    "s FROM events SETTINGS readonly = 0 -- ",
    "s FORMAT CSV",
    "s INTO OUTFILE '/tmp/x' -- ",
];

#[tokio::test]
async fn no_parameter_leaves_its_place() {
    let world = World::new().await;
    let before = world.everything().await;
    let mut answered = 0;
    for (what, template) in TEMPLATES {
        // Some cannot even be saved with their samples; an older version may have stored them.
        world.store_node_unchecked("stored", &format!("%\n{template}")).await;
        for (number, value) in VALUES.iter().enumerate() {
            let value = world.address(value).replace("{call}", "concat('INJ', 'ECTED')");
            let sent = format!("x={}", encoded(&value));
            let request = match number % 4 {
                0 => world.get(&format!("/v0/pipes/stored.json?{sent}")),
                1 => world.post("/v0/pipes/stored.json").form(&sent),
                2 => world.post("/v0/pipes/stored.json").json(&serde_json::json!({"x": value})),
                _ => world.get(&format!("/v0/sql?{sent}&q={}", encoded("SELECT a, v FROM stored"))),
            };
            let answer = request.send().await;
            let about = format!("{what} with {value:?}");
            world.assert_tells_nothing(&about, &value, &answer);
            assert!(!answer.text().contains(MARK), "{about}: {}", answer.text());
            if answer.status != 200 {
                assert_eq!(answer.status, 400, "{about}: {}", answer.text());
                continue;
            }
            answered += 1;
            let json = answer.json();
            let columns: Vec<_> = json["meta"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
            assert_eq!(columns, ["a", "v"], "{about}");
            assert!(json["data"].as_array().unwrap().len() <= 2, "{about}: {}", answer.text());
            let explained = world.get(&format!("/v0/pipes/stored/explain?{sent}")).send().await;
            world.assert_tells_nothing(&about, &value, &explained);
        }
    }
    world.standpipe().settle().await;
    assert_eq!(world.everything().await, before);
    let all = TEMPLATES.len() * VALUES.len();
    eprintln!("{} templates with {} values: {answered} of {all} answered", TEMPLATES.len(), VALUES.len());
    assert!(answered > all / 4 && answered < all, "the templates do not work, or nothing is refused");
}
