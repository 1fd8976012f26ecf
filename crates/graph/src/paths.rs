//! Why this item: the shortest way from a user to an item over a joint graph.
//!
//! Breadth first over the rows as they are. petgraph's searches know neither a limit of hops nor an order
//! among equals, and both matter here: the whole graph lies within a few hops, and an explanation must be
//! the same each time. The tests hold the distances to petgraph's.

use std::collections::HashMap;

use crate::{ItemId, JointGraph, Node, UserId};

impl JointGraph {
    /// The shortest path of at most `max_hops` edges, from the user to the item, both included; `None` where
    /// there is none. Of several the one whose nodes come first in row order: friends before items, items
    /// before entities, small ids before large ones.
    ///
    /// Visits at most what lies within `max_hops - 1` hops, and holds 8 bytes and a little for each node reached.
    ///
    /// # Panics
    /// If there is no such user or item.
    #[must_use]
    pub fn shortest_path(&self, from: UserId, to: ItemId, max_hops: usize) -> Option<Vec<Node>> {
        let (start, goal) = (self.row_of(Node::User(from)), self.row_of(Node::Item(to)));
        let mut reached_from: HashMap<usize, usize> = HashMap::from([(start, start)]);
        let mut level = vec![start];
        // In each level the nodes stand in the order of their first paths, so the first to reach a node
        // does so on the first path.
        for _ in 0..max_hops {
            let mut next = Vec::new();
            for &row in &level {
                for &neighbour in self.pattern().row(row) {
                    let neighbour = neighbour as usize;
                    if let std::collections::hash_map::Entry::Vacant(entry) = reached_from.entry(neighbour) {
                        entry.insert(row);
                        next.push(neighbour);
                    }
                }
                if reached_from.contains_key(&goal) {
                    let back = std::iter::successors(Some(goal), |row| Some(reached_from[row]).filter(|up| up != row));
                    let mut path: Vec<Node> = back.map(|row| self.node_at(row)).collect();
                    path.reverse();
                    return Some(path);
                }
            }
            level = next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use petgraph::algo::dijkstra;
    use petgraph::graph::NodeIndex;
    use proptest::prelude::*;

    use super::*;
    use crate::petgraph_bridge::to_directed;
    use crate::{Csr, Duplicates, EntityId, InteractionGraph, KnowledgeGraph, RelationId, SocialGraph};
    use crate::{TieDirection, Triple};

    /// All simple paths, by depth-first search; the first of the shortest.
    fn plainest(csr: &Csr, path: &mut Vec<usize>, goal: usize, max_hops: usize, best: &mut Option<Vec<usize>>) {
        let here = path[path.len() - 1];
        if here == goal {
            if best.as_ref().is_none_or(|best| (path.len(), &*path) < (best.len(), best)) {
                *best = Some(path.clone());
            }
            return;
        }
        if path.len() > max_hops {
            return;
        }
        for &next in csr.row(here) {
            if !path.contains(&(next as usize)) {
                path.push(next as usize);
                plainest(csr, path, goal, max_hops, best);
                path.pop();
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_of_the_shortest(
            seen in prop::collection::vec((0u32..5, 0u32..5), 0..10),
            ties in prop::collection::vec((0u32..5, 0u32..5), 0..5),
            facts in prop::collection::vec((0u32..5, 0u32..5), 0..6),
            max_hops in 0usize..6,
        ) {
            let interactions = InteractionGraph::new(Csr::from_edges(5, 5, &seen, Duplicates::First).unwrap());
            let ties: Vec<_> = ties.into_iter().map(|(a, b)| (UserId(a), UserId(b))).collect();
            let social = SocialGraph::from_ties(5, &ties, TieDirection::Directed).unwrap();
            let facts: Vec<_> = facts
                .into_iter()
                .map(|(head, tail)| Triple { head: EntityId(head), relation: RelationId(0), tail: EntityId(tail) })
                .collect();
            let entities = vec![Some(EntityId(1)), Some(EntityId(0)), None, Some(EntityId(4)), None];
            let knowledge = KnowledgeGraph::new(5, 1, &facts, entities).unwrap();
            let joint = JointGraph::new(&interactions, Some(&social), Some(&knowledge)).unwrap();
            let bridged = to_directed(joint.pattern()).unwrap();
            for (user, item) in (0..5).flat_map(|user| (0..5).map(move |item| (UserId(user), ItemId(item)))) {
                let found = joint.shortest_path(user, item, max_hops);
                let rows = found.map(|path| path.into_iter().map(|node| joint.row_of(node)).collect::<Vec<_>>());
                let mut best = None;
                let goal = joint.row_of(Node::Item(item));
                plainest(joint.pattern(), &mut vec![user.index()], goal, max_hops, &mut best);
                prop_assert_eq!(&rows, &best);
                let (start, goal) = (NodeIndex::new(user.index()), NodeIndex::new(goal));
                let hops = dijkstra(&bridged, start, Some(goal), |_| 1usize).get(&goal).copied();
                prop_assert_eq!(rows.map(|path| path.len() - 1), hops.filter(|&hops| hops <= max_hops));
            }
        }
    }
}
