//! Which functions users may call: those that the engine had when `functions.txt` was made, less the ones denied here.
//!
//! A function that a newer engine brings is refused until the list is made again and looked through.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::refusal::Refusal;

const LIST: &str = include_str!("functions.txt");

/// Functions that the engine's list leaves out because its analyzer handles them itself.
const BUILT_IN: &[&str] = &["exists", "grouping", "untuple"];

/// Names, or with `*` the beginnings of names, and why they are refused. Compared in any case.
const DENIED: &[(&str, &str)] = &[
    ("addressto*", "reads the program's own memory map"),
    ("ai*", "calls a service outside"),
    ("authenticateduser", "tells about accounts"),
    ("authuser", "tells about accounts"),
    ("buildid", "tells about the server"),
    ("catboostevaluate", "reads a file"),
    ("currentprofiles", "tells about accounts"),
    ("currentroles", "tells about accounts"),
    ("defaultprofiles", "tells about accounts"),
    ("defaultroles", "tells about accounts"),
    ("demangle", "serves introspection only"),
    ("dict*", "reads a dictionary by its name"),
    ("displayname", "tells the name of the machine"),
    ("enabledprofiles", "tells about accounts"),
    ("enabledroles", "tells about accounts"),
    ("file", "reads a file"),
    ("filesystem*", "tells about the machine's disks"),
    ("flamegraph", "serves introspection only"),
    ("fqdn", "tells the name of the machine"),
    ("fullhostname", "tells the name of the machine"),
    ("fuzzquery", "serves the engine's own tests"),
    ("generateserialid", "writes to a coordination service"),
    ("getclienthttpheader", "tells what the server sends to the engine"),
    ("getmacro", "tells about the server"),
    ("getmaxtablenamelengthfordatabase", "takes a database by its name"),
    ("getmergetreesetting", "tells about the server"),
    ("getoskernelversion", "tells about the machine"),
    ("getserverport", "tells about the server"),
    ("getserversetting", "tells about the server"),
    ("getsetting*", "tells how the server runs the query"),
    ("hascolumnintable", "takes a table by its name"),
    ("hostname", "tells the name of the machine"),
    ("joinget*", "reads a table by its name"),
    ("lemmatize", "reads files of the configuration"),
    ("logtrace", "writes to the server's log"),
    ("naivebayes*", "reads files of the configuration"),
    ("region*", "reads files of the configuration"),
    ("serveruuid", "tells about the server"),
    ("shardcount", "tells about the cluster"),
    ("shardnum", "tells about the cluster"),
    ("showcertificate", "tells about the server"),
    ("sleep", "only holds up the others' work"),
    ("sleepeachrow", "only holds up the others' work"),
    ("synonyms", "reads files of the configuration"),
    ("tcpport", "tells about the server"),
    ("tid", "tells about the server"),
    ("transaction*", "tells about the server"),
    ("uptime", "tells about the server"),
    ("zookeeper*", "asks a coordination service"),
    ("__*", "internal to the engine"),
];

/// Names that conditions and definitions cannot use besides, and why. They are evaluated for rows in blocks of the
/// engine's own making, inserted rows among them. Compared in any case.
const DENIED_IN_CONDITIONS: &[(&str, &str)] = &[
    ("blocknumber", "depends on how rows were cut into blocks"),
    ("blockserializedsize", "depends on how rows were cut into blocks"),
    ("blocksize", "depends on how rows were cut into blocks"),
    ("nowinblock*", "depends on how rows were cut into blocks"),
    ("rownumber*", "depends on how rows were cut into blocks"),
    ("running*", "depends on how rows were cut into blocks"),
    ("throwif", "would let a row stop the rows beside it"),
];

/// What is known about one function.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Marks {
    aggregate: bool,
    /// It takes functions as arguments, also by their bare names.
    pub(crate) higher_order: bool,
    /// A literal argument can only be a value.
    plain: bool,
    denied: Option<&'static str>,
}

