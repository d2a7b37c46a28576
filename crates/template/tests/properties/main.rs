//! What holds for any text and any value.

mod lexer;

use lexer::shape;
use proptest::prelude::*;
use standpipe_template::{CompileOptions, Data, NoSecrets, Params, RenderContext, Template, batch, template_text};

/// Pieces that templates are made of, and breakages of them.
const PIECES: [&str; 70] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{{!",
    "{",
    "}",
    "%",
    " ",
    "\n",
    "SELECT ",
    "'",
    "\"",
    "`",
    "\\",
    "--",
    "é",
    "if ",
    "elif ",
    "else",
    "end",
    "for ",
    "while ",
    "try",
    "except",
    "except ValueError as e",
    "finally",
    "set ",
    "break",
    "continue",
    "comment x",
    "whitespace single",
    "x",
    "y",
    "i in ",
    "x = ",
    "1",
    "2.5",
    "-",
    "+",
    "*",
    "/",
    "//",
    "**",
    "(",
    ")",
    "[",
    "]",
    ":",
    ",",
    ".",
    "==",
    "<",
    "not ",
    " and ",
    " or ",
    " is ",
    "lambda v: ",
    "f'{x}'",
    "Int32(x, 1)",
    "String(x)",
    "Array(x, 'Int32')",
    "column(x, 'a')",
    "split_to_array(x)",
    "defined(x)",
    "range(3)",
    ".split(',')",
    ".get('a')",
];

fn any_template() -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => ".{0,3}"];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Templates whose tags are closed and whose expressions are whole.
fn valid_template() -> impl Strategy<Value = String> {
    let expression = prop::sample::select(
        &[
            "x",
            "Int32(x, 1)",
            "String(x, 'a')",
            "Array(x, 'String', 'a,b')",
            "column(x, 'c')",
            "'a' + 'b'",
            "1 + 2",
            "x if y else 'z'",
            "[1, 'a', 2.5]",
            "sql_and(a=x, b__gt=y)",
            "Boolean(y)",
            "f'{x}-{y}'",
        ][..],
    );
    let leaf = prop_oneof![
        "[a-z ,()]{0,12}",
        expression.prop_map(|e| format!("{{{{{e}}}}}")),
        Just("{% set z = [1, 2] %}".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let body = prop::collection::vec(inner, 0..4).prop_map(|parts| parts.concat());
        prop_oneof![
            body.clone().prop_map(|b| format!("{{% if defined(x) %}}{b}{{% else %}}n{{% end %}}")),
            body.clone().prop_map(|b| format!("{{% for i in range(2) %}}{b}{{% end %}}")),
            body.clone().prop_map(|b| format!("{{% try %}}{b}{{% except %}}e{{% end %}}")),
            body,
        ]
    })
}

/// Values as hostile as callers can send.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(
        &[
            "'",
            "\"",
            "`",
            "\\",
            "%",
            "\0",
            "\n",
            "\r",
            "\t",
            "\x08",
            "\x1a",
            ";",
            "--",
            "/*",
            "*/",
            "#",
            "(",
            ")",
            ",",
            ".",
            " ",
            "a",
            "1",
            "é",
            "\u{2028}",
            "\u{2019}",
            "{{x}}",
            "{%",
            "}",
            "' OR 1=1 --",
            "\\'",
            "$$",
            "0x",
            "_",
        ][..],
    );
    prop_oneof![prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()), ".{0,20}",]
}

fn render(text: &str, params: &Params, test_mode: bool) -> Option<Result<String, String>> {
    let template = Template::compile(text, &CompileOptions::default()).ok()?;
    let context = RenderContext { test_mode, secrets: &NoSecrets, ..RenderContext::default() };
    Some(template.render(params, &context).map(|r| r.sql).map_err(|e| e.to_string()))
}

fn one(name: &str, value: impl Into<Data>) -> Params {
    let mut params = Params::new();
    params.insert(name, value);
    params
}

