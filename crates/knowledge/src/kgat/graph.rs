//! The collaborative knowledge graph: users, entities and items in one graph whose edges have relations, and the
//! attention over its edges.
//!
//! Users come first, then the nodes of the knowledge graph. With `R` relations there, an interaction is relation `2 R`
//! from user to item and `2 R + 1` back; `R .. 2 R` are the inverses of `0 .. R`.

use burn::tensor::{Tensor, activation::tanh};
use gnnrec_graph::{Csr, Duplicates, GraphError, InteractionGraph, KnowledgeGraph};
use gnnrec_sparse::{EdgeGraph, gather_rows, grouped_linear, kernels};
use rayon::prelude::*;

use crate::nodes::Nodes;

/// Edges with relations, `head -relation-> tail`. Several relations may join the same two nodes.
#[derive(Debug)]
pub(super) struct TypedGraph {
    /// Heads and tails, whatever the relation: what messages go over.
    pub(super) pattern: EdgeGraph,
    /// The facts of edge `e` of the pattern are `facts_of_edge[e] .. facts_of_edge[e + 1]`.
    facts_of_edge: Vec<usize>,
    /// The facts of head `h` are `facts_of_head[h] .. facts_of_head[h + 1]`.
    facts_of_head: Vec<usize>,
    /// By fact its row among `heads` and among `tails`.
    ends: Vec<(u32, u32)>,
    heads: Meetings,
    tails: Meetings,
}

/// The distinct nodes that each relation meets on one side, in the order of relations.
#[derive(Debug)]
struct Meetings {
    /// Relation `r` has the rows `bounds[r] .. bounds[r + 1]`.
    bounds: Vec<usize>,
    nodes: Vec<u32>,
}

impl Meetings {
    fn new(num_relations: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.par_sort_unstable();
        pairs.dedup();
        let bounds = (0..=num_relations).map(|relation| pairs.partition_point(|pair| (pair.0 as usize) < relation));
        Self { bounds: bounds.collect(), nodes: pairs.iter().map(|pair| pair.1).collect() }
    }

    fn row_of(&self, relation: u32, node: u32) -> u32 {
        let rows = self.bounds[relation as usize]..self.bounds[relation as usize + 1];
        let position = self.nodes[rows.clone()].binary_search(&node).expect("every end of a fact was met");
        u32::try_from(rows.start + position).expect("facts are counted by a u32")
    }

    /// By row its relation.
    fn relations(&self) -> Vec<u32> {
        let counts = self.bounds.windows(2).map(|ends| ends[1] - ends[0]);
        (0..).zip(counts).flat_map(|(relation, count)| std::iter::repeat_n(relation, count)).collect()
    }
}

impl TypedGraph {
    /// Joins interactions and facts, each with its inverse; linear in them but for sorting.
    pub(super) fn new(
        interactions: &InteractionGraph,
        knowledge: &KnowledgeGraph,
        nodes: &Nodes,
    ) -> Result<Self, GraphError> {
        let num_nodes = interactions.num_users() + nodes.count;
        let too_many = |_| GraphError::TooMany { what: "nodes", count: num_nodes };
        let offset =
            u32::try_from(num_nodes).and_then(|_| u32::try_from(interactions.num_users())).map_err(too_many)?;
        let num_relations = 2 * knowledge.num_relations() + 2;
        let has = u32::try_from(num_relations)
            .map_err(|_| GraphError::TooMany { what: "relations", count: num_relations })?
            - 2;
        let both = knowledge.with_inverse_relations();
        let mut facts: Vec<(u32, u32, u32)> =
            both.triples().iter().map(|fact| (offset + fact.head.0, offset + fact.tail.0, fact.relation.0)).collect();
        for (user, item) in interactions.by_user().edges() {
            let node = offset + nodes.of_item[item as usize];
            facts.extend([(user, node, has), (node, user, has + 1)]);
        }
        facts.par_sort_unstable();
        // Two items that are one entity.
        facts.dedup();

        let met = |end: fn(&(u32, u32, u32)) -> u32| {
            Meetings::new(num_relations, facts.iter().map(|fact| (fact.2, end(fact))).collect())
        };
        let (heads, tails) = (met(|fact| fact.0), met(|fact| fact.1));
        let ends = facts.par_iter();
        let ends = ends.map(|&(head, tail, relation)| (heads.row_of(relation, head), tails.row_of(relation, tail)));
        let pairs: Vec<(u32, u32)> = facts.iter().map(|&(head, tail, _)| (head, tail)).collect();
        let starts = (0..facts.len()).filter(|&fact| fact == 0 || pairs[fact - 1] != pairs[fact]);
        let mut counted = vec![0usize; num_nodes + 1];
        pairs.iter().for_each(|pair| counted[pair.0 as usize + 1] += 1);
        for head in 0..num_nodes {
            counted[head + 1] += counted[head];
        }
        Ok(Self {
            pattern: EdgeGraph::new(Csr::from_edges(num_nodes, num_nodes, &pairs, Duplicates::First)?),
            facts_of_edge: starts.chain([facts.len()]).collect(),
            facts_of_head: counted,
            ends: ends.collect(),
            heads,
            tails,
        })
    }

    /// `π` of every fact under `e`, `num_nodes x dim`, `e_r`, `num_relations x relation_dim`, and `W_r`, each
    /// `dim x relation_dim`, summed over the facts of each edge of the pattern: what the messages are weighed with.
    pub(super) fn attention(&self, nodes: &Tensor<2>, relations: &Tensor<2>, transforms: &Tensor<3>) -> Vec<f32> {
        let projected =
            |side: &Meetings| grouped_linear(&side.bounds, gather_rows(nodes.clone(), &side.nodes), transforms.clone());
        let width = relations.dims()[1];
        let values = |table: Tensor<2>| table.into_data().try_to_vec::<f32>().expect("tables are 32-bit floats");
        let heads = projected(&self.heads) + gather_rows(relations.clone(), self.heads.relations());
        let (heads, tails) = (values(tanh(heads)), values(projected(&self.tails)));
        let logit = |&(head, tail): &(u32, u32)| -> f32 {
            let (head, tail) = (&heads[head as usize * width..][..width], &tails[tail as usize * width..][..width]);
            head.iter().zip(tail).map(|(head, tail)| head * tail).sum()
        };
        let logits: Vec<f32> = self.ends.par_iter().with_min_len(1024).map(logit).collect();
        let mut shares = vec![0f32; logits.len()];
        kernels::edge_softmax(&self.facts_of_head, &logits, 1, &mut shares);
        self.facts_of_edge.windows(2).map(|facts| shares[facts[0]..facts[1]].iter().sum()).collect()
    }
}
