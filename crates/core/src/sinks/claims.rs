//! Keys that sinks are about to write, so that no two of them take the same free one, and none removes another's file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::JobId;

/// The keys that are taken. Each is one job's until that job has ended, its clean-up included: freed before, another run's
/// file would be there when the clean-up comes to it. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<HashMap<ClaimedKey, Claim>>>);

/// A bucket and a key in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClaimedKey {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    job: JobId,
    put: Put,
}

/// What became of the file of a key that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// Nothing was sent that would make it visible.
    No,
    /// It was sent, and no answer came; or whoever knew is gone.
    Maybe,
    /// The job wrote it.
    Yes,
}

impl Claims {
    /// Takes a key, unless somebody has it.
    pub(super) fn take(&self, key: ClaimedKey, job: JobId) -> bool {
        let mut claims = self.locked();
        let is_free = !claims.contains_key(&key);
        if is_free {
            claims.insert(key, Claim { job, put: Put::No });
        }
        is_free
    }

    /// Takes a key for a job whose process is gone: nobody knows whether the file was written. One that another job has by
    /// now stays that one's.
    pub(crate) fn take_over(&self, key: ClaimedKey, job: JobId) {
        self.locked().entry(key).or_insert(Claim { job, put: Put::Maybe });
    }

    /// Takes note of what became of a key's file.
    pub(super) fn note(&self, key: &ClaimedKey, job: JobId, put: Put) {
        if let Some(claim) = self.locked().get_mut(key).filter(|claim| claim.job == job) {
            claim.put = put;
        }
    }

    /// What became of the file of a key that the job has; none if it does not have it.
    pub(super) fn put_by(&self, key: &ClaimedKey, job: JobId) -> Option<Put> {
        self.locked().get(key).filter(|claim| claim.job == job).map(|claim| claim.put)
    }

    /// Gives up a key of the job.
    pub(super) fn free(&self, key: &ClaimedKey, job: JobId) {
        let mut claims = self.locked();
        if claims.get(key).is_some_and(|claim| claim.job == job) {
            claims.remove(key);
        }
    }

    /// Gives up all that a job has which has ended.
    pub(crate) fn free_all_of(&self, job: JobId) {
        self.locked().retain(|_, claim| claim.job != job);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<ClaimedKey, Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_is_one_jobs_until_that_has_ended() {
        let claims = Claims::default();
        let [one, other] = [1, 2].map(|id| JobId(Uuid::from_u128(id)));
        let key = |key: &str| ClaimedKey { bucket: "b".to_owned(), key: key.to_owned() };
        assert!(claims.take(key("k"), one));
        assert!(!claims.take(key("k"), other) && !claims.take(key("k"), one));
        assert!(claims.take(key("l"), other));
        claims.note(&key("k"), other, Put::Yes);
        claims.free(&key("k"), other);
        claims.take_over(key("k"), other);
        assert_eq!((claims.put_by(&key("k"), one), claims.put_by(&key("k"), other)), (Some(Put::No), None));
        claims.note(&key("k"), one, Put::Yes);
        assert_eq!(claims.put_by(&key("k"), one), Some(Put::Yes));
        claims.free_all_of(one);
        claims.take_over(key("k"), other);
        claims.take_over(key("l"), other);
        assert_eq!(claims.put_by(&key("k"), other), Some(Put::Maybe));
        assert_eq!(claims.put_by(&key("l"), other), Some(Put::No));
        claims.free(&key("l"), other);
        assert!(claims.take(key("l"), one));
    }
}
