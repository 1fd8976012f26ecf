//! A graph convolutional network of two layers on a toy graph, trained by its gradients: two groups of
//! nodes, of which one node each is labelled. Kipf and Welling, ICLR 2017, arXiv:1609.02907, equation 9.
//!
//! ```text
//! Z = Â relu(Â X W0) W1        Â = D^-1/2 (A + I) D^-1/2
//! ```

use burn::tensor::{Device, Tensor, activation::log_softmax, activation::relu};
use gnnrec_graph::{Csr, Duplicates, GraphError};
use gnnrec_sparse::{Adjacency, gather_rows, spmm};

/// Two triangles, joined by the edge 2 - 3.
const EDGES: [(u32, u32); 7] = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)];

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), GraphError> {
    let both_ways = EDGES.iter().flat_map(|&(a, b)| [(a, b), (b, a)]);
    let edges: Vec<(u32, u32)> = both_ways.chain((0..6).map(|node| (node, node))).collect();
    let adjacency = Adjacency::symmetric_normalised(&Csr::from_edges(6, 6, &edges, Duplicates::Error)?);

    let device = Device::flex().autodiff();
    let x = Tensor::<2>::eye(6, &device);
    let weights = |rows: usize, cols: usize| {
        let values = Tensor::<1, burn::tensor::Int>::arange(0..i64::try_from(rows * cols).expect("small"), &device);
        (values.float() * 1.7).sin().reshape([rows, cols]) * 0.5
    };
    let (mut w0, mut w1) = (weights(6, 4), weights(4, 2));
    let labelled = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
    for step in 0..=200 {
        (w0, w1) = (w0.detach().require_grad(), w1.detach().require_grad());
        let hidden = relu(spmm(&adjacency, x.clone().matmul(w0.clone())));
        let z = spmm(&adjacency, hidden.matmul(w1.clone()));
        // Nodes 0 and 5 are the labelled ones.
        let loss = (log_softmax(gather_rows(z.clone(), &[0, 5]), 1) * labelled.clone()).sum().neg();
        if step % 100 == 0 {
            let classes: Vec<i64> = z.argmax(1).into_data().convert::<i64>().try_to_vec().expect("whole numbers");
            println!("step {step}: loss {:.4}, classes {classes:?}", loss.clone().into_scalar::<f32>());
        }
        let grads = loss.backward();
        let step_down = |w: &Tensor<2>| {
            let gradient = w.grad(&grads).expect("the weights are tracked");
            Tensor::from_inner(w.clone().inner() - gradient * 0.5)
        };
        (w0, w1) = (step_down(&w0), step_down(&w1));
    }
    Ok(())
}
