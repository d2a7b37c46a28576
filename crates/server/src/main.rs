//! The `standpipe` program.
fn main() {}
