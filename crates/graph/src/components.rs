//! Which users and items hang together: connected components and the k-core of the interaction graph.

use petgraph::unionfind::UnionFind;

use crate::{InteractionGraph, ItemId, UserId};

/// The component of every user and item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// How many there are; a user or item without interactions is one by itself.
    pub num_components: usize,
    /// Component of every user, numbered in the order of their first member, users before items.
    pub of_user: Vec<u32>,
    /// Component of every item.
    pub of_item: Vec<u32>,
}

/// Connected components by petgraph's union-find, practically linear in the interactions.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "a component is numbered below users plus items")]
pub fn connected_components(interactions: &InteractionGraph) -> Components {
    let num_users = interactions.num_users();
    let mut sets: UnionFind<usize> = UnionFind::new(num_users + interactions.num_items());
    for (user, item) in interactions.by_user().edges() {
        sets.union(user as usize, num_users + item as usize);
    }
    let mut number_of: Vec<Option<u32>> = vec![None; num_users + interactions.num_items()];
    let mut next = 0..u32::MAX;
    let mut labels: Vec<u32> = sets
        .into_labeling()
        .into_iter()
        .map(|set| *number_of[set].get_or_insert_with(|| next.next().expect("fewer components than ids")))
        .collect();
    let of_item = labels.split_off(num_users);
    Components { num_components: next.start as usize, of_user: labels, of_item }
}

/// What a k-core keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// Whether each user is kept.
    pub users: Vec<bool>,
    /// Whether each item is kept.
    pub items: Vec<bool>,
}

/// The largest part of the graph in which every user has at least `user_core` items and every item at
/// least `item_core` users. It may be empty; a core of 0 keeps the side's isolated nodes.
///
/// petgraph has no core with two thresholds; this one peels, each node once, in linear time.
#[must_use]
pub fn k_core(interactions: &InteractionGraph, user_core: usize, item_core: usize) -> Core {
    let degrees = |indptr: &[usize]| indptr.windows(2).map(|bounds| bounds[1] - bounds[0]).collect::<Vec<_>>();
    let mut users = Side::new(degrees(interactions.by_user().indptr()), user_core);
    let mut items = Side::new(degrees(interactions.by_item().indptr()), item_core);
    loop {
        if let Some(user) = users.doomed.pop() {
            interactions.items_of(UserId(user)).iter().for_each(|item| items.lose_one(item.0));
        } else if let Some(item) = items.doomed.pop() {
            interactions.users_of(ItemId(item)).iter().for_each(|user| users.lose_one(user.0));
        } else {
            return Core { users: users.kept, items: items.kept };
        }
    }
}

/// One side of the graph while it is peeled.
struct Side {
    core: usize,
    degrees: Vec<usize>,
    kept: Vec<bool>,
    /// Taken out, but not yet from its neighbours' degrees.
    doomed: Vec<u32>,
}

impl Side {
    fn new(degrees: Vec<usize>, core: usize) -> Self {
        let kept: Vec<bool> = degrees.iter().map(|&degree| degree >= core).collect();
        let doomed = (0..).zip(&kept).filter(|&(_, &kept)| !kept).map(|(node, _)| node).collect();
        Self { core, degrees, kept, doomed }
    }

    fn lose_one(&mut self, node: u32) {
        let index = node as usize;
        self.degrees[index] -= 1;
        if self.kept[index] && self.degrees[index] < self.core {
            self.kept[index] = false;
            self.doomed.push(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Csr, Duplicates};

    fn graph(users: usize, items: usize, edges: &[(u32, u32)]) -> InteractionGraph {
        InteractionGraph::new(Csr::from_edges(users, items, edges, Duplicates::First).unwrap())
    }

    /// Takes out everything too small, again and again, until nothing changes.
    fn naive_core(users: usize, items: usize, edges: &[(u32, u32)], user_core: usize, item_core: usize) -> Core {
        let mut core = Core { users: vec![true; users], items: vec![true; items] };
        loop {
            let before = core.clone();
            let alive = |core: &Core, &(u, i): &(u32, u32)| core.users[u as usize] && core.items[i as usize];
            for user in 0..users {
                let degree = edges.iter().filter(|edge| edge.0 as usize == user && alive(&core, edge)).count();
                core.users[user] &= degree >= user_core;
            }
            for item in 0..items {
                let degree = edges.iter().filter(|edge| edge.1 as usize == item && alive(&core, edge)).count();
                core.items[item] &= degree >= item_core;
            }
            if core == before {
                return core;
            }
        }
    }

    proptest! {
        #[test]
        fn peeling_equals_the_loop(
            edges in prop::collection::btree_set((0u32..12, 0u32..9), 0..70),
            (user_core, item_core) in (0usize..5, 0usize..5),
        ) {
            let edges: Vec<(u32, u32)> = edges.into_iter().collect();
            let expected = naive_core(12, 9, &edges, user_core, item_core);
            prop_assert_eq!(k_core(&graph(12, 9, &edges), user_core, item_core), expected);
        }

        #[test]
        fn components_are_the_closure_of_the_edges(edges in prop::collection::vec((0u32..9, 0u32..7), 0..12)) {
            let components = connected_components(&graph(9, 7, &edges));
            // Spread the smallest label along edges until nothing changes.
            let mut labels: Vec<usize> = (0..16).collect();
            for _ in 0..16 {
                for &(user, item) in &edges {
                    let (user, item) = (user as usize, 9 + item as usize);
                    let least = labels[user].min(labels[item]);
                    (labels[user], labels[item]) = (least, least);
                }
            }
            let mut firsts = labels.clone();
            firsts.sort_unstable();
            firsts.dedup();
            let expected: Vec<u32> =
                labels.iter().map(|label| u32::try_from(firsts.binary_search(label).unwrap()).unwrap()).collect();
            prop_assert_eq!(components.num_components, firsts.len());
            prop_assert_eq!([components.of_user, components.of_item].concat(), expected);
        }
    }

    #[test]
    fn a_chain_unravels_from_its_end() {
        // 0 - a - 1 - b - 2 - c, and a square of users 3, 4 and items d, e that stays.
        let chain = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)];
        let square = [(3, 3), (3, 4), (4, 3), (4, 4)];
        let core = k_core(&graph(5, 5, &[&chain[..], &square].concat()), 2, 2);
        assert_eq!(core.users, [false, false, false, true, true]);
        assert_eq!(core.items, [false, false, false, true, true]);
    }
}
