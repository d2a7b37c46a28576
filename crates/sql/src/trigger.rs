//! Which table's new rows a materialized view takes: the first one in its FROM, however deep in subqueries and CTEs.

use crate::keyword::Keyword;
use crate::name::TableName;
use crate::outline::{Outline, outline};
use crate::refusal::Refusal;
use crate::rewrite::Writer;
use crate::statement::read_one;
use crate::text::Text;

/// How deep subqueries and CTEs are followed.
const MAX_DEPTH: usize = 64;

/// The first table that a query reads in its outermost FROM; in that of its first branch for a UNION. A subquery or CTE
/// that stands there is followed. None when what stands there is no table.
///
/// # Errors
///
/// `Syntax` for what is no query.
pub fn first_table(sql: &str) -> Result<Option<TableName>, Refusal> {
    let text = read_one(sql)?;
    let outline = outline(&text, 0)?;
    let search = Search { text: &text, outline: &outline, writer: Writer::new(&text, &outline) };
    Ok(search.of_query(0, 0))
}

struct Search<'t, 'a> {
    text: &'t Text<'a>,
    outline: &'t Outline,
    writer: Writer<'t, 'a>,
}

impl Search<'_, '_> {
    /// The first table of the query that begins at a lexeme.
    fn of_query(&self, mut at: usize, depth: usize) -> Option<TableName> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.text.raw(at) == "(" {
            return self.of_query(at + 1, depth + 1);
        }
        while at < self.text.len() {
            let kind = self.text.kind(at)?;
            if kind.is_closing() {
                return None;
            }
            if self.text.is_keyword(at, Keyword::From) && !self.text.is_keyword(at.wrapping_sub(1), Keyword::Distinct) {
                return self.of_table(at + 1, depth);
            }
            if self.text.is_keyword(at, Keyword::Union) {
                return None;
            }
            at = if kind.is_opening() { self.text.mate(at) + 1 } else { at + 1 };
        }
        None
    }

    /// The table that stands at a lexeme of FROM.
    fn of_table(&self, at: usize, depth: usize) -> Option<TableName> {
        if self.text.raw(at) == "(" {
            let inside = at + 1;
            let is_query = self.text.raw(inside) == "("
                || [Keyword::Select, Keyword::With, Keyword::From].iter().any(|&it| self.text.is_keyword(inside, it));
            return if is_query { self.of_query(inside, depth + 1) } else { self.of_table(inside, depth + 1) };
        }
        let source = self.outline.sources.iter().find(|source| source.at.start == at)?;
        if !self.writer.is_bound(source) {
            return Some(source.name.clone());
        }
        let id = self.outline.find_cte(source.scope, &source.name.name)?;
        let name = self.outline.scopes[id.scope].ctes[id.index].at;
        // `name AS (query)`
        self.of_query(name + 2, depth + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: Option<&str>) {
        let found = first_table(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal:?}"));
        assert_eq!(found.map(|name| name.to_string()).as_deref(), expected, "{sql}");
    }

    #[test]
    fn the_first_table_in_from_is_the_trigger() {
        check("SELECT a FROM t", Some("t"));
        check("SELECT a FROM `d`.`t` AS x JOIN u ON x.a = u.a", Some("d.t"));
        check("SELECT (SELECT max(b) FROM u) AS m, extract(HOUR FROM ts) FROM t", Some("t"));
        check("SELECT a IS DISTINCT FROM b FROM t", Some("t"));
        check("FROM t SELECT a", Some("t"));
    }

    #[test]
    fn subqueries_and_ctes_are_followed() {
        check("SELECT * FROM (SELECT * FROM (SELECT a FROM t) AS x, u) AS y", Some("t"));
        check("WITH u AS (SELECT 1 FROM other), c AS (SELECT a FROM t) SELECT a FROM c JOIN u USING a", Some("t"));
        check("WITH (SELECT max(a) FROM other) AS m SELECT a FROM t WHERE a = m", Some("t"));
        check("SELECT a FROM t UNION ALL SELECT a FROM u", Some("t"));
        check("(SELECT a FROM t) UNION ALL SELECT a FROM u", Some("t"));
    }

    #[test]
    fn what_is_no_table_triggers_nothing() {
        check("SELECT 1", None);
        check("SELECT number FROM numbers(10)", None);
        check("SELECT number FROM numbers(10) AS n JOIN t ON 1", None);
        check("SELECT 1 UNION ALL SELECT a FROM t", None);
    }
}
