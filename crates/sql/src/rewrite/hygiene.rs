//! Making a query ready to stand inside another one.
//!
//! Its tables are physical already, so no CTE around it can capture them. What is left is the engine itself: while it
//! reads a CTE, it does not see a second CTE of the same name and body (26.7), and looks for a table instead. Queries
//! that people write in one style meet that easily (`WITH final AS (SELECT * FROM source)` in every node), so the
//! CTEs of an inner query get names that the outer one does not use.

use super::edits::Edits;
use crate::name::{quote, quote_if_needed};
use crate::outline::{CteId, Outline, Place, outline};
use crate::refusal::Refusal;
use crate::text::Text;

/// The query without what could swallow a closing bracket, and with CTE names that the host does not use.
pub(super) fn close(sql: &str, host: &Outline) -> Result<String, Refusal> {
    let host_names: Vec<_> = host.scopes.iter().flat_map(|scope| &scope.ctes).map(|cte| cte.name.as_str()).collect();
    let may_clash = !host_names.is_empty() && may_hold_cte(sql);
    if !may_clash && !may_end_in_comment(sql) {
        return Ok(sql.trim_end().to_owned());
    }
    let text = Text::read(sql)?;
    let closed = &sql[..text.end_before(text.len())];
    if !may_clash {
        return Ok(closed.to_owned());
    }
    let inner = outline(&text, 0)?;
    Ok(rename(&text, &inner, &host_names).apply(closed))
}

/// Cheap, and wrong only on the safe side.
fn may_hold_cte(sql: &str) -> bool {
    sql.as_bytes().windows(4).any(|word| word.eq_ignore_ascii_case(b"with"))
}

/// Cheap, and wrong only on the safe side.
fn may_end_in_comment(sql: &str) -> bool {
    let last_line = sql.rsplit('\n').next().unwrap_or(sql);
    last_line.contains("--") || last_line.contains("//") || last_line.contains('#') || sql.contains("/*")
}

fn rename(text: &Text<'_>, inner: &Outline, host_names: &[&str]) -> Edits {
    let mut edits = Edits::default();
    let mut taken: Vec<String> = host_names.iter().map(|&name| name.to_owned()).collect();
    taken.extend(inner.scopes.iter().flat_map(|scope| &scope.ctes).map(|cte| cte.name.clone()));
    for (scope, declared) in inner.scopes.iter().enumerate() {
        for (index, cte) in declared.ctes.iter().enumerate() {
            if !host_names.contains(&cte.name.as_str()) {
                continue;
            }
            let name = free_name(&cte.name, &taken);
            edits.put(span(text, cte.at), quote_if_needed(&name));
            rename_uses(text, inner, CteId { scope, index }, &name, &mut edits);
            taken.push(name);
        }
    }
    edits
}

fn rename_uses(text: &Text<'_>, inner: &Outline, cte: CteId, name: &str, edits: &mut Edits) {
    for source in &inner.sources {
        let is_use = source.name.database.is_none()
            && !source.lambda
            && !(source.place == Place::In && inner.is_value_alias(source.scope, &source.name.name, source.at.start))
            && inner.find_cte(source.scope, &source.name.name) == Some(cte);
        if is_use {
            let alias = match (source.place, source.alias) {
                (Place::From, None) => format!(" AS {}", quote_if_needed(&source.name.name)),
                _ => String::new(),
            };
            edits.put(span(text, source.at.start), format!("{}{alias}", quote(name)));
        }
    }
}

fn free_name(name: &str, taken: &[String]) -> String {
    let mut number = 2;
    loop {
        let free = format!("{name}_{number}");
        if !taken.contains(&free) {
            return free;
        }
        number += 1;
    }
}

fn span(text: &Text<'_>, at: usize) -> std::ops::Range<usize> {
    text.start(at)..text.end_before(at + 1)
}
