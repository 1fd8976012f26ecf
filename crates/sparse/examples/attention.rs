//! One head of graph attention over a toy graph, with gradients: score every edge, turn the scores of a
//! target's edges into shares, mix the sources by their shares.

use burn::tensor::{Device, Tensor};
use gnnrec_graph::{Csr, Duplicates, GraphError};
use gnnrec_sparse::{EdgeGraph, edge_dot, edge_softmax, spmm_edges};

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), GraphError> {
    // Two targets over three sources: target 0 sees sources 0 and 2, target 1 sees 1 and 2.
    let pattern = Csr::from_edges(2, 3, &[(0, 0), (0, 2), (1, 1), (1, 2)], Duplicates::Error)?;
    let graph = EdgeGraph::new(pattern);
    let device = Device::flex().autodiff();
    let queries = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device).require_grad();
    let keys = Tensor::<2>::from_floats([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]], &device).require_grad();
    let messages = Tensor::<2>::from_floats([[1.0], [10.0], [100.0]], &device).require_grad();

    let logits = edge_dot(&graph, queries.clone(), keys.clone()) / 2f32.sqrt();
    let shares = edge_softmax(&graph, logits.unsqueeze_dim(1)).squeeze_dim(1);
    let mixed = spmm_edges(&graph, shares.clone(), messages.clone());
    println!("shares of the edges: {}", shares.into_data());
    println!("what the targets receive: {}", mixed.clone().into_data());

    let grads = mixed.sum().backward();
    for (name, tensor) in [("queries", &queries), ("keys", &keys), ("messages", &messages)] {
        println!("gradient of {name}: {}", tensor.grad(&grads).expect("it is tracked").into_data());
    }
    Ok(())
}
