//! Features as arrays in a store, and back: every column checked as when it was first read.

use gnnrec_graph::store::{Store, StoreError, StoreWriter};
use gnnrec_graph::{Csr, Feature, Features};
use serde::{Deserialize, Serialize};

use super::dataset::{NONE, expect_length};
use crate::{FeatureTable, Vocabulary};

/// What of a column is no array.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    name: String,
    kind: Kind,
    /// How many numbers one node takes where the column is spelled out.
    width: usize,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Categorical,
    MultiValued,
    Numeric,
    Dense,
}

pub(super) fn shapes(table: &FeatureTable) -> Vec<Shape> {
    let shape = |(name, column): (&str, &Feature)| {
        let kind = match column {
            Feature::Categorical { .. } => Kind::Categorical,
            Feature::MultiValued(_) => Kind::MultiValued,
            Feature::Numeric { .. } => Kind::Numeric,
            Feature::Dense { .. } => Kind::Dense,
        };
        Shape { name: name.to_owned(), kind, width: column.width() }
    };
    table.features.columns().map(shape).collect()
}

/// Adds the columns under a name and their numbers.
pub(super) fn add<'a>(table: &'a FeatureTable, writer: &mut StoreWriter<'a>, name: &str) {
    for (number, ((_, column), names)) in table.features.columns().zip(&table.values).enumerate() {
        let name = format!("{name}.{number}");
        match column {
            Feature::Categorical { values, .. } => {
                writer.add_copy(&name, &values.iter().map(|value| value.unwrap_or(NONE)).collect::<Vec<_>>());
            }
            Feature::MultiValued(values) => values.add_to(writer, &name),
            Feature::Numeric { values } => {
                // A number of a column is finite, so that NaN is free to say that there is none.
                writer.add_copy(&name, &values.iter().map(|value| value.unwrap_or(f32::NAN)).collect::<Vec<_>>());
            }
            Feature::Dense { values, .. } => writer.add(&name, values),
        }
        names.add_to(writer, &format!("{name}.names"));
    }
}

/// Takes the columns out of a store.
pub(super) fn read(
    store: &Store,
    name: &str,
    shapes: Vec<Shape>,
    num_nodes: usize,
) -> Result<FeatureTable, StoreError> {
    let mut table = FeatureTable { features: Features::new(num_nodes), values: Vec::new() };
    for (number, Shape { name: column, kind, width }) in shapes.into_iter().enumerate() {
        let name = format!("{name}.{number}");
        let values = match kind {
            Kind::Categorical => {
                let values = store.array::<u32>(&name)?;
                let values = values.iter().map(|&value| (value != NONE).then_some(value)).collect();
                Feature::Categorical { values, num_values: width }
            }
            Kind::MultiValued => Feature::MultiValued(Csr::from_store(store, &name)?),
            Kind::Numeric => {
                let values = store.array::<f32>(&name)?;
                Feature::Numeric { values: values.iter().map(|&value| (!value.is_nan()).then_some(value)).collect() }
            }
            Kind::Dense => Feature::Dense { width, values: store.array::<f32>(&name)?.to_vec() },
        };
        let names = Vocabulary::from_store(store, &format!("{name}.names"))?;
        let num_names = if matches!(kind, Kind::Categorical | Kind::MultiValued) { values.width() } else { 0 };
        expect_length(store, &format!("{name}.names"), names.len(), num_names)?;
        table.values.push(names);
        let added = table.features.with_column(&column, values);
        table.features =
            added.map_err(|error| store.damaged(&format!("`{name}`"), error, "features as they were read"))?;
    }
    Ok(table)
}
