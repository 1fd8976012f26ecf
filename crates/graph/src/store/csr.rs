//! Sparse rows in a store. Each invariant is checked again: kernels rely on it without looking.

use std::path::Path;

use rayon::prelude::*;

use super::{Store, StoreError, StoreWriter};
use crate::Csr;

impl Csr {
    /// Writes the matrix to a file of its own, whole or not at all.
    ///
    /// # Errors
    /// As [`StoreWriter::write`].
    pub fn save(&self, path: &Path) -> Result<(), StoreError> {
        let mut writer = StoreWriter::new();
        self.add_to(&mut writer, "csr");
        writer.write(path)
    }

    /// Maps a matrix written by [`Csr::save`]: nothing is copied. See [`Store::open`] for what must not
    /// happen to the file meanwhile.
    ///
    /// # Errors
    /// A file that cannot be read or trusted, or arrays that are not sorted rows inside the matrix.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::from_store(&Store::open(path)?, "csr")
    }

    /// Adds the matrix to a store under a name of at most 36 bytes.
    ///
    /// # Panics
    /// As [`StoreWriter::add`].
    pub fn add_to<'a>(&'a self, writer: &mut StoreWriter<'a>, name: &str) {
        writer.add_copy(&format!("{name}.shape"), &[self.num_rows(), self.num_cols()]);
        writer.add(&format!("{name}.indptr"), self.indptr());
        writer.add(&format!("{name}.indices"), self.indices());
        if let Some(weights) = self.weights() {
            writer.add(&format!("{name}.weights"), weights);
        }
    }

    /// Takes a matrix out of a store. Costs one pass over it.
    ///
    /// # Errors
    /// Arrays that are not there or not sorted rows, free of duplicates, inside the matrix, with finite weights.
    pub fn from_store(store: &Store, name: &str) -> Result<Self, StoreError> {
        let [shape, indptr, indices, weights] =
            ["shape", "indptr", "indices", "weights"].map(|part| format!("{name}.{part}"));
        let shape_array = store.array::<usize>(&shape)?;
        let &[num_rows, num_cols] = &shape_array[..] else {
            return Err(store.damaged(&format!("`{shape}`"), shape_array.len(), "2 values"));
        };
        let csr = Self {
            num_cols,
            indptr: store.array(&indptr)?,
            indices: store.array(&indices)?,
            weights: if store.has(&weights) { Some(store.array(&weights)?) } else { None },
        };
        let num_edges = csr.indices.len();
        for (what, count) in [("rows", num_rows), ("columns", num_cols), ("edges", num_edges)] {
            if u32::try_from(count).is_err() {
                return Err(store.damaged(&format!("the number of {what} of `{name}`"), count, "at most 4294967295"));
            }
        }
        if csr.indptr.len() != num_rows + 1 {
            return Err(store.damaged(&format!("the length of `{indptr}`"), csr.indptr.len(), num_rows + 1));
        }
        let ends = (csr.indptr[0], csr.indptr[num_rows]);
        if ends != (0, num_edges) {
            return Err(store.damaged(
                &format!("`{indptr}`, first and last,"),
                format!("{ends:?}"),
                format!("{:?}", (0, num_edges)),
            ));
        }
        if let Some(row) = csr.indptr.windows(2).position(|bounds| bounds[0] > bounds[1]) {
            let expected = format!("at least {}", csr.indptr[row]);
            return Err(store.damaged(&format!("`{indptr}`, place {},", row + 1), csr.indptr[row + 1], expected));
        }
        let (starts, columns) = (&*csr.indptr, &*csr.indices);
        let wrong = |row: &usize| {
            let row = &columns[starts[*row]..starts[*row + 1]];
            row.windows(2).any(|pair| pair[0] >= pair[1]) || row.last().is_some_and(|&last| last as usize >= num_cols)
        };
        if let Some(row) = (0..num_rows).into_par_iter().with_min_len(1024).find_first(wrong) {
            let expected = format!("strictly ascending columns below {num_cols}");
            return Err(store.damaged(&format!("row {row} of `{name}`"), "out of order or range", expected));
        }
        if let Some(values) = &csr.weights {
            if values.len() != num_edges {
                return Err(store.damaged(&format!("the length of `{weights}`"), values.len(), num_edges));
            }
            if let Some(edge) = values.iter().position(|weight| !weight.is_finite()) {
                return Err(store.damaged(&format!("`{weights}`, place {edge},"), values[edge], "a finite number"));
            }
        }
        Ok(csr)
    }
}
