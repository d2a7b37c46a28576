//! The words of one line: separated by blanks, grouped by quotes, up to a `#`.

/// A word of a line, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// Byte offset in the line.
    pub(crate) start: usize,
    /// Whether a blank stands before it; `'a')` is two words without one.
    pub(crate) spaced: bool,
}

/// Cuts a line into words. A quote at the start of a word groups up to its closing quote; inside a word it is an ordinary
/// character (`it's`). A `#` outside quotes begins a comment.
///
/// # Errors
/// The byte offset of a quote that is not closed.
pub(crate) fn split(line: &str) -> Result<Vec<Word<'_>>, usize> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(first) = line[at..].chars().next() {
        let rest = &line[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let length = match first {
            '#' => break,
            '"' | '\'' => rest[1..].find(first).ok_or(at)? + 2,
            _ => rest.find(|c: char| c.is_whitespace() || c == '#').unwrap_or(rest.len()),
        };
        let spaced = line[..at].ends_with(char::is_whitespace);
        words.push(Word { text: &rest[..length], start: at, spaced });
        at += length;
    }
    Ok(words)
}

/// The known word that `word` is a slip of, if one is near enough.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|candidate| (distance(word, candidate), *candidate)).min()?;
    (near.0 <= 2 && near.0 * 3 <= word.len().max(3)).then_some(near.1)
}

/// Edit distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let words: Vec<&str> = split(line).unwrap().iter().map(|word| word.text).collect();
        assert_eq!(words, expected, "{line}");
    }

    #[test]
    fn words_are_grouped_by_quotes() {
        check("TOKEN \"a b\" READ", &["TOKEN", "\"a b\"", "READ"]);
        check("it's \"quoted\" # comment", &["it's", "\"quoted\""]);
        check("a#b", &["a"]);
        check("'#'x", &["'#'", "x"]);
        check("  ", &[]);
        assert_eq!(split("DESCRIPTION 'open"), Err(12));
    }

    #[test]
    fn slips_are_recognised() {
        assert_eq!(nearest("SHCEMA", &["SCHEMA", "SQL"]), Some("SCHEMA"));
        assert_eq!(nearest("SCHEMA>", &["SCHEMA", "SQL"]), Some("SCHEMA"));
        assert_eq!(nearest("FOO", &["SQL", "NODE"]), None);
    }
}
