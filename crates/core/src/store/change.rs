//! One change of what a workspace owns: written to the store and applied to the snapshot from the same value.

use std::sync::Arc;

use crate::jobs::Job;
use crate::model::{
    Connection, ConnectionId, DataSource, DataSourceId, JobId, PhysicalTable, Pipe, PipeId, Token, TokenId, Workspace,
};

/// A change of one workspace.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds or replaces a data source.
    PutDataSource(Arc<DataSource>),
    /// Removes a data source.
    RemoveDataSource(DataSourceId),
    /// Adds or replaces a pipe with all its nodes.
    PutPipe(Arc<Pipe>),
    /// Removes a pipe with all its nodes.
    RemovePipe(PipeId),
    /// Adds or replaces a token.
    PutToken(Arc<Token>),
    /// Removes a token.
    RemoveToken(TokenId),
    /// Adds or replaces a connection.
    PutConnection(Arc<Connection>),
    /// Removes a connection.
    RemoveConnection(ConnectionId),
    /// Records how far a table in the engine has come.
    PutTable(PhysicalTable, TableState),
    /// Forgets a table that is gone from the engine.
    RemoveTable(PhysicalTable),
    /// Sets when a pipe's schedule runs next. The pipe comes first.
    PutSchedule {
        /// The pipe.
        pipe: PipeId,
        /// Its next run.
        next_run: jiff::Timestamp,
        /// The time of the decision.
        now: jiff::Timestamp,
        /// Whether it is kept from running.
        is_paused: bool,
    },
    /// Forgets when a pipe's schedule runs next.
    RemoveSchedule(PipeId),
    /// Records how far a job has come, together with what it has done.
    PutCheckpoint(JobId, serde_json::Value),
    /// Adds a job to the queue, together with what it goes on from.
    PutJob(Box<Job>),
}

/// How far a table in the engine has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableState {
    /// About to be made: it may or may not exist.
    Creating,
    /// It exists and is the current incarnation of its data source.
    Live,
    /// Nothing refers to it any more: it is dropped when the last reader is gone.
    Retired,
}

impl Change {
    /// Applies the change to the snapshot of its workspace. Tables in the engine, jobs and the times of schedules
    /// are no part of the snapshot.
    pub fn apply_to(&self, workspace: &mut Workspace) {
        match self {
            Change::PutDataSource(data_source) => workspace.put_data_source(data_source.clone()),
            Change::RemoveDataSource(id) => workspace.remove_data_source(*id),
            Change::PutPipe(pipe) => workspace.put_pipe(pipe.clone()),
            Change::RemovePipe(id) => workspace.remove_pipe(*id),
            Change::PutToken(token) => {
                workspace.tokens.insert(token.id, token.clone());
            }
            Change::RemoveToken(id) => {
                workspace.tokens.remove(id);
            }
            Change::PutConnection(connection) => {
                workspace.connections.insert(connection.id, connection.clone());
            }
            Change::RemoveConnection(id) => {
                workspace.connections.remove(id);
            }
            Change::PutTable(..)
            | Change::RemoveTable(_)
            | Change::PutCheckpoint(..)
            | Change::PutJob(_)
            | Change::PutSchedule { .. }
            | Change::RemoveSchedule(_) => {}
        }
    }
}
