//! Every limit ends a template at once, with an error that names it; nothing a template does exhausts the stack.

use std::time::{Duration, Instant};

use standpipe_template::{CompileOptions, Error, Limits, Params, RenderContext, Template};

fn render(text: &str, limits: Limits) -> Result<String, Error> {
    let options = CompileOptions { node: Some("node_1".to_owned()), limits };
    let template = Template::compile(text, &options)?;
    template.render(&Params::new(), &RenderContext::default()).map(|rendered| rendered.sql)
}

fn check_limit(text: &str, name: &str) {
    let started = Instant::now();
    let error = render(text, Limits::default()).expect_err(text);
    assert_eq!(error.error_type(), "TemplateLimitError", "{text}: {error}");
    assert!(error.to_string().contains(&format!("limit \"{name}\"")), "{text}: {error}");
    assert!(started.elapsed() < Duration::from_secs(20), "{text}");
}

#[test]
fn endless_loops_end() {
    check_limit("{% while True %}{% end %}", "steps");
    check_limit("{% while True %}x{% end %}", "steps");
    check_limit("{% for i in range(10**15) %}{% end %}", "steps");
    check_limit("{% set l = [1] %}{% for i in l %}{% set l.append(i) %}{% end %}", "steps");
    check_limit("{% set x = max(range(10**12)) %}", "value_bytes");
    check_limit("{% set x = (i for i in range(10**12)) %}", "value_bytes");
    check_limit("{% set x = any(i < 0 for i in map(abs, range(10**9))) %}", "steps");
    check_limit("{% if 0.5 in range(10**15) %}{% end %}{% while True %}{% end %}", "steps");
}

#[test]
fn strings_and_lists_stay_small() {
    check_limit("{% set s = 'x' * 10**9 %}", "value_bytes");
    check_limit("{{ 'x' * 1000000000 }}", "value_bytes");
    check_limit("{% set s = 'x' %}{% for i in range(100) %}{% set s = s + s %}{% end %}", "value_bytes");
    check_limit("{% set s = [0] * 10**9 %}", "value_bytes");
    check_limit("{% set s = 'x'.ljust(10**9) %}", "value_bytes");
    check_limit("{% set s = 'a,' * 1000 %}{% set s = s.replace('a', s).replace('a', s) %}", "value_bytes");
    check_limit("{% set s = '%99999d' % 1 %}", "value_bytes");
    check_limit("{% set s = f'{1:99999}' %}", "value_bytes");
    check_limit("{% set s = 'x' * 60000 %}{% set s = s.join(['a'] * 1000) %}", "value_bytes");
}

#[test]
fn numbers_stay_small() {
    check_limit("{% set n = 9**9**9 %}", "value_bytes");
    check_limit("{% set n = 1 << 10**12 %}", "value_bytes");
    check_limit("{% set n = 10**1000 %}{% for i in range(100) %}{% set n = n * n %}{% end %}", "value_bytes");
}

#[test]
fn the_text_stays_small() {
    check_limit("{% set s = 'x' * 100000 %}{% for i in range(1000) %}{{s}}{% end %}", "output_bytes");
    let limits = Limits { template_bytes: 10, ..Limits::default() };
    let error = render("SELECT 1 -- long", limits).expect_err("too long");
    assert!(error.to_string().contains("template_bytes"), "{error}");
}

#[test]
fn time_is_limited() {
    let limits = Limits { steps: u64::MAX, time: Duration::from_millis(20), ..Limits::default() };
    let error = render("{% while True %}{% end %}", limits).expect_err("endless");
    assert!(error.to_string().contains("limit \"time\" exceeded: more than 20 ms"), "{error}");
}

#[test]
fn nothing_catches_a_limit() {
    check_limit("{% try %}{% while True %}{% end %}{% except %}caught{% end %}", "steps");
}

