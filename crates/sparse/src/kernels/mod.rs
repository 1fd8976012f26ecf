//! The operations on slices: row-major `f32` tables, rayon, no tensor library.
//!
//! ```text
//! spmm        Y = M X                      M = diag(r) A diag(c)
//! propagate   Y = Σ_l w_l M^l X            l = 0 ..= L
//! gather      Y[n] = X[index[n]]
//! scatter     Y[v] = Σ_{n: index[n] = v} X[n]
//! ```
//!
//! One task owns an output row and adds its terms in storage order: results do not depend on the
//! number of threads. [`mod@reference`] holds the same equations in plain loops.

pub mod reference;
mod rows;
mod sparse;

#[cfg(feature = "burn")]
pub(crate) use rows::scatter_into_zeros;
pub use rows::{gather_rows, scatter_rows};
pub use sparse::{propagate, spmm};
