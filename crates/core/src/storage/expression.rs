//! One expression of a definition: what its text alone tells. Names and functions are judged by the guard; here it is made
//! sure that the text is one expression, brings no names of its own and holds no query.

use std::fmt;

use standpipe_sql::{Token, TokenKind, check_condition, tokenize};

use crate::error::{Error, Result};
use crate::read::rules;

/// A checked expression, free of comments. Displays in brackets of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression(String);

impl Expression {
    /// Checks one expression. `what` names it in refusals.
    pub(super) fn read(what: &str, text: &str) -> Result<Expression> {
        check_hygiene(text).map_err(|reason| refused(what, &reason))?;
        let plain = check_condition(text, &rules::EXPRESSION).map_err(|refusal| refused(what, &refusal))?;
        Ok(Expression(format!("({plain})")))
    }

    /// Checks a list of expressions, which a key is. In brackets the list is one expression; that it does not close them
    /// itself is part of the hygiene.
    pub(super) fn list(what: &str, text: &str) -> Result<Expression> {
        check_hygiene(text).map_err(|reason| refused(what, &reason))?;
        let list = format!("({text})");
        let plain = check_condition(&list, &rules::EXPRESSION).map_err(|refusal| refused(what, &refusal))?;
        Ok(Expression(plain))
    }

