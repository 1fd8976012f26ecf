//! What every model must hold, as one call from its test: [`check`] for models trained by gradient,
//! [`check_closed_form`] and [`check_closed_form_ratings`] for those that are solved for.
//!
//! ```ignore
//! #[test]
//! fn conforms() {
//!     conformance::check(&LightGcnConfig { embedding_dim: 8, ..Default::default() }, &conformance::world());
//! }
//! ```
//!
//! It is a test suite that ships with the library, so it panics with what was violated. That a model never sees a held-out
//! interaction needs no test: the contract hands it a [`World`], which has none.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_eval::Scorer;
use gnnrec_graph::{
    Csr, Duplicates, EntityId, InteractionGraph, ItemId, KnowledgeGraph, SocialGraph, Triple, UserId, World,
};
use gnnrec_sampling::{Batch, FactBatch, PairwiseBatch, Purpose, RatedBatch, stream};
use rand::seq::{IndexedRandom, SliceRandom};

use crate::{GradientConfig, GradientModel, Phase, Step, dense_gradients};

mod closed_form;
mod device;
mod slope;
mod split;
mod worlds;

pub use closed_form::{check_closed_form, check_closed_form_ratings};
pub use device::device;
pub use slope::check_slopes;
pub use worlds::{rated_world, world};

pub use crate::table::with_largest_table;

const NUM_USERS: u32 = 23;
const NUM_ITEMS: u32 = 19;
const NUM_STEPS: u64 = 30;

/// Runs every check on a small world such as [`world`].
///
/// The configuration should be small too: a width of some 8, and no width equal to the world's number
/// of users, of items or of both.
///
/// # Panics
/// If the model violates one of the checks.
pub fn check<C: GradientConfig + Sync>(config: &C, world: &World) {
    check_but_for_names(config, world);
    check_names(world, |world, _, _| init(config, world, 3));
}

/// [`check`] with [`check_slopes`] in place of [`check_gradient`], for a model with so many kinks that the difference
/// of a single scalar says little.
///
/// # Panics
/// As [`check`].
pub fn check_by_slopes<C: GradientConfig + Sync>(config: &C, world: &World) {
    if !holds(config, world, true) {
        check_slopes(config, world);
    }
    check_names(world, |world, _, _| init(config, world, 3));
}

/// [`check`] without the renaming of users and items, for a model that draws from its graph by the ids of nodes, as
/// random walks do: under other names it would draw others. Give [`check_names`] such a model with what it drew.
///
/// # Panics
/// If the model violates one of the checks.
pub fn check_but_for_names<C: GradientConfig + Sync>(config: &C, world: &World) {
    if !holds(config, world, false) {
        check_gradient(config, world);
    }
}

/// All that needs no differences of losses; whether gradients are those of another device.
fn holds<C: GradientConfig + Sync>(config: &C, world: &World, kinked: bool) -> bool {
    learns(config, world);
    plans_hold_no_parameter(config, world);
    same_seed_same_scores(config, world);
    survives_saving(config, world);
    split::splits_or_refuses(config, world);
    device::agrees_with_cpu(config, world, kinked)
}

/// A batch of everything that a phase draws from, in random order.
///
/// # Panics
/// If the world lacks what the phase draws from.
#[must_use]
pub fn batch(world: &World, phase: &Phase, seed: u64, step: u64) -> Batch {
    match phase {
        Phase::Pairs | Phase::HardPairs(_) => Batch::Pairwise(pairs(world, seed, step)),
        Phase::Ratings => Batch::Rated(ratings(world, seed, step)),
        Phase::Facts => Batch::Facts(facts(world, seed, step)),
    }
}

fn ratings(world: &World, seed: u64, step: u64) -> RatedBatch {
    let by_user = world.interactions().by_user();
    let ratings = by_user.weights().expect("the world has ratings");
    let mut rows: Vec<((u32, u32), f32)> = by_user.edges().zip(ratings.iter().copied()).collect();
    rows.shuffle(&mut stream(seed, Purpose::Positives, [step, u64::MAX]));
    RatedBatch {
        users: rows.iter().map(|row| UserId(row.0.0)).collect(),
        items: rows.iter().map(|row| ItemId(row.0.1)).collect(),
        ratings: rows.iter().map(|row| row.1).collect(),
    }
}

