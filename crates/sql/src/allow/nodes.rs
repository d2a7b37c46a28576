//! Which kinds of query tree nodes may occur, and under which headings. Any other line of a tree is a refusal.

/// A node of the engine's query tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NodeKind {
    Query,
    Union,
    List,
    Identifier,
    Function,
    TableFunction,
    Constant,
    Lambda,
    Matcher,
    Transformer,
    Join,
    ArrayJoin,
    Window,
    Sort,
    Interpolate,
}

/// Names as printed, what they are, and why they may occur.
pub(crate) const NODES: &[(&str, NodeKind, &str)] = &[
    ("QUERY", NodeKind::Query, "a SELECT"),
    ("UNION", NodeKind::Union, "UNION, INTERSECT, EXCEPT"),
    ("LIST", NodeKind::List, "a list of nodes"),
    ("IDENTIFIER", NodeKind::Identifier, "a name; checked wherever it can be a table or a function"),
    ("FUNCTION", NodeKind::Function, "a call; its name is checked"),
    ("TABLE_FUNCTION", NodeKind::TableFunction, "a table function; its name is checked"),
    ("CONSTANT", NodeKind::Constant, "a literal"),
    ("LAMBDA", NodeKind::Lambda, "x -> expression"),
    ("MATCHER", NodeKind::Matcher, "an asterisk or COLUMNS(..)"),
    ("APPLY COLUMN TRANSFORMER", NodeKind::Transformer, "APPLY; the function in it is checked as a call"),
    ("EXCEPT COLUMN TRANSFORMER", NodeKind::Transformer, "EXCEPT columns"),
    ("REPLACE COLUMN TRANSFORMER", NodeKind::Transformer, "REPLACE columns"),
    ("JOIN", NodeKind::Join, "a join"),
    ("CROSS JOIN", NodeKind::Join, "a comma or CROSS join"),
    ("ARRAY_JOIN", NodeKind::ArrayJoin, "ARRAY JOIN"),
    ("WINDOW", NodeKind::Window, "a window"),
    ("SORT", NodeKind::Sort, "an element of ORDER BY"),
    ("INTERPOLATE", NodeKind::Interpolate, "an element of INTERPOLATE"),
];

/// A heading between a node and what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Heading {
    /// The WITH list: CTEs and named expressions.
    With,
    /// The SELECT list.
    Projection,
    /// Where an identifier is a table.
    Table,
    /// The arguments of a call.
    Arguments,
    /// Settings, printed in the heading itself.
    Settings,
    /// Any other: expressions.
    Other,
}

const HEADINGS: &[(&str, Heading)] = &[
    ("WITH", Heading::With),
    ("PROJECTION", Heading::Projection),
    ("JOIN TREE", Heading::Table),
    ("TABLE EXPRESSION", Heading::Table),
    ("LEFT TABLE EXPRESSION", Heading::Table),
    ("RIGHT TABLE EXPRESSION", Heading::Table),
    ("ARGUMENTS", Heading::Arguments),
    ("FRAME BEGIN OFFSET", Heading::Other),
    ("FRAME END OFFSET", Heading::Other),
    ("FILL FROM", Heading::Other),
    ("FILL STALENESS", Heading::Other),
    ("FILL STEP", Heading::Other),
    ("FILL TO", Heading::Other),
    ("GROUP BY", Heading::Other),
    ("HAVING", Heading::Other),
    ("INTERPOLATE", Heading::Other),
    ("INTERPOLATE_EXPRESSION", Heading::Other),
    ("JOIN EXPRESSION", Heading::Other),
    ("JOIN EXPRESSIONS", Heading::Other),
    ("LIMIT", Heading::Other),
    ("LIMIT BY", Heading::Other),
    ("LIMIT BY LIMIT", Heading::Other),
    ("LIMIT BY OFFSET", Heading::Other),
    ("OFFSET", Heading::Other),
    ("ORDER BY", Heading::Other),
    ("PARAMETERS", Heading::Other),
    ("PARTITION BY", Heading::Other),
    ("PREWHERE", Heading::Other),
    ("QUALIFY", Heading::Other),
    ("QUERIES", Heading::Other),
    ("WHERE", Heading::Other),
    ("WINDOW", Heading::Other),
];

/// The kind of node that a printed name stands for.
pub(crate) fn node(name: &str) -> Option<NodeKind> {
    NODES.iter().find(|(listed, ..)| *listed == name).map(|(_, kind, _)| *kind)
}

/// The heading that a line is. Some repeat the text of the expression under them.
pub(crate) fn heading(line: &str) -> Option<Heading> {
    let listed = HEADINGS.iter().find(|(listed, _)| *listed == line.trim_end());
    match listed {
        Some((_, heading)) => Some(*heading),
        None if line.starts_with("SETTINGS ") => Some(Heading::Settings),
        None if line == "EXPRESSION" || line.starts_with("EXPRESSION ") => Some(Heading::Other),
        None if line.starts_with("REPLACEMENTS ") || line.starts_with("REPLACEMENT NAME ") => Some(Heading::Other),
        None => None,
    }
}
