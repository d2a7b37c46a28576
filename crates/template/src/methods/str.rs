//! Methods of strings.

use std::sync::Arc;

use crate::eval::iter::iterate;
use crate::eval::{Args, Machine, Signature};
use crate::exception::{Class, Eval, Raise};
use crate::py::digits;
use crate::py::number::{Num, of};
use crate::py::text::{self, is_space};
use crate::value::{Value, to_str};

/// All methods, in alphabetical order.
pub(super) const NAMES: [&str; 43] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

pub(super) fn call(machine: &mut Machine<'_>, value: &Arc<str>, name: &str, args: Args) -> Eval<Value> {
    machine.meter.grow(value.len())?;
    match name {
        "split" | "rsplit" => split(machine, value, name, args),
        "splitlines" => {
            let mut bound = Signature { name: "splitlines", params: &["keepends"], required: 0 }.bind(args)?;
            let lines = text::splitlines(value, bound.value(0).truthy());
            machine.meter.grow(lines.len() * size_of::<Value>())?;
            Ok(Value::list(lines.into_iter().map(Value::str).collect()))
        }
        "join" => join(machine, value, args),
        "replace" => replace(machine, value, args),
        "startswith" | "endswith" => affix(value, name, &args),
        "find" | "rfind" | "index" | "rindex" | "count" => search(value, name, &args),
        "strip" | "lstrip" | "rstrip" => strip(value, name, &args),
        "partition" | "rpartition" => partition(value, name, &args),
        "removeprefix" | "removesuffix" => {
            args.count(name, 1, 1)?;
            let affix = text_arg(&args, 0, name)?;
            let cut = if name == "removeprefix" { value.strip_prefix(&**affix) } else { value.strip_suffix(&**affix) };
            Ok(cut.map_or_else(|| Value::Str(Arc::clone(value)), Value::str))
        }
        "center" | "ljust" | "rjust" | "zfill" => pad(machine, value, name, &args),
        "expandtabs" => {
            let mut bound = Signature { name: "expandtabs", params: &["tabsize"], required: 0 }.bind(args)?;
            let size = bound.take(0).map_or(Ok(8), |v| width(&v))?;
            machine.meter.grow(value.len().saturating_mul(size.max(1)))?;
            Ok(Value::str(expand_tabs(value, size)))
        }
        "encode" => Ok(Value::Bytes(value.as_bytes().into())),
        _ => {
            args.no_keywords(&format!("str.{name}"))?;
            if !args.positional.is_empty() {
                let given = args.positional.len();
                return Err(Raise::type_error(format!("str.{name}() takes no arguments ({given} given)")));
            }
            Ok(simple(value, name))
        }
    }
}

/// The methods without arguments.
fn simple(value: &str, name: &str) -> Value {
    let text = match name {
        "lower" | "casefold" => value.to_lowercase(),
        "upper" => value.to_uppercase(),
        "title" => text::title(value),
        "capitalize" => text::capitalize(value),
        "swapcase" => text::swapcase(value),
        _ => return Value::Bool(question(value, name)),
    };
    Value::str(text)
}

fn question(value: &str, name: &str) -> bool {
    let all = |test: fn(char) -> bool| !value.is_empty() && value.chars().all(test);
    let cased = || value.chars().any(|c| c.is_lowercase() || c.is_uppercase());
    match name {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => value.is_ascii(),
        "isdecimal" => all(digits::is_digit),
        "isdigit" => {
            all(|c| digits::is_digit(c) || matches!(c, '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{2070}'..='\u{2089}'))
        }
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(is_space),
        "islower" => cased() && !value.chars().any(char::is_uppercase),
        "isupper" => cased() && !value.chars().any(char::is_lowercase),
        "istitle" => cased() && text::title(value) == value,
        "isprintable" => value.chars().all(crate::py::repr::is_printable),
        "isidentifier" => {
            value.starts_with(|c: char| c == '_' || c.is_alphabetic())
                && value.chars().all(|c| c == '_' || c.is_alphanumeric())
        }
        _ => false,
    }
}

fn text_arg<'a>(args: &'a Args, i: usize, name: &str) -> Eval<&'a Arc<str>> {
    let value = args.get(i).unwrap_or(&Value::None);
    value.as_text().ok_or_else(|| {
        let type_name = value.type_name();
        Raise::type_error(format!("{name}() argument {} must be str, not {type_name}", i + 1))
    })
}

fn int_arg(value: &Value) -> Eval<i64> {
    match of(value) {
        Some(Num::Int(n)) => Ok(n),
        Some(Num::Big(_)) => Err(Raise::new(Class::Overflow, "Python int too large to convert to C ssize_t")),
        _ => {
            let message = format!("'{}' object cannot be interpreted as an integer", value.type_name());
            Err(Raise::type_error(message))
        }
    }
}

