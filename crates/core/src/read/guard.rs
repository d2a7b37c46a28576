//! The one door through which user SQL becomes SQL that may run.
//!
//! The rules are in the `sql` crate; here the engine is asked what the text is and touches, and verdicts are remembered
//! by the text's shape.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use standpipe_clickhouse::{Checked, Client, Sql};
use standpipe_sql::{Analysis, Policy, StatementClass, VerdictCache};

use crate::error::{Error, Result};

/// Longest time that the engine may take to tell what a text is and touches; a usual text takes it a millisecond.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// Verdicts remembered; each is a few hundred bytes.
const REMEMBERED_VERDICTS: NonZeroUsize = NonZeroUsize::new(20_000).expect("the number is not zero");

/// Passes SQL, or refuses it. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    checker: Client,
    verdicts: Arc<VerdictCache>,
}

impl Guard {
    /// A guard that asks `checker` what a text is and touches. `engine` names the engine behind it: verdicts hold for
    /// one engine.
    pub fn new(checker: Client, engine: &str) -> Guard {
        Guard { checker, verdicts: Arc::new(VerdictCache::new(REMEMBERED_VERDICTS, engine)) }
    }

    /// Passes `sql` when every table it reads, and everything it calls, is allowed by `policy`. `sql` is the final text:
    /// what passes is run byte for byte.
    pub async fn check(&self, sql: &str, policy: &Policy) -> Result<Checked<Sql>> {
        if let Some(checked) = self.verdicts.get(sql, policy) {
            return Ok(checked);
        }
        let answer = tokio::time::timeout(CHECK_TIMEOUT, self.checker.analyze(sql, &[]));
        let answer = answer.await.map_err(|_| Error::CheckTimeout { seconds: CHECK_TIMEOUT.as_secs() })?;
        let answer = answer.map_err(|error| Error::from_engine(error, "check the query"))?;
        if let Some(exception) = answer.exception {
            return Err(Error::Engine { code: exception.code, message: exception.message });
        }
        let analysis = Analysis {
            statements: answer.statements,
            class: class(&answer.class),
            query_tree: answer.query_tree.unwrap_or_default().join("\n"),
        };
        Ok(self.verdicts.inspect(sql, &analysis, policy)?)
    }
}

/// The engine's word for what a statement does; an unknown word is no good sign.
fn class(word: &str) -> StatementClass {
    match word {
        "read_only" => StatementClass::ReadOnly,
        "mutating" => StatementClass::Mutating,
        "global" => StatementClass::Global,
        "control" => StatementClass::Control,
        _ => StatementClass::Unknown,
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}
