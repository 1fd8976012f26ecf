//! Pairs with labels for click-through: a split's interactions, and as many negatives beside them.
//!
//! The protocol of RippleNet and KGCN. Negatives belong to the split: they are drawn once, from its seed.

use gnnrec_graph::{ItemId, LabelledPairs, UserId};
use gnnrec_sampling::absent;
use rand::seq::{SliceRandom, index};
use rand_chacha::ChaCha8Rng;

use super::assign::{Owner, stream_of};
use super::{Parts, Split};
use crate::groups::Groups;
use crate::report::{Report, Step};
use crate::{DataError, Dataset, Log, Part};

/// The parts of a split with negatives in each.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledParts {
    /// The training interactions and their fixed negatives, for those who train as the papers do. No negative is
    /// anybody's held-out interaction, which a sampler that sees training alone could not promise.
    pub train: LabelledPairs,
    /// What settings are chosen on, where the split has a validation part.
    pub validation: Option<LabelledPairs>,
    /// What results are measured on.
    pub test: LabelledPairs,
    /// Every step from the files to here.
    pub report: Report,
}

impl Dataset {
    /// Puts negatives beside the interactions of a split, one for each.
    ///
    /// A negative of a user is an item with which the user has no interaction in any part, drawn uniformly and
    /// without replacement over all parts, so that no negative stands in two of them: the protocol of RippleNet and
    /// KGCN, whose split is `Ratio { scope: Global, validation: 0.2, test: 0.2 }`. A user with more interactions than
    /// unseen items gets all of these, the test part first, then validation; how many interactions are left without
    /// a negative is counted. An item that the filter took from the user counts as unseen.
    ///
    /// Where the files bring negatives of their own ([`Dataset::negatives`]), these are shared out instead: by the
    /// files under [`Split::Given`], else at random in proportion to the user's interactions, the rest to training.
    ///
    /// Chance is drawn from a stream of the split's seed and the user's name. Time is linear in interactions and
    /// negatives, but for a logarithm.
    ///
    /// ```
    /// use gnnrec_data::{Dataset, Log, Scope, Split};
    /// use gnnrec_graph::{ItemId, UserId};
    /// let log = Log { users: vec![UserId(0); 5], items: (0..5).map(ItemId).collect(), ..Log::default() };
    /// let items = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].into_iter().collect();
    /// let dataset = Dataset { users: ["ann"].into_iter().collect(), items, log, ..Dataset::default() };
    /// let split = Split::Ratio { scope: Scope::Global, validation: 0.2, test: 0.2 };
    /// let labelled = dataset.labelled(&dataset.split(&split, 1)?)?;
    /// assert_eq!((labelled.train.num_pairs(), labelled.test.num_pairs()), (6, 2));
    /// # Ok::<(), gnnrec_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// A part that gets no negative at all, in which nothing could be told apart.
    ///
    /// # Panics
    /// If the parts are of a dataset with other users or items.
    pub fn labelled(&self, parts: &Parts) -> Result<LabelledParts, DataError> {
        let sizes = (parts.test.num_users(), parts.test.num_items());
        assert_eq!(sizes, (self.num_users(), self.num_items()), "the parts are of another dataset");
        let given = self.negatives.as_ref().map(|negatives| Given::new(self, negatives, parts));
        let mut pairs: [Vec<(UserId, ItemId, bool)>; 3] = Default::default();
        let mut missing = 0;
        for user in (0..).take(self.num_users()).map(UserId) {
            let positives = positives(parts, user);
            let mut rng = stream_of(parts.seed, Owner::Negatives, self.user_name(user));
            let negatives = match &given {
                Some(given) => given.of(user, positives.map(<[ItemId]>::len), &mut rng),
                None => draw(positives, self.num_items(), &mut rng),
            };
            for ((pairs, positives), negatives) in pairs.iter_mut().zip(positives).zip(&negatives) {
                pairs.extend(positives.iter().map(|&item| (user, item, true)));
                pairs.extend(negatives.iter().map(|&item| (user, item, false)));
                missing += positives.len().saturating_sub(negatives.len());
            }
        }
        let mut step = Step::new("labels");
        let counts = pairs.each_ref().map(|pairs| pairs.iter().filter(|pair| !pair.2).count());
        pairs.iter().flatten().for_each(|_| step.keep());
        let names = match given {
            Some(_) => ["given training negatives", "given validation negatives", "given test negatives"],
            None => ["sampled training negatives", "sampled validation negatives", "sampled test negatives"],
        };
        names.into_iter().zip(counts).for_each(|(name, count)| step.note(name, count));
        step.note("interactions without a negative of their own", missing);
        for (what, part, count) in [
            ("negative in the validation part", parts.validation.as_ref(), counts[1]),
            ("negative in the test part", Some(&parts.test), counts[2]),
        ] {
            if part.is_some() && count == 0 {
                let remedy = "the users there have seen everything, or the files label none 0";
                return Err(DataError::NothingLeft { step: "labelling", what, remedy });
            }
        }
        let [train, validation, test] = pairs.map(|pairs| LabelledPairs::new(sizes.0, sizes.1, &pairs));
        let mut report = parts.report.clone();
        report.steps.push(step);
        let validation = parts.validation.as_ref().map(|_| validation).transpose()?;
        Ok(LabelledParts { train: train?, validation, test: test?, report })
    }
}

