//! What a whole tag may hold: simple statements in `{{ }}` and `{% set %}`, headers of blocks.

use super::SyntaxError;
use super::ast::{Alias, BinOp, Expr, Header, Slot, Stmt};
use super::parse::{Parse, Parser};
use super::symbols::Symbols;
use super::token::Kind;

/// The statements of one tag.
pub(crate) struct Parsed {
    pub(crate) statements: Vec<Stmt>,
    /// Whether `;` or a newline separates or ends them. The reference puts an expression into a call, where that fails.
    pub(crate) separated: bool,
    /// Whether the statements stand on more than one line, which breaks the code the reference generates.
    pub(crate) several_lines: bool,
    /// Whether the text holds a comment, which would swallow what the reference writes behind the expression.
    pub(crate) comment: bool,
    /// How many brackets stood open at once.
    pub(crate) deepest_bracket: usize,
    /// Whether the last statement is a tuple without parentheses.
    pub(crate) bare_tuple: bool,
}

/// Parses `text` as simple statements.
pub(crate) fn parse_statements(text: &str, symbols: &mut Symbols, max_depth: usize) -> Parse<Parsed> {
    let mut parser = Parser::new(text, symbols, max_depth)?;
    let (mut separated, mut several_lines) = (false, false);
    let mut statements = Vec::new();
    while !matches!(parser.peek(), Kind::End) {
        statements.push(parser.statement()?);
        match parser.peek() {
            Kind::Op(";") | Kind::Newline => {
                separated = true;
                while matches!(parser.peek(), Kind::Op(";") | Kind::Newline) {
                    several_lines |= matches!(parser.peek(), Kind::Newline);
                    parser.advance();
                }
            }
            Kind::End => {}
            _ => return parser.syntax_error_after(&statements),
        }
    }
    let Parser { comment, deepest_bracket, bare_tuple, .. } = parser;
    Ok(Parsed { statements, separated, several_lines, comment, deepest_bracket, bare_tuple })
}

/// What came out of a block tag's text.
pub(crate) enum HeaderError {
    Syntax(SyntaxError),
    /// The text holds more than the header, such as a body of its own.
    Extra,
}

impl From<SyntaxError> for HeaderError {
    fn from(error: SyntaxError) -> Self {
        HeaderError::Syntax(error)
    }
}

/// Parses the text of a block tag, keyword included.
pub(crate) fn parse_header(text: &str, symbols: &mut Symbols, max_depth: usize) -> Result<Header, HeaderError> {
    let mut parser = Parser::new(text, symbols, max_depth)?;
    let Kind::Name(keyword) = parser.advance() else { return parser.invalid().map_err(HeaderError::Syntax) };
    let header = match keyword {
        "if" | "elif" | "while" => Header::Test(parser.named_expression()?),
        "for" => {
            let target = parser.target_list()?;
            parser.expect_word("in")?;
            Header::For { target, iter: parser.expression_list(false)? }
        }
        "except" => parser.except()?,
        // Words behind `else`, `try` or `finally` make a statement of their own.
        _ if !matches!(parser.peek(), Kind::End) => return Err(HeaderError::Extra),
        _ => Header::Bare,
    };
    match parser.peek() {
        Kind::End if parser.comment => parser.error("expected ':'").map_err(HeaderError::Syntax),
        Kind::End => Ok(header),
        // A colon with lines behind it is a body of its own.
        Kind::Op(":") if text[parser.offset()..].contains('\n') => Err(HeaderError::Extra),
        Kind::Op("=") => {
            parser.error("invalid syntax. Maybe you meant '==' or ':=' instead of '='?").map_err(HeaderError::Syntax)
        }
        _ => parser.invalid().map_err(HeaderError::Syntax),
    }
}

impl Parser<'_, '_> {
    fn except(&mut self) -> Parse<Header> {
        if matches!(self.peek(), Kind::End) {
            return Ok(Header::Except { class: None, name: None });
        }
        let class = self.expression()?;
        let name = if self.eat_word("as") {
            let name = self.identifier()?;
            Some((self.symbols.intern(name), Slot::Global))
        } else {
            None
        };
        Ok(Header::Except { class: Some(class), name })
    }

    fn syntax_error_after<T>(&self, statements: &[Stmt]) -> Parse<T> {
        match statements.last() {
            Some(Stmt::Expr(_)) if self.is_op("=") => self.error("cannot assign to expression"),
            _ => self.invalid(),
        }
    }

    fn statement(&mut self) -> Parse<Stmt> {
        let Kind::Name(word) = self.peek() else { return self.expression_statement() };
        let simple = match word {
            "pass" => Stmt::Pass,
            "break" => Stmt::Break,
            "continue" => Stmt::Continue,
            _ => return self.keyword_statement(word),
        };
        self.advance();
        Ok(simple)
    }

