//! What stands for a missing parameter in test mode.

use std::sync::Arc;

use crate::exception::{Class, Eval, Raise};
use crate::value::{Value, compare};

/// The text of a missing parameter in test mode.
pub const TEXT: &str = "__no_value__";

/// Number of elements a placeholder yields.
pub(crate) const LEN: usize = 3;

pub(crate) fn new(name: &str) -> Value {
    // A string of its own makes each placeholder a distinct object.
    Value::Placeholder(Arc::from(name))
}

/// `placeholder[index]`
pub(crate) fn item(name: &str, index: &Value) -> Eval<Value> {
    let last = Value::Int(LEN as i64 - 1);
    if compare(index, &last, ">")?.is_some_and(|order| order.is_gt()) {
        return Err(Raise::new(Class::Index, ""));
    }
    Ok(new(name))
}

/// A method of a placeholder.
pub(crate) fn method(name: &str, method: &str) -> Option<Value> {
    match method {
        "split" => Some(Value::list(vec![new(name), new(name)])),
        "startswith" => Some(Value::Bool(false)),
        _ => None,
    }
}
