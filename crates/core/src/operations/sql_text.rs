//! What clients ask about SQL texts: which tables they read, what they are with others in their place, how they are written
//! well. Nothing is run and no resource is looked up, so every caller may ask.

use std::collections::BTreeSet;

use serde_json::Value;
use standpipe_sql::{
    ReplaceWith, Replacements, TableName, TokenKind, UsedTable, UsedTablesRules, copy_table_functions, parse_statement,
    replace_tables, tokenize, used_tables_with,
};
use standpipe_template::template_text;

use crate::error::{Error, Result};
use crate::read::rules;
use crate::standpipe::Standpipe;

/// How [`Standpipe::used_tables`] reads a text.
#[derive(Clone, Copy, Debug, Default)]
pub struct TableRules {
    /// A text that is no query is an error; otherwise it reads nothing.
    pub raising: bool,
    /// Table functions are listed, too.
    pub table_functions: bool,
    /// The text is a copy pipe's, which may read other servers.
    pub is_copy: bool,
}

impl Standpipe {
    /// The tables that a query names, sorted, without its own CTEs and aliases. A table function that may not be used is an
    /// error in any case.
    pub fn used_tables(&self, sql: &str, rules: TableRules) -> Result<Vec<UsedTable>> {
        let extra = if rules.is_copy { copy_table_functions() } else { BTreeSet::new() };
        let wanted = UsedTablesRules {
            table_functions: rules.table_functions,
            extra_table_functions: extra,
            ..UsedTablesRules::default()
        };
        match used_tables_with(sql, &wanted) {
            Ok(used) => Ok(used),
            Err(refusal) if rules.raising || parse_statement(sql, &rules::QUERY).is_ok() => Err(refusal.into()),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// A query with other tables or subqueries in the places of the ones it names, in the engine's own form. `replacements`
    /// is a JSON object, or a list of pairs.
    pub async fn replace_tables(&self, sql: &str, replacements: &Value) -> Result<String> {
        let tables = read_replacements(replacements)?;
        let replaced = replace_tables(sql, &Replacements { tables, ..Replacements::default() })?;
        self.format_text(&replaced).await
    }

    /// A query or template in the engine's own form. What stands in the tags of a template stays as it is, and a template that
    /// would not survive is answered unchanged; so is, unless `canonical`, a text with comments: the engine's form has none.
    pub async fn format_sql(&self, sql: &str, canonical: bool) -> Result<String> {
        let has_comments = || tokenize(sql).iter().any(|token| token.kind == TokenKind::Comment);
        match template_text(sql) {
            Some(template) => Ok(self.format_template(template).await?.unwrap_or_else(|| sql.to_owned())),
            None if !canonical && has_comments() => Ok(sql.to_owned()),
            None => self.format_text(sql).await,
        }
    }

    async fn format_template(&self, template: &str) -> Result<Option<String>> {
        let Some((plain, tags)) = take_tags(template) else { return Ok(None) };
        if tokenize(&plain).iter().any(|token| token.kind == TokenKind::Comment) {
            return Ok(None);
        }
        match self.format_text(&plain).await {
            Ok(formatted) => Ok(put_tags(&formatted, &tags).map(|text| format!("%\n{text}"))),
            Err(Error::BadRequest { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn format_text(&self, sql: &str) -> Result<String> {
        let limit = rules::QUERY.max_length;
        if sql.len() > limit {
            let size = sql.len();
            return Err(Error::bad_request(format!(
                "the SQL has {size} bytes and at most {limit} are allowed: shorten it"
            )));
        }
        self.storage.format_query(sql).await.map_err(|error| match error {
            Error::Engine { message, .. } => {
                let end = message.find(". Expected").or_else(|| message.find(": In scope")).unwrap_or(message.len());
                Error::bad_request(format!("the SQL cannot be formatted: {}", &message[..end]))
            }
            error => error,
        })
    }
}

/// A template's text with a word in the place of each `{{ }}`; none when it has other tags, which may hold half a clause.
fn take_tags(template: &str) -> Option<(String, Vec<&str>)> {
    if ["{%", "{#", MARK].iter().any(|other| template.contains(other)) {
        return None;
    }
    let (mut plain, mut tags, mut rest) = (String::new(), Vec::new(), template);
    while let Some(start) = rest.find("{{") {
        let end = start + rest[start..].find("}}")? + 2;
        plain.push_str(&rest[..start]);
        plain.push_str(&mark(tags.len()));
        tags.push(&rest[start..end]);
        rest = &rest[end..];
    }
    plain.push_str(rest);
    Some((plain, tags))
}

/// The tags back in their places; none when one of them is not there exactly once.
fn put_tags(formatted: &str, tags: &[&str]) -> Option<String> {
    let mut text = formatted.to_owned();
    for (number, tag) in tags.iter().enumerate() {
        let mark = mark(number);
        if formatted.matches(&mark).count() != 1 {
            return None;
        }
        text = text.replace(&mark, tag);
    }
    Some(text)
}

/// What the words begin with that stand for tags.
const MARK: &str = "tag_of_template_";

fn mark(number: usize) -> String {
    format!("{MARK}{number}_")
}

fn read_replacements(given: &Value) -> Result<Vec<(TableName, ReplaceWith)>> {
    let wrong = |what: &Value| {
        Error::bad_request(format!(
            "'replacements' has '{what}': each is a name or [\"database\", \"table\"], and a name, such a pair or a \
             subquery in brackets in its place"
        ))
    };
    let one = |from: &Value, to: &Value| Some((read_name(from)?, read_replacement(to)?));
    match given {
        Value::Null => Ok(Vec::new()),
        Value::Object(members) => {
            let pairs = members.iter().map(|(from, to)| {
                // Keys of JSON are texts, so a pair comes as the text of one.
                let pair = serde_json::from_str(from).ok().filter(Value::is_array);
                one(&pair.unwrap_or_else(|| from.as_str().into()), to).ok_or_else(|| wrong(to))
            });
            pairs.collect()
        }
        Value::Array(pairs) => {
            let read = |pair: &Value| one(pair.get(0)?, pair.get(1)?);
            pairs.iter().map(|pair| read(pair).ok_or_else(|| wrong(pair))).collect()
        }
        other => Err(wrong(other)),
    }
}

fn read_name(given: &Value) -> Option<TableName> {
    match given {
        Value::String(name) => Some(TableName::plain(name.as_str())),
        Value::Array(_) => {
            let (database, table) = read_pair(given)?;
            Some(if database.is_empty() { TableName::plain(table) } else { TableName::qualified(database, table) })
        }
        _ => None,
    }
}

fn read_replacement(given: &Value) -> Option<ReplaceWith> {
    match given {
        Value::String(text) => Some(ReplaceWith::parse(None, text)),
        given => read_name(given).map(ReplaceWith::Table),
    }
}

fn read_pair(given: &Value) -> Option<(&str, &str)> {
    match given.as_array()?.as_slice() {
        [database, table] => Some((database.as_str()?, table.as_str()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_come_back_as_they_were() {
        let template = " select {{ columns('a, b') }} from ds_{{x}} where s = '{{ y }}'";
        let (plain, tags) = take_tags(template).unwrap();
        assert!(!plain.contains('{'), "{plain}");
        assert_eq!(put_tags(&plain, &tags).as_deref(), Some(template));
        assert_eq!(put_tags(&format!("{plain} {plain}"), &tags), None);
        for other in
            ["{% if x %} select 1 {% end %}", "{# note #} select 1", "select {{ x", "select tag_of_template_0_"]
        {
            assert_eq!(take_tags(other), None, "{other}");
        }
    }

    #[test]
    fn replacements_come_in_several_forms() {
        let read = read_replacements(&json!({"a": "b.c", "[\"d\", \"t\"]": ["e", "u"], "q": "(SELECT 1)"})).unwrap();
        let plain = |name: &str| TableName::plain(name);
        assert_eq!(
            read,
            [
                (plain("a"), ReplaceWith::Table(plain("b.c"))),
                (TableName::qualified("d", "t"), ReplaceWith::Table(TableName::qualified("e", "u"))),
                (plain("q"), ReplaceWith::Subquery("SELECT 1".to_owned())),
            ]
        );
        let listed = read_replacements(&json!([[["", "a"], "b"]])).unwrap();
        assert_eq!(listed, [(plain("a"), ReplaceWith::Table(plain("b")))]);
        assert_eq!(read_replacements(&Value::Null).unwrap(), []);
        for wrong in [json!("a"), json!({"a": 1}), json!([["a"]]), json!({"a": ["b"]})] {
            assert!(read_replacements(&wrong).is_err(), "{wrong}");
        }
    }
}
