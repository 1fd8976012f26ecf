//! The layers that GraphRec is made of: dense ones, what an opinion is, and sums over neighbours.
//!
//! Rows are nodes, opinions or targets; which they are is the caller's.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_model::{normal_init, ready_column};
use gnnrec_sparse::{
    Activation, EdgeGraph, edge_relu_add, edge_relu_dot, edge_softmax, linear, ready_tensor, spmm_edges,
};

/// How parameters start: weights from `N(0, std²)`, biases at 0.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) seed: u64,
    pub(super) std: f32,
    pub(super) device: &'a Device,
}

impl Start<'_> {
    pub(super) fn weight(&self, name: &str, rows: usize, width: usize) -> Param<Tensor<2>> {
        normal_init(self.seed, name, rows, width, self.std, self.device)
    }

    fn bias(&self, width: usize) -> Param<Tensor<2>> {
        Param::from_data(TensorData::zeros::<f32, _>([1, width]), self.device)
    }

    pub(super) fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Linear {
        Linear { weight: self.weight(name, inputs, outputs), bias: self.bias(outputs) }
    }
}

/// `W x + b`.
#[derive(Module, Debug)]
pub(super) struct Linear {
    /// `W` transposed, `inputs x outputs`.
    pub(super) weight: Param<Tensor<2>>,
    /// `1 x outputs`.
    pub(super) bias: Param<Tensor<2>>,
}

impl Linear {
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.then(x, Activation::Identity)
    }

    /// With a relu after it.
    pub(super) fn relu(&self, x: Tensor<2>) -> Tensor<2> {
        self.then(x, Activation::RELU)
    }

    fn then(&self, x: Tensor<2>, activation: Activation) -> Tensor<2> {
        linear(x, self.weight.val(), Some(self.bias.val()), activation)
    }
}

/// `MLP2([node ; e_r])`: two layers, each with relu.
#[derive(Module, Debug)]
pub(super) struct OpinionMlp {
    /// What of the first layer meets the node, `dim x dim`.
    node: Param<Tensor<2>>,
    /// What of it meets the opinion, `dim x dim`.
    opinion: Option<Param<Tensor<2>>>,
    /// `1 x dim`.
    bias: Param<Tensor<2>>,
    second: Linear,
}

impl OpinionMlp {
    pub(super) fn new(start: Start<'_>, name: &str, dim: usize, with_opinions: bool) -> Self {
        let weight = |part| start.weight(&format!("{name}.{part}"), dim, dim);
        Self {
            node: weight("node"),
            opinion: with_opinions.then(|| weight("opinion")),
            bias: start.bias(dim),
            second: start.linear(&format!("{name}.second"), dim, dim),
        }
    }

    /// A row for each edge of `levels_of`, whose rows are nodes, `nodes` their embeddings, and whose columns are
    /// levels; `opinions` is `num_levels x dim`. A node costs its product, however many its levels.
    pub(super) fn forward(&self, levels_of: &EdgeGraph, nodes: Tensor<2>, opinions: Option<Tensor<2>>) -> Tensor<2> {
        let by_node = linear(nodes, self.node.val(), None, Activation::Identity);
        let by_level = match (&self.opinion, opinions) {
            (Some(weight), Some(opinions)) => opinions.matmul(weight.val()) + self.bias.val(),
            _ => self.bias.val().repeat_dim(0, levels_of.num_cols()),
        };
        self.second.relu(edge_relu_add(levels_of, by_node, by_level))
    }
}

/// `w · relu(W [source ; target] + b)`, normalised over the sources of a target. The scalar that the paper adds to
/// it changes no softmax and is left out.
#[derive(Module, Debug)]
pub(super) struct Attention {
    /// What of the first layer meets the source, `dim x dim`.
    source: Param<Tensor<2>>,
    /// What of it meets the target, `dim x dim`.
    target: Param<Tensor<2>>,
    /// `1 x dim`.
    bias: Param<Tensor<2>>,
    /// `w`, `1 x dim`.
    out: Param<Tensor<2>>,
}

impl Attention {
    fn new(start: Start<'_>, name: &str, dim: usize) -> Self {
        let weight = |part, rows| start.weight(&format!("{name}.{part}"), rows, dim);
        Self {
            source: weight("source", dim),
            target: weight("target", dim),
            bias: start.bias(dim),
            out: weight("out", 1),
        }
    }

    /// One weight an edge. The products with `W` are those of nodes; an edge costs `dim`.
    fn forward(&self, graph: &EdgeGraph, sources: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
        let targets = linear(targets, self.target.val(), Some(self.bias.val()), Activation::Identity);
        let sources = linear(sources, self.source.val(), None, Activation::Identity);
        let logits = edge_relu_dot(graph, targets, sources, self.out.val().squeeze_dim(0));
        edge_softmax(graph, logits.unsqueeze_dim(1)).squeeze_dim(1)
    }
}

/// `relu(W Σ weight · source + b)`, weighted by attention or the mean; zeros where there is no source.
#[derive(Module, Debug)]
pub(super) struct Aggregation {
    attention: Option<Attention>,
    output: Linear,
}

impl Aggregation {
    pub(super) fn new(start: Start<'_>, name: &str, dim: usize, with_attention: bool) -> Self {
        Self {
            attention: with_attention.then(|| Attention::new(start, &format!("{name}.attention"), dim)),
            output: start.linear(&format!("{name}.output"), dim, dim),
        }
    }

    /// `num_rows x dim`. `x` has a row for each source; `targets`, which attention alone asks for, one for each target.
    pub(super) fn forward(&self, sources: &Sources, x: Tensor<2>, targets: impl FnOnce() -> Tensor<2>) -> Tensor<2> {
        let weights = match (&self.attention, &sources.shares) {
            (Some(attention), _) => attention.forward(&sources.graph, x.clone(), targets()),
            (None, Some(shares)) => shares.clone(),
            (None, None) => unreachable!("without attention there are shares"),
        };
        let output = self.output.relu(spmm_edges(&sources.graph, weights, x));
        match &sources.has_any {
            Some(has_any) => output * has_any.clone(),
            None => output,
        }
    }
}

/// Which sources each target sums up.
#[derive(Debug)]
pub(super) struct Sources {
    /// A row for each target, a column for each source.
    graph: EdgeGraph,
    /// For each edge `1 / |sources of the target|`, where no attention weighs them.
    shares: Option<Tensor<1>>,
    /// 1 for a target with sources and 0 for one without, `num_rows x 1`, where there are any without.
    has_any: Option<Tensor<2>>,
}

impl Sources {
    /// Ready for sums on a device.
    pub(super) fn of(graph: EdgeGraph, with_attention: bool, device: &Device) -> Self {
        let degrees = || graph.pattern().indptr().windows(2).map(|bounds| bounds[1] - bounds[0]);
        let shares = (!with_attention).then(|| {
            #[expect(clippy::cast_precision_loss, reason = "a mean needs no more digits")]
            let shares = degrees().flat_map(|degree| std::iter::repeat_n(1.0 / degree as f32, degree));
            ready_tensor(TensorData::new(shares.collect::<Vec<f32>>(), [graph.num_edges()]), device)
        });
        let has_any = degrees()
            .any(|degree| degree == 0)
            .then(|| ready_column(degrees().map(|degree| f32::from(u8::from(degree > 0))).collect(), device));
        Self { shares, has_any, graph: graph.ready_on(device) }
    }
}
