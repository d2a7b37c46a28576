//! Runs every example of `docs/templates.md`.

use std::collections::BTreeMap;

use standpipe_template::{CompileOptions, Params, RenderContext, Template};

const PAGE: &str = include_str!("../../../docs/templates.md");

/// The fenced blocks of the page: name, text, line.
fn blocks() -> Vec<(&'static str, String, usize)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, String, usize)> = None;
    for (number, line) in PAGE.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(name), None) => open = Some((name, String::new(), number + 1)),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text, _))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn examples_do_what_they_say() {
    let (mut template, mut params, mut run) = (String::new(), String::from("{}"), 0);
    for (name, text, line) in blocks() {
        match name {
            "template" => (template, params) = (text, String::from("{}")),
            "params" => params = text,
            "sql" | "error" => {
                let values: BTreeMap<String, serde_json::Value> =
                    serde_json::from_str(&params).expect("params are JSON");
                let compiled = Template::compile(&template, &CompileOptions::default());
                let result = compiled.and_then(|t| t.render(&Params::from(values), &RenderContext::default()));
                let (kind, got) = match result {
                    Ok(rendered) => ("sql", rendered.sql),
                    Err(error) => ("error", error.to_string()),
                };
                assert_eq!(
                    (kind, got.trim_end()),
                    (name, text.trim_end()),
                    "the example at line {line} of docs/templates.md"
                );
                run += 1;
            }
            other => panic!("unknown block {other:?} at line {line} of docs/templates.md"),
        }
    }
    assert!(run > 25, "only {run} examples were found");
}
