//! The syntax tree of Python expressions and of the simple statements a tag may hold.

use std::sync::Arc;

use num_bigint::BigInt;

/// A name, as an index into the template's [`super::symbols::Symbols`].
pub(crate) type Sym = u32;

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Const {
    None,
    True,
    False,
    Ellipsis,
    Int(i64),
    Big(Arc<BigInt>),
    Float(f64),
    /// The number in front of `j`.
    Imaginary(f64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
}

/// Where a name's value lives; filled in by `scope`, [`Slot::Global`] until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A parameter, a function or a builtin.
    Global,
    /// A variable of the template itself.
    Local(u16),
    /// A variable of a comprehension or lambda.
    Inner(u16),
}

/// The operators of a chain of comparisons, each with its right side.
pub(crate) type Comparisons = Box<[(CmpOp, Expr)]>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Const(Const),
    Name {
        sym: Sym,
        slot: Slot,
    },
    /// Whether the operator is `and` rather than `or`, and the operands.
    BoolOp(Box<(bool, Box<[Expr]>)>),
    /// `target := value`; the target is a name.
    Named(Box<(Expr, Expr)>),
    Binary(Box<(Expr, BinOp, Expr)>),
    Unary(UnaryOp, Box<Expr>),
    Lambda(Arc<Lambda>),
    /// test, body, otherwise
    If(Box<(Expr, Expr, Expr)>),
    /// A missing key is a `**mapping`.
    Dict(Box<[(Option<Expr>, Expr)]>),
    Set(Box<[Expr]>),
    List(Box<[Expr]>),
    Tuple(Box<[Expr]>),
    Comprehension(Box<Comprehension>),
    Await(Box<Expr>),
    Yield(Option<Box<Expr>>),
    YieldFrom(Box<Expr>),
    Compare(Box<(Expr, Comparisons)>),
    Call(Box<Call>),
    Joined(Box<[FormatPart]>),
    Attribute(Box<(Expr, Sym)>),
    Subscript(Box<(Expr, Expr)>),
    Starred(Box<Expr>),
    Slice(Box<[Option<Expr>; 3]>),
}

/// A piece of an f-string.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FormatPart {
    Text(Arc<str>),
    Value { value: Expr, conversion: Option<char>, spec: Option<Box<[FormatPart]>> },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lambda {
    pub(crate) positional_only: usize,
    /// Positional parameters; the first `positional_only` of them cannot be given by name.
    pub(crate) args: Box<[Param]>,
    pub(crate) vararg: Option<Param>,
    pub(crate) keyword_only: Box<[Param]>,
    pub(crate) kwarg: Option<Param>,
    pub(crate) body: Expr,
    /// Slots of enclosing comprehensions and lambdas, saved when the lambda is made.
    pub(crate) captures: Box<[u16]>,
    /// Slots the lambda and what it holds use themselves.
    pub(crate) own: Box<[u16]>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Param {
    pub(crate) sym: Sym,
    pub(crate) slot: Slot,
    pub(crate) default: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComprehensionKind {
    List,
    Set,
    Dict,
    Generator,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comprehension {
    pub(crate) kind: ComprehensionKind,
    /// The element, or a dict's key.
    pub(crate) element: Expr,
    /// A dict's value.
    pub(crate) value: Option<Expr>,
    pub(crate) clauses: Box<[Clause]>,
}

/// `for target in iter if ... if ...`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    pub(crate) target: Expr,
    pub(crate) iter: Expr,
    pub(crate) conditions: Box<[Expr]>,
    pub(crate) is_async: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) func: Expr,
    pub(crate) args: Box<[Expr]>,
    pub(crate) keywords: Box<[Keyword]>,
}

/// `name=value`, or `**value` without a name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Keyword {
    pub(crate) name: Option<Sym>,
    pub(crate) value: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinOp {
    Add,
    Sub,
    Mult,
    MatMult,
    Div,
    Mod,
    Pow,
    LShift,
    RShift,
    BitOr,
    BitXor,
    BitAnd,
    FloorDiv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Invert,
    Not,
    UAdd,
    USub,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CmpOp {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}

/// A statement that fits on one line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stmt {
    Expr(Expr),
    Assign { targets: Box<[Expr]>, value: Expr },
    AugAssign { target: Expr, op: BinOp, value: Expr },
    AnnAssign { target: Expr, annotation: Expr, value: Option<Expr>, simple: bool },
    Pass,
    Break,
    Continue,
    Delete(Box<[Expr]>),
    Return(Option<Expr>),
    Raise { exc: Option<Expr>, cause: Option<Expr> },
    Assert { test: Expr, message: Option<Expr> },
    Import(Box<[Alias]>),
    ImportFrom { module: Option<String>, names: Box<[Alias]>, level: usize },
    Global(Box<[String]>),
    Nonlocal(Box<[String]>),
}

/// `name as asname`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) asname: Option<String>,
}

