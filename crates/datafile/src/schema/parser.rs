//! The column list's grammar, over the pieces of `scan`.

use super::{ColumnDef, ColumnDefault, DefaultKind, SchemaError};
use crate::scan::{self, Fault, Kind, Piece};
use crate::types;

/// Whether MATERIALIZED columns are accepted: the HTTP API takes them, deployed datafiles may not have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Materialized {
    Accept,
    Refuse,
}

/// Reads a schema.
pub(crate) fn parse(text: &str, materialized: Materialized) -> Result<Vec<ColumnDef>, SchemaError> {
    read(text, materialized).map_err(|fault| locate(text, fault))
}

fn read(text: &str, materialized: Materialized) -> Result<Vec<ColumnDef>, Fault> {
    let mut parser = Parser { text, pieces: scan::pieces(text)?, at: 0, materialized };
    let mut columns: Vec<ColumnDef> = Vec::new();
    while let Some(start) = parser.peek() {
        let column = parser.column()?;
        if columns.iter().any(|known| known.name == column.name) {
            return Err(Fault::new(start.start, format!("column \"{}\" is defined twice", column.name)));
        }
        columns.push(column);
        match parser.peek() {
            Some(piece) if piece.kind == Kind::Comma => parser.at += 1,
            Some(piece) => return Err(parser.unexpected(piece)),
            None => break,
        }
    }
    if columns.is_empty() {
        return Err(Fault::new(0, "the schema has no columns").hint("Write one column a line: name Type, ..."));
    }
    Ok(columns)
}

fn locate(text: &str, fault: Fault) -> SchemaError {
    let before = &text[..fault.offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    SchemaError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message: fault.message,
        hint: fault.hint.map(str::to_owned),
    }
}

struct Parser<'a> {
    text: &'a str,
    pieces: Vec<Piece>,
    at: usize,
    materialized: Materialized,
}

/// What may follow a column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clause {
    Default(DefaultKind),
    Codec,
    JsonPath,
    /// `NULL` and `NOT NULL`: refused behind a type, ordinary words in an expression.
    Nullability {
        message: &'static str,
        hint: &'static str,
    },
    Refused {
        message: &'static str,
    },
}

const CLAUSES: &[(&str, Clause)] = &[
    ("DEFAULT", Clause::Default(DefaultKind::Default)),
    ("MATERIALIZED", Clause::Default(DefaultKind::Materialized)),
    ("CODEC", Clause::Codec),
    ("NULL", Clause::Nullability { message: "NULL column syntax not supported", hint: "Use Nullable(...)." }),
    (
        "NOT",
        Clause::Nullability {
            message: "NOT NULL column syntax not supported",
            hint: "Columns are not nullable by default.",
        },
    ),
    ("ALIAS", Clause::Refused { message: "ALIAS columns are not supported" }),
    ("EPHEMERAL", Clause::Refused { message: "EPHEMERAL columns are not supported" }),
    ("TTL", Clause::Refused { message: "column TTL is not supported" }),
    ("COMMENT", Clause::Refused { message: "column COMMENT is not supported" }),
];

/// Which text is being collected: it decides what ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Type,
    Expression,
}

impl<'a> Parser<'a> {
    /// The next piece that means something.
    fn peek(&mut self) -> Option<Piece> {
        while self.pieces.get(self.at).is_some_and(|piece| scan::is_blank(piece.kind)) {
            self.at += 1;
        }
        self.pieces.get(self.at).copied()
    }

