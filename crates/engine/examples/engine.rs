//! Runs an engine process by itself, as the tests do: `engine <data directory> <socket> <libchdb> [small]`.
//!
//! The product starts it as a hidden subcommand of its one binary. It ends when the process that started it ends.

use std::path::PathBuf;

use standpipe_engine::{Error, Lane, Options, library_path};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args_os().skip(1);
    let mut path = |default: &str| arguments.next().map_or_else(|| PathBuf::from(default), PathBuf::from);
    let (data_dir, socket) = (path("engine-data"), path("engine.sock"));
    let library = library_path(Some(path("")).filter(|library| !library.as_os_str().is_empty()))?;
    let mut options = Options::new(data_dir, socket, library);
    if arguments.next().is_some_and(|word| word == "small") {
        // One read at a time and one waiting, results of 1 MiB: limits that a test can reach.
        options.lanes.read = Lane { threads: 1, queue: 1 };
        options.result_limit_bytes = 1 << 20;
    }
    standpipe_engine::run(options)
}
