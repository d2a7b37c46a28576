//! Who may do what: the caller's token, looked up once per request, and the checks that operations begin with.

mod secret_key;
mod token_value;

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;

pub use secret_key::SecretKey;
pub use token_value::{mint_token_value, token_hash};

use crate::catalog::Snapshot;
use crate::error::{Error, Result};
use crate::jobs::{Job, JobKind, SinkJob};
use crate::model::{DataSource, Pipe, PipeId, RowFilter, Scope, ScopeKind, Token, TokenId, Workspace, WorkspaceId};

/// What a request may do: its token, and the catalog as it was when the request began. A request keeps one `Access`
/// from its first check to its last byte.
#[derive(Clone, Debug)]
pub struct Access {
    snapshot: Arc<Snapshot>,
    workspace: Arc<Workspace>,
    token: Arc<Token>,
    /// The request's id, for what is recorded of it; empty for work of the server's own.
    request_id: Arc<str>,
}

impl Access {
    /// Looks up a token's value. Errors: [`Error::TokenMissing`] for none, [`Error::TokenUnknown`] for one that is not
    /// ours.
    pub fn authenticate(snapshot: Arc<Snapshot>, value: Option<&str>) -> Result<Access> {
        let value = value.filter(|value| !value.is_empty()).ok_or(Error::TokenMissing)?;
        let (workspace, token) = snapshot.find_token(value).ok_or(Error::TokenUnknown)?;
        Ok(Access { workspace, token, snapshot, request_id: Arc::default() })
    }

    /// The same for the request of this id.
    pub fn for_request(self, id: &str) -> Access {
        Access { request_id: id.into(), ..self }
    }

    /// The request's id; empty for work of the server's own.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// What a job may do that this token asked for. Errors: [`Error::TokenUnknown`] when the token is gone.
    pub(crate) fn of_token(snapshot: Arc<Snapshot>, workspace: WorkspaceId, token: TokenId) -> Result<Access> {
        let workspace = snapshot.workspace(workspace).ok_or(Error::TokenUnknown)?;
        let token = workspace.tokens.get(&token).ok_or(Error::TokenUnknown)?.clone();
        Ok(Access { workspace, token, snapshot, request_id: Arc::default() })
    }

    /// What a schedule may do: nothing of its own, only what a pipe does for whoever may use it.
    pub(crate) fn of_schedule(snapshot: Arc<Snapshot>, workspace: WorkspaceId) -> Result<Access> {
        let workspace = snapshot
            .workspace(workspace)
            .ok_or_else(|| Error::internal(format!("workspace {workspace} is not in the catalog")))?;
        let token = Token {
            id: TokenId(uuid::Uuid::nil()),
            name: "schedule".to_owned(),
            description: String::new(),
            origin: String::new(),
            scopes: Vec::new(),
            value: SecretString::default(),
            created_at: Timestamp::UNIX_EPOCH,
        };
        Ok(Access { workspace, token: Arc::new(token), snapshot, request_id: Arc::default() })
    }

