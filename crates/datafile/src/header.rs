//! What all kinds of datafiles may say about themselves: description, tokens, tags, and keywords of former times.

use std::fmt;

use crate::error::{DatafileError, Warning};
use crate::options::once;
use crate::source::{Source, Statement};
use crate::{text, value};

/// `TOKEN "name" READ`: the token of this name may do this with the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenGrant {
    /// The token's name.
    pub token: String,
    /// What it may do.
    pub permission: Permission,
}

/// What a `TOKEN` line permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read the resource.
    Read,
    /// Append to the data source.
    Append,
}

/// `TAGS "a, b, k=v"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Names to find the resource by.
    pub labels: Vec<String>,
    /// Operational settings, such as `backfill_column=ts`.
    pub pairs: Vec<(String, String)>,
}

/// The common part of a datafile.
#[derive(Default)]
pub(crate) struct Header {
    pub(crate) description: Option<String>,
    pub(crate) tokens: Vec<TokenGrant>,
    pub(crate) tags: Tags,
    pub(crate) warnings: Vec<Warning>,
}

impl Permission {
    /// The word of a `TOKEN` line.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Read => "READ",
            Permission::Append => "APPEND",
        }
    }
}

impl Tags {
    /// Adds the items of one `TAGS` value; labels that are there already are left out.
    pub(crate) fn add(&mut self, value: &str) {
        for item in value.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.split_once('=') {
                Some((key, value)) => self.pairs.push((key.trim().to_owned(), value.trim().to_owned())),
                None if self.labels.iter().any(|label| label == item) => {}
                None => self.labels.push(item.to_owned()),
            }
        }
    }
}

impl Header {
    /// Reads a statement that belongs to the header; `false` if it does not.
    pub(crate) fn take(
        &mut self,
        source: &Source<'_>,
        statement: &Statement<'_>,
        permissions: &[Permission],
    ) -> Result<bool, DatafileError> {
        match statement.keyword.as_str() {
            "DESCRIPTION" => {
                let text = description(source, statement)?;
                once(source, statement, &mut self.description, text)?;
            }
            "TOKEN" => self.tokens.push(token(source, statement, permissions)?),
            "TAGS" => self.tags.add(&source.value(statement, ",")?),
            "VERSION" => self.ignored(statement, "VERSION has no effect any more: remove it"),
            "INCLUDE" => {
                return Err(source
                    .error(statement.at, "INCLUDE is not supported")
                    .hint("Write the included text into this file."));
            }
            "SOURCE" => {
                return Err(source
                    .error(statement.at, "SOURCE is not supported any more")
                    .hint("Say it in the DESCRIPTION."));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn ignored(&mut self, statement: &Statement<'_>, message: &str) {
        self.warnings.push(Warning { line: statement.at.line, message: message.to_owned() });
    }
}

/// The text of a `DESCRIPTION`, which may be empty.
pub(crate) fn description(source: &Source<'_>, statement: &Statement<'_>) -> Result<String, DatafileError> {
    let text = match &statement.block {
        Some(lines) => text::description(lines),
        None => value::join(&statement.words).trim().to_owned(),
    };
    if text.is_empty() && statement.words.is_empty() {
        return Err(source.error(statement.at, "DESCRIPTION needs a text"));
    }
    Ok(text)
}

fn token(
    source: &Source<'_>,
    statement: &Statement<'_>,
    permissions: &[Permission],
) -> Result<TokenGrant, DatafileError> {
    let allowed = permissions.iter().map(|permission| permission.as_str()).collect::<Vec<_>>().join(" or ");
    let usage = format!("Write TOKEN \"name\" {allowed}.");
    let (name, permission) = match statement.words.as_slice() {
        [name, permission] => (name, permission),
        [_, _, extra, ..] => {
            let at = source.place_of(statement, extra);
            return Err(source.error(at, format!("unexpected \"{}\" in TOKEN", extra.text)).hint(usage));
        }
        _ => return Err(source.error(statement.at, "TOKEN needs a name and a permission").hint(usage)),
    };
    let wanted = value::unquote(permission.text);
    match permissions.iter().find(|known| known.as_str().eq_ignore_ascii_case(wanted)) {
        Some(permission) => {
            Ok(TokenGrant { token: source.expand(statement, value::unquote(name.text))?, permission: *permission })
        }
        None => {
            let at = source.place_of(statement, permission);
            Err(source.error(at, format!("permission \"{wanted}\" cannot be given here, only {allowed}")).hint(usage))
        }
    }
}

/// Writes the header's keywords.
pub(crate) fn write(
    f: &mut fmt::Formatter<'_>,
    description: Option<&str>,
    tokens: &[TokenGrant],
    tags: &Tags,
) -> fmt::Result {
    write_description(f, description)?;
    for token in tokens {
        f.write_str("TOKEN ")?;
        write_name(f, &token.token)?;
        writeln!(f, " {}", token.permission.as_str())?;
    }
    let pairs = tags.pairs.iter().map(|(key, value)| format!("{key}={value}"));
    let items: Vec<String> = tags.labels.iter().cloned().chain(pairs).collect();
    if items.is_empty() { Ok(()) } else { write_value(f, "TAGS", &items.join(", ")) }
}

pub(crate) fn write_description(f: &mut fmt::Formatter<'_>, description: Option<&str>) -> fmt::Result {
    match description {
        Some("") => writeln!(f, "DESCRIPTION \"\""),
        Some(description) => write!(f, "DESCRIPTION >\n{}", text::indent(description)),
        None => Ok(()),
    }
}

/// Writes one keyword with its value, as a block if one line cannot hold it.
pub(crate) fn write_value(f: &mut fmt::Formatter<'_>, keyword: &str, text: &str) -> fmt::Result {
    match value::print(text) {
        Some(printed) => writeln!(f, "{keyword} {printed}"),
        None => write!(f, "{keyword} >\n{}", text::indent(text)),
    }
}

/// Writes a name as one word. (A name with both kinds of quotes and blanks cannot be written in a datafile; it comes out as
/// an unreadable line, never as another name.)
pub(crate) fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    match value::print_word(name) {
        Some(printed) => f.write_str(&printed),
        None => write!(f, "{name:?}"),
    }
}
