//! Which table functions users may read from. Every other is refused.

use std::collections::BTreeSet;

use crate::refusal::Refusal;

/// Names with the reason why they may pass. Names are case-sensitive, as in the engine, unless they are SQL's own.
pub(crate) const TABLE_FUNCTIONS: &[(&str, &str)] = &[
    ("SQLStandardValues", "what the engine makes of (VALUES ..): rows written in the query"),
    ("VALUES", "rows written in the query"),
    ("generateRandom", "makes up rows"),
    ("generateSeries", "counts"),
    ("generate_series", "counts"),
    ("null", "has no rows"),
    ("numbers", "counts"),
    ("numbers_mt", "counts"),
    ("primes", "counts"),
    ("values", "rows written in the query"),
    ("zeros", "repeats zero"),
    ("zeros_mt", "repeats zero"),
];

/// What a copy pipe may be allowed to read by configuration: each reads a server that the configuration vouches for.
/// A name that is not here cannot be configured.
pub(crate) const EXTRA_TABLE_FUNCTIONS: &[(&str, &str)] = &[
    ("azureBlobStorage", "reads an object store"),
    ("deltaLake", "reads an object store"),
    ("gcs", "reads an object store"),
    ("iceberg", "reads an object store"),
    ("mongodb", "reads a database"),
    ("mysql", "reads a database"),
    ("postgresql", "reads a database"),
    ("s3", "reads an object store"),
    ("url", "reads a web server"),
];

pub(crate) fn is_allowed(name: &str) -> bool {
    TABLE_FUNCTIONS.iter().any(|(listed, _)| *listed == name)
}

pub(crate) fn is_extra(name: &str) -> bool {
    EXTRA_TABLE_FUNCTIONS.iter().any(|(listed, _)| *listed == name)
}

/// The names that copy pipes may be allowed, for helpers that only read texts: which of them run is configured elsewhere.
pub fn copy_table_functions() -> BTreeSet<String> {
    EXTRA_TABLE_FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// What the helpers that only read texts accept: `cluster` names its table, and the guard refuses it later.
pub(crate) fn is_known_here(name: &str, extra: &BTreeSet<String>) -> bool {
    is_allowed(name) || name == "cluster" || (is_extra(name) && extra.contains(name))
}

pub(crate) fn refusal(name: &str) -> Refusal {
    let name = crate::text::short(name);
    match is_extra(&name) {
        true => Refusal::not_allowed(format!("usage of function {name} is restricted to copy pipes")),
        false => Refusal::not_allowed(format!("usage of function {name} is restricted")),
    }
}
