//! The lexer: cuts a text where the engine's lexer cuts it.
//!
//! It is compared with the engine's `tokenizeQuery()` by recorded vectors, so a change here needs a recording that
//! shows the engine doing the same.

use crate::token::{Token, TokenKind};

use TokenKind as Kind;

/// Cuts a text into tokens that cover it without gaps. Never fails: what cannot be read is an error token.
pub fn tokenize(sql: &str) -> Vec<Token> {
    let mut lexer = Lexer { bytes: sql.as_bytes(), pos: 0, before: None };
    let mut tokens = Vec::with_capacity(sql.len() / 3 + 4);
    while lexer.pos < lexer.bytes.len() {
        let start = lexer.pos;
        let kind = lexer.next();
        // A lone bad byte must not split a character: spans are handed out as str slices.
        while !sql.is_char_boundary(lexer.pos) {
            lexer.pos += 1;
        }
        if !kind.is_trivia() {
            lexer.before = Some(kind);
        }
        tokens.push(Token { kind, span: start..lexer.pos });
    }
    tokens
}

struct Lexer<'a> {
    bytes: &'a [u8],
    pos: usize,
    /// The last token that was neither white space nor a comment; a dot after a name is not a number's dot.
    before: Option<Kind>,
}

pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Unicode white space that the engine steps over, so that queries pasted from a word processor work.
const WIDE_SPACES: &[&[u8]] = &[
    &[0xc2, 0x85],
    &[0xc2, 0xa0],
    &[0xe1, 0xa0, 0x8e],
    &[0xe2, 0x80, 0x80],
    &[0xe2, 0x80, 0x81],
    &[0xe2, 0x80, 0x82],
    &[0xe2, 0x80, 0x83],
    &[0xe2, 0x80, 0x84],
    &[0xe2, 0x80, 0x85],
    &[0xe2, 0x80, 0x86],
    &[0xe2, 0x80, 0x87],
    &[0xe2, 0x80, 0x88],
    &[0xe2, 0x80, 0x89],
    &[0xe2, 0x80, 0x8a],
    &[0xe2, 0x80, 0x8b],
    &[0xe2, 0x80, 0x8c],
    &[0xe2, 0x80, 0x8d],
    &[0xe2, 0x80, 0xa8],
    &[0xe2, 0x80, 0xa9],
    &[0xe2, 0x80, 0xaf],
    &[0xe2, 0x81, 0x9f],
    &[0xe2, 0x81, 0xa0],
    &[0xe3, 0x80, 0x80],
    &[0xef, 0xbb, 0xbf],
];

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.pos + ahead).copied().unwrap_or(0)
    }

    fn has(&self, ahead: usize) -> bool {
        self.pos + ahead < self.bytes.len()
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.pos..]
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) {
        while self.bytes.get(self.pos).is_some_and(|&byte| accept(byte)) {
            self.pos += 1;
        }
    }

    fn take(&mut self, length: usize, kind: Kind) -> Kind {
        self.pos += length;
        kind
    }

    fn next(&mut self) -> Kind {
        let byte = self.bytes[self.pos];
        match byte {
            _ if is_space(byte) => {
                self.take_while(is_space);
                Kind::Whitespace
            }
            b'0'..=b'9' => self.number(),
            b'\'' => self.quoted(b'\'', Kind::StringLiteral, Kind::ErrorSingleQuoteIsNotClosed),
            b'"' => self.quoted(b'"', Kind::QuotedIdentifier, Kind::ErrorDoubleQuoteIsNotClosed),
            b'`' => self.quoted(b'`', Kind::QuotedIdentifier, Kind::ErrorBackQuoteIsNotClosed),
            b'x' | b'X' | b'b' | b'B' if self.peek(1) == b'\'' && self.has(2) => self.coded_string(),
            b'$' => self.dollar(),
            _ if is_word_byte(byte) => self.word(),
            0x80.. => self.wide(),
            _ => self.operator(byte),
        }
    }

    fn word(&mut self) -> Kind {
        self.take_while(|byte| is_word_byte(byte) || byte == b'$');
        Kind::BareWord
    }

    /// A quoted text ends at its quote; a doubled quote and a backslash with what follows belong to it.
    fn quoted(&mut self, quote: u8, closed: Kind, open: Kind) -> Kind {
        self.pos += 1;
        loop {
            self.take_while(|byte| byte != quote && byte != b'\\');
            if self.pos >= self.bytes.len() {
                return open;
            }
            let found = self.bytes[self.pos];
            self.pos += 1;
            if found == quote {
                if self.peek(0) != quote || self.pos >= self.bytes.len() {
                    return closed;
                }
                self.pos += 1;
            } else if self.pos < self.bytes.len() {
                self.pos += 1;
            } else {
                return open;
            }
        }
    }

    /// `x'4142'` and `b'0100'`: digits only up to the quote, anything else is an error.
    fn coded_string(&mut self) -> Kind {
        let hexadecimal = matches!(self.bytes[self.pos], b'x' | b'X');
        self.pos += 2;
        match self.rest().iter().position(|&byte| byte == b'\'') {
            None => self.take(self.bytes.len() - self.pos, Kind::ErrorSingleQuoteIsNotClosed),
            Some(length) => {
                let digits = &self.rest()[..length];
                let fine = match hexadecimal {
                    true => digits.iter().all(u8::is_ascii_hexdigit),
                    false => digits.iter().all(|byte| matches!(byte, b'0' | b'1')),
                };
                self.take(length + 1, if fine { Kind::StringLiteral } else { Kind::Error })
            }
        }
    }

    /// `$tag$ .. $tag$`, else a lone `$` or a word that begins with one.
    fn dollar(&mut self) -> Kind {
        let rest = self.rest();
        let tag = 1 + rest[1..].iter().take_while(|&&byte| is_word_byte(byte)).count();
        if rest.get(tag) == Some(&b'$') {
            let (mark, body) = rest.split_at(tag + 1);
            if let Some(end) = find(body, mark) {
                return self.take(2 * mark.len() + end, Kind::HereDoc);
            }
        }
        if tag > 1 { self.word() } else { self.take(1, Kind::DollarSign) }
    }

    fn wide(&mut self) -> Kind {
        let typographic: [(&[u8], &[u8], Kind, Kind); 2] = [
            (&[0xe2, 0x80, 0x98], &[0xe2, 0x80, 0x99], Kind::StringLiteral, Kind::ErrorSingleQuoteIsNotClosed),
            (&[0xe2, 0x80, 0x9c], &[0xe2, 0x80, 0x9d], Kind::QuotedIdentifier, Kind::ErrorDoubleQuoteIsNotClosed),
        ];
        for (opening, closing, closed, open) in typographic {
            if self.rest().starts_with(opening) {
                self.pos += opening.len();
                return match find(self.rest(), closing) {
                    Some(end) => self.take(end + closing.len(), closed),
                    None => self.take(self.bytes.len() - self.pos, open),
                };
            }
        }
        if self.rest().starts_with(&[0xe2, 0x88, 0x92]) {
            return self.take(3, Kind::Minus);
        }
        let start = self.pos;
        while let Some(space) = WIDE_SPACES.iter().find(|space| self.rest().starts_with(space)) {
            self.pos += space.len();
            self.take_while(is_space);
        }
        if self.pos > start { Kind::Whitespace } else { self.take(1, Kind::Error) }
    }

    fn operator(&mut self, byte: u8) -> Kind {
        match (byte, self.peek(1)) {
            (b'(', _) => self.take(1, Kind::OpeningRoundBracket),
            (b')', _) => self.take(1, Kind::ClosingRoundBracket),
            (b'[', _) => self.take(1, Kind::OpeningSquareBracket),
            (b']', _) => self.take(1, Kind::ClosingSquareBracket),
            (b'{', _) => self.take(1, Kind::OpeningCurlyBrace),
            (b'}', _) => self.take(1, Kind::ClosingCurlyBrace),
            (b',', _) => self.take(1, Kind::Comma),
            (b';', _) => self.take(1, Kind::Semicolon),
            (b'.', _) => self.dot(),
            (b'+', _) => self.take(1, Kind::Plus),
            (b'-', b'>') => self.take(2, Kind::Arrow),
            (b'-', b'-') => self.line_comment(2),
            (b'-', _) => self.take(1, Kind::Minus),
            (b'*', _) => self.take(1, Kind::Asterisk),
            (b'/', b'*') => self.block_comment(),
            (b'/', b'/') => self.line_comment(2),
            (b'/', _) => self.take(1, Kind::Slash),
            (b'#', b' ' | b'!') => self.line_comment(2),
            (b'%', _) => self.take(1, Kind::Percent),
            (b'=', b'=') => self.take(2, Kind::Equals),
            (b'=', _) => self.take(1, Kind::Equals),
            (b'!', b'=') => self.take(2, Kind::NotEquals),
            (b'!', _) => self.take(1, Kind::ErrorSingleExclamationMark),
            (b'<', b'=') if self.peek(2) == b'>' => self.take(3, Kind::Spaceship),
            (b'<', b'=') => self.take(2, Kind::LessOrEquals),
            (b'<', b'>') => self.take(2, Kind::NotEquals),
            (b'<', _) => self.take(1, Kind::Less),
            (b'>', b'=') => self.take(2, Kind::GreaterOrEquals),
            (b'>', _) => self.take(1, Kind::Greater),
            (b'?', _) => self.take(1, Kind::QuestionMark),
            (b'^', _) => self.take(1, Kind::Caret),
            (b':', b':') => self.take(2, Kind::DoubleColon),
            (b':', _) => self.take(1, Kind::Colon),
            (b'|', b'|') => self.take(2, Kind::Concatenation),
            (b'|', _) => self.take(1, Kind::PipeMark),
            (b'@', b'@') => self.take(2, Kind::DoubleAt),
            (b'@', _) => self.take(1, Kind::At),
            (b'\\', b'G') => self.take(2, Kind::VerticalDelimiter),
            _ => self.take(1, Kind::Error),
        }
    }

    fn line_comment(&mut self, mark: usize) -> Kind {
        self.pos += mark;
        self.take_while(|byte| byte != b'\n');
        Kind::Comment
    }

    /// Block comments nest: the engine counts openings and closings.
    fn block_comment(&mut self) -> Kind {
        self.pos += 2;
        let mut depth = 1;
        while self.pos + 1 < self.bytes.len() {
            match (self.bytes[self.pos], self.bytes[self.pos + 1]) {
                (b'/', b'*') => {
                    depth += 1;
                    self.pos += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.pos += 2;
                    if depth == 0 {
                        return Kind::Comment;
                    }
                }
                _ => self.pos += 1,
            }
        }
        self.pos = self.bytes.len();
        Kind::ErrorMultilineCommentIsNotClosed
    }

    /// A dot begins a number only where no name, bracket or number stands before it.
    fn dot(&mut self) -> Kind {
        let after_operand = matches!(
            self.before,
            Some(
                Kind::ClosingRoundBracket
                    | Kind::ClosingSquareBracket
                    | Kind::BareWord
                    | Kind::QuotedIdentifier
                    | Kind::Number
            )
        );
        let not_a_number = after_operand || !self.peek(1).is_ascii_digit();
        let first = self.pos == 0;
        self.pos += 1;
        if not_a_number && !first {
            return Kind::Dot;
        }
        self.digits(|byte| byte.is_ascii_digit());
        self.exponent(b'e', b'E');
        Kind::Number
    }

    fn number(&mut self) -> Kind {
        let start = self.pos;
        // After a dot only an index can stand: `t.1.2` is two steps, not a fraction.
        if self.before == Some(Kind::Dot) {
            self.digits(|byte| byte.is_ascii_digit());
            return self.number_end(start);
        }
        let zero = self.peek(0) == b'0';
        let hexadecimal = zero && matches!(self.peek(1), b'x' | b'X') && self.peek(2).is_ascii_hexdigit();
        let binary = zero && matches!(self.peek(1), b'b' | b'B') && matches!(self.peek(2), b'0' | b'1');
        if hexadecimal || binary {
            self.pos += 2;
        }
        let digit = move |byte: u8| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        self.digits(digit);
        if self.peek(0) == b'.' {
            self.pos += 1;
            self.digits(digit);
        }
        match hexadecimal {
            true => self.exponent(b'p', b'P'),
            false => self.exponent(b'e', b'E'),
        }
        self.number_end(start)
    }

    /// Digits, with single underscores between them.
    fn digits(&mut self, digit: impl Fn(u8) -> bool) {
        let start = self.pos;
        while self.pos < self.bytes.len() {
            let byte = self.bytes[self.pos];
            let joins = byte == b'_' && self.pos > start && digit(self.peek(1)) && self.bytes[self.pos - 1] != b'_';
            if !digit(byte) && !joins {
                return;
            }
            self.pos += 1;
        }
    }

    /// An exponent's mark and sign count only where another byte follows them.
    fn exponent(&mut self, small: u8, big: u8) {
        if self.has(1) && (self.peek(0) == small || self.peek(0) == big) {
            self.pos += 1;
            if self.has(1) && matches!(self.peek(0), b'+' | b'-') {
                self.pos += 1;
            }
            self.digits(|byte| byte.is_ascii_digit());
        }
    }

    /// Letters right behind digits make a word that begins with a digit, or a broken number.
    fn number_end(&mut self, start: usize) -> Kind {
        if !self.has(0) || !is_word_byte(self.peek(0)) {
            return Kind::Number;
        }
        self.take_while(is_word_byte);
        match self.bytes[start..self.pos].iter().all(|&byte| is_word_byte(byte)) {
            true => Kind::BareWord,
            false => Kind::ErrorWrongNumber,
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
