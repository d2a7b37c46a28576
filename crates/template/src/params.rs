//! What a caller passes: names and JSON values.

use std::collections::BTreeMap;
use std::sync::Arc;

use num_bigint::BigInt;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::value::{Dict, Value, hash};

/// A JSON value with Python's numbers: integers of any size, and floats that may be infinite.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number outside `i64`.
    Big(Box<BigInt>),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(Arc<str>),
    /// An array.
    List(Vec<Data>),
    /// An object, in the order its keys were first given.
    Object(Vec<(Arc<str>, Data)>),
}

impl Data {
    /// An object of `entries`; of equal keys the last value counts, at the place of the first.
    pub(crate) fn object(entries: Vec<(Arc<str>, Data)>) -> Data {
        let mut seen: std::collections::HashMap<Arc<str>, usize> = std::collections::HashMap::new();
        let mut out: Vec<(Arc<str>, Data)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if let Some(&i) = seen.get(&key) {
                out[i].1 = value;
            } else {
                seen.insert(Arc::clone(&key), out.len());
                out.push((key, value));
            }
        }
        Data::Object(out)
    }

    /// The value of an object's key.
    pub fn get(&self, key: &str) -> Option<&Data> {
        match self {
            Data::Object(entries) => entries.iter().find(|(k, _)| **k == *key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Data::Null => Value::None,
            Data::Bool(b) => Value::Bool(*b),
            Data::Int(n) => Value::Int(*n),
            Data::Big(n) => Value::big(BigInt::clone(n)),
            Data::Float(n) => Value::Float(*n),
            Data::Text(text) => Value::Str(Arc::clone(text)),
            Data::List(items) => Value::list(items.iter().map(Data::to_value).collect()),
            Data::Object(entries) => {
                let mut dict = Dict::default();
                for (key, value) in entries {
                    let key = Value::Str(Arc::clone(key));
                    // A string always has a hash.
                    if let Ok(hash) = hash(&key) {
                        dict.insert(hash, key, value.to_value());
                    }
                }
                Value::dict(dict)
            }
        }
    }

    /// What a value looks like as JSON; kinds JSON does not know become their text.
    pub(crate) fn from_value(value: &Value) -> Data {
        Data::from_value_at(value, 0)
    }

    fn from_value_at(value: &Value, depth: usize) -> Data {
        if depth > 100 {
            return Data::Null;
        }
        let all = |items: &[Value]| Data::List(items.iter().map(|v| Data::from_value_at(v, depth + 1)).collect());
        match value {
            Value::None => Data::Null,
            Value::Bool(b) => Data::Bool(*b),
            Value::Int(n) => Data::Int(*n),
            Value::Big(n) => Data::Big(Box::new(BigInt::clone(n))),
            Value::Float(n) => Data::Float(*n),
            Value::Typed(typed) => Data::from_value_at(&typed.number, depth),
            Value::List(items) => all(&items.borrow()),
            Value::Tuple(items) => all(items),
            Value::Dict(dict) => Data::object(
                dict.borrow()
                    .iter()
                    .map(|(k, v)| (crate::value::to_str(k).into(), Data::from_value_at(v, depth + 1)))
                    .collect(),
            ),
            other => Data::Text(crate::value::to_str(other).into()),
        }
    }
}

impl From<serde_json::Value> for Data {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Data::Null,
            serde_json::Value::Bool(b) => Data::Bool(b),
            serde_json::Value::Number(n) => n.as_i64().map_or_else(
                || match n.as_u64() {
                    Some(big) => Data::Big(Box::new(BigInt::from(big))),
                    None => Data::Float(n.as_f64().unwrap_or(f64::NAN)),
                },
                Data::Int,
            ),
            serde_json::Value::String(text) => Data::Text(text.into()),
            serde_json::Value::Array(items) => Data::List(items.into_iter().map(Data::from).collect()),
            serde_json::Value::Object(map) => {
                Data::Object(map.into_iter().map(|(k, v)| (k.into(), Data::from(v))).collect())
            }
        }
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Data::Null => serializer.serialize_unit(),
            Data::Bool(b) => serializer.serialize_bool(*b),
            Data::Int(n) => serializer.serialize_i64(*n),
            // JSON numbers of this size lose digits in most readers; text keeps them.
            Data::Big(n) => serializer.collect_str(n),
            Data::Float(n) if n.is_finite() => serializer.serialize_f64(*n),
            Data::Float(n) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("$float", &crate::py::repr::float(*n))?;
                map.end()
            }
            Data::Text(text) => serializer.serialize_str(text),
            Data::List(items) => serializer.collect_seq(items),
            Data::Object(entries) => serializer.collect_map(entries.iter().map(|(k, v)| (&**k, v))),
        }
    }
}

/// The parameters of one rendering.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    values: BTreeMap<Arc<str>, Data>,
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Params::default()
    }

    /// Sets one parameter.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<Data>) {
        self.values.insert(name.into(), value.into());
    }

    /// The value of a parameter, `None` when it was not passed.
    pub fn get(&self, name: &str) -> Option<&Data> {
        self.values.get(name)
    }

    /// The names that were passed.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(|name| &**name)
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Data::Text(text.into())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Data::Text(text.into())
    }
}

impl From<BTreeMap<String, serde_json::Value>> for Params {
    fn from(values: BTreeMap<String, serde_json::Value>) -> Self {
        values.into_iter().collect()
    }
}

impl<K: Into<Arc<str>>, V: Into<Data>> FromIterator<(K, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
        Params { values: values.into_iter().map(|(k, v)| (k.into(), v.into())).collect() }
    }
}
