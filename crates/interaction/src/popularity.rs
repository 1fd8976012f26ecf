//! Popularity: everybody is offered what most users have chosen. The row that every table needs.
//!
//! ```text
//! ŷ(u,i) = |users of i|
//! ```
//!
//! Departures: none; there is no paper. Items of one degree are ordered as ranking orders every tie.

use gnnrec_eval::{EmbeddingScorer, Scorer};
use gnnrec_graph::World;
use gnnrec_model::{ClosedForm, ModelError};
use serde::{Deserialize, Serialize};

/// How a popularity model is made: nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PopularityConfig {}

impl PopularityConfig {
    /// Nothing can be out of range.
    ///
    /// # Errors
    /// Never.
    pub fn validate(&self) -> Result<(), ModelError> {
        Ok(())
    }
}

impl ClosedForm for PopularityConfig {
    /// The inner product of a table of ones and a table of degrees, each one wide, so that ranking
    /// streams over it.
    fn fit(&self, world: &World, _: u64) -> Result<Box<dyn Scorer>, ModelError> {
        let (users, by_item) = (world.interactions().num_users(), world.interactions().by_item());
        #[expect(clippy::cast_precision_loss, reason = "a degree beyond 2^24 may be rounded")]
        let degrees = (0..by_item.num_rows()).map(|item| by_item.degree(item) as f32).collect();
        Ok(Box::new(EmbeddingScorer::new(vec![1.0; users], degrees, 1).expect("both tables are one wide")))
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, UserId};
    use gnnrec_model::conformance;

    use super::*;

    #[test]
    fn conforms() {
        conformance::check_closed_form(&PopularityConfig::default(), &conformance::world());
    }

    #[test]
    fn scores_by_hand() {
        let pairs = [(0, 1), (1, 1), (2, 1), (0, 2), (2, 3), (1, 3)].map(|(user, item)| (UserId(user), ItemId(item)));
        let world = World::new(InteractionGraph::from_pairs(4, 4, &pairs, Duplicates::Error).unwrap());
        let scorer = PopularityConfig {}.fit(&world, 0).unwrap();
        assert_eq!(conformance::all_scores(&*scorer), [0.0, 3.0, 1.0, 2.0].repeat(4));
        assert!(serde_json::from_str::<PopularityConfig>(r#"{"k": 3}"#).is_err());
    }
}