/// Names that row filters cannot use besides, and why. Compared in any case.
const DENIED_IN_FILTERS: &[(&str, &str)] = &[
    ("arrayjoin", "would repeat rows"),
    ("formatrow*", "depends on how answers are printed"),
    ("tojsonstring", "depends on how answers are printed"),
    ("unnest", "would repeat rows"),
];

struct Catalog {
    exact: HashMap<&'static str, Marks>,
    any_case: HashMap<String, Marks>,
    combinators: Vec<&'static str>,
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(read_list);

fn read_list() -> Catalog {
    let mut catalog = Catalog { exact: HashMap::new(), any_case: HashMap::new(), combinators: Vec::new() };
    for line in LIST.lines().filter(|line| !line.starts_with('#')) {
        let (name, marks) = line.split_once(' ').unwrap_or((line, ""));
        if marks == "c" {
            catalog.combinators.push(name);
            continue;
        }
        let lower = name.to_ascii_lowercase();
        let denied = denial(&lower);
        let known = Marks {
            aggregate: marks.contains('a'),
            higher_order: marks.contains('h'),
            plain: denied.is_none() && !NAME_TAKING.contains(&lower.as_str()),
            denied,
        };
        catalog.exact.insert(name, known);
        if marks.contains('i') {
            catalog.any_case.insert(lower, known);
        }
    }
    for name in BUILT_IN {
        catalog.any_case.insert((*name).to_owned(), Marks::default());
    }
    catalog
}

/// What is known about a function that may be called.
///
/// # Errors
///
/// `NotAllowed` for functions that are denied or that the list does not know.
pub(crate) fn check(name: &str) -> Result<Marks, Refusal> {
    if let Some(reason) = denied(name) {
        let name = crate::text::short(name);
        return Err(Refusal::not_allowed(format!("usage of function {name} is restricted: it {reason}")));
    }
    find(name).ok_or_else(|| {
        let refusal = Refusal::not_allowed(format!("the function \"{}\" is not known", crate::text::short(name)));
        refusal.hint("Function names are case-sensitive unless they are SQL's own.")
    })
}

/// Why a function may not be called, if so.
pub(crate) fn denied(name: &str) -> Option<&'static str> {
    match CATALOG.exact.get(name) {
        Some(marks) => marks.denied,
        None => denial(&name.to_ascii_lowercase()),
    }
}

/// Refuses what conditions and definitions cannot call besides.
///
/// # Errors
///
/// `NotAllowed` for functions whose answer depends on blocks, or that stop a query.
pub(crate) fn check_in_condition(name: &str) -> Result<(), Refusal> {
    match listed_in(DENIED_IN_CONDITIONS, &name.to_ascii_lowercase()) {
        Some(reason) => {
            let name = crate::text::short(name);
            Err(Refusal::not_allowed(format!("usage of function {name} is restricted here: it {reason}")))
        }
        None => Ok(()),
    }
}

/// Refuses what row filters cannot call besides.
///
/// # Errors
///
/// `NotAllowed` for functions that change how often a row is seen.
pub(crate) fn check_in_filter(name: &str) -> Result<(), Refusal> {
    match listed_in(DENIED_IN_FILTERS, &name.to_ascii_lowercase()) {
        Some(reason) => {
            let name = crate::text::short(name);
            Err(Refusal::not_allowed(format!("usage of function {name} is restricted in a row filter: it {reason}")))
        }
        None => Ok(()),
    }
}

/// Whether the engine has a function of this name, allowed or not.
pub(crate) fn is_known(name: &str) -> bool {
    find(name).is_some() || denied(name).is_some()
}

fn denial(lower: &str) -> Option<&'static str> {
    listed_in(DENIED, lower)
}

