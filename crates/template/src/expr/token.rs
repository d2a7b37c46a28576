//! Splits the text of a tag into Python tokens.

use super::SyntaxError;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    /// Byte offset of the token in the tag's text.
    pub(crate) start: usize,
    pub(crate) line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind<'a> {
    Name(&'a str),
    Number(&'a str),
    Str(StrToken<'a>),
    Op(&'static str),
    /// The end of a logical line that is not the last one.
    Newline,
    End,
}

/// A string literal, not yet decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StrToken<'a> {
    pub(crate) raw: bool,
    pub(crate) bytes: bool,
    pub(crate) format: bool,
    pub(crate) body: &'a str,
}

/// The tokens of one tag.
pub(crate) struct Tokens<'a> {
    pub(crate) list: Vec<Token<'a>>,
    /// Whether a comment was dropped; inside `{{ }}` that swallows what the reference puts behind the expression.
    pub(crate) comment: bool,
    /// How many brackets stood open at once.
    pub(crate) deepest_bracket: usize,
}

/// Deepest nesting of brackets Python's tokenizer accepts.
pub(crate) const MAX_BRACKETS: usize = 200;

/// Operators, longest first.
const OPERATORS: [&str; 46] = [
    "**=", "//=", ">>=", "<<=", "...", "!=", "->", "+=", "-=", "*=", "/=", "%=", "@=", "&=", "|=", "^=", ":=", "==",
    "<=", ">=", "<<", ">>", "**", "//", "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<", ">", "(", ")", "[", "]",
    "{", "}", ",", ":", ".", "=",
];

struct Scanner<'a> {
    text: &'a str,
    pos: usize,
    line: u32,
    brackets: Vec<(char, u32)>,
    out: Tokens<'a>,
}

/// Splits `text`. Brackets are balanced when this succeeds.
pub(crate) fn tokenize(text: &str) -> Result<Tokens<'_>, SyntaxError> {
    let out = Tokens { list: Vec::with_capacity(text.len() / 3 + 2), comment: false, deepest_bracket: 0 };
    let mut scanner = Scanner { text, pos: 0, line: 1, brackets: Vec::new(), out };
    while scanner.pos < text.len() {
        scanner.next()?;
    }
    if let Some((open, line)) = scanner.brackets.pop() {
        return Err(SyntaxError::new(format!("'{open}' was never closed"), line));
    }
    scanner.push(Kind::End, text.len());
    Ok(scanner.out)
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    fn push(&mut self, kind: Kind<'a>, start: usize) {
        self.out.list.push(Token { kind, start, line: self.line });
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(message, self.line))
    }

    fn next(&mut self) -> Result<(), SyntaxError> {
        let start = self.pos;
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return Ok(()) };
        match c {
            ' ' | '\t' | '\x0c' => self.pos += 1,
            '\n' | '\r' => self.newline(),
            '#' => {
                self.out.comment = true;
                self.pos += rest.find('\n').unwrap_or(rest.len());
            }
            '\\' => self.continuation(rest)?,
            '\'' | '"' => self.string(start, "")?,
            '0'..='9' => self.number(start)?,
            '.' if rest[1..].starts_with(|d: char| d.is_ascii_digit()) => self.number(start)?,
            c if c == '_' || c.is_alphabetic() => self.name(start)?,
            _ => self.operator(rest)?,
        }
        Ok(())
    }

    fn newline(&mut self) {
        let start = self.pos;
        self.pos += if self.rest().starts_with("\r\n") { 2 } else { 1 };
        // Inside brackets a newline is blank; so is one that starts or repeats a line.
        let blank = !self.brackets.is_empty()
            || self.out.list.last().is_none_or(|t| matches!(t.kind, Kind::Newline))
            || self.rest().trim().is_empty();
        if !blank {
            self.push(Kind::Newline, start);
        }
        self.line += 1;
    }

    fn continuation(&mut self, rest: &str) -> Result<(), SyntaxError> {
        let after = &rest[1..];
        let skip = if after.starts_with("\r\n") {
            2
        } else if after.starts_with('\n') {
            1
        } else {
            return self.error("unexpected character after line continuation character");
        };
        self.pos += 1 + skip;
        self.line += 1;
        Ok(())
    }

    fn name(&mut self, start: usize) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let len = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        let name = &rest[..len];
        let after = rest[len..].chars().next();
        if matches!(after, Some('\'' | '"')) && is_string_prefix(name) {
            self.pos += len;
            return self.string(start, name);
        }
        self.pos += len;
        self.push(Kind::Name(name), start);
        Ok(())
    }

    fn string(&mut self, start: usize, prefix: &str) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let quote = &rest[..1];
        let triple =
            rest.len() >= 3 && rest.as_bytes()[1] == rest.as_bytes()[0] && rest.as_bytes()[2] == rest.as_bytes()[0];
        let open = if triple { 3 } else { 1 };
        let bytes = rest.as_bytes();
        let first_line = self.line;
        let mut i = open;
        let body = loop {
            match bytes.get(i) {
                None if triple => return self.error("unterminated triple-quoted string literal"),
                None => return self.error(format!("unterminated string literal (detected at line {first_line})")),
                Some(b'\n') if !triple => {
                    return self.error(format!("unterminated string literal (detected at line {first_line})"));
                }
                Some(b'\\') => i += 2,
                Some(&b) if b == quote.as_bytes()[0] => {
                    if !triple || rest[i..].starts_with(&rest[..3]) {
                        break &rest[open..i];
                    }
                    i += 1;
                }
                Some(_) => i += 1,
            }
        };
        let has = |c: char| prefix.chars().any(|p| p.eq_ignore_ascii_case(&c));
        let token = StrToken { raw: has('r'), bytes: has('b'), format: has('f'), body };
        self.push(Kind::Str(token), start);
        self.line += memchr::memchr_iter(b'\n', body.as_bytes()).count() as u32;
        self.pos += i + open;
        Ok(())
    }

    fn number(&mut self, start: usize) -> Result<(), SyntaxError> {
        let len = number_len(self.rest());
        let text = &self.rest()[..len];
        self.pos += len;
        if self.rest().starts_with(|c: char| c == '_' || c.is_alphanumeric()) && !keyword_follows(self.rest()) {
            return self.error("invalid decimal literal");
        }
        self.push(Kind::Number(text), start);
        Ok(())
    }

    fn operator(&mut self, rest: &str) -> Result<(), SyntaxError> {
        let start = self.pos;
        if rest.starts_with(';') {
            self.pos += 1;
            self.push(Kind::Op(";"), start);
            return Ok(());
        }
        let Some(op) = OPERATORS.into_iter().find(|op| rest.starts_with(op)) else {
            let c = rest.chars().next().unwrap_or(' ');
            return match c {
                '!' | '$' | '?' => self.error("invalid syntax"),
                c => self.error(format!("invalid character '{c}' (U+{:04X})", c as u32)),
            };
        };
        match op {
            "(" | "[" | "{" => {
                if self.brackets.len() >= MAX_BRACKETS {
                    return self.error("too many nested parentheses");
                }
                let open = op.as_bytes()[0] as char;
                self.brackets.push((open, self.line));
                self.out.deepest_bracket = self.out.deepest_bracket.max(self.brackets.len());
            }
            ")" | "]" | "}" => self.close(op)?,
            _ => {}
        }
        self.pos += op.len();
        self.push(Kind::Op(op), start);
        Ok(())
    }

    fn close(&mut self, close: &str) -> Result<(), SyntaxError> {
        let Some((open, _)) = self.brackets.pop() else {
            return self.error(format!("unmatched '{close}'"));
        };
        let expected = match open {
            '(' => ")",
            '[' => "]",
            _ => "}",
        };
        if close != expected {
            return self.error(format!("closing parenthesis '{close}' does not match opening parenthesis '{open}'"));
        }
        Ok(())
    }
}

