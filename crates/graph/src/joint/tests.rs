//! Joint graphs by hand and against sets of typed edges.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::Triple;

fn interactions(users: usize, items: usize, edges: &[(u32, u32)]) -> InteractionGraph {
    InteractionGraph::new(Csr::from_edges(users, items, edges, Duplicates::First).unwrap())
}

fn rows(csr: &Csr) -> Vec<Vec<u32>> {
    (0..csr.num_rows()).map(|row| csr.row(row).to_vec()).collect()
}

fn fact((head, relation, tail): (u32, u32, u32)) -> Triple {
    Triple { head: EntityId(head), relation: RelationId(relation), tail: EntityId(tail) }
}

#[test]
fn users_and_items_by_hand() {
    let graph = interactions(3, 2, &[(0, 1), (2, 0), (2, 1)]);
    let ties = Csr::from_edges(3, 3, &[(0, 1), (1, 0), (2, 0)], Duplicates::Error).unwrap();
    let alone = joint_graph(&graph, None).unwrap();
    assert_eq!(rows(&alone), [vec![4], vec![], vec![3, 4], vec![2], vec![0, 2]]);
    let joint = joint_graph(&graph, Some(&ties)).unwrap();
    assert_eq!(rows(&joint), [vec![1, 2, 4], vec![0], vec![0, 3, 4], vec![2], vec![0, 2]]);
    assert_eq!(joint, joint.transpose());
}

#[test]
fn everything_by_hand() {
    // 2 users, 3 items, 4 entities of which 1 is item 2 and 3 is item 0: nodes 0 1 | 2 3 4 | 5 6.
    let graph = interactions(2, 3, &[(0, 2), (1, 1)]);
    let tie = [(UserId(1), UserId(0))];
    let social = SocialGraph::from_ties(2, &tie, TieDirection::Directed).unwrap();
    let facts = [(1, 0, 0), (1, 1, 0), (3, 1, 2), (2, 0, 2)].map(fact);
    let entity_of_item = vec![Some(EntityId(3)), None, Some(EntityId(1))];
    let knowledge = KnowledgeGraph::new(4, 2, &facts, entity_of_item).unwrap();
    let joint = JointGraph::new(&graph, Some(&social), Some(&knowledge)).unwrap();
    assert_eq!(joint.num_relations(), 8);
    let found: Vec<(Node, Node, Vec<u32>)> = joint
        .pattern()
        .edges()
        .enumerate()
        .map(|(edge, (from, to))| {
            let relations = joint.relations_of(edge).iter().map(|relation| relation.0).collect();
            (joint.node_at(from as usize), joint.node_at(to as usize), relations)
        })
        .collect();
    let (user, item) = (|id| Node::User(UserId(id)), |id| Node::Item(ItemId(id)));
    let entity = |id| Node::Entity(EntityId(id));
    assert_eq!(
        found,
        [
            (user(0), user(1), vec![3]),
            (user(0), item(2), vec![0]),
            (user(1), user(0), vec![2]),
            (user(1), item(1), vec![0]),
            (item(0), entity(2), vec![5]),
            (item(1), user(1), vec![1]),
            (item(2), user(0), vec![1]),
            (item(2), entity(0), vec![4, 5]),
            (entity(0), item(2), vec![6, 7]),
            (entity(2), item(0), vec![7]),
            (entity(2), entity(2), vec![4, 6]),
        ]
    );
    assert_eq!([0, 1, 2, 3].map(|id| joint.row_of(entity(id))), [5, 4, 6, 2]);
    assert_eq!(joint.row_of(item(1)), 3);
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let graph = interactions(2, 3, &[(0, 2)]);
    let social = SocialGraph::from_ties(5, &[], TieDirection::Symmetric).unwrap();
    let refused = |social: Option<&SocialGraph>, entities: Vec<Option<EntityId>>| {
        let knowledge = KnowledgeGraph::new(4, 1, &[], entities).unwrap();
        JointGraph::new(&graph, social, Some(&knowledge)).expect_err("an error").to_string()
    };
    let none = vec![None; 3];
    assert_eq!(refused(Some(&social), none.clone()), "the social graph counts 5 users, the interactions count 2");
    assert_eq!(joint_graph(&graph, Some(social.ties())).unwrap_err().to_string(), refused(Some(&social), none));
    assert_eq!(refused(None, vec![None]), "the knowledge graph counts 1 items, the interactions count 3");
    assert_eq!(
        refused(None, vec![Some(EntityId(2)), None, Some(EntityId(2))]),
        "items 0 and 2 are both entity 2; a joint graph has one node for both, so align only one of them"
    );
}

proptest! {
    #[test]
    fn any_world_against_sets(
        seen in prop::collection::vec((0u32..6, 0u32..5), 0..20),
        ties in prop::collection::vec((0u32..6, 0u32..6), 0..12),
        facts in prop::collection::vec((0u32..8, 0u32..3, 0u32..8), 0..25),
        aligned in prop::sample::subsequence((0u32..8).collect::<Vec<_>>(), 0..5),
        symmetric: bool,
    ) {
        let graph = interactions(6, 5, &seen);
        let direction = if symmetric { TieDirection::Symmetric } else { TieDirection::Directed };
        let typed: Vec<(UserId, UserId)> = ties.iter().map(|&(a, b)| (UserId(a), UserId(b))).collect();
        let social = SocialGraph::from_ties(6, &typed, direction).unwrap();
        let entity_of_item: Vec<Option<EntityId>> =
            aligned.iter().map(|&entity| Some(EntityId(entity))).chain(std::iter::repeat(None)).take(5).collect();
        let triples: Vec<Triple> = facts.iter().copied().map(fact).collect();
        let knowledge = KnowledgeGraph::new(8, 3, &triples, entity_of_item).unwrap();
        let joint = JointGraph::new(&graph, Some(&social), Some(&knowledge)).unwrap();

        let place = |entity: u32| match (0..).zip(&aligned).find(|&(_, &other)| other == entity) {
            Some((item, _)) => Node::Item(ItemId(item)),
            None => Node::Entity(EntityId(entity)),
        };
        let mut model: BTreeMap<(Node, Node), BTreeSet<u32>> = BTreeMap::new();
        let mut add = |from, to, relation| {
            model.entry((from, to)).or_default().insert(relation);
        };
        for &(user, item) in &seen {
            add(Node::User(UserId(user)), Node::Item(ItemId(item)), 0);
            add(Node::Item(ItemId(item)), Node::User(UserId(user)), 1);
        }
        for &(a, b) in typed.iter().filter(|(a, b)| a != b) {
            add(Node::User(a), Node::User(b), 2);
            add(Node::User(b), Node::User(a), if symmetric { 2 } else { 3 });
        }
        for &(head, relation, tail) in &facts {
            add(place(head), place(tail), 4 + relation);
            add(place(tail), place(head), 7 + relation);
        }
        let found = joint.pattern().edges().enumerate().map(|(edge, (from, to))| {
            let relations = joint.relations_of(edge).iter().map(|relation| relation.0).collect::<Vec<_>>();
            ((joint.node_at(from as usize), joint.node_at(to as usize)), relations)
        });
        let expected = model.into_iter().map(|(ends, relations)| (ends, relations.into_iter().collect()));
        prop_assert!(found.eq(expected));
        let pattern = joint.pattern();
        prop_assert_eq!(pattern, &pattern.transpose());
        prop_assert!((0..pattern.num_rows()).all(|row| joint.row_of(joint.node_at(row)) == row));
    }
}
