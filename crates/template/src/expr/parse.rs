//! The parser of expressions: one function per level of precedence.

use std::sync::Arc;

use super::SyntaxError;
use super::ast::{BinOp, Clause, CmpOp, Expr, Lambda, Param, Slot, UnaryOp};
use super::symbols::Symbols;
use super::token::{Kind, Token, Tokens, tokenize};

pub(crate) type Parse<T> = Result<T, SyntaxError>;

/// Words that cannot be names.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Links of chains in one tag. Python itself gives up between 900 and 1000 terms of a sum.
const MAX_LINKS: usize = 1000;

pub(crate) fn is_keyword(name: &str) -> bool {
    KEYWORDS.binary_search(&name).is_ok()
}

pub(crate) struct Parser<'t, 's> {
    tokens: Vec<Token<'t>>,
    pos: usize,
    depth: usize,
    max_depth: usize,
    /// Operators, attributes, calls and subscripts so far: each can make the tree one level deeper on its left side.
    links: usize,
    pub(super) symbols: &'s mut Symbols,
    pub(super) comment: bool,
    pub(super) deepest_bracket: usize,
    /// Whether the last list of expressions was a tuple without parentheses.
    pub(super) bare_tuple: bool,
}

impl<'t, 's> Parser<'t, 's> {
    pub(crate) fn new(text: &'t str, symbols: &'s mut Symbols, max_depth: usize) -> Parse<Self> {
        let Tokens { list, comment, deepest_bracket } = tokenize(text)?;
        Ok(Parser {
            tokens: list,
            pos: 0,
            depth: 0,
            max_depth,
            links: 0,
            symbols,
            comment,
            deepest_bracket,
            bare_tuple: false,
        })
    }