fn is_string_prefix(name: &str) -> bool {
    const PREFIXES: [&str; 8] = ["r", "b", "u", "f", "br", "rb", "fr", "rf"];
    name.len() <= 2 && PREFIXES.iter().any(|p| name.eq_ignore_ascii_case(p))
}

/// `1if x else 2` is still accepted by Python 3.11.
fn keyword_follows(rest: &str) -> bool {
    ["and", "else", "for", "if", "in", "is", "not", "or"].iter().any(|k| rest.starts_with(k))
}

fn digits(bytes: &[u8], mut i: usize, is_digit: fn(u8) -> bool) -> usize {
    while let Some(&b) = bytes.get(i) {
        let underscore = b == b'_' && bytes.get(i + 1).is_some_and(|&n| is_digit(n));
        if !is_digit(b) && !underscore {
            break;
        }
        i += 1;
    }
    i
}

fn number_len(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let decimal = |b: u8| b.is_ascii_digit();
    if bytes[0] == b'0' && bytes.len() > 2 {
        let base: Option<fn(u8) -> bool> = match bytes[1] | 0x20 {
            b'x' => Some(|b| b.is_ascii_hexdigit()),
            b'o' => Some(|b| (b'0'..=b'7').contains(&b)),
            b'b' => Some(|b| b == b'0' || b == b'1'),
            _ => None,
        };
        if let Some(is_digit) = base {
            return digits(bytes, 2, is_digit);
        }
    }
    let mut i = digits(bytes, 0, decimal);
    if bytes.get(i) == Some(&b'.') {
        i = digits(bytes, i + 1, decimal);
    }
    if matches!(bytes.get(i), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(i + 1), Some(b'+' | b'-')));
        if bytes.get(i + 1 + sign).is_some_and(u8::is_ascii_digit) {
            i = digits(bytes, i + 1 + sign, decimal);
        }
    }
    if matches!(bytes.get(i), Some(b'j' | b'J')) {
        i += 1;
    }
    i
}
