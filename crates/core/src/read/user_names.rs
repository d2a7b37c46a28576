//! What the engine says, in the names that users know: where a table is in the engine is nobody's business.

use std::cmp::Reverse;

use super::filters;
use super::names::Resolved;
use crate::access::Access;
use crate::error::Error;
use crate::model::Workspace;
use crate::service_data::ServiceTable;

/// The engine's error with the names that the user knows in the places of tables: without addresses.
pub(super) fn in_names(error: Error, access: &Access, resolved: &Resolved) -> Error {
    let Error::Engine { code, mut message } = error else { return error };
    if !resolved.filters.is_empty() {
        message = filters::without_values(code, message);
    }
    if !access.is_admin() {
        message = without_scope(message);
    }
    let mut message = name_tables(message, access, resolved);
    for table in &resolved.data_sources {
        if let Some(data_source) = access.workspace().data_sources.get(&table.data_source) {
            // The alias is of our making.
            let name = &data_source.name;
            message = message.replace(&format!("{name} AS {name}"), name.as_str());
        }
    }
    for table in &resolved.service_tables {
        message = message.replace(&format!("{} AS {}", table.full_name(), table.name()), &table.full_name());
    }
    Error::Engine { code, message }
}

/// An engine's error about work of ours in a workspace, for all who see that work: data sources by their names, and without
/// the text of the query.
pub(crate) fn in_names_of(error: Error, workspace: &Workspace) -> Error {
    let Error::Engine { code, message } = error else { return error };
    let mut message = without_scope(message);
    for data_source in workspace.data_sources.values() {
        let table = data_source.table();
        for (physical, name) in
            [(table.quarantine(), data_source.quarantine_name()), (table.rows(), data_source.name.to_string())]
        {
            message = in_place_of(message, &workspace.database, &physical, &name);
        }
    }
    Error::Engine { code, message: message.replace(&workspace.database, &workspace.name) }
}

/// What the engine says, without the query that it says it of: there is the SQL of pipes that the caller may read but not see.
fn without_scope(mut message: String) -> String {
    if let Some(scope) = message.to_ascii_lowercase().find(" in scope ") {
        message.truncate(scope);
    }
    message
}

fn in_place_of(message: String, database: &str, physical: &str, name: &str) -> String {
    let addresses = [format!("{database}.{physical}"), format!("`{database}`.`{physical}`"), physical.to_owned()];
    addresses.iter().fold(message, |message, address| message.replace(address, name))
}

/// A text of the engine's with the names that the user knows in the places of tables.
pub(super) fn name_tables(message: String, access: &Access, resolved: &Resolved) -> String {
    let addresses = addresses(access, resolved);
    addresses.into_iter().fold(message, |message, (address, name)| message.replace(&address, &name))
}

/// The addresses that the engine may write for what a query reads, each with the name that the user knows; longer ones
/// first.
fn addresses(access: &Access, resolved: &Resolved) -> Vec<(String, String)> {
    let workspace = access.workspace();
    let mut addresses = Vec::new();
    for table in &resolved.data_sources {
        let Some(data_source) = workspace.data_sources.get(&table.data_source) else { continue };
        // The quarantine's name begins with the rows' name.
        let tables =
            [(table.quarantine(), data_source.quarantine_name()), (table.rows(), data_source.name.to_string())];
        for (physical, name) in tables {
            addresses.push((format!("{}.{physical}", workspace.database), name.clone()));
            addresses.push((format!("`{}`.`{physical}`", workspace.database), name.clone()));
            addresses.push((physical, name));
        }
    }
    let mut service_tables: Vec<ServiceTable> = resolved.service_tables.iter().copied().collect();
    service_tables.sort_by_key(|table| Reverse(table.name().len()));
    for table in service_tables {
        let (database, physical) = (&workspace.database, table.physical());
        for address in [format!("{database}.{physical}"), format!("`{database}`.`{physical}`")] {
            addresses.push((address, table.full_name()));
        }
    }
    // Row filters call what they are about by its id.
    addresses.extend(resolved.filters.iter().map(|filter| (filter.id.clone(), filter.name.clone())));
    addresses.push((workspace.database.clone(), workspace.name.clone()));
    addresses
}
