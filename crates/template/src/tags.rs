//! Cuts a template's text into literal text and tags, and nests the tags into blocks.

use crate::check;
use crate::error::{Error, ErrorClass, Place};
use crate::expr::ast::{Header, Stmt};
use crate::expr::symbols::Symbols;
use crate::expr::{self, SyntaxError};
use crate::limits::{Limits, over_nesting};
use crate::py::repr;
use crate::py::text::strip;
use crate::whitespace::Mode;

/// A range of the template's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    pub(crate) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}

/// Keywords that open a block, and those that continue one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    If,
    For,
    While,
    Try,
    Elif,
    Else,
    Except,
    Finally,
}

/// A tag's text and place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag {
    pub(crate) span: Span,
    pub(crate) line: u32,
}

/// What a template is made of.
pub(crate) enum Node {
    Text {
        span: Span,
        mode: Mode,
    },
    Expr {
        tag: Tag,
        parsed: expr::Parsed,
    },
    Set {
        tag: Tag,
        statement: Result<Stmt, SyntaxError>,
    },
    Block {
        tag: Tag,
        keyword: Keyword,
        header: Result<Header, SyntaxError>,
        body: Vec<Node>,
    },
    /// `elif`, `else`, `except`, `finally`: it stands among the nodes of its block's body.
    Branch {
        tag: Tag,
        keyword: Keyword,
        header: Result<Header, SyntaxError>,
    },
    Break {
        tag: Tag,
    },
    Continue {
        tag: Tag,
    },
}

/// A template's nodes and the names in them.
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) symbols: Symbols,
}

/// Blocks deeper than this are refused before they can exhaust the stack. Python itself stops at 98.
const MAX_BLOCKS: usize = 200;

struct Reader<'a> {
    text: &'a str,
    name: &'a str,
    node: Option<&'a str>,
    limits: &'a Limits,
    pos: usize,
    line: u32,
    mode: Mode,
    depth: usize,
    symbols: Symbols,
}

/// Parses a whole template. `node` is the pipe node's name, for error texts.
pub(crate) fn parse(text: &str, node: Option<&str>, limits: &Limits) -> Result<Tree, Error> {
    let name = node.filter(|n| !n.is_empty()).unwrap_or("<string>");
    let mode = Mode::default_for(name);
    let symbols = Symbols::default();
    let mut reader = Reader { text, name, node, limits, pos: 0, line: 1, mode, depth: 0, symbols };
    let nodes = reader.nodes(None, false)?;
    Ok(Tree { nodes, symbols: reader.symbols })
}

/// What the scanner found next.
enum Found {
    /// Text up to the end.
    End,
    /// The offset of a tag's first brace.
    Tag(usize),
}

impl<'a> Reader<'a> {
    /// The nodes up to the block's `{% end %}`, or to the end of the text.
    fn nodes(&mut self, block: Option<Keyword>, in_loop: bool) -> Result<Vec<Node>, Error> {
        let mut nodes = Vec::new();
        loop {
            let Found::Tag(brace) = self.find_tag() else {
                if block.is_some() {
                    return Err(self.unclosed());
                }
                self.push_text(&mut nodes, self.text.len());
                return Ok(nodes);
            };
            self.push_text(&mut nodes, brace);
            let kind = self.text.as_bytes()[brace + 1];
            self.pos = brace + 2;
            if self.text[self.pos..].starts_with('!') {
                nodes.push(Node::Text { span: Span::new(brace, brace + 2), mode: self.mode });
                self.pos += 1;
                continue;
            }
            match kind {
                b'#' => {
                    self.content("#}", "Missing end comment #}")?;
                }
                b'{' => {
                    let tag = self.content("}}", "Missing end expression }}")?;
                    nodes.push(self.expression(tag)?);
                }
                _ => {
                    let tag = self.content("%}", "Missing end block %}")?;
                    if self.statement(tag, block, in_loop, &mut nodes)? {
                        return Ok(nodes);
                    }
                }
            }
        }
    }

    fn find_tag(&self) -> Found {
        let bytes = self.text.as_bytes();
        let mut at = self.pos;
        while let Some(i) = memchr::memchr(b'{', &bytes[at..]) {
            let brace = at + i;
            match (bytes.get(brace + 1), bytes.get(brace + 2)) {
                (None, _) => return Found::End,
                // The innermost two of three braces start the tag.
                (Some(b'{'), Some(b'{')) => at = brace + 1,
                (Some(b'{' | b'%' | b'#'), _) => return Found::Tag(brace),
                _ => at = brace + 1,
            }
        }
        Found::End
    }

    fn push_text(&mut self, nodes: &mut Vec<Node>, end: usize) {
        if end > self.pos {
            nodes.push(Node::Text { span: Span::new(self.pos, end), mode: self.mode });
            self.consume(end);
        }
    }

