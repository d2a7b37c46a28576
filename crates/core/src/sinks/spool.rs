//! Where bytes wait that are too many for memory and too few for a part: one file without a name, gone with its handle.

use std::collections::BTreeMap;
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

/// The file, made when it is first needed. It is as long as the bytes were that waited in it at once: what was taken out is
/// written over.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: Option<File>,
    length: u64,
    /// Stretches that nobody needs any more, by their start. No two of them touch, and none touches the end.
    free: BTreeMap<u64, u64>,
}

impl Spool {
    /// A file for the run of this name in `folder`.
    pub(super) fn new(folder: &Path, name: &str) -> Spool {
        Spool { path: folder.join(format!("sink-{name}.part")), file: None, length: 0, free: BTreeMap::new() }
    }

    /// Puts bytes aside, in as many stretches as it takes.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Vec<Extent>> {
        if self.file.is_none() {
            let file =
                OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&self.path);
            let file = file.and_then(|file| std::fs::remove_file(&self.path).map(|()| file));
            self.file = Some(file.map_err(|error| failed("made", &error))?);
        }
        let (mut extents, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let extent = self.allocate(rest.len());
            let (now, later) = rest.split_at(extent.length);
            if let Some(file) = &self.file {
                file.write_all_at(now, extent.start).map_err(|error| failed("written", &error))?;
            }
            extents.push(extent);
            rest = later;
        }
        Ok(extents)
    }

    /// Takes bytes out again.
    pub(super) fn take(&mut self, extent: Extent, into: &mut Vec<u8>) -> Result<()> {
        let begin = into.len();
        into.resize(begin + extent.length, 0);
        let Some(file) = &self.file else { return Err(Error::internal("bytes of a sink were put aside nowhere")) };
        file.read_exact_at(&mut into[begin..], extent.start).map_err(|error| failed("read", &error))?;
        self.free(extent)
    }

    /// A stretch of at most so many bytes: a free one, else at the end.
    fn allocate(&mut self, wanted: usize) -> Extent {
        let Some((start, length)) = self.free.pop_first() else {
            let start = self.length;
            self.length += wanted as u64;
            return Extent { start, length: wanted };
        };
        let taken = length.min(wanted as u64);
        if taken < length {
            self.free.insert(start + taken, length - taken);
        }
        Extent { start, length: usize::try_from(taken).unwrap_or(wanted) }
    }

    fn free(&mut self, extent: Extent) -> Result<()> {
        let (mut start, mut end) = (extent.start, extent.start + extent.length as u64);
        if let Some(length) = self.free.remove(&end) {
            end += length;
        }
        let before = self.free.range(..start).next_back().map(|(start, length)| (*start, *length));
        if let Some((before, _)) = before.filter(|(before, length)| before + length == start) {
            self.free.remove(&before);
            start = before;
        }
        if end < self.length {
            self.free.insert(start, end - start);
            return Ok(());
        }
        self.length = start;
        match &self.file {
            // Nothing waits: the disk has it back.
            Some(file) if start == 0 => file.set_len(0).map_err(|error| failed("emptied", &error)),
            _ => Ok(()),
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
        for extent in two.into_iter().chain(one) {
            spool.take(extent, &mut read).unwrap();
        }
        assert_eq!(read, b"two!one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_file_is_as_long_as_the_most_that_waited_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path(), "x");
        let (mut aside, mut waiting, mut most, mut all) = (Vec::new(), 0, 0, 0);
        // Sizes and order as mixed as those of files that fill up at their own pace.
        let mut state = 1_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for round in 0..5_000 {
            let bytes = vec![u8::try_from(round % 251).unwrap(); 1 + next(5_000)];
            aside.push((spool.append(&bytes).unwrap(), bytes.clone()));
            waiting += bytes.len();
            all += bytes.len();
            most = most.max(waiting);
            while aside.len() > 1 + next(40) {
                let (extents, bytes) = aside.swap_remove(next(aside.len()));
                let mut read = Vec::new();
                extents.into_iter().for_each(|extent| spool.take(extent, &mut read).unwrap());
                assert!(read == bytes, "round {round}");
                waiting -= bytes.len();
            }
            let length = spool.file.as_ref().unwrap().metadata().unwrap().len();
            assert!(length <= most as u64, "{length} bytes for {most} in round {round}");
        }
        assert!(all > 50 * most, "{all} bytes passed, {most} at once");
        for (extents, _) in aside {
            extents.into_iter().for_each(|extent| spool.take(extent, &mut Vec::new()).unwrap());
        }
        assert_eq!((spool.length, spool.free.len()), (0, 0));
        assert_eq!(spool.file.unwrap().metadata().unwrap().len(), 0);
    }
}
