//! One statement's identity and fate, shared by the client's connection, the lane thread and the canceller.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exception::Exception;
use crate::request;

/// A statement that was handed to a lane.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Unique in this process's life: the engine keeps a killed statement's entry until its connection is closed.
    id: String,
    /// What the client calls it; answered in `X-ClickHouse-Query-Id`.
    pub(crate) query_id: String,
    gone: AtomicBool,
    done: AtomicBool,
}

impl Ticket {
    /// A ticket for a statement that the client calls `query_id`, or that is called by its own id.
    pub(crate) fn new(query_id: Option<String>) -> Self {
        let id = ulid::Ulid::generate().to_string();
        let query_id = query_id.unwrap_or_else(|| id.clone());
        Self { id, query_id, gone: AtomicBool::new(false), done: AtomicBool::new(false) }
    }

    /// What `log_comment` begins with while the statement runs; letters and digits only.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The connect argument by which the canceller finds the statement.
    pub(crate) fn connect_argument(&self) -> Result<CString, Exception> {
        request::connect_argument("log_comment", &format!("{} {}", self.id, self.query_id))
    }

    /// The client has left; nobody reads the answer.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Whether the client has left.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// The engine has nothing more to do with it.
    pub(crate) fn finish(&self) {
        self.done.store(true, Ordering::Release);
    }

    /// Whether the engine is through with it.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}
