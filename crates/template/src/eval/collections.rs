//! Displays of lists, sets and dictionaries, and comprehensions.

use super::Machine;
use super::iter::{as_value, iterate};
use crate::exception::{Eval, Raise};
use crate::expr::ast::{Comprehension, ComprehensionKind, Expr};
use crate::value::{Dict, Value, hash};

/// Bytes counted for one element of a collection.
pub(crate) const ELEMENT: usize = size_of::<Value>();

/// Where a comprehension puts its elements.
enum Sink {
    Items(Vec<Value>),
    Entries(Dict),
}

impl Machine<'_> {
    /// The values of a display, with `*x` spread out.
    pub(super) fn items(&mut self, exprs: &[Expr]) -> Eval<Vec<Value>> {
        let mut items = Vec::with_capacity(exprs.len());
        for expr in exprs {
            if let Expr::Starred(inner) = expr {
                let value = self.eval(inner)?;
                self.extend(&mut items, &value)?;
            } else {
                items.push(self.eval(expr)?);
            }
        }
        self.meter.grow(items.len() * ELEMENT)?;
        Ok(items)
    }

    /// Appends all elements of `value`.
    pub(crate) fn extend(&mut self, items: &mut Vec<Value>, value: &Value) -> Eval<()> {
        let mut iter = iterate(value)?;
        while let Some(item) = iter.next()? {
            self.meter.step()?;
            self.meter.grow(ELEMENT)?;
            items.push(item);
        }
        Ok(())
    }

    /// All elements of `value`.
    pub(crate) fn collect(&mut self, value: &Value) -> Eval<Vec<Value>> {
        let mut items = Vec::new();
        self.extend(&mut items, value)?;
        Ok(items)
    }

    /// A set of `items`.
    pub(crate) fn set_of(&mut self, items: Vec<Value>) -> Eval<Dict> {
        let mut set = Dict::default();
        self.meter.grow(items.len() * 2 * ELEMENT)?;
        for item in items {
            set.insert(hash(&item)?, item, Value::None);
        }
        Ok(set)
    }

    pub(super) fn set_display(&mut self, exprs: &[Expr]) -> Eval<Value> {
        let items = self.items(exprs)?;
        Ok(Value::set(self.set_of(items)?))
    }

    pub(super) fn dict_display(&mut self, items: &[(Option<Expr>, Expr)]) -> Eval<Value> {
        let mut dict = Dict::default();
        for (key, value) in items {
            match key {
                Some(key) => {
                    let key = self.eval(key)?;
                    let value = self.eval(value)?;
                    self.meter.grow(3 * ELEMENT)?;
                    dict.insert(hash(&key)?, key, value);
                }
                None => {
                    let value = self.eval(value)?;
                    let Value::Dict(other) = &value else {
                        return Err(Raise::type_error(format!("'{}' object is not a mapping", value.type_name())));
                    };
                    for ((hash, key), (_, value)) in other.borrow().hashed().zip(other.borrow().iter()) {
                        self.meter.grow(3 * ELEMENT)?;
                        dict.insert(hash, key.clone(), value.clone());
                    }
                }
            }
        }
        Ok(Value::dict(dict))
    }

    pub(super) fn comprehension(&mut self, comprehension: &Comprehension) -> Eval<Value> {
        let mut sink = match comprehension.kind {
            ComprehensionKind::List | ComprehensionKind::Generator => Sink::Items(Vec::new()),
            ComprehensionKind::Set | ComprehensionKind::Dict => Sink::Entries(Dict::default()),
        };
        // The first iterable is evaluated at once, even by a generator.
        let first = match comprehension.clauses.first() {
            Some(clause) => self.eval(&clause.iter)?,
            None => Value::None,
        };
        let result = self.clause(comprehension, 0, Some(&first), &mut sink);
        let failure = match result {
            Ok(()) => None,
            // A generator meets an exception only when it gets there; a limit ends everything.
            Err(raise @ Raise::Exception(_)) if comprehension.kind == ComprehensionKind::Generator => Some(raise),
            Err(raise) => return Err(raise),
        };
        Ok(match (sink, comprehension.kind) {
            (Sink::Items(items), ComprehensionKind::Generator) => as_value("generator", items, failure),
            (Sink::Items(items), _) => Value::list(items),
            (Sink::Entries(dict), ComprehensionKind::Set) => Value::set(dict),
            (Sink::Entries(dict), _) => Value::dict(dict),
        })
    }

    /// Runs the clauses from `index` on.
    fn clause(
        &mut self,
        comprehension: &Comprehension,
        index: usize,
        source: Option<&Value>,
        sink: &mut Sink,
    ) -> Eval<()> {
        let Some(clause) = comprehension.clauses.get(index) else {
            return self.element(comprehension, sink);
        };
        let mut iter = match source {
            Some(value) => iterate(value)?,
            None => iterate(&self.eval(&clause.iter)?)?,
        };
        'items: while let Some(item) = iter.next()? {
            self.meter.step()?;
            self.assign(&clause.target, item)?;
            for condition in &clause.conditions {
                if !self.eval(condition)?.truthy() {
                    continue 'items;
                }
            }
            self.clause(comprehension, index + 1, None, sink)?;
        }
        Ok(())
    }

    fn element(&mut self, comprehension: &Comprehension, sink: &mut Sink) -> Eval<()> {
        let element = self.eval(&comprehension.element)?;
        self.meter.grow(ELEMENT)?;
        match sink {
            Sink::Items(items) => items.push(element),
            Sink::Entries(dict) => {
                let value = match &comprehension.value {
                    Some(value) => self.eval(value)?,
                    None => Value::None,
                };
                dict.insert(hash(&element)?, element, value);
            }
        }
        Ok(())
    }
}
