//! One walk over the tree: every function, table function, table and setting is accounted for.

use super::aliases::{Aliases, Meaning};
use super::ctes::Ctes;
use super::tree::{ItemId, Tree};
use crate::allow::nodes::{Heading, NodeKind};
use crate::allow::{functions, settings, table_functions};
use crate::guard::{Door, Policy};
use crate::outline::is_in_function;
use crate::refusal::{Refusal, RefusalKind};
use crate::text::short;

/// What the engine itself puts in the place of a missing FROM: one row without meaning.
const NO_TABLE: &str = "system.one";

pub(super) fn check(tree: &Tree<'_>, policy: &Policy) -> Result<(), Refusal> {
    let walk = Walk { tree, policy, ctes: Ctes::new(tree)?, aliases: Aliases::new(tree) };
    walk.lambdas()?;
    for id in 0..tree.items.len() {
        match (tree.kind(id), tree.heading(id)) {
            (Some(NodeKind::Function), _) => walk.function(id)?,
            (Some(NodeKind::TableFunction), _) => walk.table_function(id)?,
            (Some(NodeKind::Identifier), _) if walk.is_table_position(id) => walk.table(id)?,
            (_, Some(Heading::Settings)) => check_settings(tree.items[id].rest)?,
            _ => {}
        }
    }
    walk.ctes.finish()
}

struct Walk<'t, 'a> {
    tree: &'t Tree<'a>,
    policy: &'t Policy,
    ctes: Ctes<'t, 'a>,
    aliases: Aliases<'t, 'a>,
}

impl Walk<'_, '_> {
    fn is_table_position(&self, id: ItemId) -> bool {
        let parent = self.tree.items[id].parent;
        parent.is_some_and(|parent| self.tree.heading(parent) == Some(Heading::Table))
    }

    fn function(&self, id: ItemId) -> Result<(), Refusal> {
        let name = self.tree.field(id, "function_name").ok_or_else(|| unreadable("a function"))?;
        if self.aliases.is_lambda(name) && functions::denied(name).is_none() {
            return Ok(());
        }
        let marks = functions::check(name)?;
        self.check_door(name)?;
        if marks.higher_order {
            self.function_arguments(id, name)?;
        }
        match is_in_function(name) {
            true => self.in_arguments(id),
            false => Ok(()),
        }
    }

    /// A lambda that bears the name of a function takes its place in every query further inside, operators and all:
    /// `WITH (a, b) -> 1 AS equals` makes each condition of a pipe or a row filter true.
    fn lambdas(&self) -> Result<(), Refusal> {
        match self.aliases.lambdas().into_iter().find(|name| functions::is_known(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("a lambda cannot be called \"{}\", as a function is", short(name));
                Err(Refusal::not_allowed(message).hint("Choose another name for it."))
            }
        }
    }

    fn check_door(&self, name: &str) -> Result<(), Refusal> {
        match self.policy.door {
            Door::Condition => functions::check_in_condition(name),
            Door::Filter => functions::check_in_condition(name).and_then(|()| functions::check_in_filter(name)),
            _ => Ok(()),
        }
    }

    fn arguments(&self, id: ItemId) -> Vec<ItemId> {
        let headings = self.tree.children(id).filter(|&id| self.tree.heading(id) == Some(Heading::Arguments));
        let lists = headings.flat_map(|heading| self.tree.children(heading));
        lists.flat_map(|list| self.tree.children(list)).collect()
    }

