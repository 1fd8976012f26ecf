//! A step of GraphRec before it is computed: whom it touches, the neighbourhoods around them, and what is dropped.

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, ItemId, UserId};
use gnnrec_model::Step;
use gnnrec_sampling::RatedBatch;
use gnnrec_sparse::{EdgeGraph, Rows, ready_tensor};

use super::layers::Sources;
use super::neighbourhood::{Around, Choice, Kind, Opinions, places, sorted};
use super::rating::Dropped;
use super::{FriendVectors, GraphRecConfig, Graphs};

/// What a step needs besides the parameters.
#[derive(Debug)]
pub struct GraphRecPlan {
    pub(super) users: UsersPlan,
    /// The distinct items and who rated them.
    pub(super) items: OpinionsPlan,
    /// The place of each row's user and item among the distinct ones.
    pub(super) user_places: Rows,
    pub(super) item_places: Rows,
    /// By row of the batch.
    pub(super) ratings: Tensor<1>,
    pub(super) dropped: Dropped,
}

/// Distinct nodes and the opinions around them.
#[derive(Debug)]
pub(super) struct OpinionsPlan {
    pub(super) targets: Rows,
    /// From opinions to targets.
    pub(super) sources: Sources,
    /// From levels to the nodes that opinions are of, an edge an opinion.
    pub(super) levels_of: EdgeGraph,
    /// Those nodes.
    pub(super) others: Rows,
}

/// Distinct users, what is around them and, where friends count, around their friends.
#[derive(Debug)]
pub(super) struct UsersPlan {
    pub(super) opinions: OpinionsPlan,
    pub(super) friends: Option<FriendsPlan>,
}

#[derive(Debug)]
pub(super) struct FriendsPlan {
    /// The users asked for.
    pub(super) targets: Rows,
    /// From friends to users.
    pub(super) sources: Sources,
    /// The friends.
    pub(super) friends: Rows,
    /// The places of users and of friends among those whose opinions are computed; none where these are the users, and the raw
    /// embeddings of friends stand for them.
    pub(super) target_places: Option<Rows>,
    pub(super) friend_places: Option<Rows>,
}

impl OpinionsPlan {
    /// The opinions around some targets, as far as `choice` shows them.
    pub(super) fn of(
        targets: &[u32],
        opinions: &Opinions,
        choice: &Choice,
        with_attention: bool,
        device: &Device,
    ) -> Self {
        let around = Around::of(targets, &opinions.pairs_of, opinions.kind, choice);
        let (levels_of, others) = opinions.levels_of(&around.sources);
        Self {
            targets: targets.into(),
            sources: Sources::of(around.graph, with_attention, device),
            levels_of: levels_of.ready_on(device),
            others: others.into(),
        }
    }
}

impl FriendsPlan {
    /// The friends of some users, as far as `choice` shows them.
    pub(super) fn of(targets: &[u32], friends: &Csr, choice: &Choice, with_attention: bool, device: &Device) -> Self {
        let around = Around::of(targets, friends, Kind::Friends, choice);
        Self {
            targets: targets.into(),
            sources: Sources::of(around.graph, with_attention, device),
            friends: around.sources.into(),
            target_places: None,
            friend_places: None,
        }
    }
}

impl GraphRecPlan {
    pub(super) fn new(
        batch: &RatedBatch,
        step: Step,
        graphs: &Graphs,
        config: &GraphRecConfig,
        device: &Device,
    ) -> Self {
        let choice = &choice(batch, step, graphs, config);
        let (user_of_row, item_of_row) = (UserId::peel_slice(&batch.users), ItemId::peel_slice(&batch.items));
        let (users, items) = (sorted(user_of_row.to_vec()), sorted(item_of_row.to_vec()));
        let [user_places, item_places] = [places(&users, user_of_row), places(&items, item_of_row)]
            .map(|places| Rows::from(places).ready_on(device));
        let items = OpinionsPlan::of(&items, &graphs.users_of_items, choice, config.user_attention, device);
        let ratings = TensorData::new(batch.ratings.clone(), [batch.len()]);
        let mut plan = Self {
            users: UsersPlan::new(&users, graphs, config, choice, device),
            items,
            user_places,
            item_places,
            ratings: ready_tensor(ratings, device),
            dropped: Dropped::new(batch.len(), config.embedding_dim, config.dropout, step, device),
        };
        plan.make_ready(config, device);
        plan
    }

    /// Makes the lists of lookups ready, those of one table as parts in the order of their lookups.
    fn make_ready(&mut self, config: &GraphRecConfig, device: &Device) {
        let Self { users: UsersPlan { opinions, friends }, items, .. } = self;
        let embedded = config.friends == FriendVectors::Embedding;
        let mut of_users: Vec<&mut Rows> = Vec::new();
        if let Some(friends) = friends {
            of_users.extend(embedded.then_some(&mut friends.friends));
            of_users.extend(config.friend_attention.then_some(&mut friends.targets));
        }
        let own = config.item_attention.then_some(&mut opinions.targets);
        let in_users = own.into_iter().chain(of_users).chain([&mut items.others]);
        let in_items = std::iter::once(&mut opinions.others).chain(config.user_attention.then_some(&mut items.targets));
        ready_together(in_users.collect(), device);
        ready_together(in_items.collect(), device);
        let places = friends.iter_mut().flat_map(|friends| [&mut friends.target_places, &mut friends.friend_places]);
        places.flatten().for_each(|places| *places = places.clone().ready_on(device));
    }
}

impl UsersPlan {
    /// Distinct users, from the neighbourhoods within two hops of them.
    fn new(users: &[u32], graphs: &Graphs, config: &GraphRecConfig, choice: &Choice, device: &Device) -> Self {
        let opinions =
            |users: &[u32]| OpinionsPlan::of(users, &graphs.items_of_users, choice, config.item_attention, device);
        let Some(friends) = &graphs.friends else {
            return Self { opinions: opinions(users), friends: None };
        };
        let mut friends = FriendsPlan::of(users, friends, choice, config.friend_attention, device);
        if config.friends == FriendVectors::Embedding {
            return Self { opinions: opinions(users), friends: Some(friends) };
        }
        let all = sorted([users, &friends.friends].concat());
        friends.target_places = Some(places(&all, users).into());
        friends.friend_places = Some(places(&all, &friends.friends).into());
        Self { opinions: opinions(&all), friends: Some(friends) }
    }
}

/// Which neighbours a step looks at.
fn choice(batch: &RatedBatch, step: Step, graphs: &Graphs, config: &GraphRecConfig) -> Choice {
    let Graphs { items_of_users, users_of_items, levels, .. } = graphs;
    let rows = batch.users.iter().zip(&batch.items).zip(&batch.ratings).filter(|_| config.hide_batch);
    let edges = rows.flat_map(|((user, item), &rating)| {
        let level = levels.position(rating);
        let (of_item, of_user) = (items_of_users.pair(item.0, level), users_of_items.pair(user.0, level));
        [(Kind::ItemsOfUsers, user.0, of_item), (Kind::UsersOfItems, item.0, of_user)]
    });
    Choice::new(config.max_neighbours, step, edges.collect())
}

fn ready_together(lists: Vec<&mut Rows>, device: &Device) {
    let parts = Rows::parts(lists.iter().map(|rows| rows.to_vec()));
    lists.into_iter().zip(parts).for_each(|(rows, part)| *rows = part.ready_on(device));
}
