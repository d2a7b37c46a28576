//! Data skipping indexes: the INDEXES block, and the `indexes` field that clients send.

use std::fmt;

use serde::Serialize;

use crate::scan::{self, Kind, Piece};
use crate::schema::SchemaError;

/// One index. Serialises to `{name, expr, type_full, granularity}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexDef {
    /// Its name.
    pub name: String,
    /// The column or expression it is about.
    pub expr: String,
    /// Its type with arguments, such as `bloom_filter(0.01)`.
    pub type_full: String,
    /// How many granules of rows one entry covers; the engine's default where there is none.
    pub granularity: Option<u32>,
}

const USAGE: &str = "Write [INDEX] name expr TYPE type [GRANULARITY n], one index a line.";

/// Reads indexes, one a line: `[INDEX] name expr TYPE type(args) [GRANULARITY n]`, with or without a comma behind.
///
/// # Errors
/// The first line that is not an index, or whose name is taken.
pub fn parse_indexes(text: &str) -> Result<Vec<IndexDef>, SchemaError> {
    let mut indexes: Vec<IndexDef> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') || trimmed.starts_with("--") {
            continue;
        }
        let fault = |message: String| SchemaError {
            line: number + 1,
            column: line.chars().take_while(|c| c.is_whitespace()).count() + 1,
            message,
            hint: Some(USAGE.to_owned()),
        };
        let index = parse_index(trimmed.trim_end_matches(',').trim_end())
            .map_err(|reason| fault(format!("cannot read the index \"{trimmed}\": {reason}")))?;
        if indexes.iter().any(|known| known.name == index.name) {
            return Err(fault(format!("index \"{}\" is defined twice", index.name)));
        }
        indexes.push(index);
    }
    Ok(indexes)
}

fn parse_index(text: &str) -> Result<IndexDef, String> {
    scan::check_expression(text).map_err(|fault| fault.message)?;
    let pieces = scan::pieces(text).map_err(|fault| fault.message)?;
    let words = top_level_words(&pieces);
    let word = |piece: &Piece| &text[piece.start..piece.end];
    let is = |piece: &Piece, keyword: &str| word(piece).eq_ignore_ascii_case(keyword);

    let mut types = words.iter().filter(|piece| is(piece, "TYPE"));
    let (Some(type_word), None) = (types.next(), types.next()) else {
        return Err("it must have one TYPE".to_owned());
    };
    let granularity_word = words.iter().find(|piece| piece.start > type_word.end && is(piece, "GRANULARITY"));
    let granularity = match granularity_word.map(|piece| text[piece.end..].trim()) {
        Some(number) => Some(number.parse().map_err(|_| format!("GRANULARITY \"{number}\" is not a whole number"))?),
        None => None,
    };
    let type_full = text[type_word.end..granularity_word.map_or(text.len(), |piece| piece.start)].trim();
    let head = text[..type_word.start].trim();
    let head = match head.split_once(char::is_whitespace) {
        Some((first, rest)) if first.eq_ignore_ascii_case("INDEX") && rest.trim().contains(char::is_whitespace) => {
            rest.trim()
        }
        _ => head,
    };
    let (name, expr) = head.split_once(char::is_whitespace).ok_or("it must have a name and an expression")?;
    let name = name.trim_matches('`');
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') || name.is_empty() {
        return Err(format!("\"{name}\" is not a name of letters, digits and underscores"));
    }
    if type_full.is_empty() || scan::split_list(type_full).len() > 1 {
        return Err("its type is missing or more than one".to_owned());
    }
    Ok(IndexDef { name: name.to_owned(), expr: expr.trim().to_owned(), type_full: type_full.to_owned(), granularity })
}

fn top_level_words(pieces: &[Piece]) -> Vec<Piece> {
    let mut depth = 0_usize;
    let mut words = Vec::new();
    for piece in pieces {
        match piece.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            Kind::Word if depth == 0 => words.push(*piece),
            _ => {}
        }
    }
    words
}

/// The index without the word INDEX, as it stands in a CREATE TABLE behind it and in an INDEXES block.
impl fmt::Display for IndexDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} TYPE {}", self.name, self.expr, self.type_full)?;
        match self.granularity {
            Some(granularity) => write!(f, " GRANULARITY {granularity}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_read_back() {
        let text = "INDEX i1 lower(name) TYPE ngrambf_v1(3, 256, 2, 0) GRANULARITY 1,\n\ni2 (a, b) TYPE minmax";
        let indexes = parse_indexes(text).unwrap();
        let printed: Vec<String> = indexes.iter().map(IndexDef::to_string).collect();
        assert_eq!(printed, ["i1 lower(name) TYPE ngrambf_v1(3, 256, 2, 0) GRANULARITY 1", "i2 (a, b) TYPE minmax"]);
        assert_eq!(parse_indexes(&printed.join("\n")).unwrap(), indexes);
    }

    #[track_caller]
    fn refused(text: &str, part: &str) {
        let error = parse_indexes(text).unwrap_err();
        assert!(error.message.contains(part), "{error}");
    }

    #[test]
    fn other_lines_are_refused() {
        refused("i a minmax", "one TYPE");
        refused("i a TYPE set(1), j b TYPE minmax", "one TYPE");
        refused("i TYPE minmax", "a name and an expression");
        refused("i a TYPE minmax GRANULARITY x", "\"x\" is not a whole number");
        refused("i a TYPE", "its type is missing");
        refused("i a) TYPE minmax", "without its opening bracket");
        refused("i a TYPE minmax\ni b TYPE minmax", "defined twice");
    }
}
