//! Renders NDJSON from standard input, one answer per line: `cargo run --release --example batch < lines.ndjson`.

use std::io::{self, BufRead, BufWriter, Write};

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        writeln!(out, "{}", standpipe_template::batch::line(&line?))?;
    }
    out.flush()
}
