//! A step of KGAT before it is computed: the rows of its batch, and facts sorted by relation.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use gnnrec_graph::{EntityId, ItemId};
use gnnrec_model::{Step, ready_column};
use gnnrec_sampling::{FactBatch, PairwiseBatch};
use gnnrec_sparse::Rows;

/// What a step needs besides the parameters, by its phase.
#[derive(Debug)]
pub enum KgatPlan {
    /// Pairs.
    Pairs(PairsPlan),
    /// Facts.
    Facts(FactsPlan),
}

/// A step on pairs.
#[derive(Debug)]
pub struct PairsPlan {
    /// The batch among users and nodes: users, then positives, then negatives.
    pub(super) rows: Rows,
    /// Rows of the batch.
    pub(super) len: usize,
    pub(super) num_negatives: usize,
    /// The interactions as facts; none in a step of matrix factorisation.
    pub(super) facts: Option<FactsPlan>,
    pub(super) step: Step,
}

/// Facts and corrupt ones as rows of TransR, sorted by relation. With `s = -1` for a fact seen from its tail, either is
/// `g = |W_r a + s e_r - W_r b|²`, where `a` is the end that both have.
#[derive(Debug)]
pub struct FactsPlan {
    /// Where each relation's rows begin, and the end.
    pub(super) bounds: Vec<usize>,
    /// `a`, true `b`, corrupt `b`.
    pub(super) ends: [Rows; 3],
    pub(super) relations: Rows,
    /// `s`, `rows x 1`.
    pub(super) signs: Tensor<2>,
}

/// What users, items and relations of a batch are called in the tables.
pub(super) struct Names {
    pub(super) num_users: u32,
    /// `R`.
    pub(super) num_fact_relations: u32,
    pub(super) node_of_item: Arc<[u32]>,
}

/// Relation, `a`, true `b`, corrupt `b`, `s`.
type Row = (u32, [u32; 3], f32);

impl Names {
    /// The row of an item among users and nodes.
    fn item(&self, item: ItemId) -> u32 {
        self.num_users + self.node_of_item[item.index()]
    }

    pub(super) fn pairs(&self, batch: &PairwiseBatch, step: Step, factorises: bool, device: &Device) -> PairsPlan {
        let items = batch.positives.iter().chain(&batch.negatives).map(|&item| self.item(item));
        let rows: Vec<u32> = batch.users.iter().map(|user| user.0).chain(items).collect();
        let facts = (!factorises).then(|| {
            let has = 2 * self.num_fact_relations;
            let negatives = batch.negatives.chunks(batch.num_negatives.max(1));
            let rows =
                batch.users.iter().zip(&batch.positives).zip(negatives).flat_map(|((user, &item), negatives)| {
                    negatives
                        .iter()
                        .flat_map(move |&other| both_ways(has, has + 1, [user.0, self.item(item), self.item(other)]))
                });
            self.sorted(rows.collect(), device)
        });
        let rows = Rows::from(rows).ready_on(device);
        PairsPlan { rows, len: batch.len(), num_negatives: batch.num_negatives, facts, step }
    }

    pub(super) fn facts(&self, batch: &FactBatch, device: &Device) -> FactsPlan {
        let node = |entity: EntityId| self.num_users + entity.0;
        let tails = batch.tails.iter().zip(&batch.negative_tails);
        let facts = batch.heads.iter().zip(&batch.relations).zip(tails);
        let rows = facts.flat_map(|((&head, relation), (&tail, &corrupt))| {
            let nodes = [node(head), node(tail), node(corrupt)];
            both_ways(relation.0, relation.0 + self.num_fact_relations, nodes)
        });
        self.sorted(rows.collect(), device)
    }

    fn sorted(&self, mut rows: Vec<Row>, device: &Device) -> FactsPlan {
        rows.sort_by_key(|row| row.0);
        let num_relations = 2 * self.num_fact_relations + 2;
        let bounds = (0..=num_relations).map(|relation| rows.partition_point(|row| row.0 < relation)).collect();
        let list = |of: &dyn Fn(&Row) -> u32| Rows::from(rows.iter().map(of).collect::<Vec<u32>>()).ready_on(device);
        FactsPlan {
            bounds,
            ends: [0, 1, 2].map(|end| list(&|row| row.1[end])),
            relations: list(&|row| row.0),
            signs: ready_column(rows.iter().map(|row| row.2).collect(), device),
        }
    }
}

/// `(h, r, t)` against `(h, r, t')`, and `(t, r⁻, h)` against `(t', r⁻, h)`.
fn both_ways(relation: u32, inverse: u32, nodes: [u32; 3]) -> [Row; 2] {
    [(relation, nodes, 1.0), (inverse, nodes, -1.0)]
}