#[test]
fn nesting_is_limited() {
    check_limit("{% set f = lambda n: f(n + 1) %}{% set x = f(0) %}", "nesting");
    check_limit(&format!("{{% set x = {}1 %}}", "not ".repeat(100_000)), "nesting");
    check_limit(&format!("{{% set x = {}1 %}}", "-".repeat(100_000)), "nesting");
    check_limit(&format!("{{% set x = {}1 %}}", "1 if 1 else ".repeat(50_000)), "nesting");
    check_limit(&format!("{{% set x = {}1 %}}", "lambda: ".repeat(50_000)), "nesting");
    check_limit(&format!("{{{{ 1{} }}}}", "+1".repeat(100_000)), "nesting");
    check_limit(&format!("{{% set x = a{} %}}", ".b".repeat(100_000)), "nesting");
    check_limit(&format!("{{% set x = a{} %}}", "(1)".repeat(100_000)), "nesting");
    check_limit(&format!("{{% set x = {}2 %}}", "2**".repeat(100_000)), "nesting");
}

/// Test threads have 2 MiB of stack, as the server's have.
#[test]
fn what_is_just_within_the_limits_fits_the_stack() {
    let nested =
        |open: &str, inner: &str, close: &str, n: usize| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    for expression in [
        nested("(", "1", ")", 195),
        nested("[", "1", "]", 195),
        nested("{'a': ", "1", "}", 195),
        nested("len([", "1", "])", 97),
        nested("str(", "1", ")", 195),
        nested("[x for x in [", "1", "]]", 97),
        nested("not ", "1", "", 380),
        nested("1 if 1 else ", "1", "", 380),
        nested("1 ** ", "1", "", 180),
        nested("1 + ", "1", "", 900),
        nested("(lambda x: ", "x", ")(1)", 97),
    ] {
        let text = format!("{{% set x = {expression} %}}{{{{x}}}}");
        let result = render(&text, Limits::default());
        assert!(result.is_ok(), "{expression}: {result:?}");
    }
    for wrap in ["[v]", "(v,)", "{1: v}", "lambda x=v: x", "iter([v])", "map(str, [v])", "zip([v])", "{'k': (v, [v])}"]
    {
        let text = format!("{{% set v = [] %}}{{% for i in range(60000) %}}{{% set v = {wrap} %}}{{% end %}}done");
        assert_eq!(render(&text, Limits::default()).ok().as_deref(), Some("done"), "{wrap}");
    }
    let top_down = "{% set a = [] %}{% set x = a %}{% for i in range(60000) %}{% set b = [] %}{% set x.append(b) %}\
                    {% set x = b %}{% end %}done";
    assert_eq!(render(top_down, Limits::default()).ok().as_deref(), Some("done"));
    let blocks = format!("{}x{}", "{% if 1 %}".repeat(98), "{% end %}".repeat(98));
    assert_eq!(render(&blocks, Limits::default()).ok().as_deref(), Some("x"));
    let error = render(&"{% if 1 %}".repeat(100_000), Limits::default()).expect_err("too many blocks");
    assert!(error.to_string().contains("nesting"), "{error}");
}

#[test]
fn containers_cannot_hold_themselves() {
    for text in [
        "{% set l = [] %}{% set l.append(l) %}",
        "{% set l = [] %}{% set l.append([1, (l,)]) %}",
        "{% set d = {} %}{% set d['a'] = [d] %}",
        "{% set d = {} %}{% set d.update({'a': d}) %}",
        "{% set l = [] %}{% set l += [l] %}",
        "{% set l = [] %}{% set l.append(lambda x=l: x) %}",
        "{% set l = [] %}{% set l.append(l.append) %}",
    ] {
        let error = render(text, Limits::default()).expect_err(text);
        assert!(error.to_string().contains("cannot hold itself"), "{text}: {error}");
    }
}

#[test]
fn errors_say_where() {
    let error = render("SELECT 1,\n  {{ 'x' * 1000000000 }}", Limits::default()).expect_err("too large");
    assert_eq!((error.node(), error.line(), error.column()), (Some("node_1"), Some(2), Some(6)));
    assert_eq!(error.text(), Some("'x' * 1000000000"));
}
