//! Python's builtin functions and types, as far as templates may use them.

mod convert;
mod sequence;

pub(crate) use convert::to_int;
pub(crate) use sequence::{len, sort, update};

use crate::eval::{Args, Machine};
use crate::exception::Eval;
use crate::value::Value;

macro_rules! builtins {
    ($($variant:ident $name:literal $kind:ident,)*) => {
        /// A builtin function or type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Builtin { $($variant,)* }

        impl Builtin {
            const ALL: &'static [(&'static str, Builtin, Kind)] = &[$(($name, Builtin::$variant, Kind::$kind),)*];
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Type,
}

// In alphabetical order: names are found by binary search.
builtins! {
    Abs "abs" Function,
    All "all" Function,
    Any "any" Function,
    Ascii "ascii" Function,
    Bin "bin" Function,
    Callable "callable" Function,
    Chr "chr" Function,
    Dict "dict" Type,
    Divmod "divmod" Function,
    Enumerate "enumerate" Type,
    Filter "filter" Type,
    Float "float" Type,
    FrozenSet "frozenset" Type,
    Hash "hash" Function,
    Hex "hex" Function,
    Int "int" Type,
    IsInstance "isinstance" Function,
    Iter "iter" Function,
    Len "len" Function,
    List "list" Type,
    Map "map" Type,
    Max "max" Function,
    Min "min" Function,
    Next "next" Function,
    Oct "oct" Function,
    Ord "ord" Function,
    Pow "pow" Function,
    Range "range" Type,
    Repr "repr" Function,
    Reversed "reversed" Type,
    Round "round" Function,
    Set "set" Type,
    Slice "slice" Type,
    Sorted "sorted" Function,
    Str "str" Type,
    Sum "sum" Function,
    Tuple "tuple" Type,
    Zip "zip" Type,
}

impl Builtin {
    pub(crate) fn from_name(name: &str) -> Option<Builtin> {
        Builtin::ALL.binary_search_by(|(n, ..)| (*n).cmp(name)).ok().map(|i| Builtin::ALL[i].1)
    }

    fn entry(self) -> (&'static str, Kind) {
        let (name, _, kind) = Builtin::ALL[self as usize];
        (name, kind)
    }

    pub(crate) fn name(self) -> &'static str {
        self.entry().0
    }

    pub(crate) fn type_name(self) -> &'static str {
        match self.entry().1 {
            Kind::Type => "type",
            Kind::Function => "builtin_function_or_method",
        }
    }

    pub(crate) fn repr(self) -> String {
        match self.entry() {
            (name, Kind::Type) => format!("<class '{name}'>"),
            (name, Kind::Function) => format!("<built-in function {name}>"),
        }
    }
}

/// Calls a builtin.
pub(crate) fn call(machine: &mut Machine<'_>, builtin: Builtin, args: Args) -> Eval<Value> {
    let name = builtin.name();
    match builtin {
        Builtin::Abs | Builtin::Divmod | Builtin::Pow | Builtin::Round | Builtin::Sum => {
            convert::arithmetic(machine, builtin, args)
        }
        Builtin::Bin | Builtin::Hex | Builtin::Oct | Builtin::Chr | Builtin::Ord => convert::digits(builtin, args),
        Builtin::Float | Builtin::Int | Builtin::Str | Builtin::Repr | Builtin::Ascii => convert::scalar(builtin, args),
        Builtin::Callable | Builtin::Hash | Builtin::IsInstance => convert::inspect(builtin, args),
        Builtin::Dict | Builtin::List | Builtin::Set | Builtin::FrozenSet | Builtin::Tuple | Builtin::Slice => {
            sequence::container(machine, builtin, args)
        }
        Builtin::Max | Builtin::Min => sequence::extreme(machine, builtin, args),
        Builtin::Sorted => sequence::sorted(machine, args),
        Builtin::Len => {
            args.no_keywords(name)?;
            args.count(name, 1, 1)?;
            Ok(Value::Int(len(&args.positional[0])? as i64))
        }
        Builtin::All | Builtin::Any => sequence::all_any(machine, builtin, args),
        Builtin::Range => sequence::range(args),
        Builtin::Iter | Builtin::Next => sequence::iterator(builtin, args),
        Builtin::Enumerate | Builtin::Filter | Builtin::Map | Builtin::Reversed | Builtin::Zip => {
            sequence::lazy(machine, builtin, args)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_numbered() {
        assert!(Builtin::ALL.windows(2).all(|w| w[0].0 < w[1].0));
        for (i, (name, builtin, _)) in Builtin::ALL.iter().enumerate() {
            assert_eq!(*builtin as usize, i);
            assert_eq!(Builtin::from_name(name), Some(*builtin));
        }
    }
}