/// Items of a user in training, validation and test.
fn positives(parts: &Parts, user: UserId) -> [&[ItemId]; 3] {
    let validation = parts.validation.as_ref().map_or(&[][..], |holdout| holdout.relevant(user));
    [parts.world.interactions().items_of(user), validation, parts.test.relevant(user)]
}

/// As many unseen items as there are positives in each part, or all there are.
fn draw(positives: [&[ItemId]; 3], num_items: usize, rng: &mut ChaCha8Rng) -> [Vec<ItemId>; 3] {
    let mut seen = positives.concat();
    seen.sort_unstable();
    seen.dedup();
    let num_unseen = num_items - seen.len();
    let wanted = positives.iter().map(|items| items.len()).sum::<usize>();
    let ranks = index::sample(rng, num_unseen, wanted.min(num_unseen));
    let rank = |rank| u32::try_from(rank).expect("a u32 numbers the items");
    let drawn = ranks.into_iter().map(|at| ItemId(absent(ItemId::peel_slice(&seen), rank(at)))).collect();
    deal(drawn, positives.map(<[ItemId]>::len))
}

/// The first go to the test part, those after them to validation, what is left to training.
fn deal(mut negatives: Vec<ItemId>, [_, validation, test]: [usize; 3]) -> [Vec<ItemId>; 3] {
    let mut validated = negatives.split_off(test.min(negatives.len()));
    let train = validated.split_off(validation.min(validated.len()));
    [train, validated, negatives]
}

/// Negatives that came with the files, by user.
struct Given<'a> {
    negatives: &'a Log,
    by_user: Groups,
    /// Whether each stays in the part of its file.
    as_published: bool,
    /// Whether a file is the validation part.
    has_validation: bool,
}

impl<'a> Given<'a> {
    fn new(dataset: &'a Dataset, negatives: &'a Log, parts: &Parts) -> Self {
        let users = &negatives.users;
        let by_user = Groups::new(dataset.num_users(), 0..negatives.len(), |row| users[row].index());
        let published = dataset.log.parts.as_ref();
        Self {
            negatives,
            by_user,
            as_published: matches!(parts.split, Split::Given { .. }) && negatives.parts.is_some(),
            has_validation: published.is_some_and(|parts| parts.contains(&Part::Validation)),
        }
    }

    /// Negatives of a user for each part, in which the user has this many positives.
    fn of(&self, user: UserId, counts: [usize; 3], rng: &mut ChaCha8Rng) -> [Vec<ItemId>; 3] {
        let of_parts = |wanted: &[Part]| {
            let parts = self.negatives.parts.as_ref();
            let is_wanted = |row: &&usize| parts.is_none_or(|parts| wanted.contains(&parts[**row]));
            let rows = self.by_user.of(user.index()).iter().filter(is_wanted);
            let mut items: Vec<ItemId> = rows.map(|&row| self.negatives.items[row]).collect();
            items.sort_unstable();
            items.dedup();
            items
        };
        if !self.as_published {
            let mut pool = of_parts(&[Part::Train, Part::Validation, Part::Test]);
            pool.shuffle(rng);
            return deal(pool, counts);
        }
        let (mut train, test) = (of_parts(&[Part::Train]), of_parts(&[Part::Test]));
        if self.has_validation {
            return [train, of_parts(&[Part::Validation]), test];
        }
        train.shuffle(rng);
        let [train, validation, _] = deal(train, [counts[0], counts[1], 0]);
        [train, validation, test]
    }
}
