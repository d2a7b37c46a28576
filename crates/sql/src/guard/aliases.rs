//! Aliases of a final text: which names right of IN are certain to be values.
//!
//! The engine takes a name right of IN for an expression if it can, else for a table. So a name passes only where an
//! alias of it is in sight whose meaning cannot fail: no bare name, nothing that leads back to the place itself.

use std::collections::{BTreeSet, HashMap};

use super::tree::{ItemId, Tree};
use crate::allow::nodes::NodeKind;

/// What aliases say about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Certainly a value.
    Value,
    /// There is an alias, and it may be anything: the engine asks it before any CTE.
    Unclear,
    /// No alias of that name is in sight.
    NoAlias,
}

pub(super) struct Aliases<'t, 'a> {
    tree: &'t Tree<'a>,
    by_name: HashMap<&'a str, Vec<ItemId>>,
}

impl<'t, 'a> Aliases<'t, 'a> {
    pub(super) fn new(tree: &'t Tree<'a>) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for id in 0..tree.items.len() {
            if let Some(alias) = tree.kind(id).and_then(|_| tree.alias(id)) {
                by_name.entry(alias).or_default().push(id);
            }
        }
        Self { tree, by_name }
    }

    fn named(&self, name: &str) -> &[ItemId] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// `WITH x -> x + 1 AS f SELECT f(1)`: every alias of that name is a lambda.
    pub(super) fn is_lambda(&self, name: &str) -> bool {
        let named = self.named(name);
        !named.is_empty() && named.iter().all(|&id| self.tree.kind(id) == Some(NodeKind::Lambda))
    }

    /// Every name that means a lambda somewhere: its alias, and the aliases of that alias.
    pub(super) fn lambdas(&self) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        loop {
            let known = found.len();
            for (name, ids) in &self.by_name {
                if ids.iter().any(|&id| self.may_be_lambda(id, &found)) {
                    found.insert(*name);
                }
            }
            if found.len() == known {
                return found;
            }
        }
    }

    fn may_be_lambda(&self, id: ItemId, lambdas: &BTreeSet<&str>) -> bool {
        match self.tree.kind(id) {
            Some(NodeKind::Lambda) => true,
            Some(NodeKind::Identifier) => self.tree.field(id, "identifier").is_some_and(|name| lambdas.contains(name)),
            _ => false,
        }
    }

    /// What a name at this place is, as far as aliases in sight say: the nearest SELECT that has one decides.
    pub(super) fn meaning(&self, at: ItemId, name: &str) -> Meaning {
        let queries = self.tree.ancestors(at).filter(|&id| self.tree.kind(id) == Some(NodeKind::Query));
        for query in queries {
            let here: Vec<_> =
                self.named(name).iter().copied().filter(|&id| self.tree.query_of(id) == Some(query)).collect();
            if !here.is_empty() {
                let is_value = here.iter().all(|&id| self.is_plain_value(id)) && !self.leads_back(&here, at);
                return if is_value { Meaning::Value } else { Meaning::Unclear };
            }
        }
        Meaning::NoAlias
    }

    /// A constant, a call, or a scalar subquery.
    fn is_plain_value(&self, id: ItemId) -> bool {
        match self.tree.kind(id) {
            Some(NodeKind::Constant | NodeKind::Function) => true,
            Some(NodeKind::Query | NodeKind::Union) => self.tree.cte_name(id).is_none() && !self.is_table(id),
            _ => false,
        }
    }

    fn is_table(&self, id: ItemId) -> bool {
        let parent = self.tree.items[id].parent;
        parent.is_some_and(|id| self.tree.heading(id) == Some(crate::allow::nodes::Heading::Table))
    }

    /// Whether one of these expressions holds the place, or names, over any number of aliases, one that does.
    fn leads_back(&self, from: &[ItemId], at: ItemId) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = from.to_vec();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if self.tree.contains(id, at) {
                return true;
            }
            for inner in self.tree.subtree(id) {
                let name = self.tree.kind(inner).and_then(|_| self.tree.field(inner, "identifier"));
                let first = name.map(|name| name.split('.').next().unwrap_or(name));
                open.extend(first.map(|first| self.named(first)).unwrap_or_default());
            }
        }
        false
    }
}