    /// The workspace that the token belongs to, as it was when the request began.
    pub fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }

    /// The token itself.
    pub fn token(&self) -> &Arc<Token> {
        &self.token
    }

    /// The catalog as it was when the request began.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The same token over a workspace as it would be after a change.
    pub(crate) fn with_workspace(&self, workspace: Arc<Workspace>) -> Access {
        Access { workspace, ..self.clone() }
    }

    /// The same token over a newer snapshot, after the request itself changed the catalog.
    pub fn refreshed(&self, snapshot: Arc<Snapshot>) -> Access {
        let workspace = snapshot.workspace(self.workspace.id).unwrap_or_else(|| self.workspace.clone());
        Access { snapshot, workspace, ..self.clone() }
    }

    /// Whether the token allows everything.
    pub fn is_admin(&self) -> bool {
        self.token.is_admin()
    }

    /// Whether the token holds the scope, for all rows or for some, or everything.
    pub(crate) fn has(&self, scope: Scope) -> bool {
        self.is_admin() || self.token.holds(scope)
    }

    fn require(&self, scopes: &[Scope], needed: impl FnOnce() -> String) -> Result<()> {
        if scopes.iter().any(|scope| self.has(*scope)) { Ok(()) } else { Err(Error::Forbidden { needed: needed() }) }
    }

    /// Requires `ADMIN`.
    pub fn require_admin(&self) -> Result<()> {
        self.require(&[Scope::Admin], || "ADMIN".to_owned())
    }

    /// Requires the right to manage tokens.
    pub fn require_tokens(&self) -> Result<()> {
        self.require(&[Scope::Tokens], || needs(&[ScopeKind::Tokens], None))
    }

    /// Whether an answer may hold the token's secret: managing tokens does not include becoming an admin.
    pub fn sees_secret(&self, token: &Token) -> bool {
        self.is_admin() || self.token.id == token.id || (self.has(Scope::Tokens) && !token.is_admin())
    }

    /// Requires the right to create data sources.
    pub fn require_data_source_create(&self) -> Result<()> {
        self.require(&[Scope::DataSourcesCreate], || needs(&[ScopeKind::DataSourcesCreate], None))
    }

    /// Requires the right to append to a data source.
    pub fn require_append(&self, data_source: &DataSource) -> Result<()> {
        let scopes = [Scope::DataSourcesAppend(data_source.id), Scope::DataSourcesCreate];
        self.require(&scopes, || {
            let kinds = [ScopeKind::DataSourcesAppend, ScopeKind::DataSourcesCreate];
            needs(&kinds, Some(data_source.name.as_str()))
        })
    }

    /// Requires the right to delete a data source.
    pub fn require_data_source_drop(&self, data_source: &DataSource) -> Result<()> {
        let scopes = [Scope::DataSourcesDrop(data_source.id), Scope::DataSourcesCreate];
        self.require(&scopes, || {
            let kinds = [ScopeKind::DataSourcesDrop, ScopeKind::DataSourcesCreate];
            needs(&kinds, Some(data_source.name.as_str()))
        })
    }

    /// Requires the right to create and change pipes.
    pub fn require_pipe_create(&self) -> Result<()> {
        self.require(&[Scope::PipesCreate], || needs(&[ScopeKind::PipesCreate], None))
    }

    /// Whether the token may create and change pipes.
    pub fn may_create_pipes(&self) -> bool {
        self.has(Scope::PipesCreate)
    }

    /// Requires the right to delete a pipe.
    pub fn require_pipe_drop(&self, pipe: &Pipe) -> Result<()> {
        self.require(&[Scope::PipesDrop(pipe.id), Scope::PipesCreate], || {
            needs(&[ScopeKind::PipesDrop, ScopeKind::PipesCreate], Some(pipe.name.as_str()))
        })
    }

    /// Requires the right to read a pipe's data.
    pub fn require_pipe_read(&self, pipe: &Pipe) -> Result<()> {
        self.require(&[Scope::PipesRead(pipe.id)], || needs(&[ScopeKind::PipesRead], Some(pipe.name.as_str())))
    }

    /// Whether SQL of the token's own may read the data source.
    pub fn can_read_data_source(&self, data_source: &DataSource) -> bool {
        self.has(Scope::DataSourcesRead(data_source.id))
    }

    /// Whether SQL of the token's own may read the pipe.
    pub fn can_read_pipe(&self, pipe: &Pipe) -> bool {
        self.has(Scope::PipesRead(pipe.id))
    }

    /// The filters of a READ scope that the token holds for some rows only: it sees the rows that one of them lets through.
    /// None for a token that sees all rows, and for one without the scope, to which a pipe may lend its own right.
    pub(crate) fn row_filters(&self, scope: Scope) -> Vec<Arc<RowFilter>> {
        let held = self.token.scopes.iter().filter(|grant| grant.scope == scope);
        let filters: Option<Vec<_>> = held.map(|grant| grant.filter.clone()).collect();
        filters.filter(|_| !self.is_admin()).unwrap_or_default()
    }

    /// Whether the token sees the data source's definition: any right on it, or the right to create some.
    pub fn sees_data_source(&self, data_source: &DataSource) -> bool {
        let id = data_source.id;
        let scopes = [Scope::DataSourcesRead(id), Scope::DataSourcesAppend(id), Scope::DataSourcesDrop(id)];
        self.has(Scope::DataSourcesCreate) || scopes.iter().any(|scope| self.has(*scope))
    }

    /// Whether the token sees the job: its pipe's definition or, without a pipe, its data source's.
    pub fn sees_job(&self, job: &Job) -> bool {
        let workspace = &self.workspace;
        let seen = match (&job.subject.pipe, &job.subject.data_source) {
            (Some((id, _)), _) => workspace.pipes.get(id).is_some_and(|pipe| self.sees_pipe(pipe)),
            (None, Some((id, _))) => workspace.data_sources.get(id).is_some_and(|it| self.sees_data_source(it)),
            (None, None) => false,
        };
        seen || self.is_admin()
    }

    /// Whether the token may see why the job failed: the engine's words may hold values of any row that it read.
    pub(crate) fn sees_errors_of(&self, job: &Job) -> bool {
        let has_filters = || self.token.scopes.iter().any(|grant| grant.filter.is_some());
        let reads =
            |(id, _): &(PipeId, String)| self.workspace.pipes.get(id).is_some_and(|pipe| self.can_read_pipe(pipe));
        self.may_create_pipes() || (job.subject.pipe.as_ref().is_some_and(reads) && !has_filters())
    }

    /// Requires the right to stop the job or to run it again: what it takes to start it, or to change its pipe.
    pub fn require_job(&self, job: &Job) -> Result<()> {
        if job.kind == SinkJob::NAME {
            return self.require_admin();
        }
        if self.is_admin() || (job.subject.pipe.is_some() && self.has(Scope::PipesCreate)) {
            return Ok(());
        }
        self.require_start(job)
    }

    /// Requires what it takes to start the job: to read its pipe, and to append to what it fills.
    pub(crate) fn require_start(&self, job: &Job) -> Result<()> {
        let (pipe, data_source) = (&job.subject.pipe, &job.subject.data_source);
        if let Some(pipe) = pipe.as_ref().and_then(|(id, _)| self.workspace.pipes.get(id)) {
            self.require_pipe_read(pipe)?;
        }
        match data_source.as_ref().and_then(|(id, _)| self.workspace.data_sources.get(id)) {
            Some(data_source) => self.require_append(data_source),
            None => self.require_admin(),
        }
    }

    /// Whether the token sees the pipe's definition: the right to read or delete it, or to create some.
    pub fn sees_pipe(&self, pipe: &Pipe) -> bool {
        let scopes = [Scope::PipesRead(pipe.id), Scope::PipesDrop(pipe.id), Scope::PipesCreate];
        scopes.iter().any(|scope| self.has(*scope))
    }
}

/// The words of an error: `ADMIN or PIPES:READ:top_routes`.
fn needs(kinds: &[ScopeKind], resource: Option<&str>) -> String {
    let mut words = String::from("ADMIN");
    for kind in kinds {
        words.push_str(" or ");
        words.push_str(kind.as_str());
        if let (true, Some(resource)) = (kind.needs_resource(), resource) {
            words.push(':');
            words.push_str(resource);
        }
    }
    words
}
