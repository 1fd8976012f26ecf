//! Features of items and users: columns of mixed kinds, a row for each item or user.
//!
//! A row of somebody without interactions is counted and left out, a missing value counted and left missing. A value
//! that is not what its column holds is an error. Nothing is scaled here.

use std::borrow::Cow;

use gnnrec_graph::{Csr, Duplicates, Feature, Features};

use super::Files;
use crate::read::{Row, Wanted, read_rows};
use crate::report::{Reason, Step};
use crate::source::{Column, Delimiter, FeatureColumn, FeatureFile, FeatureKind};
use crate::{DataError, FeatureTable, Vocabulary};

/// The most numbers that the vectors of one column may take together, so that a file that is no table of vectors
/// ends in an error rather than in all of the memory: 1 GiB.
const MOST_NUMBERS: usize = 1 << 28;

/// Whose features are read.
#[derive(Clone, Copy)]
pub(super) enum Nodes {
    Items,
    Users,
}

impl Nodes {
    fn word(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Users => "users",
        }
    }

    fn unknown(self) -> Reason {
        match self {
            Self::Items => Reason::UnknownItem,
            Self::Users => Reason::UnknownUser,
        }
    }

    fn second(self) -> Reason {
        match self {
            Self::Items => Reason::SecondForItem,
            Self::Users => Reason::SecondForUser,
        }
    }
}

/// Reads the features of all items or users; `None` where no file has any.
pub(super) fn read(
    sources: &[FeatureFile],
    nodes: Nodes,
    names: &Vocabulary,
    files: &mut Files<'_>,
) -> Result<Option<FeatureTable>, DataError> {
    let (mut features, mut names_of_values) = (Features::new(names.len()), Vec::new());
    for source in sources {
        let mut wanted = vec![Wanted::required("id", &source.id)];
        let mut builders = Vec::new();
        for column in &source.columns {
            let places = column.places();
            builders.push(Builder::new(column, &places, wanted.len(), names.len())?);
            wanted.extend(places.iter().map(|place| Wanted::required(column.name.clone(), place)));
        }
        let mut known = vec![false; names.len()];
        files.read(&source.file, |path, step| {
            let hash = read_rows(path, &source.layout(), &wanted, step, |step, row| {
                match names.get(&row.id(0)?) {
                    None => step.drop(nodes.unknown(), row.line),
                    Some(node) if known[node as usize] => step.drop(nodes.second(), row.line),
                    Some(node) => {
                        known[node as usize] = true;
                        builders.iter_mut().try_for_each(|builder| builder.add(node, &row))?;
                        step.keep();
                    }
                }
                Ok(())
            })?;
            for builder in builders {
                let name = builder.source.name.as_str();
                let (column, values) = builder.finish(nodes, step)?;
                features = std::mem::replace(&mut features, Features::new(0)).with_column(name, column)?;
                names_of_values.push(values);
            }
            Ok(hash)
        })?;
    }
    Ok((!sources.is_empty()).then_some(FeatureTable { features, values: names_of_values }))
}

/// One column as it grows.
struct Builder<'a> {
    source: &'a FeatureColumn,
    /// Its first column among the wanted ones, and how many there are.
    first: usize,
    num_places: usize,
    num_nodes: usize,
    /// How many nodes have a value.
    num_present: usize,
    values: Values,
    /// Names of categories.
    names: Vocabulary,
}

enum Values {
    Categorical(Vec<Option<u32>>),
    /// `(node, value)`.
    MultiValued(Vec<(u32, u32)>),
    Numeric(Vec<Option<f32>>),
    /// Empty until the first vector says how wide it is.
    Dense {
        width: usize,
        values: Vec<f32>,
    },
}

impl<'a> Builder<'a> {
    fn new(source: &'a FeatureColumn, places: &[Column], first: usize, num_nodes: usize) -> Result<Self, DataError> {
        let mut names = Vocabulary::new();
        let values = match source.kind {
            FeatureKind::Categorical => Values::Categorical(vec![None; num_nodes]),
            FeatureKind::Numeric | FeatureKind::Year => Values::Numeric(vec![None; num_nodes]),
            FeatureKind::Dense => Values::Dense { width: 0, values: Vec::new() },
            FeatureKind::MultiValued => {
                if source.separator.is_none() {
                    places.iter().try_for_each(|place| names.intern(&place.to_string()).map(|_| ()))?;
                }
                Values::MultiValued(Vec::new())
            }
        };
        Ok(Self { source, first, num_places: places.len(), num_nodes, num_present: 0, values, names })
    }

    /// The text of one of its columns, or `None` where it is missing.
    fn field<'r>(&self, row: &'r Row<'_>, place: usize) -> Result<Option<Cow<'r, str>>, DataError> {
        let text = row.text(place)?;
        let is_missing = text.is_empty() || self.source.missing.iter().any(|missing| *missing == *text);
        Ok((!is_missing).then_some(text))
    }

