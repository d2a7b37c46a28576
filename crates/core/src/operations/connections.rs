//! Connections to systems outside: list, look at, create, delete.

use std::sync::Arc;

use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::connection::{Settings, check_name};
use crate::model::{Connection, ConnectionId, Pipe, Service, Workspace};
use crate::standpipe::Standpipe;
use crate::store::Change;

/// A connection to create.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Its name.
    pub name: String,
    /// What it connects to.
    pub service: Service,
    /// How.
    pub settings: Settings,
}

impl Standpipe {
    /// The connections of the caller's workspace, by name.
    pub fn connections(&self, access: &Access) -> Result<Vec<Arc<Connection>>> {
        access.require_admin()?;
        let mut connections: Vec<_> = access.workspace().connections.values().cloned().collect();
        connections.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(connections)
    }

    /// The connection of this name or id.
    pub fn connection(&self, access: &Access, reference: &str) -> Result<Arc<Connection>> {
        access.require_admin()?;
        find(access.workspace(), reference).cloned()
    }

    /// Checks a connection as creating it does, and creates nothing.
    pub async fn check_connection(&self, access: &Access, new: &NewConnection) -> Result<()> {
        access.require_admin()?;
        check_name(&new.name)?;
        refuse_taken(access.workspace(), &new.name)?;
        self.gate.check_settings(new.service, &new.settings).await
    }

    /// Creates a connection. Nothing is sent: bucket and credentials are checked by the sink that uses them.
    pub async fn create_connection(&self, access: &Access, new: NewConnection) -> Result<Arc<Connection>> {
        self.check_connection(access, &new).await?;
        let now = self.clock.now();
        let connection = Arc::new(Connection {
            id: ConnectionId(self.random.uuid()),
            name: new.name,
            service: new.service,
            settings: new.settings,
            created_at: now,
            updated_at: now,
        });
        self.catalog
            .change(access.workspace().id, |workspace| {
                refuse_taken(workspace, &connection.name)?;
                Ok((vec![Change::PutConnection(connection.clone())], ()))
            })
            .await?;
        Ok(connection)
    }

    /// Deletes a connection that no pipe uses, and no job: one that ends badly would have no way to what it left.
    pub async fn delete_connection(&self, access: &Access, reference: &str) -> Result<()> {
        access.require_admin()?;
        let (workspace, connection) = (access.workspace(), find(access.workspace(), reference)?);
        let id = connection.id;
        // A pipe that uses it is what there is to do about; its jobs go with it, or end.
        let is_set = pipes_of(workspace, id).next().is_some();
        if let (false, Some(job)) = (is_set, self.catalog.store().active_job_through(workspace.id, id).await?) {
            return Err(Error::ConnectionInJob { name: connection.name.clone(), job });
        }
        self.catalog
            .change(access.workspace().id, |workspace| {
                let connection = find(workspace, &id.to_string())?;
                let users: Vec<String> =
                    pipes_of(workspace, id).map(|pipe| format!("sink pipe '{}'", pipe.name)).collect();
                if !users.is_empty() {
                    let (name, used_by) = (connection.name.clone(), users.join(", "));
                    return Err(Error::ConnectionInUse { name, used_by });
                }
                Ok((vec![Change::RemoveConnection(id)], ()))
            })
            .await?;
        Ok(())
    }

    /// What AWS knows a workspace by: the same for ever, and nobody else's.
    pub fn external_id(&self, workspace: &Workspace) -> String {
        let signed = self.key.sign(format!("aws external id of workspace {}", workspace.id).as_bytes());
        signed.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The principal that trust policies name; none where this installation has no AWS identity.
    pub fn aws_principal(&self) -> Option<&str> {
        self.gate.identity.as_ref().map(|identity| identity.principal.as_str())
    }
}

/// Pipes that write through a connection.
pub fn pipes_of(workspace: &Workspace, connection: ConnectionId) -> impl Iterator<Item = &Arc<Pipe>> {
    let uses = move |pipe: &&Arc<Pipe>| pipe.sink().is_some_and(|sink| sink.connection == connection);
    workspace.pipes.values().filter(uses)
}

pub(super) fn find<'a>(workspace: &'a Workspace, reference: &str) -> Result<&'a Arc<Connection>> {
    workspace.connection(reference).ok_or_else(|| Error::ConnectionNotFound { name: reference.to_owned() })
}

fn refuse_taken(workspace: &Workspace, name: &str) -> Result<()> {
    if workspace.connections.values().any(|connection| connection.name == name) {
        return Err(Error::NameTaken { taken_by: format!("connection '{name}'") });
    }
    Ok(())
}
