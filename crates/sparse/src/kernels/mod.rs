//! The operations on slices: row-major `f32` tables, rayon, no tensor library.
//!
//! ```text
//! spmm        Y = M X                                 M = diag(r) A diag(c)
//! propagate   Y_k[n] = Σ_l w_kl (M^l X)[rows[n]]      l = 0 ..= L
//! gather      Y[n] = X[index[n]]
//! scatter     Y[v] = Σ_{n: index[n] = v} X[n]
//! unit_rows   Y[n] = X[n] / |X[n]|
//! dropout     Y[n][j] = X[n][j] or 0
//! linear      Y = act(X W + b)                        W is small, X is tall
//! ```
//!
//! Along the edges `e` of a graph, whose values are rows in the order of its pattern:
//!
//! ```text
//! spmm_edges    Y[v] = Σ_{e: end(e) = v} w[e] X[other(e)]
//! spmm_masked   Y = M X                    M = scale diag(r) (A ∘ mask) diag(c)
//! edge_dot      s[e] = R[row(e)] · C[col(e)]
//! edge_mul      Z[e] = R[row(e)] ∘ C[col(e)]
//! edge_relu_add Z[e] = relu(R[row(e)] + C[col(e)])
//! edge_relu_dot s[e] = w · relu(R[row(e)] + C[col(e)])
//! edge_softmax  P[e] = exp(S[e]) / Σ_{f: row(f) = row(e)} exp(S[f])
//! gather_edges  Z[e] = X[end(e)]
//! sum_edges     Y[v] = Σ_{e: end(e) = v} Z[e]        segment_sum, _mean, _max by row
//! ```
//!
//! One task owns an output row and adds its terms in an order that the graph fixes, those of a hub in pieces of a fixed
//! size ([`split`]): results do not depend on the number of threads. [`mod@reference`] and
//! [`reference_edges`] hold the same equations in plain loops.

mod additive;
mod edges;
mod exp;
mod hop;
mod linear;
pub mod losses;
mod messages;
mod prefetch;
pub(crate) mod propagation;
mod reduce;
pub mod reference;
pub mod reference_edges;
mod rows;
mod rowwise;
mod scattered;
mod segments;
mod softmax;
pub mod split;
mod spmm;
mod stored;
pub mod tables;
mod vectors;

pub use additive::{edge_relu_add, edge_relu_dot, edge_relu_sums};
pub use edges::{edge_dot, gather_edges, spmm_edges, spmm_masked, sum_edges};
pub use exp::tanh;
pub use linear::{Activation, activation_gradient, linear, linear_dw, linear_dx};
pub use messages::{edge_mul, edge_mul_gradient};
pub use propagation::{propagate_rows, propagate_rows_backward};
#[cfg(feature = "burn")]
pub use rows::{gather_rows, scatter_rows};
pub use rowwise::{Dropout, dropout, unit_rows, unit_rows_gradient};
#[cfg(feature = "burn")]
pub(crate) use segments::inverse_length;
pub use segments::{segment_max, segment_max_gradient, segment_mean, segment_sum};
pub use softmax::edge_softmax;
pub use spmm::spmm;
pub use stored::TablePrecision;
