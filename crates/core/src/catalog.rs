//! All resources of all workspaces as one immutable snapshot in memory, and the one writer that changes it.
//!
//! Reading takes no lock. A change is decided, written to the store and published under one lock, so snapshots appear
//! in the order of their versions and never differ from what the store holds.

mod snapshot;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Notify;

pub use snapshot::Snapshot;

use crate::error::{Error, Result};
use crate::model::{Workspace, WorkspaceId};
use crate::read::TemplateLimits;
use crate::store::{Change, Store};

/// The current snapshot and its writer. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub struct Catalog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    current: ArcSwap<Snapshot>,
    writer: Arc<tokio::sync::Mutex<()>>,
    /// Snapshots that somebody may still read, oldest first.
    published: Mutex<Vec<(u64, Weak<Snapshot>)>>,
    released: Arc<Notify>,
}

impl Catalog {
    /// Reads the store into a first snapshot.
    pub async fn load(store: Store, limits: &TemplateLimits) -> Result<Catalog> {
        let (version, workspaces) = store.load(limits).await?;
        let released = Arc::new(Notify::new());
        let snapshot = Arc::new(Snapshot::new(version, workspaces, released.clone()));
        let published = Mutex::new(vec![(version, Arc::downgrade(&snapshot))]);
        let current = ArcSwap::new(snapshot);
        Ok(Catalog(Arc::new(Inner { store, current, writer: Arc::default(), published, released })))
    }

