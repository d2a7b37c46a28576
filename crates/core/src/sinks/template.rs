//! File templates: where in the bucket a row's file is.
//!
//! `{column}` makes one file for each value, `{column, '%Y-%m-%d'}` one for each formatted time, `{8}` deals the rows out to so
//! many files; a `/` makes folders. `{key}` may also stand for a parameter of the request. Whatever the values are, a file
//! stays below the sink's path.

use std::collections::BTreeMap;
use std::fmt::Write;

use standpipe_clickhouse::quote::{identifier, string_literal};

use crate::error::{Error, Result};

/// Most files that `{n}` may deal rows out to.
const MAX_SPLIT: u32 = 1_000;

/// Longest key of a file, in bytes: what object stores take.
const MAX_KEY: usize = 1_024;

/// What stands between the parts of a row's key: no object's name holds it.
pub(crate) const KEY_SEPARATOR: char = '\0';

/// A template as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Name(String),
    Time { column: String, format: String },
    Split(u32),
}

/// A template whose parameters are filled in and whose columns exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNames {
    parts: Vec<Part>,
}

impl FileTemplate {
    /// Reads a template. Errors name the part that cannot be read.
    pub fn parse(text: &str) -> Result<FileTemplate> {
        let refuse = |reason: &str| {
            Err(Error::bad_request(format!(
                "file_template '{text}' cannot be read: {reason}; write for example exports/{{country}}/{{date, '%Y-%m-%d'}}"
            )))
        };
        let mut parts = Vec::new();
        let mut rest = text.trim();
        if rest.trim_matches('/').is_empty() {
            return refuse("it is empty");
        }
        while !rest.is_empty() {
            let Some(open) = rest.find(['{', '}']) else {
                parts.push(Part::Literal(rest.to_owned()));
                break;
            };
            if rest[open..].starts_with('}') {
                return refuse("a '}' closes nothing");
            }
            if open > 0 {
                parts.push(Part::Literal(rest[..open].to_owned()));
            }
            let Some(length) = rest[open..].find('}') else { return refuse("a '{' is not closed") };
            let inner = rest[open + 1..open + length].trim();
            match placeholder(inner) {
                Ok(part) => parts.push(part),
                Err(reason) => return refuse(&reason),
            }
            rest = &rest[open + length + 1..];
        }
        if parts.iter().filter(|part| matches!(part, Part::Split(_))).count() > 1 {
            return refuse("it deals rows out twice");
        }
        let shape: String =
            parts.iter().map(|part| if let Part::Literal(literal) = part { literal.as_str() } else { "x" }).collect();
        if shape.chars().any(|c| c.is_control() || c == '\\') {
            return refuse("it holds a backslash or a control character");
        }
        if shape.split('/').any(|segment| matches!(segment, "." | "..")) {
            return refuse("'.' and '..' are no folders here");
        }
        Ok(FileTemplate { parts })
    }

    /// Names in it that are no columns of these: parameters have to fill them.
    pub fn unknown<'a>(&'a self, columns: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter_map(move |part| match part {
            Part::Name(name) if !columns.contains(&name.as_str()) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Fails when a column is to be formatted as a time and is none. `columns` are names and the engine's types.
    pub fn require_times<'a>(&self, columns: impl Iterator<Item = (&'a str, &'a str)>) -> Result<()> {
        for (name, data_type) in columns {
            let is_asked = |part: &Part| matches!(part, Part::Time { column, .. } if column == name);
            if self.parts.iter().any(is_asked) && !is_time(data_type) {
                return Err(Error::bad_request(format!(
                    "the file template formats '{name}' as a time, and it is of type {data_type}: write {{{name}}}, or use \
                     a column of type Date or DateTime"
                )));
            }
        }
        Ok(())
    }

    /// Fills `{key}`s from the parameters; every other name must be one of the columns.
    pub fn resolve(&self, params: &BTreeMap<String, String>, columns: &[&str]) -> Result<FileNames> {
        let known = |name: &str| {
            columns.contains(&name).then_some(()).ok_or_else(|| {
                Error::bad_request(format!(
                    "the file template's '{name}' is neither a column of the query nor a parameter of the request: \
                     send {name}=<value>, or use one of {}",
                    columns.join(", ")
                ))
            })
        };
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            parts.push(match part {
                Part::Name(name) => match params.get(name) {
                    Some(value) => Part::Literal(escaped(value)),
                    None => known(name).map(|()| part.clone())?,
                },
                Part::Time { column, .. } => known(column).map(|()| part.clone())?,
                Part::Literal(_) | Part::Split(_) => part.clone(),
            });
        }
        Ok(FileNames { parts })
    }
}

