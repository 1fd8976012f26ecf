//! The rows of a batch's users, positives and negatives, their scores and their L2 penalty.

use burn::tensor::{Device, Tensor};
use gnnrec_graph::{ItemId, UserId};
use gnnrec_sampling::PairwiseBatch;
use gnnrec_sparse::{Rows, gather_rows};

/// The rows that a batch of pairs names in a table of users and one of items.
#[derive(Clone, Debug)]
pub struct PairRows {
    /// The user of each row.
    pub users: Rows,
    /// The positives of all rows, then the negatives.
    pub items: Rows,
    /// Negatives of a row.
    pub num_negatives: usize,
}

impl PairRows {
    /// Those of a batch, ready for lookups on a device.
    #[must_use]
    pub fn of(batch: &PairwiseBatch, device: &Device) -> Self {
        let items = [ItemId::peel_slice(&batch.positives), ItemId::peel_slice(&batch.negatives)].concat();
        Self {
            users: Rows::from(UserId::peel_slice(&batch.users)).ready_on(device),
            items: Rows::from(items).ready_on(device),
            num_negatives: batch.num_negatives,
        }
    }

    /// Rows of the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The embeddings one batch looks up, `dim` wide, in the order of the batch.
#[derive(Clone, Debug)]
pub struct BatchRows {
    /// `rows x dim`.
    pub users: Tensor<2>,
    /// `rows x dim`.
    pub positives: Tensor<2>,
    /// `rows * num_negatives x dim`; row `n` of the batch owns `num_negatives` of them.
    pub negatives: Tensor<2>,
}

impl BatchRows {
    /// Looks rows up in separate tables, each with one lookup.
    #[must_use]
    pub fn from_tables(users: Tensor<2>, items: Tensor<2>, batch: &PairRows) -> Self {
        let rows = batch.len();
        let users = gather_rows(users, &batch.users);
        let items = gather_rows(items, &batch.items);
        let negatives = items.clone().narrow(0, rows, batch.items.len() - rows);
        Self { users, positives: items.narrow(0, 0, rows), negatives }
    }

    /// Inner products `(pos, neg)`: `rows`, and `rows x num_negatives`.
    #[must_use]
    pub fn scores(&self) -> (Tensor<1>, Tensor<2>) {
        let [rows, dim] = self.users.dims();
        let num_negatives = self.negatives.dims()[0] / rows.max(1);
        let pos = (self.users.clone() * self.positives.clone()).sum_dim(1).squeeze_dim(1);
        let negatives = self.negatives.clone().reshape([rows, num_negatives, dim]);
        let neg = (self.users.clone().unsqueeze_dim::<3>(1) * negatives).sum_dim(2).squeeze_dim(2);
        (pos, neg)
    }

    /// `1/2 Σ |e|² / rows` over every row looked up, a scalar: the penalty of the reference
    /// implementation of LightGCN, which divides by the rows of the batch and not by the rows summed.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    pub fn l2(&self) -> Tensor<1> {
        let square = |x: &Tensor<2>| x.clone().square().sum();
        let sum = square(&self.users) + square(&self.positives) + square(&self.negatives);
        sum * (0.5 / self.users.dims()[0] as f64)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// 3 users, 4 items, dim 2, a batch of 2 rows with 2 negatives each.
    #[test]
    fn by_hand() {
        let device = Device::flex();
        let users = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 2.0], [1.0, -1.0]], &device);
        let items = Tensor::<2>::from_floats([[1.0, 1.0], [3.0, 0.0], [0.0, 1.0], [2.0, 5.0]], &device);
        let batch = PairwiseBatch {
            users: vec![UserId(2), UserId(1)],
            positives: vec![ItemId(1), ItemId(3)],
            negatives: vec![ItemId(0), ItemId(3), ItemId(2), ItemId(1)],
            num_negatives: 2,
        };
        let rows = BatchRows::from_tables(users, items, &PairRows::of(&batch, &device));
        let (pos, neg) = rows.scores();
        assert_eq!(pos.into_data().try_to_vec::<f32>().unwrap(), [3.0, 10.0]);
        assert_eq!(neg.into_data().try_to_vec::<f32>().unwrap(), [0.0, -3.0, 2.0, 0.0]);
        // users 2 + 4, positives 9 + 29, negatives 2 + 29 + 1 + 9: 85 / 2 / 2 rows.
        assert_eq!(rows.l2().into_scalar::<f32>().to_bits(), 21.25f32.to_bits());
    }
}
