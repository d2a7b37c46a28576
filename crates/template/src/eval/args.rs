//! Arguments of calls, and how they meet the parameters of a function.

use std::sync::Arc;

use crate::exception::{Eval, Raise};
use crate::value::Value;

/// Evaluated arguments.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) positional: Vec<Value>,
    pub(crate) keywords: Vec<(Arc<str>, Value)>,
    /// Which arguments the template's author wrote as literals: bit `i` for the `i`th of all.
    pub(crate) literals: u64,
}

/// The parameters of a function.
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [&'static str],
    /// How many of them have no default.
    pub(crate) required: usize,
}

/// Arguments in the order of the parameters.
pub(crate) struct Bound {
    values: Vec<Option<Value>>,
    literals: u64,
}

impl Args {
    pub(crate) fn of(positional: Vec<Value>) -> Args {
        Args { positional, keywords: Vec::new(), literals: 0 }
    }

    /// Refuses keyword arguments, for builtins that take none.
    pub(crate) fn no_keywords(&self, name: &str) -> Eval<()> {
        if self.keywords.is_empty() {
            return Ok(());
        }
        Err(Raise::type_error(format!("{name}() takes no keyword arguments")))
    }

    /// Takes a keyword argument out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        let i = self.keywords.iter().position(|(k, _)| **k == *name)?;
        Some(self.keywords.remove(i).1)
    }

    /// Between `low` and `high` positional arguments of a builtin; keywords must be taken out before.
    pub(crate) fn count(&self, name: &str, low: usize, high: usize) -> Eval<()> {
        if let Some((keyword, _)) = self.keywords.first() {
            return Err(Raise::type_error(format!("{name}() got an unexpected keyword argument '{keyword}'")));
        }
        let given = self.positional.len();
        if (low..=high).contains(&given) {
            return Ok(());
        }
        let message = if low == high {
            let wanted = if low == 1 { "one argument".to_owned() } else { format!("{low} arguments") };
            format!("{name}() takes exactly {wanted} ({given} given)")
        } else if given < low {
            format!("{name} expected at least {low} argument{}, got {given}", plural(low))
        } else {
            format!("{name} expected at most {high} argument{}, got {given}", plural(high))
        };
        Err(Raise::type_error(message))
    }

    /// The positional argument `i`.
    pub(crate) fn get(&self, i: usize) -> Option<&Value> {
        self.positional.get(i)
    }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

impl Signature {
    pub(crate) fn bind(&self, args: Args) -> Eval<Bound> {
        let Args { positional, keywords, literals } = args;
        let (given, total) = (positional.len(), self.params.len());
        let mut bound = Bound { values: Vec::with_capacity(total), literals: 0 };
        bound.literals = literals & ((1u64 << given.min(total).min(63)) - 1);
        bound.values.extend(positional.into_iter().take(total).map(Some));
        bound.values.resize_with(total, || None);
        for (i, (keyword, value)) in keywords.into_iter().enumerate() {
            let Some(at) = self.params.iter().position(|p| **p == *keyword) else {
                return self.error(format!("got an unexpected keyword argument '{keyword}'"));
            };
            if bound.values[at].is_some() {
                return self.error(format!("got multiple values for argument '{keyword}'"));
            }
            bound.values[at] = Some(value);
            if literals >> (given + i).min(63) & 1 == 1 {
                bound.literals |= 1 << at;
            }
        }
        if given > total {
            return self.too_many(given);
        }
        let missing: Vec<&str> =
            (0..self.required).filter(|&i| bound.values[i].is_none()).map(|i| self.params[i]).collect();
        if missing.is_empty() { Ok(bound) } else { self.missing(&missing) }
    }

    fn error<T>(&self, message: String) -> Eval<T> {
        Err(Raise::type_error(format!("{}() {message}", self.name)))
    }

    fn too_many<T>(&self, given: usize) -> Eval<T> {
        let total = self.params.len();
        let wanted = if self.required == total {
            format!("{total} positional argument{}", plural(total))
        } else {
            format!("from {} to {total} positional arguments", self.required)
        };
        let were = if given == 1 { "was" } else { "were" };
        self.error(format!("takes {wanted} but {given} {were} given"))
    }

    fn missing<T>(&self, names: &[&str]) -> Eval<T> {
        let quoted: Vec<String> = names.iter().map(|n| format!("'{n}'")).collect();
        let list = match &quoted[..] {
            [all @ .., last] if all.len() == 1 => format!("{} and {last}", all[0]),
            [all @ .., last] if all.len() > 1 => format!("{}, and {last}", all.join(", ")),
            all => all.concat(),
        };
        let count = names.len();
        self.error(format!("missing {count} required positional argument{}: {list}", plural(count)))
    }
}

impl Bound {
    /// Takes the argument for parameter `i`, if it was given.
    pub(crate) fn take(&mut self, i: usize) -> Option<Value> {
        self.values[i].take()
    }

    /// Takes the argument for parameter `i`; `None` stands for a missing one.
    pub(crate) fn value(&mut self, i: usize) -> Value {
        self.take(i).unwrap_or(Value::None)
    }

    /// The argument for parameter `i`, if it was given and not taken yet.
    pub(crate) fn value_ref(&self, i: usize) -> Option<&Value> {
        self.values[i].as_ref()
    }

    /// Whether the author wrote the argument for parameter `i` as a literal.
    pub(crate) fn is_literal(&self, i: usize) -> bool {
        self.literals >> i & 1 == 1
    }
}
