//! How a sink's files are written: format, compression, and what becomes of files that are there.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A format of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// Comma-separated values with a header line.
    #[default]
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

/// How files are compressed: CSV and NDJSON as a whole, Parquet inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// As gzip does.
    Gz,
    /// Zstandard.
    Zstd,
    /// LZ4; Parquet only.
    Lz4,
    /// Snappy; Parquet only.
    Snappy,
}

/// What becomes of a file that already has a name that a run writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteStrategy {
    /// It stays: the new one gets a number.
    #[default]
    New,
    /// It is replaced.
    Truncate,
}

/// The words of a parameter, each with what it stands for; the first of each value is the one that answers have.
type Words<T> = &'static [(&'static str, T)];

const FORMATS: Words<FileFormat> = &[
    ("csv", FileFormat::Csv),
    ("csvwithnames", FileFormat::Csv),
    ("ndjson", FileFormat::Ndjson),
    ("jsoneachrow", FileFormat::Ndjson),
    ("parquet", FileFormat::Parquet),
];
const COMPRESSIONS: Words<Compression> = &[
    ("none", Compression::None),
    ("", Compression::None),
    ("gz", Compression::Gz),
    ("gzip", Compression::Gz),
    ("zstd", Compression::Zstd),
    ("zst", Compression::Zstd),
    ("lz4", Compression::Lz4),
    ("snappy", Compression::Snappy),
];
const STRATEGIES: Words<WriteStrategy> = &[
    ("new", WriteStrategy::New),
    ("create_new", WriteStrategy::New),
    ("append", WriteStrategy::New),
    ("truncate", WriteStrategy::Truncate),
    ("replace", WriteStrategy::Truncate),
    ("overwrite", WriteStrategy::Truncate),
];

impl FileFormat {
    /// Reads the word of a request, in any letter case.
    pub fn parse(word: &str) -> Result<FileFormat> {
        read("format", word, FORMATS)
    }

    /// The word of the API, which is also the extension of files.
    pub fn as_str(self) -> &'static str {
        spelled(self, FORMATS)
    }
}

impl Compression {
    /// Reads the word of a request, in any letter case.
    pub fn parse(word: &str) -> Result<Compression> {
        read("compression", word, COMPRESSIONS)
    }

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        spelled(self, COMPRESSIONS)
    }

    /// Fails when files of the format cannot be compressed so.
    pub fn require_for(self, format: FileFormat) -> Result<()> {
        if format != FileFormat::Parquet && matches!(self, Compression::Lz4 | Compression::Snappy) {
            return Err(Error::bad_request(format!(
                "compression '{}' goes with format parquet only: use none, gz or zstd for {}",
                self.as_str(),
                format.as_str()
            )));
        }
        Ok(())
    }
}

impl WriteStrategy {
    /// Reads the word of a request in any of its spellings, such as `new`, `@new`, `create_new`, `truncate` and `replace`.
    pub fn parse(word: &str) -> Result<WriteStrategy> {
        read("write_strategy", word.trim().trim_start_matches('@'), STRATEGIES)
    }

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        spelled(self, STRATEGIES)
    }
}

/// What stands behind a file's name: `.csv.gz`. Parquet is compressed inside, and readers take an outer extension for
/// an outer compression, so it has none.
pub fn extension(format: FileFormat, compression: Compression) -> String {
    match (format, compression) {
        (FileFormat::Parquet, _) | (_, Compression::None) => format!(".{}", format.as_str()),
        _ => format!(".{}.{}", format.as_str(), compression.as_str()),
    }
}

fn read<T: Copy + PartialEq>(name: &str, word: &str, words: Words<T>) -> Result<T> {
    let word = word.trim();
    let found = words.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect();
        Error::bad_request(format!("{name} '{word}' is unknown: use one of {}", all.join(", ")))
    })
}

fn spelled<T: Copy + PartialEq>(value: T, words: Words<T>) -> &'static str {
    words.iter().find(|(_, it)| *it == value).map_or("", |(word, _)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings() {
        for (word, format) in
            [("csv", FileFormat::Csv), ("NDJSON", FileFormat::Ndjson), (" Parquet ", FileFormat::Parquet)]
        {
            assert_eq!(FileFormat::parse(word).unwrap(), format);
        }
        for (word, compression) in [
            ("", Compression::None),
            ("None", Compression::None),
            ("gzip", Compression::Gz),
            ("zst", Compression::Zstd),
        ] {
            assert_eq!(Compression::parse(word).unwrap(), compression);
        }
        for word in ["new", "@new", "create_new", "NEW"] {
            assert_eq!(WriteStrategy::parse(word).unwrap(), WriteStrategy::New);
        }
        for word in ["truncate", "@truncate", "replace", "overwrite"] {
            assert_eq!(WriteStrategy::parse(word).unwrap(), WriteStrategy::Truncate);
        }
        let text = WriteStrategy::parse("merge").unwrap_err().to_string();
        assert!(text.starts_with("write_strategy 'merge' is unknown: use one of new, create_new"), "{text}");
        assert!(FileFormat::parse("orc").is_err() && Compression::parse("rar").is_err());
    }

    #[test]
    fn extensions_say_what_a_reader_must_undo() {
        for (format, compression, expected) in [
            (FileFormat::Csv, Compression::None, ".csv"),
            (FileFormat::Csv, Compression::Gz, ".csv.gz"),
            (FileFormat::Ndjson, Compression::Zstd, ".ndjson.zstd"),
            (FileFormat::Parquet, Compression::Zstd, ".parquet"),
        ] {
            assert_eq!(extension(format, compression), expected);
        }
    }

    #[test]
    fn some_compressions_are_parquets_own() {
        assert!(Compression::Snappy.require_for(FileFormat::Csv).is_err());
        assert!(Compression::Lz4.require_for(FileFormat::Ndjson).is_err());
        assert!(Compression::Snappy.require_for(FileFormat::Parquet).is_ok());
        assert!(Compression::Zstd.require_for(FileFormat::Csv).is_ok());
    }
}