/// Every fact, each with a tail that its head and relation do not have.
fn facts(world: &World, seed: u64, step: u64) -> FactBatch {
    let knowledge = world.knowledge().expect("the world has facts");
    let mut random = stream(seed, Purpose::Negatives, [step, u64::MAX]);
    let mut triples = knowledge.triples().to_vec();
    triples.shuffle(&mut random);
    let mut batch = FactBatch::default();
    for triple in triples {
        let is_known = |tail| knowledge.triples().binary_search(&Triple { tail, ..triple }).is_ok();
        let unknown: Vec<EntityId> =
            (0u32..).take(knowledge.num_entities()).map(EntityId).filter(|&tail| !is_known(tail)).collect();
        if let Some(&negative) = unknown.choose(&mut random) {
            batch.heads.push(triple.head);
            batch.relations.push(triple.relation);
            batch.tails.push(triple.tail);
            batch.negative_tails.push(negative);
        }
    }
    batch
}

/// Every training pair, each with one item that its user does not have. Pairs of users who have every item are
/// left out.
fn pairs(world: &World, seed: u64, step: u64) -> PairwiseBatch {
    let interactions = world.interactions();
    let mut random = stream(seed, Purpose::Negatives, [step, u64::MAX]);
    let mut pairs: Vec<(u32, u32)> = interactions.by_user().edges().collect();
    pairs.shuffle(&mut random);
    let mut batch = PairwiseBatch { num_negatives: 1, ..PairwiseBatch::default() };
    let catalogue = 0..u32::try_from(interactions.num_items()).unwrap_or(u32::MAX);
    for (user, positive) in pairs {
        let unseen: Vec<u32> =
            catalogue.clone().filter(|&item| !interactions.by_user().contains(user as usize, item)).collect();
        if let Some(&negative) = unseen.choose(&mut random) {
            batch.users.push(UserId(user));
            batch.positives.push(ItemId(positive));
            batch.negatives.push(ItemId(negative));
        }
    }
    batch
}

/// Some rounds of Adam with a rate of 0.02, a step of every phase each: the model and, for each round, the sum of
/// the losses.
///
/// # Panics
/// If the model cannot be made.
pub fn train<C: GradientConfig>(config: &C, world: &World, seed: u64, num_steps: u64) -> (C::Model, Vec<f32>) {
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    train_by(config, world, (seed, num_steps), init(config, world, seed), |model, grads| adam.step(0.02, model, grads))
}

fn train_by<C: GradientConfig>(
    config: &C,
    world: &World,
    (seed, num_steps): (u64, u64),
    mut model: C::Model,
    mut optimise: impl FnMut(C::Model, GradientsParams) -> C::Model,
) -> (C::Model, Vec<f32>) {
    let mut losses = Vec::new();
    for index in 0..num_steps {
        let mut sum = 0.0;
        for (position, phase) in config.phases().iter().enumerate() {
            model = model.refreshed(position);
            let loss = model.loss(&batch(world, phase, seed, index), Step { seed, index });
            sum += loss.clone().into_scalar::<f32>();
            let gradients = dense_gradients(&model, &loss);
            model = optimise(model, gradients);
        }
        losses.push(sum);
    }
    (model, losses)
}

