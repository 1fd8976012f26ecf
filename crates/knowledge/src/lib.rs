//! Models that also see facts about items, one file each.

mod kgcn;

pub use kgcn::{Aggregator, Kgcn, KgcnConfig, KgcnLoss};
