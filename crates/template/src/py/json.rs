//! `json.loads`: JSON as Python reads it, with NaN, Infinity, big integers and its error texts.

use num_bigint::BigInt;

use crate::params::Data;

/// Containers nested deeper than this are refused.
const MAX_DEPTH: usize = 200;

struct Parser<'a> {
    text: &'a str,
    pos: usize,
    depth: usize,
}

type Parse<T> = Result<T, String>;

/// Parses a whole document.
pub(crate) fn parse(text: &str) -> Result<Data, String> {
    let mut parser = Parser { text, pos: 0, depth: 0 };
    parser.blank();
    let value = parser.value()?;
    parser.blank();
    if parser.pos < text.len() {
        return Err(parser.error("Extra data", parser.pos));
    }
    Ok(value)
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
    }

    fn error(&self, message: &str, at: usize) -> String {
        let before = &self.text[..at];
        let line = 1 + before.matches('\n').count();
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let column = 1 + before[line_start..].chars().count();
        format!("{message}: line {line} column {column} (char {})", before.chars().count())
    }

    fn value(&mut self) -> Parse<Data> {
        match self.peek() {
            Some(b'"') => Ok(Data::Text(self.string()?.into())),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Parse<Data>) -> Parse<Data> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("Objects nested too deep", self.pos));
        }
        let value = parse(self);
        self.depth -= 1;
        value
    }

    fn word(&mut self) -> Parse<Data> {
        let words = [
            ("null", Data::Null),
            ("true", Data::Bool(true)),
            ("false", Data::Bool(false)),
            ("NaN", Data::Float(f64::NAN)),
            ("Infinity", Data::Float(f64::INFINITY)),
        ];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.pos += word.len();
                return Ok(value);
            }
        }
        Err(self.error("Expecting value", self.pos))
    }

    fn number(&mut self) -> Parse<Data> {
        let bytes = self.text.as_bytes();
        let start = self.pos;
        if self.rest().starts_with("-Infinity") {
            self.pos += "-Infinity".len();
            return Ok(Data::Float(f64::NEG_INFINITY));
        }
        let mut i = start + usize::from(bytes[start] == b'-');
        let digits = |mut i: usize| {
            while bytes.get(i).is_some_and(u8::is_ascii_digit) {
                i += 1;
            }
            i
        };
        let first = i;
        i = if bytes.get(i) == Some(&b'0') { i + 1 } else { digits(i) };
        if i == first {
            return Err(self.error("Expecting value", start));
        }
        let mut float = false;
        if bytes.get(i) == Some(&b'.') && digits(i + 1) > i + 1 {
            i = digits(i + 1);
            float = true;
        }
        if matches!(bytes.get(i), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(i + 1), Some(b'+' | b'-')));
            let end = digits(i + 1 + sign);
            if end > i + 1 + sign {
                i = end;
                float = true;
            }
        }
        self.pos = i;
        let text = &self.text[start..i];
        if float {
            return text.parse().map(Data::Float).map_err(|_| self.error("Expecting value", start));
        }
        if let Ok(small) = text.parse() {
            return Ok(Data::Int(small));
        }
        if text.len() > super::number::MAX_DIGITS {
            return Err("Exceeds the limit (4300 digits) for integer string conversion".to_owned());
        }
        text.parse::<BigInt>().map(|n| Data::Big(Box::new(n))).map_err(|_| self.error("Expecting value", start))
    }

    fn array(&mut self) -> Parse<Data> {
        self.pos += 1;
        let mut items = Vec::new();
        self.blank();
        if self.peek() == Some(b']') {
            self.pos += 1;
            return Ok(Data::List(items));
        }
        loop {
            self.blank();
            items.push(self.value()?);
            self.blank();
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b']') => {
                    self.pos += 1;
                    return Ok(Data::List(items));
                }
                _ => return Err(self.error("Expecting ',' delimiter", self.pos)),
            }
        }
    }

    fn object(&mut self) -> Parse<Data> {
        const NAME: &str = "Expecting property name enclosed in double quotes";
        self.pos += 1;
        let mut entries = Vec::new();
        self.blank();
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return Ok(Data::object(entries));
        }
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                return Err(self.error(NAME, self.pos));
            }
            let key = self.string()?;
            self.blank();
            if self.peek() != Some(b':') {
                return Err(self.error("Expecting ':' delimiter", self.pos));
            }
            self.pos += 1;
            self.blank();
            entries.push((key.into(), self.value()?));
            self.blank();
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b'}') => {
                    self.pos += 1;
                    return Ok(Data::object(entries));
                }
                _ => return Err(self.error("Expecting ',' delimiter", self.pos)),
            }
        }
    }

    fn string(&mut self) -> Parse<String> {
        let start = self.pos;
        self.pos += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(i) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') else {
                return Err(self.error("Unterminated string starting at", start));
            };
            out.push_str(&rest[..i]);
            self.pos += i;
            match rest.as_bytes()[i] {
                b'"' => {
                    self.pos += 1;
                    return Ok(out);
                }
                b'\\' => self.escape(&mut out, start)?,
                _ => return Err(self.error("Invalid control character at", self.pos)),
            }
        }
    }

    fn escape(&mut self, out: &mut String, start: usize) -> Parse<()> {
        let at = self.pos;
        let simple = match self.text.as_bytes().get(at + 1) {
            None => return Err(self.error("Unterminated string starting at", start)),
            Some(b'u') => {
                self.pos += 2;
                let code = self.hex4(at + 1)?;
                out.push(self.surrogate(code)?);
                return Ok(());
            }
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(_) => return Err(self.error("Invalid \\escape", at)),
        };
        out.push(simple);
        self.pos += 2;
        Ok(())
    }

    fn hex4(&mut self, at: usize) -> Parse<u32> {
        let digits = self.rest().get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let code = code.ok_or_else(|| self.error("Invalid \\uXXXX escape", at))?;
        self.pos += 4;
        Ok(code)
    }

    /// Joins a surrogate pair; a lone surrogate has no place in a Rust string and becomes U+FFFD.
    fn surrogate(&mut self, code: u32) -> Parse<char> {
        if (0xd800..0xdc00).contains(&code) && self.rest().starts_with("\\u") {
            let mark = self.pos;
            self.pos += 2;
            let low = self.hex4(mark + 1)?;
            if (0xdc00..0xe000).contains(&low) {
                let joined = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.pos = mark;
        }
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}
