//! The nodes: whether each is alive, has a name of its own, and whether every shard is somebody's.

use std::collections::BTreeSet;

use super::Finding;
use crate::config::Config;
use crate::domain::node::Node;
use crate::store::{self, Store, StoreError};

pub(super) async fn examine(store: &Store, config: &Config) -> Result<Vec<Finding>, StoreError> {
    if config.store.sqlite_file().is_some() {
        return Ok(Vec::new());
    }
    let nodes = store::node::live(store.read(), config.lease_ttl).await?;
    let free = store::lease::count_free(store.read()).await?;
    Ok(found(&nodes, free))
}

fn found(nodes: &[Node], free: u64) -> Vec<Finding> {
    let names: BTreeSet<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    let list = names.iter().copied().collect::<Vec<_>>().join(", ");
    let alive = match nodes.len() {
        0 => Finding::ok("nodes", "none runs now"),
        count if names.len() < count => {
            let advice = "give each its own NODE_NAME, or nobody can tell them apart";
            Finding::warn("nodes", format_args!("{count} are alive, some of the same name: {list}"), advice)
        }
        count => Finding::ok("nodes", format_args!("{count} alive: {list}")),
    };
    let leases = match free {
        _ if nodes.is_empty() => return vec![alive],
        0 => Finding::ok("leases", "every shard is somebody's"),
        free => {
            let advice = "look again after LEASE_TTL_SECONDS; if it stays so, look into the nodes' logs";
            Finding::warn("leases", format_args!("{free} shards are nobody's"), advice)
        }
    };
    vec![alive, leases]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use crate::domain::node::{Figures, NodeId};

    fn node(name: &str) -> Node {
        let now = "2026-06-05T09:00:00Z".parse().unwrap();
        Node {
            id: NodeId::generate(now),
            name: name.to_owned(),
            started_at: now,
            seen_at: now,
            draining: false,
            figures: Figures::default(),
        }
    }

    #[test]
    fn nodes_of_one_name_and_shards_of_nobody_are_told() {
        let verdicts = |nodes: &[Node], free| {
            let found = found(nodes, free);
            found.into_iter().map(|finding| (finding.what, finding.verdict)).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(&[], 1_024), [("nodes", Verdict::Ok)], "who is not started yet has nothing");
        let two = [node("a"), node("b")];
        assert_eq!(verdicts(&two, 0), [("nodes", Verdict::Ok), ("leases", Verdict::Ok)]);
        assert_eq!(verdicts(&two, 3), [("nodes", Verdict::Ok), ("leases", Verdict::Warn)]);
        assert_eq!(verdicts(&[node("a"), node("a")], 0)[0], ("nodes", Verdict::Warn));
    }
}
