//! Verdicts that were given before.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

use crate::guard::{Analysis, Checked, GUARD_VERSION, Policy, Sql, inspect};
use crate::refusal::Refusal;
use crate::shape::write_shape;

/// Longer keys are not kept: such a text pays for its inspection each time.
const MAX_KEY: usize = 64 * 1024;

/// Texts that passed the guard, by their shape and by all that the verdict depends on. Refusals are not kept.
///
/// Bounded by a number of entries; the one not asked for longest goes first.
#[derive(Debug)]
pub struct VerdictCache {
    passed: Mutex<LruCache<Box<[u8]>, ()>>,
    engine_version: String,
}

impl VerdictCache {
    /// An empty cache. Verdicts hold for one version of the engine.
    pub fn new(capacity: NonZeroUsize, engine_version: impl Into<String>) -> Self {
        Self { passed: Mutex::new(LruCache::new(capacity)), engine_version: engine_version.into() }
    }

    /// Passes a text if one of its shape has passed under the same policy.
    pub fn get(&self, sql: &str, policy: &Policy) -> Option<Checked<Sql>> {
        let key = self.key(sql, policy)?;
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.get(&key[..]).map(|()| Checked::vouch(sql))
    }

    /// Inspects a text and keeps the verdict if it passes.
    ///
    /// # Errors
    ///
    /// As [`inspect`].
    pub fn inspect(&self, sql: &str, analysis: &Analysis, policy: &Policy) -> Result<Checked<Sql>, Refusal> {
        let checked = inspect(sql, analysis, policy)?;
        if let Some(key) = self.key(sql, policy) {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            passed.put(key.into_boxed_slice(), ());
        }
        Ok(checked)
    }

    fn key(&self, sql: &str, policy: &Policy) -> Option<Vec<u8>> {
        let mut key = Vec::with_capacity(256 + 2 * sql.len());
        key.extend(GUARD_VERSION.to_le_bytes());
        key.push(policy.door as u8);
        let tables = policy.tables.iter().flat_map(|(database, table)| [database, table]);
        for part in [&self.engine_version, &policy.workspace].into_iter().chain(tables) {
            write_part(part, &mut key);
        }
        key.push(b'+');
        for part in &policy.extra_table_functions {
            write_part(part, &mut key);
        }
        key.push(b'=');
        write_shape(sql, &mut key).ok()?;
        (key.len() <= MAX_KEY).then_some(key)
    }
}

/// With its length before it, so that no two lists of parts look alike.
fn write_part(part: &str, key: &mut Vec<u8>) {
    key.push(b'.');
    key.extend(part.len().to_le_bytes());
    key.extend(part.as_bytes());
}
