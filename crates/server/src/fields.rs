//! Named values of a request, from wherever clients put them: the query string, a form, a JSON object.

use std::collections::BTreeMap;

use serde_json::Value;
use standpipe_core::{Error, Result};

/// What clients say of themselves and of a run, beside names that begin with `__tb__`. `from` and `debug` may be parameters.
const CLIENT: [&str; 3] = ["token", "cli_version", "on_demand_compute"];

/// Named values in the order they came; a name may come more than once.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Value)>);

impl Fields {
    /// The values of a query string or a form.
    pub fn parse_form(text: &[u8]) -> Fields {
        let pairs = form_urlencoded::parse(text);
        Fields(
            pairs.filter(|(name, _)| !name.is_empty()).map(|(name, value)| (name.into_owned(), value.into())).collect(),
        )
    }

    /// The values of a request's query string.
    pub fn of_query(uri: &http::Uri) -> Fields {
        Fields::parse_form(uri.query().unwrap_or_default().as_bytes())
    }

    /// The members of a JSON object.
    pub fn parse_json(body: &[u8]) -> Result<Fields> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Fields(members.into_iter().collect())),
            Ok(_) => Err(Error::bad_request("the body is JSON but no object: send {\"name\": value, …}")),
            Err(error) => Err(Error::bad_request(format!("the body cannot be read as JSON: {error}"))),
        }
    }

    /// The members of an object.
    pub fn of_json(members: serde_json::Map<String, Value>) -> Fields {
        Fields(members.into_iter().collect())
    }

    /// Adds a value at the end.
    pub fn push(&mut self, name: String, value: Value) {
        self.0.push((name, value));
    }

    /// These values, then `others`.
    #[must_use]
    pub fn and(mut self, others: Fields) -> Fields {
        self.0.extend(others.0);
        self
    }

    /// These values without the names that `others` has.
    #[must_use]
    pub fn without(mut self, others: &Fields) -> Fields {
        self.0.retain(|(name, _)| !others.has(name));
        self
    }

    /// The last value of this name, as it came.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The last value of this name as text; none when it is absent, null, an array or an object.
    pub fn text(&self, name: &str) -> Option<String> {
        text_of(self.value(name)?)
    }

    /// The last value of this name as text, none when it is empty, too.
    pub fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }

    /// Every value of this name as text: repeated names and JSON arrays.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value);
        values
            .flat_map(|value| match value {
                Value::Array(values) => values.iter().filter_map(text_of).collect(),
                value => text_of(value).into_iter().collect::<Vec<_>>(),
            })
            .collect()
    }

    /// Whether the flag of this name is set: `true`, `1`, `yes`, `on`, in any letter case. The documents show some in single
    /// quotes.
    pub fn flag(&self, name: &str) -> bool {
        let is_set = |text: &str| ["true", "1", "yes", "on"].contains(&text.to_ascii_lowercase().as_str());
        self.text(name).is_some_and(|text| is_set(text.trim().trim_matches('\'')))
    }

    /// Without what clients add to every request of theirs, where the rest is kept as parameters.
    #[must_use]
    pub fn without_client(mut self) -> Fields {
        self.0.retain(|(name, _)| !CLIENT.contains(&name.as_str()) && !name.starts_with("__tb__"));
        self
    }

    /// A comma-separated list; none when it is absent or empty.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let text = self.filled(name)?;
        Some(text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
    }

    /// Whether the name is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Names in the order they came.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Text values by name, the last of each.
    pub fn pairs(&self) -> BTreeMap<&str, String> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), text_of(value)?))).collect()
    }

    /// Values by name; a name that came more than once is a list.
    pub fn into_values(self) -> BTreeMap<String, Value> {
        let mut values: BTreeMap<String, Value> = BTreeMap::new();
        for (name, value) in self.0 {
            match values.entry(name) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                std::collections::btree_map::Entry::Occupied(mut entry) => match entry.get_mut() {
                    Value::Array(list) => list.push(value),
                    single => *single = Value::Array(vec![single.take(), value]),
                },
            }
        }
        values
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a body is JSON by its content type or, as clients leave that out, by its first byte.
pub fn looks_like_json(content_type: Option<&str>, body: &[u8]) -> bool {
    content_type.is_some_and(|value| value.to_ascii_lowercase().contains("json"))
        || body.trim_ascii_start().first() == Some(&b'{')
}

/// Reads a form whose names all look like parameters and that has one of `keys`. Anything else is no form, whatever its
/// content type says: `curl -d` sends SQL as a form, and SQL holds `=` and `&`.
pub fn form_with(body: &[u8], keys: &[&str]) -> Option<Fields> {
    let fields = Fields::parse_form(body);
    let is_parameter = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']'))
    };
    let is_form = fields.names().all(is_parameter) && keys.iter().any(|key| fields.has(key));
    is_form.then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_is_never_taken_for_a_form() {
        for sql in [
            "SELECT 1",
            "SELECT * FROM t WHERE url = 'http://x/?a=1&q=2'",
            "select a+b, '100%' from t where x=1&y",
            "% SELECT {{Int32(q)}}",
        ] {
            assert!(form_with(sql.as_bytes(), &["q", "sql", "name"]).is_none(), "{sql}");
        }
        let form = form_with(b"q=SELECT+1%2B1&x=2", &["q"]).unwrap();
        assert_eq!(form.text("q").unwrap(), "SELECT 1+1");
        assert!(form_with(b"a=1", &["q"]).is_none());
    }

    #[test]
    fn repeated_names_become_lists() {
        let fields = Fields::parse_form(b"a=1&b=x&a=2&a=3");
        assert_eq!(fields.texts("a"), ["1", "2", "3"]);
        let values = fields.into_values();
        assert_eq!(values["a"], serde_json::json!(["1", "2", "3"]));
        assert_eq!(values["b"], "x");
    }

    #[test]
    fn json_members_read_as_text() {
        let fields = Fields::parse_json(br#"{"n": 1, "t": true, "s": "x", "z": null, "l": ["a", 2]}"#).unwrap();
        assert_eq!(fields.text("n").unwrap(), "1");
        assert!(fields.flag("t"));
        assert_eq!(fields.text("z"), None);
        assert_eq!(fields.texts("l"), ["a", "2"]);
        assert!(Fields::parse_form(b"f='true'").flag("f") && !Fields::parse_form(b"f='false'").flag("f"));
        assert!(Fields::parse_json(b"[1]").is_err());
    }
}
