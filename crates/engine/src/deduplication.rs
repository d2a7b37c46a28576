//! Mends the deduplication logs of a data directory before libchdb opens it.
//!
//! The engine writes a part's block id to the table's deduplication log before it renames the part into its place. Killed
//! between the two, it remembers a block that it does not have: the same insert sent again under the same token would be
//! taken for a repetition, and its rows would be lost. So lines about parts that do not exist are taken out first.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

/// The file that libchdb locks while it has the directory open.
const STATUS_FILE: &str = "status";
const LOG_FOLDER: &str = "deduplication_logs";
/// How a log line begins that records a new part.
const ADD: &str = "1";

/// Takes lines about parts that do not exist out of every table's deduplication logs; answers how many there were.
///
/// Does nothing when another process has the directory open, or when it is new.
///
/// # Errors
/// A log cannot be read or replaced.
pub(crate) fn mend(data_dir: &Path) -> io::Result<usize> {
    let status = match File::options().write(true).open(data_dir.join(STATUS_FILE)) {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    match status.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(0),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut mended = 0;
    for prefix in folders(&data_dir.join("store"))? {
        for table in folders(&prefix)? {
            mended += mend_table(&table)?;
        }
    }
    Ok(mended)
}

fn folders(parent: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn mend_table(table: &Path) -> io::Result<usize> {
    let logs = match fs::read_dir(table.join(LOG_FOLDER)) {
        Ok(logs) => logs,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let names = folders(table)?;
    let parts: Vec<Part<'_>> = names.iter().filter_map(|path| Part::parse(path.file_name()?.to_str()?)).collect();
    let mut mended = 0;
    for log in logs {
        let path = log?.path();
        let text = fs::read_to_string(&path)?;
        let is_kept = |line: &&str| is_true(line, &parts);
        let kept: Vec<&str> = text.split_inclusive('\n').filter(is_kept).collect();
        let dropped = text.split_inclusive('\n').count() - kept.len();
        if dropped > 0 {
            replace(&path, &kept.concat())?;
            mended += dropped;
        }
    }
    Ok(mended)
}

/// Whether a line is no record of a new part, or the part is there: itself, or in one that it was merged into.
fn is_true(line: &str, parts: &[Part<'_>]) -> bool {
    let mut fields = line.split('\t');
    let (Some(ADD), Some(name)) = (fields.next(), fields.next()) else { return true };
    let Some(recorded) = Part::parse(name) else { return true };
    parts.iter().any(|part| part.covers(&recorded))
}

/// Replaces a file by a new one, whole or not at all.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let mended = path.with_extension("mended");
    let mut file = File::create(&mended)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(mended, path)
}

/// The name of a part: `<partition>_<first block>_<last block>_<level>[_<mutation>]`.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    partition: &'a str,
    first: u64,
    last: u64,
}

impl<'a> Part<'a> {
    fn parse(name: &'a str) -> Option<Part<'a>> {
        let mut fields = name.split('_');
        let partition = fields.next()?;
        let numbers: Option<Vec<u64>> = fields.map(|field| field.parse().ok()).collect();
        match numbers?[..] {
            [first, last, _level] | [first, last, _level, _] => Some(Part { partition, first, last }),
            _ => None,
        }
    }

    fn covers(&self, other: &Part<'_>) -> bool {
        self.partition == other.partition && self.first <= other.first && self.last >= other.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_about_missing_parts_are_taken_out() {
        let data = tempfile::tempdir().unwrap();
        let table = data.path().join("store/049/049a1b06-b171-4b33-9b41-9703236eaf63");
        for folder in ["all_1_3_1", "all_5_5_0", "tmp_insert_all_6_6_0", "detached", LOG_FOLDER, "202601_7_7_0"] {
            fs::create_dir_all(table.join(folder)).unwrap();
        }
        fs::write(data.path().join(STATUS_FILE), "").unwrap();
        let log = table.join(LOG_FOLDER).join("deduplication_log_1.txt");
        let merged = "1\tall_2_2_0\tall_a\n";
        let there = "1\tall_5_5_0\tall_b\n2\tall_4_4_0\tall_c\n1\t202601_7_7_0\t202601_d\n";
        let missing = "1\tall_6_6_0\tall_e\n1\t202602_7_7_0\t202602_f\n";
        fs::write(&log, format!("{merged}{missing}{there}")).unwrap();
        assert_eq!(mend(data.path()).unwrap(), 2);
        assert_eq!(fs::read_to_string(&log).unwrap(), format!("{merged}{there}"));
        assert_eq!(mend(data.path()).unwrap(), 0);
    }

    #[test]
    fn an_open_or_new_directory_is_left_alone() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(mend(data.path()).unwrap(), 0);
        let logs = data.path().join("store/0/t").join(LOG_FOLDER);
        fs::create_dir_all(&logs).unwrap();
        fs::write(logs.join("deduplication_log_1.txt"), "1\tall_1_1_0\tx\n").unwrap();
        let status = File::create(data.path().join(STATUS_FILE)).unwrap();
        status.lock().unwrap();
        assert_eq!(mend(data.path()).unwrap(), 0);
        drop(status);
        assert_eq!(mend(data.path()).unwrap(), 1);
    }
}
