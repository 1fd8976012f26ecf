//! Initial values of parameters, each row from its own stream: the same on every device and for any
//! number of threads, and a table that grows keeps its first rows.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_sampling::{Purpose, stream};
use rand_distr::{Distribution, StandardNormal, Uniform};
use rayon::prelude::*;

/// A `rows x dim` table of `N(0, std²)`, keyed by `seed`, the parameter's `name` and the row.
#[must_use]
pub fn normal_init(seed: u64, name: &str, rows: usize, dim: usize, std: f32, device: &Device) -> Param<Tensor<2>> {
    let values = normal_values(seed, name, [rows, dim], std);
    Param::from_data(TensorData::new(values, [rows, dim]), device)
}

/// The values of [`normal_init`], row by row.
pub(crate) fn normal_values(seed: u64, name: &str, shape: [usize; 2], std: f32) -> Vec<f32> {
    values(seed, name, shape, StandardNormal.map(move |value: f32| std * value))
}

/// A `rows x dim` table of `U(-a, a)` with `a = sqrt(6 / (rows + dim))`: Glorot and Bengio, AISTATS 2010,
/// equation 16, for a matrix between layers of `rows` and of `dim` units.
///
/// # Panics
/// If `rows` and `dim` are both 0.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "the bound needs no more digits")]
pub fn xavier_init(seed: u64, name: &str, rows: usize, dim: usize, device: &Device) -> Param<Tensor<2>> {
    let bound = (6.0 / (rows + dim) as f32).sqrt();
    let uniform = Uniform::new(-bound, bound).expect("a finite bound above 0");
    Param::from_data(TensorData::new(values(seed, name, [rows, dim], uniform), [rows, dim]), device)
}

fn values(seed: u64, name: &str, [rows, dim]: [usize; 2], distribution: impl Distribution<f32> + Sync) -> Vec<f32> {
    let key = name_key(name);
    let mut values = vec![0f32; rows * dim];
    values.par_chunks_mut(dim.max(1)).enumerate().for_each(|(row, values)| {
        let mut random = stream(seed, Purpose::Init, [key, row as u64]);
        values.fill_with(|| distribution.sample(&mut random));
    });
    values
}

/// FNV-1a of a parameter's name: fixed for ever, unlike the standard library's hash.
fn name_key(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |key, byte| (key ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values_of(param: &Param<Tensor<2>>) -> Vec<f32> {
        param.val().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_row_depends_on_seed_name_and_position_alone() {
        let device = Device::flex();
        let table = values_of(&normal_init(7, "user", 50, 8, 0.1, &device));
        assert_eq!(table[..80], values_of(&normal_init(7, "user", 10, 8, 0.1, &device)));
        assert_ne!(table, values_of(&normal_init(8, "user", 50, 8, 0.1, &device)));
        assert_ne!(table, values_of(&normal_init(7, "item", 50, 8, 0.1, &device)));
        assert_ne!(table[..8], table[8..16]);
        assert_eq!(name_key("a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn moments() {
        let table = values_of(&normal_init(1, "user", 500, 64, 0.1, &Device::flex()));
        let count = table.len() as f64;
        let mean = table.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        let variance = table.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / count;
        // Four standard errors of the mean and of the variance of 32,000 draws.
        assert!(mean.abs() < 0.0023 && (variance.sqrt() - 0.1).abs() < 0.0017, "{mean} {variance}");
        let table = values_of(&xavier_init(1, "weight", 90, 60, &Device::flex()));
        assert!(table.iter().all(|x| x.abs() < 0.2) && table.iter().any(|x| x.abs() > 0.199));
    }
}
