//! Why the engine process could not start or go on.

use std::io;
use std::path::PathBuf;

/// An error that ends the engine process.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no libchdb for this operating system and processor.
    #[error(
        "no embedded engine exists for '{0}': libchdb is published for linux-x64, linux-arm64, darwin-arm64 and \
         darwin-x64; set engine.url to use a ClickHouse server instead"
    )]
    UnsupportedMachine(String),
    /// The path given explicitly is not a file.
    #[error("cannot find libchdb at '{}', the path given by STANDPIPE_LIBCHDB", .0.display())]
    LibraryNotAt(PathBuf),
    /// No copy in any of the places searched.
    #[error(
        "cannot find libchdb: run scripts/setup-libchdb.sh or set STANDPIPE_LIBCHDB to its path (looked for {})",
        .searched.iter().map(|path| format!("'{}'", path.display())).collect::<Vec<_>>().join(", ")
    )]
    LibraryMissing {
        /// Every file name that was tried.
        searched: Vec<PathBuf>,
    },
    /// The library is there but cannot be loaded.
    #[error("cannot load libchdb from '{}'", path.display())]
    LoadLibrary {
        /// The file that was loaded.
        path: PathBuf,
        /// The loader's reason.
        source: libloading::Error,
    },
    /// A file, directory or socket operation failed.
    #[error("cannot {action} '{}'", path.display())]
    Io {
        /// What was tried, such as "create the data directory".
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The event loop or a thread could not be started.
    #[error("cannot start the engine's {what}")]
    Start {
        /// Which part.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// `Sandbox::Required` and the kernel cannot.
    #[error("cannot confine the engine process as required: {0}")]
    Sandbox(String),
    /// The confinement binds a thread and its descendants only, so other threads would stay free.
    #[error("the engine must start before any other thread of its process, but {0} threads are running")]
    NotAlone(usize),
    /// libchdb refused its first connection; its own words go to standard error.
    #[error(
        "libchdb could not open the data directory '{}': another process may be using it, or its files were written \
         by a newer version",
        .0.display()
    )]
    OpenData(PathBuf),
    /// The engine answered its very first queries with an error.
    #[error("libchdb could not answer its first query: {0}")]
    FirstQuery(String),
}
