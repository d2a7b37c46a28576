//! A lexer of ClickHouse's SQL, just large enough to see whether a value left its place.

/// The kind of a token; texts of names, numbers and strings do not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word,
    Number,
    Text,
    Quoted,
    Comment,
    Sign(char),
    /// What the engine's lexer refuses; it then runs nothing of the statement.
    Refused,
}

fn quoted_len(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == '\\' {
            chars.next()?;
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
                continue;
            }
            return Some(i + 1);
        }
    }
    None
}

/// The tokens of `sql`, up to the first that is refused.
pub(crate) fn shape(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let word = |c: char| c == '_' || c == '$' || c.is_alphanumeric();
        let (token, len) = match c {
            c if c.is_whitespace() => {
                rest = rest[c.len_utf8()..].trim_start();
                continue;
            }
            '\'' | '"' | '`' => match quoted_len(rest, c) {
                Some(len) => (if c == '\'' { Token::Text } else { Token::Quoted }, len),
                None => (Token::Refused, rest.len()),
            },
            '-' if rest.starts_with("--") => (Token::Comment, rest.find('\n').unwrap_or(rest.len())),
            '#' => (Token::Comment, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => (Token::Comment, end + 2),
                None => (Token::Refused, rest.len()),
            },
            '\\' => (Token::Refused, rest.len()),
            c if c.is_ascii_digit() => {
                let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                // `1a` is a name, `1e5` and `0x1` are numbers.
                let name = rest[digits..].starts_with(|c: char| c.is_alphabetic() && !"eExXbBpP".contains(c));
                let len = rest.find(|c: char| !word(c) && (name || c != '.')).unwrap_or(rest.len());
                (if name { Token::Word } else { Token::Number }, len)
            }
            c if word(c) => (Token::Word, rest.find(|c| !word(c)).unwrap_or(rest.len())),
            c => (Token::Sign(c), c.len_utf8()),
        };
        let refused = token == Token::Refused;
        tokens.push(token);
        if refused {
            break;
        }
        rest = &rest[len..];
    }
    tokens
}

/// Dotted names count as one name, lists of names as one, and a sign in front of a number belongs to it.
fn normalize(tokens: Vec<Token>) -> Vec<Token> {
    let name = |t: &Token| matches!(t, Token::Word | Token::Quoted);
    let mut out: Vec<Token> = Vec::new();
    for token in tokens {
        out.push(token);
        loop {
            let joined = match &out[..] {
                [.., a, Token::Sign('.' | ','), b] if name(a) && a == b => 2,
                [.., Token::Sign('-'), Token::Number] => {
                    let at = out.len() - 2;
                    out.remove(at);
                    break;
                }
                _ => 0,
            };
            if joined == 0 {
                break;
            }
            out.truncate(out.len() - joined);
        }
    }
    out
}

/// Whether `sql` has the tokens of `harmless`, which came from the same template with a harmless value. A statement
/// that the engine refuses at a backslash right behind `before` does no harm either.
pub(crate) fn keeps_its_place(before: &str, harmless: &str, sql: &str) -> bool {
    let tokens = shape(sql);
    if tokens.last() != Some(&Token::Refused) {
        return normalize(tokens) == normalize(shape(harmless));
    }
    let Some(piece) = sql.strip_prefix(before) else { return false };
    let word = |c: char| c == '_' || c == '$' || c == '.' || c.is_alphanumeric();
    piece.trim_start_matches(word).starts_with('\\') && shape(before).last() != Some(&Token::Refused)
}
