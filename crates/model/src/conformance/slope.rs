//! Gradients of losses with so many kinks that no scalar's difference is free of them: the slope along a whole
//! parameter's gradient, in which one kink weighs little.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use gnnrec_graph::World;

use super::{Nudge, batch, edited, init};
use crate::{GradientConfig, GradientModel, Step, dense_gradients};

/// Half the lengths of the intervals, the longest first. A shorter one counts where the loss has digits enough in it.
const STEPS: [f32; 4] = [1e-2, 1e-3, 3e-4, 1e-4];

/// The slope of the loss along the gradient of each parameter, which is the gradient's length, against a central
/// difference, with parameters scaled up so that the nonlinear parts of the model bend.
///
/// # Panics
/// If one differs by more than 2 %, 2e-4 and the rounding of the loss, over every interval from 2e-2 down to 2e-4 in which
/// rounding is below 2 % too.
pub fn check_slopes<C: GradientConfig>(config: &C, world: &World) {
    let step = Step { seed: 4, index: 0 };
    for (position, phase) in config.phases().iter().enumerate() {
        let batch = batch(world, phase, 4, 0);
        let model = init(config, world, 4).map(&mut Nudge { position: None, by: 0.0 }).refreshed(position);
        let mut gradients = Gradients { grads: dense_gradients(&model, &model.loss(&batch, step)), values: Vec::new() };
        model.visit(&mut gradients);
        let mut num_checked = 0;
        for (parameter, gradient) in gradients.values.iter().enumerate() {
            let length = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
            if length < 1e-3 {
                continue;
            }
            num_checked += 1;
            #[expect(clippy::cast_possible_truncation, reason = "parameters are 32-bit floats")]
            let loss_at = |by: f32| {
                let direction = gradient.iter().map(|&g| by * (f64::from(g) / length) as f32).collect();
                let moved = model.clone().map(&mut Along { parameter, direction });
                f64::from(moved.loss(&batch, step).into_scalar::<f32>())
            };
            let slopes = STEPS.map(|by| {
                let [above, below] = [loss_at(by), loss_at(-by)];
                ((above - below) / f64::from(2.0 * by), f64::from(f32::EPSILON) * above.abs() / f64::from(by))
            });
            let counts = |n: usize, rounding: f64| n == 0 || rounding <= 0.02 * length;
            let holds = slopes.iter().enumerate().any(|(n, &(slope, rounding))| {
                counts(n, rounding) && (length - slope).abs() <= 2e-4 + 0.02 * length + rounding
            });
            assert!(holds, "{phase:?}, parameter {parameter}: gradient {length}, slope and rounding {slopes:?}");
        }
        assert!(num_checked > 0, "the loss of {phase:?} depends on no parameter");
    }
}

/// The gradient of each parameter, empty where there is none.
struct Gradients {
    grads: GradientsParams,
    values: Vec<Vec<f32>>,
}

impl ModuleVisitor for Gradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.grads.get::<D>(param.id);
        let values = gradient.map(|grad| grad.into_data().try_to_vec::<f32>().expect("32-bit floats"));
        self.values.push(values.unwrap_or_default());
    }
}

/// Moves one parameter, counted as a visitor does.
struct Along {
    parameter: usize,
    direction: Vec<f32>,
}

impl ModuleMapper for Along {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_next = self.parameter == 0;
        self.parameter = self.parameter.wrapping_sub(1);
        if !is_next {
            return param;
        }
        let direction = std::mem::take(&mut self.direction);
        edited(param, |values| values.into_iter().zip(direction).map(|(value, by)| value + by).collect())
    }
}
