//! Keywords collected until it is known what they belong to: a connector, a node's type, a connection.

use crate::error::DatafileError;
use crate::source::{Place, Source, Statement};

/// Values by keyword, each with its place.
#[derive(Default)]
pub(crate) struct Options {
    entries: Vec<Entry>,
}

pub(crate) struct Entry {
    pub(crate) keyword: String,
    pub(crate) value: String,
    pub(crate) at: Place,
}

impl Options {
    /// Adds a keyword.
    ///
    /// # Errors
    /// The keyword is there already.
    pub(crate) fn add(
        &mut self,
        source: &Source<'_>,
        statement: &Statement<'_>,
        value: String,
    ) -> Result<(), DatafileError> {
        let keyword = statement.keyword.clone();
        if let Some(first) = self.entries.iter().find(|entry| entry.keyword == keyword) {
            return Err(given_twice(source, statement, first.at.line));
        }
        self.entries.push(Entry { keyword, value, at: statement.at });
        Ok(())
    }

    pub(crate) fn has(&self, keyword: &str) -> bool {
        self.entries.iter().any(|entry| entry.keyword == keyword)
    }

    /// Takes out a keyword's value and place.
    pub(crate) fn take_entry(&mut self, keyword: &str) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| entry.keyword == keyword)?;
        Some(self.entries.remove(index))
    }

    /// Takes out a keyword's value.
    pub(crate) fn take(&mut self, keyword: &str) -> Option<String> {
        self.take_entry(keyword).map(|entry| entry.value)
    }

    /// Takes out a value that `what` cannot do without.
    ///
    /// # Errors
    /// It is missing or empty.
    pub(crate) fn require(
        &mut self,
        source: &Source<'_>,
        keyword: &str,
        what: &str,
        at: Place,
    ) -> Result<String, DatafileError> {
        match self.take_entry(keyword) {
            Some(entry) if entry.value.is_empty() => Err(source.error(entry.at, format!("{keyword} cannot be empty"))),
            Some(entry) => Ok(entry.value),
            None => Err(source.error(at, format!("{what} needs {keyword}"))),
        }
    }

    /// The place of the first keyword left.
    pub(crate) fn first(&self) -> Option<&Entry> {
        self.entries.first()
    }

    /// Everything left, in the order of the file.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// A keyword that nobody took: it does not go with `what`.
    pub(crate) fn finish(&self, source: &Source<'_>, what: &str) -> Result<(), DatafileError> {
        match self.first() {
            Some(entry) => Err(source.error(entry.at, format!("{} does not go with {what}", entry.keyword))),
            None => Ok(()),
        }
    }
}

/// Fills `slot`.
///
/// # Errors
/// It is full already.
pub(crate) fn once<T>(
    source: &Source<'_>,
    statement: &Statement<'_>,
    slot: &mut Option<T>,
    value: T,
) -> Result<(), DatafileError> {
    match slot.replace(value) {
        Some(_) => Err(source.error(statement.at, format!("{} is given twice", statement.keyword))),
        None => Ok(()),
    }
}

fn given_twice(source: &Source<'_>, statement: &Statement<'_>, first: usize) -> DatafileError {
    source.error(statement.at, format!("{} is given twice, first in line {first}", statement.keyword))
}
