//! The names of one template, each stored once.

use std::collections::HashMap;

use super::ast::Sym;

/// Names, numbered.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// All names, one behind the other.
    text: String,
    /// Where each name ends.
    ends: Vec<u32>,
}

impl Names {
    pub(crate) fn get(&self, sym: Sym) -> &str {
        let i = sym as usize;
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.text[start..self.ends[i] as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn push(&mut self, name: &str) -> Sym {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u32);
        self.len() as Sym - 1
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as Sym).map(|sym| self.get(sym))
    }
}

/// Interned names, numbered in order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    names: Names,
    index: HashMap<Box<str>, Sym>,
}

/// Up to this many names a scan beats hashing.
const SCAN: usize = 16;

impl Symbols {
    pub(crate) fn intern(&mut self, name: &str) -> Sym {
        if let Some(sym) = self.find(name) {
            return sym;
        }
        let sym = self.names.push(name);
        match self.names.len() {
            n if n <= SCAN => {}
            n if n == SCAN + 1 => self.index = self.names.iter().map(Box::from).zip(0..).collect(),
            _ => {
                self.index.insert(name.into(), sym);
            }
        }
        sym
    }

    pub(crate) fn find(&self, name: &str) -> Option<Sym> {
        if self.index.is_empty() {
            return self.names.iter().position(|n| n == name).map(|i| i as Sym);
        }
        self.index.get(name).copied()
    }

    pub(crate) fn name(&self, sym: Sym) -> &str {
        self.names.get(sym)
    }

    /// The names alone, in as little memory as they need.
    pub(crate) fn into_names(mut self) -> Names {
        self.names.text.shrink_to_fit();
        self.names.ends.shrink_to_fit();
        self.names
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}
