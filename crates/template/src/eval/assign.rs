//! Assignment to names, items and tuples of them.

use super::Machine;
use super::iter::iterate;
use super::subscript::{cut, position};
use crate::exception::{Eval, Raise};
use crate::expr::ast::{BinOp, Expr, Slot, Stmt};
use crate::value::{Value, cycle, hash};

impl Machine<'_> {
    /// Runs the statement of a `{% set %}`.
    pub(super) fn statement(&mut self, statement: &Stmt) -> Eval<()> {
        match statement {
            Stmt::Assign { targets, value } => {
                let value = self.eval(value)?;
                for target in targets {
                    self.assign(target, value.clone())?;
                }
                Ok(())
            }
            Stmt::AugAssign { target, op, value } => self.augmented(target, *op, value),
            Stmt::Expr(value) => self.eval(value).map(|_| ()),
            // The checks let no other statement through.
            _ => Err(Raise::type_error("this statement cannot be used in a template")),
        }
    }

    pub(super) fn store(&mut self, slot: Slot, value: Option<Value>) {
        match slot {
            Slot::Local(i) => self.locals[i as usize] = value,
            Slot::Inner(i) => self.inner[i as usize] = value,
            // Names that are assigned are never global.
            Slot::Global => {}
        }
    }

    pub(super) fn assign(&mut self, target: &Expr, value: Value) -> Eval<()> {
        match target {
            Expr::Name { slot, .. } => {
                self.store(*slot, Some(value));
                Ok(())
            }
            Expr::Tuple(targets) | Expr::List(targets) => self.unpack(targets, &value),
            Expr::Subscript(parts) => {
                let container = self.eval(&parts.0)?;
                let index = self.eval(&parts.1)?;
                self.assign_item(&container, &index, value)
            }
            Expr::Attribute(parts) => {
                let object = self.eval(&parts.0)?;
                Err(Raise::no_attribute(&object, self.name(parts.1)))
            }
            _ => Err(Raise::type_error("cannot assign to this expression")),
        }
    }

    fn unpack(&mut self, targets: &[Expr], value: &Value) -> Eval<()> {
        let Ok(mut iter) = iterate(value) else {
            return Err(Raise::type_error(format!("cannot unpack non-iterable {} object", value.type_name())));
        };
        let star = targets.iter().position(|t| matches!(t, Expr::Starred(_)));
        let mut items = Vec::new();
        while let Some(item) = iter.next()? {
            self.meter.step()?;
            items.push(item);
            if star.is_none() && items.len() > targets.len() {
                return Err(Raise::value_error(format!("too many values to unpack (expected {})", targets.len())));
            }
        }
        let Some(star) = star else {
            if items.len() < targets.len() {
                return Err(too_few("", targets.len(), items.len()));
            }
            return targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item));
        };
        if items.len() + 1 < targets.len() {
            return Err(too_few("at least ", targets.len() - 1, items.len()));
        }
        let after = items.split_off(items.len() + star + 1 - targets.len());
        let middle = items.split_off(star);
        for (target, item) in targets.iter().zip(items) {
            self.assign(target, item)?;
        }
        if let Expr::Starred(inner) = &targets[star] {
            self.assign(inner, Value::list(middle))?;
        }
        targets[star + 1..].iter().zip(after).try_for_each(|(target, item)| self.assign(target, item))
    }

    fn assign_item(&mut self, container: &Value, index: &Value, value: Value) -> Eval<()> {
        cycle::refuse(&mut self.meter, container, &value)?;
        match container {
            Value::Dict(dict) => {
                self.meter.grow(3 * super::collections::ELEMENT)?;
                dict.borrow_mut().insert(hash(index)?, index.clone(), value);
                Ok(())
            }
            Value::List(items) => {
                if let Value::Slice(parts) = index {
                    let new = self.collect(&value)?;
                    let mut items = items.borrow_mut();
                    let cut = cut(parts, items.len())?;
                    if cut.step != 1 {
                        return Err(Raise::value_error("attempt to assign to an extended slice"));
                    }
                    let start = cut.start as usize;
                    items.splice(start..start + cut.count, new);
                    return Ok(());
                }
                let i = position(container, index, items.borrow().len())?;
                items.borrow_mut()[i] = value;
                Ok(())
            }
            other => Err(Raise::type_error(format!("'{}' object does not support item assignment", other.type_name()))),
        }
    }

    fn augmented(&mut self, target: &Expr, op: BinOp, value: &Expr) -> Eval<()> {
        match target {
            Expr::Subscript(parts) => {
                let container = self.eval(&parts.0)?;
                let index = self.eval(&parts.1)?;
                let old = self.item(&container, &index)?;
                let value = self.eval(value)?;
                let new = self.in_place(op, old, &value)?;
                self.assign_item(&container, &index, new)
            }
            _ => {
                let old = self.eval(target)?;
                let value = self.eval(value)?;
                let new = self.in_place(op, old, &value)?;
                self.assign(target, new)
            }
        }
    }

    /// `old op= value`: lists, sets and dictionaries change in place.
    fn in_place(&mut self, op: BinOp, old: Value, value: &Value) -> Eval<Value> {
        match (&old, op) {
            (Value::List(items), BinOp::Add) => {
                let new = self.collect(value)?;
                for item in &new {
                    cycle::refuse(&mut self.meter, &old, item)?;
                }
                items.borrow_mut().extend(new);
                Ok(old)
            }
            (Value::Dict(dict), BinOp::BitOr) => {
                let merged = self.operate(op, &old, value)?;
                cycle::refuse(&mut self.meter, &old, &merged)?;
                if let Value::Dict(merged) = merged {
                    let merged = merged.borrow().clone();
                    *dict.borrow_mut() = merged;
                }
                Ok(old)
            }
            _ => self.operate(op, &old, value),
        }
    }
}

fn too_few(at_least: &str, expected: usize, got: usize) -> Raise {
    Raise::value_error(format!("not enough values to unpack (expected {at_least}{expected}, got {got})"))
}
