//! The tightest expressions: literals, displays, calls, attributes, subscripts.

use std::sync::Arc;

use super::ast::{Call, Comprehension, ComprehensionKind, Const, Expr, FormatPart, Keyword};
use super::fstring;
use super::literal;
use super::parse::{Parse, Parser, is_keyword};
use super::token::{Kind, StrToken};

impl<'t> Parser<'t, '_> {
    pub(super) fn primary(&mut self) -> Parse<Expr> {
        let mut expr = self.atom()?;
        loop {
            if self.eat_op(".") {
                let name = self.identifier()?;
                let attr = self.symbols.intern(name);
                expr = Expr::Attribute(Box::new((expr, attr)));
            } else if self.eat_op("(") {
                expr = self.call(expr)?;
            } else if self.eat_op("[") {
                let index = self.subscript()?;
                self.expect_op("]")?;
                expr = Expr::Subscript(Box::new((expr, index)));
            } else {
                return Ok(expr);
            }
            self.link()?;
        }
    }

    fn atom(&mut self) -> Parse<Expr> {
        match self.peek() {
            Kind::Name(name) => {
                let constant = match name {
                    "None" => Const::None,
                    "True" => Const::True,
                    "False" => Const::False,
                    _ if is_keyword(name) => return self.invalid(),
                    _ => {
                        self.advance();
                        return Ok(Expr::name(self.symbols.intern(name)));
                    }
                };
                self.advance();
                Ok(Expr::Const(constant))
            }
            Kind::Number(text) => {
                self.advance();
                let constant = literal::number(text).or_else(|message| self.error(message))?;
                Ok(Expr::Const(constant))
            }
            Kind::Str(_) => self.strings(),
            Kind::Op("...") => {
                self.advance();
                Ok(Expr::Const(Const::Ellipsis))
            }
            Kind::Op("(") => self.parenthesised(),
            Kind::Op("[") => self.list(),
            Kind::Op("{") => self.braces(),
            _ => self.invalid(),
        }
    }

    /// Adjacent literals are one; any f-string among them makes the whole an f-string.
    fn strings(&mut self) -> Parse<Expr> {
        let mut tokens: Vec<StrToken<'t>> = Vec::new();
        while let Kind::Str(token) = self.peek() {
            tokens.push(token);
            self.advance();
        }
        let bytes = tokens.iter().filter(|t| t.bytes).count();
        if bytes != 0 && bytes != tokens.len() {
            return self.error("cannot mix bytes and nonbytes literals");
        }
        if bytes != 0 {
            let mut all = Vec::new();
            for token in &tokens {
                all.extend(literal::bytes(token).or_else(|message| self.error(message))?);
            }
            return Ok(Expr::Const(Const::Bytes(all.into())));
        }
        if !tokens.iter().any(|t| t.format) {
            let mut all = String::new();
            for token in &tokens {
                all.push_str(&literal::text(token).or_else(|message| self.error(message))?);
            }
            return Ok(Expr::Const(Const::Str(all.into())));
        }
        let mut parts: Vec<FormatPart> = Vec::new();
        for token in &tokens {
            if token.format {
                for part in fstring::parse(token, self.symbols, self.depth_left())? {
                    push_part(&mut parts, part);
                }
            } else {
                let text = literal::text(token).or_else(|message| self.error(message))?;
                push_part(&mut parts, FormatPart::Text(text.into()));
            }
        }
        Ok(Expr::Joined(parts.into()))
    }

    fn parenthesised(&mut self) -> Parse<Expr> {
        self.expect_op("(")?;
        if self.eat_op(")") {
            return Ok(Expr::Tuple(Box::default()));
        }
        if self.is_word("yield") {
            let value = self.yield_expression()?;
            self.expect_op(")")?;
            return Ok(value);
        }
        let first = self.element()?;
        if self.at_comprehension() {
            let expr = self.comprehension(ComprehensionKind::Generator, first, None)?;
            self.expect_op(")")?;
            return Ok(expr);
        }
        if self.eat_op(")") {
            if matches!(first, Expr::Starred(_)) {
                return self.error("cannot use starred expression here");
            }
            return Ok(first);
        }
        let items = self.more_elements(first, ")")?;
        Ok(Expr::Tuple(items))
    }

    pub(super) fn yield_expression(&mut self) -> Parse<Expr> {
        self.expect_word("yield")?;
        if self.eat_word("from") {
            return Ok(Expr::YieldFrom(Box::new(self.expression()?)));
        }
        if !self.starts_expression() {
            return Ok(Expr::Yield(None));
        }
        Ok(Expr::Yield(Some(Box::new(self.expression_list(false)?))))
    }

    /// An element of a display: `*x` or an expression that may be `name := value`.
    fn element(&mut self) -> Parse<Expr> {
        if self.eat_op("*") {
            return Ok(Expr::Starred(Box::new(self.bit_or()?)));
        }
        self.named_expression()
    }

    /// The elements after the first one, up to and including `close`.
    fn more_elements(&mut self, first: Expr, close: &str) -> Parse<Box<[Expr]>> {
        let mut items = vec![first];
        while self.eat_op(",") {
            if self.is_op(close) {
                break;
            }
            items.push(self.element()?);
        }
        self.expect_op(close)?;
        Ok(items.into())
    }

    fn comprehension(&mut self, kind: ComprehensionKind, element: Expr, value: Option<Expr>) -> Parse<Expr> {
        if matches!(element, Expr::Starred(_)) {
            return self.error("iterable unpacking cannot be used in comprehension");
        }
        let clauses = self.clauses()?;
        Ok(Expr::Comprehension(Box::new(Comprehension { kind, element, value, clauses })))
    }

    fn list(&mut self) -> Parse<Expr> {
        self.expect_op("[")?;
        if self.eat_op("]") {
            return Ok(Expr::List(Box::default()));
        }
        let first = self.element()?;
        if self.at_comprehension() {
            let expr = self.comprehension(ComprehensionKind::List, first, None)?;
            self.expect_op("]")?;
            return Ok(expr);
        }
        Ok(Expr::List(self.more_elements(first, "]")?))
    }

    fn braces(&mut self) -> Parse<Expr> {
        self.expect_op("{")?;
        if self.eat_op("}") {
            return Ok(Expr::Dict(Box::default()));
        }
        if self.eat_op("**") {
            let value = self.bit_or()?;
            return self.dict((None, value));
        }
        let first = self.element()?;
        if self.eat_op(":") {
            let value = self.expression()?;
            if self.at_comprehension() {
                let expr = self.comprehension(ComprehensionKind::Dict, first, Some(value))?;
                self.expect_op("}")?;
                return Ok(expr);
            }
            return self.dict((Some(first), value));
        }
        if self.at_comprehension() {
            let expr = self.comprehension(ComprehensionKind::Set, first, None)?;
            self.expect_op("}")?;
            return Ok(expr);
        }
        Ok(Expr::Set(self.more_elements(first, "}")?))
    }

    fn dict(&mut self, first: (Option<Expr>, Expr)) -> Parse<Expr> {
        let mut items = vec![first];
        while self.eat_op(",") {
            if self.is_op("}") {
                break;
            }
            if self.eat_op("**") {
                items.push((None, self.bit_or()?));
                continue;
            }
            let key = self.expression()?;
            self.expect_op(":")?;
            items.push((Some(key), self.expression()?));
        }
        self.expect_op("}")?;
        Ok(Expr::Dict(items.into()))
    }

    fn subscript(&mut self) -> Parse<Expr> {
        let first = self.slice()?;
        if !self.is_op(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat_op(",") {
            if self.is_op("]") {
                break;
            }
            items.push(self.slice()?);
        }
        Ok(Expr::Tuple(items.into()))
    }

    fn slice(&mut self) -> Parse<Expr> {
        let lower = if self.is_op(":") { None } else { Some(self.element()?) };
        if !self.is_op(":") {
            return lower.map_or_else(|| self.invalid(), Ok);
        }
        self.advance();
        let ends = |p: &Self| p.is_op(":") || p.is_op("]") || p.is_op(",");
        let upper = if ends(self) { None } else { Some(self.expression()?) };
        let step = if self.eat_op(":") && !ends(self) { Some(self.expression()?) } else { None };
        Ok(Expr::Slice(Box::new([lower, upper, step])))
    }

    fn call(&mut self, func: Expr) -> Parse<Expr> {
        let (mut args, mut keywords): (Vec<Expr>, Vec<Keyword>) = (Vec::new(), Vec::new());
        while !self.is_op(")") {
            if self.eat_op("**") {
                keywords.push(Keyword { name: None, value: self.expression()? });
            } else if self.eat_op("*") {
                args.push(Expr::Starred(Box::new(self.expression()?)));
            } else if let (Kind::Name(name), Kind::Op("=")) = (self.peek(), self.peek_at(1)) {
                self.keyword_argument(name, &mut keywords)?;
            } else {
                let value = self.named_expression()?;
                if self.at_comprehension() {
                    let alone = args.is_empty() && keywords.is_empty();
                    let value = self.comprehension(ComprehensionKind::Generator, value, None)?;
                    if !alone || !self.is_op(")") {
                        return self.error("Generator expression must be parenthesized");
                    }
                    args.push(value);
                } else if keywords.iter().any(|k| k.name.is_some()) {
                    return self.error("positional argument follows keyword argument");
                } else if !keywords.is_empty() {
                    return self.error("positional argument follows keyword argument unpacking");
                } else {
                    args.push(value);
                }
            }
            if !self.eat_op(",") {
                break;
            }
        }
        self.expect_op(")")?;
        Ok(Expr::Call(Box::new(Call { func, args: args.into(), keywords: keywords.into() })))
    }

    fn keyword_argument(&mut self, name: &str, keywords: &mut Vec<Keyword>) -> Parse<()> {
        if is_keyword(name) {
            return self.invalid();
        }
        self.advance();
        self.advance();
        let name_sym = self.symbols.intern(name);
        if keywords.iter().any(|k| k.name == Some(name_sym)) {
            return self.error(format!("keyword argument repeated: {name}"));
        }
        let value = self.expression()?;
        keywords.push(Keyword { name: Some(name_sym), value });
        Ok(())
    }
}

/// Adds a part, joining neighbouring texts as Python does.
pub(super) fn push_part(parts: &mut Vec<FormatPart>, part: FormatPart) {
    match (parts.last_mut(), part) {
        (_, FormatPart::Text(text)) if text.is_empty() => {}
        (Some(FormatPart::Text(last)), FormatPart::Text(text)) => *last = Arc::from(format!("{last}{text}")),
        (_, part) => parts.push(part),
    }
}