fn width(value: &Value) -> Eval<usize> {
    Ok(usize::try_from(int_arg(value)?).unwrap_or(0))
}

fn split(machine: &mut Machine<'_>, value: &str, name: &str, args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "split", params: &["sep", "maxsplit"], required: 0 }.bind(args)?;
    let (separator, max) = (bound.value(0), bound.take(1));
    let max = max.map_or(Ok(-1), |m| int_arg(&m))?;
    let limit = usize::try_from(max).map_or(usize::MAX, |m| m);
    let from_right = name == "rsplit";
    let mut parts: Vec<&str> = match &separator {
        Value::None => split_blanks(value, limit, from_right),
        other => {
            let Some(separator) = other.as_text() else {
                return Err(Raise::type_error(format!("must be str or None, not {}", other.type_name())));
            };
            if separator.is_empty() {
                return Err(Raise::value_error("empty separator"));
            }
            let pieces = limit.saturating_add(1);
            if from_right {
                let mut parts: Vec<&str> = value.rsplitn(pieces, &**separator).collect();
                parts.reverse();
                parts
            } else {
                value.splitn(pieces, &**separator).collect()
            }
        }
    };
    machine.meter.steps(parts.len())?;
    machine.meter.grow(parts.len() * size_of::<Value>())?;
    Ok(Value::list(parts.drain(..).map(Value::str).collect()))
}

/// Splits at runs of blanks, at most `limit` times; what is left over then stays as it is.
fn split_blanks(value: &str, limit: usize, from_right: bool) -> Vec<&str> {
    let trim = |text: &str| -> usize {
        if from_right {
            text.trim_end_matches(is_space).len()
        } else {
            text.len() - text.trim_start_matches(is_space).len()
        }
    };
    let near = |text| if from_right { &value[..trim(text)] } else { &value[value.len() - text.len() + trim(text)..] };
    let mut parts = Vec::new();
    let mut rest = near(value);
    while !rest.is_empty() {
        let blank = if from_right { rest.rfind(is_space) } else { rest.find(is_space) };
        let Some(i) = blank.filter(|_| parts.len() < limit) else {
            parts.push(rest);
            break;
        };
        let gap = rest[i..].chars().next().map_or(0, char::len_utf8);
        let (part, after) = if from_right { (&rest[i + gap..], &rest[..i]) } else { (&rest[..i], &rest[i + gap..]) };
        parts.push(part);
        rest = near(after);
    }
    if from_right {
        parts.reverse();
    }
    parts
}

fn join(machine: &mut Machine<'_>, separator: &str, args: Args) -> Eval<Value> {
    args.no_keywords("str.join")?;
    args.count("str.join", 1, 1)?;
    if iterate(&args.positional[0]).is_err() {
        return Err(Raise::type_error("can only join an iterable"));
    }
    let items = machine.collect(&args.positional[0])?;
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        let Some(text) = item.as_text() else {
            let message = format!("sequence item {i}: expected str instance, {} found", item.type_name());
            return Err(Raise::type_error(message));
        };
        machine.meter.grow(text.len() + separator.len())?;
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(Value::str(out))
}

fn replace(machine: &mut Machine<'_>, value: &Arc<str>, args: Args) -> Eval<Value> {
    args.no_keywords("str.replace")?;
    if !(2..=3).contains(&args.positional.len()) {
        let given = args.positional.len();
        return Err(Raise::type_error(format!("replace expected at least 2 arguments, got {given}")));
    }
    let (old, new) = (text_arg(&args, 0, "replace")?, text_arg(&args, 1, "replace")?);
    let count = args.get(2).map_or(Ok(-1), int_arg)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let places = if old.is_empty() { value.len() + 1 } else { value.len() / old.len() };
    machine.meter.grow(value.len().saturating_add(places.min(count).saturating_mul(new.len())))?;
    Ok(Value::str(value.replacen(&**old, new, count)))
}

/// The part of `value` that the optional bounds at `args[1..]` select, and its start in characters.
fn window<'a>(value: &'a str, args: &Args) -> Eval<Option<(&'a str, usize)>> {
    let bound = |i: usize| match args.get(i) {
        None | Some(Value::None) => Ok(None),
        Some(value) => int_arg(value).map(Some),
    };
    let (start, end) = (bound(1)?, bound(2)?);
    let len = text::len(value);
    if start.is_some_and(|s| s > len as i64) {
        return Ok(None);
    }
    let (start, end) = text::slice_bounds(len, start, end, 1);
    let (start, end) = (start as usize, end.max(0) as usize);
    if start > end {
        return Ok(None);
    }
    let from = text::offset(value, start);
    let to = text::offset(value, end);
    Ok(Some((&value[from..to], start)))
}

