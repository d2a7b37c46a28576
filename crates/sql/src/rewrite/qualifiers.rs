//! Columns that are written with the name of their table: `ds.x` goes on meaning what it meant.

use super::edits::Edits;
use crate::name::{TableName, quote_if_needed};
use crate::outline::{Chain, Outline, Place, ScopeId, Source};
use crate::text::Text;

/// How columns of one replaced table are written from now on.
#[derive(Debug)]
pub(crate) struct Qualifier {
    scope: ScopeId,
    original: TableName,
    /// What takes the place of `name.`; nothing where that goes on working.
    pub(crate) short: Option<String>,
    /// What takes the place of `database.name.`
    pub(crate) long: Option<String>,
}

impl Qualifier {
    /// The table is called by its alias, or by its bare name: `ds AS d` may still be used as `ds.x`, and
    /// `other.ds` as `other.ds.x`.
    pub(super) fn renamed(source: &Source, called: String) -> Self {
        let is_renamed = source.alias.is_some() || called != quote_if_needed(&source.name.name);
        Self {
            scope: source.scope,
            original: source.name.clone(),
            short: is_renamed.then(|| called.clone()),
            long: Some(called),
        }
    }

    /// The table is called by the name of what replaced it.
    pub(crate) fn replaced(source: &Source, short: String, long: String) -> Self {
        Self { scope: source.scope, original: source.name.clone(), short: Some(short), long: Some(long) }
    }
}

pub(super) fn apply(text: &Text<'_>, outline: &Outline, qualifiers: &[Qualifier], edits: &mut Edits) {
    if qualifiers.is_empty() || outline.chains.is_empty() {
        return;
    }
    for chain in &outline.chains {
        if let Some((names, put)) = find(text, outline, qualifiers, chain) {
            let span = text.start(chain.at)..text.end_before(chain.at + 2 * names - 1);
            if !edits.touches(&span) {
                edits.put(span, put);
            }
        }
    }
}

/// How many leading names of a chain are a table's, and what takes their place.
fn find(text: &Text<'_>, outline: &Outline, qualifiers: &[Qualifier], chain: &Chain) -> Option<(usize, String)> {
    let first = text.name(chain.at);
    let second = (chain.parts > 1).then(|| text.name(chain.at + 2));
    let goes_on = text.raw(chain.at + 2 * chain.parts - 1) == ".";
    let mut here = Some(chain.scope);
    while let Some(scope) = here {
        for qualifier in qualifiers.iter().filter(|qualifier| qualifier.scope == scope) {
            let TableName { database, name } = &qualifier.original;
            let is_long = database.as_ref() == Some(&first) && second.as_ref() == Some(name);
            if is_long && (chain.parts > 2 || goes_on) {
                return qualifier.long.clone().map(|put| (2, put));
            }
            let is_short = *name == first && (chain.parts > 1 || goes_on);
            if is_short && !is_called(text, outline, scope, &first, qualifier) {
                return qualifier.short.clone().map(|put| (1, put));
            }
        }
        if outline.scopes[scope].table_aliases.contains(&first) {
            return None;
        }
        here = outline.scopes[scope].parent;
    }
    None
}

/// Whether another table of the same SELECT has been given this name as its alias.
fn is_called(text: &Text<'_>, outline: &Outline, scope: ScopeId, name: &str, qualifier: &Qualifier) -> bool {
    outline.sources.iter().any(|source| {
        source.place == Place::From
            && source.scope == scope
            && source.name != qualifier.original
            && source.alias.is_some_and(|alias| text.name(alias) == name)
    })
}
