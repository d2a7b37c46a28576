//! A cursor over JSON text.

use super::StringBody;

/// Arrays and objects nest at most this deep, so that no body can exhaust the stack.
const MAX_DEPTH: u8 = 128;

/// The text is not JSON: where (in bytes from the scanner's start), and what should have stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
}

/// A cursor over JSON text. The text must be UTF-8, since strings are cut out of it unchecked.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: u8,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Scanner<'a> {
        Scanner { text, at: 0, depth: 0 }
    }

    /// The error that something else should stand here.
    pub(crate) fn expected<T>(&self, expected: &'static str) -> Result<T, Syntax> {
        Err(Syntax { at: self.at, expected })
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The text from a position up to here.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        &self.text[start..self.at]
    }

    /// The next byte that is not space. `None` at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    /// Passes over one value and returns its text, without the space around it.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], Syntax> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(self.since(start))
    }

    /// Passes over one value.
    pub(crate) fn skip(&mut self) -> Result<(), Syntax> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.members(|scanner, _| scanner.skip()),
            Some(b'[') => self.elements(Scanner::skip),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.expected("a value"),
        }
    }

    /// Passes over an object. `each` gets every key and must pass over its value.
    pub(crate) fn members<E: From<Syntax>>(
        &mut self,
        mut each: impl FnMut(&mut Self, StringBody<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'{', "an object")?;
        if self.peek() != Some(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    self.expected("a key in double quotes")?;
                }
                let key = self.string()?;
                if self.peek() != Some(b':') {
                    self.expected("':' after the key")?;
                }
                self.at += 1;
                each(self, key)?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => self.expected("',' or '}'")?,
                }
            }
        }
        self.close();
        Ok(())
    }

    /// Passes over an array. `each` is called in front of every element and must pass over it.
    pub(crate) fn elements<E: From<Syntax>>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'[', "an array")?;
        if self.peek() != Some(b']') {
            loop {
                each(self)?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break,
                    _ => self.expected("',' or ']'")?,
                }
            }
        }
        self.close();
        Ok(())
    }

    fn open(&mut self, bracket: u8, what: &'static str) -> Result<(), Syntax> {
        if self.peek() != Some(bracket) {
            return self.expected(what);
        }
        if self.depth == MAX_DEPTH {
            return self.expected("no more than 128 arrays and objects inside each other");
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    /// Passes over a string, whose opening quote is the next byte, and returns what is between the quotes.
    fn string(&mut self) -> Result<StringBody<'a>, Syntax> {
        let start = self.at + 1;
        self.at = start;
        let mut escaped = false;
        loop {
            self.at += plain_prefix(&self.text[self.at..]);
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.expected("no control characters inside a string"),
                None => return self.expected("'\"' at the end of the string"),
            }
        }
        let raw = self.since(start);
        self.at += 1;
        Ok(StringBody { raw, escaped })
    }

    fn escape(&mut self) -> Result<(), Syntax> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.text.get(self.at + 2..self.at + 6).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return self.expected("four hexadecimal digits after '\\u'");
                }
                self.at += 6;
            }
            _ => return self.expected("a known escape after '\\'"),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Syntax> {
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.expected("a digit"),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Syntax> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { self.expected("a digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Syntax> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            self.expected("a value")
        }
    }
}

/// How many bytes at the front are neither a quote, a backslash nor a control character. Eight at a time.
#[inline]
fn plain_prefix(text: &[u8]) -> usize {
    let mut at = 0;
    let (chunks, _) = text.as_chunks::<8>();
    for chunk in chunks {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + text[at..].iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F)).count()
}

/// Has the high bit set in the lowest byte that is a quote, a backslash or a control character. (Borrows may set the
/// bit in bytes above that one too, so only the lowest is right.)
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let zero_in = |x: u64| x.wrapping_sub(ONES) & !x;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero_in(quote) | zero_in(backslash) | control) & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Scanner, plain_prefix};

    /// Whether the whole text is one JSON value.
    fn accepts(text: &[u8]) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.skip().is_ok() && scanner.peek().is_none()
    }

    #[test]
    fn what_is_json_and_what_is_not() {
        for text in
            ["{}", " [ ] ", "[1,-0.5e+3,\"\\u00e9\\n\"]", "{\"a\" : {\"b\":[null,true,false]}}", "0", "\"\x7f\""]
        {
            assert!(accepts(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'a'",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "nul",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "\"",
            "{} {}",
            "[1 2]",
            "NaN",
            "{\"a\"}",
            "tru",
            "\u{feff}1",
        ] {
            assert!(!accepts(text.as_bytes()), "{text}");
        }
        assert!(accepts(("[".repeat(128) + &"]".repeat(128)).as_bytes()));
        assert!(!accepts(("[".repeat(129) + &"]".repeat(129)).as_bytes()));
    }

    #[test]
    fn errors_say_where_and_what() {
        let error = Scanner::new(b"{\"a\": 1 \"b\": 2}").skip().expect_err("a comma is missing");
        assert_eq!((error.at, error.expected), (8, "',' or '}'"));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:,\"\\\\0-9eE.+ntrufalsbu -]{0,24}") {
            let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&text);
            prop_assert_eq!(accepts(text.as_bytes()), parsed.is_ok());
        }

        #[test]
        fn the_plain_prefix_ends_at_the_first_special_byte(text: Vec<u8>) {
            let plain = text.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F)).count();
            prop_assert_eq!(plain_prefix(&text), plain);
        }
    }
}
