//! Models that see only the user-item graph, one file each.

mod lightgcn;
mod mf;
mod popularity;

pub use lightgcn::{LightGcn, LightGcnConfig};
pub use mf::{MfBpr, MfBprConfig};
pub use popularity::PopularityConfig;