/// Whether the engine formats values of this type as times.
fn is_time(data_type: &str) -> bool {
    let bare = ["LowCardinality(", "Nullable("];
    let inner = bare.iter().fold(data_type, |inner, wrapper| inner.strip_prefix(wrapper).unwrap_or(inner));
    inner.starts_with("Date")
}

fn placeholder(inner: &str) -> Result<Part, String> {
    if inner.is_empty() {
        return Err("'{}' names nothing".to_owned());
    }
    if inner.bytes().all(|byte| byte.is_ascii_digit()) {
        return match inner.parse() {
            Ok(files @ 1..=MAX_SPLIT) => Ok(Part::Split(files)),
            _ => Err(format!("'{{{inner}}}' is not between 1 and {MAX_SPLIT}")),
        };
    }
    let Some((column, format)) = inner.split_once(',') else { return Ok(Part::Name(name(inner)?)) };
    let format = format.trim();
    let quoted = |quote: char| format.strip_prefix(quote)?.strip_suffix(quote).filter(|it| !it.contains(quote));
    match quoted('\'').or_else(|| quoted('"')).filter(|format| !format.is_empty()) {
        Some(format) => Ok(Part::Time { column: name(column)?, format: format.to_owned() }),
        None => Err(format!("'{{{inner}}}' needs a time format in quotes, such as '%Y-%m-%d'")),
    }
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim().trim_matches('`');
    if name.is_empty() || name.chars().any(|c| c.is_control() || matches!(c, '`' | '"' | '\'' | '\\' | '/')) {
        return Err(format!("'{}' is no name of a column", text.trim()));
    }
    Ok(name.to_owned())
}

impl FileNames {
    /// How many files `{n}` deals the rows out to; 1 without it.
    pub fn split(&self) -> u32 {
        let split = self.parts.iter().find_map(|part| if let Part::Split(files) = part { Some(*files) } else { None });
        split.unwrap_or(1)
    }

    /// The SQL expression of a row's key; none when all rows have the same.
    pub(crate) fn key_sql(&self) -> Option<String> {
        let pieces: Vec<String> = self.parts.iter().filter_map(piece_sql).collect();
        (!pieces.is_empty()).then(|| format!("concat('', {})", pieces.join(", '\\0', ")))
    }

    /// The file's name for a row's key and its place among the `{n}`: relative to the sink's path, without an extension.
    pub(crate) fn name(&self, key: &str, number: u32) -> Result<String> {
        let mut values = key.split(KEY_SEPARATOR);
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => name.push_str(literal),
                Part::Name(_) => name.push_str(&escaped(values.next().unwrap_or_default())),
                Part::Time { .. } => name.push_str(values.next().unwrap_or_default()),
                Part::Split(_) => {
                    let _ = write!(name, "{number}");
                }
            }
        }
        let segments = name.split('/').filter(|segment| !segment.is_empty());
        let name = segments.map(inside).collect::<Vec<_>>().join("/");
        if name.is_empty() || name.len() > MAX_KEY {
            return Err(Error::bad_request(format!(
                "a file's name has {} bytes and must have 1 to {MAX_KEY}: use other columns in the file template",
                name.len()
            )));
        }
        Ok(name)
    }
}

fn piece_sql(part: &Part) -> Option<String> {
    let (text, name) = match part {
        Part::Name(name) => (format!("toString({})", identifier(name)), name),
        Part::Time { column, format } => {
            (format!("formatDateTime({}, {})", identifier(column), string_literal(format)), column)
        }
        Part::Literal(_) | Part::Split(_) => return None,
    };
    debug_assert!(!name.is_empty(), "names were checked when they were read");
    Some(format!("replaceAll(ifNull({text}, 'null'), '\\0', '')"))
}