    /// A bare name among the arguments may be a function: the first one must be, where more follow.
    fn function_arguments(&self, id: ItemId, name: &str) -> Result<(), Refusal> {
        let arguments = self.arguments(id);
        let first_is_count = ["arrayPartial", "arrayTopK", "arrayBottomK", "mapPartial"];
        let takes_count = first_is_count.iter().any(|beginning| name.starts_with(beginning));
        for (index, &argument) in arguments.iter().enumerate() {
            if self.tree.kind(argument) != Some(NodeKind::Identifier) {
                continue;
            }
            let given = self.tree.field(argument, "identifier").ok_or_else(|| unreadable("an argument"))?;
            if let Some(reason) = functions::denied(given) {
                let message = format!("usage of function {} is restricted: it {reason}", short(given));
                let hint = "If it is a column, write it with the name of its table before it.";
                return Err(Refusal::not_allowed(message).hint(hint));
            }
            self.check_door(given)?;
            let must_be_function = index == 0 && arguments.len() > 1 && !takes_count;
            if must_be_function && !self.aliases.is_lambda(given) {
                functions::check(given)?;
            }
        }
        Ok(())
    }

    fn in_arguments(&self, id: ItemId) -> Result<(), Refusal> {
        for argument in self.arguments(id).into_iter().skip(1) {
            if self.tree.kind(argument) == Some(NodeKind::Identifier) {
                self.in_name(argument)?;
            }
        }
        Ok(())
    }

    /// Right of IN: a table, a CTE, or a name that is certainly a value.
    fn in_name(&self, id: ItemId) -> Result<(), Refusal> {
        let name = self.tree.field(id, "identifier").ok_or_else(|| unreadable("a name"))?;
        let is_known = match self.aliases.meaning(id, name) {
            Meaning::Value => true,
            Meaning::Unclear => false,
            Meaning::NoAlias => self.is_physical(name) || self.ctes.note_use(id, name),
        };
        if is_known {
            return Ok(());
        }
        let message = format!("cannot tell what \"{}\" means right of IN", short(name));
        let hint = "Write a data source, a pipe, a list of values, or a subquery.";
        Err(Refusal::new(RefusalKind::Forbidden, message).hint(hint))
    }

    fn table(&self, id: ItemId) -> Result<(), Refusal> {
        check_table_fields(self.tree.items[id].rest)?;
        let name = self.tree.field(id, "identifier").ok_or_else(|| unreadable("a table"))?;
        if name == NO_TABLE || self.is_physical(name) || self.ctes.note_use(id, name) {
            return Ok(());
        }
        Err(Refusal::new(RefusalKind::Forbidden, format!("cannot read \"{}\"", short(name)))
            .hint("Only data sources and pipes can be read, by their names."))
    }

    /// A name with a dot is a table of ours, or nothing: quoted names that look like one are refused before.
    fn is_physical(&self, name: &str) -> bool {
        name.split_once('.').is_some_and(|(database, table)| {
            let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            plain(database) && plain(table) && self.policy.tables.contains(&(database.to_owned(), table.to_owned()))
        })
    }

    fn table_function(&self, id: ItemId) -> Result<(), Refusal> {
        let name = self.tree.field(id, "table_function_name").ok_or_else(|| unreadable("a table function"))?;
        let is_extra = self.policy.door == Door::Copy
            && table_functions::is_extra(name)
            && self.policy.extra_table_functions.contains(name);
        match table_functions::is_allowed(name) || is_extra {
            true => Ok(()),
            false => Err(table_functions::refusal(name)),
        }
    }
}

/// What may stand behind a table's name: FINAL and SAMPLE, in the tree's own words.
fn check_table_fields(fields: &str) -> Result<(), Refusal> {
    if fields.split(", ").any(|field| field == "stream") {
        return Err(Refusal::not_allowed("STREAM is not allowed behind a table"));
    }
    Ok(())
}

fn check_settings(heading: &str) -> Result<(), Refusal> {
    let pairs = heading.strip_prefix("SETTINGS ").unwrap_or_default();
    for pair in pairs.split(' ') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !settings::is_allowed(name) || !settings::is_plain_value(value) {
            return Err(Refusal::not_allowed(format!("the setting \"{}\" is not allowed", short(pair))));
        }
    }
    Ok(())
}

fn unreadable(what: &str) -> Refusal {
    Refusal::not_allowed(format!("cannot account for {what} in the query tree"))
}
