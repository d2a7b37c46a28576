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
    /// A copy has made its staging table, which is empty.
    AfterStaging,
    /// A copy's rows are in its staging table.
    AfterFill,
    /// A copy has put the rows that stay into the new tables.
    BetweenAttaches,
    /// A copy has put all rows into the new tables, the catalog does not know yet.
    AfterAttach,
    /// The catalog knows the rows of a copy, its staging table is still there.
    AfterSwitch,
    /// A copy has done all, its job does not say so yet.
    BeforeDone,
}

impl Fault {
    /// Every place in making and dropping tables, for tests that try them all.
    pub const ALL: [Fault; 6] = [
        Fault::AfterIntent,
        Fault::BetweenTables,
        Fault::BeforeReady,
        Fault::AfterRetire,
        Fault::BetweenDrops,
        Fault::BeforeForget,
    ];

    /// Every place in a copy, in its order.
    pub const COPY: [Fault; 11] = [
        Fault::AfterStaging,
        Fault::AfterFill,
        Fault::AfterIntent,
        Fault::BetweenTables,
        Fault::BetweenAttaches,
        Fault::AfterAttach,
        Fault::AfterSwitch,
        Fault::AfterRetire,
        Fault::BetweenDrops,
        Fault::BeforeForget,
        Fault::BeforeDone,
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
