//! The demo world keeps its promises: each graph shows what the others cannot, and neither popularity
//! nor id order explains who takes what. Plain scorers stand for the families; no model is trained.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Instant;

use gnnrec_data::{DataError, Dataset, Part, Parts, Split, demo, load};
use gnnrec_eval::{Metric, Scorer, evaluate};
use gnnrec_graph::{Csr, Duplicates, Holdout, ItemId, UserId, World};

/// Scores from a function of user and catalogue.
struct Plain<F>(usize, usize, F);

impl<F: Fn(UserId, &mut [f32]) + Send + Sync> Scorer for Plain<F> {
    fn num_users(&self) -> usize {
        self.0
    }
    fn num_items(&self) -> usize {
        self.1
    }
    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        for (&user, row) in users.iter().zip(scores.chunks_exact_mut(self.1)) {
            row.fill(0.0);
            (self.2)(user, row);
        }
    }
}

struct Demo {
    dataset: Dataset,
    parts: Parts,
    seen: Csr,
}

impl Demo {
    fn new(seed: u64) -> Self {
        let dataset = demo::generate(&demo::DemoConfig::default(), seed).unwrap();
        let parts = dataset.split(&Split::Given { validation: 0.0 }, seed).unwrap();
        let log_parts = dataset.log.parts.as_ref().unwrap();
        let rows = (0..dataset.log.len()).filter(|&row| log_parts[row] != Part::Test);
        let seen: Vec<_> = rows.map(|row| (dataset.log.users[row].0, dataset.log.items[row].0)).collect();
        let seen = Csr::from_edges(dataset.num_users(), dataset.num_items(), &seen, Duplicates::Error).unwrap();
        Self { dataset, parts, seen }
    }

    fn world(&self) -> &World {
        &self.parts.world
    }

    /// Recall@20 over the test interactions that a filter keeps.
    fn recall(&self, keep: impl Fn(UserId, ItemId) -> bool, score: impl Fn(UserId, &mut [f32]) + Send + Sync) -> f64 {
        let test = &self.parts.test;
        let users = (0..).take(test.num_users()).map(UserId);
        let kept: Vec<_> = users
            .flat_map(|user| test.relevant(user).iter().map(move |&item| (user, item)))
            .filter(|&(user, item)| keep(user, item))
            .map(|(user, item)| (user.0, item.0))
            .collect();
        let kept = Csr::from_edges(test.num_users(), test.num_items(), &kept, Duplicates::Error).unwrap();
        let scorer = Plain(test.num_users(), test.num_items(), score);
        let metric = Metric::Recall(20);
        evaluate(&scorer, &self.seen, &Holdout::new(kept), &[metric]).unwrap().mean(metric).unwrap()
    }

    fn is_newcomer(&self, user: UserId) -> bool {
        self.world().interactions().items_of(user).len() <= 3
    }

    /// Fewer takers in training than any item that is not new is likely to have.
    fn is_rare(&self, item: ItemId) -> bool {
        self.world().interactions().users_of(item).len() <= 5
    }

    fn popularity(&self, _: UserId, scores: &mut [f32]) {
        for (item, score) in (0..).map(ItemId).zip(scores) {
            *score = self.world().interactions().users_of(item).len() as f32;
        }
    }

    /// Items that were taken together, by cosine: what interactions alone can tell.
    fn together(&self, user: UserId, scores: &mut [f32]) {
        let graph = self.world().interactions();
        for &item in graph.items_of(user) {
            let takers = graph.users_of(item);
            for &other in takers {
                for &candidate in graph.items_of(other) {
                    scores[candidate.index()] += 1.0 / (takers.len() as f32).sqrt();
                }
            }
        }
        for (item, score) in (0..).map(ItemId).zip(scores) {
            *score /= (graph.users_of(item).len() as f32).sqrt().max(1.0);
        }
    }

    /// How many friends took it: what ties can tell.
    fn friends(&self, user: UserId, scores: &mut [f32]) {
        for &friend in self.world().social().unwrap().friends_of(user) {
            for item in self.world().interactions().items_of(friend) {
                scores[item.index()] += 1.0;
            }
        }
    }

    /// How much of the history shares creator or series: what facts can tell.
    fn alike(&self, user: UserId, scores: &mut [f32]) {
        let knowledge = self.world().knowledge().unwrap();
        let mut known = BTreeMap::new();
        let told = |item: ItemId| {
            let facts = knowledge.facts_of(knowledge.entity_of(item).unwrap()).iter();
            facts.filter(|fact| fact.relation.0 < 2).map(|fact| (fact.relation, fact.tail))
        };
        for &item in self.world().interactions().items_of(user) {
            told(item).for_each(|fact| *known.entry(fact).or_insert(0.0) += 1.0);
        }
        for (item, score) in (0..).map(ItemId).zip(scores) {
            *score = told(item).filter_map(|fact| known.get(&fact)).sum();
        }
    }
}

