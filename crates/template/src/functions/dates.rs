//! `day_diff` and the `date_diff_in_*` functions.

use super::Unit;
use crate::eval::{Args, Signature};
use crate::exception::{Eval, Raise};
use crate::py::strptime::{self, Moment};
use crate::value::Value;

const DAY: &str = "%Y-%m-%d";
const SECOND: &str = "%Y-%m-%d %H:%M:%S";

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "date_diff_in_seconds",
            Unit::Minutes => "date_diff_in_minutes",
            Unit::Hours => "date_diff_in_hours",
            Unit::Days => "date_diff_in_days",
        }
    }

    fn micros(self) -> i64 {
        match self {
            Unit::Seconds => 1_000_000,
            Unit::Minutes => 60_000_000,
            Unit::Hours => 3_600_000_000,
            Unit::Days => 86_400_000_000,
        }
    }

    fn default_format(self) -> &'static str {
        if self == Unit::Days { DAY } else { SECOND }
    }

    fn error(self) -> Raise {
        // The minutes' message names the seconds' function, as the reference's does.
        let named = if self == Unit::Minutes { Unit::Seconds } else { self }.name();
        Raise::template(match self {
            Unit::Days => {
                format!(
                    "invalid date format in function `{named}`, it must be ISO format date YYYY-MM-DD, e.g. 2018-09-26"
                )
            }
            _ => format!(
                "invalid date_format in function `{named}`, defaults to YYYY-MM-DD hh:mm:ss. Or %Y-%m-%d %H:%M:%S \
                 [.ssssss]Z, e.g. ms: 2022-12-19T18:42:22.591Z s:2022-12-19T18:42:22Z"
            ),
        })
    }
}

/// `day_diff(a, b, default=0)`
pub(crate) fn day_diff(args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "day_diff", params: &["d0", "d1", "default"], required: 2 }.bind(args)?;
    let (a, b) = (bound.value(0), bound.value(1));
    if is_placeholder(&a) || is_placeholder(&b) {
        return Ok(Value::Int(0));
    }
    difference(&a, &b, &[DAY], Unit::Days).ok_or_else(|| {
        Raise::template(
            "invalid date format in function `day_diff`, it must be ISO format date YYYY-MM-DD, e.g. 2018-09-26. For other \
             fotmats, try `date_diff_in_days`",
        )
    })
}

/// `date_diff_in_days(a, b, date_format, default=None, backup_date_format=None, none_if_error=False)` and its kin
pub(crate) fn date_diff(unit: Unit, args: Args) -> Eval<Value> {
    let params = &["d0", "d1", "date_format", "default", "backup_date_format", "none_if_error"];
    let mut bound = Signature { name: unit.name(), params, required: 2 }.bind(args)?;
    let (a, b) = (bound.value(0), bound.value(1));
    let (format, default, backup) = (bound.take(2), bound.value(3), bound.value(4));
    if is_placeholder(&a) || is_placeholder(&b) {
        return Ok(if default.is_none() { Value::Int(0) } else { default });
    }
    let format = match &format {
        None => Some(unit.default_format()),
        Some(value) => value.as_text().map(|t| &**t),
    };
    let formats: Vec<&str> = format.into_iter().chain(backup.as_text().map(|t| &**t)).collect();
    match difference(&a, &b, &formats, unit) {
        Some(value) => Ok(value),
        None if bound.value(5).truthy() => Ok(Value::None),
        None => Err(unit.error()),
    }
}

fn is_placeholder(value: &Value) -> bool {
    matches!(value, Value::Placeholder(_))
}

/// The whole units between two dates, each in any of `formats`.
fn difference(a: &Value, b: &Value, formats: &[&str], unit: Unit) -> Option<Value> {
    let parse = |value: &Value| -> Option<Moment> {
        let text = value.as_text()?;
        formats.iter().find_map(|format| strptime::parse(text, format))
    };
    let (a, b) = (parse(a)?, parse(b)?);
    // A time with an offset and one without cannot be compared.
    let offset = match (a.offset_micros, b.offset_micros) {
        (None, None) => 0,
        (Some(x), Some(y)) => x - y,
        _ => return None,
    };
    Some(Value::Int((a.micros - b.micros - offset).abs() / unit.micros()))
}
