//! Which parameter of a module is not finite: the name that an error about divergence gives.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorReadError};

use gnnrec_model::GradientModel;

use crate::Culprit;
use crate::optimiser::{RowsById, rows_of_tables};

/// The first parameter that holds a NaN or an infinity; an error is a device's.
pub(crate) fn parameter_not_finite<M: Module>(model: &M) -> Result<Option<Culprit>, TensorReadError> {
    Ok(find(model, None)?.map(Culprit::Parameter))
}

/// The first parameter whose gradient holds a NaN or an infinity.
///
/// It takes the gradients out of the model's tables.
pub(crate) fn gradient_not_finite<M: GradientModel>(
    model: &M,
    grads: &Gradients,
) -> Result<Option<Culprit>, TensorReadError> {
    Ok(find(model, Some((grads, rows_of_tables(model))))?.map(Culprit::Gradient))
}

fn find<M: Module>(model: &M, grads: Option<(&Gradients, RowsById)>) -> Result<Option<String>, TensorReadError> {
    let mut search = Search { path: Vec::new(), grads, found: Ok(None) };
    model.visit(&mut search);
    search.found
}

struct Search<'a> {
    path: Vec<String>,
    grads: Option<(&'a Gradients, RowsById)>,
    found: Result<Option<String>, TensorReadError>,
}

impl ModuleVisitor for Search<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !matches!(self.found, Ok(None)) {
            return;
        }
        let broken = match &self.grads {
            None => is_broken(Some(param.val().without_autodiff())),
            Some((grads, rows)) => is_broken(param.val().grad(grads)).and_then(|broken| {
                let rows = rows.get(&param.id).map(|(_, values)| values.clone());
                Ok(broken || is_broken(rows)?)
            }),
        };
        self.found = broken.map(|broken| broken.then(|| self.path.join(".")));
    }
}

fn is_broken<const D: usize>(values: Option<Tensor<D>>) -> Result<bool, TensorReadError> {
    values.map_or(Ok(false), |values| Ok(!values.is_finite().all().try_into_scalar::<bool>()?))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use gnnrec_eval::Scorer;
    use gnnrec_model::{Planner, Table};

    use super::*;

    #[derive(Module, Debug)]
    struct Outer {
        fine: Param<Tensor<1>>,
        inner: Inner,
        table: Table,
    }

    impl GradientModel for Outer {
        type Plan = ();

        fn planner(&self) -> Planner<()> {
            Planner::new(|_, _| ())
        }

        fn planned_loss(&self, (): ()) -> Tensor<1> {
            self.fine.val().sum()
        }

        fn tables(&self) -> Vec<&Table> {
            vec![&self.table]
        }

        fn scorer(&self) -> Box<dyn Scorer> {
            unreachable!("nobody asks")
        }
    }

    #[derive(Module, Debug)]
    struct Inner {
        weight: Param<Tensor<2>>,
    }

    fn outer(weight: f32) -> Outer {
        let device = Device::flex().autodiff();
        let weight = Param::from_data([[1.0, weight], [f32::MAX, 0.0]], &device);
        let table = Table::new(Param::from_data([[4.0], [0.0]], &device));
        Outer { fine: Param::from_data([1.0, f32::MIN], &device), inner: Inner { weight }, table }
    }

    #[test]
    fn names_the_parameter() {
        assert_eq!(parameter_not_finite(&outer(2.0)).unwrap(), None);
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(
                parameter_not_finite(&outer(value)).unwrap(),
                Some(Culprit::Parameter("inner.weight".to_owned()))
            );
        }
    }

    #[test]
    fn names_the_parameter_of_the_gradient() {
        // The slope of a square root is infinite at 0.
        let model = outer(0.0);
        let grads = (model.inner.weight.val().sqrt().sum() + model.fine.val().sum()).backward();
        assert_eq!(gradient_not_finite(&model, &grads).unwrap(), Some(Culprit::Gradient("inner.weight".to_owned())));
        for (row, expected) in [(0, None), (1, Some(Culprit::Gradient("table.weight".to_owned())))] {
            let grads = (model.fine.val().sum() + model.table.lookup(&[row]).sqrt().sum()).backward();
            assert_eq!(gradient_not_finite(&model, &grads).unwrap(), expected);
        }
    }
}