    fn add(&mut self, node: u32, row: &Row<'_>) -> Result<(), DataError> {
        if matches!(self.values, Values::Dense { .. }) {
            return self.add_vector(node, row);
        }
        if self.source.kind == FeatureKind::MultiValued && self.source.separator.is_none() {
            return self.add_flags(node, row);
        }
        let Some(text) = self.field(row, self.first)? else { return Ok(()) };
        match &mut self.values {
            Values::Categorical(values) => values[node as usize] = Some(self.names.intern(&text)?),
            Values::Numeric(values) => {
                let (number, expected) = match self.source.kind {
                    FeatureKind::Year => (year(&text), "a date with a year of four digits"),
                    _ => (number(&text), "a finite number"),
                };
                let remedy = "list in `missing` what stands for no value";
                let wrong = || row.value_error(self.first, &format!("{expected}; {remedy}"));
                values[node as usize] = Some(number.ok_or_else(wrong)?);
            }
            Values::MultiValued(values) => {
                for value in pieces(&text, self.source.separator.as_ref()) {
                    if value.is_empty() {
                        return Err(row.value_error(self.first, "a value on both sides of every separator"));
                    }
                    values.push((node, self.names.intern(value)?));
                }
            }
            Values::Dense { .. } => {}
        }
        self.num_present += 1;
        Ok(())
    }

    fn add_flags(&mut self, node: u32, row: &Row<'_>) -> Result<(), DataError> {
        let Values::MultiValued(values) = &mut self.values else { return Ok(()) };
        let before = values.len();
        for (value, place) in (0..).zip(self.first..self.first + self.num_places) {
            if row.label(place)? {
                values.push((node, value));
            }
        }
        self.num_present += usize::from(values.len() > before);
        Ok(())
    }

    fn add_vector(&mut self, node: u32, row: &Row<'_>) -> Result<(), DataError> {
        let places = self.first..self.first + self.num_places;
        let fields = places.clone().map(|place| self.field(row, place)).collect::<Result<Vec<_>, _>>()?;
        if fields.iter().all(Option::is_none) {
            return Ok(());
        }
        let remedy = "leave every field of a missing vector empty";
        let wrong = |place: usize, expected: &str| row.value_error(place, &format!("{expected}; {remedy}"));
        let mut vector = Vec::new();
        for (place, field) in places.clone().zip(&fields) {
            let text = field.as_ref().ok_or_else(|| wrong(place, "a finite number"))?;
            for piece in pieces(text, self.source.separator.as_ref()) {
                vector.push(number(piece).ok_or_else(|| wrong(place, "finite numbers"))?);
            }
        }
        let Values::Dense { width, values } = &mut self.values else { return Ok(()) };
        if *width == 0 {
            let most = MOST_NUMBERS / self.num_nodes.max(1);
            if vector.len() > most {
                let expected =
                    format!("at most {most} numbers, so that all vectors fit into memory, not {}", vector.len());
                return Err(row.value_error(self.first, &expected));
            }
            *width = vector.len();
            *values = vec![0.0; self.num_nodes * vector.len()];
        }
        if vector.len() != *width {
            let expected = format!("{width} numbers as in the rows before, not {}", vector.len());
            return Err(row.value_error(self.first, &expected));
        }
        values[node as usize * *width..][..*width].copy_from_slice(&vector);
        self.num_present += 1;
        Ok(())
    }

    /// The column and the names of its values; what a reader of the report should know of it is noted.
    fn finish(self, nodes: Nodes, step: &mut Step) -> Result<(Feature, Vocabulary), DataError> {
        let Self { source, values, names, num_nodes, num_present, .. } = self;
        step.note(&format!("{} without `{}`", nodes.word(), source.name), num_nodes - num_present);
        let column = match values {
            Values::Categorical(values) => Feature::Categorical { values, num_values: names.len() },
            Values::Numeric(values) => Feature::Numeric { values },
            Values::MultiValued(pairs) => {
                let values = Csr::from_edges(num_nodes, names.len(), &pairs, Duplicates::First)?;
                step.note(&format!("repeated values of `{}`", source.name), pairs.len() - values.num_edges());
                Feature::MultiValued(values)
            }
            Values::Dense { width: 0, .. } => {
                let (what, remedy) = ("vector", "every row has it missing; check the column and `missing`");
                return Err(DataError::NothingLeft { step: "reading the features", what, remedy });
            }
            Values::Dense { width, values } => Feature::Dense { width, values },
        };
        Ok((column, names))
    }
}

fn number(text: &str) -> Option<f32> {
    text.parse::<f32>().ok().filter(|number| number.is_finite())
}

/// The last four digits in a row of a text, no more and no fewer of them.
fn year(text: &str) -> Option<f32> {
    let mut runs = text.split(|letter: char| !letter.is_ascii_digit());
    runs.rfind(|run| run.len() == 4).and_then(number)
}

/// The values in a field, without the spaces around them.
fn pieces<'t>(text: &'t str, separator: Option<&Delimiter>) -> Vec<&'t str> {
    match separator {
        None => vec![text],
        Some(Delimiter::Whitespace) => text.split_whitespace().collect(),
        Some(Delimiter::Tab) => text.split('\t').map(str::trim).collect(),
        Some(Delimiter::Text(separator)) => text.split(separator.as_str()).map(str::trim).collect(),
    }
}