    /// The current snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.current.load_full()
    }

    /// The store behind the catalog.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Adds a workspace that owns nothing yet.
    pub async fn create_workspace(&self, workspace: Workspace, now: Timestamp) -> Result<Arc<Workspace>> {
        let writer = self.0.writer.clone().lock_owned().await;
        let workspace = Arc::new(workspace);
        let (catalog, made) = (self.clone(), workspace.clone());
        self.finish(async move {
            let (mut transaction, version) = catalog.store().begin().await?;
            catalog.store().insert_workspace(&mut transaction, &made, now).await?;
            transaction.commit().await?;
            catalog.publish(catalog.snapshot().with_workspace(version, made));
            drop(writer);
            Ok(())
        })
        .await?;
        Ok(workspace)
    }

    /// Changes a workspace. `decide` sees the workspace as it is now and answers the changes, which are then written
    /// and published as one; when it fails, nothing changes. The answer holds the version from which they are seen.
    pub async fn change<T>(
        &self,
        id: WorkspaceId,
        decide: impl FnOnce(&Workspace) -> Result<(Vec<Change>, T)>,
    ) -> Result<(u64, T)> {
        let writer = self.0.writer.clone().lock_owned().await;
        let before = self.snapshot();
        let current =
            before.workspace(id).ok_or_else(|| Error::internal(format!("workspace {id} is not in the catalog")))?;
        let (changes, answer) = decide(&current)?;
        if changes.is_empty() {
            return Ok((before.version(), answer));
        }
        let mut workspace = Workspace::clone(&current);
        for change in &changes {
            change.apply_to(&mut workspace);
        }
        let catalog = self.clone();
        let written = self.finish(async move {
            let (mut transaction, version) = catalog.store().begin().await?;
            for change in &changes {
                catalog.store().apply(&mut transaction, &workspace, change).await?;
            }
            transaction.commit().await?;
            catalog.publish(before.with_workspace(version, Arc::new(workspace)));
            drop(writer);
            Ok(version)
        });
        Ok((written.await?, answer))
    }

    /// Runs what must not stop half-way although the request that asked for it may: between commit and publication, memory
    /// and store differ.
    async fn finish<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let done = tokio::spawn(work).await;
        done.map_err(|error| Error::internal(format!("changing the catalog failed: {error}")))?
    }

    fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        let mut published = self.0.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.retain(|(_, old)| old.strong_count() > 0);
        published.push((snapshot.version(), Arc::downgrade(&snapshot)));
        self.0.current.store(snapshot);
    }

    /// Waits until no request reads a snapshot older than `version`: what that version removed can then be dropped.
    pub async fn wait_until_unseen_before(&self, version: u64) {
        loop {
            let released = self.0.released.notified();
            tokio::pin!(released);
            // Register before looking, so that a release in between is not missed.
            released.as_mut().enable();
            let seen = {
                let published = self.0.published.lock().unwrap_or_else(PoisonError::into_inner);
                published.iter().any(|(old, snapshot)| *old < version && snapshot.strong_count() > 0)
            };
            if !seen {
                return;
            }
            released.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::access::SecretKey;
    use crate::clock::Random;
    use crate::model::{
        CopyMode, CopyRole, DataSource, DataSourceId, DataSourceState, Grant, Materialization, Node, NodeId, Pipe,
        PipeId, Published, ResourceName, Role, RowFilter, Scope, Token, TokenId,
    };
    use crate::read::NodeSql;
    use crate::schedules::Schedule;

    const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));

    fn id(number: u8) -> String {
        format!("t_{number:032x}")
    }

    fn data_source(number: u8, name: u8) -> Change {
        Change::PutDataSource(Arc::new(DataSource {
            id: DataSourceId::parse(&id(number)).unwrap(),
            name: ResourceName::parse(&format!("ds{number}_{name}")).unwrap(),
            description: "d".to_owned(),
            columns: standpipe_datafile::parse_schema("a Int32 `json:$.a` DEFAULT 1, b Nullable(String)").unwrap(),
            engine: standpipe_datafile::Engine::default(),
            tags: [("k".to_owned(), "v".to_owned())].into(),
            incarnation: u32::from(name) + 1,
            state: if name.is_multiple_of(2) { DataSourceState::Ready } else { DataSourceState::Creating },
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::from_microsecond(i64::from(name)).unwrap(),
        }))
    }

    fn pipe(number: u8, name: u8) -> Change {
        let node = |position: u8| Node {
            id: NodeId::parse(&id(number * 16 + position)).unwrap(),
            name: ResourceName::parse(&format!("p{number}_{name}_n{position}")).unwrap(),
            sql: NodeSql::stored("n", "SELECT 1", &TemplateLimits::default()),
            description: None,
            cache_seconds: None,
            tags: Default::default(),
            dependencies: vec!["x".to_owned()],
            params: vec![serde_json::json!({"name": "x"})],
            version: 3,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let nodes: Vec<Node> = (0..name % 4).map(node).collect();
        Change::PutPipe(Arc::new(Pipe {
            id: PipeId::parse(&id(number)).unwrap(),
            name: ResourceName::parse(&format!("p{number}_{name}")).unwrap(),
            description: (name > 2).then(|| "text".to_owned()),
            published: nodes.last().map(|node| Published { node: node.id, role: role(name) }),
            nodes,
            published_at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }))
    }

    fn role(name: u8) -> Role {
        let schedule = Schedule::parse("*/5 * * * *", "Europe/Madrid").unwrap();
        let target = DataSourceId::parse(&id(1)).unwrap();
        let mode = if name > 4 { CopyMode::Append } else { CopyMode::Replace };
        match name % 4 {
            0 => Role::Endpoint,
            1 => Role::Copy(CopyRole { target, mode, schedule: None }),
            2 => Role::Copy(CopyRole { target, mode, schedule: Some(schedule) }),
            _ => Role::Materialized(Materialization {
                target,
                source: target,
                reads: [target].into(),
                sql: "SELECT 1".to_owned(),
                is_populated: name > 4,
                link: (name > 4).then(|| Uuid::from_u128(u128::from(name))),
            }),
        }
    }

    fn token(number: u8, name: u8) -> Change {
        Change::PutToken(Arc::new(Token {
            id: TokenId(Uuid::from_u128(u128::from(number))),
            name: format!("t{number}_{name}"),
            description: String::new(),
            origin: "C".to_owned(),
            scopes: vec![
                Scope::Admin.into(),
                Grant {
                    scope: Scope::PipesRead(PipeId::parse(&id(name)).unwrap()),
                    filter: (name > 2).then(|| Arc::new(RowFilter { text: "a".to_owned(), bound: "b".to_owned() })),
                },
            ],
            value: format!("p.{number}.{name}").into(),
            created_at: Timestamp::UNIX_EPOCH,
        }))
    }

    fn change() -> impl Strategy<Value = Change> {
        let ids = (0_u8..4, 0_u8..6);
        prop_oneof![
            ids.clone().prop_map(|(number, name)| data_source(number, name)),
            ids.clone().prop_map(|(number, name)| pipe(number, name)),
            ids.clone().prop_map(|(number, name)| token(number, name)),
            ids.clone().prop_map(|(number, _)| Change::RemoveDataSource(DataSourceId::parse(&id(number)).unwrap())),
            ids.clone().prop_map(|(number, _)| Change::RemovePipe(PipeId::parse(&id(number)).unwrap())),
            ids.prop_map(|(number, _)| Change::RemoveToken(TokenId(Uuid::from_u128(u128::from(number))))),
        ]
    }

    async fn catalog() -> Catalog {
        let store = Store::in_memory(SecretKey::from_bytes([5; 32])).await.unwrap();
        let catalog = Catalog::load(store, &TemplateLimits::default()).await.unwrap();
        let workspace = Workspace::new(WORKSPACE, "w".to_owned(), "d_1".to_owned());
        catalog.create_workspace(workspace, Timestamp::UNIX_EPOCH).await.unwrap();
        catalog
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// After any changes the snapshot in memory is what a start would read from the store, and every token of it,
        /// and no other, is found by its value.
        #[test]
        fn memory_and_store_never_differ(changes in prop::collection::vec(prop::collection::vec(change(), 1..4), 1..12)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let catalog = catalog().await;
                for step in changes {
                    catalog.change(WORKSPACE, |_| Ok((step, ()))).await.unwrap();
                }
                let snapshot = catalog.snapshot();
                let (version, stored) = catalog.store().load(&TemplateLimits::default()).await.unwrap();
                assert_eq!(version, snapshot.version());
                assert_eq!(stored, [Workspace::clone(&snapshot.workspace(WORKSPACE).unwrap())]);
                for number in 0..4 {
                    for name in 0..6 {
                        let value = format!("p.{number}.{name}");
                        let there = stored[0].tokens.values().any(|token| token.has_value(&value));
                        assert_eq!(snapshot.find_token(&value).is_some(), there, "{value}");
                    }
                }
            });
        }
    }

    #[tokio::test]
    async fn a_refused_change_changes_nothing() {
        let catalog = catalog().await;
        let before = catalog.snapshot();
        let refused = catalog.change(WORKSPACE, |_| Err::<(Vec<Change>, ()), _>(Error::bad_request("no"))).await;
        assert!(refused.is_err());
        assert_eq!(catalog.snapshot().version(), before.version());
    }

    #[tokio::test]
    async fn what_a_version_removed_is_kept_while_an_older_snapshot_is_read() {
        let catalog = catalog().await;
        let reading = catalog.snapshot();
        let (version, ()) = catalog.change(WORKSPACE, |_| Ok((vec![token(1, 1)], ()))).await.unwrap();
        let waiting = catalog.wait_until_unseen_before(version);
        tokio::pin!(waiting);
        assert!(futures_poll(waiting.as_mut()).await.is_none(), "the old snapshot is still read");
        drop(reading);
        waiting.await;
    }

    /// Polls once.
    async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[test]
    fn ids_and_randomness_are_not_global() {
        let fixed = Random::from_fn(|bytes| bytes.fill(7));
        assert_eq!(PipeId::random(&fixed), PipeId::random(&fixed));
    }
}
