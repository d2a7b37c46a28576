//! The catalog at one moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::sync::Notify;

use crate::access::token_hash;
use crate::model::{Token, TokenId, Workspace, WorkspaceId};

/// Tokens are found through this many maps, so that a change copies only the ones it touches.
const SHARDS: usize = 256;

type TokenShard = HashMap<[u8; 32], (WorkspaceId, TokenId)>;

/// All resources of all workspaces at one moment. Tells the catalog when its last reader lets go of it.
#[derive(Debug)]
pub struct Snapshot {
    version: u64,
    workspaces: BTreeMap<WorkspaceId, Arc<Workspace>>,
    tokens: Vec<Arc<TokenShard>>,
    released: Arc<Notify>,
}

impl Snapshot {
    pub(super) fn new(version: u64, workspaces: Vec<Workspace>, released: Arc<Notify>) -> Snapshot {
        let empty = Snapshot { version, workspaces: BTreeMap::new(), tokens: vec![Arc::default(); SHARDS], released };
        workspaces.into_iter().fold(empty, |snapshot, workspace| snapshot.with_workspace(version, workspace.into()))
    }

    /// This snapshot with one workspace added or replaced.
    pub(super) fn with_workspace(&self, version: u64, workspace: Arc<Workspace>) -> Snapshot {
        let mut tokens = self.tokens.clone();
        let nothing = BTreeMap::new();
        let before = self.workspaces.get(&workspace.id).map_or(&nothing, |old| &old.tokens);
        for old in before.values().filter(|old| !same_token(workspace.tokens.get(&old.id), old)) {
            let hash = token_hash(old.value.expose_secret());
            Arc::make_mut(&mut tokens[shard(&hash)]).remove(&hash);
        }
        for new in workspace.tokens.values().filter(|new| !same_token(before.get(&new.id), new)) {
            let hash = token_hash(new.value.expose_secret());
            Arc::make_mut(&mut tokens[shard(&hash)]).insert(hash, (workspace.id, new.id));
        }
        let mut workspaces = self.workspaces.clone();
        workspaces.insert(workspace.id, workspace);
        Snapshot { version, workspaces, tokens, released: self.released.clone() }
    }

    /// The version: each change of the catalog raises it.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All workspaces, in the order of their ids.
    pub fn workspaces(&self) -> impl Iterator<Item = &Arc<Workspace>> {
        self.workspaces.values()
    }

    /// The workspace of this id.
    pub fn workspace(&self, id: WorkspaceId) -> Option<Arc<Workspace>> {
        self.workspaces.get(&id).cloned()
    }

    /// The token with this value, and its workspace.
    pub fn find_token(&self, value: &str) -> Option<(Arc<Workspace>, Arc<Token>)> {
        let hash = token_hash(value);
        let (workspace, token) = self.tokens[shard(&hash)].get(&hash)?;
        let workspace = self.workspaces.get(workspace)?;
        Some((workspace.clone(), workspace.tokens.get(token)?.clone()))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.released.notify_waiters();
    }
}

fn shard(hash: &[u8; 32]) -> usize {
    usize::from(hash[0]) % SHARDS
}

fn same_token(one: Option<&Arc<Token>>, other: &Arc<Token>) -> bool {
    one.is_some_and(|one| Arc::ptr_eq(one, other))
}
