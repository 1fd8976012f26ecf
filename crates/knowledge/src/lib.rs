//! Models that also see facts about items, one file each.

mod kgat;
mod kgcn;
mod kgin;
mod nodes;

pub use kgat::{Kgat, KgatAggregator, KgatConfig};
pub use kgcn::{Aggregator, Kgcn, KgcnConfig, KgcnLoss};
pub use kgin::{Independence, Kgin, KginConfig};
