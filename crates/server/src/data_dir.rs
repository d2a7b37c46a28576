//! The data directory: made when missing, and held by one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The longest path a Unix socket can have (Linux; 104 with its final zero on macOS).
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// A data directory that is ours as long as this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The system gives the lock up when the file is closed, however the process ends.
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be made, opened or locked.
    #[error("cannot use the data directory '{}'", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another server uses it.
    #[error("the data directory '{}' is in use by another standpipe: stop that one, or choose another by --data", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Its path leaves no room for the engine's socket.
    #[error("the path of the data directory '{}' is too long for the engine's socket: use one of at most {longest} bytes", path.display())]
    TooLong {
        /// The directory.
        path: PathBuf,
        /// The longest path that works, bytes.
        longest: usize,
    },
}

impl DataDir {
    /// Makes the directory when missing (for this user only) and takes it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let longest = LONGEST_SOCKET_PATH - "/engine.sock".len();
        if path.as_os_str().as_bytes().len() > longest {
            return Err(Error::TooLong { path, longest });
        }
        let mut options = OpenOptions::new();
        let lock =
            options.create(true).truncate(false).write(true).mode(0o600).open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataDir { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_directory_is_private_and_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = DataDir::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(matches!(DataDir::open(&path), Err(Error::InUse { .. })));
        drop(first);
        assert!(DataDir::open(&path).unwrap().path().is_absolute());
    }

    #[test]
    fn a_path_too_long_for_the_socket_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = DataDir::open(&folder.path().join("x".repeat(100))).unwrap_err();
        assert!(matches!(error, Error::TooLong { .. }), "{error}");
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(DataDir::open(file.path()), Err(Error::Io { .. })));
    }
}
