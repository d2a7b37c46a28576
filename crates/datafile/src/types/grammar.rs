//! The grammar of a column's type. What it reads is printed anew, so that a type's text in a CREATE TABLE holds nothing
//! but names, numbers, plain strings and matching brackets.

use std::fmt;

use super::check_family;
use crate::scan::{self, Fault, Kind, Piece};

/// Brackets in one type, so also its depth; the deepest that people write have four or five levels.
const MAX_BRACKETS: usize = 250;

/// A column's type, read completely. Displays as the engine needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    family: String,
    arguments: Vec<Argument>,
}

/// What may stand between a type's brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
    /// `String`, `Array(Int8)`.
    Type(ColumnType),
    /// `name String` in a tuple, `a.b UInt32` in a JSON.
    Element(Vec<String>, ColumnType),
    /// `3`, `-1`, `0.5`.
    Number(String),
    /// A string as written; [`plain_string`] says which.
    Text(String),
    /// `'a' = 1` in an enum.
    Value(String, String),
    /// `max_dynamic_paths = 16`.
    Option(String, String),
    /// The aggregate function of a state: its name, and its parameters as in `quantiles(0.5, 0.9)`.
    Function(String, Vec<String>),
    /// `SKIP a.b` in a JSON.
    Skip(Vec<String>),
    /// `SKIP REGEXP '..'` in a JSON.
    SkipPattern(String),
}

impl ColumnType {
    /// Reads one type.
    ///
    /// # Errors
    /// Why the text is not one whole type.
    pub fn parse(text: &str) -> Result<ColumnType, String> {
        read(text).map_err(|fault| fault.message)
    }
}

/// Refuses what would take the readers of types, which call themselves, too deep.
pub(super) fn check_depth(text: &str) -> Result<(), Fault> {
    match text.matches('(').count() > MAX_BRACKETS {
        true => Err(Fault::new(0, format!("the type has more than {MAX_BRACKETS} opening brackets"))),
        false => Ok(()),
    }
}