    /// Moves on to `end`, counting lines.
    fn consume(&mut self, end: usize) {
        self.line += memchr::memchr_iter(b'\n', &self.text.as_bytes()[self.pos..end]).count() as u32;
        self.pos = end;
    }

    /// The stripped content of a tag that ends with `close`.
    fn content(&mut self, close: &str, missing: &str) -> Result<Tag, Error> {
        let (start, line) = (self.pos, self.line);
        let Some(len) = self.text[start..].find(close) else {
            return Err(self.error(missing, start));
        };
        let content = strip(&self.text[start..start + len]);
        let offset = content.as_ptr() as usize - self.text.as_ptr() as usize;
        self.consume(start + len + close.len());
        Ok(Tag { span: Span::new(offset, offset + content.len()), line })
    }

    fn place(&self, start: usize, end: usize) -> Place {
        Place::of(self.text, start, end)
    }

    /// A parse error in the tag whose content starts at `start`.
    fn error(&self, message: &str, start: usize) -> Error {
        let message = format!("{message} at {}:{}", self.name, self.line);
        let place = self.place(start.saturating_sub(2), self.pos.max(start));
        Error::new(ErrorClass::Parse, message).with_node(self.node).at(place)
    }

    fn unclosed(&self) -> Error {
        let line = self.line;
        let message = match self.node {
            Some(node) if !node.is_empty() => {
                format!("Missing {{% end %}} block for if in the node {node} at line {line} of the SQL: {}", self.text)
            }
            _ => format!("Missing {{% end %}} block for if at line {line}"),
        };
        let end = self.text.len();
        Error::new(ErrorClass::UnclosedBlock, message).with_node(self.node).at(self.place(self.pos.min(end), end))
    }

    fn at_tag(&self, error: Error, tag: Tag) -> Error {
        error.with_node(self.node).at(self.place(tag.span.start as usize, tag.span.end as usize))
    }

    fn expression(&mut self, tag: Tag) -> Result<Node, Error> {
        let text = tag.span.of(self.text);
        if text.is_empty() {
            return Err(self.error("Empty expression", tag.span.start as usize));
        }
        let parsed = expr::parse_statements(text, &mut self.symbols, self.limits.nesting);
        let parsed = parsed.map_err(|e| self.expression_error(tag, e))?;
        if parsed.several_lines {
            let message = format!("unexpected indent ({}.generated.py, line {})", self.name, tag.line);
            return Err(self.at_tag(Error::new(ErrorClass::Indentation, message), tag));
        }
        check::expression(&parsed.statements, &self.symbols).map_err(|e| self.at_tag(e, tag))?;
        Ok(Node::Expr { tag, parsed })
    }

    fn expression_error(&self, tag: Tag, error: SyntaxError) -> Error {
        let text = tag.span.of(self.text);
        if error.too_deep {
            return self.at_tag(over_nesting(self.limits.nesting), tag);
        }
        if text.split_whitespace().next().is_some_and(|word| word.contains("from")) {
            return self.error("\"from\" is a forbidden word", tag.span.start as usize);
        }
        let message = format!("{} (<unknown>, line {})", error.message, error.line);
        self.at_tag(Error::new(ErrorClass::Syntax, message), tag)
    }

    /// Handles a `{% %}` tag; true when it ends the block.
    fn statement(
        &mut self,
        tag: Tag,
        block: Option<Keyword>,
        in_loop: bool,
        nodes: &mut Vec<Node>,
    ) -> Result<bool, Error> {
        let text = tag.span.of(self.text);
        let start = tag.span.start as usize;
        if text.is_empty() {
            return Err(self.error("Empty block tag ({% %})", start));
        }
        let (operator, suffix) = text.split_once(' ').unwrap_or((text, ""));
        if let Some(keyword) = Keyword::branch(operator) {
            self.check_branch(keyword, operator, block, start)?;
            let header = self.header(tag)?;
            nodes.push(Node::Branch { tag, keyword, header });
            return Ok(false);
        }
        if let Some(keyword) = Keyword::block(operator) {
            nodes.push(self.block(tag, keyword, in_loop)?);
            return Ok(false);
        }
        match operator {
            "end" if block.is_none() => return Err(self.error("Extra {% end %} block", start)),
            "end" => return Ok(true),
            "break" | "continue" if !in_loop => {
                return Err(self.error(&format!("{operator} outside {{'while', 'for'}} block"), start));
            }
            "break" => nodes.push(Node::Break { tag }),
            "continue" => nodes.push(Node::Continue { tag }),
            "set" => nodes.push(self.set(tag, strip(suffix))?),
            "comment" => {}
            "whitespace" => self.mode = self.whitespace(tag, strip(suffix))?,
            "from" => return Err(self.error("import is forbidden", start)),
            "extends" | "include" | "import" | "raw" | "module" | "autoescape" | "apply" | "block" => {
                return Err(self.error(&format!("{operator} is forbidden"), start));
            }
            _ => return Err(self.error(&format!("unknown operator: {}", repr::text(operator)), start)),
        }
        Ok(false)
    }

