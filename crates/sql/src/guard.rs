//! Step 3 of the guard: the final text, with what the engine says about it.
//!
//! Everything here fails closed: a line of the tree that is not understood, a name that is not accounted for, a
//! function that is not listed, each is a refusal.

mod aliases;
mod ctes;
mod raw;
mod tree;
mod walk;

use std::collections::BTreeSet;

use crate::name::string_literal;
use crate::outline::outline;
use crate::refusal::Refusal;
use crate::statement::StatementKind;
use crate::text::Text;

/// Raised whenever a rule here changes, so that no verdict outlives it.
pub(crate) const GUARD_VERSION: u32 = 3;

/// What the engine says about one text, without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// How many statements it holds.
    pub statements: u32,
    /// What they do.
    pub class: StatementClass,
    /// The rows of `EXPLAIN QUERY TREE run_passes = 0`, joined by `\n`.
    pub query_tree: String,
}

/// What a statement does, as the engine classifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatementClass {
    /// Leaves no trace.
    ReadOnly,
    /// Changes a database.
    Mutating,
    /// Changes what is outside of databases: users, functions.
    Global,
    /// SET, KILL, SYSTEM, INTO OUTFILE and the like.
    Control,
    /// The engine does not say.
    Unknown,
}

/// Where a text comes from. A verdict for one door is none for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the doors")]
pub enum Door {
    Sql,
    Node,
    Endpoint,
    Explain,
    Condition,
    Filter,
    Copy,
    Sink,
    Materialization,
    Populate,
}

/// What a text may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The physical tables, as database and table, that names of this text were resolved to.
    pub tables: BTreeSet<(String, String)>,
    /// The workspace on whose behalf the text runs; keeps verdicts of workspaces apart.
    pub workspace: String,
    /// Where the text comes from.
    pub door: Door,
    /// Table functions that the configuration allows beyond the ordinary ones. They count at the door `Copy` only.
    pub extra_table_functions: BTreeSet<String>,
}

/// A SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql(String);

impl Sql {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something that passed the guard. Only the guard makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// What passed.
    pub fn get(&self) -> &T {
        &self.0
    }
}

impl Checked<Sql> {
    /// The text to send, byte for byte.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text behind DESCRIBE or EXPLAIN, as the statement asks. What passed goes on passing there: neither runs
    /// more than the query itself would.
    #[must_use]
    pub fn wrapped(&self, kind: &StatementKind) -> Self {
        Self(Sql(kind.wrap(self.as_str())))
    }

    /// A query that answers these lines, in a column `explain` as the engine's EXPLAIN does. It reads nothing.
    pub fn lines<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let literals: Vec<_> = lines.map(string_literal).collect();
        Self(Sql(format!("SELECT arrayJoin(CAST([{}], 'Array(String)')) AS explain", literals.join(", "))))
    }

    pub(crate) fn vouch(sql: &str) -> Self {
        Self(Sql(sql.to_owned()))
    }
}

/// Passes a final text, the very text that will run, or says why not.
///
/// The analysis must be of this text, and made by the engine that will run it. For DESCRIBE and EXPLAIN that is the
/// query alone; see [`Checked::wrapped`].
///
/// # Errors
///
/// `NotAllowed` for what no user may run; `Forbidden` for tables outside of the policy; `Syntax` for what is no query.
pub fn inspect(sql: &str, analysis: &Analysis, policy: &Policy) -> Result<Checked<Sql>, Refusal> {
    let text = Text::read(sql)?;
    raw::check(&text, policy)?;
    let outline = outline(&text, 0)?;
    if let Some(at) = outline.format {
        return Err(text.unexpected(at - 1, "the end of the query"));
    }
    if analysis.statements != 1 {
        return Err(Refusal::not_allowed(format!(
            "the text holds {} statements and must hold one",
            analysis.statements
        )));
    }
    if analysis.class != StatementClass::ReadOnly {
        return Err(Refusal::not_allowed("only queries that change nothing are allowed"));
    }
    let tree = tree::Tree::read(&analysis.query_tree)?;
    walk::check(&tree, policy)?;
    Ok(Checked::vouch(sql))
}
