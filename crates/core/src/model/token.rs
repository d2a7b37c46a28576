//! Tokens: who may do what.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{DataSourceId, Grant, PipeId, TokenId};

/// A static token. Its value is a secret: it never reaches a log, an error or a debug print.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id, which also stands inside the value.
    pub id: TokenId,
    /// Its name, unique in the workspace.
    pub name: String,
    /// Free text; empty when none.
    pub description: String,
    /// What kind of client made it (`C` custom, `P` for a pipe, `DS` for a data source), as clients send it.
    pub origin: String,
    /// What it allows.
    pub scopes: Vec<Grant>,
    /// The secret that callers send.
    pub value: SecretString,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Token {
    /// Whether `value` is this token's secret.
    pub fn has_value(&self, value: &str) -> bool {
        self.value.expose_secret() == value
    }

    /// Whether it holds a scope, for all rows or for some.
    pub fn holds(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|grant| grant.scope == scope)
    }

    /// Whether it allows everything.
    pub fn is_admin(&self) -> bool {
        self.holds(Scope::Admin)
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Token) -> bool {
        let (mine, theirs) = (self.comparable(), other.comparable());
        mine == theirs
    }
}

impl Token {
    fn comparable(&self) -> (TokenId, &str, &str, &str, &[Grant], &str, Timestamp) {
        (
            self.id,
            &self.name,
            &self.description,
            &self.origin,
            &self.scopes,
            self.value.expose_secret(),
            self.created_at,
        )
    }
}

/// One permission. Resources are held by id, so that a permission survives a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Manage tokens.
    Tokens,
    /// Create, append to, change and delete data sources.
    DataSourcesCreate,
    /// Append to one data source.
    DataSourcesAppend(DataSourceId),
    /// Read one data source and its quarantine.
    DataSourcesRead(DataSourceId),
    /// Delete one data source.
    DataSourcesDrop(DataSourceId),
    /// Create, change and delete pipes.
    PipesCreate,
    /// Read the data and definition of one pipe.
    PipesRead(PipeId),
    /// Delete one pipe.
    PipesDrop(PipeId),
}

/// The part of a scope before its resource, as the API spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeKind {
    /// `ADMIN`
    Admin,
    /// `TOKENS`
    Tokens,
    /// `DATASOURCES:CREATE`
    DataSourcesCreate,
    /// `DATASOURCES:APPEND`
    DataSourcesAppend,
    /// `DATASOURCES:READ`
    DataSourcesRead,
    /// `DATASOURCES:DROP`
    DataSourcesDrop,
    /// `PIPES:CREATE`
    PipesCreate,
    /// `PIPES:READ`
    PipesRead,
    /// `PIPES:DROP`
    PipesDrop,
}

impl ScopeKind {
    /// Every kind, in the order documents list them.
    pub const ALL: [ScopeKind; 9] = [
        ScopeKind::Admin,
        ScopeKind::Tokens,
        ScopeKind::DataSourcesCreate,
        ScopeKind::DataSourcesAppend,
        ScopeKind::DataSourcesRead,
        ScopeKind::DataSourcesDrop,
        ScopeKind::PipesCreate,
        ScopeKind::PipesRead,
        ScopeKind::PipesDrop,
    ];

    /// The spelling that answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            ScopeKind::Admin => "ADMIN",
            ScopeKind::Tokens => "TOKENS",
            ScopeKind::DataSourcesCreate => "DATASOURCES:CREATE",
            ScopeKind::DataSourcesAppend => "DATASOURCES:APPEND",
            ScopeKind::DataSourcesRead => "DATASOURCES:READ",
            ScopeKind::DataSourcesDrop => "DATASOURCES:DROP",
            ScopeKind::PipesCreate => "PIPES:CREATE",
            ScopeKind::PipesRead => "PIPES:READ",
            ScopeKind::PipesDrop => "PIPES:DROP",
        }
    }

    /// Whether the scope is about one resource.
    pub fn needs_resource(self) -> bool {
        !matches!(self, ScopeKind::Admin | ScopeKind::Tokens | ScopeKind::DataSourcesCreate | ScopeKind::PipesCreate)
    }

    /// Whether the scope may be held for some rows only.
    pub fn may_filter(self) -> bool {
        matches!(self, ScopeKind::DataSourcesRead | ScopeKind::PipesRead)
    }

    /// Reads a scope's words, singular or plural (the Pipes API documents write `PIPE:CREATE`), in any letter case.
    /// `IMPORT` and `DROP` are old spellings that the documents still show.
    pub fn parse(words: &str) -> Option<ScopeKind> {
        let upper = words.to_ascii_uppercase();
        let plural = match upper.split_once(':') {
            Some(("PIPE", action)) => format!("PIPES:{action}"),
            Some(("DATASOURCE", action)) => format!("DATASOURCES:{action}"),
            _ => upper,
        };
        match plural.as_str() {
            "IMPORT" => Some(ScopeKind::DataSourcesCreate),
            "DROP" => Some(ScopeKind::PipesDrop),
            _ => ScopeKind::ALL.into_iter().find(|kind| kind.as_str() == plural),
        }
    }
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a scope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeResource {
    /// Nothing in particular.
    None,
    /// One data source.
    DataSource(DataSourceId),
    /// One pipe.
    Pipe(PipeId),
}

