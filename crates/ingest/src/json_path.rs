//! The paths of schema columns: `$`, `$.a.b`, `$.items[:].price`, `$['a key'].b`.

use std::fmt;

/// Where a column's value stands in a JSON row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonPath {
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into an object, by key.
    Key(String),
    /// Into every element of an array: `[:]`.
    Elements,
}

/// A text that is no path of the supported kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("JSON path '{path}' cannot be used: {reason}, at byte {at}")]
pub struct JsonPathError {
    /// The whole path.
    pub path: String,
    /// Where in it, in bytes.
    pub at: usize,
    /// What was expected there.
    pub reason: &'static str,
}

impl JsonPath {
    /// Reads a path as schemas write it (without the `json:` in front).
    ///
    /// # Errors
    /// [`JsonPathError`] when the text does not begin with `$` or uses more than keys and `[:]` (no indexes, slices,
    /// wildcards or filters).
    pub fn parse(text: &str) -> Result<JsonPath, JsonPathError> {
        let fail = |at, reason| Err(JsonPathError { path: text.to_owned(), at, reason });
        let Some(mut rest) = text.strip_prefix('$') else { return fail(0, "it must begin with '$'") };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            if let Some(after) = rest.strip_prefix("[:]") {
                steps.push(Step::Elements);
                rest = after;
            } else if let Some(after) = rest.strip_prefix('[') {
                let Some((key, after)) = quoted_key(after) else {
                    return fail(at, "brackets hold ':' or a quoted key");
                };
                steps.push(Step::Key(key.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                if end == 0 {
                    return fail(at + 1, "a key is missing after '.'");
                }
                steps.push(Step::Key(after[..end].to_owned()));
                rest = &after[end..];
            } else {
                return fail(at, "expected '.key', '[:]' or a quoted key in brackets");
            }
        }
        Ok(JsonPath { steps })
    }

    /// The path to the key of that name in the row itself.
    #[must_use]
    pub fn key(name: &str) -> JsonPath {
        JsonPath { steps: vec![Step::Key(name.to_owned())] }
    }

    /// The steps, from the row inwards. Empty for `$`, the whole row.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Splits `'key']rest` or `"key"]rest`.
fn quoted_key(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (key, after) = text[1..].split_once(quote)?;
    Some((key, after.strip_prefix(']')?))
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.steps {
            match step {
                Step::Elements => f.write_str("[:]")?,
                Step::Key(key) if key.is_empty() || key.contains(['.', '[']) => {
                    let quote = if key.contains('\'') { '"' } else { '\'' };
                    write!(f, "[{quote}{key}{quote}]")?;
                }
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonPath, Step};

    fn key(text: &str) -> Step {
        Step::Key(text.to_owned())
    }

    #[test]
    fn paths_are_read_and_printed() {
        let cases: [(&str, Vec<Step>); 8] = [
            ("$", vec![]),
            ("$.a", vec![key("a")]),
            ("$.a.b-c.@d", vec![key("a"), key("b-c"), key("@d")]),
            ("$.items[:].price", vec![key("items"), Step::Elements, key("price")]),
            ("$.a[:][:]", vec![key("a"), Step::Elements, Step::Elements]),
            ("$['a.b'].c", vec![key("a.b"), key("c")]),
            ("$[\"it's[\"]", vec![key("it's[")]),
            ("$[:]", vec![Step::Elements]),
        ];
        for (text, steps) in cases {
            let path = JsonPath::parse(text).expect(text);
            assert_eq!(path.steps(), steps, "{text}");
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_place() {
        for (text, at) in
            [("a.b", 0), ("", 0), ("$a", 1), ("$..a", 2), ("$.a.", 4), ("$.a[0]", 3), ("$.a[*]", 3), ("$['a'", 1)]
        {
            let error = JsonPath::parse(text).expect_err(text);
            assert_eq!(error.at, at, "{error}");
        }
    }
}