static DEMO: LazyLock<Demo> = LazyLock::new(|| Demo::new(1));

fn assert_between(what: &str, value: f64, low: f64, high: f64) {
    eprintln!("{what}: {value:.4}");
    assert!((low..high).contains(&value), "{what} is {value:.4}, expected {low} to {high}");
}

#[test]
fn neither_popularity_nor_id_order_explains_who_takes_what() {
    let demo = &*DEMO;
    let any = |_, _| true;
    let chance = 20.0 / 1500.0;
    let ascending = |_, scores: &mut [f32]| (0..).zip(scores).for_each(|(item, score)| *score = -(item as f32));
    let descending = |_, scores: &mut [f32]| (0..).zip(scores).for_each(|(item, score)| *score = item as f32);
    assert_between("ids ascending", demo.recall(any, ascending), 0.4 * chance, 2.0 * chance);
    assert_between("ids descending", demo.recall(any, descending), 0.4 * chance, 2.0 * chance);
    let popularity = demo.recall(any, |user, scores: &mut [f32]| demo.popularity(user, scores));
    assert_between("popularity", popularity, 1.5 * chance, 0.08);
}

#[test]
fn who_took_what_together_reveals_tastes() {
    let demo = &*DEMO;
    let together = |user, scores: &mut [f32]| demo.together(user, scores);
    let known = |user, item| !demo.is_newcomer(user) && !demo.is_rare(item);
    let by_together = demo.recall(known, together);
    assert_between("together, known users and items", by_together, 0.3, 0.6);
    let by_alike = demo.recall(known, |user, scores: &mut [f32]| demo.alike(user, scores));
    assert_between("alike, known users and items", by_alike, 0.02, 0.5 * by_together);
    let by_friends = demo.recall(known, |user, scores: &mut [f32]| demo.friends(user, scores));
    assert_between("friends, known users and items", by_friends, 0.1, 0.95 * by_together);
}

#[test]
fn friends_reveal_what_newcomers_like() {
    let demo = &*DEMO;
    let newcomers = |user, _| demo.is_newcomer(user);
    let share = (0..2000).map(UserId).filter(|&user| demo.is_newcomer(user)).count() as f64 / 2000.0;
    assert_between("share of newcomers", share, 0.22, 0.28);
    let by_together = demo.recall(newcomers, |user, scores: &mut [f32]| demo.together(user, scores));
    assert_between("together, newcomers", by_together, 0.0, 0.06);
    let by_alike = demo.recall(newcomers, |user, scores: &mut [f32]| demo.alike(user, scores));
    assert_between("alike, newcomers", by_alike, 0.0, 0.06);
    let by_friends = demo.recall(newcomers, |user, scores: &mut [f32]| demo.friends(user, scores));
    assert_between("friends, newcomers", by_friends, 0.15, 0.4);
}

#[test]
fn facts_reveal_who_wants_new_items() {
    let demo = &*DEMO;
    let rare = |user, item| !demo.is_newcomer(user) && demo.is_rare(item);
    let by_together = demo.recall(rare, |user, scores: &mut [f32]| demo.together(user, scores));
    assert_between("together, rare items", by_together, 0.0, 0.15);
    let by_friends = demo.recall(rare, |user, scores: &mut [f32]| demo.friends(user, scores));
    assert_between("friends, rare items", by_friends, 0.0, 0.1);
    let by_alike = demo.recall(rare, |user, scores: &mut [f32]| demo.alike(user, scores));
    assert_between("alike, rare items", by_alike, 0.4, 0.8);
    let test = &demo.parts.test;
    let items = (0..2000).map(UserId).flat_map(|user| test.relevant(user));
    let rare = items.filter(|&&item| demo.is_rare(item)).count();
    assert_between("share of rare items in the test", rare as f64 / test.num_interactions() as f64, 0.12, 0.3);
}

