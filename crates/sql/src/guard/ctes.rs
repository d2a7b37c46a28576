//! CTEs of a final text: which name means which, and that none of them leads the engine to look for a table.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::tree::{ItemId, Tree, What};
use crate::allow::nodes::{Heading, NodeKind};
use crate::refusal::{Refusal, RefusalKind};
use crate::text::short;

/// The CTEs of each SELECT, and which of them are used from where.
pub(super) struct Ctes<'t, 'a> {
    tree: &'t Tree<'a>,
    /// By the SELECT that declares them.
    declared: BTreeMap<ItemId, Vec<ItemId>>,
    /// Pairs of a use and the CTE that it means.
    uses: RefCell<Vec<(ItemId, ItemId)>>,
    /// Uses of a CTE's own name in its own body, with nothing else of that name outside.
    own_names: RefCell<Vec<(ItemId, ItemId)>>,
}

impl<'t, 'a> Ctes<'t, 'a> {
    /// # Errors
    ///
    /// `NotAllowed` for names of CTEs that could be the name of a file: where the engine loses a CTE, it looks for that.
    pub(super) fn new(tree: &'t Tree<'a>) -> Result<Self, Refusal> {
        let mut declared: BTreeMap<ItemId, Vec<ItemId>> = BTreeMap::new();
        for id in 0..tree.items.len() {
            let Some(name) = tree.cte_name(id) else {
                continue;
            };
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '$');
            if name.is_empty() || !name.chars().all(plain) {
                return Err(Refusal::not_allowed(format!("the CTE name \"{}\" is not plain", short(name)))
                    .hint("Use letters, digits and underscores."));
            }
            if let Some(query) = declaring_query(tree, id) {
                declared.entry(query).or_default().push(id);
            }
        }
        Ok(Self { tree, declared, uses: RefCell::default(), own_names: RefCell::default() })
    }

    /// Whether a name means a CTE here. If so, the use is kept for `finish`.
    pub(super) fn note_use(&self, at: ItemId, name: &str) -> bool {
        let mut own = None;
        for query in self.tree.ancestors(at).filter(|&id| self.tree.kind(id) == Some(NodeKind::Query)) {
            let mut ctes = self.declared.get(&query).into_iter().flatten().copied();
            let Some(cte) = ctes.find(|&cte| self.tree.cte_name(cte) == Some(name)) else {
                continue;
            };
            if !self.tree.contains(cte, at) || self.may_recur(cte, at) {
                self.uses.borrow_mut().push((at, cte));
                return true;
            }
            own = own.or(Some(cte));
        }
        match own {
            // Bound to nothing: harmless only if nobody ever asks for this body, which `finish` looks at.
            Some(cte) => {
                self.own_names.borrow_mut().push((at, cte));
                true
            }
            None => false,
        }
    }

    /// A recursive CTE means itself in every branch but its first: there the engine looks outside.
    fn may_recur(&self, cte: ItemId, at: ItemId) -> bool {
        let mut lists = self.tree.children(cte).flat_map(|queries| self.tree.children(queries));
        let first = lists.next().and_then(|list| self.tree.children(list).next());
        self.tree.field(cte, "is_recursive_cte") == Some("1")
            && first.is_some_and(|first| !self.tree.contains(first, at))
    }

    /// Looks for CTEs that need themselves: there the engine looks for a table of that name instead.
    ///
    /// The engine (26.7) knows a CTE that it is reading by its name and body, so a second one of the same name and
    /// body counts as the same.
    pub(super) fn finish(&self) -> Result<(), Refusal> {
        let uses = self.uses.borrow();
        let mut needs: BTreeMap<ItemId, BTreeSet<ItemId>> = BTreeMap::new();
        for cte in self.declared.values().flatten().copied() {
            let body = self.tree.subtree(cte);
            let inside = uses.iter().filter(|(at, used)| body.contains(at) && !self.is_recursion(*at, *used));
            needs.insert(cte, inside.map(|(_, used)| *used).collect());
        }
        for (&cte, direct) in &needs {
            let reached = reach(direct, &needs);
            let body = reached.iter().any(|&other| other == cte || self.is_same(other, cte));
            if body {
                return Err(self.refuse(cte));
            }
        }
        let from_outside = uses.iter().filter(|(at, _)| self.is_outside_of_ctes(*at)).map(|(_, used)| *used);
        let wanted = reach(&from_outside.collect(), &needs);
        match self.own_names.borrow().iter().find(|(at, cte)| wanted.contains(cte) || self.is_wanted(*at, &wanted)) {
            Some((_, cte)) => Err(self.refuse(*cte)),
            None => Ok(()),
        }
    }

    fn is_recursion(&self, at: ItemId, cte: ItemId) -> bool {
        self.tree.contains(cte, at)
    }

    fn is_outside_of_ctes(&self, at: ItemId) -> bool {
        !self.tree.ancestors(at).any(|id| self.tree.cte_name(id).is_some())
    }

    /// Whether a place lies in the body of a CTE that is wanted, or in none.
    fn is_wanted(&self, at: ItemId, wanted: &BTreeSet<ItemId>) -> bool {
        let mut around = self.tree.ancestors(at).filter(|&id| self.tree.cte_name(id).is_some());
        around.any(|id| wanted.contains(&id))
    }

    fn is_same(&self, left: ItemId, right: ItemId) -> bool {
        self.tree.cte_name(left) == self.tree.cte_name(right) && self.body(left) == self.body(right)
    }

    /// The lines of a body without their ids.
    fn body(&self, cte: ItemId) -> Vec<(usize, What, &'a str)> {
        let depth = self.tree.items[cte].depth;
        let lines = self.tree.items[self.tree.subtree(cte)].iter();
        lines.map(|item| (item.depth - depth, item.what, item.rest)).collect()
    }

    fn refuse(&self, cte: ItemId) -> Refusal {
        let name = short(self.tree.cte_name(cte).unwrap_or_default());
        Refusal::new(RefusalKind::Cycle, format!("the CTE \"{name}\" needs itself"))
            .hint("Give each CTE its own name, or use WITH RECURSIVE.")
    }
}

/// CTEs stand in the WITH list of the SELECT that declares them.
fn declaring_query(tree: &Tree<'_>, cte: ItemId) -> Option<ItemId> {
    let mut above = tree.ancestors(cte);
    let (list, heading, query) = (above.next()?, above.next()?, above.next()?);
    let stands_in_with = tree.kind(list) == Some(NodeKind::List)
        && tree.heading(heading) == Some(Heading::With)
        && tree.kind(query) == Some(NodeKind::Query);
    stands_in_with.then_some(query)
}

fn reach(from: &BTreeSet<ItemId>, needs: &BTreeMap<ItemId, BTreeSet<ItemId>>) -> BTreeSet<ItemId> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<_> = from.iter().copied().collect();
    while let Some(cte) = open.pop() {
        if reached.insert(cte) {
            open.extend(needs.get(&cte).into_iter().flatten());
        }
    }
    reached
}
