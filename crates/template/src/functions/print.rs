//! How values look in SQL.

use crate::eval::Machine;
use crate::exception::{Eval, Raise};
use crate::value::{Value, push_str};

/// Appends `text` with the characters that mean something inside quotes escaped.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(i) = rest.bytes().position(|b| escape(b).is_some()) {
        out.push_str(&rest[..i]);
        out.push_str(escape(rest.as_bytes()[i]).unwrap_or_default());
        rest = &rest[i + 1..];
    }
    out.push_str(rest);
}

/// The escape of a byte. `%` is escaped for LIKE, the backtick because identifiers use the same table.
fn escape(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "\\0",
        b'\r' => "\\r",
        b'\n' => "\\n",
        8 => "\\b",
        b'\t' => "\\t",
        0x1a => "\\z",
        b'"' => "\\\"",
        b'\'' => "\\'",
        b'\\' => "\\\\",
        b'%' => "\\%",
        b'`' => "\\`",
        _ => return None,
    })
}

/// Appends `text` as a string literal.
pub(crate) fn push_quoted(out: &mut String, text: &str) {
    out.push('\'');
    push_escaped(out, text);
    out.push('\'');
}

/// Appends a value as SQL shows it inside an array or a condition.
pub(crate) fn push_element(out: &mut String, value: &Value) {
    match value {
        Value::Str(text) => push_quoted(out, text),
        Value::Placeholder(_) => push_quoted(out, crate::placeholder::TEXT),
        other => push_str(out, other),
    }
}

/// Prints the value of a `{{ }}` tag.
pub(crate) fn push(machine: &mut Machine<'_>, value: &Value) -> Eval<()> {
    match value {
        Value::None => return Err(null_error(machine.tag.of(machine.text))),
        Value::List(items) if machine.context.escape_arrays => {
            push_array(&mut machine.out, &items.borrow(), 0);
        }
        other => push_element(&mut machine.out, other),
    }
    Ok(())
}

fn null_error(expression: &str) -> Raise {
    const SHOWN: usize = 20;
    let shown: String = expression.chars().take(SHOWN).collect();
    let dots = if expression.chars().count() > SHOWN { "..." } else { "" };
    Raise::template(format!("expression \"{shown}{dots}\" evaluated to null"))
}

/// A list as an SQL array, under the flag `escape_arrays`.
fn push_array(out: &mut String, items: &[Value], depth: usize) {
    const MAX_DEPTH: usize = 100;
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        match item {
            Value::Str(text) => {
                out.push('\'');
                out.push_str(&text.replace('\\', "\\\\").replace('\'', "''"));
                out.push('\'');
            }
            Value::List(inner) if depth < MAX_DEPTH => push_array(out, &inner.borrow(), depth + 1),
            other => push_str(out, other),
        }
    }
    out.push(']');
}
