//! The interactions: one log out of one file or the parts of a published split.

use std::path::Path;

use gnnrec_graph::{ItemId, UserId};

use super::Files;
use crate::read::{Row, Wanted, read_adjacency, read_rows};
use crate::report::{Reason, Step};
use crate::source::{Format, Interactions};
use crate::{DataError, Log, Part, Vocabulary};

pub(super) fn read(source: &Interactions, files: &mut Files<'_>) -> Result<(Vocabulary, Vocabulary, Log), DataError> {
    let parts = [
        (&source.file, None),
        (&source.train, Some(Part::Train)),
        (&source.validation, Some(Part::Validation)),
        (&source.test, Some(Part::Test)),
    ];
    let mut reading = Reading::default();
    for (name, part) in parts.into_iter().filter_map(|(name, part)| Some((name.as_ref()?, part))) {
        files.read(name, |path, step| match source.format {
            Format::Adjacency => reading.adjacency(path, source, step),
            Format::Table | Format::Atomic | Format::Parquet => reading.rows(path, source, step),
        })?;
        let Reading { users, ratings, times, parts, .. } = &mut reading;
        parts.extend(part.into_iter().cycle().take(users.len() - parts.len()));
        for (what, count) in [("ratings", ratings.len()), ("times", times.len())] {
            if count != 0 && count != users.len() {
                let problem =
                    format!("some of the files have {what} and some have none; name the columns that all have");
                return Err(DataError::Source { section: "[interactions]", problem });
            }
        }
    }
    let Reading { names: (user_names, item_names), users, items, ratings, times, parts } = reading;
    let some = |empty: bool| if empty { None } else { Some(()) };
    let log = Log {
        ratings: some(ratings.is_empty()).map(|()| ratings),
        times: some(times.is_empty()).map(|()| times),
        parts: some(parts.is_empty()).map(|()| parts),
        users,
        items,
    };
    Ok((user_names, item_names, log))
}

/// The log as it grows; a column that no file has stays empty.
#[derive(Default)]
struct Reading {
    names: (Vocabulary, Vocabulary),
    users: Vec<UserId>,
    items: Vec<ItemId>,
    ratings: Vec<f32>,
    times: Vec<i64>,
    parts: Vec<Part>,
}

impl Reading {
    fn adjacency(&mut self, path: &Path, source: &Interactions, step: &mut Step) -> Result<String, DataError> {
        read_adjacency(path, source.encoding, step, |step, line| {
            let user = UserId(self.names.0.intern(line.user)?);
            let before = self.items.len();
            for item in line.items {
                self.items.push(ItemId(self.names.1.intern(item)?));
                step.keep();
            }
            self.users.resize(self.items.len(), user);
            if self.items.len() == before {
                step.drop(Reason::NoItems, line.number);
            }
            Ok(())
        })
    }

    fn rows(&mut self, path: &Path, source: &Interactions, step: &mut Step) -> Result<String, DataError> {
        read_rows(path, &source.layout(), &wanted(source), step, |step, row| {
            let rating = row.number(RATING)?;
            if !row.label(LABEL)? {
                step.drop(Reason::Negative, row.line);
            } else if rating.is_some() && rating.map(f32::to_bits) == source.not_rated.map(f32::to_bits) {
                step.drop(Reason::NotRated, row.line);
            } else {
                self.row(&row, rating, source.rating_range)?;
                step.keep();
            }
            Ok(())
        })
    }

    fn row(&mut self, row: &Row<'_>, rating: Option<f32>, range: Option<[f32; 2]>) -> Result<(), DataError> {
        if let (Some(rating), Some(range)) = (rating, range) {
            row.check_range(RATING, rating, range)?;
        }
        let time = row.whole(TIME)?;
        let user = self.names.0.intern(&row.id(USER)?)?;
        let item = self.names.1.intern(&row.id(ITEM)?)?;
        self.users.push(UserId(user));
        self.items.push(ItemId(item));
        self.ratings.extend(rating);
        self.times.extend(time);
        Ok(())
    }
}

const USER: usize = 0;
const ITEM: usize = 1;
const RATING: usize = 2;
const TIME: usize = 3;
const LABEL: usize = 4;

/// The wanted columns in the order of the constants above.
fn wanted(source: &Interactions) -> [Wanted; 5] {
    let Some(columns) = &source.columns else {
        return [
            Wanted::required("user", &"user_id".into()),
            Wanted::required("item", &"item_id".into()),
            Wanted::if_there("rating", "rating"),
            Wanted::if_there("time", "timestamp"),
            Wanted::if_named("label", None),
        ];
    };
    [
        Wanted::required("user", &columns.user),
        Wanted::required("item", &columns.item),
        Wanted::if_named("rating", columns.rating.as_ref()),
        Wanted::if_named("time", columns.time.as_ref()),
        Wanted::if_named("label", columns.label.as_ref()),
    ]
}
