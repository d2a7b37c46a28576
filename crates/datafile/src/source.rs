//! A datafile's text as statements: `KEYWORD argument...`, or `KEYWORD >` and a block of lines.

pub(crate) mod words;

pub(crate) use words::Word;

use crate::error::DatafileError;
use crate::schema::SchemaError;
use crate::value::{self, Inputs};

/// What a kind of datafile may contain.
pub(crate) struct Grammar {
    /// The file name's extension: `datasource`, `pipe` or `connection`.
    pub(crate) kind: &'static str,
    /// Its keywords, in capitals. A block ends at a line that begins with one of them.
    pub(crate) keywords: &'static [&'static str],
    /// What to say about keywords that people try here but that stand elsewhere.
    pub(crate) hints: &'static [(&'static str, &'static str)],
}

/// The text being read, and what its values may refer to.
pub(crate) struct Source<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    inputs: &'a Inputs<'a>,
}

/// One line of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockLine<'a> {
    pub(crate) number: usize,
    pub(crate) text: &'a str,
}

/// One statement of a datafile.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    /// In capitals.
    pub(crate) keyword: String,
    pub(crate) at: Place,
    pub(crate) words: Vec<Word<'a>>,
    /// The lines behind `KEYWORD >`.
    pub(crate) block: Option<Vec<BlockLine<'a>>>,
}