pub(super) fn read(text: &str) -> Result<ColumnType, Fault> {
    check_depth(text)?;
    let mut pieces = scan::pieces(text)?;
    if let Some(comment) = pieces.iter().find(|piece| piece.kind == Kind::Comment) {
        return Err(Fault::new(comment.start, "a comment stands inside a type"));
    }
    pieces.retain(|piece| piece.kind != Kind::Space);
    let mut reader = Reader { text, pieces, at: 0 };
    let read = reader.column_type()?;
    match reader.peek() {
        None => Ok(read),
        Some(_) => Err(reader.unexpected()),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Without blanks.
    pieces: Vec<Piece>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Kind> {
        self.kind_at(0)
    }

    fn kind_at(&self, ahead: usize) -> Option<Kind> {
        self.pieces.get(self.at + ahead).map(|piece| piece.kind)
    }

    fn raw(&self) -> &'a str {
        self.pieces.get(self.at).map_or("", |piece| &self.text[piece.start..piece.end])
    }

    fn unexpected(&self) -> Fault {
        match self.pieces.get(self.at) {
            Some(piece) => {
                Fault::new(piece.start, format!("\"{}\" cannot stand there in the type \"{}\"", self.raw(), self.text))
            }
            None => Fault::new(self.text.len(), format!("the type \"{}\" ends too early", self.text)),
        }
    }

    fn take(&mut self, kind: Kind) -> Result<&'a str, Fault> {
        if self.peek() != Some(kind) {
            return Err(self.unexpected());
        }
        let raw = self.raw();
        self.at += 1;
        Ok(raw)
    }

    fn takes(&mut self, kind: Kind) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn column_type(&mut self) -> Result<ColumnType, Fault> {
        let start = self.pieces.get(self.at).map_or(0, |piece| piece.end);
        let family = self.word()?;
        check_family(&family, self.text[start..].trim())?;
        let arguments = match self.takes(Kind::Open('(')) {
            true => self.arguments(&family)?,
            false => Vec::new(),
        };
        Ok(ColumnType { family, arguments })
    }

    fn arguments(&mut self, family: &str) -> Result<Vec<Argument>, Fault> {
        let aggregates = matches!(family, "AggregateFunction" | "SimpleAggregateFunction");
        let mut arguments = Vec::new();
        let mut has_function = false;
        loop {
            let argument = match self.peek() {
                // A state's version may stand before its function.
                Some(Kind::Word)
                    if aggregates && !has_function && !self.raw().starts_with(|c: char| c.is_ascii_digit()) =>
                {
                    has_function = true;
                    self.function()?
                }
                Some(Kind::Word) if self.raw().starts_with(|c: char| c.is_ascii_digit()) => {
                    Argument::Number(self.number()?)
                }
                Some(Kind::Other('-')) => Argument::Number(self.number()?),
                Some(Kind::Quoted('\'')) => self.text_or_value()?,
                Some(Kind::Quoted('`' | '"')) => self.element()?,
                Some(Kind::Word) => self.worded()?,
                _ => return Err(self.unexpected()),
            };
            arguments.push(argument);
            if !self.takes(Kind::Comma) {
                break;
            }
        }
        self.take(Kind::Close(')'))?;
        Ok(arguments)
    }

    /// What begins with a word: an option, a path with its type, a type.
    fn worded(&mut self) -> Result<Argument, Fault> {
        match self.kind_at(1) {
            Some(Kind::Other('=')) => {
                let name = self.word()?;
                self.take(Kind::Other('='))?;
                Ok(Argument::Option(name, self.number()?))
            }
            Some(Kind::Word | Kind::Quoted('`' | '"' | '\'')) if self.raw() == "SKIP" => self.skip(),
            Some(Kind::Word | Kind::Other('.')) => self.element(),
            _ => Ok(Argument::Type(self.column_type()?)),
        }
    }

    fn skip(&mut self) -> Result<Argument, Fault> {
        self.at += 1;
        if self.raw() == "REGEXP" {
            self.at += 1;
            return Ok(Argument::SkipPattern(self.string()?));
        }
        Ok(Argument::Skip(self.path()?))
    }

    fn element(&mut self) -> Result<Argument, Fault> {
        let path = self.path()?;
        Ok(Argument::Element(path, self.column_type()?))
    }

    fn path(&mut self) -> Result<Vec<String>, Fault> {
        let mut path = vec![self.name()?];
        while self.takes(Kind::Other('.')) {
            path.push(self.name()?);
        }
        Ok(path)
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Some(quote @ Kind::Quoted('`' | '"')) => {
                let fault = self.unexpected();
                let raw = self.take(quote)?;
                let inner = &raw[1..raw.len() - 1];
                match inner.is_empty() || inner.contains(['`', '"', '\\']) {
                    true => Err(fault),
                    false => Ok(inner.to_owned()),
                }
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<String, Fault> {
        if self.raw().starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.unexpected());
        }
        self.take(Kind::Word).map(str::to_owned)
    }

    /// The aggregate function of a state, with parameters that are numbers or strings.
    fn function(&mut self) -> Result<Argument, Fault> {
        let name = self.word()?;
        let mut parameters = Vec::new();
        if self.takes(Kind::Open('(')) {
            loop {
                parameters.push(match self.peek() {
                    Some(Kind::Quoted('\'')) => self.string()?,
                    _ => self.number()?,
                });
                if !self.takes(Kind::Comma) {
                    break;
                }
            }
            self.take(Kind::Close(')'))?;
        }
        Ok(Argument::Function(name, parameters))
    }

    fn text_or_value(&mut self) -> Result<Argument, Fault> {
        let text = self.string()?;
        match self.takes(Kind::Other('=')) {
            true => Ok(Argument::Value(text, self.number()?)),
            false => Ok(Argument::Text(text)),
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let fault = self.unexpected();
        let raw = self.take(Kind::Quoted('\''))?;
        if plain_string(raw) { Ok(raw.to_owned()) } else { Err(fault) }
    }

    /// Digits with an optional sign and fraction.
    fn number(&mut self) -> Result<String, Fault> {
        let mut number = if self.takes(Kind::Other('-')) { "-".to_owned() } else { String::new() };
        number.push_str(self.digits()?);
        if self.takes(Kind::Other('.')) {
            number.push('.');
            number.push_str(self.digits()?);
        }
        Ok(number)
    }

    fn digits(&mut self) -> Result<&'a str, Fault> {
        if self.raw().bytes().all(|byte| byte.is_ascii_digit()) {
            self.take(Kind::Word)
        } else {
            Err(self.unexpected())
        }
    }
}

