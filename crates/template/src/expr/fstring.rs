//! f-strings: `f'{value!r:>{width}}'`.

use super::SyntaxError;
use super::ast::FormatPart;
use super::atom::push_part;
use super::literal;
use super::parse::{Parse, Parser};
use super::symbols::Symbols;
use super::token::{Kind, StrToken};

/// Replacement fields may hold fields of their own this deep, as in Python.
const MAX_DEPTH: usize = 2;

/// The parts of one f-string literal.
pub(crate) fn parse(token: &StrToken<'_>, symbols: &mut Symbols, max_depth: usize) -> Parse<Vec<FormatPart>> {
    let mut scanner = Scanner { raw: token.raw, symbols, max_depth };
    let (parts, rest) = scanner.parts(token.body, 0)?;
    debug_assert!(rest.is_empty());
    Ok(parts)
}

struct Scanner<'s> {
    raw: bool,
    symbols: &'s mut Symbols,
    max_depth: usize,
}

fn error<T>(message: &str) -> Parse<T> {
    Err(SyntaxError::new(format!("f-string: {message}"), 1))
}

impl Scanner<'_> {
    /// Parts up to the end of `body`, or in a nested format spec up to its closing brace.
    fn parts<'b>(&mut self, body: &'b str, depth: usize) -> Parse<(Vec<FormatPart>, &'b str)> {
        let mut parts = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let Some(brace) = rest.find(['{', '}']) else {
                self.push_text(&mut parts, rest)?;
                return Ok((parts, ""));
            };
            self.push_text(&mut parts, &rest[..brace])?;
            rest = &rest[brace..];
            if depth == 0 && (rest.starts_with("{{") || rest.starts_with("}}")) {
                push_part(&mut parts, FormatPart::Text(rest[..1].into()));
                rest = &rest[2..];
            } else if rest.starts_with('}') {
                if depth == 0 {
                    return error("single '}' is not allowed");
                }
                return Ok((parts, rest));
            } else {
                if depth >= MAX_DEPTH {
                    return error("expressions nested too deeply");
                }
                rest = self.field(&rest[1..], depth, &mut parts)?;
            }
        }
        Ok((parts, rest))
    }

    fn push_text(&self, parts: &mut Vec<FormatPart>, text: &str) -> Parse<()> {
        let text = if self.raw || !text.contains('\\') {
            text.to_owned()
        } else {
            literal::unescape(text).map_err(|message| SyntaxError::new(message, 1))?
        };
        push_part(parts, FormatPart::Text(text.into()));
        Ok(())
    }

    /// A replacement field; `body` starts after its opening brace. Returns what follows its closing brace.
    fn field<'b>(&mut self, body: &'b str, depth: usize, parts: &mut Vec<FormatPart>) -> Parse<&'b str> {
        let end = expression_end(body)?;
        let (source, mut rest) = body.split_at(end);
        let mut debug = false;
        if source.trim().is_empty() {
            return error("empty expression not allowed");
        }
        if source.contains('\\') {
            return error("expression part cannot include a backslash");
        }
        if source.contains('#') {
            return error("expression part cannot include '#'");
        }
        let text = source.trim();
        // The field stands in parentheses, so newlines inside it are blank.
        let wrapped = format!("({text})");
        let mut parser = Parser::new(&wrapped, self.symbols, self.max_depth.saturating_sub(1))?;
        let value = parser.expression_list(true)?;
        if !matches!(parser.peek(), Kind::End) {
            return error("invalid syntax");
        }
        if let Some(after) = rest.strip_prefix('=') {
            // `{x=}` shows its own text in front of the value.
            rest = after.trim_start();
            let blank = &after[..after.len() - rest.len()];
            push_part(parts, FormatPart::Text(format!("{source}={blank}").into()));
            debug = true;
        }
        let conversion = conversion(&mut rest)?;
        let mut spec = None;
        if let Some(after) = rest.strip_prefix(':') {
            let (spec_parts, after) = self.parts(after, depth + 1)?;
            spec = Some(spec_parts.into());
            rest = after;
        }
        let Some(after) = rest.strip_prefix('}') else { return error("expecting '}'") };
        let conversion = conversion.or((debug && spec.is_none()).then_some('r'));
        parts.push(FormatPart::Value { value, conversion, spec });
        Ok(after)
    }
}

fn conversion(rest: &mut &str) -> Parse<Option<char>> {
    let Some(after) = rest.strip_prefix('!') else { return Ok(None) };
    let Some(c) = after.chars().next().filter(|c| matches!(c, 's' | 'r' | 'a')) else {
        return error("invalid conversion character: expected 's', 'r', or 'a'");
    };
    *rest = &after[1..];
    Ok(Some(c))
}

/// Where the expression of a field ends: at a top-level `!`, `:`, `=` or `}`.
fn expression_end(body: &str) -> Parse<usize> {
    let bytes = body.as_bytes();
    let (mut depth, mut quote) = (0usize, None);
    let mut i = 0;
    while let Some(&b) = bytes.get(i) {
        match (quote, b) {
            (Some(q), _) => quote = if b == q { None } else { Some(q) },
            (None, b'\'' | b'"') => quote = Some(b),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') if depth > 0 => depth -= 1,
            (None, b'}') => return Ok(i),
            (None, b')' | b']') => return error("unmatched closing bracket"),
            (None, b'!' | b'=' | b'<' | b'>') if bytes.get(i + 1) == Some(&b'=') => i += 1,
            (None, b'!' | b':' | b'=') if depth == 0 => return Ok(i),
            _ => {}
        }
        i += 1;
    }
    error("expecting '}'")
}
