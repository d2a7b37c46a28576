//! Step 1 of the guard: what the user sent, before any name is resolved.

use crate::allow::{settings, statements};
use crate::keyword::Keyword;
use crate::outline::{Outline, SettingsClause, outline};
use crate::refusal::{Refusal, RefusalKind};
use crate::text::{Text, short};
use crate::token::TokenKind;

/// One statement of a kind that users may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What to do with the query.
    pub kind: StatementKind,
    /// The query alone: no `;`, no comments around it, FORMAT and SETTINGS lifted out, otherwise untouched.
    pub sql: String,
    /// The output format the user asked for.
    pub format: Option<String>,
    /// The settings the user gave, all on the allow-list, values without quotes.
    pub settings: Vec<(String, String)>,
}

/// What to do with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementKind {
    /// Run it.
    Select,
    /// Name its columns.
    Describe,
    /// Show how it would run.
    Explain(Explain),
}

/// Which EXPLAIN, with which options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explain {
    /// What is shown.
    pub kind: ExplainKind,
    /// Options on the allow-list of this kind; values are numbers.
    pub options: Vec<(String, String)>,
}

/// What EXPLAIN shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExplainKind {
    /// The query, printed again.
    Syntax,
    /// The syntax tree.
    Ast,
    /// The plan; what a bare EXPLAIN means.
    Plan,
    /// The pipeline of threads.
    Pipeline,
    /// The query tree.
    QueryTree,
}

/// What this door lets a statement be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementRules {
    /// The longest text, in bytes.
    pub max_length: usize,
    /// Whether a FORMAT clause may close it.
    pub may_format: bool,
    /// Whether a SETTINGS clause may close it.
    pub may_settings: bool,
}

impl StatementKind {
    /// The text to send for a query: the query itself, or the query behind DESCRIBE or EXPLAIN.
    pub(crate) fn wrap(&self, sql: &str) -> String {
        match self {
            Self::Select => sql.to_owned(),
            Self::Describe => format!("DESCRIBE TABLE ({sql})"),
            Self::Explain(explain) => {
                let options: Vec<_> = explain.options.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                let space = if options.is_empty() { "" } else { " " };
                format!("EXPLAIN {}{space}{} {sql}", explain.kind.words(), options.join(", "))
            }
        }
    }
}

impl ExplainKind {
    /// The words behind EXPLAIN.
    pub fn words(self) -> &'static str {
        match self {
            Self::Syntax => "SYNTAX",
            Self::Ast => "AST",
            Self::Plan => "PLAN",
            Self::Pipeline => "PIPELINE",
            Self::QueryTree => "QUERY TREE",
        }
    }
}

/// Reads what a user sent as exactly one statement.
///
/// # Errors
///
/// `TooLong` over the length or nesting limit, `Syntax` for what is no statement, `NotAllowed` for statements, clauses
/// and settings that users may not send.
pub fn parse_statement(sql: &str, rules: &StatementRules) -> Result<Statement, Refusal> {
    check_length(sql, rules.max_length)?;
    let text = read_one(sql)?;
    let first = text.keyword(0);
    if is_listed(text.raw(0), statements::DESCRIBE_WORDS) {
        return parse_describe(&text, rules);
    }
    if first == Some(Keyword::Explain) {
        return parse_explain(&text, rules);
    }
    if !is_listed(text.raw(0), statements::SELECT_WORDS) && text.raw(0) != "(" {
        let message =
            format!("only SELECT, DESCRIBE and EXPLAIN are allowed, and this begins with \"{}\"", text.raw(0));
        return Err(Refusal::not_allowed(message).at(sql, text.start(0)));
    }
    finish(&text, 0, StatementKind::Select, rules)
}

pub(crate) fn check_length(sql: &str, max_length: usize) -> Result<(), Refusal> {
    if sql.len() > max_length {
        let message = format!("the text has {} bytes and the limit is {max_length}", sql.len());
        return Err(Refusal::new(RefusalKind::TooLong, message));
    }
    Ok(())
}

/// Reads a text that is one statement: semicolons may close it, but nothing may follow them.
pub(crate) fn read_one(sql: &str) -> Result<Text<'_>, Refusal> {
    let mut text = Text::read(sql)?;
    while text.lexemes.last().is_some_and(|last| last.kind == TokenKind::Semicolon) {
        text.lexemes.pop();
    }
    if text.len() == 0 {
        return Err(Refusal::syntax("the query is empty"));
    }
    if let Some(other) = text.lexemes.iter().find(|lexeme| lexeme.kind == TokenKind::Semicolon) {
        let refusal = Refusal::not_allowed("only one statement is allowed, and another follows this semicolon");
        return Err(refusal.at(sql, other.start));
    }
    Ok(text)
}

fn is_listed(word: &str, list: &[(&str, &str)]) -> bool {
    list.iter().any(|(listed, _)| word.eq_ignore_ascii_case(listed))
}

/// Lifts the closing clauses out of the query that begins at `from`.
fn finish(text: &Text<'_>, from: usize, kind: StatementKind, rules: &StatementRules) -> Result<Statement, Refusal> {
    let outline = outline(text, from)?;
    let format = lift_format(text, &outline, rules)?;
    let settings = lift_settings(text, &outline, rules)?;
    let sql = text.sql[text.start(from)..text.end_before(outline.body_end)].to_owned();
    Ok(Statement { kind, sql, format, settings })
}