    pub(super) fn peek(&self) -> Kind<'t> {
        self.tokens[self.pos].kind
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Kind<'t> {
        self.tokens.get(self.pos + ahead).map_or(Kind::End, |t| t.kind)
    }

    /// Byte offset of the next token.
    pub(super) fn offset(&self) -> usize {
        self.tokens[self.pos].start
    }

    pub(super) fn advance(&mut self) -> Kind<'t> {
        let kind = self.peek();
        if self.pos + 1 < self.tokens.len() {
            self.pos += 1;
        }
        kind
    }

    pub(super) fn error<T>(&self, message: impl Into<String>) -> Parse<T> {
        Err(SyntaxError::new(message, self.tokens[self.pos].line))
    }

    pub(super) fn invalid<T>(&self) -> Parse<T> {
        self.error("invalid syntax")
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Kind::Op(o) if o == op)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Kind::Name(n) if n == word)
    }

    pub(super) fn eat_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_op(&mut self, op: &str) -> Parse<()> {
        if self.eat_op(op) { Ok(()) } else { self.invalid() }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Parse<()> {
        if self.eat_word(word) { Ok(()) } else { self.invalid() }
    }

    /// A name that is no keyword.
    pub(super) fn identifier(&mut self) -> Parse<&'t str> {
        match self.peek() {
            Kind::Name(name) if !is_keyword(name) => {
                self.advance();
                Ok(name)
            }
            _ => self.invalid(),
        }
    }

    /// Runs `parse` one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        self.depth += 1;
        if self.depth > self.max_depth {
            return self.too_deep();
        }
        let out = parse(self);
        self.depth -= 1;
        out
    }

    /// Counts one more link of a chain.
    pub(super) fn link(&mut self) -> Parse<()> {
        self.links += 1;
        if self.links > MAX_LINKS { self.too_deep() } else { Ok(()) }
    }

    fn too_deep<T>(&self) -> Parse<T> {
        let mut error = SyntaxError::new("expression nested too deep", self.tokens[self.pos].line);
        error.too_deep = true;
        Err(error)
    }

    /// The depth a subparser of an f-string may use.
    pub(super) fn depth_left(&self) -> usize {
        self.max_depth - self.depth
    }

    // ---- from the loosest operator to the tightest ----

    /// `a, *b, c` or a single expression; `named` allows `:=` at this level.
    pub(super) fn expression_list(&mut self, named: bool) -> Parse<Expr> {
        let first = self.list_item(named)?;
        self.bare_tuple = self.is_op(",");
        if !self.bare_tuple {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat_op(",") {
            if !self.starts_expression() {
                break;
            }
            items.push(self.list_item(named)?);
        }
        self.bare_tuple = true;
        Ok(Expr::Tuple(items.into()))
    }

    fn list_item(&mut self, named: bool) -> Parse<Expr> {
        if self.eat_op("*") {
            return Ok(Expr::Starred(Box::new(self.bit_or()?)));
        }
        if named { self.named_expression() } else { self.expression() }
    }

    /// Whether the next token can start an expression; decides about trailing commas.
    pub(super) fn starts_expression(&self) -> bool {
        match self.peek() {
            Kind::Name(n) => {
                !is_keyword(n) || matches!(n, "None" | "True" | "False" | "not" | "lambda" | "await" | "yield")
            }
            Kind::Number(_) | Kind::Str(_) => true,
            Kind::Op(op) => matches!(op, "(" | "[" | "{" | "-" | "+" | "~" | "..." | "*" | "**"),
            Kind::Newline | Kind::End => false,
        }
    }

    pub(super) fn named_expression(&mut self) -> Parse<Expr> {
        if let (Kind::Name(name), Kind::Op(":=")) = (self.peek(), self.peek_at(1))
            && !is_keyword(name)
        {
            self.advance();
            self.advance();
            let target = Expr::name(self.symbols.intern(name));
            let value = self.expression()?;
            return Ok(Expr::Named(Box::new((target, value))));
        }
        self.expression()
    }

    pub(super) fn expression(&mut self) -> Parse<Expr> {
        self.deeper(|p| {
            if p.is_word("lambda") {
                return p.lambda();
            }
            let body = p.disjunction()?;
            if !p.eat_word("if") {
                return Ok(body);
            }
            let test = p.disjunction()?;
            if !p.eat_word("else") {
                return p.error("expected 'else' after 'if' expression");
            }
            let otherwise = p.expression()?;
            Ok(Expr::If(Box::new((test, body, otherwise))))
        })
    }

    fn lambda(&mut self) -> Parse<Expr> {
        self.expect_word("lambda")?;
        let (mut args, mut keyword_only): (Vec<Param>, Vec<Param>) = (Vec::new(), Vec::new());
        let (mut vararg, mut kwarg, mut positional_only) = (None, None, 0);
        let mut after_star = false;
        while !self.is_op(":") {
            if self.eat_op("**") {
                kwarg = Some(self.param(false)?);
            } else if self.eat_op("*") {
                if after_star {
                    return self.invalid();
                }
                after_star = true;
                vararg = if self.is_op(",") { None } else { Some(self.param(false)?) };
            } else if self.is_op("/") && positional_only == 0 && !args.is_empty() && !after_star {
                self.advance();
                positional_only = args.len();
            } else {
                let param = self.param(true)?;
                if after_star {
                    keyword_only.push(param);
                } else if param.default.is_none() && args.last().is_some_and(|a: &Param| a.default.is_some()) {
                    return self.error("non-default argument follows default argument");
                } else {
                    args.push(param);
                }
            }
            if !self.eat_op(",") || kwarg.is_some() {
                break;
            }
        }
        self.expect_op(":")?;
        let body = self.expression()?;
        Ok(Expr::Lambda(Arc::new(Lambda {
            positional_only,
            args: args.into(),
            vararg,
            keyword_only: keyword_only.into(),
            kwarg,
            body,
            captures: Box::default(),
            own: Box::default(),
        })))
    }

    fn param(&mut self, with_default: bool) -> Parse<Param> {
        let name = self.identifier()?;
        let sym = self.symbols.intern(name);
        let default = if with_default && self.eat_op("=") { Some(self.expression()?) } else { None };
        Ok(Param { sym, slot: Slot::Global, default })
    }

    fn disjunction(&mut self) -> Parse<Expr> {
        self.bool_op("or", false, Self::conjunction)
    }

    fn conjunction(&mut self) -> Parse<Expr> {
        self.bool_op("and", true, Self::inversion)
    }

    fn bool_op(&mut self, word: &str, and: bool, operand: fn(&mut Self) -> Parse<Expr>) -> Parse<Expr> {
        let first = operand(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut values = vec![first];
        while self.eat_word(word) {
            values.push(operand(self)?);
        }
        Ok(Expr::BoolOp(Box::new((and, values.into()))))
    }

    fn inversion(&mut self) -> Parse<Expr> {
        if self.eat_word("not") {
            return self.deeper(|p| Ok(Expr::Unary(UnaryOp::Not, Box::new(p.inversion()?))));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parse<Expr> {
        let left = self.bit_or()?;
        let mut ops = Vec::new();
        while let Some(op) = self.comparison_operator()? {
            ops.push((op, self.bit_or()?));
        }
        Ok(if ops.is_empty() { left } else { Expr::Compare(Box::new((left, ops.into()))) })
    }

    fn comparison_operator(&mut self) -> Parse<Option<CmpOp>> {
        let op = match self.peek() {
            Kind::Op("==") => CmpOp::Eq,
            Kind::Op("!=") => CmpOp::NotEq,
            Kind::Op("<") => CmpOp::Lt,
            Kind::Op("<=") => CmpOp::LtE,
            Kind::Op(">") => CmpOp::Gt,
            Kind::Op(">=") => CmpOp::GtE,
            Kind::Name("in") => CmpOp::In,
            Kind::Name("is") => {
                self.advance();
                let negated = self.eat_word("not");
                return Ok(Some(if negated { CmpOp::IsNot } else { CmpOp::Is }));
            }
            Kind::Name("not") => {
                self.advance();
                self.expect_word("in")?;
                return Ok(Some(CmpOp::NotIn));
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(op))
    }

    pub(super) fn bit_or(&mut self) -> Parse<Expr> {
        self.binary(0)
    }

    /// A left-associative chain of operators of at least precedence `level`.
    fn binary(&mut self, level: usize) -> Parse<Expr> {
        const LEVELS: [&[&str]; 6] = [&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "/", "//", "%", "@"]];
        if level == LEVELS.len() {
            return self.factor();
        }
        let mut left = self.binary(level + 1)?;
        while let Kind::Op(sign) = self.peek()
            && LEVELS[level].contains(&sign)
        {
            self.link()?;
            self.advance();
            let right = self.binary(level + 1)?;
            let Some(op) = BinOp::from_sign(sign) else { return self.invalid() };
            left = Expr::Binary(Box::new((left, op, right)));
        }
        Ok(left)
    }

    fn factor(&mut self) -> Parse<Expr> {
        let op = match self.peek() {
            Kind::Op("-") => UnaryOp::USub,
            Kind::Op("+") => UnaryOp::UAdd,
            Kind::Op("~") => UnaryOp::Invert,
            _ => return self.power(),
        };
        self.advance();
        self.deeper(|p| Ok(Expr::Unary(op, Box::new(p.factor()?))))
    }

    fn power(&mut self) -> Parse<Expr> {
        let base = if self.eat_word("await") { Expr::Await(Box::new(self.primary()?)) } else { self.primary()? };
        if !self.eat_op("**") {
            return Ok(base);
        }
        let exponent = self.deeper(Self::factor)?;
        Ok(Expr::Binary(Box::new((base, BinOp::Pow, exponent))))
    }

    // ---- clauses of comprehensions ----

    pub(super) fn at_comprehension(&self) -> bool {
        self.is_word("for") || (self.is_word("async") && matches!(self.peek_at(1), Kind::Name("for")))
    }

    pub(super) fn clauses(&mut self) -> Parse<Box<[Clause]>> {
        let mut clauses = Vec::new();
        while self.at_comprehension() {
            let is_async = self.eat_word("async");
            self.expect_word("for")?;
            let target = self.target_list()?;
            self.expect_word("in")?;
            let iter = self.disjunction()?;
            let mut conditions = Vec::new();
            while self.eat_word("if") {
                conditions.push(self.disjunction()?);
            }
            clauses.push(Clause { target, iter, conditions: conditions.into(), is_async });
        }
        Ok(clauses.into())
    }

    /// The targets of a `for`: parsed below comparisons so that `in` ends them.
    pub(super) fn target_list(&mut self) -> Parse<Expr> {
        let mut items = Vec::new();
        let mut tuple = false;
        loop {
            let starred = self.eat_op("*");
            let item = self.bit_or()?;
            items.push(if starred { Expr::Starred(Box::new(item)) } else { item });
            if !self.eat_op(",") {
                break;
            }
            tuple = true;
            if !self.starts_expression() || self.is_word("in") {
                break;
            }
        }
        let target = if tuple { Expr::Tuple(items.into()) } else { items.swap_remove(0) };
        self.check_target(&target)?;
        Ok(target)
    }

    /// Rejects what cannot be assigned to.
    pub(super) fn check_target(&self, target: &Expr) -> Parse<()> {
        match target {
            Expr::Name { .. } | Expr::Attribute(_) | Expr::Subscript(_) => Ok(()),
            Expr::Tuple(items) | Expr::List(items) => items.iter().try_for_each(|item| self.check_target(item)),
            Expr::Starred(inner) => self.check_target(inner),
            Expr::Call(_) => self.error("cannot assign to function call"),
            Expr::Const(_) | Expr::Joined(_) => self.error("cannot assign to literal"),
            _ => self.error("cannot assign to expression"),
        }
    }
}