/// A template with the parameter `x` in one place, whether it takes a list, and a harmless value.
const PLACES: [(&str, bool, &str); 30] = [
    ("SELECT {{x}} AS a, 'b' FROM t", false, "a"),
    ("SELECT {{String(x)}} AS a FROM t -- c", false, "a"),
    ("SELECT {{String(x) + '_s'}} FROM t WHERE b = 'c'", false, "a"),
    ("SELECT a FROM t WHERE b IN {{Array(x, 'String')}} AND c = 'd'", true, "a"),
    ("SELECT a FROM t WHERE b IN {{Array(x)}} AND c = 'd'", true, "a"),
    ("SELECT {{Array(x, 'Symbol')}} FROM t", true, "a"),
    ("SELECT a FROM t WHERE b = {{DateTime(x)}} OR c", false, "2024-01-01 00:00:00"),
    ("SELECT a FROM t WHERE b = {{DateTime64(x)}} OR c", false, "2024-01-01 00:00:00.000"),
    ("SELECT a FROM t WHERE b = {{Date(x)}} OR c", false, "2024-01-01"),
    ("SELECT a FROM t LIMIT {{Int64(x)}} OFFSET 1", false, "1"),
    ("SELECT a FROM t LIMIT {{Int(x)}} OFFSET 1", false, "1"),
    ("SELECT {{Float64(x)}} FROM t", false, "1"),
    ("SELECT {{Boolean(x)}} FROM t", false, "1"),
    ("SELECT {{column(x)}} FROM t", false, "a"),
    ("SELECT {{columns(x)}} FROM t", false, "a"),
    ("SELECT {{symbol(x)}} FROM t", false, "a"),
    ("SELECT {{symbol(x, '')}} FROM t", false, "a"),
    ("SELECT {{symbol('a', x)}} FROM t", false, "b"),
    ("SELECT a FROM {{table(x)}} WHERE b", false, "a"),
    ("SELECT a FROM t WHERE {{sql_and(b=x, c__in=x)}} AND d", false, "a"),
    ("SELECT a FROM t WHERE b LIKE {{sql_unescape(x, '%')}} AND c = 'd'", false, "a"),
    ("SELECT a FROM t WHERE b LIKE {{sql_unescape(String(x), 'n')}} AND c = 'd'", false, "a"),
    ("SELECT a FROM t WHERE b LIKE {{sql_unescape('c', x)}} AND c = 'd'", false, "a"),
    ("{{backend_hint(x)}}SELECT a FROM t", false, "a"),
    ("{{max_threads(x)}}SELECT a FROM t", false, "1"),
    ("{{disable(x)}}SELECT a FROM t", false, "ana"),
    ("{{activate(x)}}SELECT a FROM t", false, "analyzer"),
    ("{{cache_ttl(x)}}SELECT a FROM t", false, "5m"),
    ("SELECT {{columns('a,b', fn='f' + x)}} FROM t", false, "max"),
    ("SELECT {{columns(x, fn='max')}} FROM t", false, "a"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any_template(), value in ".{0,6}") {
        let params = one("x", value.as_str());
        for test_mode in [false, true] {
            render(&text, &params, test_mode);
        }
        if let Ok(template) = Template::compile(&text, &CompileOptions::default()) {
            prop_assert!(template.used_names().is_ok());
            prop_assert!(template.used_tables().is_ok());
            let _ = template.merged_parameters();
        }
        let _ = template_text(&text);
    }

    #[test]
    fn no_line_panics(line in ".{0,40}", text in any_template()) {
        batch::line(&line);
        let answer = batch::line(&serde_json::json!({ "template": text, "params": { "x": line } }).to_string());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{}", answer);
    }

    #[test]
    fn rendering_is_deterministic(text in valid_template(), value in hostile()) {
        let params = one("x", value.as_str());
        let first = render(&text, &params, false);
        prop_assert!(first.is_some(), "{} does not compile", text);
        prop_assert_eq!(&first, &render(&text, &params, false));
        prop_assert_eq!(render(&text, &params, true), render(&text, &params, true));
    }

    /// Whatever the value, the tokens around it stay as they are: nothing leaves its place.
    #[test]
    fn no_value_changes_the_statement(place in prop::sample::select(&PLACES[..]), value in hostile()) {
        let (text, list, harmless) = place;
        let data = |value: &str| if list { Data::List(vec![value.into()]) } else { value.into() };
        let harmless = render(text, &one("x", data(harmless)), false).expect("compiles").expect("renders");
        if let Some(Ok(sql)) = render(text, &one("x", data(&value)), false) {
            let (before, _) = text.split_once("{{").expect("a tag");
            prop_assert!(lexer::keeps_its_place(before, &harmless, &sql), "{:?} in {} gives {}", value, text, sql);
        }
    }

    #[test]
    fn names_of_conditions_stay_names(key in hostile()) {
        let text = "SELECT a FROM t WHERE {{sql_and(**JSON(j))}} AND d";
        let json = serde_json::json!({ key.as_str(): "v" }).to_string();
        if let Some(Ok(sql)) = render(text, &one("j", json.as_str()), false) {
            let harmless = "SELECT a FROM t WHERE b = 'v' AND d";
            prop_assert!(lexer::keeps_its_place("SELECT a FROM t WHERE ", harmless, &sql), "{:?} gives {}", key, sql);
        }
    }
}

#[test]
fn the_lexer_sees_what_it_must() {
    assert_eq!(shape("a 'b' -- c\nd"), shape("x 'y''z\\'' -- w\nq"));
    assert_ne!(shape("a 'b' c"), shape("a 'b' 'c"));
    let keeps = |sql: &str| lexer::keeps_its_place("SELECT ", "SELECT 'a' FROM t", sql);
    assert!(keeps("SELECT 'it''s' FROM t"));
    assert!(keeps("SELECT \\'x FROM t"));
    assert!(!keeps("SELECT 'a' OR 'b' FROM t"));
    assert!(!keeps("SELECT 'a'; DROP TABLE t FROM t"));
    assert!(!keeps("SELECT 'a FROM t"));
    assert!(!keeps("SELECT --\\` FROM t"));
}
