//! Texts of several lines, descriptions and SQL, between a block and a string.

use crate::source::{self, BlockLine, Grammar};

/// A description from its block: common indentation and outer blank lines removed. Blank lines inside stay, and so do
/// indented lines that begin with `#` (they may be headings); in the first column they are comments of the datafile.
pub(crate) fn description(lines: &[BlockLine<'_>]) -> String {
    let lines: Vec<&str> =
        lines.iter().map(|line| line.text.trim_end()).filter(|line| !line.starts_with('#')).collect();
    dedent(&lines).trim_matches('\n').to_owned()
}

/// SQL from its block's lines that say something. A template (its first character is `%`) keeps its indentation.
pub(crate) fn sql(code: &str) -> String {
    let trimmed = code.trim();
    if trimmed.starts_with('%') {
        return trimmed.to_owned();
    }
    let lines: Vec<&str> = code.lines().collect();
    dedent(&lines).trim_end().to_owned()
}

/// Removes the blanks that all lines which are not empty begin with.
fn dedent(lines: &[&str]) -> String {
    let mut margin: Option<&str> = None;
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        margin = Some(margin.map_or(indent, |margin| common_prefix(margin, indent)));
    }
    let margin = margin.unwrap_or_default();
    lines.iter().map(|line| line.strip_prefix(margin).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn common_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    // Indentation is spaces and tabs, so bytes are characters.
    let length = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    &a[..length]
}

const INDENT: &str = "    ";

/// `text` as the lines of a block, each indented and ended by a newline.
pub(crate) fn indent(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{INDENT}{line}\n") }).collect()
}

/// SQL as the lines of a block that read back as the same SQL.
pub(crate) fn sql_block(grammar: &Grammar, sql: &str) -> String {
    let rest_of_template = sql.starts_with('%').then(|| sql.split_once('\n').map_or("", |(_, rest)| rest));
    match rest_of_template {
        // Indentation of a template is part of it, so its lines stay as they are if the block lets them.
        Some(rest) if !rest.lines().any(|line| source::ends_block(grammar, line)) => {
            let flush_left = rest.lines().any(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
            format!("{}{}\n", if flush_left { "" } else { INDENT }, sql)
        }
        _ => indent(sql),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAMMAR: Grammar = Grammar { kind: "pipe", keywords: &["SQL", "TYPE"], hints: &[] };

    #[track_caller]
    fn check(code: &str, expected: &str, printed: &str) {
        assert_eq!(sql(code), expected);
        assert_eq!(sql_block(&GRAMMAR, expected), printed);
        assert_eq!(sql(printed), expected);
    }

    #[test]
    fn sql_reads_back() {
        check("  SELECT 1\n    FROM t  ", "SELECT 1\n  FROM t", "    SELECT 1\n      FROM t\n");
        check("    SELECT *\nFROM t", "    SELECT *\nFROM t", "        SELECT *\n    FROM t\n");
        check("    %\n    SELECT\n", "%\n    SELECT", "    %\n    SELECT\n");
        check("%\nSELECT\n  1", "%\nSELECT\n  1", "%\nSELECT\n  1\n");
        check("% SELECT 1", "% SELECT 1", "    % SELECT 1\n");
    }

    #[test]
    fn a_line_that_would_end_the_block_is_indented() {
        assert_eq!(sql_block(&GRAMMAR, "%\nSELECT\ntype"), "    %\n    SELECT\n    type\n");
    }
}
