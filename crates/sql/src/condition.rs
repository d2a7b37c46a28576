//! Conditions and filters: one expression, checked alone, before it is put between anyone's brackets.

use crate::keyword::Keyword;
use crate::outline::outline;
use crate::refusal::Refusal;
use crate::statement::{StatementRules, check_length};
use crate::text::Text;
use crate::token::TokenKind;

/// Checks that a text is one expression, and answers it without comments, so that brackets can be put around it.
///
/// Such a text cannot close a bracket that it did not open, swallow what follows it in a comment, add a clause to the
/// query around it, or be several expressions.
///
/// # Errors
///
/// `TooLong` over the length limit, `Syntax` for what is no expression, `NotAllowed` for what an expression may not
/// contain.
pub fn check_condition(expression: &str, rules: &StatementRules) -> Result<String, Refusal> {
    check_length(expression, rules.max_length)?;
    let text = Text::read(expression)?;
    if text.len() == 0 {
        return Err(Refusal::syntax("the condition is empty").hint("Write an expression such as \"country = 'ES'\"."));
    }
    check_top_level(&text)?;
    let plain = without_comments(&text);
    check_as_part_of_a_query(&plain)?;
    Ok(plain)
}

/// What ends a statement stands nowhere in it; the rest is about what is outside of brackets.
fn check_top_level(text: &Text<'_>) -> Result<(), Refusal> {
    let refuse = |at| {
        let message = format!("a condition is one expression, and \"{}\" cannot stand in it", text.raw(at));
        Err(text.refuse_at(at, message))
    };
    let ends = |kind| matches!(kind, TokenKind::Semicolon | TokenKind::VerticalDelimiter);
    if let Some(at) = text.lexemes.iter().position(|lexeme| ends(lexeme.kind)) {
        return refuse(at);
    }
    let mut at = 0;
    while at < text.len() {
        let lexeme = text.lexemes[at];
        let refused = match (lexeme.kind, lexeme.keyword) {
            (TokenKind::Comma, _) => true,
            (_, Some(Keyword::Select | Keyword::With | Keyword::Explain)) => at == 0,
            (_, Some(Keyword::From)) => !text.is_keyword(at.wrapping_sub(1), Keyword::Distinct),
            (_, Some(Keyword::Union | Keyword::Intersect | Keyword::Where | Keyword::Prewhere)) => true,
            _ => false,
        };
        if refused {
            return refuse(at);
        }
        at = if lexeme.kind.is_opening() { text.mate(at) + 1 } else { at + 1 };
    }
    Ok(())
}

/// The lexemes as written, with one space wherever something that does not count stood between two of them.
pub(crate) fn without_comments(text: &Text<'_>) -> String {
    let mut plain = String::with_capacity(text.sql.len());
    let mut end = None;
    for (at, lexeme) in text.lexemes.iter().enumerate() {
        if end.is_some_and(|end| end < lexeme.start) {
            plain.push(' ');
        }
        plain.push_str(text.raw(at));
        end = Some(lexeme.end);
    }
    plain
}

/// As the last thing of a WHERE the condition must be taken up whole: no clause, no tail.
fn check_as_part_of_a_query(plain: &str) -> Result<(), Refusal> {
    let sql = format!("SELECT 1 WHERE {plain}");
    let text = Text::read(&sql)?;
    let outline = outline(&text, 0).map_err(|refusal| Refusal { line: 0, column: 0, ..refusal })?;
    let whole = outline.scopes.first().and_then(|scope| scope.r#where.clone());
    let complete = whole.is_some_and(|whole| whole == (2..text.len()) && outline.body_end == text.len());
    if complete && outline.settings.is_empty() {
        return Ok(());
    }
    Err(Refusal::syntax(format!("a condition is one expression, and \"{}\" is more", crate::text::short(plain))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str) -> Result<String, Refusal> {
        check_condition(expression, &StatementRules { max_length: 1000, may_format: false, may_settings: false })
    }

    #[test]
    fn expressions_pass_and_lose_their_comments() {
        for (given, expected) in [
            ("a = 1", "a = 1"),
            ("a = 1 -- all", "a = 1"),
            ("a/* x */= 1 # y", "a = 1"),
            ("x IN (SELECT x FROM t WHERE y)", "x IN (SELECT x FROM t WHERE y)"),
            ("a IS NOT DISTINCT FROM b", "a IS NOT DISTINCT FROM b"),
            ("(a, b) IN ((1, 2))", "(a, b) IN ((1, 2))"),
            ("name = 'a -- b; c'", "name = 'a -- b; c'"),
        ] {
            assert_eq!(check(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn nothing_escapes_from_a_condition() {
        for given in [
            "",
            "-- only a comment",
            "1) OR (1",
            "1)) UNION ALL SELECT * FROM other -- ",
            "1 /*",
            "1; DROP TABLE t",
            "(LIMIT.;)",
            "f((1; 2))",
            "1 UNION ALL SELECT 2",
            "1 EXCEPT SELECT 2",
            "SELECT 1",
            "1 GROUP BY a",
            "1 ORDER BY a",
            "1 LIMIT 1",
            "1 SETTINGS readonly = 0",
            "1 FORMAT JSON",
            "1 FROM other",
            "1 WHERE 1",
            "1 PREWHERE 1",
            "1 INTO OUTFILE '/tmp/x'",
            "a, b",
            "'open",
            "1 \\G",
            "a = \u{2018}x\u{2019}",
        ] {
            assert!(check(given).is_err(), "{given}");
        }
    }
}