fn affix(value: &str, name: &str, args: &Args) -> Eval<Value> {
    args.no_keywords(&format!("str.{name}"))?;
    args.count(name, 1, 3)?;
    let Some((part, _)) = window(value, args)? else { return Ok(Value::Bool(false)) };
    let matches = |affix: &Value| match affix.as_text() {
        Some(affix) if name == "startswith" => Ok(part.starts_with(&**affix)),
        Some(affix) => Ok(part.ends_with(&**affix)),
        None => {
            Err(Raise::type_error(format!("{name} first arg must be str or a tuple of str, not {}", affix.type_name())))
        }
    };
    match &args.positional[0] {
        Value::Tuple(affixes) => {
            for affix in affixes.iter() {
                if matches(affix)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        affix => matches(affix).map(Value::Bool),
    }
}

fn search(value: &str, name: &str, args: &Args) -> Eval<Value> {
    args.no_keywords(&format!("str.{name}"))?;
    args.count(name, 1, 3)?;
    let needle = args.positional[0]
        .as_text()
        .ok_or_else(|| Raise::type_error(format!("must be str, not {}", args.positional[0].type_name())))?;
    let found = match window(value, args)? {
        None if name == "count" => return Ok(Value::Int(0)),
        None => None,
        Some((part, start)) => {
            if name == "count" {
                return Ok(Value::Int(part.matches(&**needle).count() as i64));
            }
            let at = if name.starts_with('r') { part.rfind(&**needle) } else { part.find(&**needle) };
            at.map(|i| start + text::len(&part[..i]))
        }
    };
    match found {
        Some(i) => Ok(Value::Int(i as i64)),
        None if name.ends_with("index") => Err(Raise::value_error("substring not found")),
        None => Ok(Value::Int(-1)),
    }
}

fn strip(value: &str, name: &str, args: &Args) -> Eval<Value> {
    args.no_keywords(&format!("str.{name}"))?;
    args.count(name, 0, 1)?;
    let set: Option<Vec<char>> = match args.get(0) {
        None | Some(Value::None) => None,
        Some(other) => match other.as_text() {
            Some(chars) => Some(chars.chars().collect()),
            None => return Err(Raise::type_error(format!("{name} arg must be None or str"))),
        },
    };
    let drop = |c: char| set.as_ref().map_or_else(|| is_space(c), |set| set.contains(&c));
    let mut rest = value;
    if name != "rstrip" {
        rest = rest.trim_start_matches(drop);
    }
    if name != "lstrip" {
        rest = rest.trim_end_matches(drop);
    }
    Ok(Value::str(rest))
}

fn partition(value: &str, name: &str, args: &Args) -> Eval<Value> {
    args.no_keywords(&format!("str.{name}"))?;
    args.count(name, 1, 1)?;
    let separator = text_arg(args, 0, name)?;
    if separator.is_empty() {
        return Err(Raise::value_error("empty separator"));
    }
    let from_right = name == "rpartition";
    let parts = if from_right { value.rsplit_once(&**separator) } else { value.split_once(&**separator) };
    let parts = match parts {
        Some((before, after)) => [before, separator, after],
        None if from_right => ["", "", value],
        None => [value, "", ""],
    };
    Ok(Value::tuple(parts.map(Value::str)))
}

fn pad(machine: &mut Machine<'_>, value: &str, name: &str, args: &Args) -> Eval<Value> {
    args.no_keywords(&format!("str.{name}"))?;
    args.count(name, 1, if name == "zfill" { 1 } else { 2 })?;
    let width = width(&args.positional[0])?;
    let fill = match args.get(1) {
        None if name == "zfill" => "0".into(),
        None => " ".into(),
        Some(fill) => to_str(fill),
    };
    let mut chars = fill.chars();
    let (Some(fill), None) = (chars.next(), chars.next()) else {
        return Err(Raise::type_error("The fill character must be exactly one character long"));
    };
    let missing = width.saturating_sub(text::len(value));
    machine.meter.grow(missing.saturating_mul(fill.len_utf8()))?;
    let run = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
    Ok(Value::str(match name {
        "ljust" => format!("{value}{}", run(missing)),
        "rjust" => format!("{}{value}", run(missing)),
        "zfill" => {
            let (sign, rest) = value.split_at(usize::from(value.starts_with(['+', '-'])));
            format!("{sign}{}{rest}", run(missing))
        }
        _ => {
            let left = missing / 2 + (missing & width & 1);
            format!("{}{value}{}", run(left), run(missing - left))
        }
    }))
}

fn expand_tabs(value: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in value.chars() {
        match c {
            '\t' => {
                let spaces = if size == 0 { 0 } else { size - column % size };
                out.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}
