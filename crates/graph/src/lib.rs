//! Graph storage for recommendation: typed ids, checked sparse rows, and the three graphs of a world.
//!
//! It knows no file format but its own ([`store`]), no randomness and no tensors. What it holds was checked when
//! it was built or opened, so that nothing above has to check it again.

mod components;
mod csr;
mod error;
mod features;
mod ids;
mod interactions;
mod joint;
mod knowledge;
mod labelled_pairs;
mod normalisation;
mod paths;
pub mod petgraph_bridge;
mod social;
pub mod store;
mod world;

pub use components::{Components, Core, connected_components, k_core};
pub use csr::{Csr, Duplicates};
pub use error::GraphError;
pub use features::{Feature, Features};
pub use ids::{EntityId, ItemId, RelationId, UserId};
pub use interactions::InteractionGraph;
pub use joint::{JointGraph, Node, joint_graph};
pub use knowledge::{KnowledgeGraph, Triple};
pub use labelled_pairs::LabelledPairs;
pub use normalisation::{Normalisation, col_degrees, row_degrees};
pub use social::{SocialGraph, TieDirection};
pub use world::{Holdout, World};
