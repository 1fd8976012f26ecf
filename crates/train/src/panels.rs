//! Tables split otherwise: what one device held in panels of columns, read into a model whose device holds other panels.
//!
//! The columns of a table are, in order, those of its parameters `weight`, `more.0.weight`, `more.1.weight` and so on
//! ([`gnnrec_model::Table`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use burn::module::{Module, ParamId};
use burn::store::burn_pack::{Reader, Tensor as Packed, Writer};
use burn::store::{ModuleRecord, ModuleSnapshot, RecordError};
use burn::tensor::{Bytes, DType};

/// A table that is split otherwise than it was.
#[derive(Debug, PartialEq)]
pub(crate) struct Moved {
    pub(crate) num_rows: usize,
    /// Each panel that was read, and its width.
    pub(crate) from: Vec<(ParamId, usize)>,
    /// Each panel of the model.
    pub(crate) to: Vec<(ParamId, usize)>,
}

/// A record that was written to `bytes`, for a model, and the tables that are split otherwise in it.
pub(crate) fn record_for<M: Module>(model: &M, bytes: Bytes) -> Result<(ModuleRecord, Vec<Moved>), RecordError> {
    let bytes = bytes.shared();
    let found = Reader::from_bytes(bytes.clone())?.into_tensors()?;
    let (tensors, moved) = in_panels_of(&model.collect(None, None, false), found)?;
    let bytes = if moved.is_empty() { bytes } else { Writer::new(tensors).into_bytes()? };
    Ok((ModuleRecord::from_bytes(bytes)?, moved))
}

/// The tensors of a file, those of tables in the panels of a model's, and which tables that changed. What fits no table
/// of the model stays as it is.
pub(crate) fn in_panels_of(model: &[Packed], found: Vec<Packed>) -> Result<(Vec<Packed>, Vec<Moved>), RecordError> {
    let (wanted, all) = (tables(model), tables(&found));
    let (mut tensors, mut tables_moved, mut replaced) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (name, from) in &all {
        let Some(to) = wanted.get(name).filter(|to| differ(from, to)) else { continue };
        let num_rows = from[0].shape[0];
        let values = from.iter().map(|panel| panel.to_bytes()).collect::<Result<Vec<_>, _>>()?;
        let widths = [widths(from), widths(to)];
        let parts: Vec<&[[u8; 4]]> = values.iter().map(|bytes| bytes.as_chunks().0).collect();
        let split = regrouped(&parts, num_rows, &widths);
        // A panel keeps its parameter's id as far as there are as many.
        let ids = to.iter().enumerate().map(|(n, panel)| from.get(n).and_then(|from| from.param_id).or(panel.param_id));
        let ids: Vec<Option<u64>> = ids.collect();
        for ((panel, values), &id) in to.iter().zip(split).zip(&ids) {
            let shape = panel.shape.clone();
            tensors.push(Packed::new(
                panel.name.clone(),
                DType::F32,
                shape,
                id,
                Bytes::from_bytes_vec(values.into_flattened()),
            ));
        }
        replaced.extend(from.iter().map(|panel| panel.name.clone()));
        let of = |ids: Vec<Option<u64>>, widths: &[usize]| {
            ids.into_iter().zip(widths).filter_map(|(id, &width)| Some((ParamId::from(id?), width))).collect()
        };
        let from_ids = from.iter().map(|panel| panel.param_id).collect();
        tables_moved.push(Moved { num_rows, from: of(from_ids, &widths[0]), to: of(ids, &widths[1]) });
    }
    tensors.extend(found.into_iter().filter(|tensor| !replaced.contains(&tensor.name)));
    Ok((tensors, tables_moved))
}

/// The parameters of each table, by the name of its first, in order; one alone too, since it may be a whole table.
fn tables(tensors: &[Packed]) -> BTreeMap<&str, Vec<&Packed>> {
    let places = tensors.iter().filter_map(|tensor| {
        let name = tensor.name.strip_suffix("weight")?;
        Some(match name.strip_suffix('.').and_then(|name| name.rsplit_once("more.")) {
            Some((table, number)) => (table, number.parse::<usize>().ok()?.checked_add(1)?, tensor),
            None => (name, 0, tensor),
        })
    });
    let mut tables = BTreeMap::<&str, Vec<(usize, &Packed)>>::new();
    for (table, place, tensor) in places.filter(|(_, _, tensor)| tensor.dtype == DType::F32 && tensor.shape.rank() == 2)
    {
        tables.entry(table).or_default().push((place, tensor));
    }
    let ordered = tables.into_iter().filter_map(|(name, mut panels)| {
        panels.sort_unstable_by_key(|(place, _)| *place);
        let complete = panels.iter().enumerate().all(|(n, (place, _))| n == *place);
        complete.then(|| (name, panels.into_iter().map(|(_, tensor)| tensor).collect()))
    });
    ordered.collect()
}

