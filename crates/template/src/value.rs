//! The values a template computes with: Python's, and the few kinds the template functions add.

mod compare;
pub(crate) mod cycle;
mod dict;
mod sequence;
mod show;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use num_bigint::BigInt;

pub(crate) use compare::{compare, equals, hash, identical, with_set};
pub(crate) use dict::Dict;
pub(crate) use sequence::{List, Pending, Tuple, free};
pub(crate) use show::{push_str, repr, to_str};

use crate::builtins::Builtin;
use crate::eval::iter::Iter;
use crate::exception::{Class, Exception};
use crate::expr::ast::{Const, Lambda};
use crate::functions::Function;

/// A value while rendering. Cloning is cheap.
#[derive(Clone)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer outside `i64`.
    Big(Rc<BigInt>),
    Float(f64),
    Str(Arc<str>),
    /// SQL a template function made: a string that prints without quotes.
    Sql(Arc<str>),
    /// SQL that is no string: identifiers and secrets.
    Symbol(Arc<str>),
    /// A number that prints as a conversion, such as `toInt32('5')`.
    Typed(Rc<Typed>),
    Bytes(Rc<[u8]>),
    List(Rc<List>),
    Tuple(Rc<Tuple>),
    Dict(Rc<RefCell<Dict>>),
    Set(Rc<RefCell<Dict>>),
    FrozenSet(Rc<Dict>),
    Range(Rc<Range>),
    Slice(Rc<[Value; 3]>),
    /// An iterator, with the name of its Python type.
    Iter(&'static str, Rc<RefCell<Iter>>),
    Function(Function),
    Builtin(Builtin),
    Lambda(Rc<Closure>),
    /// A method and what it is bound to.
    Method(Rc<(Value, Arc<str>)>),
    /// A missing parameter in test mode.
    Placeholder(Arc<str>),
    Class(Class),
    Exception(Rc<Exception>),
    Ellipsis,
}

/// A typed number: the ClickHouse type and the bare number.
pub(crate) struct Typed {
    pub(crate) type_name: &'static str,
    /// An `Int`, `Big` or `Float`.
    pub(crate) number: Value,
}

/// `range(start, stop, step)`
pub(crate) struct Range {
    pub(crate) start: i64,
    pub(crate) stop: i64,
    pub(crate) step: i64,
}

/// A lambda with the values of the inner variables it saw when it was made.
pub(crate) struct Closure {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) captured: Vec<(u16, Option<Value>)>,
    pub(crate) defaults: Vec<Option<Value>>,
}

impl Closure {
    /// Moves the values it holds into `work`.
    fn drain_into(&mut self, work: &mut Vec<Value>) {
        work.extend(self.captured.drain(..).filter_map(|(_, value)| value));
        work.extend(self.defaults.drain(..).flatten());
    }
}

impl Drop for Closure {
    fn drop(&mut self) {
        let mut work = Vec::new();
        self.drain_into(&mut work);
        free(work);
    }
}

impl Range {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        let (start, stop, step) = (i128::from(self.start), i128::from(self.stop), i128::from(self.step));
        let span = if step > 0 { stop - start } else { start - stop };
        if span <= 0 { 0 } else { ((span - 1) / step.abs() + 1) as usize }
    }

    pub(crate) fn get(&self, index: usize) -> i64 {
        (i128::from(self.start) + i128::from(self.step) * index as i128) as i64
    }
}

impl Value {
    pub(crate) fn str(text: impl Into<Arc<str>>) -> Value {
        Value::Str(text.into())
    }

    pub(crate) fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(List::new(items)))
    }

    pub(crate) fn tuple(items: impl Into<Vec<Value>>) -> Value {
        Value::Tuple(Rc::new(Tuple::new(items.into())))
    }

    pub(crate) fn dict(dict: Dict) -> Value {
        Value::Dict(Rc::new(RefCell::new(dict)))
    }

    pub(crate) fn set(dict: Dict) -> Value {
        Value::Set(Rc::new(RefCell::new(dict)))
    }

    pub(crate) fn big(number: BigInt) -> Value {
        i64::try_from(&number).map_or_else(|_| Value::Big(Rc::new(number)), Value::Int)
    }

    pub(crate) fn constant(constant: &Const) -> Value {
        match constant {
            Const::None => Value::None,
            Const::True => Value::Bool(true),
            Const::False => Value::Bool(false),
            Const::Ellipsis => Value::Ellipsis,
            Const::Int(n) => Value::Int(*n),
            Const::Big(n) => Value::Big(Rc::new(BigInt::clone(n))),
            // Complex numbers have no use in SQL; their real part stands for them.
            Const::Float(n) | Const::Imaginary(n) => Value::Float(*n),
            Const::Str(text) => Value::Str(Arc::clone(text)),
            Const::Bytes(bytes) => Value::Bytes(Rc::from(&**bytes)),
        }
    }

    /// The characters of a `str` or of a kind that is one.
    pub(crate) fn as_text(&self) -> Option<&Arc<str>> {
        match self {
            Value::Str(text) | Value::Sql(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// Python truth.
    pub(crate) fn truthy(&self) -> bool {
        match self {
            Value::None => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Float(n) => *n != 0.0,
            Value::Str(text) | Value::Sql(text) => !text.is_empty(),
            Value::Typed(typed) => typed.number.truthy(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(items) => !items.borrow().is_empty(),
            Value::Tuple(items) => !items.is_empty(),
            Value::Dict(dict) | Value::Set(dict) => !dict.borrow().is_empty(),
            Value::FrozenSet(dict) => !dict.is_empty(),
            Value::Range(range) => range.len() > 0,
            _ => true,
        }
    }

    /// The name of the value's Python type, as error texts show it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Big(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Sql(_) => "Expression",
            Value::Symbol(_) => "Symbol",
            Value::Typed(typed) => match typed.number {
                Value::Float(_) => "Float",
                _ => "Integer",
            },
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Dict(_) => "dict",
            Value::Set(_) => "set",
            Value::FrozenSet(_) => "frozenset",
            Value::Range(_) => "range",
            Value::Slice(_) => "slice",
            Value::Iter(name, _) => name,
            Value::Function(_) | Value::Lambda(_) => "function",
            Value::Builtin(builtin) => builtin.type_name(),
            Value::Method(_) => "builtin_function_or_method",
            Value::Placeholder(_) => "Placeholder",
            Value::Class(_) => "type",
            Value::Exception(exception) => exception.class.name(),
            Value::Ellipsis => "ellipsis",
        }
    }
}
