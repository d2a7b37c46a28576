//! Names of data sources, pipes and nodes.

use std::fmt;

use crate::error::Error;

/// Longest name accepted, in bytes: a table name with its suffixes must fit in a file name.
const MAX_LENGTH: usize = 128;

/// A valid resource name: a letter or underscore, then letters, digits and underscores. Never the text of an id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(String);

impl ResourceName {
    /// Checks `text`. Errors say which rule it breaks.
    pub fn parse(text: &str) -> Result<ResourceName, Error> {
        let refuse = |reason: &'static str| Err(Error::BadName { name: text.to_owned(), reason });
        let mut bytes = text.bytes();
        match bytes.next() {
            None => return refuse("a name cannot be empty"),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {}
            Some(_) => return refuse("a name starts with a letter or an underscore"),
        }
        if !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return refuse("a name holds only letters, digits and underscores");
        }
        if text.len() > MAX_LENGTH {
            return refuse("a name has at most 128 characters");
        }
        if super::PipeId::parse(text).is_some() {
            return refuse("a name cannot have the form of an id");
        }
        Ok(ResourceName(text.to_owned()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::borrow::Borrow<str> for ResourceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "_", "events_per_day", "A1", "t_events"] {
            assert_eq!(ResourceName::parse(good).unwrap().as_str(), good);
        }
        let id = "t_bd1c62b5e67142bd9bf9a7f113a2b6ea";
        for bad in ["", "1a", "a-b", "a b", "a.b", "é", "a`", id, &"x".repeat(129)] {
            assert!(ResourceName::parse(bad).is_err(), "{bad}");
        }
    }
}
