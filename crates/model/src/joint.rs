//! The one graph of users and items that graph convolution runs over.

use gnnrec_graph::{Csr, Duplicates, InteractionGraph};

use crate::ModelError;

/// The symmetric pattern over `num_users + num_items` nodes, users first: `u -- i` for every training
/// interaction and, with `ties`, `u -- v` whenever one of the two is tied to the other.
///
/// Weights are left out; linear in the edges.
///
/// # Errors
/// More nodes or edges than 32 bits count.
pub fn joint_graph(interactions: &InteractionGraph, ties: Option<&Csr>) -> Result<Csr, ModelError> {
    let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
    let num_nodes = num_users + num_items;
    let Ok(offset) = u32::try_from(num_users) else {
        return Err(gnnrec_graph::GraphError::TooMany { what: "users", count: num_users }.into());
    };
    if u32::try_from(num_nodes).is_err() {
        return Err(gnnrec_graph::GraphError::TooMany { what: "users and items", count: num_nodes }.into());
    }
    let num_ties = ties.map_or(0, Csr::num_edges);
    let mut edges = Vec::with_capacity(2 * (interactions.num_interactions() + num_ties));
    for (user, item) in interactions.by_user().edges() {
        edges.extend([(user, offset + item), (offset + item, user)]);
    }
    for (user, friend) in ties.into_iter().flat_map(Csr::edges) {
        edges.extend([(user, friend), (friend, user)]);
    }
    Ok(Csr::from_edges(num_nodes, num_nodes, &edges, Duplicates::First)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let by_user = Csr::from_edges(3, 2, &[(0, 1), (2, 0), (2, 1)], Duplicates::Error).unwrap();
        let ties = Csr::from_edges(3, 3, &[(0, 1), (1, 0), (2, 0)], Duplicates::Error).unwrap();
        let graph = InteractionGraph::new(by_user);
        let rows = |csr: &Csr| (0..csr.num_rows()).map(|row| csr.row(row).to_vec()).collect::<Vec<_>>();
        let alone = joint_graph(&graph, None).unwrap();
        assert_eq!(rows(&alone), [vec![4], vec![], vec![3, 4], vec![2], vec![0, 2]]);
        let joint = joint_graph(&graph, Some(&ties)).unwrap();
        assert_eq!(rows(&joint), [vec![1, 2, 4], vec![0], vec![0, 3, 4], vec![2], vec![0, 2]]);
        assert_eq!(joint, joint.transpose());
    }
}
