//! A model on a device that cannot bind its tables whole, beside the same model whole.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::AdamConfig;
use burn::tensor::Tensor;
use gnnrec_graph::World;

use super::device::{assert_close, device, ranks_alike};
use super::{all_scores, init_on, train_by, with_largest_table};
use crate::{GradientConfig, GradientModel, ModelError};

/// Bytes that may be bound: less than the users of [`super::world`] take at a width of 6.
const LARGEST: usize = 500;

const NUM_STEPS: u64 = 5;

/// Where tables are too large to be bound, a model has no larger parameter, trains alike and scores alike; or it is
/// refused.
pub(super) fn splits_or_refuses<C: GradientConfig>(config: &C, world: &World) {
    let on = device();
    let train = || {
        let (model, steps) = (init_on(config, world, 6, &on), (6, NUM_STEPS));
        let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
        train_by(config, world, steps, model, |model, grads| adam.step(0.02, model, grads))
    };
    let refused = with_largest_table(LARGEST as u64, || config.init(world, 6, &on).err());
    if let Some(error) = refused {
        assert!(matches!(error, ModelError::TooLarge { .. }), "{error}");
        return;
    }
    let (split, found) = with_largest_table(LARGEST as u64, train);
    let (whole, expected) = train();
    let parameters = |model: &C::Model| {
        let mut sizes = Sizes(Vec::new());
        model.visit(&mut sizes);
        sizes.0
    };
    let (split_sizes, sizes) = (parameters(&split), parameters(&whole));
    assert!(split_sizes.len() > sizes.len(), "nothing was split: give the model a width of 6 to 8");
    let too_large = split_sizes.iter().find(|&&bytes| bytes > LARGEST);
    assert_eq!(too_large, None, "a parameter takes more bytes than the {LARGEST} that the device binds");
    assert_close(&found, &expected, 1e-5, "losses of split tables");
    assert_close(&all_scores(&*split.scorer()), &all_scores(&*whole.scorer()), 1e-5, "scores of split tables");
    ranks_alike(&*split.scorer(), world);
}

/// Bytes of each parameter.
struct Sizes(Vec<usize>);

impl ModuleVisitor for Sizes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().shape().num_elements() * size_of::<f32>());
    }
}
