//! What a model may see: the training interactions, and the ties, facts and features around them.
//!
//! Held-out interactions are another type, [`Holdout`], which no model ever receives.

use crate::{Csr, Features, GraphError, InteractionGraph, ItemId, KnowledgeGraph, SocialGraph, UserId};

/// The immutable training world of one dataset and split.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    interactions: InteractionGraph,
    social: Option<SocialGraph>,
    knowledge: Option<KnowledgeGraph>,
    item_features: Option<Features>,
    user_features: Option<Features>,
}

impl World {
    /// A world of interactions alone.
    #[must_use]
    pub fn new(interactions: InteractionGraph) -> Self {
        Self { interactions, social: None, knowledge: None, item_features: None, user_features: None }
    }

    /// Adds who knows or trusts whom.
    ///
    /// # Errors
    /// If the social graph counts other users than the interactions.
    pub fn with_social(mut self, social: SocialGraph) -> Result<Self, GraphError> {
        let (found, expected) = (social.num_users(), self.interactions.num_users());
        if found != expected {
            return Err(GraphError::Mismatch { part: "social graph", what: "users", found, expected });
        }
        self.social = Some(social);
        Ok(self)
    }

    /// Adds facts about items.
    ///
    /// # Errors
    /// If the knowledge graph is aligned to another number of items than the interactions count.
    pub fn with_knowledge(mut self, knowledge: KnowledgeGraph) -> Result<Self, GraphError> {
        let (found, expected) = (knowledge.num_items(), self.interactions.num_items());
        if found != expected {
            return Err(GraphError::Mismatch { part: "knowledge graph", what: "items", found, expected });
        }
        self.knowledge = Some(knowledge);
        Ok(self)
    }

    /// Adds what is known of each item beside the facts.
    ///
    /// # Errors
    /// If the features count other items than the interactions.
    pub fn with_item_features(mut self, features: Features) -> Result<Self, GraphError> {
        let (found, expected) = (features.num_nodes(), self.interactions.num_items());
        if found != expected {
            return Err(GraphError::Mismatch { part: "table of item features", what: "items", found, expected });
        }
        self.item_features = Some(features);
        Ok(self)
    }

    /// Adds what is known of each user beside the ties.
    ///
    /// # Errors
    /// If the features count other users than the interactions.
    pub fn with_user_features(mut self, features: Features) -> Result<Self, GraphError> {
        let (found, expected) = (features.num_nodes(), self.interactions.num_users());
        if found != expected {
            return Err(GraphError::Mismatch { part: "table of user features", what: "users", found, expected });
        }
        self.user_features = Some(features);
        Ok(self)
    }

    /// The training interactions.
    #[must_use]
    pub fn interactions(&self) -> &InteractionGraph {
        &self.interactions
    }

    /// Who knows or trusts whom, where the dataset says.
    #[must_use]
    pub fn social(&self) -> Option<&SocialGraph> {
        self.social.as_ref()
    }

    /// Facts about items, where the dataset has them.
    #[must_use]
    pub fn knowledge(&self) -> Option<&KnowledgeGraph> {
        self.knowledge.as_ref()
    }

    /// What is known of each item, where the dataset says.
    #[must_use]
    pub fn item_features(&self) -> Option<&Features> {
        self.item_features.as_ref()
    }

    /// What is known of each user, where the dataset says.
    #[must_use]
    pub fn user_features(&self) -> Option<&Features> {
        self.user_features.as_ref()
    }
}

/// Interactions kept from training, to validate or test on: for each user the relevant items, sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Holdout {
    relevant: Csr,
}

impl Holdout {
    /// Wraps the held-out user-item pattern (or held-out ratings, as weights).
    #[must_use]
    pub fn new(relevant: Csr) -> Self {
        Self { relevant }
    }

    /// Number of users, with and without held-out items.
    #[must_use]
    pub fn num_users(&self) -> usize {
        self.relevant.num_rows()
    }

    /// Number of items of the catalogue.
    #[must_use]
    pub fn num_items(&self) -> usize {
        self.relevant.num_cols()
    }

    /// Number of held-out interactions.
    #[must_use]
    pub fn num_interactions(&self) -> usize {
        self.relevant.num_edges()
    }

    /// Held-out items of one user, ascending; empty for a user without any.
    #[must_use]
    pub fn relevant(&self, user: UserId) -> &[ItemId] {
        ItemId::wrap_slice(self.relevant.row(user.index()))
    }

    /// Held-out ratings of one user in the order of [`Holdout::relevant`], where there are ratings.
    #[must_use]
    pub fn ratings(&self, user: UserId) -> Option<&[f32]> {
        self.relevant.row_weights(user.index())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Duplicates, TieDirection};

    #[test]
    fn parts_of_other_sizes_are_named() {
        let pairs = [(UserId(0), ItemId(1))];
        let world = || World::new(InteractionGraph::from_pairs(3, 2, &pairs, Duplicates::Error).unwrap());
        let social = |users| SocialGraph::from_ties(users, &[], TieDirection::Directed).unwrap();
        let knowledge = |items| KnowledgeGraph::new(1, 1, &[], vec![None; items]).unwrap();
        let whole = world().with_social(social(3)).unwrap().with_knowledge(knowledge(2)).unwrap();
        assert_eq!((whole.social(), whole.knowledge()), (Some(&social(3)), Some(&knowledge(2))));
        assert_eq!((world().social(), world().knowledge()), (None, None));
        assert_eq!(
            world().with_social(social(2)).unwrap_err().to_string(),
            "the social graph counts 2 users, the interactions count 3"
        );
        assert_eq!(
            world().with_knowledge(knowledge(3)).unwrap_err().to_string(),
            "the knowledge graph counts 3 items, the interactions count 2"
        );
    }

    #[test]
    fn features_are_of_the_users_and_items_there_are() {
        let world = || World::new(InteractionGraph::from_pairs(3, 2, &[], Duplicates::Error).unwrap());
        let (users, items) = (Features::new(3), Features::new(2));
        let whole = world().with_user_features(users.clone()).unwrap().with_item_features(items.clone()).unwrap();
        assert_eq!((whole.user_features(), whole.item_features()), (Some(&users), Some(&items)));
        assert_eq!((world().user_features(), world().item_features()), (None, None));
        assert_eq!(
            world().with_user_features(items).unwrap_err().to_string(),
            "the table of user features counts 2 users, the interactions count 3"
        );
        assert_eq!(
            world().with_item_features(users).unwrap_err().to_string(),
            "the table of item features counts 3 items, the interactions count 2"
        );
    }

    #[test]
    fn a_holdout_gives_items_and_ratings() {
        let csr = Csr::from_weighted_edges(2, 4, &[(1, 3, 2.0), (1, 0, 5.0)], Duplicates::Error).unwrap();
        let holdout = Holdout::new(csr.clone());
        assert_eq!((holdout.num_users(), holdout.num_items(), holdout.num_interactions()), (2, 4, 2));
        assert_eq!(holdout.relevant(UserId(1)), [ItemId(0), ItemId(3)]);
        assert_eq!(holdout.ratings(UserId(1)), Some(&[5.0, 2.0][..]));
        assert!(holdout.relevant(UserId(0)).is_empty());
        assert_eq!(Holdout::new(csr.to_pattern()).ratings(UserId(1)), None);
    }
}
