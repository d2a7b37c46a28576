//! Scopes as callers write them, read into what a token holds.

use std::sync::Arc;

use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::token::ScopeResource;
use crate::model::{Grant, Scope, ScopeKind, Workspace};
use crate::read::Reader;

/// A scope as callers write it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewScope {
    /// What it allows, such as `PIPES:READ`.
    pub kind: String,
    /// Name or id of what it is about.
    pub resource: Option<String>,
    /// The rows that it is about: an expression.
    pub filter: Option<String>,
}

impl NewScope {
    /// Reads `KIND`, `KIND:resource` or `KIND:resource:filter`; a filter may hold colons of its own.
    pub fn parse(text: &str) -> NewScope {
        let text = text.trim();
        let (first, rest) = text.split_once(':').unwrap_or((text, ""));
        // `IMPORT` and `DROP` are kinds of one word; the others that take a resource have two.
        let (kind, rest) = match (ScopeKind::parse(first), rest.split_once(':')) {
            (Some(_), _) => (first.to_owned(), rest),
            (None, Some((second, rest))) => (format!("{first}:{second}"), rest),
            (None, None) => (text.to_owned(), ""),
        };
        let (resource, filter) = rest.split_once(':').unwrap_or((rest, ""));
        NewScope { kind, resource: filled(resource), filter: filled(filter) }
    }
}

fn filled(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Reads scopes, each once, with their filters checked.
pub(super) async fn read_scopes(reader: &Reader, access: &Access, scopes: &[NewScope]) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for new in scopes {
        let scope = read_scope(access.workspace(), new)?;
        let filter = match &new.filter {
            None => None,
            Some(text) => Some(Arc::new(reader.new_filter(access, scope.resource(), text).await?)),
        };
        let grant = Grant { scope, filter };
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    if grants.iter().any(|grant| grant.scope == Scope::Admin) {
        access.require_admin()?;
    }
    Ok(grants)
}

/// What a token that holds `held` holds after its scopes are replaced by `new`. A scope that it held for some rows only, and
/// that comes without a filter, keeps its filters: clients that know no filters leave them out, and to let a token see more
/// by accident is worse than to let nobody widen it in one step.
pub(super) fn replaced(held: &[Grant], new: Vec<Grant>) -> Vec<Grant> {
    let limited = |scope: Scope| held.iter().filter(move |grant| grant.scope == scope);
    let mut grants: Vec<Grant> = Vec::new();
    for grant in new {
        let keeps = grant.filter.is_none() && limited(grant.scope).all(|held| held.filter.is_some());
        let mut kept = limited(grant.scope).filter(|_| keeps).cloned().peekable();
        match kept.peek() {
            None => grants.push(grant),
            Some(_) => grants.extend(kept),
        }
    }
    let mut once = Vec::with_capacity(grants.len());
    for grant in grants {
        if !once.contains(&grant) {
            once.push(grant);
        }
    }
    once
}

fn read_scope(workspace: &Workspace, new: &NewScope) -> Result<Scope> {
    let unknown = || {
        let known: Vec<&str> = ScopeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Error::bad_request(format!("scope '{}' is unknown: use one of {}", new.kind, known.join(", ")))
    };
    let kind = ScopeKind::parse(&new.kind).ok_or_else(unknown)?;
    if let Some(filter) = new.filter.as_ref().filter(|_| !kind.may_filter()) {
        let may: Vec<&str> = ScopeKind::ALL.iter().filter(|kind| kind.may_filter()).map(|kind| kind.as_str()).collect();
        return Err(Error::bad_request(format!(
            "scope '{kind}' cannot have the row filter '{filter}': only {} can",
            may.join(" and ")
        )));
    }
    match (kind.needs_resource(), &new.resource) {
        (false, None) => Scope::new(kind, ScopeResource::None).ok_or_else(unknown),
        (false, Some(name)) => {
            Err(Error::bad_request(format!("scope '{kind}' is about no resource: leave out ':{name}'")))
        }
        (true, None) => {
            Err(Error::bad_request(format!("scope '{kind}' needs the name of its resource: send {kind}:<name>")))
        }
        (true, Some(name)) => Scope::new(kind, find_resource(workspace, kind, name)?).ok_or_else(unknown),
    }
}

fn find_resource(workspace: &Workspace, kind: ScopeKind, name: &str) -> Result<ScopeResource> {
    let missing = |what| Error::bad_request(format!("scope '{kind}:{name}' names no {what} of this workspace"));
    if kind.as_str().starts_with("PIPES") {
        workspace.pipe(name).map(|pipe| ScopeResource::Pipe(pipe.id)).ok_or_else(|| missing("pipe"))
    } else {
        let found = workspace.data_source(name);
        found.map(|found| ScopeResource::DataSource(found.id)).ok_or_else(|| missing("data source"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PipeId, RowFilter};

    fn parts(text: &str) -> (String, Option<String>, Option<String>) {
        let NewScope { kind, resource, filter } = NewScope::parse(text);
        (kind, resource, filter)
    }

    #[test]
    fn everything_behind_the_third_colon_is_the_filter() {
        let of = |kind: &str, resource: &str, filter: &str| (kind.to_owned(), filled(resource), filled(filter));
        for (text, expected) in [
            ("ADMIN", of("ADMIN", "", "")),
            ("PIPES:READ:p", of("PIPES:READ", "p", "")),
            ("PIPES:READ:p:", of("PIPES:READ", "p", "")),
            (" datasource:read:x:a > 0 ", of("datasource:read", "x", "a > 0")),
            ("DATASOURCES:READ:x:t::Date = 'a:b'", of("DATASOURCES:READ", "x", "t::Date = 'a:b'")),
            ("DATASOURCES:CREATE", of("DATASOURCES:CREATE", "", "")),
            ("DROP:p", of("DROP", "p", "")),
            ("PIPES", of("PIPES", "", "")),
            ("TOKENS:x:y", of("TOKENS", "x", "y")),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_held_filter_stays_until_its_scope_goes() {
        let scope = Scope::PipesRead(PipeId::parse("t_bd1c62b5e67142bd9bf9a7f113a2b6ea").unwrap());
        let grant = |filter: &str| Grant {
            scope,
            filter: filled(filter).map(|text| Arc::new(RowFilter { bound: text.clone(), text })),
        };
        let held = [grant("a"), grant("b")];
        assert_eq!(replaced(&held, vec![grant("")]), [grant("a"), grant("b")]);
        assert_eq!(replaced(&held, vec![grant(""), grant("a")]), [grant("a"), grant("b")]);
        assert_eq!(replaced(&held, vec![grant("c")]), [grant("c")]);
        assert_eq!(replaced(&held, vec![Scope::Tokens.into()]), [Scope::Tokens.into()]);
        assert_eq!(replaced(&[Scope::Tokens.into()], vec![grant("")]), [grant("")]);
        assert_eq!(replaced(&[grant("")], vec![grant("")]), [grant("")]);
        assert_eq!(replaced(&[grant(""), grant("a")], vec![grant("")]), [grant("")]);
    }
}
