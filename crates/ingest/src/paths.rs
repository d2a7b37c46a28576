//! Where in a row the columns' values stand: all paths of a schema as one tree, walked in one pass over the row's text.

use crate::json::{Scanner, Syntax};

/// The paths of a schema, down to their first `[:]`, as a tree of keys.
#[derive(Debug)]
pub(crate) struct PathTree {
    nodes: Vec<Node>,
    slots: usize,
}

#[derive(Debug, Default)]
struct Node {
    /// In the order of the schema, which is mostly the order of the rows' keys.
    children: Vec<Child>,
    /// The children's places, ordered by their keys' lengths and then bytes.
    sorted: Vec<usize>,
    /// Where the text of the value here goes.
    slot: Option<usize>,
}

#[derive(Debug)]
struct Child {
    key: Box<[u8]>,
    node: usize,
}

impl PathTree {
    pub(crate) fn new() -> PathTree {
        PathTree { nodes: vec![Node::default()], slots: 0 }
    }

    /// How many different places have been added.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Adds the place that these keys lead to and returns its slot.
    pub(crate) fn add<'k>(&mut self, keys: impl Iterator<Item = &'k str>) -> usize {
        let mut node = 0;
        for key in keys {
            node = self.child_or_new(node, key.as_bytes());
        }
        *self.nodes[node].slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    fn child_or_new(&mut self, parent: usize, key: &[u8]) -> usize {
        if let Some(child) = self.nodes[parent].children.iter().find(|child| *child.key == *key) {
            return child.node;
        }
        let node = self.nodes.len();
        self.nodes.push(Node::default());
        let Node { children, sorted, .. } = &mut self.nodes[parent];
        children.push(Child { key: key.into(), node });
        *sorted = (0..children.len()).collect();
        sorted.sort_by_key(|at| order(&children[*at].key));
        node
    }

    /// Passes over one value, which must be valid JSON, and puts the texts found into their slots. Of a key given
    /// twice, the last counts.
    pub(crate) fn locate<'a>(&self, scanner: &mut Scanner<'a>, slots: &mut [Option<&'a [u8]>]) -> Result<(), Syntax> {
        self.walk(0, scanner, slots)
    }

    fn walk<'a>(&self, node: usize, scanner: &mut Scanner<'a>, slots: &mut [Option<&'a [u8]>]) -> Result<(), Syntax> {
        let node = &self.nodes[node];
        let first = scanner.peek();
        let start = scanner.at();
        if node.children.is_empty() || first != Some(b'{') {
            scanner.skip()?;
        } else {
            let mut expected = 0;
            scanner.members(|scanner, key| {
                let found = if key.escaped { node.find(&key.text(), expected) } else { node.find(key.raw, expected) };
                match found {
                    Some(at) => {
                        expected = at + 1;
                        self.walk(node.children[at].node, scanner, slots)
                    }
                    None => scanner.skip(),
                }
            })?;
        }
        if let Some(slot) = node.slot {
            slots[slot] = Some(scanner.since(start));
        }
        Ok(())
    }
}

impl Node {
    /// The place of the child of that key; `expected` is tried first.
    #[inline]
    fn find(&self, key: &[u8], expected: usize) -> Option<usize> {
        if self.children.get(expected).is_some_and(|child| *child.key == *key) {
            return Some(expected);
        }
        let found = self.sorted.binary_search_by(|at| order(&self.children[*at].key).cmp(&order(key))).ok()?;
        Some(self.sorted[found])
    }
}

fn order(key: &[u8]) -> (usize, &[u8]) {
    (key.len(), key)
}

#[cfg(test)]
mod tests {
    use super::PathTree;
    use crate::json::Scanner;

    fn located(paths: &[&str], row: &str) -> Vec<Option<String>> {
        let mut tree = PathTree::new();
        let at: Vec<usize> = paths.iter().map(|path| tree.add(path.split('.').filter(|key| !key.is_empty()))).collect();
        let mut slots = vec![None; tree.slots()];
        tree.locate(&mut Scanner::new(row.as_bytes()), &mut slots).expect(row);
        at.into_iter().map(|slot| slots[slot].map(|text| String::from_utf8(text.to_vec()).expect("UTF-8"))).collect()
    }

    fn texts(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| if text.is_empty() { None } else { Some((*text).to_owned()) }).collect()
    }

    #[test]
    fn values_are_found_in_any_order_and_depth() {
        assert_eq!(located(&["a", "b"], r#"{"b": 2 , "x": [1], "a": 1}"#), texts(&["1", "2"]));
        assert_eq!(located(&["a.b", "a", "c"], r#"{"a": {"b": "x"}}"#), texts(&["\"x\"", r#"{"b": "x"}"#, ""]));
        assert_eq!(located(&["a.b"], r#"{"a": [{"b": 1}]}"#), texts(&[""]));
        assert_eq!(located(&["", "a"], r#" {"\u0061": 1} "#), texts(&[r#"{"\u0061": 1}"#, "1"]));
        assert_eq!(located(&["a", "a"], r#"{"a": 1, "a": 2}"#), texts(&["2", "2"]));
    }
}