fn widths(panels: &[&Packed]) -> Vec<usize> {
    panels.iter().map(|panel| panel.shape[1]).collect()
}

/// Whether two lists of panels are of tables of one size and split otherwise.
fn differ(from: &[&Packed], to: &[&Packed]) -> bool {
    let num_rows = from[0].shape[0];
    let same_rows = from.iter().chain(to).all(|panel| panel.shape[0] == num_rows);
    let [from, to] = [widths(from), widths(to)];
    same_rows && from != to && from.iter().sum::<usize>() == to.iter().sum::<usize>()
}

/// The same rows in panels of other widths.
pub(crate) fn regrouped<T: Copy + Default>(
    panels: &[&[T]],
    num_rows: usize,
    [from, to]: &[Vec<usize>; 2],
) -> Vec<Vec<T>> {
    let ranges = |widths: &[usize]| -> Vec<Range<usize>> {
        let ends = widths.iter().scan(0, |end, width| {
            *end += width;
            Some(*end)
        });
        ends.zip(widths).map(|(end, width)| end - width..end).collect()
    };
    let (sources, targets) = (ranges(from), ranges(to));
    let mut row = vec![T::default(); from.iter().sum()];
    let mut split: Vec<Vec<T>> = targets.iter().map(|target| Vec::with_capacity(num_rows * target.len())).collect();
    for n in 0..num_rows {
        for (panel, source) in panels.iter().zip(&sources) {
            row[source.clone()].copy_from_slice(&panel[n * source.len()..][..source.len()]);
        }
        for (panel, target) in split.iter_mut().zip(&targets) {
            panel.extend_from_slice(&row[target.clone()]);
        }
    }
    split
}

/// One number for each row from those of each panel: the mean of all columns. Where panels agree, it is theirs.
pub(crate) fn of_rows(panels: &[Vec<f32>], widths: &[usize]) -> Vec<f32> {
    let first = &panels[0];
    let dim = widths.iter().sum::<usize>() as f64;
    let mean = |row: usize| {
        let sum: f64 = panels.iter().zip(widths).map(|(panel, &width)| f64::from(panel[row]) * width as f64).sum();
        #[expect(clippy::cast_possible_truncation, reason = "a mean of 32-bit floats is one")]
        let mean = (sum / dim) as f32;
        mean
    };
    let agree = |row: usize| panels.iter().all(|panel| panel[row].to_bits() == first[row].to_bits());
    (0..first.len()).map(|row| if agree(row) { first[row] } else { mean(row) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(name: &str, values: &[f32], width: usize, id: u64) -> Packed {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = [values.len() / width, width];
        Packed::new(name.to_owned(), DType::F32, shape, Some(id), Bytes::from_bytes_vec(bytes))
    }

    fn floats(tensor: &Packed) -> Vec<f32> {
        let bytes = tensor.to_bytes().unwrap();
        bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    #[test]
    fn panels_by_hand() {
        let nothing = [0.0; 6];
        let model = [
            packed("t.weight", &nothing[..4], 2, 1),
            packed("t.more.0.weight", &nothing[..2], 1, 2),
            packed("layer.weight", &nothing[..2], 1, 3),
        ];
        let whole =
            vec![packed("layer.weight", &[7.0, 8.0], 1, 13), packed("t.weight", &[1., 2., 3., 4., 5., 6.], 3, 11)];
        let (split, moved) = in_panels_of(&model, whole.clone()).unwrap();
        let names: Vec<_> = split.iter().map(|tensor| (tensor.name.as_str(), tensor.param_id)).collect();
        assert_eq!(names, [("t.weight", Some(11)), ("t.more.0.weight", Some(2)), ("layer.weight", Some(13))]);
        assert_eq!([&split[0], &split[1]].map(floats), [vec![1., 2., 4., 5.], vec![3., 6.]]);
        let [first, second, all] = [11, 2, 11].map(ParamId::from);
        let expected = Moved { num_rows: 2, from: vec![(all, 3)], to: vec![(first, 2), (second, 1)] };
        assert_eq!(moved, [expected]);

        let (back, moved) = in_panels_of(&whole, split).unwrap();
        assert_eq!(
            (back[0].name.as_str(), back[0].param_id, floats(&back[0])),
            ("t.weight", Some(11), floats(&whole[1]))
        );
        assert_eq!((back.len(), moved.len()), (2, 1));
        assert!(in_panels_of(&whole, back).unwrap().1.is_empty(), "nothing to move");
        // Another size is no other split, and the loader says so.
        let other = vec![packed("t.weight", &nothing, 6, 1)];
        let (same, moved) = in_panels_of(&whole, other).unwrap();
        assert!(moved.is_empty() && same[0].shape[1] == 6);
    }

    #[test]
    fn numbers_of_rows_by_hand() {
        let panels = [vec![1.0, 0.1], vec![4.0, 0.1]];
        assert_eq!(of_rows(&panels, &[2, 1]), [2.0, 0.1]);
    }
}