fn lift_format(text: &Text<'_>, outline: &Outline, rules: &StatementRules) -> Result<Option<String>, Refusal> {
    match outline.format {
        Some(at) if !rules.may_format => {
            let refusal = Refusal::not_allowed("a FORMAT clause is not allowed here");
            Err(refusal.at(text.sql, text.start(at - 1)).hint("Choose the format with the request instead."))
        }
        Some(at) => Ok(Some(text.raw(at).to_owned())),
        None => Ok(None),
    }
}

fn lift_settings(text: &Text<'_>, outline: &Outline, rules: &StatementRules) -> Result<Vec<(String, String)>, Refusal> {
    let mut lifted = Vec::new();
    for clause in &outline.settings {
        check_settings(text, clause)?;
    }
    for clause in outline.tail_settings.iter().map(|&index| &outline.settings[index]) {
        if !rules.may_settings {
            let refusal = Refusal::not_allowed("a SETTINGS clause is not allowed here");
            return Err(refusal.at(text.sql, text.start(clause.at.start)));
        }
        for (name, value) in &clause.pairs {
            lifted.push((text.name(*name), setting_value(text, value)));
        }
    }
    Ok(lifted)
}

fn setting_value(text: &Text<'_>, value: &std::ops::Range<usize>) -> String {
    match value.len() {
        1 => text.name(value.start),
        _ => text.sql[text.start(value.start)..text.end_before(value.end)].to_owned(),
    }
}

/// Only settings on the allow-list, with plain values, wherever the clause stands.
pub(crate) fn check_settings(text: &Text<'_>, clause: &SettingsClause) -> Result<(), Refusal> {
    for (name, value) in &clause.pairs {
        let setting = text.name(*name);
        if !settings::is_allowed(&setting) {
            let refusal = Refusal::not_allowed(format!("the setting \"{}\" is not allowed", short(&setting)));
            return Err(refusal.at(text.sql, text.start(*name)));
        }
        let given = setting_value(text, value);
        if !settings::is_plain_value(&given) {
            let message = format!("\"{}\" cannot be the value of the setting \"{setting}\"", short(&given));
            let refusal = Refusal::not_allowed(message).at(text.sql, text.start(value.start));
            return Err(refusal.hint("Give a number or a plain word."));
        }
    }
    Ok(())
}

fn parse_describe(text: &Text<'_>, rules: &StatementRules) -> Result<Statement, Refusal> {
    let at = if text.is_keyword(1, Keyword::Table) && text.len() > 2 { 2 } else { 1 };
    let is_query = is_listed(text.raw(at), statements::SELECT_WORDS);
    if is_query || text.raw(at) == "(" {
        return finish(text, at, StatementKind::Describe, rules);
    }
    if !text.is_name(at) {
        return Err(text.unexpected(at, "a query or the name of a data source or pipe"));
    }
    let end = text.end_before(text.len());
    let named = format!("SELECT * FROM {}", &text.sql[text.start(at)..end]);
    finish(&Text::read(&named)?, 0, StatementKind::Describe, rules)
}

fn parse_explain(text: &Text<'_>, rules: &StatementRules) -> Result<Statement, Refusal> {
    let (kind, mut at) = explain_kind(text);
    let words = kind.words();
    let allowed = statements::EXPLAIN_KINDS.iter().find(|(listed, ..)| *listed == words).map_or(&[][..], |kind| kind.1);
    let mut options = Vec::new();
    while text.is(at, TokenKind::BareWord) && text.is(at + 1, TokenKind::Equals) {
        let name = text.raw(at).to_ascii_lowercase();
        if !allowed.contains(&name.as_str()) || !text.is(at + 2, TokenKind::Number) {
            let message = format!("EXPLAIN {words} takes no option \"{} = {}\"", text.raw(at), text.raw(at + 2));
            let refusal = Refusal::not_allowed(message).at(text.sql, text.start(at));
            return Err(refusal.hint(format!("Its options are {}, each with a number.", allowed.join(", "))));
        }
        options.push((name, text.raw(at + 2).to_owned()));
        at += 3;
        if text.is(at, TokenKind::Comma) {
            at += 1;
        }
    }
    if !is_listed(text.raw(at), statements::SELECT_WORDS) && text.raw(at) != "(" {
        let message = format!("EXPLAIN takes a SELECT, and this begins with \"{}\"", short(text.raw(at)));
        let refusal = Refusal::not_allowed(message).at(text.sql, text.start(at));
        return Err(refusal.hint("SYNTAX, AST, PLAN, PIPELINE and QUERY TREE of a SELECT are allowed."));
    }
    finish(text, at, StatementKind::Explain(Explain { kind, options }), rules)
}

fn explain_kind(text: &Text<'_>) -> (ExplainKind, usize) {
    if text.is_word(1, "syntax") {
        (ExplainKind::Syntax, 2)
    } else if text.is_word(1, "ast") {
        (ExplainKind::Ast, 2)
    } else if text.is_word(1, "plan") {
        (ExplainKind::Plan, 2)
    } else if text.is_word(1, "pipeline") {
        (ExplainKind::Pipeline, 2)
    } else if text.is_word(1, "query") && text.is_word(2, "tree") {
        (ExplainKind::QueryTree, 3)
    } else {
        (ExplainKind::Plan, 1)
    }
}