/// What stands between a block's keyword and the end of its tag.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Header {
    /// `if`, `elif`, `while`
    Test(Expr),
    For {
        target: Expr,
        iter: Expr,
    },
    Except {
        class: Option<Expr>,
        name: Option<(Sym, Slot)>,
    },
    /// `else`, `try`, `finally`
    Bare,
}

impl Expr {
    pub(crate) fn name(sym: Sym) -> Expr {
        Expr::Name { sym, slot: Slot::Global }
    }
}

impl BinOp {
    pub(crate) fn name(self) -> &'static str {
        match self {
            BinOp::Add => "Add",
            BinOp::Sub => "Sub",
            BinOp::Mult => "Mult",
            BinOp::MatMult => "MatMult",
            BinOp::Div => "Div",
            BinOp::Mod => "Mod",
            BinOp::Pow => "Pow",
            BinOp::LShift => "LShift",
            BinOp::RShift => "RShift",
            BinOp::BitOr => "BitOr",
            BinOp::BitXor => "BitXor",
            BinOp::BitAnd => "BitAnd",
            BinOp::FloorDiv => "FloorDiv",
        }
    }

    /// The operator as it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            BinOp::Add => "+",
            BinOp::Sub => "-",
            BinOp::Mult => "*",
            BinOp::MatMult => "@",
            BinOp::Div => "/",
            BinOp::Mod => "%",
            BinOp::Pow => "**",
            BinOp::LShift => "<<",
            BinOp::RShift => ">>",
            BinOp::BitOr => "|",
            BinOp::BitXor => "^",
            BinOp::BitAnd => "&",
            BinOp::FloorDiv => "//",
        }
    }

    pub(crate) fn from_sign(sign: &str) -> Option<BinOp> {
        const ALL: [BinOp; 13] = [
            BinOp::Add,
            BinOp::Sub,
            BinOp::Mult,
            BinOp::MatMult,
            BinOp::Div,
            BinOp::Mod,
            BinOp::Pow,
            BinOp::LShift,
            BinOp::RShift,
            BinOp::BitOr,
            BinOp::BitXor,
            BinOp::BitAnd,
            BinOp::FloorDiv,
        ];
        ALL.into_iter().find(|op| op.sign() == sign)
    }
}

impl UnaryOp {
    pub(crate) fn name(self) -> &'static str {
        match self {
            UnaryOp::Invert => "Invert",
            UnaryOp::Not => "Not",
            UnaryOp::UAdd => "UAdd",
            UnaryOp::USub => "USub",
        }
    }
}

impl CmpOp {
    pub(crate) fn name(self) -> &'static str {
        match self {
            CmpOp::Eq => "Eq",
            CmpOp::NotEq => "NotEq",
            CmpOp::Lt => "Lt",
            CmpOp::LtE => "LtE",
            CmpOp::Gt => "Gt",
            CmpOp::GtE => "GtE",
            CmpOp::Is => "Is",
            CmpOp::IsNot => "IsNot",
            CmpOp::In => "In",
            CmpOp::NotIn => "NotIn",
        }
    }
}
