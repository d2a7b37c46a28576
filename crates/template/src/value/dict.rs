//! A dictionary that keeps the order of insertion; sets use it with empty values.

use std::collections::HashMap;

use super::{Value, equals, free};

/// Keys must be hashed by [`super::hash`] before they come here.
#[derive(Clone, Default)]
pub(crate) struct Dict {
    entries: Vec<Entry>,
    /// Positions by hash, once the dictionary is large enough for a scan to be slow.
    index: HashMap<u64, Vec<u32>>,
}

#[derive(Clone)]
struct Entry {
    hash: u64,
    key: Value,
    value: Value,
}

/// Up to this many entries are scanned.
const SCAN: usize = 8;

impl Dict {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, hash: u64, key: &Value) -> Option<usize> {
        let matches = |i: usize| self.entries[i].hash == hash && equals(&self.entries[i].key, key);
        if self.entries.len() <= SCAN {
            return (0..self.entries.len()).find(|&i| matches(i));
        }
        self.index.get(&hash)?.iter().map(|&i| i as usize).find(|&i| matches(i))
    }

    pub(crate) fn get(&self, hash: u64, key: &Value) -> Option<&Value> {
        self.position(hash, key).map(|i| &self.entries[i].value)
    }

    pub(crate) fn contains(&self, hash: u64, key: &Value) -> bool {
        self.position(hash, key).is_some()
    }

    /// Sets `key`; a key that is there keeps its place.
    pub(crate) fn insert(&mut self, hash: u64, key: Value, value: Value) {
        if let Some(i) = self.position(hash, &key) {
            self.entries[i].value = value;
            return;
        }
        self.entries.push(Entry { hash, key, value });
        match self.entries.len() {
            n if n <= SCAN => {}
            n if n == SCAN + 1 => self.rebuild(),
            n => self.index.entry(hash).or_default().push(n as u32 - 1),
        }
    }

    pub(crate) fn remove(&mut self, hash: u64, key: &Value) -> Option<(Value, Value)> {
        let i = self.position(hash, key)?;
        let entry = self.entries.remove(i);
        self.rebuild();
        Some((entry.key, entry.value))
    }

    /// Removes the last entry.
    pub(crate) fn pop(&mut self) -> Option<(Value, Value)> {
        let entry = self.entries.pop()?;
        self.rebuild();
        Some((entry.key, entry.value))
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.index.clear();
    }

    /// Moves all keys and values into `work`.
    pub(crate) fn drain_into(&mut self, work: &mut Vec<Value>) {
        for entry in self.entries.drain(..) {
            work.extend([entry.key, entry.value]);
        }
    }

    fn rebuild(&mut self) {
        self.index.clear();
        if self.entries.len() > SCAN {
            for (i, entry) in self.entries.iter().enumerate() {
                self.index.entry(entry.hash).or_default().push(i as u32);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.entries.iter().map(|e| (&e.key, &e.value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter().map(|e| &e.key)
    }

    /// Keys with their hashes.
    pub(crate) fn hashed(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.entries.iter().map(|e| (e.hash, &e.key))
    }

    pub(crate) fn key_at(&self, index: usize) -> Option<&Value> {
        self.entries.get(index).map(|e| &e.key)
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        let mut work = Vec::new();
        self.drain_into(&mut work);
        free(work);
    }
}
