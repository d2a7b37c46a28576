//! Cuts a piece of SQL (a schema, a key, a DEFAULT) into quoted texts, words, brackets and the rest, the way the engine's
//! lexer does, so that a bracket inside a string or a comment is never counted.

/// What a [`Piece`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters, digits and underscores (ASCII).
    Word,
    /// White space.
    Space,
    /// `-- ...` to the end of the line, or a whole line that starts with `#`.
    Comment,
    /// A text in single quotes, double quotes or backticks, quotes included.
    Quoted(char),
    /// `(`, `[` or `{`.
    Open(char),
    /// `)`, `]` or `}`.
    Close(char),
    /// A comma.
    Comma,
    /// Any other single character.
    Other(char),
}

/// One piece of a text, as byte offsets into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A fault in a piece of SQL: what is wrong, and the byte offset where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<&'static str>,
}

impl Fault {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> Fault {
        Fault { offset, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Fault {
        self.hint = Some(hint);
        self
    }
}

/// Cuts `text` into pieces that together cover all of it.
///
/// # Errors
/// A quote that is not closed, a control character between quotes, and what the engine's lexer cuts differently or leaves
/// out: `/*` and `//` comments, and strings of digits such as `x'41'`.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut found: Vec<Piece> = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        let (kind, length) = match first {
            '\'' | '"' | '`' => {
                let length = quoted_length(rest, first).map_err(|at| unclosed(start + at, first))?;
                check_quoted(&rest[..length], start)?;
                (Kind::Quoted(first), length)
            }
            c if is_word(c) => (Kind::Word, word_length(rest, start)?),
            c if c.is_whitespace() => (Kind::Space, run(rest, char::is_whitespace)),
            '#' if starts_line(text, start) => (Kind::Comment, run(rest, |c| c != '\n')),
            '-' if rest.starts_with("--") => (Kind::Comment, run(rest, |c| c != '\n')),
            '/' if rest.starts_with("/*") => {
                return Err(Fault::new(start, "/* */ comments are not supported here").hint("Use -- for a comment."));
            }
            '/' if rest.starts_with("//") => {
                return Err(Fault::new(start, "// comments are not supported here").hint("Use -- for a comment."));
            }
            '(' | '[' | '{' => (Kind::Open(first), 1),
            ')' | ']' | '}' => (Kind::Close(first), 1),
            ',' => (Kind::Comma, 1),
            other => (Kind::Other(other), other.len_utf8()),
        };
        found.push(Piece { kind, start, end: start + length });
        start += length;
    }
    Ok(found)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A string that the engine reads as digits ends at the first quote, whatever stands before it; with ordinary strings'
/// escapes it would have another end for us.
fn word_length(text: &str, start: usize) -> Result<usize, Fault> {
    let length = run(text, is_word);
    if matches!(&text[..length], "x" | "X" | "b" | "B") && text[length..].starts_with('\'') {
        let message = format!("strings such as {}'..' are not supported here", &text[..length]);
        return Err(Fault::new(start, message).hint("Write an ordinary string."));
    }
    Ok(length)
}

/// What is between quotes stays on its line: a line's end would end a comment for whoever reads the text differently.
fn check_quoted(quoted: &str, start: usize) -> Result<(), Fault> {
    match quoted.find(char::is_control) {
        Some(at) => Err(Fault::new(start + at, "a control character stands between quotes")
            .hint("Write it with a backslash, as in '\\n'.")),
        None => Ok(()),
    }
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn starts_line(text: &str, offset: usize) -> bool {
    text[..offset].chars().rev().take_while(|c| *c != '\n').all(char::is_whitespace)
}

/// Length of the quoted text at the start of `text`: a backslash protects the next character, a doubled quote stands for
/// itself. The error is the offset where the closing quote is missing.
fn quoted_length(text: &str, quote: char) -> Result<usize, usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return Ok(at + 1),
            }
        }
    }
    // A name ends at a blank, so that is where its backtick was forgotten; a string can hold anything.
    let missing = if quote == '`' { text.find(char::is_whitespace) } else { None };
    Err(missing.unwrap_or(text.trim_end().len()))
}

fn unclosed(offset: usize, quote: char) -> Fault {
    match quote {
        '`' => Fault::new(offset, "expected closing backtick"),
        _ => Fault::new(offset, format!("expected closing {quote}")),
    }
}

