//! Dropped components and dropped edges, keyed by step, layer and row, so that a step repeats.

use burn::tensor::Tensor;
use gnnrec_sampling::{Purpose, stream};
use gnnrec_sparse::{Dropout, EdgeGraph, EdgeMask, Rows, dropout_rows};
use rand::RngExt;

use crate::Step;

/// Sets components of `x`, `rows x width`, to zero with probability `rate` and divides the others by `1 - rate`.
///
/// What becomes of row `n` depends on step, `layer` and `nodes[n]` alone: it is the same wherever a batch names that
/// node. Without `nodes`, row `n` is node `n`. Layers are numbered below 2^31; the numbers of [`dropped_edges`] are
/// apart from theirs.
///
/// # Panics
/// If there is not one node for each row, or `rate` lies outside `[0, 1)`.
#[must_use]
pub fn drop_components(x: Tensor<2>, nodes: Option<&Rows>, rate: f64, step: Step, layer: u32) -> Tensor<2> {
    if rate == 0.0 {
        return x;
    }
    dropout_rows(x, nodes, Dropout::new(rate, key(step, u64::from(layer))))
}

/// Drops each edge with probability `rate`, in `[0, 1)`; nothing is scaled.
///
/// `layer` is a number that no other call of the step uses, below 2^31.
///
/// # Panics
/// If `rate` lies outside `[0, 1)`.
#[must_use]
pub fn dropped_edges(graph: &EdgeGraph, rate: f64, step: Step, layer: u32) -> EdgeMask {
    EdgeMask::dropped(graph, Dropout::new(rate, key(step, 1 << 63 | u64::from(layer))))
}

fn key(step: Step, position: u64) -> u64 {
    stream(step.seed, Purpose::Dropout, [step.index, position]).random()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use gnnrec_graph::{Csr, Duplicates};

    use super::*;

    const STEP: Step = Step { seed: 3, index: 5 };

    fn dropped(nodes: &[u32], rate: f64, step: Step, layer: u32) -> Vec<f32> {
        let ones = Tensor::<2>::ones([nodes.len(), 40], &Device::flex());
        drop_components(ones, Some(&nodes.into()), rate, step, layer).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn what_becomes_of_a_node_depends_on_its_key_alone() {
        let all: Vec<u32> = (0..1000).collect();
        let whole = dropped(&all, 0.3, STEP, 2);
        assert_eq!(dropped(&[17, 3], 0.3, STEP, 2), [&whole[17 * 40..18 * 40], &whole[3 * 40..4 * 40]].concat());
        let unnamed = drop_components(Tensor::ones([1000, 40], &Device::flex()), None, 0.3, STEP, 2);
        assert_eq!(unnamed.into_data().try_to_vec::<f32>().unwrap(), whole);
        assert_ne!(whole, dropped(&all, 0.3, STEP, 1));
        assert_ne!(whole, dropped(&all, 0.3, Step { index: 6, ..STEP }, 2));
        let kept = whole.iter().filter(|&&x| x > 0.0);
        assert!(kept.clone().all(|x| (x - 1.0 / 0.7).abs() < 1e-6));
        // Four standard errors of the share of 40,000 draws.
        let share = kept.count() as f64 / whole.len() as f64;
        assert!((share - 0.7).abs() < 0.0092, "{share}");
        assert!(dropped(&all, 0.0, STEP, 2).iter().all(|x| x.to_bits() == 1f32.to_bits()));
    }

    #[test]
    fn edges_are_dropped_at_their_rate() {
        let edges: Vec<(u32, u32)> = (0..20_000).map(|n| (n / 200, n % 200)).collect();
        let graph = EdgeGraph::new(Csr::from_edges(100, 200, &edges, Duplicates::Error).unwrap());
        let mask = dropped_edges(&graph, 0.25, STEP, 0);
        let share = mask.num_kept() as f64 / 20_000.0;
        assert!((share - 0.75).abs() < 0.0123, "{share}");
        let differs = |other: EdgeMask| (0..20_000).any(|edge| mask.keeps(edge) != other.keeps(edge));
        assert!(!differs(dropped_edges(&graph, 0.25, STEP, 0)));
        assert!(differs(dropped_edges(&graph, 0.25, STEP, 1)));
        assert!(differs(dropped_edges(&graph, 0.25, Step { index: 6, ..STEP }, 0)));
        assert_eq!(dropped_edges(&graph, 0.0, STEP, 0).num_kept(), 20_000);
        // Apart from the components of the same number: both stay with probability .75², within four standard errors.
        let nodes: Vec<u32> = (0..20_000).collect();
        let components = dropped(&nodes, 0.25, STEP, 0);
        let both = (0..20_000).filter(|&node| mask.keeps(node) && components[node * 40] > 0.0).count();
        assert!((both as f64 / 20_000.0 - 0.5625).abs() < 0.0141, "{both}");
    }
}
