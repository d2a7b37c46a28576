//! `standpipe render`: templates to SQL on the command line, without a server.

use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use standpipe_template::{CompileOptions, Params, RenderContext, Template, batch, template_text};

/// `standpipe render`
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// File with the SQL of a node; without a leading '%' it is printed as it is.
    #[arg(long, value_name = "FILE", required_unless_present = "batch", conflicts_with = "batch")]
    pub sql: Option<PathBuf>,
    /// A parameter of the template; may be repeated, and a repeated name is a list.
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "sql")]
    pub params: Vec<String>,
    /// Render as a save does: sample values stand for what is missing.
    #[arg(long, requires = "sql")]
    pub test_mode: bool,
    /// Read templates from standard input, one JSON object a line, and write one JSON object a line.
    #[arg(long)]
    pub batch: bool,
}

/// Renders what the arguments say to standard output.
///
/// # Errors
/// Why the template cannot be read, compiled or rendered. In a batch, errors of templates are part of the output.
pub fn run(args: &RenderArgs) -> Result<()> {
    match &args.sql {
        Some(file) => {
            let sql = render(file, args)?;
            writeln!(std::io::stdout(), "{sql}").context("cannot print")
        }
        None => run_batch(),
    }
}

fn render(file: &Path, args: &RenderArgs) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read '{}'", file.display()))?;
    let Some(template) = template_text(&text) else { return Ok(text.trim().to_owned()) };
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let options = CompileOptions { node: name, ..CompileOptions::default() };
    let context = RenderContext { test_mode: args.test_mode, ..RenderContext::default() };
    Ok(Template::compile(template, &options)?.render(&params(&args.params)?, &context)?.sql)
}

fn params(given: &[String]) -> Result<Params> {
    let mut values: Vec<(String, Vec<String>)> = Vec::new();
    for param in given {
        let Some((name, value)) = param.split_once('=') else {
            bail!("cannot read --param '{param}': write it as name=value");
        };
        match values.iter_mut().find(|(known, _)| known == name) {
            Some((_, list)) => list.push(value.to_owned()),
            None => values.push((name.to_owned(), vec![value.to_owned()])),
        }
    }
    let json = |mut list: Vec<String>| match list.len() {
        1 => serde_json::Value::String(list.remove(0)),
        _ => list.into(),
    };
    Ok(values.into_iter().map(|(name, list)| (name, json(list))).collect())
}

fn run_batch() -> Result<()> {
    let mut output = std::io::BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line.context("cannot read standard input as UTF-8 lines")?;
        if line.trim().is_empty() {
            continue;
        }
        writeln!(output, "{}", batch::line(&line)).context("cannot write")?;
    }
    output.flush().context("cannot write")
}
