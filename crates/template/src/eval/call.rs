//! Calls of functions, methods and lambdas.

use std::rc::Rc;
use std::sync::Arc;

use super::{Args, Machine};
use crate::builtins;
use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::{Call, Expr, Lambda, Param, Slot, Sym};
use crate::functions;
use crate::methods;
use crate::value::{Closure, Dict, Value, hash};

impl Machine<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Eval<Value> {
        if let Expr::Attribute(parts) = &call.func {
            let object = self.eval(&parts.0)?;
            let name = self.name(parts.1);
            // A missing method is an error before its arguments are looked at.
            if !methods::has(&object, name) {
                return Err(Raise::no_attribute(&object, name));
            }
            let args = self.args(call)?;
            return methods::call(self, &object, name, args);
        }
        let func = self.eval(&call.func)?;
        let args = self.args(call)?;
        self.apply(&func, args)
    }

    fn args(&mut self, call: &Call) -> Eval<Args> {
        let mut args = Args { positional: Vec::with_capacity(call.args.len()), ..Args::default() };
        for arg in &call.args {
            if let Expr::Starred(inner) = arg {
                let value = self.eval(inner)?;
                self.extend(&mut args.positional, &value)?;
                continue;
            }
            if matches!(arg, Expr::Const(_)) {
                args.literals |= 1 << args.positional.len().min(63);
            }
            args.positional.push(self.eval(arg)?);
        }
        for keyword in &call.keywords {
            let value = self.eval(&keyword.value)?;
            let Some(sym) = keyword.name else {
                spread(&mut args, &value)?;
                continue;
            };
            if matches!(keyword.value, Expr::Const(_)) {
                args.literals |= 1 << (args.positional.len() + args.keywords.len()).min(63);
            }
            args.keywords.push((self.name(sym).into(), value));
        }
        Ok(args)
    }

    /// Calls `func`.
    pub(crate) fn apply(&mut self, func: &Value, args: Args) -> Eval<Value> {
        self.meter.step()?;
        match func {
            Value::Function(function) => functions::call(self, *function, args),
            Value::Builtin(builtin) => builtins::call(self, *builtin, args),
            Value::Lambda(closure) => self.call_lambda(closure, args),
            Value::Method(method) => methods::call(self, &method.0, &method.1, args),
            Value::Class(class) => {
                let message = args.positional.first().map(crate::value::to_str).unwrap_or_default();
                let exception = crate::exception::Exception { class: *class, message, custom: None };
                Ok(Value::Exception(Rc::new(exception)))
            }
            Value::Placeholder(name) => {
                let line = self.last_line(name);
                Err(Raise::template(format!("'{name}' is not a valid function, line {line}")))
            }
            other => Err(Raise::type_error(format!("'{}' object is not callable", other.type_name()))),
        }
    }

    pub(super) fn attribute(&mut self, object: &Expr, attr: Sym) -> Eval<Value> {
        let object = self.eval(object)?;
        let name = self.name(attr);
        if methods::has(&object, name) {
            return Ok(Value::Method(Rc::new((object, Arc::from(name)))));
        }
        if let (Value::Exception(exception), "args") = (&object, name) {
            return Ok(Value::tuple([Value::str(&*exception.message)]));
        }
        Err(Raise::no_attribute(&object, name))
    }

    pub(super) fn make_lambda(&mut self, lambda: &Arc<Lambda>) -> Eval<Value> {
        let mut defaults = Vec::new();
        for param in lambda.args.iter().chain(lambda.keyword_only.iter()) {
            defaults.push(match &param.default {
                Some(default) => Some(self.eval(default)?),
                None => None,
            });
        }
        let captured = lambda.captures.iter().map(|&slot| (slot, self.inner[slot as usize].clone())).collect();
        Ok(Value::Lambda(Rc::new(Closure { lambda: Arc::clone(lambda), captured, defaults })))
    }

    fn call_lambda(&mut self, closure: &Closure, args: Args) -> Eval<Value> {
        let lambda = &closure.lambda;
        // A lambda may call itself, so what its variables held before comes back afterwards.
        let saved: Vec<(u16, Option<Value>)> = lambda
            .own
            .iter()
            .chain(closure.captured.iter().map(|(slot, _)| slot))
            .map(|&slot| (slot, self.inner[slot as usize].take()))
            .collect();
        for (slot, value) in &closure.captured {
            self.inner[*slot as usize].clone_from(value);
        }
        let result = match self.bind_lambda(closure, args) {
            Ok(()) => self.eval(&lambda.body),
            Err(raise) => Err(raise),
        };
        for (slot, value) in saved {
            self.inner[slot as usize] = value;
        }
        result
    }

    fn bind_lambda(&mut self, closure: &Closure, args: Args) -> Eval<()> {
        let lambda = &closure.lambda;
        let Args { mut positional, mut keywords, .. } = args;
        let given = positional.len();
        let extra = if given > lambda.args.len() { positional.split_off(lambda.args.len()) } else { Vec::new() };
        match &lambda.vararg {
            Some(param) => self.set_param(param, Value::tuple(extra)),
            None if !extra.is_empty() => {
                let (takes, were) = (lambda.args.len(), if given == 1 { "was" } else { "were" });
                let plural = if takes == 1 { "" } else { "s" };
                return Err(Raise::type_error(format!(
                    "<lambda>() takes {takes} positional argument{plural} but {given} {were} given"
                )));
            }
            None => {}
        }
        let mut positional = positional.into_iter();
        let params = lambda.args.iter().chain(lambda.keyword_only.iter());
        for (i, (param, default)) in params.zip(&closure.defaults).enumerate() {
            let name = self.name(param.sym);
            let keyword = keywords.iter().position(|(k, _)| **k == *name).filter(|_| i >= lambda.positional_only);
            let value = match (positional.next(), keyword) {
                (Some(_), Some(_)) => {
                    return Err(Raise::type_error(format!("<lambda>() got multiple values for argument '{name}'")));
                }
                (Some(value), None) => Some(value),
                (None, Some(at)) => Some(keywords.remove(at).1),
                (None, None) => default.clone(),
            };
            let Some(value) = value else {
                return Err(Raise::type_error(format!("<lambda>() missing 1 required positional argument: '{name}'")));
            };
            self.set_param(param, value);
        }
        self.bind_keywords(lambda, keywords)
    }

    fn bind_keywords(&mut self, lambda: &Lambda, keywords: Vec<(Arc<str>, Value)>) -> Eval<()> {
        let Some(param) = &lambda.kwarg else {
            return match keywords.first() {
                None => Ok(()),
                Some((name, _)) => {
                    Err(Raise::type_error(format!("<lambda>() got an unexpected keyword argument '{name}'")))
                }
            };
        };
        let mut dict = Dict::default();
        for (name, value) in keywords {
            let key = Value::Str(name);
            dict.insert(hash(&key)?, key, value);
        }
        self.set_param(param, Value::dict(dict));
        Ok(())
    }

    fn set_param(&mut self, param: &Param, value: Value) {
        if let Slot::Inner(slot) = param.slot {
            self.inner[slot as usize] = Some(value);
        }
    }
}

/// Adds the entries of a `**mapping`.
fn spread(args: &mut Args, value: &Value) -> Eval<()> {
    let Value::Dict(dict) = value else {
        let message = format!("argument after ** must be a mapping, not {}", value.type_name());
        return Err(Raise::type_error(message));
    };
    for (key, value) in dict.borrow().iter() {
        let Some(name) = key.as_text() else { return Err(Raise::type_error("keywords must be strings")) };
        if args.keywords.iter().any(|(k, _)| k == name) {
            let message = format!("got multiple values for keyword argument '{name}'");
            return Err(Raise::new(Class::Type, message));
        }
        args.keywords.push((Arc::clone(name), value.clone()));
    }
    Ok(())
}