/// A string that every lexer ends at the same place: no escape but of a quote and of a backslash.
fn plain_string(raw: &str) -> bool {
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && !matches!(chars.next(), Some('\\' | '\'')) {
            return false;
        }
    }
    true
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.family)?;
        match self.arguments.as_slice() {
            [] => Ok(()),
            arguments => {
                let shown: Vec<String> = arguments.iter().map(Argument::to_string).collect();
                write!(f, "({})", shown.join(", "))
            }
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Argument::Type(inner) => inner.fmt(f),
            Argument::Element(path, inner) => write!(f, "{} {inner}", quoted(path)),
            Argument::Number(text) | Argument::Text(text) => f.write_str(text),
            Argument::Value(name, value) | Argument::Option(name, value) => write!(f, "{name} = {value}"),
            Argument::Function(name, parameters) if parameters.is_empty() => f.write_str(name),
            Argument::Function(name, parameters) => write!(f, "{name}({})", parameters.join(", ")),
            Argument::Skip(path) => write!(f, "SKIP {}", quoted(path)),
            Argument::SkipPattern(pattern) => write!(f, "SKIP REGEXP {pattern}"),
        }
    }
}

/// A path in backticks; its names contain neither backticks nor backslashes.
fn quoted(path: &[String]) -> String {
    path.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(ColumnType::parse(text).map(|read| read.to_string()).as_deref(), Ok(expected), "{text}");
        assert_eq!(ColumnType::parse(expected), ColumnType::parse(text), "{text}");
    }

    #[test]
    fn types_are_printed_from_what_was_read() {
        check("String", "String");
        check("Array( Nullable(Int32) )", "Array(Nullable(Int32))");
        check("Tuple(x Int8, `a b` Array(String), Int8)", "Tuple(`x` Int8, `a b` Array(String), Int8)");
        check("Nested(\"a\" Int8,b String)", "Nested(`a` Int8, `b` String)");
        check("Enum8('a(' = 1, 'it\\'s'=-2, 'x''y')", "Enum8('a(' = 1, 'it\\'s' = -2, 'x''y')");
        check("DateTime64(3, 'Europe/Madrid')", "DateTime64(3, 'Europe/Madrid')");
        check("Decimal(10,2)", "Decimal(10, 2)");
        check("AggregateFunction(quantiles(0.5, 0.9), Float64)", "AggregateFunction(quantiles(0.5, 0.9), Float64)");
        check("AggregateFunction(1, sumMap, Map(String, Int8))", "AggregateFunction(1, sumMap, Map(String, Int8))");
        check("AggregateFunction(count)", "AggregateFunction(count)");
        check("SimpleAggregateFunction(sum, Double)", "SimpleAggregateFunction(sum, Double)");
        check("Dynamic(max_types=8)", "Dynamic(max_types = 8)");
        check(
            "JSON(max_dynamic_paths=4, a.b UInt32, SKIP c.d, SKIP REGEXP '^x')",
            "JSON(max_dynamic_paths = 4, `a`.`b` UInt32, SKIP `c`.`d`, SKIP REGEXP '^x')",
        );
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "FixedString(8 // '\n), n Int32) ENGINE = Memory //')",
            "FixedString(8 -- x\n)",
            "FixedString(8 /* x */)",
            "FixedString(8 # x)",
            "FixedString(file('/etc/hostname'))",
            "FixedString(4 + 4)",
            "FixedString($a$8$a$)",
            "FixedString((8))",
            "FixedString()",
            "FixedString(8,)",
            "FixedString(8",
            "FixedString(8))",
            "String, x String",
            "Enum8('a\n' = 1)",
            "Enum8('a\\n' = 1)",
            "Enum8(\u{2018}a\u{2019} = 1)",
            "AggregateFunction(sum(file('x')), Int8)",
            "AggregateFunction(sum(1 + 1), Int8)",
            "Tuple(`a\\` Int8)",
            "DateTime(x'41')",
            "Decimal(1e5, 2)",
        ] {
            assert!(ColumnType::parse(text).is_err(), "{text}");
        }
        assert!(ColumnType::parse(&format!("{}Int8{}", "Array(".repeat(260), ")".repeat(260))).is_err());
    }
}
