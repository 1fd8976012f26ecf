//! The small worlds that every model is checked in.

use gnnrec_graph::{
    Duplicates, EntityId, InteractionGraph, ItemId, KnowledgeGraph, RelationId, SocialGraph, TieDirection, Triple,
    UserId, World,
};

use super::{NUM_ITEMS, NUM_USERS};

/// A world of 23 users, 19 items, two circles of taste, ties inside a circle and facts that tell the
/// circles apart. The last user has ties and no interaction, the one before interactions and no ties; the
/// last item has neither interactions nor an entity.
///
/// # Panics
/// Never.
#[must_use]
pub fn world() -> World {
    let circle = |node: u32| node % 2;
    let mut pairs = Vec::new();
    for user in 0..NUM_USERS - 1 {
        for item in 0..NUM_ITEMS - 1 {
            if circle(user) == circle(item) && (user * 7 + item * 5) % 3 != 0 {
                pairs.push((UserId(user), ItemId(item)));
            }
        }
    }
    let tied = (0..NUM_USERS - 2).filter(|&user| user != NUM_USERS - 4);
    let ties: Vec<_> = tied.map(|user| (UserId(user), UserId(user + 2))).collect();
    // Entities: the items but one, then one per circle, then three that say nothing about it.
    let known = NUM_ITEMS - 1;
    let fact =
        |head, relation, tail| Triple { head: EntityId(head), relation: RelationId(relation), tail: EntityId(tail) };
    let facts: Vec<_> = (0..known)
        .flat_map(|item| [fact(item, 0, known + circle(item)), fact(item, 1, known + 2 + item % 3)])
        .collect();
    let entity_of_item = (0..NUM_ITEMS).map(|item| (item < known).then_some(EntityId(item))).collect();
    let (num_users, num_items, num_entities) = (NUM_USERS as usize, NUM_ITEMS as usize, known as usize + 5);
    let interactions = InteractionGraph::from_pairs(num_users, num_items, &pairs, Duplicates::Error);
    World::new(interactions.expect("ids are in range"))
        .with_social(SocialGraph::from_ties(num_users, &ties, TieDirection::Symmetric).expect("ids are in range"))
        .and_then(|world| world.with_knowledge(KnowledgeGraph::new(num_entities, 2, &facts, entity_of_item)?))
        .expect("the parts agree on their sizes")
}

/// [`world`] with ratings from 1 to 5: a circle likes its own half of the items a little more.
///
/// # Panics
/// Never.
#[must_use]
pub fn rated_world() -> World {
    let plain = world();
    let by_user = plain.interactions().by_user();
    let rating = |(user, item): (u32, u32)| 1.0 + ((user / 2 + item) % 3 + (item % 2) * 2) as f32;
    let ratings = by_user.edges().map(rating).collect();
    let rated = InteractionGraph::new(by_user.with_weights(ratings).expect("one rating for each pair"));
    let social = plain.social().expect("it has ties").clone();
    let knowledge = plain.knowledge().expect("it has facts").clone();
    let world = World::new(rated).with_social(social).and_then(|world| world.with_knowledge(knowledge));
    world.expect("the sizes are the same")
}
