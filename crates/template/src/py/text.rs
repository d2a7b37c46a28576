//! Blanks, case and positions in Python strings, which count characters.

/// What `str.isspace` and `str.strip` take as blank.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\x1c'..='\x1f' | '\u{85}') || (c > '\x7f' && c.is_whitespace())
}

/// `str.strip()`
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Byte offset of the `n`th character, or the end of the text.
pub(crate) fn offset(text: &str, n: usize) -> usize {
    if text.is_ascii() {
        return n.min(text.len());
    }
    text.char_indices().nth(n).map_or(text.len(), |(i, _)| i)
}

/// Number of characters.
pub(crate) fn len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// The `n`th character.
pub(crate) fn char_at(text: &str, n: usize) -> Option<&str> {
    let start = offset(text, n);
    let c = text[start..].chars().next()?;
    Some(&text[start..start + c.len_utf8()])
}

/// Resolves the bounds of a slice over `len` items, as `slice.indices` does.
pub(crate) fn slice_bounds(len: usize, lower: Option<i64>, upper: Option<i64>, step: i64) -> (i64, i64) {
    let len = len as i64;
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let clamp = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(b) if b < 0 => b.saturating_add(len).max(low),
        Some(b) => b.min(high),
    };
    if step < 0 { (clamp(lower, high), clamp(upper, low)) } else { (clamp(lower, low), clamp(upper, high)) }
}

/// `str.title()`
pub(crate) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

/// `str.capitalize()`
pub(crate) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        None => String::new(),
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
    }
}

/// `str.swapcase()`
pub(crate) fn swapcase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
    }
    out
}

/// `str.splitlines()`
pub(crate) fn splitlines(text: &str, keep_ends: bool) -> Vec<&str> {
    let is_break = |c: char| matches!(c, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(i) = rest.find(is_break) else {
            lines.push(rest);
            break;
        };
        let width = rest[i..].chars().next().map_or(0, char::len_utf8);
        let end = if rest[i..].starts_with("\r\n") { i + 2 } else { i + width };
        lines.push(if keep_ends { &rest[..end] } else { &rest[..i] });
        rest = &rest[end..];
    }
    lines
}
