//! What separates and encloses the fields of a CSV body.

use crate::DecodeError;

/// The characters with a meaning in a CSV body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvDialect {
    /// Between fields. `None`: guessed from the body by [`guess_delimiter`].
    pub delimiter: Option<u8>,
    /// Around fields that hold delimiters, newlines or quotes. A quote inside is written twice.
    pub quote: u8,
    /// In front of a quote inside a quoted field, as another way to write it. `None`: there is no such character.
    pub escape: Option<u8>,
    /// Between rows. `None`: `\n`, `\r\n` and `\r` all are.
    pub newline: Option<u8>,
}

impl Default for CsvDialect {
    fn default() -> CsvDialect {
        CsvDialect { delimiter: None, quote: b'"', escape: None, newline: None }
    }
}

impl CsvDialect {
    /// Refuses one byte for two purposes. (The escape may be the quote: that is the ordinary doubling.)
    pub(super) fn check(&self, delimiter: u8) -> Result<(), DecodeError> {
        let mut uses = vec![(delimiter, "delimiter"), (self.quote, "quote")];
        uses.extend(self.escape.filter(|escape| *escape != self.quote).map(|byte| (byte, "escape")));
        uses.extend(self.newline.map(|byte| (byte, "newline")));
        for (at, (byte, second)) in uses.iter().enumerate() {
            if let Some((_, first)) = uses[..at].iter().find(|(other, _)| other == byte) {
                let byte = byte.escape_ascii().to_string();
                return Err(DecodeError::AmbiguousDialect { byte, first, second });
            }
        }
        Ok(())
    }
}

/// Tells the delimiter of a CSV body among `,`, `;`, tab and `|` from its first lines: the one that makes the most of
/// them have as many fields as there are columns or, without such a number, the one that stands in most of them equally
/// often. A comma when nothing speaks for another.
#[must_use]
pub fn guess_delimiter(body: &[u8], columns: Option<usize>) -> u8 {
    const CANDIDATES: [u8; 4] = *b",;\t|";
    let sample = &body[..body.len().min(64 * 1024)];
    let counts = delimiters_per_line(sample, &CANDIDATES);
    let score = |candidate: usize| {
        let usual = counts.first().map_or(0, |first| first[candidate]);
        let fields = columns.map_or(usual, |columns| columns.saturating_sub(1));
        let matching = counts.iter().filter(|line| line[candidate] == fields && fields > 0).count();
        let any: usize = counts.iter().map(|line| line[candidate]).sum();
        (matching, any)
    };
    // Of equals the first wins, so a comma where nothing else stands out.
    let best = (0..CANDIDATES.len()).rev().max_by_key(|candidate| score(*candidate));
    CANDIDATES[best.unwrap_or(0)]
}

/// How often each candidate stands outside quotes in each of the first lines.
fn delimiters_per_line(sample: &[u8], candidates: &[u8; 4]) -> Vec<[usize; 4]> {
    const LINES: usize = 20;
    let mut lines = Vec::new();
    let (mut line, mut inside, mut is_blank) = ([0; 4], false, true);
    for byte in sample {
        match byte {
            b'"' => inside = !inside,
            b'\n' | b'\r' if !inside => {
                if !is_blank {
                    lines.push(line);
                }
                (line, is_blank) = ([0; 4], true);
                if lines.len() == LINES {
                    return lines;
                }
                continue;
            }
            byte if !inside => {
                if let Some(at) = candidates.iter().position(|candidate| candidate == byte) {
                    line[at] += 1;
                }
            }
            _ => {}
        }
        is_blank = false;
    }
    if !is_blank {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{CsvDialect, guess_delimiter};

    #[test]
    fn the_delimiter_is_the_one_that_gives_the_columns() {
        let cases: [(&str, Option<usize>, u8); 8] = [
            ("a,b,c\n1,2,3\n", Some(3), b','),
            ("a;b;c\n1,5;2,5;3,5\n", Some(3), b';'),
            ("1,5;2\n3,5;4\n", Some(2), b','),
            ("1,5;2;9\n3,5;4;9\n", Some(3), b';'),
            ("a\tb\n", None, b'\t'),
            ("\"a|b\"|c\r\n\"x,y\"|z\r\n", Some(2), b'|'),
            ("one\ntwo\n", Some(1), b','),
            ("", None, b','),
        ];
        for (body, columns, delimiter) in cases {
            assert_eq!(guess_delimiter(body.as_bytes(), columns), delimiter, "{body}");
        }
    }

    #[test]
    fn one_byte_has_one_purpose() {
        let dialect = CsvDialect { escape: Some(b'"'), ..CsvDialect::default() };
        assert_eq!(dialect.check(b','), Ok(()));
        let error = dialect.check(b'"').expect_err("the quote is the delimiter");
        assert_eq!(error.to_string(), "the CSV dialect uses '\\\"' both as delimiter and as quote");
    }
}
