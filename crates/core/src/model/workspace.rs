//! A workspace: the tenant that owns everything else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{
    Connection, ConnectionId, DataSource, DataSourceId, DataSourceState, Pipe, PipeId, Token, TokenId, WorkspaceId,
};

/// A workspace with all it owns, as one immutable snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name, as clients show it.
    pub name: String,
    /// The ClickHouse database that holds its tables.
    pub database: String,
    /// Data sources by id, also those still being created.
    pub data_sources: BTreeMap<DataSourceId, Arc<DataSource>>,
    /// Pipes by id.
    pub pipes: BTreeMap<PipeId, Arc<Pipe>>,
    /// Tokens by id.
    pub tokens: BTreeMap<TokenId, Arc<Token>>,
    /// Connections by id.
    pub connections: BTreeMap<ConnectionId, Arc<Connection>>,
    names: HashMap<String, Named>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Named {
    DataSource(DataSourceId),
    Pipe(PipeId),
}

/// What a name or id stands for.
#[derive(Clone, Debug)]
pub enum Resource {
    /// A data source whose table exists.
    DataSource(Arc<DataSource>),
    /// The quarantine of a data source.
    Quarantine(Arc<DataSource>),
    /// A pipe.
    Pipe(Arc<Pipe>),
}

impl Workspace {
    /// A workspace that owns nothing yet.
    pub fn new(id: WorkspaceId, name: String, database: String) -> Workspace {
        Workspace {
            id,
            name,
            database,
            data_sources: BTreeMap::new(),
            pipes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            connections: BTreeMap::new(),
            names: HashMap::new(),
        }
    }

    /// The resource of this name or id, also decorated ids and `<data source>_quarantine`.
    pub fn resource(&self, name_or_id: &str) -> Option<Resource> {
        if let Some(data_source) = self.data_source(name_or_id) {
            return Some(Resource::DataSource(data_source.clone()));
        }
        if let Some(pipe) = self.pipe(name_or_id) {
            return Some(Resource::Pipe(pipe.clone()));
        }
        let owner = name_or_id.strip_suffix(super::data_source::QUARANTINE_SUFFIX)?;
        self.data_source(owner).cloned().map(Resource::Quarantine)
    }

    /// The data source of this name or id, once its table exists.
    pub fn data_source(&self, name_or_id: &str) -> Option<&Arc<DataSource>> {
        let id = match self.names.get(name_or_id) {
            Some(Named::DataSource(id)) => *id,
            Some(Named::Pipe(_)) => return None,
            None => DataSourceId::parse(name_or_id)?,
        };
        self.data_sources.get(&id).filter(|data_source| data_source.state == DataSourceState::Ready)
    }

    /// The pipe of this name or id.
    pub fn pipe(&self, name_or_id: &str) -> Option<&Arc<Pipe>> {
        let id = match self.names.get(name_or_id) {
            Some(Named::Pipe(id)) => *id,
            Some(Named::DataSource(_)) => return None,
            None => PipeId::parse(name_or_id)?,
        };
        self.pipes.get(&id)
    }

    /// What already has this name, in words for an error. Names of data sources being created count, and so do the
    /// quarantines' names.
    pub fn name_taken(&self, name: &str) -> Option<String> {
        match self.names.get(name) {
            Some(Named::DataSource(_)) => return Some(format!("data source '{name}'")),
            Some(Named::Pipe(_)) => return Some(format!("pipe '{name}'")),
            None => {}
        }
        let owner = name.strip_suffix(super::data_source::QUARANTINE_SUFFIX)?;
        match self.names.get(owner) {
            Some(Named::DataSource(_)) => Some(format!("quarantine of data source '{owner}'")),
            _ => None,
        }
    }

    /// The token of this name, id or value.
    pub fn token(&self, reference: &str) -> Option<&Arc<Token>> {
        let by_id = uuid::Uuid::try_parse(reference).ok().and_then(|id| self.tokens.get(&TokenId(id)));
        by_id
            .or_else(|| self.tokens.values().find(|token| token.name == reference))
            .or_else(|| self.tokens.values().find(|token| token.has_value(reference)))
    }

    /// The connection of this name or id.
    pub fn connection(&self, reference: &str) -> Option<&Arc<Connection>> {
        let by_id = uuid::Uuid::try_parse(reference).ok().and_then(|id| self.connections.get(&ConnectionId(id)));
        by_id.or_else(|| self.connections.values().find(|connection| connection.name == reference))
    }

    /// Adds or replaces a data source.
    pub fn put_data_source(&mut self, data_source: Arc<DataSource>) {
        if let Some(old) = self.data_sources.get(&data_source.id) {
            self.names.remove(old.name.as_str());
        }
        self.names.insert(data_source.name.to_string(), Named::DataSource(data_source.id));
        self.data_sources.insert(data_source.id, data_source);
    }

    /// Removes a data source.
    pub fn remove_data_source(&mut self, id: DataSourceId) {
        if let Some(old) = self.data_sources.remove(&id) {
            self.names.remove(old.name.as_str());
        }
    }

    /// Adds or replaces a pipe.
    pub fn put_pipe(&mut self, pipe: Arc<Pipe>) {
        if let Some(old) = self.pipes.get(&pipe.id) {
            self.names.remove(old.name.as_str());
        }
        self.names.insert(pipe.name.to_string(), Named::Pipe(pipe.id));
        self.pipes.insert(pipe.id, pipe);
    }

    /// Removes a pipe.
    pub fn remove_pipe(&mut self, id: PipeId) {
        if let Some(old) = self.pipes.remove(&id) {
            self.names.remove(old.name.as_str());
        }
    }
}
