//! Feeds broken and rearranged templates to the crate for some seconds: `cargo run --release --example fuzz -- 60 [SEED]`.
//!
//! It ends with an error when a rendering gives two answers for one input, or when an answer is not JSON; a panic or an
//! exhausted stack ends it too. The inputs are the recorded templates, cut up and put together again.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use standpipe_template::batch;

const CORPUS: &str = include_str!("../tests/vectors/template-vectors.ndjson");

const PIECES: [&str; 36] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{% end %}",
    "{% if x %}",
    "{% else %}",
    "{% for i in x %}",
    "{% try %}",
    "{% except %}",
    "{% set y = x %}",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "\\",
    "\n",
    " ",
    ",",
    ".",
    ":",
    "=",
    " in ",
    " not ",
    "lambda: ",
    "**",
    "0",
    "1e9",
    "x",
    "é",
];

/// A small generator of pseudo-random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }

    fn pick<'a>(&mut self, items: &'a [String]) -> &'a str {
        &items[self.below(items.len())]
    }
}

/// A character boundary at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

fn mutate(random: &mut Random, corpus: &[String]) -> String {
    let mut text = random.pick(corpus).to_owned();
    for _ in 0..1 + random.below(4) {
        let at = boundary(&text, random.below(text.len() + 1));
        match random.below(5) {
            0 => text.insert_str(at, PIECES[random.below(PIECES.len())]),
            1 => {
                let end = boundary(&text, at + random.below(8)).max(at);
                text.replace_range(at..end, "");
            }
            2 => {
                let other = random.pick(corpus);
                let cut = boundary(other, random.below(other.len() + 1));
                text = format!("{}{}", &text[..at], &other[cut..]);
            }
            3 => {
                let copy = text[at..].to_owned();
                let end = boundary(&copy, random.below(20));
                text.insert_str(at, &copy[..end]);
            }
            _ => text.push_str(random.pick(corpus)),
        }
    }
    text.truncate(boundary(&text, 4000));
    text
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let seconds: u64 = args.next().map_or(Ok(10), |n| n.parse())?;
    let seed: u64 = args.next().map_or(Ok(1), |n| n.parse())?;
    let mut corpus = Vec::new();
    for line in CORPUS.lines() {
        let vector: serde_json::Value = serde_json::from_str(line)?;
        corpus.extend(vector["template"].as_str().map(str::to_owned));
    }
    let values: Vec<String> = PIECES.iter().map(|piece| (*piece).to_owned()).chain(corpus.iter().cloned()).collect();
    let mut random = Random(seed.max(1));
    let (started, mut inputs) = (Instant::now(), 0u64);
    while started.elapsed() < Duration::from_secs(seconds) {
        let template = mutate(&mut random, &corpus);
        let params = serde_json::json!({ "x": random.pick(&values), "a": [random.pick(&values), 1, null], "s": 5 });
        let line = serde_json::json!({
            "template": template,
            "params": params,
            "test_mode": random.below(3) == 0,
        });
        let line = line.to_string();
        let answer = batch::line(&line);
        if answer != batch::line(&line) {
            return Err(format!("two answers for {line}").into());
        }
        serde_json::from_str::<serde_json::Value>(&answer).map_err(|e| format!("{e} in the answer to {line}"))?;
        inputs += 1;
    }
    writeln!(io::stdout(), "{inputs} inputs in {seconds} s, no failure")?;
    Ok(())
}
