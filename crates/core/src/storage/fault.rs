//! Failures that tests plan between two steps of an operation, as a crash there would cause.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};

/// A place between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The intent to create is recorded, no table exists.
    AfterIntent,
    /// The table of rows exists, the quarantine does not.
    BetweenTables,
    /// Both tables exist, the catalog does not know yet.
    BeforeReady,
    /// The catalog has let go of a table, which still exists.
    AfterRetire,
    /// One of a pair of tables is dropped.
    BetweenDrops,
    /// Both tables are dropped, the record of them is still there.
    BeforeForget,
}

impl Fault {
    /// Every place, for tests that try them all.
    pub const ALL: [Fault; 6] = [
        Fault::AfterIntent,
        Fault::BetweenTables,
        Fault::BeforeReady,
        Fault::AfterRetire,
        Fault::BetweenDrops,
        Fault::BeforeForget,
    ];
}

/// The planned failures. Cheap to clone; clones share the plan.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Option<Fault>>>);

impl Faults {
    /// No failure is planned.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// Plans that each pass of this place fails, until another plan is made.
    pub fn plan(&self, fault: Option<Fault>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Whether a failure is planned: like a crash, it leaves everything as it is.
    pub(crate) fn is_planned(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Fails when `place` is planned to.
    pub(crate) fn check(&self, place: Fault) -> Result<()> {
        let planned = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if planned == Some(place) {
            return Err(Error::internal(format!("planned failure: {place:?}")));
        }
        Ok(())
    }
}
