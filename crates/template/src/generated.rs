//! What the reference's generated Python code would refuse: it is never made here, only its line numbers are.
//!
//! The reference turns a template into a Python function and compiles that. Mistakes in statements, and blocks nested
//! too deep, surface there, with a line number of the generated code.

use crate::error::{Error, ErrorClass, Place};
use crate::expr::SyntaxError;
use crate::tags::{Keyword, Node, Tag, Tree};

/// Lines before the template's own code.
const HEADER_LINES: u32 = 3;

/// Indentation levels Python's tokenizer accepts, the function's own included.
const MAX_INDENT: usize = 99;

/// Loops and `try` blocks that may stand inside each other.
const MAX_LOOPS: usize = 20;

pub(crate) struct Checker<'a> {
    pub(crate) text: &'a str,
    pub(crate) node: Option<&'a str>,
    line: u32,
    /// The first block nested too deep; Python meets it only after the whole code is read.
    too_nested: Option<(u32, Tag)>,
}

/// Checks what Python would check when it compiles the code of the whole template.
pub(crate) fn check(text: &str, node: Option<&str>, tree: &Tree) -> Result<(), Error> {
    let mut checker = Checker { text, node, line: HEADER_LINES + 1, too_nested: None };
    checker.nodes(&tree.nodes, 1, 0)?;
    match checker.too_nested {
        None => Ok(()),
        Some((line, tag)) => Err(checker.error("too many statically nested blocks", line, tag)),
    }
}

/// Checks what only rendering meets: the reference then wraps each expression into a call.
pub(crate) fn check_wrapped(text: &str, node: Option<&str>, tree: &Tree) -> Result<(), Error> {
    let mut checker = Checker { text, node, line: HEADER_LINES + 1, too_nested: None };
    checker.wrapped(&tree.nodes)
}

impl Checker<'_> {
    fn error(&self, message: &str, line: u32, tag: Tag) -> Error {
        let name = self.node.filter(|n| !n.is_empty()).unwrap_or("<string>").replace('.', "_");
        let message = format!("{message} ({name}.generated.py, line {line})");
        let place = Place::of(self.text, tag.span.start as usize, tag.span.end as usize);
        Error::new(ErrorClass::Syntax, message).with_node(self.node).at(place)
    }

    fn syntax(&self, error: &SyntaxError, tag: Tag) -> Error {
        self.error(&error.message, self.line + error.line - 1, tag)
    }

    /// Lines of code a node takes, apart from a block's body.
    fn advance(&mut self, tag: Option<Tag>, lines: u32) {
        let more = tag.map_or(0, |t| memchr::memchr_iter(b'\n', t.span.of(self.text).as_bytes()).count() as u32);
        self.line += lines + more;
    }

    fn nodes(&mut self, nodes: &[Node], indent: usize, loops: usize) -> Result<(), Error> {
        if indent > MAX_INDENT {
            let message = format!("too many levels of indentation (<string>.generated.py, line {})", self.line);
            return Err(Error::new(ErrorClass::Indentation, message).with_node(self.node));
        }
        for node in nodes {
            match node {
                Node::Text { .. } => self.advance(None, 1),
                Node::Expr { tag, .. } => self.advance(Some(*tag), 4),
                Node::Set { tag, statement } => {
                    statement.as_ref().map_err(|e| self.syntax(e, *tag))?;
                    self.advance(Some(*tag), 1);
                }
                Node::Break { tag } | Node::Continue { tag } => self.advance(Some(*tag), 1),
                Node::Branch { .. } => {}
                Node::Block { tag, keyword, header, body } => {
                    header.as_ref().map_err(|e| self.syntax(e, *tag))?;
                    let nested = loops + usize::from(!matches!(keyword, Keyword::If));
                    if nested > MAX_LOOPS {
                        self.too_nested.get_or_insert((self.line, *tag));
                    }
                    self.advance(Some(*tag), 1);
                    self.body(*tag, *keyword, body, indent + 1, nested)?;
                }
            }
        }
        Ok(())
    }

    /// The body of a block, cut into its branches, whose order Python fixes.
    fn body(&mut self, tag: Tag, block: Keyword, body: &[Node], indent: usize, loops: usize) -> Result<(), Error> {
        let (mut last, mut catches, mut bare_except) = (block, false, false);
        for part in body.split_inclusive(|node| matches!(node, Node::Branch { .. })) {
            let (nodes, branch) = match part.split_last() {
                Some((Node::Branch { tag, keyword, header }, nodes)) => (nodes, Some((tag, keyword, header))),
                _ => (part, None),
            };
            self.nodes(nodes, indent, loops)?;
            // `pass` ends each branch.
            self.advance(None, 1);
            let Some((branch_tag, keyword, header)) = branch else { continue };
            let header = header.as_ref().map_err(|e| self.syntax(e, *branch_tag))?;
            let in_order = match keyword {
                Keyword::Elif => matches!(last, Keyword::If | Keyword::Elif),
                Keyword::Else if block == Keyword::Try => last == Keyword::Except,
                Keyword::Else => !matches!(last, Keyword::Else),
                Keyword::Except => matches!(last, Keyword::Try | Keyword::Except),
                _ => last != Keyword::Finally,
            };
            if !in_order {
                return Err(self.error("invalid syntax", self.line, *branch_tag));
            }
            if bare_except && *keyword == Keyword::Except {
                return Err(self.error("default 'except:' must be last", self.line, *branch_tag));
            }
            bare_except |= matches!(header, crate::expr::ast::Header::Except { class: None, .. });
            catches |= matches!(keyword, Keyword::Except | Keyword::Finally);
            last = *keyword;
            self.advance(Some(*branch_tag), 1);
        }
        if body.last().is_none_or(|node| matches!(node, Node::Branch { .. })) {
            self.advance(None, 1);
        }
        if block == Keyword::Try && !catches {
            return Err(self.error("expected 'except' or 'finally' block", self.line, tag));
        }
        Ok(())
    }

    fn wrapped(&mut self, nodes: &[Node]) -> Result<(), Error> {
        for node in nodes {
            match node {
                Node::Expr { tag, parsed } => {
                    self.wrapped_expression(*tag, parsed)?;
                    self.advance(Some(*tag), 4);
                }
                Node::Block { body, .. } => self.wrapped(body)?,
                _ => self.advance(None, 1),
            }
        }
        Ok(())
    }

    /// `wrap(EXPRESSION, "its text")`: no `;`, comment or trailing comma may stand there, nor a 200th bracket.
    fn wrapped_expression(&self, tag: Tag, parsed: &crate::expr::Parsed) -> Result<(), Error> {
        let text = tag.span.of(self.text);
        let trailing_comment = parsed.comment && text.rfind('#').is_some_and(|i| !text[i..].contains('\n'));
        if trailing_comment {
            return Err(self.error("'(' was never closed", self.line, tag));
        }
        if parsed.separated || parsed.statements.len() != 1 || text.ends_with(',') {
            return Err(self.error("invalid syntax", self.line, tag));
        }
        if parsed.deepest_bracket >= crate::expr::MAX_BRACKETS {
            return Err(self.error("too many nested parentheses", self.line, tag));
        }
        Ok(())
    }
}
