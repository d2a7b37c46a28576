//! ClickHouse SQL as users write it: tokens, statements, table names, rewriting, and the guard that decides what runs.
//!
//! The crate is pure: it does no I/O, never asks the engine anything itself, and never runs SQL. Its grammar is no
//! authority either; it finds what it must and leaves the judgement to the engine's own query tree.
//!
//! The way of a query: [`parse_statement`] takes what the user sent, [`rewrite()`] puts tables in the place of names,
//! [`VerdictCache`] or [`inspect`] passes the final text. Start reading with `statement.rs`, `rewrite.rs` and
//! `guard.rs`; what is allowed stands in `allow/`.

mod allow;
mod cache;
mod condition;
mod filter;
mod guard;
mod keyword;
mod lexer;
mod name;
mod outline;
mod refusal;
mod replace;
mod rewrite;
mod shape;
mod statement;
mod tables;
mod text;
mod token;

pub use allow::table_functions::copy_table_functions;
pub use cache::VerdictCache;
pub use condition::check_condition;
pub use filter::{Filter, bind_filter, check_settings_beside_filters, rewrite_filter, walled};
pub use guard::{Analysis, Checked, Door, Policy, Sql, StatementClass, inspect};
pub use lexer::tokenize;
pub use name::TableName;
pub use refusal::{Refusal, RefusalKind};
pub use replace::{ReplaceWith, Replacements, replace_tables};
pub use rewrite::{Replacement, Resolver, rewrite};
pub use statement::{Explain, ExplainKind, Statement, StatementKind, StatementRules, parse_statement};
pub use tables::{UsedTable, UsedTablesRules, used_tables, used_tables_with};
pub use token::{Token, TokenKind};
