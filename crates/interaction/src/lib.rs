//! Models that see only the user-item graph, one file each.

mod ease;
mod gfcf;
mod item_knn;
mod lightgcn;
mod mf;
mod popularity;
mod rating_bias;
mod svdpp;

pub use ease::EaseConfig;
pub use gfcf::GfCfConfig;
pub use item_knn::ItemKnnConfig;
pub use lightgcn::{LightGcn, LightGcnConfig};
pub use mf::{MfBpr, MfBprConfig};
pub use popularity::PopularityConfig;
pub use rating_bias::RatingBiasConfig;
pub use svdpp::{SvdPp, SvdPpConfig};
