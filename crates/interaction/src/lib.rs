//! Models that see the user-item graph and, where they say so, features of items; one file each.

mod ease;
mod gfcf;
mod item_knn;
mod lightgcn;
mod mf;
mod ngcf;
mod pinsage;
mod popularity;
mod rating_bias;
mod svdpp;

pub use ease::EaseConfig;
pub use gfcf::GfCfConfig;
pub use item_knn::ItemKnnConfig;
pub use lightgcn::{LightGcn, LightGcnConfig};
pub use mf::{MfBpr, MfBprConfig};
pub use ngcf::{Layer as NgcfLayer, Ngcf, NgcfConfig};
pub use pinsage::{Convolution, ItemNegatives, PinSage, PinSageConfig};
pub use popularity::PopularityConfig;
pub use rating_bias::RatingBiasConfig;
pub use svdpp::{SvdPp, SvdPpConfig};
