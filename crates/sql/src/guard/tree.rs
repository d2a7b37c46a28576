//! The printed query tree, read back strictly.
//!
//! A literal that is printed raw could add lines. Added nodes would break the count of ids, which runs through the
//! whole tree, and added headings would stand where none may; both are refusals.

use crate::allow::nodes::{Heading, NodeKind, heading, node};
use crate::refusal::Refusal;
use crate::text::{MAX_DEPTH, short};

pub(super) type ItemId = usize;

/// One line.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) parent: Option<ItemId>,
    pub(super) depth: usize,
    /// Where what belongs to it ends.
    end: ItemId,
    pub(super) what: What,
    /// Fields behind the id of a node; the whole line of a heading.
    pub(super) rest: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Node(NodeKind),
    Heading(Heading),
}

/// All lines, each with the one it belongs to.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) items: Vec<Item<'a>>,
}

impl<'a> Tree<'a> {
    pub(super) fn read(printed: &'a str) -> Result<Self, Refusal> {
        let mut tree = Self { items: Vec::new() };
        let mut path: Vec<ItemId> = Vec::new();
        let mut ids = 0;
        for line in printed.trim_end_matches('\n').split('\n') {
            if line.is_empty() && tree.ends_in_empty_list() {
                continue;
            }
            let content = line.trim_start_matches(' ');
            let indent = line.len() - content.len();
            let depth = indent / 2;
            if indent % 2 != 0 || depth > path.len() || (depth == 0) != path.is_empty() || depth > 16 * MAX_DEPTH {
                return Err(misread(line));
            }
            tree.close(path.drain(depth..));
            let parent = path.last().copied();
            let item = read_line(content, parent, depth, &mut ids).ok_or_else(|| misread(line))?;
            if !tree.may_stand(&item) {
                return Err(misread(line));
            }
            path.push(tree.items.len());
            tree.items.push(item);
        }
        tree.close(path.into_iter());
        Ok(tree)
    }

    /// The engine puts an empty line behind a list of nothing, as `()` in GROUPING SETS is.
    fn ends_in_empty_list(&self) -> bool {
        self.items.last().is_some_and(|last| last.what == What::Node(NodeKind::List) && last.rest.ends_with("nodes: 0"))
    }

    fn close(&mut self, ended: impl Iterator<Item = ItemId>) {
        let end = self.items.len();
        for id in ended {
            self.items[id].end = end;
        }
    }

    /// Headings belong to nodes that have parts, and lists hold nodes only.
    fn may_stand(&self, item: &Item<'_>) -> bool {
        let parent = item.parent.map(|parent| self.items[parent].what);
        match (item.what, parent) {
            (What::Node(_), _) => true,
            (What::Heading(_), Some(What::Node(kind))) => {
                !matches!(kind, NodeKind::List | NodeKind::Identifier | NodeKind::Constant | NodeKind::Matcher)
            }
            (What::Heading(_), Some(What::Heading(_))) => item.rest.starts_with("REPLACEMENT NAME "),
            (What::Heading(_), None) => false,
        }
    }

    pub(super) fn kind(&self, id: ItemId) -> Option<NodeKind> {
        match self.items[id].what {
            What::Node(kind) => Some(kind),
            What::Heading(_) => None,
        }
    }

    pub(super) fn heading(&self, id: ItemId) -> Option<Heading> {
        match self.items[id].what {
            What::Heading(heading) => Some(heading),
            What::Node(_) => None,
        }
    }

