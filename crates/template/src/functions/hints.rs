//! Settings a template makes: each prints an SQL comment and is also kept as a value.

use crate::builtins;
use crate::eval::{Args, Machine, Signature};
use crate::exception::{Eval, Raise};
use crate::py::number::{self, Num};
use crate::settings::{CacheTtl, Feature};
use crate::value::{Value, to_str};

fn argument(name: &'static str, params: &'static [&'static str], args: Args) -> Eval<Value> {
    Ok(Signature { name, params, required: 1 }.bind(args)?.value(0))
}

/// A comment on a line of its own. Control characters could end the line.
fn comment(text: &str) -> Value {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Value::Sql(format!("-- {line}\n").into())
}

/// `max_threads(n)`
pub(crate) fn max_threads(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let threads = argument("max_threads", &["threads"], args)?;
    let Ok(threads) = builtins::to_int(&threads) else {
        return Ok(comment("max_threads: wrong argument"));
    };
    machine.settings.max_threads = Some(match number::of(&threads) {
        Some(Num::Int(n)) => n,
        _ => i64::MAX,
    });
    Ok(comment(&format!("max_threads {}", to_str(&threads))))
}

/// `backend_hint(hint)`
pub(crate) fn backend_hint(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let hint = argument("backend_hint", &["hint"], args)?;
    let cleared = matches!(hint, Value::None | Value::Bool(false));
    let text = to_str(&hint);
    let shown = comment(&format!("backend_hint {text}"));
    machine.settings.backend_hint = Some(if cleared { None } else { Some(text) });
    Ok(shown)
}

/// `cache_ttl(ttl)`
pub(crate) fn cache_ttl(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let ttl = argument("cache_ttl", &["ttl_expression"], args)?;
    let known = CacheTtl::ALL.into_iter().find(|known| ttl.as_text().is_some_and(|t| **t == *known.as_str()));
    let Some(known) = known else {
        return Err(Raise::template(
            "Invalid TTL cache expression, valid expressions are ('5s', '1m', '5m', '30m', '1h')",
        ));
    };
    machine.settings.cache_ttl = Some(known);
    Ok(comment(&format!("cache_ttl {}", known.as_str())))
}

/// `activate(feature)`
pub(crate) fn activate(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let feature = argument("activate", &["feature"], args)?;
    let known = Feature::ALL.into_iter().find(|known| feature.as_text().is_some_and(|t| **t == *known.as_str()));
    let Some(known) = known else {
        return Err(Raise::template(format!("'{}' is not a valid 'activate' argument", to_str(&feature))));
    };
    if let Err(at) = machine.settings.activate.binary_search(&known) {
        machine.settings.activate.insert(at, known);
    }
    Ok(comment(&format!("activate {}", known.as_str())))
}

/// `disable(feature)`: any part of the word `analyzer` passes.
pub(crate) fn disable(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let feature = argument("disable", &["feature"], args)?;
    let Some(text) = feature.as_text() else {
        let message = format!("'in <string>' requires string as left operand, not {}", feature.type_name());
        return Err(Raise::type_error(message));
    };
    if !"analyzer".contains(&**text) {
        return Err(Raise::template(format!("'{text}' is not a valid 'disable' argument")));
    }
    machine.settings.disable = Some(text.to_string());
    Ok(comment(&format!("disable {text}")))
}
