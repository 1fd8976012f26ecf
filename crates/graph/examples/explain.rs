//! Why was this recommended? The shortest way from a user to an item, through friends and facts.

use gnnrec_graph::{Duplicates, EntityId, GraphError, InteractionGraph, ItemId, JointGraph, KnowledgeGraph};
use gnnrec_graph::{Node, RelationId, SocialGraph, TieDirection, Triple, UserId};

const USERS: [&str; 3] = ["you", "Ada", "Ben"];
const ITEMS: [&str; 4] = ["Solaris", "Stalker", "Roadside Picnic", "Dune"];
const ENTITIES: [&str; 4] = ["Solaris (film)", "Stalker (film)", "Tarkovsky", "science fiction"];

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), GraphError> {
    let pairs = [(0, 0), (1, 2), (2, 3)].map(|(user, item)| (UserId(user), ItemId(item)));
    let interactions = InteractionGraph::from_pairs(3, 4, &pairs, Duplicates::Error)?;
    let social = SocialGraph::from_ties(3, &[(UserId(0), UserId(1))], TieDirection::Symmetric)?;
    // Both films are directed by Tarkovsky.
    let facts = [(0, 0, 2), (1, 0, 2)].map(|(head, relation, tail)| Triple {
        head: EntityId(head),
        relation: RelationId(relation),
        tail: EntityId(tail),
    });
    let entity_of_item = vec![Some(EntityId(0)), Some(EntityId(1)), None, None];
    let knowledge = KnowledgeGraph::new(4, 1, &facts, entity_of_item)?;
    let joint = JointGraph::new(&interactions, Some(&social), Some(&knowledge))?;

    let title = |node: &Node| match node {
        Node::User(user) => USERS[user.index()],
        Node::Item(item) => ITEMS[item.index()],
        Node::Entity(entity) => ENTITIES[entity.index()],
    };
    for item in (0..4).map(ItemId) {
        match joint.shortest_path(UserId(0), item, 4) {
            Some(path) => println!("{}", path.iter().map(title).collect::<Vec<_>>().join(" - ")),
            None => println!("nothing within 4 hops leads to {}", ITEMS[item.index()]),
        }
    }
    Ok(())
}