    /// Words and quoted names in it, without their quotes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = tokenize(&self.0).into_iter().filter(|token| token.kind.is_name());
        names.map(|token| self.0[token.span].trim_matches(['`', '"']))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refused(what: &str, reason: &dyn fmt::Display) -> Error {
    Error::bad_request(format!("{what} cannot be used: {reason}"))
}

/// A bracket that is open: whether it holds the arguments of a call, and what was seen directly in it.
#[derive(Default)]
struct Group {
    is_call: bool,
    is_cast: bool,
    commas: usize,
    aliases: usize,
}

fn check_hygiene(text: &str) -> std::result::Result<(), String> {
    let tokens: Vec<Token> = tokenize(text).into_iter().filter(|token| !token.kind.is_trivia()).collect();
    let raw = |at: usize| tokens.get(at).map_or("", |token| &text[token.span.clone()]);
    // What stands in no brackets is in a group, too, but in no call.
    let mut groups = vec![Group::default()];
    for (at, token) in tokens.iter().enumerate() {
        check_token(token.kind, raw(at))?;
        let before = at.checked_sub(1).map(|before| (tokens[before].kind, raw(before)));
        let group = groups.last_mut().ok_or("a bracket closes what it did not open")?;
        match token.kind {
            TokenKind::Comma => group.commas += 1,
            TokenKind::Arrow if !group.is_call => return Err("a lambda stands outside of a call".to_owned()),
            TokenKind::BareWord => check_word(raw(at), before, group)?,
            kind if kind.is_opening() => groups.push(Group {
                is_call: before.is_some_and(|(kind, _)| kind.is_name()),
                is_cast: before.is_some_and(|(_, word)| word.eq_ignore_ascii_case("cast")),
                ..Group::default()
            }),
            kind if kind.is_closing() => {
                check_aliases(group)?;
                groups.pop();
            }
            _ => {}
        }
    }
    match groups.as_slice() {
        [outermost] => check_aliases(outermost),
        [] => Err("a bracket closes what it did not open".to_owned()),
        _ => Err("a bracket is never closed".to_owned()),
    }
}

fn check_token(kind: TokenKind, raw: &str) -> std::result::Result<(), String> {
    match kind {
        TokenKind::HereDoc | TokenKind::DollarSign => Err(format!("{raw} is not an ordinary string")),
        TokenKind::At | TokenKind::DoubleAt => Err(format!("{raw} names a variable of the server")),
        TokenKind::Semicolon | TokenKind::VerticalDelimiter => Err(format!("\"{raw}\" ends the expression")),
        kind if kind.is_error() => Err(format!("cannot read \"{raw}\"")),
        kind if (kind.is_string() || kind.is_name()) && raw.contains(char::is_control) => {
            Err(format!("{raw:?} contains a control character"))
        }
        kind if kind.is_name() && raw.trim_matches(['`', '"']).split('.').any(is_internal) => {
            Err(format!("\"{raw}\" is an internal name"))
        }
        _ => Ok(()),
    }
}

fn check_word(word: &str, before: Option<(TokenKind, &str)>, group: &mut Group) -> std::result::Result<(), String> {
    let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
    let opens = before.is_some_and(|(kind, _)| kind.is_opening());
    if is("SELECT") || is("WITH") || is("EXPLAIN") || (is("FROM") && opens) {
        return Err(format!("it holds a query (\"{word}\"); if that is the name of a column, put it in backticks"));
    }
    group.aliases += usize::from(is("AS"));
    Ok(())
}

/// `AS` gives a name, which another part of the table would then see; only `CAST(x AS Type)` means something else by it.
fn check_aliases(group: &Group) -> std::result::Result<(), String> {
    let is_cast = group.is_cast && group.aliases == 1 && group.commas == 0;
    match group.aliases == 0 || is_cast {
        true => Ok(()),
        false => Err("it gives a name with AS".to_owned()),
    }
}

/// Databases and tables have names of our own making: a letter and 32 hexadecimal digits.
fn is_internal(name: &str) -> bool {
    let is_id = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = name.to_ascii_lowercase();
    let parts: Vec<&str> = name.split('_').collect();
    parts.windows(2).any(|pair| matches!(pair[0], "d" | "t") && is_id(pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn passes(text: &str, expected: &str) {
        let shown = Expression::read("x", text).map(|expression| expression.to_string());
        assert_eq!(shown.map_err(|error| error.to_string()).as_deref(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn refused(text: &str, reason: &str) {
        let message = Expression::read("x", text).expect_err(text).to_string();
        assert!(message.starts_with("x cannot be used: ") && message.contains(reason), "{text}: {message}");
        assert!(Expression::list("x", text).is_err(), "{text}");
    }

    #[test]
    fn expressions_lose_their_comments_and_get_brackets() {
        passes("now()", "(now())");
        passes("a + 1 // one", "(a + 1)");
        passes("a /* ( */ + 1", "(a + 1)");
        passes("CAST(a AS Array(Int8))", "(CAST(a AS Array(Int8)))");
        passes("arrayMap(x -> x + 1, a)", "(arrayMap(x -> x + 1, a))");
        passes("arrayMap((x, y) -> x + y, a, b)", "(arrayMap((x, y) -> x + y, a, b))");
        passes("a ? 'AS' : `as`", "(a ? 'AS' : `as`)");
        passes("engine = 'x'", "(engine = 'x')");
        passes("EXTRACT(YEAR FROM ts)", "(EXTRACT(YEAR FROM ts))");
        let key = Expression::list("x", "a, toDate(b)").map(|key| key.to_string());
        assert_eq!(key.ok().as_deref(), Some("(a, toDate(b))"));
    }

    #[test]
    fn names_given_inside_are_refused() {
        refused("(1 AS x)", "gives a name with AS");
        refused("1 AS x", "gives a name with AS");
        refused("CAST((1 AS x) AS Int8)", "gives a name with AS");
        refused("CAST(1 AS x, 'Int8')", "gives a name with AS");
        refused("CAST(1 AS x AS Int8)", "gives a name with AS");
        refused("plus(1 as x, 2)", "gives a name with AS");
        refused("x -> x", "a lambda stands outside of a call");
        refused("(x -> x)", "a lambda stands outside of a call");
    }

    #[test]
    fn queries_and_internal_names_are_refused() {
        refused("(SELECT 1)", "it holds a query");
        refused("(with 1 select 1)", "it holds a query");
        refused("x IN (FROM t)", "it holds a query");
        let id = "0123456789abcdef0123456789abcdef";
        refused(&format!("x IN d_{id}.t_{id}_1"), "is an internal name");
        refused(&format!("x IN `d_{id}.t_{id}_1`"), "is an internal name");
        refused(&format!("x IN ours_d_{id}.events"), "is an internal name");
    }

    #[test]
    fn nothing_escapes_from_an_expression() {
        for text in [
            "a) + (b",
            "a, b)",
            "(a",
            "$x$a$x$",
            "'a\nb'",
            "a; b",
            "(a; b)",
            "@@version",
            "\u{2018}a\u{2019}",
            "a //\n)",
        ] {
            assert!(Expression::read("x", text).is_err(), "{text}");
            assert!(Expression::list("x", text).is_err(), "{text}");
        }
    }
}
