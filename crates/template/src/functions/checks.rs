//! `defined`, `error`, `custom_error`.

use crate::eval::{Args, Machine, Signature};
use crate::exception::{Class, Eval, Exception, Raise};
use crate::value::{Value, to_str};

/// What the error functions print in test mode, where they must not fail.
const SILENCED: &str = "-- {x} \n";

/// `defined(x=None)`
pub(crate) fn defined(args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "defined", params: &["x"], required: 0 }.bind(args)?;
    Ok(Value::Bool(!matches!(bound.value(0), Value::None | Value::Placeholder(_))))
}

/// `error(msg, code=400)`: the code has no effect.
pub(crate) fn error(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "error", params: &["x", "code"], required: 1 }.bind(args)?;
    if machine.context.test_mode {
        return Ok(Value::Sql(SILENCED.into()));
    }
    Err(Raise::value_error(to_str(&bound.value(0))))
}

/// `custom_error(x, code=400)`
pub(crate) fn custom_error(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "custom_error", params: &["x", "code"], required: 1 }.bind(args)?;
    if machine.context.test_mode {
        return Ok(Value::Sql(SILENCED.into()));
    }
    let (argument, code) = (bound.value(0), bound.take(1).unwrap_or(Value::Int(400)));
    let message = to_str(&argument);
    Err(Raise::Exception(Box::new(Exception { class: Class::Custom, message, custom: Some((code, argument)) })))
}
