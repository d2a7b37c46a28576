//! The storage of lists and tuples, freed without recursion.
//!
//! A template can nest containers deeper than the stack is: `{% set l = [l] %}` in a loop. Freeing them by the compiler's
//! own recursion would end the process, so everything that holds values empties itself into a worklist first.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use super::Value;
use crate::eval::iter::Iter;

/// What a list holds.
#[derive(Default)]
pub(crate) struct List(RefCell<Vec<Value>>);

/// What a tuple holds.
pub(crate) struct Tuple(Vec<Value>);

/// Values an iterator has still to give.
pub(crate) struct Pending(std::vec::IntoIter<Value>);

impl List {
    pub(crate) fn new(items: Vec<Value>) -> Self {
        List(RefCell::new(items))
    }
}

impl Deref for List {
    type Target = RefCell<Vec<Value>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Tuple {
    pub(crate) fn new(items: Vec<Value>) -> Self {
        Tuple(items)
    }
}

impl Deref for Tuple {
    type Target = [Value];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Pending {
    pub(crate) fn new(items: Vec<Value>) -> Self {
        Pending(items.into_iter())
    }

    pub(crate) fn next(&mut self) -> Option<Value> {
        self.0.next()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        free(std::mem::take(self.0.get_mut()));
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        free(std::mem::take(&mut self.0));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        free(self.0.by_ref().collect());
    }
}

/// Whether freeing a value can free others.
fn holds(value: &Value) -> bool {
    matches!(
        value,
        Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::FrozenSet(_)
            | Value::Iter(..)
            | Value::Lambda(_)
            | Value::Method(_)
    )
}

/// Frees values, and what only they hold, one after the other.
pub(crate) fn free(mut work: Vec<Value>) {
    if !work.iter().any(holds) {
        return;
    }
    while let Some(value) = work.pop() {
        match value {
            Value::List(list) => {
                if let Some(mut list) = Rc::into_inner(list) {
                    work.append(list.0.get_mut());
                }
            }
            Value::Tuple(tuple) => {
                if let Some(mut tuple) = Rc::into_inner(tuple) {
                    work.append(&mut tuple.0);
                }
            }
            Value::Dict(dict) | Value::Set(dict) => {
                if let Some(dict) = Rc::into_inner(dict) {
                    dict.into_inner().drain_into(&mut work);
                }
            }
            Value::FrozenSet(dict) => {
                if let Some(mut dict) = Rc::into_inner(dict) {
                    dict.drain_into(&mut work);
                }
            }
            Value::Lambda(closure) => {
                if let Some(mut closure) = Rc::into_inner(closure) {
                    closure.drain_into(&mut work);
                }
            }
            Value::Method(method) => work.extend(Rc::into_inner(method).map(|(object, _)| object)),
            Value::Iter(_, iter) => {
                if let Some(iter) = Rc::into_inner(iter) {
                    drain_iter(iter.into_inner(), &mut work);
                }
            }
            _ => {}
        }
    }
}

fn drain_iter(iter: Iter, work: &mut Vec<Value>) {
    match iter {
        Iter::List(list, _) => work.push(Value::List(list)),
        Iter::Tuple(tuple, _) => work.push(Value::Tuple(tuple)),
        Iter::Keys(dict, ..) => work.push(Value::Dict(dict)),
        Iter::Made(mut pending, _) => work.extend(pending.0.by_ref()),
        Iter::Shared(iter) => work.push(Value::Iter("iterator", iter)),
        Iter::Chars(..) | Iter::Range(..) | Iter::Bytes(..) | Iter::Placeholder(..) => {}
    }
}
