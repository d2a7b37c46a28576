//! What the texts of types say about columns.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::storage::TableColumn;

/// Fails for states of aggregate functions where `place` has no way to hold them: the engine would write bytes of its memory.
pub(super) fn refuse_states(columns: &[TableColumn], place: &str) -> Result<()> {
    match columns.iter().find(|column| holds_state(&column.data_type)) {
        None => Ok(()),
        Some(column) => Err(Error::bad_request(format!(
            "column '{}' holds states of an aggregate function ({}), which {place} cannot: turn them into values with its \
             -Merge or finalizeAggregation()",
            column.name, column.data_type
        ))),
    }
}

/// Whether a type is, or holds, states of an aggregate function.
fn holds_state(data_type: &str) -> bool {
    let mut rest = data_type;
    while let Some((word, behind)) = next_word(rest) {
        if &rest[word] == "AggregateFunction" && !is_name_of_element(behind) {
            return true;
        }
        rest = behind;
    }
    false
}

/// Where the next word of a type is, and what follows it. What is quoted names something and is none.
pub(super) fn next_word(text: &str) -> Option<(Range<usize>, &str)> {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(quoted), c) if c == quoted => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '`') => quote = Some(c),
            (None, c) if is_of_word(c) => {
                let end = text[at..].find(|c| !is_of_word(c)).map_or(text.len(), |length| at + length);
                return Some((at..end, &text[end..]));
            }
            (None, _) => {}
        }
    }
    None
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether what follows a word is a type, which makes the word the name of a tuple's element.
pub(super) fn is_name_of_element(behind: &str) -> bool {
    behind.strip_prefix(' ').is_some_and(|next| next.starts_with(is_of_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_found_wherever_they_are() {
        for data_type in [
            "AggregateFunction(sum, UInt64)",
            "Array(AggregateFunction(uniq, String))",
            "Tuple(a Int8, b AggregateFunction(avg, Float64))",
        ] {
            assert!(holds_state(data_type), "{data_type}");
        }
        for data_type in [
            "SimpleAggregateFunction(sum, UInt64)",
            "Tuple(AggregateFunction Int8)",
            "Tuple(`AggregateFunction(` Int8)",
            "Enum8('AggregateFunction(' = 1)",
        ] {
            assert!(!holds_state(data_type), "{data_type}");
        }
    }
}