#[test]
fn popularity_has_a_long_tail_and_knows_no_id() {
    let graph = DEMO.world().interactions();
    assert_between("interactions", DEMO.dataset.log.len() as f64, 55_000.0, 65_000.0);
    let mut counts: Vec<usize> = (0..1500).map(|item| graph.users_of(ItemId(item)).len()).collect();
    // Every third of the ids has the same share of them all, give or take.
    let whole = counts.iter().sum::<usize>() as f64;
    for third in counts.chunks(500) {
        assert_between("share of a third of the ids", third.iter().sum::<usize>() as f64 / whole, 0.29, 0.38);
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let head = counts[..150].iter().sum::<usize>() as f64;
    assert_between("share of the tenth that is most popular", head / whole, 0.24, 0.5);
}

#[test]
fn the_cut_is_one_in_time_and_titles_can_be_read() {
    let dataset = &DEMO.dataset;
    let (times, parts) = (dataset.log.times.as_ref().unwrap(), dataset.log.parts.as_ref().unwrap());
    assert!(times.is_sorted() && parts.is_sorted());
    assert!(dataset.log.ratings.as_ref().unwrap().iter().all(|rating| (1.0..=5.0).contains(rating)));
    let titles = dataset.titles.as_ref().unwrap();
    let different: std::collections::BTreeSet<_> = titles.iter().collect();
    assert_eq!(different.len(), 1500);
    let title = dataset.item_title(ItemId(0));
    assert!(title.starts_with("The ") && title.ends_with(')') && title.contains(", "), "{title}");
    eprintln!("{title}");
    let facts = dataset.facts.as_ref().unwrap();
    assert_eq!(facts.relations.names().collect::<Vec<_>>(), ["creator", "series", "genre"]);
    let creator = facts.entities.name(facts.triples[0].tail.0).strip_prefix("creator: ").unwrap();
    assert!(title.contains(creator), "{title}: {creator}");
}

#[test]
fn a_seed_makes_one_world_in_under_a_second() {
    let config = demo::DemoConfig::default();
    let before = Instant::now();
    let dataset = demo::generate(&config, 1).unwrap();
    eprintln!("generated in {} ms", before.elapsed().as_millis());
    assert!(before.elapsed().as_secs() < 5, "a loaded machine may take five times as long");
    assert_eq!(dataset, DEMO.dataset);
    assert_eq!(dataset.digest, PINNED);
    assert_ne!(demo::generate(&config, 2).unwrap().digest, PINNED);
}

/// The digest of seed 1: the world is the same on every machine, and changes only on purpose.
const PINNED: &str = "5b2d731880ea2f37c626592ff5ad94e8c07a87ef0caf18d07b257cea274c95b9";

#[test]
fn written_and_read_again_it_is_the_same_under_its_names() {
    let dataset = &DEMO.dataset;
    let folder = tempfile::tempdir().unwrap();
    let source = demo::write(dataset, folder.path()).unwrap();
    let text = std::fs::read_to_string(folder.path().join("source.toml")).unwrap();
    assert_eq!(toml::from_str::<gnnrec_data::Source>(&text).unwrap(), source);
    let read = load("demo", &source, folder.path()).unwrap();
    assert_eq!(read.digest, dataset.digest);
    let rows = |dataset: &Dataset| {
        let log = &dataset.log;
        let (ratings, times) = (log.ratings.as_ref().unwrap(), log.times.as_ref().unwrap());
        let parts = log.parts.as_ref().unwrap();
        let name = |row: usize| (dataset.user_name(log.users[row]), dataset.item_title(log.items[row]));
        let row = |row| format!("{:?} {} {} {:?}", name(row), ratings[row], times[row], parts[row]);
        (0..log.len()).map(row).collect::<Vec<_>>()
    };
    assert_eq!(rows(&read), rows(dataset));
    let friends = |dataset: &Dataset| {
        let name = |user: UserId| dataset.user_name(user).to_owned();
        let pairs = &dataset.ties.as_ref().unwrap().pairs;
        pairs.iter().map(|&(a, b)| (name(a), name(b))).collect::<Vec<_>>()
    };
    assert_eq!(friends(&read), friends(dataset));
    let facts = |dataset: &Dataset| {
        let facts = dataset.facts.as_ref().unwrap();
        let name = |entity: gnnrec_graph::EntityId| facts.entities.name(entity.0).to_owned();
        let triples = facts.triples.iter();
        triples.map(|t| (name(t.head), facts.relations.name(t.relation.0).to_owned(), name(t.tail))).collect::<Vec<_>>()
    };
    assert_eq!(facts(&read), facts(dataset));
    let facts = read.facts.as_ref().unwrap();
    for (item, entity) in (0..).zip(&facts.entity_of_item) {
        assert_eq!(facts.entities.name(entity.unwrap().0), read.item_name(ItemId(item)));
    }
}

#[test]
fn a_config_out_of_range_is_refused() {
    let refused = |text: &str| {
        let config = toml::from_str(text).unwrap();
        match demo::generate(&config, 1).unwrap_err() {
            DataError::Setting { field, .. } => field,
            error => panic!("{error}"),
        }
    };
    assert_eq!(refused("num_users = 99"), "num_users");
    assert_eq!(refused("num_items = 5_000_000"), "num_items");
    assert_eq!(refused("newcomers = nan"), "newcomers");
    assert_eq!(refused("new_items = 0.6"), "new_items");
    assert!(toml::from_str::<demo::DemoConfig>("num_user = 5").is_err());
    let smallest = demo::DemoConfig { num_users: 100, num_items: 300, newcomers: 0.9, new_items: 0.5 };
    demo::generate(&smallest, 3).unwrap();
}