/// Scores of every item for every user, `num_users x num_items`; only for small worlds.
///
/// # Panics
/// If a scorer gives a user other scores alone than in company.
#[must_use]
pub fn all_scores(scorer: &dyn Scorer) -> Vec<f32> {
    let users: Vec<UserId> = (0..u32::try_from(scorer.num_users()).unwrap_or(u32::MAX)).map(UserId).collect();
    let mut scores = vec![f32::NAN; users.len() * scorer.num_items()];
    scorer.score(&users, &mut scores);
    let mut alone = vec![f32::NAN; scorer.num_items()];
    for (user, scores) in users.iter().zip(scores.chunks(scorer.num_items().max(1))) {
        scorer.score(&[*user], &mut alone);
        assert_eq!(bits(&alone), bits(scores), "user {user} scores differently alone and in company");
    }
    scores
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn init<C: GradientConfig>(config: &C, world: &World, seed: u64) -> C::Model {
    init_on(config, world, seed, &device())
}

fn init_on<C: GradientConfig>(config: &C, world: &World, seed: u64, device: &Device) -> C::Model {
    config.init(world, seed, &device.clone().autodiff()).expect("the world has what the model needs")
}

/// The loss falls, everything stays finite, and the scorer covers the catalogue.
fn learns<C: GradientConfig>(config: &C, world: &World) {
    let (model, losses) = train(config, world, 1, NUM_STEPS);
    assert!(losses.iter().all(|loss| loss.is_finite()), "a loss is not finite: {losses:?}");
    let mean = |losses: &[f32]| losses.iter().sum::<f32>();
    let (first, last) = (mean(&losses[..5]), mean(&losses[losses.len() - 5..]));
    assert!(last < 0.95 * first, "the loss does not fall: {losses:?}");
    let scorer = model.scorer();
    assert_eq!(scorer.num_users(), world.interactions().num_users(), "the scorer covers every user");
    assert_eq!(scorer.num_items(), world.interactions().num_items(), "the scorer covers every item");
    assert!(all_scores(&*scorer).iter().all(|score| score.is_finite()), "a score is not finite");
}

/// The plan that an untrained model makes of a step is as good as that of the trained one.
fn plans_hold_no_parameter<C: GradientConfig>(config: &C, world: &World) {
    let (model, _) = train(config, world, 7, 3);
    for (position, phase) in config.phases().iter().enumerate() {
        let untrained = init(config, world, 7).refreshed(position).planner();
        let (step, batch) = (Step { seed: 7, index: 3 }, batch(world, phase, 7, 3));
        let ahead = std::thread::spawn({
            let batch = batch.clone();
            move || untrained.plan(&batch, step)
        });
        let value = |loss: Tensor<1>| loss.into_scalar::<f32>().to_bits();
        let found = value(model.planned_loss(ahead.join().expect("a step can be planned")));
        assert_eq!(found, value(model.loss(&batch, step)), "the plan of a {phase:?} step holds a parameter");
    }
}

/// The same bits from the same seed on one thread and on three, other bits from another seed.
fn same_seed_same_scores<C: GradientConfig + Sync>(config: &C, world: &World) {
    let scores_on = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
        pool.install(|| bits(&all_scores(&*train(config, world, seed, 3).0.scorer())))
    };
    let alone = scores_on(1, 5);
    assert!(alone == scores_on(3, 5), "the scores depend on the number of threads or on the run");
    assert!(alone != scores_on(1, 6), "the seed changes nothing");
}

/// A record loaded into a fresh model of the same world and seed gives the same scores.
fn survives_saving<C: GradientConfig>(config: &C, world: &World) {
    let (model, _) = train(config, world, 2, 3);
    let expected = bits(&all_scores(&*model.scorer()));
    let fresh = init(config, world, 2);
    assert!(bits(&all_scores(&*fresh.scorer())) != expected, "training changes no score");
    let bytes = model.into_record().into_bytes().expect("a record can be written");
    let loaded = fresh.load_record(ModuleRecord::from_bytes(bytes).expect("a record can be read"));
    assert!(bits(&all_scores(&*loaded.scorer())) == expected, "saving and loading change the scores");
}

/// Renaming users and items, with the rows of their parameters, renames the scores and nothing else.
///
/// `init` makes the untrained model of a world in which user `u` is called `users[u]` and item `i` `items[i]`, from
/// the world, `users` and `items`: first with the names they have, then with others.
///
/// # Panics
/// If the scores of a pair differ by more than 1e-5, or 1e-5 of them.
pub fn check_names<M: GradientModel>(world: &World, init: impl Fn(&World, &[u32], &[u32]) -> M) {
    let (num_users, num_items) = (world.interactions().num_users(), world.interactions().num_items());
    let ids = |count: usize| -> Vec<u32> { (0..).take(count).collect() };
    // Position in the renamed world of each node, and the way back.
    let users: Vec<u32> = permutation(num_users);
    let items: Vec<u32> = permutation(num_items);
    let renamed_world = renamed(world, &users, &items);
    let model = init(world, &ids(num_users), &ids(num_items));
    let expected = all_scores(&*model.scorer());
    let mut mapper = RenameRows { users: inverse(&users), items: inverse(&items) };
    let record = model.map(&mut mapper).into_record();
    let found = all_scores(&*init(&renamed_world, &users, &items).load_record(record).scorer());
    assert_renamed(&expected, &found, &users, &items, 1e-5);
}

