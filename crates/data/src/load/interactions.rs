//! The interactions: one log out of one file or the parts of a published split.

use std::path::Path;

use gnnrec_graph::{ItemId, UserId};

use super::Files;
use super::negatives::{Negatives, NegativesPiece};
use crate::read::{Line, Pieces, Row, Wanted, read_adjacency, read_rows_in_pieces};
use crate::report::{Reason, Step};
use crate::source::{Format, Interactions, InvalidRatings};
use crate::vocabulary::Additions;
use crate::{DataError, Log, Part, Vocabulary};

/// Names of the users and of the items, the log, and the rows labelled 0 where there are any.
type Read = (Vocabulary, Vocabulary, Log, Option<Log>);

pub(super) fn read(source: &Interactions, files: &mut Files<'_>) -> Result<Read, DataError> {
    let parts = [
        (&source.file, None),
        (&source.train, Some(Part::Train)),
        (&source.validation, Some(Part::Validation)),
        (&source.test, Some(Part::Test)),
    ];
    let mut reading = Reading { piece_bytes: files.piece_bytes, ..Reading::default() };
    for (name, part) in parts.into_iter().filter_map(|(name, part)| Some((name.as_ref()?, part))) {
        files.read(name, |path, step| match source.format {
            Format::Adjacency => reading.adjacency(path, source, step),
            Format::Table | Format::Atomic | Format::Parquet => reading.rows(path, source, step),
        })?;
        let Reading { rows: Rows { users, ratings, times, .. }, parts, negatives, .. } = &mut reading;
        parts.extend(part.into_iter().cycle().take(users.len() - parts.len()));
        negatives.end_file(part);
        for (what, count) in [("ratings", ratings.len()), ("times", times.len())] {
            if count != 0 && count != users.len() {
                let problem =
                    format!("some of the files have {what} and some have none; name the columns that all have");
                return Err(DataError::Source { section: "[interactions]", problem });
            }
        }
    }
    let Reading { users: user_names, items: item_names, rows, parts, negatives, .. } = reading;
    let Rows { users, items, ratings, times } = rows;
    let some = |empty: bool| if empty { None } else { Some(()) };
    let log = Log {
        ratings: some(ratings.is_empty()).map(|()| ratings),
        times: some(times.is_empty()).map(|()| times),
        parts: some(parts.is_empty()).map(|()| parts),
        users: users.into_iter().map(UserId).collect(),
        items: items.into_iter().map(ItemId).collect(),
    };
    let negatives = negatives.settle(&user_names, &item_names, &log, &mut files.report);
    Ok((user_names, item_names, log, negatives))
}

/// The log as it grows.
#[derive(Default)]
struct Reading {
    piece_bytes: usize,
    users: Vocabulary,
    items: Vocabulary,
    rows: Rows,
    parts: Vec<Part>,
    negatives: Negatives,
}

/// Columns of the log; one that no file has stays empty.
#[derive(Default)]
struct Rows {
    users: Vec<u32>,
    items: Vec<u32>,
    ratings: Vec<f32>,
    times: Vec<i64>,
}

/// What one thread read, with the names that were new to it.
#[derive(Default)]
struct Piece {
    new_users: Additions,
    new_items: Additions,
    rows: Rows,
    negatives: NegativesPiece,
}

type Put = fn(&mut Reading, Piece) -> Result<(), DataError>;

impl Reading {
    fn pieces(&mut self) -> Pieces<'_, Self, Put> {
        Pieces { bytes: self.piece_bytes, whole: self, put: Self::put }
    }

    fn adjacency(&mut self, path: &Path, source: &Interactions, step: &mut Step) -> Result<String, DataError> {
        let each = |this: &Self, piece: &mut Piece, step: &mut Step, line: Line<'_>| {
            let user = piece.new_users.id(&this.users, line.user)?;
            let rows = &mut piece.rows;
            let before = rows.items.len();
            for item in line.items {
                rows.items.push(piece.new_items.id(&this.items, item)?);
                step.keep();
            }
            rows.users.resize(rows.items.len(), user);
            if rows.items.len() == before {
                step.drop(Reason::NoItems, line.number);
            }
            Ok(())
        };
        read_adjacency(path, source.encoding, step, self.pieces(), each)
    }

    fn rows(&mut self, path: &Path, source: &Interactions, step: &mut Step) -> Result<String, DataError> {
        let each = |this: &Self, piece: &mut Piece, step: &mut Step, row: Row<'_>| {
            if !row.label(LABEL)? {
                step.drop(Reason::Negative, row.line);
                return piece.negatives.add(&this.negatives, &row.id(USER)?, &row.id(ITEM)?);
            }
            match rating(&row, source)? {
                Err(reason) => step.drop(reason, row.line),
                Ok(rating) => {
                    this.row(piece, &row, rating)?;
                    step.keep();
                }
            }
            Ok(())
        };
        read_rows_in_pieces(path, &source.layout(), &wanted(source), step, self.pieces(), each)
    }

    fn row(&self, piece: &mut Piece, row: &Row<'_>, rating: Option<f32>) -> Result<(), DataError> {
        let time = row.whole(TIME)?;
        let user = piece.new_users.id(&self.users, &row.id(USER)?)?;
        let item = piece.new_items.id(&self.items, &row.id(ITEM)?)?;
        let Rows { users, items, ratings, times } = &mut piece.rows;
        users.push(user);
        items.push(item);
        ratings.extend(rating);
        times.extend(time);
        Ok(())
    }

    /// Adds a piece behind those that stand before it in the file.
    fn put(&mut self, piece: Piece) -> Result<(), DataError> {
        let Piece { new_users, new_items, mut rows, negatives } = piece;
        new_users.settle(&mut self.users, &mut rows.users)?;
        new_items.settle(&mut self.items, &mut rows.items)?;
        self.rows.users.append(&mut rows.users);
        self.rows.items.append(&mut rows.items);
        self.rows.ratings.append(&mut rows.ratings);
        self.rows.times.append(&mut rows.times);
        self.negatives.put(negatives)
    }
}

/// The rating of a row, `None` where there is no such column; or why the row is dropped.
fn rating(row: &Row<'_>, source: &Interactions) -> Result<Result<Option<f32>, Reason>, DataError> {
    let is_absent = |rating: f32| source.not_rated.map(f32::to_bits) == Some(rating.to_bits());
    let checked = row.number(RATING).and_then(|rating| match (rating, source.rating_range) {
        (Some(rating), _) if is_absent(rating) => Ok(Err(Reason::NotRated)),
        (Some(rating), Some(range)) => row.check_range(RATING, rating, range).map(|()| Ok(Some(rating))),
        _ => Ok(Ok(rating)),
    });
    match (checked, source.invalid_ratings) {
        (Err(_), InvalidRatings::Drop) => Ok(Err(Reason::InvalidRating)),
        (checked, _) => checked,
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
