//! Iteration over values.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::exception::{Class, Eval, Raise};
use crate::placeholder;
use crate::value::{Dict, List, Pending, Range, Tuple, Value};

/// The state of an iteration.
pub(crate) enum Iter {
    /// A list, which may change while it is walked.
    List(Rc<List>, usize),
    Tuple(Rc<Tuple>, usize),
    /// A string and the byte offset of its next character.
    Chars(Arc<str>, usize),
    /// A dictionary's keys, and its size when the walk began.
    Keys(Rc<RefCell<Dict>>, usize, usize),
    Range(Rc<Range>, usize),
    Bytes(Rc<[u8]>, usize),
    Placeholder(Arc<str>, usize),
    /// Values made in advance, and what the walk ends with when making them failed.
    Made(Pending, Option<Box<Raise>>),
    /// An iterator that is a value of its own.
    Shared(Rc<RefCell<Iter>>),
}

/// Begins an iteration over `value`.
pub(crate) fn iterate(value: &Value) -> Eval<Iter> {
    Ok(match value {
        Value::List(items) => Iter::List(Rc::clone(items), 0),
        Value::Tuple(items) => Iter::Tuple(Rc::clone(items), 0),
        Value::Str(text) | Value::Sql(text) => Iter::Chars(Arc::clone(text), 0),
        Value::Dict(dict) => Iter::Keys(Rc::clone(dict), 0, dict.borrow().len()),
        Value::Set(set) => made(set_items(&set.borrow())),
        Value::FrozenSet(set) => made(set_items(set)),
        Value::Range(range) => Iter::Range(Rc::clone(range), 0),
        Value::Bytes(bytes) => Iter::Bytes(Rc::clone(bytes), 0),
        Value::Placeholder(name) => Iter::Placeholder(Arc::clone(name), 0),
        Value::Iter(_, iter) => Iter::Shared(Rc::clone(iter)),
        other => return Err(Raise::type_error(format!("'{}' object is not iterable", other.type_name()))),
    })
}

/// An iteration over values made in advance.
pub(crate) fn made(values: Vec<Value>) -> Iter {
    Iter::Made(Pending::new(values), None)
}

/// An iterator as a value, such as `zip` returns.
pub(crate) fn as_value(type_name: &'static str, values: Vec<Value>, failure: Option<Raise>) -> Value {
    let iter = Iter::Made(Pending::new(values), failure.map(Box::new));
    Value::Iter(type_name, Rc::new(RefCell::new(iter)))
}

fn set_items(set: &Dict) -> Vec<Value> {
    crate::py::number::set_order(set.keys()).into_iter().cloned().collect()
}

impl Iter {
    /// The next value.
    pub(crate) fn next(&mut self) -> Eval<Option<Value>> {
        Ok(match self {
            Iter::List(items, i) => advance(i, |i| items.borrow().get(i).cloned()),
            Iter::Tuple(items, i) => advance(i, |i| items.get(i).cloned()),
            Iter::Range(range, i) => advance(i, |i| (i < range.len()).then(|| Value::Int(range.get(i)))),
            Iter::Bytes(bytes, i) => advance(i, |i| bytes.get(i).map(|b| Value::Int(i64::from(*b)))),
            Iter::Placeholder(name, i) => advance(i, |i| (i < placeholder::LEN).then(|| placeholder::new(name))),
            Iter::Chars(text, offset) => {
                let Some(c) = text[*offset..].chars().next() else { return Ok(None) };
                let start = *offset;
                *offset += c.len_utf8();
                Some(Value::str(&text[start..*offset]))
            }
            Iter::Keys(dict, i, len) => {
                let dict = dict.borrow();
                if dict.len() != *len {
                    return Err(Raise::new(Class::Runtime, "dictionary changed size during iteration"));
                }
                advance(i, |i| dict.key_at(i).cloned())
            }
            Iter::Made(values, failure) => match (values.next(), failure.take()) {
                (None, Some(failure)) => return Err(*failure),
                (next, kept) => {
                    *failure = kept;
                    next
                }
            },
            Iter::Shared(iter) => match iter.try_borrow_mut() {
                Ok(mut iter) => iter.next()?,
                Err(_) => return Err(Raise::value_error("generator already executing")),
            },
        })
    }
}

fn advance(i: &mut usize, get: impl FnOnce(usize) -> Option<Value>) -> Option<Value> {
    let value = get(*i);
    *i += usize::from(value.is_some());
    value
}
