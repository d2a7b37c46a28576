//! `tb_secret(name, default=None)`, also called `tb_var`.

use super::identifiers::escaped;
use crate::eval::{Args, Machine, Signature};
use crate::exception::{Eval, Raise};
use crate::value::{Value, to_str};

/// The prefix a secret's name may carry.
const PREFIX: &str = "tb_secret_";

pub(crate) fn call(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "tb_secret", params: &["name", "default"], required: 1 }.bind(args)?;
    let (name, default) = (bound.value(0), bound.value(1));
    let text = name.as_text().map(|t| t.strip_prefix(PREFIX).unwrap_or(t));
    if let Some(text) = text
        && machine.context.secrets.contains(text)
    {
        if !machine.ch_params.iter().any(|known| known == text) {
            machine.ch_params.push(text.to_owned());
        }
        return Ok(reference(text));
    }
    if !default.is_none() {
        return Ok(default);
    }
    match text {
        Some(text) if machine.context.test_mode && machine.context.secrets_in_test_mode => Ok(reference(text)),
        _ => Err(Raise::template(format!(
            "Cannot access secret '{}'. Check the secret exists in the Workspace and the token has the required scope.",
            to_str(&name)
        ))),
    }
}

/// The query parameter that carries the secret.
fn reference(name: &str) -> Value {
    Value::Symbol(format!("{{{}: String}}", escaped(name)).into())
}
