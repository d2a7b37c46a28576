//! Runs a compiled template.

mod args;
mod assign;
mod call;
pub(crate) mod collections;
mod fstring;
pub(crate) mod iter;
pub(crate) mod operators;
mod run;
pub(crate) mod subscript;

pub(crate) use args::{Args, Bound, Signature};

use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::{Expr, Slot, Sym};
use crate::functions;
use crate::limits::{Limits, Meter};
use crate::params::Params;
use crate::placeholder;
use crate::program::{Global, Program};
use crate::settings::Settings;
use crate::tags::Span;
use crate::template::RenderContext;
use crate::value::Value;

/// The state of one rendering.
pub(crate) struct Machine<'t> {
    pub(crate) text: &'t str,
    pub(crate) program: &'t Program,
    pub(crate) params: &'t Params,
    pub(crate) context: &'t RenderContext<'t>,
    pub(crate) meter: Meter<'t>,
    pub(crate) out: String,
    pub(crate) settings: Settings,
    pub(crate) ch_params: Vec<String>,
    /// Variables of the template, by slot.
    locals: Vec<Option<Value>>,
    /// Variables of comprehensions and lambdas, by slot.
    inner: Vec<Option<Value>>,
    /// Parameters already turned into values, by symbol.
    globals: Vec<Option<Value>>,
    /// The tag that is running, for error places.
    pub(crate) tag: Span,
}

impl<'t> Machine<'t> {
    pub(crate) fn new(
        text: &'t str,
        program: &'t Program,
        params: &'t Params,
        context: &'t RenderContext<'t>,
        limits: &'t Limits,
    ) -> Self {
        Machine {
            text,
            program,
            params,
            context,
            meter: Meter::new(limits),
            out: String::with_capacity(text.len() + text.len() / 4),
            settings: Settings::default(),
            ch_params: Vec::new(),
            locals: vec![None; program.locals.len()],
            inner: vec![None; program.inner.len()],
            globals: vec![None; program.names.len()],
            tag: Span::new(0, 0),
        }
    }

    pub(crate) fn name(&self, sym: Sym) -> &'t str {
        self.program.names.get(sym)
    }

    /// The value of an expression.
    pub(crate) fn eval(&mut self, expr: &Expr) -> Eval<Value> {
        match expr {
            Expr::Const(constant) => Ok(Value::constant(constant)),
            Expr::Name { sym, slot } => self.load(*sym, *slot),
            _ => {
                self.meter.enter()?;
                let value = self.eval_nested(expr);
                self.meter.leave();
                value
            }
        }
    }

    fn eval_nested(&mut self, expr: &Expr) -> Eval<Value> {
        match expr {
            Expr::Call(call) => self.call(call),
            Expr::BoolOp(parts) => self.bool_op(parts.0, &parts.1),
            Expr::Compare(parts) => self.compare(&parts.0, &parts.1),
            Expr::Binary(parts) => self.binary(&parts.0, parts.1, &parts.2),
            Expr::Unary(op, inner) => self.unary(*op, inner),
            Expr::If(parts) => {
                let test = self.eval(&parts.0)?.truthy();
                self.eval(if test { &parts.1 } else { &parts.2 })
            }
            Expr::Subscript(parts) => self.subscript(&parts.0, &parts.1),
            Expr::Attribute(parts) => self.attribute(&parts.0, parts.1),
            Expr::List(items) => Ok(Value::list(self.items(items)?)),
            Expr::Tuple(items) => Ok(Value::tuple(self.items(items)?)),
            Expr::Set(items) => self.set_display(items),
            Expr::Dict(items) => self.dict_display(items),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Lambda(lambda) => self.make_lambda(lambda),
            Expr::Joined(parts) => self.joined(parts),
            Expr::Named(pair) => {
                let value = self.eval(&pair.1)?;
                self.assign(&pair.0, value.clone())?;
                Ok(value)
            }
            Expr::Slice(parts) => self.slice_value(parts),
            Expr::Starred(_) => Err(Raise::type_error("cannot use starred expression here")),
            // The checks let none of the others through.
            _ => Err(Raise::type_error("this kind of expression cannot be used in a template")),
        }
    }

    /// The value of a name.
    fn load(&mut self, sym: Sym, slot: Slot) -> Eval<Value> {
        match slot {
            Slot::Local(i) => self.locals[i as usize].clone().ok_or_else(|| {
                let name = self.name(sym);
                let message = format!("cannot access local variable '{name}' where it is not associated with a value");
                Raise::new(Class::UnboundLocal, message)
            }),
            Slot::Inner(i) => self.inner[i as usize].clone().ok_or_else(|| {
                let name = self.name(sym);
                let message = format!(
                    "cannot access free variable '{name}' where it is not associated with a value in enclosing scope"
                );
                Raise::new(Class::Name, message)
            }),
            Slot::Global => self.load_global(sym),
        }
    }

    fn load_global(&mut self, sym: Sym) -> Eval<Value> {
        let global = self.program.globals[sym as usize];
        if let Global::Function(function) = global {
            return Ok(Value::Function(function));
        }
        if let Some(value) = &self.globals[sym as usize] {
            return Ok(value.clone());
        }
        let value = match self.params.get(self.name(sym)) {
            Some(data) => functions::array::preprocess(self, sym, data.to_value()),
            None => self.missing(sym, global)?,
        };
        self.globals[sym as usize] = Some(value.clone());
        Ok(value)
    }

    /// What a name without a parameter means.
    fn missing(&self, sym: Sym, global: Global) -> Eval<Value> {
        let name = self.name(sym);
        Ok(match global {
            Global::Function(function) | Global::Hideable(function) => Value::Function(function),
            Global::Builtin(builtin) => Value::Builtin(builtin),
            Global::Class(class) => Value::Class(class),
            Global::Parameter { discovered: false } => {
                return Err(Raise::new(Class::Name, format!("name '{name}' is not defined")));
            }
            Global::Parameter { discovered: true } => match self.context.job_timestamp {
                Some(time) if name == "job_timestamp" => Value::str(time),
                _ if self.context.test_mode => placeholder::new(name),
                _ => Value::None,
            },
        })
    }
}