/// A value as a part of a name: what would make a folder, or leave one, is written as `%2F`.
fn escaped(value: &str) -> String {
    if value.is_empty() {
        return "empty".to_owned();
    }
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_control() || matches!(c, '/' | '\\' | '%') {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(escaped, "%{byte:02X}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// A folder or file that is not the way out of another one.
fn inside(segment: &str) -> String {
    if matches!(segment, "." | "..") { segment.replace('.', "%2E") } else { segment.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 3] = ["country", "ts", "my col"];

    fn names(text: &str, params: &[(&str, &str)]) -> FileNames {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        FileTemplate::parse(text).unwrap().resolve(&params, &COLUMNS).unwrap()
    }

    #[track_caller]
    fn check(text: &str, params: &[(&str, &str)], key: &str, number: u32, expected: &str) {
        assert_eq!(names(text, params).name(key, number).unwrap(), expected);
    }

    #[test]
    fn names_of_files() {
        check("export", &[], "", 0, "export");
        check("/a//b/export/", &[], "", 0, "a/b/export");
        check("{country}", &[], "ES", 0, "ES");
        check("c={country}/d={ts, '%Y-%m-%d'}/part_{8}", &[], "ES\x002024-01-31", 7, "c=ES/d=2024-01-31/part_7");
        check("{ts, '%Y/%m'}/x", &[], "2024/01", 0, "2024/01/x");
        check("{`my col`}_{team}", &[("team", "red")], "1", 0, "1_red");
        check("{country}", &[("country", "fixed")], "", 0, "fixed");
        check("{country}.{team}.v1", &[("team", "red")], "ES", 0, "ES.red.v1");
    }

    #[test]
    fn no_value_leaves_the_path() {
        check("{country}/x", &[], "..", 0, "%2E%2E/x");
        check("{country}", &[], "../../etc/passwd", 0, "..%2F..%2Fetc%2Fpasswd");
        check("{k}/x", &[("k", "..")], "", 0, "%2E%2E/x");
        check("a/{k}", &[("k", "/../b\\c\n%")], "", 0, "a/%2F..%2Fb%5Cc%0A%25");
        check(".{k}/x", &[("k", ".")], "", 0, "%2E%2E/x");
        check("{country}/x", &[], "", 0, "empty/x");
        check("{ts, '..'}/x", &[], "..", 0, "%2E%2E/x");
    }

    #[test]
    fn keys_are_asked_of_the_engine() {
        let sql = names("{country}/{ts, '%Y'}/{k}/{8}", &[("k", "v")]).key_sql().unwrap();
        insta::assert_snapshot!(
            sql,
            @r"concat('', replaceAll(ifNull(toString(`country`), 'null'), '\0', ''), '\0', replaceAll(ifNull(formatDateTime(`ts`, '%Y'), 'null'), '\0', ''))"
        );
        assert_eq!(names("all/{8}", &[]).key_sql(), None);
        assert_eq!((names("all/{8}", &[]).split(), names("all", &[]).split()), (8, 1));
    }

    #[test]
    fn only_times_are_formatted() {
        let check = |data_type| {
            FileTemplate::parse("{c}/{t, '%Y'}").unwrap().require_times([("c", "String"), ("t", data_type)].into_iter())
        };
        for data_type in ["Date", "Date32", "DateTime", "DateTime64(3, 'UTC')", "LowCardinality(Nullable(Date))"] {
            check(data_type).unwrap();
        }
        for data_type in ["String", "Nullable(UInt8)", "Array(Date)", "Enum8('Date' = 1)"] {
            let text = check(data_type).unwrap_err().to_string();
            assert!(text.contains("'t'") && text.contains(data_type) && text.contains("write {t}"), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read() {
        for text in [
            "",
            "/",
            "{",
            "a}",
            "{}",
            "{a",
            "{0}",
            "{1001}",
            "{99999999999}",
            "{8}{9}",
            "{ts, %Y}",
            "{ts, ''}",
            "{, '%Y'}",
            "a/../b",
            "./a",
            "a\\b",
            "a\nb",
            "{a/b}",
            "{a'b}",
            "{ts, '%Y''}",
        ] {
            assert!(FileTemplate::parse(text).is_err(), "{text}");
        }
        let template = FileTemplate::parse("{nope}/{country}").unwrap();
        assert_eq!(template.unknown(&COLUMNS).collect::<Vec<_>>(), ["nope"]);
        let text = template.resolve(&BTreeMap::new(), &COLUMNS).unwrap_err().to_string();
        assert!(text.contains("'nope'") && text.contains("country, ts, my col"), "{text}");
        assert!(FileTemplate::parse("{nope, '%Y'}").unwrap().resolve(&BTreeMap::new(), &COLUMNS).is_err());
    }
}