/// Checks that `pieces` of `text` form something that stays inside the brackets it is put into: brackets match and no
/// character ends a statement or means something else to another lexer.
pub(crate) fn check_closed(text: &str, pieces: &[Piece]) -> Result<(), Fault> {
    let mut open: Vec<(char, usize)> = Vec::new();
    for piece in pieces {
        match piece.kind {
            Kind::Open(bracket) => open.push((closing(bracket), piece.start)),
            Kind::Close(bracket) => match open.pop() {
                Some((expected, _)) if expected == bracket => {}
                Some((expected, _)) => {
                    return Err(Fault::new(piece.start, format!("expected closing {expected}, found {bracket}")));
                }
                None => return Err(Fault::new(piece.start, format!("{bracket} without its opening bracket"))),
            },
            Kind::Other(c) if is_forbidden(c) => {
                return Err(Fault::new(piece.start, format!("invalid character '{c}'")));
            }
            _ => {}
        }
    }
    match open.last() {
        Some((expected, _)) => {
            let end = pieces.iter().rev().find(|piece| !is_blank(piece.kind)).map_or(text.len(), |piece| piece.end);
            Err(Fault::new(end, format!("expected closing {expected}")))
        }
        None => Ok(()),
    }
}

/// Checks the text of one expression, or list of expressions, that will stand inside a CREATE TABLE.
///
/// # Errors
/// Unclosed quotes or brackets, comments, and characters that cannot be part of an expression.
pub(crate) fn check_expression(text: &str) -> Result<(), Fault> {
    let pieces = pieces(text)?;
    if let Some(comment) = pieces.iter().find(|piece| piece.kind == Kind::Comment) {
        return Err(Fault::new(comment.start, "comments are not supported here"));
    }
    if let Some(space) =
        pieces.iter().find(|piece| piece.kind == Kind::Space && !text[piece.start..piece.end].is_ascii())
    {
        return Err(Fault::new(space.start, "a blank outside of ASCII stands between words").hint("Write a space."));
    }
    check_closed(text, &pieces)
}

/// Cuts a list at its top-level commas; the parts are trimmed. `text` must have passed [`check_expression`].
pub(crate) fn split_list(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for piece in pieces(text).unwrap_or_default() {
        match piece.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            Kind::Comma if depth == 0 => {
                parts.push(text[start..piece.start].trim());
                start = piece.end;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// Whether a piece separates others without meaning anything.
pub(crate) fn is_blank(kind: Kind) -> bool {
    matches!(kind, Kind::Space | Kind::Comment)
}

fn closing(bracket: char) -> char {
    match bracket {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

/// `;` ends a statement, `#` and `$` open comments and heredocs in the engine's lexer, and characters outside ASCII include
/// the quotes it reads as string delimiters.
fn is_forbidden(c: char) -> bool {
    matches!(c, ';' | '#' | '$' | '\\') || !c.is_ascii() || c.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), &str>) {
        let found = check_expression(text).map_err(|fault| format!("{}: {}", fault.offset, fault.message));
        assert_eq!(found, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn an_expression_stays_inside_its_brackets() {
        check("toYYYYMM(ts), id", Ok(()));
        check("concat(a, ')', \"(\", `(`)", Ok(()));
        check("a) ENGINE = Null", Err("1: ) without its opening bracket"));
        check("f(a", Err("3: expected closing )"));
        check("f(a]", Err("3: expected closing ), found ]"));
        check("a -- (", Err("2: comments are not supported here"));
        check("a /* ( */ )", Err("2: /* */ comments are not supported here"));
        check("'a\\'", Err("4: expected closing '"));
        check("'it''s'", Ok(()));
        check("a; DROP", Err("1: invalid character ';'"));
        check("a\u{a0}+ b", Err("1: a blank outside of ASCII stands between words"));
        check("a \u{2018}x\u{2019}", Err("2: invalid character '\u{2018}'"));
    }

    #[test]
    fn what_the_engine_reads_as_a_comment_or_heredoc_is_refused() {
        check("n // (\n ORDER BY s AS SELECT s, n FROM d.t //", Err("2: // comments are not supported here"));
        check("ts + toIntervalDay(1) //", Err("22: // comments are not supported here"));
        check("'a // b'", Ok(()));
        check("a / b", Ok(()));
        check("a # b", Err("2: invalid character '#'"));
        check("# b", Err("0: comments are not supported here"));
        check("$x$ ' $x$", Err("9: expected closing '"));
        check("$x$ a $x$", Err("0: invalid character '$'"));
        check("'a\n// b'", Err("2: a control character stands between quotes"));
        check("`a\u{1b}`", Err("2: a control character stands between quotes"));
        check("'a\\nb'", Ok(()));
        check("x'41\\''", Err("0: strings such as x'..' are not supported here"));
        check("B'01'", Err("0: strings such as B'..' are not supported here"));
        check("abx'41'", Ok(()));
    }

    #[test]
    fn lists_are_cut_at_their_own_commas() {
        assert_eq!(split_list("a, f(b, c) , 'x,y'"), ["a", "f(b, c)", "'x,y'"]);
        assert_eq!(split_list("a"), ["a"]);
    }
}