/// `found` holds the scores of `expected` where user `u` is called `users[u]` and item `i` `items[i]`.
fn assert_renamed(expected: &[f32], found: &[f32], users: &[u32], items: &[u32], tolerance: f32) {
    for (user, scores) in expected.chunks(items.len()).enumerate() {
        for (item, expected) in scores.iter().enumerate() {
            let found = found[users[user] as usize * items.len() + items[item] as usize];
            let close = (found - expected).abs() <= tolerance * (1.0 + expected.abs());
            assert!(close, "user {user}, item {item}: {expected} before renaming, {found} after");
        }
    }
}

/// A permutation without fixed structure that moves every position but a few.
fn permutation(count: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
    order.shuffle(&mut stream(0, Purpose::World, [count as u64, 0]));
    order
}

fn inverse(permutation: &[u32]) -> Vec<u32> {
    let mut inverse = vec![0; permutation.len()];
    for (from, &to) in (0..).zip(permutation) {
        inverse[to as usize] = from;
    }
    inverse
}

/// The same world with user `u` called `users[u]` and item `i` called `items[i]`.
fn renamed(world: &World, users: &[u32], items: &[u32]) -> World {
    let by_user = world.interactions().by_user();
    let edges: Vec<_> = by_user.edges().map(|(user, item)| (users[user as usize], items[item as usize])).collect();
    let (num_users, num_items) = (users.len(), items.len());
    let csr = match by_user.weights() {
        None => Csr::from_edges(num_users, num_items, &edges, Duplicates::Error),
        Some(ratings) => {
            let edges: Vec<_> =
                edges.iter().zip(ratings).map(|(&(user, item), &rating)| (user, item, rating)).collect();
            Csr::from_weighted_edges(num_users, num_items, &edges, Duplicates::Error)
        }
    };
    let csr = csr.expect("a permutation stays in range");
    let mut out = World::new(InteractionGraph::new(csr));
    if let Some(social) = world.social() {
        let ties: Vec<_> =
            social.ties().edges().map(|(a, b)| (UserId(users[a as usize]), UserId(users[b as usize]))).collect();
        let social =
            SocialGraph::from_ties(users.len(), &ties, social.direction()).expect("a permutation stays in range");
        out = out.with_social(social).expect("the sizes are the same");
    }
    if let Some(knowledge) = world.knowledge() {
        let alignment = inverse(items).into_iter().map(|item| knowledge.entity_of(ItemId(item))).collect();
        let (entities, relations) = (knowledge.num_entities(), knowledge.num_relations());
        let knowledge = KnowledgeGraph::new(entities, relations, knowledge.triples(), alignment);
        out = out.with_knowledge(knowledge.expect("the facts are the same")).expect("the sizes are the same");
    }
    if let Some(features) = world.item_features() {
        out = out.with_item_features(features.select(&inverse(items))).expect("the sizes are the same");
    }
    if let Some(features) = world.user_features() {
        out = out.with_user_features(features.select(&inverse(users))).expect("the sizes are the same");
    }
    out
}

/// Reorders the rows of every parameter that has one row for each user, item, or user and item.
struct RenameRows {
    users: Vec<u32>,
    items: Vec<u32>,
}

impl ModuleMapper for RenameRows {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (num_users, num_items) = (self.users.len(), self.items.len());
        let offset = u32::try_from(num_users).unwrap_or(u32::MAX);
        let items = self.items.iter().map(|item| item + offset);
        let order: Vec<u32> = match param.val().dims()[0] {
            rows if rows == num_users => self.users.clone(),
            rows if rows == num_items => self.items.clone(),
            rows if rows == num_users + num_items => self.users.iter().copied().chain(items).collect(),
            _ => return param,
        };
        edited(param, |values| {
            let width = values.len() / order.len();
            order.iter().flat_map(|&row| values[row as usize * width..][..width].to_vec()).collect()
        })
    }
}