fn listed_in(list: &[(&str, &'static str)], lower: &str) -> Option<&'static str> {
    let matches = |listed: &str| match listed.strip_suffix('*') {
        Some(beginning) => lower.starts_with(beginning),
        None => lower == listed,
    };
    list.iter().find(|(listed, _)| matches(listed)).map(|(_, reason)| *reason)
}

/// A function on the list, or an aggregate with combinators behind its name (`sumIf`, `uniqStateOrNull`).
fn find(name: &str) -> Option<Marks> {
    if let Some(marks) = lookup(name) {
        return Some(marks);
    }
    let mut base = name;
    loop {
        let endings = CATALOG.combinators.iter().filter(|ending| base.ends_with(*ending));
        base = base.strip_suffix(endings.max_by_key(|ending| ending.len())?)?;
        if let Some(marks) = lookup(base).filter(|marks| marks.aggregate) {
            return Some(Marks { higher_order: false, ..marks });
        }
    }
}

fn lookup(name: &str) -> Option<Marks> {
    let exact = CATALOG.exact.get(name).copied();
    exact.or_else(|| CATALOG.any_case.get(&name.to_ascii_lowercase()).copied())
}

/// Whether a literal argument of this function can only be a value, never the name of a thing.
pub(crate) fn takes_plain_values(name: &str) -> bool {
    find(name).is_some_and(|marks| marks.plain)
}

/// Functions that read a literal as a type, a function or a setting, in lower case.
const NAME_TAKING: &[&str] = &[
    "_cast",
    "accuratecast",
    "accuratecastordefault",
    "accuratecastornull",
    "arrayreduce",
    "arrayreduceinranges",
    "cast",
    "defaultvalueoftypename",
    "dynamicelement",
    "formatrow",
    "formatrownonewline",
    "getsubcolumn",
    "globalvariable",
    "initializeaggregation",
    "interval",
    "jsonextract",
    "jsonextractcaseinsensitive",
    "reinterpret",
    "variantelement",
    // Table functions of the same name stand in FROM, where a literal may be a schema.
    "format",
    "null",
    "values",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_functions_pass() {
        for name in [
            "count",
            "COUNT",
            "sumIf",
            "sumIfIf",
            "uniqExactStateOrNull",
            "quantilesTDigestMerge",
            "COUNTDistinct",
            "arrayMap",
            "in",
            "notIn",
            "exists",
            "toDate",
            "if",
            "multiIf",
            "row_number",
            "sumMap",
            "plus",
            "leadInFrame",
            "formatQuery",
            "EXISTS",
            "argMaxIf",
            "avgWeightedIf",
            "CAST",
            "domain",
            "aggThrow",
        ] {
            assert!(check(name).is_ok(), "{name}: {:?}", check(name));
        }
    }

    #[test]
    fn outside_reaching_and_unknown_functions_do_not() {
        for name in [
            "file",
            "FILE",
            "dictGet",
            "dictGetUInt64OrDefault",
            "joinGet",
            "joinGetOrNull",
            "hasColumnInTable",
            "aiGenerate",
            "AIClassify",
            "__getScalar",
            "catboostEvaluate",
            "addressToLine",
            "getServerSetting",
            "newFunctionOfTomorrow",
            "TOSTRING",
            "fileIf",
            "OrNull",
            "State",
            "",
            "plusIf",
            "hostName",
            "sleep",
            "SLEEP",
            "sleepEachRow",
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn conditions_can_call_less() {
        for name in ["throwIf", "rowNumberInAllBlocks", "rowNumberInBlock", "blockNumber", "runningDifference"] {
            assert!(check(name).is_ok() && check_in_condition(name).is_err(), "{name}");
        }
        for name in ["now", "rand", "row_number", "toDate"] {
            assert!(check_in_condition(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn every_denied_name_is_still_known_to_the_engine_or_a_group() {
        let known: Vec<_> = CATALOG.exact.keys().map(|name| name.to_ascii_lowercase()).collect();
        for (listed, _) in DENIED.iter().chain(DENIED_IN_CONDITIONS).filter(|(listed, _)| *listed != "__*") {
            let beginning = listed.trim_end_matches('*');
            let found = known.iter().any(|name| match listed.ends_with('*') {
                true => name.starts_with(beginning),
                false => name == listed,
            });
            let optional = ["lemmatize", "synonyms"].contains(listed);
            assert!(found || optional, "{listed} denies nothing");
        }
    }
}
