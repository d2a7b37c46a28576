//! Where bytes wait that are too many for memory and too few for a part: one file without a name, gone with its handle.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A stretch of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    start: u64,
    pub(super) length: usize,
}

/// The file, made when it is first needed.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Spool {
    /// A file for the run of this name in `folder`.
    pub(super) fn new(folder: &Path, name: &str) -> Spool {
        Spool { path: folder.join(format!("sink-{name}.part")), file: None, length: 0 }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Extent> {
        if self.file.is_none() {
            let file =
                OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&self.path);
            let file = file.and_then(|file| std::fs::remove_file(&self.path).map(|()| file));
            self.file = Some(file.map_err(|error| failed("made", &error))?);
        }
        let extent = Extent { start: self.length, length: bytes.len() };
        if let Some(file) = &self.file {
            file.write_all_at(bytes, extent.start).map_err(|error| failed("written", &error))?;
        }
        self.length += bytes.len() as u64;
        Ok(extent)
    }

    pub(super) fn read(&self, extent: Extent, into: &mut Vec<u8>) -> Result<()> {
        let begin = into.len();
        into.resize(begin + extent.length, 0);
        match &self.file {
            Some(file) => file.read_exact_at(&mut into[begin..], extent.start).map_err(|error| failed("read", &error)),
            None => Err(Error::internal("bytes of a sink were put aside nowhere")),
        }
    }
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::internal(format!("the file for what a sink puts aside could not be {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_comes_back_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path(), "x");
        let (one, two) = (spool.append(b"one").unwrap(), spool.append(b"two!").unwrap());
        let mut read = Vec::new();
        spool.read(two, &mut read).unwrap();
        spool.read(one, &mut read).unwrap();
        assert_eq!(read, b"two!one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
