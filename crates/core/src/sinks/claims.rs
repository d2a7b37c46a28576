//! Keys that running sinks are about to write, so that no two of them take the same free one.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys that are taken. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<HashSet<String>>>);

/// A key that is taken for as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    claims: Claims,
    key: String,
}

impl Claims {
    /// Takes a key, unless somebody has it.
    pub(super) fn take(&self, key: String) -> Option<Claim> {
        let is_free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        is_free.then(|| Claim { claims: self.clone(), key })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_once() {
        let claims = Claims::default();
        let claim = claims.take("b/k".to_owned()).unwrap();
        assert!(claims.take("b/k".to_owned()).is_none());
        assert!(claims.take("b/other".to_owned()).is_some());
        drop(claim);
        assert!(claims.take("b/k".to_owned()).is_some());
    }
}