    /// The lines above this one, from the nearest on.
    pub(super) fn ancestors(&self, id: ItemId) -> impl Iterator<Item = ItemId> + '_ {
        std::iter::successors(self.items[id].parent, |&id| self.items[id].parent)
    }

    pub(super) fn contains(&self, outer: ItemId, inner: ItemId) -> bool {
        self.subtree(outer).contains(&inner)
    }

    /// This line and all that belong to it.
    pub(super) fn subtree(&self, id: ItemId) -> std::ops::Range<ItemId> {
        id..self.items[id].end
    }

    pub(super) fn children(&self, id: ItemId) -> impl Iterator<Item = ItemId> + '_ {
        self.subtree(id).filter(move |&child| self.items[child].parent == Some(id))
    }

    /// The value of a field; it ends where the next field begins.
    pub(super) fn field(&self, id: ItemId, name: &str) -> Option<&'a str> {
        field(self.items[id].rest, name)
    }

    pub(super) fn alias(&self, id: ItemId) -> Option<&'a str> {
        self.field(id, "alias")
    }

    /// The nearest SELECT around a line.
    pub(super) fn query_of(&self, id: ItemId) -> Option<ItemId> {
        self.ancestors(id).find(|&id| self.kind(id) == Some(NodeKind::Query))
    }

    /// The name that a CTE is declared with.
    pub(super) fn cte_name(&self, id: ItemId) -> Option<&'a str> {
        match self.kind(id) {
            Some(NodeKind::Query | NodeKind::Union) => self.field(id, "cte_name"),
            _ => None,
        }
    }
}

fn misread(line: &str) -> Refusal {
    Refusal::not_allowed(format!("cannot account for \"{}\" in the query tree", short(line.trim())))
}

fn read_line<'a>(content: &'a str, parent: Option<ItemId>, depth: usize, ids: &mut usize) -> Option<Item<'a>> {
    if let Some((name, rest)) = content.split_once(" id: ")
        && let Some(kind) = node(name)
    {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, rest) = rest.split_at(digits);
        if id.parse() != Ok(*ids) || !(rest.is_empty() || rest.starts_with(", ")) {
            return None;
        }
        *ids += 1;
        return Some(Item { parent, depth, end: 0, what: What::Node(kind), rest });
    }
    let heading = heading(content)?;
    Some(Item { parent, depth, end: 0, what: What::Heading(heading), rest: content })
}

fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = fields;
    while let Some(begins) = rest.strip_prefix(", ") {
        let (key, value) = begins.split_once(": ")?;
        let end = end_of_value(value);
        if key == name {
            return Some(&value[..end]);
        }
        rest = &value[end..];
    }
    None
}

/// A value may hold commas, but never a comma with something like a field behind it.
fn end_of_value(value: &str) -> usize {
    let mut from = 0;
    while let Some(comma) = value[from..].find(", ") {
        let at = from + comma;
        let next = &value[at + 2..];
        let word = next.bytes().take_while(|byte| byte.is_ascii_lowercase() || *byte == b'_').count();
        if word > 0 && next[word..].trim_start_matches(' ').starts_with(':') {
            return at;
        }
        from = at + 2;
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_where_the_next_begins() {
        let fields = ", alias: b, c, identifier: x.y, final: 1, sample_size: 1 / 10";
        assert_eq!(field(fields, "alias"), Some("b, c"));
        assert_eq!(field(fields, "identifier"), Some("x.y"));
        assert_eq!(field(fields, "final"), Some("1"));
        assert_eq!(field(fields, "cte_name"), None);
    }

    #[test]
    fn a_tree_with_a_line_too_much_is_refused() {
        let good = "QUERY id: 0\n  PROJECTION\n    LIST id: 1, nodes: 1\n      IDENTIFIER id: 2, identifier: a\n  JOIN TREE\n    IDENTIFIER id: 3, identifier: t";
        assert!(Tree::read(good).is_ok());
        for (from, to) in [
            ("IDENTIFIER id: 3", "IDENTIFIER id: 4"),
            ("IDENTIFIER id: 3", "TABLE id: 3"),
            ("  JOIN TREE", "  JOIN TREES"),
            ("identifier: a\n", "identifier: a\n      WHERE\n"),
            ("identifier: a\n", "identifier: a\n        WHERE\n"),
            ("identifier: a\n", "identifier: a\n    IDENTIFIER id: 3, identifier: x\n"),
            ("identifier: a\n", "identifier: a\n\n"),
            ("QUERY id: 0", " QUERY id: 0"),
            ("    LIST id: 1", "      LIST id: 1"),
        ] {
            assert!(Tree::read(&good.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
    }
}
