//! The functions the template language adds to Python.

pub(crate) mod array;
mod checks;
mod dates;
mod hints;
mod identifiers;
mod json;
pub(crate) mod print;
mod scalar;
mod secrets;
mod sql;

use crate::eval::{Args, Machine};
use crate::exception::Eval;
use crate::value::Value;

pub use identifiers::SAMPLE_NAME;
pub(crate) use scalar::Scalar;

/// The units of the date differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Minutes,
    Hours,
    Days,
}

/// A function of the template language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Scalar(Scalar),
    Boolean,
    Array,
    Json,
    Symbol,
    /// `Symbol` and `Column`, which only statements can call.
    SymbolType,
    ColumnType,
    Column,
    Columns,
    Table,
    SqlAnd,
    SqlUnescape,
    SplitToArray,
    EnumerateWithLast,
    Defined,
    DayDiff,
    DateDiff(Unit),
    Error,
    CustomError,
    Secret,
    MaxThreads,
    BackendHint,
    CacheTtl,
    Activate,
    Disable,
}

/// All names, in alphabetical order.
const NAMES: [(&str, Function); 30] = [
    ("Array", Function::Array),
    ("Boolean", Function::Boolean),
    ("Column", Function::ColumnType),
    ("JSON", Function::Json),
    ("Symbol", Function::SymbolType),
    ("TABLE", Function::Table),
    ("activate", Function::Activate),
    ("backend_hint", Function::BackendHint),
    ("bool", Function::Boolean),
    ("cache_ttl", Function::CacheTtl),
    ("column", Function::Column),
    ("columns", Function::Columns),
    ("custom_error", Function::CustomError),
    ("date_diff_in_days", Function::DateDiff(Unit::Days)),
    ("date_diff_in_hours", Function::DateDiff(Unit::Hours)),
    ("date_diff_in_minutes", Function::DateDiff(Unit::Minutes)),
    ("date_diff_in_seconds", Function::DateDiff(Unit::Seconds)),
    ("day_diff", Function::DayDiff),
    ("defined", Function::Defined),
    ("disable", Function::Disable),
    ("enumerate_with_last", Function::EnumerateWithLast),
    ("error", Function::Error),
    ("max_threads", Function::MaxThreads),
    ("split_to_array", Function::SplitToArray),
    ("sql_and", Function::SqlAnd),
    ("sql_unescape", Function::SqlUnescape),
    ("symbol", Function::Symbol),
    ("table", Function::Table),
    ("tb_secret", Function::Secret),
    ("tb_var", Function::Secret),
];

impl Function {
    pub(crate) fn from_name(name: &str) -> Option<Function> {
        let found = NAMES.binary_search_by(|(n, _)| (*n).cmp(name)).ok().map(|i| NAMES[i].1);
        found.or_else(|| Scalar::from_name(name).map(Function::Scalar))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Function::Scalar(scalar) => scalar.name(),
            _ => NAMES.iter().find(|(_, f)| *f == self).map_or("", |(n, _)| n),
        }
    }
}

/// Calls a template function.
pub(crate) fn call(machine: &mut Machine<'_>, function: Function, args: Args) -> Eval<Value> {
    match function {
        Function::Scalar(scalar) => scalar::call(machine, scalar, args),
        Function::Boolean => scalar::boolean(args),
        Function::Array => array::call(machine, args),
        Function::Json => json::call(machine, args),
        Function::Symbol => identifiers::symbol(args),
        Function::SymbolType | Function::ColumnType => identifiers::symbol_type(function.name(), args),
        Function::Column => identifiers::column(args),
        Function::Columns => identifiers::columns(machine, args),
        Function::Table => identifiers::table(args),
        Function::SqlAnd => sql::and(machine, args),
        Function::SqlUnescape => sql::unescape(args),
        Function::SplitToArray => sql::split_to_array(machine, args),
        Function::EnumerateWithLast => sql::enumerate_with_last(machine, args),
        Function::Defined => checks::defined(args),
        Function::DayDiff => dates::day_diff(args),
        Function::DateDiff(unit) => dates::date_diff(unit, args),
        Function::Error => checks::error(machine, args),
        Function::CustomError => checks::custom_error(machine, args),
        Function::Secret => secrets::call(machine, args),
        Function::MaxThreads => hints::max_threads(machine, args),
        Function::BackendHint => hints::backend_hint(machine, args),
        Function::CacheTtl => hints::cache_ttl(machine, args),
        Function::Activate => hints::activate(machine, args),
        Function::Disable => hints::disable(machine, args),
    }
}
