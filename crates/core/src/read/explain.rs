//! What a node's query is once everything is put in its place, and how the engine would run it.

use standpipe_sql::{Door, Explain, ExplainKind, StatementKind, TokenKind, tokenize};

use super::effort::short_first;
use super::format::Format;
use super::names::Names;
use super::run::{Query, Read, Reader, require_sources};
use super::user_names::name_tables;
use crate::access::Access;
use crate::error::Result;
use crate::model::{Node, Pipe};

/// The answer to explaining a node (Pipes API, `/explain`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The whole query on one line, with data sources by their names.
    pub debug_query: String,
    /// ClickHouse's plan with indexes, parts and granules, on one line.
    pub query_explain: String,
}

impl Reader {
    /// Explains a node with these parameters. It needs the right to read the pipe and every data source behind it.
    pub async fn explain(&self, access: &Access, pipe: &Pipe, node: &Node, query: &Query<'_>) -> Result<Explained> {
        access.require_pipe_read(pipe)?;
        let resolved =
            short_first(|effort| Names::new(access, query.params).with_effort(effort).resolve_node(pipe, node))?;
        require_sources(access, &resolved)?;
        let checked = self.check(access, &resolved, Door::Explain).await?;
        let options = vec![("indexes".to_owned(), "1".to_owned())];
        let plan = StatementKind::Explain(Explain { kind: ExplainKind::Plan, options });
        let read = Read {
            access,
            resolved: &resolved,
            statement: None,
            door: Door::Explain,
            query,
            format: Format::by_name("TSVRaw").unwrap_or(Format::JSON),
            pipe: Some(pipe),
            allowed: &self.allowed(access, Some(pipe)),
            cache_time: None,
        };
        let plan = self.send(&checked.wrapped(&plan), &read).await?.bytes().await?;
        let plan = String::from_utf8_lossy(&plan);
        Ok(Explained {
            debug_query: name_tables(one_line(&resolved.sql), access, &resolved),
            query_explain: name_tables(plan.split_whitespace().collect::<Vec<_>>().join(" "), access, &resolved),
        })
    }
}

/// The query without comments and with one space where there were blanks; strings stay as they are.
fn one_line(sql: &str) -> String {
    let mut line = String::with_capacity(sql.len());
    for token in tokenize(sql) {
        match token.kind {
            TokenKind::Whitespace | TokenKind::Comment => {
                if !line.is_empty() && !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            _ => line.push_str(&sql[token.span]),
        }
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_comments_go_and_strings_stay() {
        assert_eq!(one_line(" SELECT 1, -- one\n  'a\n b'  /* x */ FROM\n\tt\n"), "SELECT 1, 'a\n b' FROM t");
    }
}
