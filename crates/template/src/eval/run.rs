//! Runs the steps of a template: text, tags and blocks.

use std::rc::Rc;

use super::Machine;
use super::iter::iterate;
use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::Expr;
use crate::functions::print;
use crate::program::{Block, For, Handler, Op, Try, While};
use crate::tags::Span;
use crate::value::Value;

/// How a block ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Break,
    Continue,
}

impl<'t> Machine<'t> {
    /// Runs the whole template.
    pub(crate) fn run(&mut self) -> Eval<()> {
        let program = self.program;
        self.block(&program.block).map(|_| ())
    }

    fn block(&mut self, block: &'t Block) -> Eval<Flow> {
        for op in block {
            let flow = self.op(op)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn op(&mut self, op: &'t Op) -> Eval<Flow> {
        self.meter.step()?;
        match op {
            Op::Text(span) => {
                self.out.push_str(span.of(self.text));
                self.meter.output(self.out.len())?;
            }
            Op::Squeezed(text) => {
                self.out.push_str(text);
                self.meter.output(self.out.len())?;
            }
            Op::Print { value, tag } => self.print(value, *tag)?,
            Op::PrintTuple { value, tag } => {
                self.tag = *tag;
                self.eval(value)?;
                // The reference hands the expression to a function; a bare tuple becomes its arguments.
                let message = "expression_wrapper() got multiple values for argument 'escape_arrays'";
                return Err(Raise::type_error(message));
            }
            Op::Run { statement, tag } => {
                self.tag = *tag;
                self.statement(statement)?;
            }
            Op::If { branches, otherwise } => {
                for branch in branches {
                    self.tag = branch.tag;
                    if self.eval(&branch.test)?.truthy() {
                        return self.block(&branch.body);
                    }
                }
                return self.block(otherwise);
            }
            Op::For(op) => return self.run_for(op),
            Op::While(op) => return self.run_while(op),
            Op::Try(op) => return self.run_try(op),
            Op::Break => return Ok(Flow::Break),
            Op::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, value: &Expr, tag: Span) -> Eval<()> {
        self.tag = tag;
        let value = self.eval(value)?;
        print::push(self, &value)?;
        self.meter.output(self.out.len())?;
        Ok(())
    }

    fn run_for(&mut self, op: &'t For) -> Eval<Flow> {
        self.tag = op.tag;
        let source = self.eval(&op.iter)?;
        let mut iter = iterate(&source)?;
        loop {
            self.tag = op.tag;
            let Some(item) = iter.next()? else { break };
            self.meter.step()?;
            self.assign(&op.target, item)?;
            if self.block(&op.body)? == Flow::Break {
                return Ok(Flow::Next);
            }
        }
        self.block(&op.otherwise)
    }

    fn run_while(&mut self, op: &'t While) -> Eval<Flow> {
        loop {
            self.tag = op.tag;
            self.meter.step()?;
            if !self.eval(&op.test)?.truthy() {
                return self.block(&op.otherwise);
            }
            if self.block(&op.body)? == Flow::Break {
                return Ok(Flow::Next);
            }
        }
    }

    fn run_try(&mut self, op: &'t Try) -> Eval<Flow> {
        let mut result = match self.block(&op.body) {
            Ok(Flow::Next) => self.block(&op.otherwise),
            Err(Raise::Exception(exception)) => self.handle(&op.handlers, exception),
            other => other,
        };
        if !op.finally.is_empty() && !matches!(result, Err(Raise::Fatal(_))) {
            match self.block(&op.finally) {
                Ok(Flow::Next) => {}
                // Leaving a loop, or a new exception, replaces what was under way.
                other => result = other,
            }
        }
        result
    }

    fn handle(&mut self, handlers: &'t [Handler], exception: Box<crate::exception::Exception>) -> Eval<Flow> {
        for handler in handlers {
            self.tag = handler.tag;
            let caught = match &handler.class {
                None => true,
                Some(class) => {
                    let class = self.eval(class)?;
                    catches(&class, exception.class)?
                }
            };
            if !caught {
                continue;
            }
            if let Some(slot) = handler.name {
                self.store(slot, Some(Value::Exception(Rc::new(*exception))));
            }
            let result = self.block(&handler.body);
            if let Some(slot) = handler.name {
                self.store(slot, None);
            }
            return result;
        }
        Err(Raise::Exception(exception))
    }
}

/// Whether an `except` with the value `class` catches `raised`.
fn catches(class: &Value, raised: Class) -> Eval<bool> {
    let mut classes = vec![class.clone()];
    while let Some(class) = classes.pop() {
        match class {
            Value::Class(class) if raised.is_a(class) => return Ok(true),
            Value::Class(_) => {}
            Value::Tuple(nested) => classes.extend(nested.iter().cloned()),
            _ => {
                return Err(Raise::type_error(
                    "catching classes that do not inherit from BaseException is not allowed",
                ));
            }
        }
    }
    Ok(false)
}
