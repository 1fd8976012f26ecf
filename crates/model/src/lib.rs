//! The contract every model meets, and what models share: initial values, losses, the rows of a
//! batch, the joint graph, final tables, devices by name, and the suite that every model passes.
//!
//! It holds no model and no training loop.

mod batch;
pub mod conformance;
mod contract;
mod device;
mod dropout;
mod error;
mod features;
mod init;
mod loss;
mod plan;
mod propagated;
mod ranking_loss;
mod rated;
mod scorer;
mod sub_graph;
mod table;

pub use batch::{BatchRows, PairRows};
pub use contract::{ClosedForm, Family, GradientConfig, GradientModel, Phase, Step};
pub use device::{Adapter, DeviceChoice, DeviceError, GpuApi, OpenDevice};
pub use dropout::{drop_components, dropped_edges};
pub use error::ModelError;
pub use features::{EncoderInit, FeatureEncoder};
pub use gnnrec_graph::joint_graph;
pub use init::{normal_init, xavier_init};
pub use loss::{bpr_loss, cross_entropy_loss};
pub use plan::{Planner, ready_column};
pub use propagated::{PropagatedLoss, PropagatedPlan};
pub use ranking_loss::RankingLoss;
pub use rated::{DistinctRows, biased_scorer, mean_rating, weighted_squares};
pub use scorer::{joint_scorer, panel_scorer, table_scorer};
pub use sub_graph::{SubGraph, inverse_root};
pub use table::{Table, TableRows, columns_of_both, dense_gradients, fits_whole, side_by_side, whole_tables};
