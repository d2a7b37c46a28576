//! Writes a syntax tree the way Python's `ast.dump` does; error texts show it.

use super::ast::{Alias, Call, Clause, Comprehension, ComprehensionKind, Const, Expr, FormatPart, Lambda, Param, Stmt};
use super::symbols::Symbols;
use crate::py::repr;

/// How a name, attribute, subscript or display is used.
#[derive(Clone, Copy)]
enum Context {
    Load,
    Store,
    Del,
}

impl Context {
    fn name(self) -> &'static str {
        match self {
            Context::Load => "Load()",
            Context::Store => "Store()",
            Context::Del => "Del()",
        }
    }
}

pub(crate) struct Dumper<'a> {
    pub(crate) symbols: &'a Symbols,
}

fn list<T>(items: impl IntoIterator<Item = T>, mut each: impl FnMut(T) -> String) -> String {
    let parts: Vec<String> = items.into_iter().map(&mut each).collect();
    format!("[{}]", parts.join(", "))
}

impl Dumper<'_> {
    pub(crate) fn expr(&self, expr: &Expr) -> String {
        self.with(expr, Context::Load)
    }

    fn exprs<'e>(&self, items: impl IntoIterator<Item = &'e Expr>, context: Context) -> String {
        list(items, |e| self.with(e, context))
    }

    fn with(&self, expr: &Expr, context: Context) -> String {
        let ctx = context.name();
        match expr {
            Expr::Const(constant) => format!("Constant(value={})", constant_repr(constant)),
            Expr::Name { sym, .. } => format!("Name(id={}, ctx={ctx})", repr::text(self.symbols.name(*sym))),
            Expr::List(items) => format!("List(elts={}, ctx={ctx})", self.exprs(items, context)),
            Expr::Tuple(items) => format!("Tuple(elts={}, ctx={ctx})", self.exprs(items, context)),
            Expr::Starred(inner) => format!("Starred(value={}, ctx={ctx})", self.with(inner, context)),
            Expr::Attribute(parts) => {
                let attr = repr::text(self.symbols.name(parts.1));
                format!("Attribute(value={}, attr={attr}, ctx={ctx})", self.expr(&parts.0))
            }
            Expr::Subscript(parts) => {
                format!("Subscript(value={}, slice={}, ctx={ctx})", self.expr(&parts.0), self.expr(&parts.1))
            }
            _ => self.operation(expr),
        }
    }

    fn operation(&self, expr: &Expr) -> String {
        match expr {
            Expr::BoolOp(parts) => {
                let op = if parts.0 { "And" } else { "Or" };
                format!("BoolOp(op={op}(), values={})", self.exprs(&parts.1, Context::Load))
            }
            Expr::Named(pair) => {
                format!("NamedExpr(target={}, value={})", self.with(&pair.0, Context::Store), self.expr(&pair.1))
            }
            Expr::Binary(parts) => {
                let (left, op, right) = &**parts;
                format!("BinOp(left={}, op={}(), right={})", self.expr(left), op.name(), self.expr(right))
            }
            Expr::Unary(op, inner) => format!("UnaryOp(op={}(), operand={})", op.name(), self.expr(inner)),
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::If(parts) => {
                let (test, body, otherwise) = &**parts;
                let [test, body, otherwise] = [test, body, otherwise].map(|e| self.expr(e));
                format!("IfExp(test={test}, body={body}, orelse={otherwise})")
            }
            Expr::Dict(items) => {
                let keys = list(items.iter(), |(key, _)| key.as_ref().map_or("None".to_owned(), |k| self.expr(k)));
                format!("Dict(keys={keys}, values={})", list(items.iter(), |(_, value)| self.expr(value)))
            }
            Expr::Set(items) => format!("Set(elts={})", self.exprs(items, Context::Load)),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Await(inner) => format!("Await(value={})", self.expr(inner)),
            Expr::Yield(value) => format!("Yield({})", self.fields(&[("value", value.as_deref())])),
            Expr::YieldFrom(inner) => format!("YieldFrom(value={})", self.expr(inner)),
            Expr::Compare(parts) => {
                let ops = list(parts.1.iter(), |(op, _)| format!("{}()", op.name()));
                let right = list(parts.1.iter(), |(_, e)| self.expr(e));
                format!("Compare(left={}, ops={ops}, comparators={right})", self.expr(&parts.0))
            }
            Expr::Call(call) => self.call(call),
            Expr::Joined(parts) => self.joined(parts),
            Expr::Slice(parts) => {
                let [lower, upper, step] = &**parts;
                let fields = [("lower", lower.as_ref()), ("upper", upper.as_ref()), ("step", step.as_ref())];
                format!("Slice({})", self.fields(&fields))
            }
            other => self.expr(other),
        }
    }

    fn call(&self, call: &Call) -> String {
        let args = self.exprs(&call.args, Context::Load);
        let keywords = list(call.keywords.iter(), |k| {
            let name = k.name.map_or(String::new(), |s| format!("arg={}, ", repr::text(self.symbols.name(s))));
            format!("keyword({name}value={})", self.expr(&k.value))
        });
        format!("Call(func={}, args={args}, keywords={keywords})", self.expr(&call.func))
    }

    /// Fields that are shown only when they are there.
    fn fields(&self, fields: &[(&str, Option<&Expr>)]) -> String {
        let shown: Vec<String> =
            fields.iter().filter_map(|(name, e)| e.map(|e| format!("{name}={}", self.expr(e)))).collect();
        shown.join(", ")
    }

    fn joined(&self, parts: &[FormatPart]) -> String {
        let values = list(parts, |part| match part {
            FormatPart::Text(text) => format!("Constant(value={})", repr::text(text)),
            FormatPart::Value { value, conversion, spec } => {
                let conversion = conversion.map_or(-1, |c| c as i32);
                let spec = spec.as_ref().map_or(String::new(), |s| format!(", format_spec={}", self.joined(s)));
                format!("FormattedValue(value={}, conversion={conversion}{spec})", self.expr(value))
            }
        });
        format!("JoinedStr(values={values})")
    }

    fn comprehension(&self, comprehension: &Comprehension) -> String {
        let generators = list(comprehension.clauses.iter(), |clause| self.clause(clause));
        let element = self.expr(&comprehension.element);
        let name = match comprehension.kind {
            ComprehensionKind::List => "ListComp",
            ComprehensionKind::Set => "SetComp",
            ComprehensionKind::Generator => "GeneratorExp",
            ComprehensionKind::Dict => {
                let value = comprehension.value.as_ref().map_or(String::new(), |v| self.expr(v));
                return format!("DictComp(key={element}, value={value}, generators={generators})");
            }
        };
        format!("{name}(elt={element}, generators={generators})")
    }

    fn clause(&self, clause: &Clause) -> String {
        let target = self.with(&clause.target, Context::Store);
        let (iter, ifs) = (self.expr(&clause.iter), self.exprs(&clause.conditions, Context::Load));
        format!("comprehension(target={target}, iter={iter}, ifs={ifs}, is_async={})", u8::from(clause.is_async))
    }

    fn lambda(&self, lambda: &Lambda) -> String {
        let param = |p: &Param| format!("arg(arg={})", repr::text(self.symbols.name(p.sym)));
        let optional =
            |name: &str, p: &Option<Param>| p.as_ref().map_or(String::new(), |p| format!(", {name}={}", param(p)));
        let (before, args) = lambda.args.split_at(lambda.positional_only);
        let keyword_only = list(lambda.keyword_only.iter(), &param);
        let kw_defaults =
            list(lambda.keyword_only.iter(), |p| p.default.as_ref().map_or("None".to_owned(), |e| self.expr(e)));
        let defaults = self.exprs(lambda.args.iter().filter_map(|p| p.default.as_ref()), Context::Load);
        format!(
            "Lambda(args=arguments(posonlyargs={}, args={}{}, kwonlyargs={keyword_only}, kw_defaults={kw_defaults}{}, \
             defaults={defaults}), body={})",
            list(before, &param),
            list(args, &param),
            optional("vararg", &lambda.vararg),
            optional("kwarg", &lambda.kwarg),
            self.expr(&lambda.body)
        )
    }

    pub(crate) fn statement(&self, statement: &Stmt) -> String {
        match statement {
            Stmt::Expr(value) => format!("Expr(value={})", self.expr(value)),
            Stmt::Assign { targets, value } => {
                format!("Assign(targets={}, value={})", self.exprs(targets, Context::Store), self.expr(value))
            }
            Stmt::AugAssign { target, op, value } => {
                let target = self.with(target, Context::Store);
                format!("AugAssign(target={target}, op={}(), value={})", op.name(), self.expr(value))
            }
            Stmt::AnnAssign { target, annotation, value, simple } => {
                let value = value.as_ref().map_or(String::new(), |v| format!(", value={}", self.expr(v)));
                let (target, annotation) = (self.with(target, Context::Store), self.expr(annotation));
                format!("AnnAssign(target={target}, annotation={annotation}{value}, simple={})", u8::from(*simple))
            }
            Stmt::Pass => "Pass()".to_owned(),
            Stmt::Break => "Break()".to_owned(),
            Stmt::Continue => "Continue()".to_owned(),
            Stmt::Delete(targets) => format!("Delete(targets={})", self.exprs(targets, Context::Del)),
            Stmt::Return(value) => format!("Return({})", self.fields(&[("value", value.as_ref())])),
            Stmt::Raise { exc, cause } => {
                format!("Raise({})", self.fields(&[("exc", exc.as_ref()), ("cause", cause.as_ref())]))
            }
            Stmt::Assert { test, message } => {
                format!("Assert({})", self.fields(&[("test", Some(test)), ("msg", message.as_ref())]))
            }
            Stmt::Import(names) => format!("Import(names={})", list(names.iter(), alias)),
            Stmt::ImportFrom { module, names, level } => {
                let module = module.as_ref().map_or(String::new(), |m| format!("module={}, ", repr::text(m)));
                format!("ImportFrom({module}names={}, level={level})", list(names.iter(), alias))
            }
            Stmt::Global(names) => format!("Global(names={})", list(names.iter(), |n| repr::text(n))),
            Stmt::Nonlocal(names) => format!("Nonlocal(names={})", list(names.iter(), |n| repr::text(n))),
        }
    }
}

fn alias(alias: &Alias) -> String {
    let asname = alias.asname.as_ref().map_or(String::new(), |n| format!(", asname={}", repr::text(n)));
    format!("alias(name={}{asname})", repr::text(&alias.name))
}

fn constant_repr(constant: &Const) -> String {
    match constant {
        Const::None => "None".to_owned(),
        Const::True => "True".to_owned(),
        Const::False => "False".to_owned(),
        Const::Ellipsis => "Ellipsis".to_owned(),
        Const::Int(n) => n.to_string(),
        Const::Big(n) => n.to_string(),
        Const::Float(n) => repr::float(*n),
        Const::Imaginary(n) => {
            let text = repr::float(*n);
            format!("{}j", text.strip_suffix(".0").unwrap_or(&text))
        }
        Const::Str(text) => repr::text(text),
        Const::Bytes(bytes) => repr::bytes(bytes),
    }
}
