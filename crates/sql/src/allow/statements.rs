//! Which statements users may send. Every other first word is refused.

/// First words of a query itself.
pub(crate) const SELECT_WORDS: &[(&str, &str)] = &[
    ("SELECT", "reads"),
    ("WITH", "begins a SELECT that names its parts; the outline demands that a SELECT follows the list"),
    ("FROM", "begins a SELECT written from its tables on"),
];

/// First words that ask about a query.
pub(crate) const DESCRIBE_WORDS: &[(&str, &str)] = &[
    ("DESCRIBE", "names the columns of a query that passes itself; always sent as DESCRIBE of a subquery"),
    ("DESC", "short for DESCRIBE"),
];

/// What may follow EXPLAIN, with the options of each. Option values are numbers.
pub(crate) const EXPLAIN_KINDS: &[(&str, &[&str], &str)] = &[
    ("SYNTAX", &["oneline", "run_query_tree_passes", "query_tree_passes"], "prints the query again"),
    ("AST", &["graph"], "shows what the parser made of the query"),
    (
        "PLAN",
        &["header", "description", "indexes", "projections", "actions", "json", "compact", "pretty"],
        "shows how the query would read, which users need to see what an index does",
    ),
    ("PIPELINE", &["header", "graph", "compact"], "shows the threads that the query would use"),
    (
        "QUERY TREE",
        &["run_passes", "dump_passes", "passes", "dump_ast", "dump_tree"],
        "shows how names were understood; its passes fold constants, so the query itself must pass the guard first",
    ),
];
