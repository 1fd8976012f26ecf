//! Two hops over a path of three nodes, with gradient.

use burn::tensor::{Device, Tensor};
use gnnrec_graph::{Csr, Duplicates, GraphError};
use gnnrec_sparse::{Adjacency, LayerCombination, gather_rows, propagate};

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), GraphError> {
    let graph = Csr::from_edges(3, 3, &[(0, 1), (1, 0), (1, 2), (2, 1)], Duplicates::Error)?;
    let adjacency = Adjacency::symmetric_normalised(&graph);
    let device = Device::flex().autodiff();
    let x = Tensor::<2>::from_floats([[1.0], [10.0], [100.0]], &device).require_grad();
    let layers = propagate(&adjacency, x.clone(), &LayerCombination::mean(2));
    println!("mean of X, ÂX and Â²X: {}", layers.clone().into_data());
    let grads = gather_rows(layers, &[0, 2, 2]).sum().backward();
    println!("gradient of row 0 + twice row 2: {}", x.grad(&grads).expect("x is tracked").into_data());
    Ok(())
}
