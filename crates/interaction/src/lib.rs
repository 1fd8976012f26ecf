//! Models that see only the user-item graph, one file each.

mod gfcf;
mod lightgcn;
mod mf;
mod popularity;

pub use gfcf::GfCfConfig;
pub use lightgcn::{LightGcn, LightGcnConfig};
pub use mf::{MfBpr, MfBprConfig};
pub use popularity::PopularityConfig;