impl Scope {
    /// The scope's kind.
    pub fn kind(self) -> ScopeKind {
        match self {
            Scope::Admin => ScopeKind::Admin,
            Scope::Tokens => ScopeKind::Tokens,
            Scope::DataSourcesCreate => ScopeKind::DataSourcesCreate,
            Scope::DataSourcesAppend(_) => ScopeKind::DataSourcesAppend,
            Scope::DataSourcesRead(_) => ScopeKind::DataSourcesRead,
            Scope::DataSourcesDrop(_) => ScopeKind::DataSourcesDrop,
            Scope::PipesCreate => ScopeKind::PipesCreate,
            Scope::PipesRead(_) => ScopeKind::PipesRead,
            Scope::PipesDrop(_) => ScopeKind::PipesDrop,
        }
    }

    /// The scope's resource.
    pub fn resource(self) -> ScopeResource {
        match self {
            Scope::Admin | Scope::Tokens | Scope::DataSourcesCreate | Scope::PipesCreate => ScopeResource::None,
            Scope::DataSourcesAppend(id) | Scope::DataSourcesRead(id) | Scope::DataSourcesDrop(id) => {
                ScopeResource::DataSource(id)
            }
            Scope::PipesRead(id) | Scope::PipesDrop(id) => ScopeResource::Pipe(id),
        }
    }

    /// Puts a kind and a resource together; `None` when they do not fit.
    pub fn new(kind: ScopeKind, resource: ScopeResource) -> Option<Scope> {
        match (kind, resource) {
            (ScopeKind::Admin, ScopeResource::None) => Some(Scope::Admin),
            (ScopeKind::Tokens, ScopeResource::None) => Some(Scope::Tokens),
            (ScopeKind::DataSourcesCreate, ScopeResource::None) => Some(Scope::DataSourcesCreate),
            (ScopeKind::PipesCreate, ScopeResource::None) => Some(Scope::PipesCreate),
            (ScopeKind::DataSourcesAppend, ScopeResource::DataSource(id)) => Some(Scope::DataSourcesAppend(id)),
            (ScopeKind::DataSourcesRead, ScopeResource::DataSource(id)) => Some(Scope::DataSourcesRead(id)),
            (ScopeKind::DataSourcesDrop, ScopeResource::DataSource(id)) => Some(Scope::DataSourcesDrop(id)),
            (ScopeKind::PipesRead, ScopeResource::Pipe(id)) => Some(Scope::PipesRead(id)),
            (ScopeKind::PipesDrop, ScopeResource::Pipe(id)) => Some(Scope::PipesDrop(id)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_words_are_read_in_both_numbers() {
        for (text, kind) in [
            ("PIPES:READ", ScopeKind::PipesRead),
            ("PIPE:CREATE", ScopeKind::PipesCreate),
            ("datasource:append", ScopeKind::DataSourcesAppend),
            ("ADMIN", ScopeKind::Admin),
            ("IMPORT", ScopeKind::DataSourcesCreate),
            ("DROP", ScopeKind::PipesDrop),
        ] {
            assert_eq!(ScopeKind::parse(text), Some(kind), "{text}");
        }
        assert_eq!(ScopeKind::parse("PIPES"), None);
        assert_eq!(ScopeKind::parse("PIPES:WRITE"), None);
    }

    #[test]
    fn kind_and_resource_give_the_scope_back() {
        let id = PipeId::parse("t_bd1c62b5e67142bd9bf9a7f113a2b6ea").unwrap();
        for scope in [Scope::Admin, Scope::PipesRead(id), Scope::PipesDrop(id), Scope::DataSourcesCreate] {
            assert_eq!(Scope::new(scope.kind(), scope.resource()), Some(scope));
        }
        assert_eq!(Scope::new(ScopeKind::PipesRead, ScopeResource::None), None);
    }
}