    fn keyword_statement(&mut self, word: &str) -> Parse<Stmt> {
        let known = matches!(word, "del" | "return" | "raise" | "assert" | "import" | "from" | "global" | "nonlocal");
        if !known {
            return self.expression_statement();
        }
        self.advance();
        match word {
            "del" => match self.expression_list(false)? {
                Expr::Tuple(items) => Ok(Stmt::Delete(items)),
                target => Ok(Stmt::Delete(Box::new([target]))),
            },
            "return" => {
                let value = if self.starts_expression() { Some(self.expression_list(false)?) } else { None };
                Ok(Stmt::Return(value))
            }
            "raise" => {
                let exc = if self.starts_expression() { Some(self.expression()?) } else { None };
                let cause = if self.eat_word("from") { Some(self.expression()?) } else { None };
                Ok(Stmt::Raise { exc, cause })
            }
            "assert" => {
                let test = self.expression()?;
                let message = if self.eat_op(",") { Some(self.expression()?) } else { None };
                Ok(Stmt::Assert { test, message })
            }
            "import" => Ok(Stmt::Import(self.aliases(true)?)),
            "from" => self.import_from(),
            "global" => Ok(Stmt::Global(self.name_list()?)),
            _ => Ok(Stmt::Nonlocal(self.name_list()?)),
        }
    }

    fn name_list(&mut self) -> Parse<Box<[String]>> {
        let mut names = vec![self.identifier()?.to_owned()];
        while self.eat_op(",") {
            names.push(self.identifier()?.to_owned());
        }
        Ok(names.into())
    }

    fn dotted_name(&mut self) -> Parse<String> {
        let mut name = self.identifier()?.to_owned();
        while self.eat_op(".") {
            name.push('.');
            name.push_str(self.identifier()?);
        }
        Ok(name)
    }

    fn aliases(&mut self, dotted: bool) -> Parse<Box<[Alias]>> {
        let mut list = Vec::new();
        loop {
            let name = if dotted { self.dotted_name()? } else { self.identifier()?.to_owned() };
            let asname = if self.eat_word("as") { Some(self.identifier()?.to_owned()) } else { None };
            list.push(Alias { name, asname });
            if !self.eat_op(",") {
                return Ok(list.into());
            }
        }
    }

    fn import_from(&mut self) -> Parse<Stmt> {
        let mut level = 0;
        loop {
            if self.eat_op(".") {
                level += 1;
            } else if self.eat_op("...") {
                level += 3;
            } else {
                break;
            }
        }
        let module = if self.is_word("import") && level > 0 { None } else { Some(self.dotted_name()?) };
        self.expect_word("import")?;
        if self.eat_op("*") {
            let all = Alias { name: "*".to_owned(), asname: None };
            return Ok(Stmt::ImportFrom { module, names: Box::new([all]), level });
        }
        let parenthesised = self.eat_op("(");
        let names = self.aliases(false)?;
        if parenthesised {
            self.expect_op(")")?;
        }
        Ok(Stmt::ImportFrom { module, names, level })
    }

    /// An expression, or one of the forms of assignment.
    fn expression_statement(&mut self) -> Parse<Stmt> {
        let first = self.assigned()?;
        if self.is_op("=") {
            let mut targets = Vec::new();
            let mut value = first;
            while self.eat_op("=") {
                self.check_target(&value)?;
                targets.push(value);
                value = self.assigned()?;
            }
            return Ok(Stmt::Assign { targets: targets.into(), value });
        }
        if self.eat_op(":") {
            self.check_target(&first)?;
            let annotation = self.expression()?;
            let value = if self.eat_op("=") { Some(self.expression_list(false)?) } else { None };
            let simple = matches!(first, Expr::Name { .. });
            return Ok(Stmt::AnnAssign { target: first, annotation, value, simple });
        }
        if let Some(op) = self.augmented() {
            if !matches!(first, Expr::Name { .. } | Expr::Attribute(_) | Expr::Subscript(_)) {
                return self.error("illegal expression for augmented assignment");
            }
            self.advance();
            return Ok(Stmt::AugAssign { target: first, op, value: self.assigned()? });
        }
        Ok(Stmt::Expr(first))
    }

    fn assigned(&mut self) -> Parse<Expr> {
        if self.is_word("yield") { self.yield_expression() } else { self.expression_list(false) }
    }

    fn augmented(&self) -> Option<BinOp> {
        let Kind::Op(sign) = self.peek() else { return None };
        let sign = sign.strip_suffix('=').filter(|s| !s.is_empty())?;
        if matches!(sign, "=" | "<" | ">" | "!" | ":") { None } else { BinOp::from_sign(sign) }
    }
}
