//! What can go wrong in a template, with the place where it did.

use std::fmt;

use crate::params::Data;

/// Why a template could not be compiled or rendered.
///
/// `Display` gives the text a user sees, in the reference product's wording.
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq)]
struct Inner {
    class: ErrorClass,
    message: String,
    node: Option<String>,
    place: Option<Place>,
}

/// Where in the node's text an error happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line of the tag, from 1.
    pub line: u32,
    /// Column of the tag's first character, in characters, from 1.
    pub column: u32,
    /// The text of the tag.
    pub text: String,
}

/// The closed list of kinds of template error.
#[derive(Debug, Clone, PartialEq)]
pub enum ErrorClass {
    /// A template that breaks the language's rules, or a parameter that fails its type's test.
    Template,
    /// An expression outside the allow-list. Rendering reports it as [`ErrorClass::Template`].
    Security,
    /// A value that does not fit where it is used; also what `error()` raises.
    Value,
    /// A call that cannot be made at all.
    Type,
    /// Text that is no Python expression or statement.
    Syntax,
    /// Blocks nested deeper than the reference allows, or a line that starts at a wrong column.
    Indentation,
    /// A tag that is not closed, empty, unknown or forbidden.
    Parse,
    /// A block without `{% end %}`.
    UnclosedBlock,
    /// An unknown `{% whitespace %}` mode.
    Whitespace,
    /// What `custom_error()` raises: the HTTP status and the argument it was given.
    Custom {
        /// HTTP status the template asks for, as the template gave it.
        status: Data,
        /// The text or object the template gave.
        argument: Data,
    },
    /// A Python exception that has no counterpart above, such as `ZeroDivisionError`.
    Python(&'static str),
    /// One of this implementation's own limits; see [`crate::Limits`].
    Limit,
}

impl Error {
    pub(crate) fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { class, message: message.into(), node: None, place: None }))
    }

    pub(crate) fn with_node(mut self, node: Option<&str>) -> Self {
        self.0.node = node.map(str::to_owned);
        self
    }

    /// Keeps a place that is already there: the innermost one is the most precise.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    /// The kind of error.
    pub fn class(&self) -> &ErrorClass {
        &self.0.class
    }

    /// The error's class name, as the reference product names it.
    pub fn error_type(&self) -> &'static str {
        match &self.0.class {
            ErrorClass::Template | ErrorClass::Security => "SQLTemplateException",
            ErrorClass::Value => "ValueError",
            ErrorClass::Type => "TypeError",
            ErrorClass::Syntax => "SyntaxError",
            ErrorClass::Indentation => "IndentationError",
            ErrorClass::Parse => "ParseError",
            ErrorClass::UnclosedBlock => "UnClosedIfError",
            ErrorClass::Whitespace => "Exception",
            ErrorClass::Custom { .. } => "SQLTemplateCustomError",
            ErrorClass::Python(name) => name,
            ErrorClass::Limit => "TemplateLimitError",
        }
    }

    /// The message without the class's prefix.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The pipe node the template belongs to, when it was compiled with a name.
    pub fn node(&self) -> Option<&str> {
        self.0.node.as_deref()
    }

    /// Line of the offending tag, from 1.
    pub fn line(&self) -> Option<u32> {
        self.0.place.as_ref().map(|p| p.line)
    }

    /// Column of the offending tag, in characters, from 1.
    pub fn column(&self) -> Option<u32> {
        self.0.place.as_ref().map(|p| p.column)
    }

    /// Text of the offending tag.
    pub fn text(&self) -> Option<&str> {
        self.0.place.as_ref().map(|p| p.text.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.class {
            ErrorClass::Template | ErrorClass::Security => write!(f, "Template Syntax Error: {}", self.0.message),
            _ => f.write_str(&self.0.message),
        }
    }
}

impl std::error::Error for Error {}

impl Place {
    /// The place of `text[start..end]`.
    pub(crate) fn of(text: &str, start: usize, end: usize) -> Place {
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = 1 + memchr::memchr_iter(b'\n', before.as_bytes()).count();
        let column = 1 + before[line_start..].chars().count();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { line: number(line), column: number(column), text: text[start..end].to_owned() }
    }
}