/// The parameter with other values, a leaf again.
fn edited<const D: usize>(param: Param<Tensor<D>>, edit: impl FnOnce(Vec<f32>) -> Vec<f32>) -> Param<Tensor<D>> {
    param.map(|tensor| {
        let (shape, tracked) = (tensor.shape(), tensor.is_require_grad());
        let device = if tensor.is_autodiff() { tensor.device().autodiff() } else { tensor.device() };
        let values = tensor.into_data().try_to_vec().expect("parameters are 32-bit floats");
        Tensor::from_data(TensorData::new(edit(values), shape), &device).set_require_grad(tracked)
    })
}

/// Every gradient of the loss against a central difference, with parameters scaled up so that the
/// nonlinear parts of the model bend.
///
/// # Panics
/// If one differs by more than 1 %, 2e-4 and the rounding of the loss, over an interval of 1e-2 and over one of 2e-3.
pub fn check_gradient<C: GradientConfig>(config: &C, world: &World) {
    let step = Step { seed: 4, index: 0 };
    for (position, phase) in config.phases().iter().enumerate() {
        let batch = batch(world, phase, 4, 0);
        let model = init(config, world, 4).map(&mut Nudge { position: None, by: 0.0 }).refreshed(position);
        let mut gradient = Flatten { grads: dense_gradients(&model, &model.loss(&batch, step)), values: Vec::new() };
        model.visit(&mut gradient);
        let loss_at = |position: usize, by: f32| {
            let nudged = model.clone().map(&mut Nudge { position: Some(position), by });
            nudged.loss(&batch, step).into_scalar::<f32>()
        };
        assert!(
            gradient.values.iter().flatten().any(|value| value.abs() > 1e-4),
            "the loss of {phase:?} depends on no parameter"
        );
        // Some 200 of the scalars, spread over all parameters.
        let stride = (gradient.values.len() / 200).max(1);
        for (position, found) in gradient.values.iter().enumerate().step_by(stride) {
            let Some(found) = *found else { continue };
            // A relu may bend within the first interval; it seldom does within one a fifth as long, where the loss has
            // fewer digits to differ in.
            let differences = [5e-3, 1e-3].map(|by: f32| {
                let [above, below] = [loss_at(position, by), loss_at(position, -by)];
                ((above - below) / (2.0 * by), f32::EPSILON * above.abs() / by)
            });
            let holds = differences
                .iter()
                .any(|(expected, rounding)| (found - expected).abs() <= 2e-4 + 0.01 * expected.abs() + rounding);
            assert!(holds, "{phase:?}, scalar {position}: gradient {found}, difference and rounding {differences:?}");
        }
    }
}

/// Adds to one scalar, counted over all parameters; without a position, triples every parameter.
struct Nudge {
    position: Option<usize>,
    by: f32,
}

impl ModuleMapper for Nudge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let len = param.val().shape().num_elements();
        match &mut self.position {
            None => edited(param, |values| values.into_iter().map(|value| 3.0 * value).collect()),
            Some(position) if *position < len => {
                let (at, by) = (std::mem::replace(position, usize::MAX), self.by);
                edited(param, |mut values| {
                    values[at] += by;
                    values
                })
            }
            Some(position) => {
                *position -= if *position == usize::MAX { 0 } else { len };
                param
            }
        }
    }
}

/// The gradients of all parameters in one row, in the order of [`Nudge`]: zero where there is none, and nothing for
/// what a loss holds fixed.
struct Flatten {
    grads: GradientsParams,
    values: Vec<Option<f32>>,
}

impl ModuleVisitor for Flatten {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        match self.grads.get::<D>(param.id) {
            Some(grad) => {
                let grad = grad.into_data().try_to_vec::<f32>().expect("32-bit floats");
                self.values.extend(grad.into_iter().map(Some));
            }
            None => {
                let absent = value.is_require_grad().then_some(0.0);
                self.values.resize(self.values.len() + value.shape().num_elements(), absent);
            }
        }
    }
}
