//! The demo world as files, so that people can see what theirs may look like, and read them back.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::read::hex;
use crate::{DataError, Dataset, Part, Source};

/// How [`write`] writes and `load` reads.
const SOURCE: &str = r#"[interactions]
train = "train.tsv"
validation = "validation.tsv"
test = "test.tsv"
header = true
columns = { user = "user", item = "item", rating = "rating", time = "time" }
rating_range = [1.0, 5.0]

[social]
file = "social.tsv"
header = true
direction = "symmetric"

[knowledge]
file = "kg.tsv"
header = true
items = "same-ids"

[titles]
file = "titles.tsv"
header = true
"#;

/// Writes a generated world as tab-separated files with a header, and beside them `source.toml`, which
/// says how they are read; gives that [`Source`] back.
///
/// Read again, users and items have other numbers, because files number them by first appearance;
/// under their external ids everything is the same.
///
/// # Errors
/// A folder that cannot be made or written to.
///
/// # Panics
/// If the dataset is not a generated world, which has all parts.
pub fn write(dataset: &Dataset, folder: &Path) -> Result<Source, DataError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| DataError::Io { path, source }
    };
    fs::create_dir_all(folder).map_err(io(folder))?;
    let texts = texts(dataset);
    for (name, text) in texts.iter().map(|(name, text)| (*name, text.as_str())).chain([("source.toml", SOURCE)]) {
        let path = folder.join(name);
        fs::write(&path, text).map_err(io(&path))?;
    }
    Ok(toml::from_str(SOURCE).expect("the source above is valid"))
}

/// The digest that the written files would have.
pub(super) fn digest(dataset: &Dataset) -> String {
    let mut digest = Sha256::new();
    for (name, text) in texts(dataset) {
        digest.update(format!("{}  {name}\n", hex(&Sha256::digest(text))));
    }
    hex(&digest.finalize())
}

/// Name and text of every file, in the order in which they are read.
fn texts(dataset: &Dataset) -> [(&'static str, String); 6] {
    [
        ("train.tsv", interactions(dataset, Part::Train)),
        ("validation.tsv", interactions(dataset, Part::Validation)),
        ("test.tsv", interactions(dataset, Part::Test)),
        ("social.tsv", social(dataset)),
        ("kg.tsv", knowledge(dataset)),
        ("titles.tsv", titles(dataset)),
    ]
}

const COMPLETE: &str = "a generated world has every part";

/// Rows of text; writing into memory cannot fail.
macro_rules! row {
    ($text:expr, $($format:tt)+) => { writeln!($text, $($format)+).expect("memory takes what is written") };
}

fn interactions(dataset: &Dataset, part: Part) -> String {
    let log = &dataset.log;
    let (ratings, times) = (log.ratings.as_ref().expect(COMPLETE), log.times.as_ref().expect(COMPLETE));
    let parts = log.parts.as_ref().expect(COMPLETE);
    let mut text = "user\titem\trating\ttime\n".to_owned();
    for row in (0..log.len()).filter(|&row| parts[row] == part) {
        let (user, item) = (dataset.user_name(log.users[row]), dataset.item_name(log.items[row]));
        row!(text, "{user}\t{item}\t{}\t{}", ratings[row], times[row]);
    }
    text
}

fn social(dataset: &Dataset) -> String {
    let mut text = "user\tfriend\n".to_owned();
    for &(user, friend) in &dataset.ties.as_ref().expect(COMPLETE).pairs {
        row!(text, "{}\t{}", dataset.user_name(user), dataset.user_name(friend));
    }
    text
}

fn knowledge(dataset: &Dataset) -> String {
    let facts = dataset.facts.as_ref().expect(COMPLETE);
    let mut text = "head\trelation\ttail\n".to_owned();
    for triple in &facts.triples {
        let (head, tail) = (facts.entities.name(triple.head.0), facts.entities.name(triple.tail.0));
        row!(text, "{head}\t{}\t{tail}", facts.relations.name(triple.relation.0));
    }
    text
}

fn titles(dataset: &Dataset) -> String {
    let mut text = "item\ttitle\n".to_owned();
    let titles = dataset.titles.as_ref().expect(COMPLETE);
    for (name, title) in dataset.items.names().zip(titles) {
        row!(text, "{name}\t{}", title.as_ref().expect(COMPLETE));
    }
    text
}