    fn slice(&self, piece: Piece) -> &'a str {
        &self.text[piece.start..piece.end]
    }

    /// Where the last meaningful piece before the current one ends.
    fn last_end(&self) -> usize {
        self.pieces[..self.at].iter().rev().find(|piece| !scan::is_blank(piece.kind)).map_or(0, |piece| piece.end)
    }

    fn unexpected(&self, piece: Piece) -> Fault {
        match piece.kind {
            Kind::Other(c) => Fault::new(piece.start, format!("invalid character '{c}'")),
            Kind::Close(c) => Fault::new(piece.start, format!("{c} without its opening bracket")),
            _ => Fault::new(piece.start, format!("unexpected \"{}\"", self.slice(piece))),
        }
    }

    fn column(&mut self) -> Result<ColumnDef, Fault> {
        let start = self.pieces[self.at].start;
        let name = self.name()?;
        let (data_type, nullable) = self.data_type(&name, start)?;
        let mut column = ColumnDef { name, data_type, nullable, jsonpath: None, default: None, codec: None };
        while let Some(piece) = self.peek() {
            match self.clause_at(self.at) {
                Some(Clause::Default(kind)) => self.default(&mut column, kind, piece)?,
                Some(Clause::Codec) => self.codec(&mut column, piece)?,
                Some(Clause::JsonPath) => self.jsonpath(&mut column, piece)?,
                Some(Clause::Nullability { message, hint }) => {
                    return Err(Fault::new(piece.start, message).hint(hint));
                }
                Some(Clause::Refused { message }) => return Err(Fault::new(piece.start, message)),
                None if piece.kind == Kind::Comma => break,
                None => return Err(self.unexpected(piece)),
            }
        }
        Ok(column)
    }

    fn name(&mut self) -> Result<String, Fault> {
        let first = self.pieces[self.at];
        if let Kind::Quoted('`') = first.kind {
            self.at += 1;
            let inner = &self.text[first.start + 1..first.end - 1];
            return match inner.find(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '`' | '\\')) {
                Some(at) => Err(Fault::new(first.start + 1 + at, "expected closing backtick")
                    .hint("Column names cannot contain blanks, backticks or backslashes.")),
                None if inner.is_empty() => Err(Fault::new(first.start, "the column has an empty name")),
                None => Ok(inner.to_owned()),
            };
        }
        if self.is_index_definition() {
            return Err(Fault::new(first.start, "an INDEX is defined among the columns")
                .hint("Indexes are not allowed in the SCHEMA section. Use the INDEXES section instead."));
        }
        let start = self.at;
        while let Some(piece) = self.pieces.get(self.at) {
            match piece.kind {
                Kind::Word | Kind::Other('-' | '.') => self.at += 1,
                Kind::Space | Kind::Comment | Kind::Quoted(_) | Kind::Comma if self.at > start => break,
                _ => {
                    let c = self.slice(*piece).chars().next().unwrap_or_default();
                    return Err(Fault::new(piece.start, format!("column name contains invalid character '{c}'"))
                        .hint("Use backticks."));
                }
            }
        }
        Ok(self.text[first.start..self.last_end()].to_owned())
    }

    /// `INDEX name expr TYPE ...`; a column called `index` has no TYPE.
    fn is_index_definition(&self) -> bool {
        let mut words = self.pieces[self.at..].iter().take_while(|piece| piece.kind != Kind::Comma);
        words.next().is_some_and(|piece| self.slice(*piece).eq_ignore_ascii_case("INDEX"))
            && words.any(|piece| self.slice(*piece).eq_ignore_ascii_case("TYPE"))
    }

    fn data_type(&mut self, name: &str, name_start: usize) -> Result<(String, bool), Fault> {
        let no_type = |offset| {
            Fault::new(offset, format!("column \"{name}\" has no type"))
                .hint("Rows are decoded by the column's type: write it behind the name.")
        };
        let Some(first) = self.peek().filter(|piece| piece.kind != Kind::Comma) else {
            return Err(no_type(name_start));
        };
        if let Some(Clause::Default(_) | Clause::Codec) = self.clause_at(self.at) {
            return Err(no_type(first.start));
        }
        let text = self.text_of(Part::Type)?;
        types::check(&text).map_err(|fault| Fault { offset: first.start, ..fault })?;
        match text.strip_prefix("Nullable(").and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) => Ok((inner.trim().to_owned(), true)),
            None => Ok((text, false)),
        }
    }

    fn default(&mut self, column: &mut ColumnDef, kind: DefaultKind, keyword: Piece) -> Result<(), Fault> {
        if kind == DefaultKind::Materialized && self.materialized == Materialized::Refuse {
            return Err(Fault::new(keyword.start, "MATERIALIZED columns are not supported"));
        }
        if column.default.is_some() {
            let message = format!("column \"{}\" has two DEFAULT or MATERIALIZED clauses", column.name);
            return Err(Fault::new(keyword.start, message));
        }
        self.at += 1;
        let expr = self.text_of(Part::Expression)?;
        if expr.is_empty() {
            return Err(Fault::new(keyword.end, format!("missing mandatory value for {}", kind.keyword())));
        }
        // A nullable column is NULL by default; clients' canonical text leaves that out.
        if !(column.nullable && kind == DefaultKind::Default && expr.eq_ignore_ascii_case("NULL")) {
            column.default = Some(ColumnDefault { kind, expr });
        }
        Ok(())
    }

    fn codec(&mut self, column: &mut ColumnDef, keyword: Piece) -> Result<(), Fault> {
        if column.codec.is_some() {
            return Err(Fault::new(keyword.start, format!("column \"{}\" has two CODEC clauses", column.name)));
        }
        self.at += 1;
        if self.peek().is_none_or(|piece| piece.kind != Kind::Open('(')) {
            return Err(Fault::new(keyword.end, "missing mandatory value for CODEC").hint("Write CODEC(name, ...)."));
        }
        let arguments = self.text_of(Part::Type)?;
        let codec = format!("CODEC{arguments}");
        super::Codec::parse(&codec).map_err(|message| Fault::new(keyword.start, message))?;
        column.codec = Some(codec);
        Ok(())
    }

    fn jsonpath(&mut self, column: &mut ColumnDef, quoted: Piece) -> Result<(), Fault> {
        self.at += 1;
        let inner = &self.text[quoted.start + 1..quoted.end - 1];
        let Some(path) = inner.strip_prefix("json:") else {
            return Err(Fault::new(quoted.start + 1, format!("expected `json:$.path`, found `{inner}`")));
        };
        if !path.starts_with('$') || path.contains(['`', '\\', '\n']) {
            return Err(Fault::new(quoted.start, format!("the JSON path \"{path}\" does not start with $"))
                .hint("Write `json:$.name`, without backticks or backslashes."));
        }
        if column.jsonpath.replace(path.to_owned()).is_some() {
            return Err(Fault::new(quoted.start, format!("column \"{}\" has two JSON paths", column.name)));
        }
        Ok(())
    }

    /// The clause that begins at piece `index`, if one does.
    fn clause_at(&self, index: usize) -> Option<Clause> {
        let piece = self.pieces[index];
        let word = self.slice(piece);
        match piece.kind {
            Kind::Quoted('`') => Some(Clause::JsonPath),
            Kind::Word => {
                CLAUSES.iter().find(|(keyword, _)| word.eq_ignore_ascii_case(keyword)).map(|(_, clause)| *clause)
            }
            _ => None,
        }
    }

    /// Collects the text up to the next top-level comma or clause, with comments left out and blanks made one.
    fn text_of(&mut self, part: Part) -> Result<String, Fault> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(piece) = self.pieces.get(self.at) {
            match piece.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) if depth > 0 => depth -= 1,
                Kind::Comma if depth == 0 => break,
                _ if depth == 0 && self.ends(part) => break,
                _ => {}
            }
            self.at += 1;
        }
        let taken = &self.pieces[start..self.at];
        scan::check_closed(self.text, taken)?;
        let mut text = String::new();
        for piece in taken {
            if !scan::is_blank(piece.kind) {
                text.push_str(self.slice(*piece));
            } else if !text.ends_with(' ') {
                text.push(' ');
            }
        }
        Ok(text.trim().to_owned())
    }

    /// Whether the clause at the current piece, if any, ends `part`. In an expression a clause's word may be a column's
    /// name (`1 + ttl`); it is a clause only where an operand stands before it.
    fn ends(&self, part: Part) -> bool {
        let Some(clause) = self.clause_at(self.at) else { return false };
        match (part, clause) {
            (Part::Type, _) => true,
            (Part::Expression, Clause::JsonPath) => self.slice(self.pieces[self.at]).starts_with("`json:"),
            (Part::Expression, Clause::Nullability { .. }) => false,
            (Part::Expression, Clause::Default(_) | Clause::Codec | Clause::Refused { .. }) => self.follows_operand(),
        }
    }

    fn follows_operand(&self) -> bool {
        let before = self.pieces[..self.at].iter().rev().find(|piece| !scan::is_blank(piece.kind));
        before.is_some_and(|piece| matches!(piece.kind, Kind::Word | Kind::Quoted(_) | Kind::Close(_)))
    }
}