    fn whitespace(&self, tag: Tag, mode: &str) -> Result<Mode, Error> {
        Mode::from_name(mode).ok_or_else(|| {
            let error = Error::new(ErrorClass::Whitespace, format!("invalid whitespace mode {mode}"));
            self.at_tag(error, tag)
        })
    }

    fn check_branch(&self, keyword: Keyword, word: &str, block: Option<Keyword>, at: usize) -> Result<(), Error> {
        let (parents, shown): (&[Keyword], &str) = match keyword {
            Keyword::Elif => (&[Keyword::If], "{'if'}"),
            Keyword::Else => {
                (&[Keyword::If, Keyword::For, Keyword::While, Keyword::Try], "{'try', 'if', 'while', 'for'}")
            }
            _ => (&[Keyword::Try], "{'try'}"),
        };
        match block {
            None => Err(self.error(&format!("{word} outside {shown} block"), at)),
            Some(parent) if !parents.contains(&parent) => {
                Err(self.error(&format!("{word} block cannot be attached to {} block", parent.word()), at))
            }
            Some(_) => Ok(()),
        }
    }

    fn block(&mut self, tag: Tag, keyword: Keyword, in_loop: bool) -> Result<Node, Error> {
        let header = self.header(tag)?;
        if self.depth >= MAX_BLOCKS {
            return Err(self.at_tag(over_nesting(MAX_BLOCKS), tag));
        }
        self.depth += 1;
        let in_loop = in_loop || matches!(keyword, Keyword::For | Keyword::While);
        let body = self.nodes(Some(keyword), in_loop)?;
        self.depth -= 1;
        Ok(Node::Block { tag, keyword, header, body })
    }

    /// A syntax error here is kept: the reference meets it only once all tags are read.
    fn header(&mut self, tag: Tag) -> Result<Result<Header, SyntaxError>, Error> {
        let text = tag.span.of(self.text);
        let header = match expr::parse_header(text, &mut self.symbols, self.limits.nesting) {
            Ok(header) => header,
            Err(expr::HeaderError::Extra) => {
                let error = check::template_error(format!("Invalid control block: {text}"));
                return Err(self.at_tag(error, tag));
            }
            Err(expr::HeaderError::Syntax(error)) if error.too_deep => {
                return Err(self.at_tag(over_nesting(self.limits.nesting), tag));
            }
            Err(expr::HeaderError::Syntax(error)) => return Ok(Err(error)),
        };
        check::header(&header, &self.symbols).map_err(|e| self.at_tag(e, tag))?;
        Ok(Ok(header))
    }

    fn set(&mut self, tag: Tag, text: &str) -> Result<Node, Error> {
        if text.is_empty() {
            return Err(self.error("set missing statement", tag.span.start as usize));
        }
        let mut parsed = match expr::parse_statements(text, &mut self.symbols, self.limits.nesting) {
            Ok(parsed) => parsed,
            Err(error) if error.too_deep => return Err(self.at_tag(over_nesting(self.limits.nesting), tag)),
            Err(error) => return Ok(Node::Set { tag, statement: Err(error) }),
        };
        let one = parsed.statements.len() == 1;
        let Some(statement) = parsed.statements.pop().filter(|s| one && check::may_be_set(s)) else {
            let error = check::template_error(format!("Invalid set statement: {text}"));
            return Err(self.at_tag(error, tag));
        };
        check::statement(&statement, &self.symbols).map_err(|e| self.at_tag(e, tag))?;
        Ok(Node::Set { tag, statement: Ok(statement) })
    }
}

impl Keyword {
    fn block(word: &str) -> Option<Keyword> {
        Some(match word {
            "if" => Keyword::If,
            "for" => Keyword::For,
            "while" => Keyword::While,
            "try" => Keyword::Try,
            _ => return None,
        })
    }

    fn branch(word: &str) -> Option<Keyword> {
        Some(match word {
            "elif" => Keyword::Elif,
            "else" => Keyword::Else,
            "except" => Keyword::Except,
            "finally" => Keyword::Finally,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Keyword::If => "if",
            Keyword::For => "for",
            Keyword::While => "while",
            Keyword::Try => "try",
            Keyword::Elif => "elif",
            Keyword::Else => "else",
            Keyword::Except => "except",
            Keyword::Finally => "finally",
        }
    }
}