/// A place in the file: line and column in characters, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str, inputs: &'a Inputs<'a>) -> Source<'a> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Source { file, lines: text.lines().collect(), inputs }
    }

    /// The resource's name: the file's name without folders and extension.
    pub(crate) fn resource_name(&self) -> String {
        let base = self.file.rsplit(['/', '\\']).next().unwrap_or(self.file);
        [".datasource", ".pipe", ".connection"]
            .iter()
            .find_map(|extension| base.strip_suffix(extension))
            .unwrap_or(base)
            .to_owned()
    }

    pub(crate) fn error(&self, at: Place, message: impl Into<String>) -> DatafileError {
        DatafileError {
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            message: message.into(),
            text: self.lines.get(at.line - 1).copied().unwrap_or_default().to_owned(),
            hint: None,
        }
    }

    /// Cuts the text into statements.
    pub(crate) fn statements(&self, grammar: &Grammar) -> Result<Vec<Statement<'a>>, DatafileError> {
        let mut statements = Vec::new();
        let mut index = 0;
        while let Some(line) = self.lines.get(index).copied() {
            let number = index + 1;
            index += 1;
            let mut words = words::split(line).map_err(|offset| {
                let at = Place { line: number, column: column_of(line, offset) };
                self.error(at, "unclosed quote")
                    .hint("Close the quote, or write the text as a block: KEYWORD > and indented lines.")
            })?;
            if words.is_empty() {
                continue;
            }
            let first = words.remove(0);
            let at = Place { line: number, column: column_of(line, first.start) };
            let keyword = first.text.to_ascii_uppercase();
            if !grammar.keywords.contains(&keyword.as_str()) {
                return Err(self.unknown(grammar, at, first.text));
            }
            let opens_block = words.first().is_some_and(|word| word.text == ">");
            let mut statement = Statement { keyword, at, words, block: None };
            if opens_block {
                if let Some(extra) = statement.words.get(1) {
                    return Err(self
                        .error(self.place_of(&statement, extra), format!("unexpected \"{}\" after >", extra.text))
                        .hint("Start the block on the next line."));
                }
                statement.words.clear();
                statement.block = Some(self.block(grammar, &mut index));
            }
            statements.push(statement);
        }
        Ok(statements)
    }

    fn block(&self, grammar: &Grammar, index: &mut usize) -> Vec<BlockLine<'a>> {
        let mut lines = Vec::new();
        while let Some(text) = self.lines.get(*index).copied() {
            if ends_block(grammar, text) {
                break;
            }
            *index += 1;
            lines.push(BlockLine { number: *index, text });
        }
        lines
    }

    fn unknown(&self, grammar: &Grammar, at: Place, word: &str) -> DatafileError {
        let error = self.error(at, format!("\"{word}\" is not a valid option in {} files", grammar.kind));
        let upper = word.to_ascii_uppercase();
        if let Some((_, hint)) = grammar.hints.iter().find(|(keyword, _)| *keyword == upper) {
            return error.hint(*hint);
        }
        match words::nearest(&upper, grammar.keywords) {
            Some(keyword) if upper.ends_with('>') => error.hint(format!("Put a blank before the >: {keyword} >.")),
            Some(keyword) => error.hint(format!("Maybe {keyword} is meant.")),
            None => error,
        }
    }

    pub(crate) fn place_of(&self, statement: &Statement<'_>, word: &Word<'_>) -> Place {
        let line = self.lines.get(statement.at.line - 1).copied().unwrap_or_default();
        Place { line: statement.at.line, column: column_of(line, word.start) }
    }

    /// Carries a fault inside a block's text (see [`Statement::code`]) back to the file.
    pub(crate) fn schema_error(&self, statement: &Statement<'_>, error: SchemaError) -> DatafileError {
        let at = match statement.code_lines().nth(error.line - 1) {
            Some(line) => Place { line: line.number, column: error.column },
            // An inline value: its place in the line is the first word's, behind the quote.
            None => match statement.words.first() {
                Some(word) => {
                    let start = self.place_of(statement, word);
                    let quote = usize::from(word.text.starts_with(['"', '\'']));
                    Place { column: start.column + quote + error.column - 1, ..start }
                }
                None => statement.at,
            },
        };
        DatafileError { hint: error.hint, ..self.error(at, error.message) }
    }

    /// The value of a statement that takes one: its words, or its block's lines trimmed and joined by `separator`; with
    /// variables and secrets put in.
    ///
    /// # Errors
    /// No value at all, or a secret that is not there.
    pub(crate) fn value(&self, statement: &Statement<'_>, separator: &str) -> Result<String, DatafileError> {
        let raw = match &statement.block {
            Some(_) => {
                let lines: Vec<&str> = statement.code_lines().map(|line| line.text.trim()).collect();
                lines.join(separator)
            }
            None => value::join(&statement.words),
        };
        if raw.is_empty() && (statement.block.is_some() || statement.words.is_empty()) {
            return Err(self.error(statement.at, format!("{} needs a value", statement.keyword)));
        }
        self.expand(statement, &raw)
    }

    /// Like [`Source::value`], for keywords that take one line.
    pub(crate) fn line_value(&self, statement: &Statement<'_>) -> Result<String, DatafileError> {
        if statement.block.is_some() {
            let message = format!("{} does not support multiline arguments", statement.keyword);
            return Err(self.error(statement.at, message).hint("Write the value behind the keyword."));
        }
        self.value(statement, " ")
    }

    /// Puts variables and secrets into a text of `statement`.
    pub(crate) fn expand(&self, statement: &Statement<'_>, raw: &str) -> Result<String, DatafileError> {
        self.inputs.expand(raw).map_err(|message| self.error(statement.at, message))
    }
}

impl<'a> Statement<'a> {
    /// The block's lines without those that are blank or a `#` comment.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = BlockLine<'a>> {
        let lines = self.block.iter().flatten().copied();
        lines.filter(|line| !line.text.trim().is_empty() && !line.text.trim_start().starts_with('#'))
    }

    /// The block's text for a parser of its own, whose line `n` is the `n`th of [`Statement::code_lines`].
    pub(crate) fn code(&self) -> String {
        self.code_lines().map(|line| line.text).collect::<Vec<_>>().join("\n")
    }
}

/// Whether `line` would end a block of this kind of file: its keywords begin in the first column.
pub(crate) fn ends_block(grammar: &Grammar, line: &str) -> bool {
    let word = line.split(|c: char| c.is_whitespace() || c == '#').next().unwrap_or_default();
    grammar.keywords.contains(&word.to_ascii_uppercase().as_str())
}

fn column_of(line: &str, offset: usize) -> usize {
    line[..offset].chars().count() + 1
}
