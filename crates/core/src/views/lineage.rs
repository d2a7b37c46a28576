//! Which data sources feed which, through the materialized views of a workspace.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{DataSourceId, Materialization, NodeId, Pipe, Workspace};

/// A materialized view of the workspace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ViewOf<'a> {
    /// The pipe.
    pub(crate) pipe: &'a Pipe,
    /// The node that is materialized.
    pub(crate) node: NodeId,
    /// What it does.
    pub(crate) view: &'a Materialization,
}

/// Every materialized view, in the order of their pipes' ids.
pub(crate) fn views(workspace: &Workspace) -> impl Iterator<Item = ViewOf<'_>> {
    workspace.pipes.values().filter_map(|pipe| {
        let node = pipe.published.as_ref()?.node;
        pipe.materialization().map(|view| ViewOf { pipe, node, view })
    })
}

/// Names of the pipes whose views read or fill the data source, sorted.
pub(crate) fn pipes_touching(workspace: &Workspace, id: DataSourceId) -> Vec<String> {
    let mut names: Vec<String> =
        views(workspace).filter(|it| it.view.touches(id)).map(|it| it.pipe.name.to_string()).collect();
    names.sort();
    names
}

/// These data sources, and every one whose new rows pass views that touch them: while nothing is written to any of them,
/// the views between them can be made anew.
pub(crate) fn writers(workspace: &Workspace, ids: impl IntoIterator<Item = DataSourceId>) -> BTreeSet<DataSourceId> {
    let mut found: BTreeSet<DataSourceId> = ids.into_iter().collect();
    loop {
        let feeds = |view: &Materialization| found.iter().any(|id| view.touches(*id));
        let more: Vec<DataSourceId> = views(workspace)
            .filter(|it| feeds(it.view) && !found.contains(&it.view.source))
            .map(|it| it.view.source)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Every view that new rows of a data source pass, each after those that feed its source.
pub(crate) fn downstream(workspace: &Workspace, first: DataSourceId) -> Vec<ViewOf<'_>> {
    let mut reached = BTreeSet::from([first]);
    let mut left: Vec<ViewOf<'_>> = Vec::new();
    loop {
        let is_new =
            |it: &ViewOf<'_>| reached.contains(&it.view.source) && !left.iter().any(|known| known.node == it.node);
        let more: Vec<ViewOf<'_>> = views(workspace).filter(is_new).collect();
        if more.is_empty() {
            break;
        }
        reached.extend(more.iter().map(|it| it.view.target));
        left.extend(more);
    }
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let fed: BTreeSet<DataSourceId> = left.iter().map(|it| it.view.target).collect();
        let (ready, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|it| !fed.contains(&it.view.source));
        if ready.is_empty() {
            // Views are never made in a circle.
            break;
        }
        ordered.extend(ready);
        left = rest;
    }
    ordered
}

/// Whether rows of `from` come to `to` through views, those of `except` left out.
pub(crate) fn feeds(workspace: &Workspace, from: DataSourceId, to: DataSourceId, except: NodeId) -> bool {
    let mut targets: BTreeMap<DataSourceId, Vec<DataSourceId>> = BTreeMap::new();
    for it in views(workspace).filter(|it| it.node != except) {
        for read in &it.view.reads {
            targets.entry(*read).or_default().push(it.view.target);
        }
    }
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(id) = open.pop() {
        if id == to {
            return true;
        }
        if seen.insert(id) {
            open.extend(targets.get(&id).into_iter().flatten());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::model::{PipeId, Published, ResourceName, Role, WorkspaceId};

    fn id(number: u8) -> DataSourceId {
        DataSourceId::parse(&format!("t_{number:032x}")).unwrap()
    }

    fn node(number: usize) -> NodeId {
        NodeId::parse(&format!("t_{number:032x}")).unwrap()
    }

    /// A workspace with these views: what each reads, the source first, and its target.
    fn workspace(views: &[(&[u8], u8)]) -> Workspace {
        let mut workspace = Workspace::new(WorkspaceId(Uuid::nil()), "w".to_owned(), "d_1".to_owned());
        for (number, (reads, target)) in views.iter().enumerate() {
            let view = Materialization {
                target: id(*target),
                source: id(reads[0]),
                reads: reads.iter().map(|it| id(*it)).collect(),
                sql: String::new(),
                is_populated: false,
                link: None,
            };
            workspace.put_pipe(Arc::new(Pipe {
                id: PipeId::parse(&format!("t_{number:032x}")).unwrap(),
                name: ResourceName::parse(&format!("p{number}")).unwrap(),
                description: None,
                nodes: Vec::new(),
                published: Some(Published { node: node(number), role: Role::Materialized(view) }),
                published_at: Timestamp::UNIX_EPOCH,
                created_at: Timestamp::UNIX_EPOCH,
                updated_at: Timestamp::UNIX_EPOCH,
            }));
        }
        workspace
    }

    fn order(workspace: &Workspace, first: u8) -> Vec<String> {
        downstream(workspace, id(first)).iter().map(|it| it.pipe.name.to_string()).collect()
    }

    #[test]
    fn writers_are_found_through_views_of_views_and_joined_tables() {
        let workspace = workspace(&[(&[1], 2), (&[2, 9], 3), (&[7], 8)]);
        assert_eq!(writers(&workspace, [id(3)]), [id(1), id(2), id(3)].into());
        assert_eq!(writers(&workspace, [id(9)]), [id(1), id(2), id(9)].into());
        assert_eq!(writers(&workspace, [id(1)]), [id(1)].into());
        assert_eq!(writers(&workspace, [id(8)]), [id(7), id(8)].into());
        assert_eq!(pipes_touching(&workspace, id(9)), ["p1"]);
    }

    #[test]
    fn rows_pass_each_view_after_what_feeds_it() {
        // 1 -> 2 -> 4 and 1 -> 3 -> 2, so 2 is whole only after 3.
        let diamond = workspace(&[(&[2], 4), (&[1], 2), (&[3], 2), (&[1], 3), (&[8], 9)]);
        assert_eq!(order(&diamond, 1), ["p1", "p3", "p2", "p0"]);
        assert_eq!(order(&diamond, 3), ["p2", "p0"]);
        assert!(order(&diamond, 4).is_empty());
    }

    #[test]
    fn circles_are_seen() {
        let chain = workspace(&[(&[1], 2), (&[2, 5], 3)]);
        assert!(feeds(&chain, id(1), id(3), node(9)));
        assert!(feeds(&chain, id(5), id(3), node(9)));
        assert!(!feeds(&chain, id(3), id(1), node(9)));
        assert!(!feeds(&chain, id(1), id(3), node(0)));
    }
}
