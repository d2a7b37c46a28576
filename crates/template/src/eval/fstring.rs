//! f-strings at run time.

use super::Machine;
use crate::exception::Eval;
use crate::expr::ast::FormatPart;
use crate::py::format::format;
use crate::value::{Value, repr, to_str};

impl Machine<'_> {
    pub(super) fn joined(&mut self, parts: &[FormatPart]) -> Eval<Value> {
        let text = self.join_parts(parts)?;
        self.meter.grow(text.len())?;
        Ok(Value::str(text))
    }

    fn join_parts(&mut self, parts: &[FormatPart]) -> Eval<String> {
        let mut out = String::new();
        for part in parts {
            match part {
                FormatPart::Text(text) => out.push_str(text),
                FormatPart::Value { value, conversion, spec } => {
                    let mut value = self.eval(value)?;
                    match conversion {
                        Some('s') => value = Value::str(to_str(&value)),
                        Some(_) => value = Value::str(repr(&value)),
                        None => {}
                    }
                    let spec = match spec {
                        Some(spec) => self.join_parts(spec)?,
                        None => String::new(),
                    };
                    let text = format(&value, &spec)?;
                    self.meter.grow(text.len())?;
                    out.push_str(&text);
                }
            }
        }
        Ok(out)
    }
}
