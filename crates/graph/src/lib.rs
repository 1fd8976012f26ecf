//! Graph storage for recommendation: typed ids, checked sparse rows, and the three graphs of a world.
//!
//! It knows no file format, no randomness and no tensors. What it holds was checked when it was
//! built, so that nothing above has to check it again.

mod csr;
mod error;
mod ids;
mod interactions;
mod knowledge;
mod social;
mod world;

pub use csr::{Csr, Duplicates};
pub use error::GraphError;
pub use ids::{EntityId, ItemId, RelationId, UserId};
pub use interactions::InteractionGraph;
pub use knowledge::{KnowledgeGraph, Triple};
pub use social::{SocialGraph, TieDirection};
pub use world::{Holdout, World};
