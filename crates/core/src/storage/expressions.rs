//! Checks a new definition: what its texts tell, and then, through the same guard as every other SQL of users, what its
//! expressions name and call.

use std::collections::BTreeSet;

use standpipe_datafile::{ColumnDef, Engine};
use standpipe_sql::Door;

use super::definition::CheckedDefinition;
use super::expression::Expression;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::read::Guard;
use crate::read::run::policy;

/// Passes a definition, or says which part of it cannot be used and why.
pub async fn check_definition(
    guard: &Guard,
    access: &Access,
    columns: &[ColumnDef],
    engine: &Engine,
) -> Result<CheckedDefinition> {
    let definition = CheckedDefinition::read(columns, engine)?;
    let policy = policy(access, &BTreeSet::new(), Door::Condition);
    for (what, expression) in definition.expressions() {
        refuse_databases(access, &what, expression)?;
        // Each in a SELECT of its own, so that nothing in one can vouch for a name in another.
        guard.check(&format!("SELECT {expression}"), &policy).await.map_err(|error| about(&what, error))?;
    }
    Ok(definition)
}

fn refuse_databases(access: &Access, what: &str, expression: &Expression) -> Result<()> {
    let is_database = |word| access.snapshot().workspaces().any(|workspace| workspace.database == word);
    match expression.names().find(|name| name.split('.').any(is_database)) {
        Some(name) => Err(Error::bad_request(format!("{what} cannot be used: \"{name}\" is an internal name"))),
        None => Ok(()),
    }
}

/// The guard's refusal, with the part of the definition that it is about. Its place in the text means nothing to users.
fn about(what: &str, error: Error) -> Error {
    match error {
        Error::Sql { mut refusal } => {
            refusal.message = format!("{what} cannot be used: {}", refusal.message);
            (refusal.line, refusal.column) = (0, 0);
            Error::Sql { refusal }
        }
        other => other,
    }
}
