//! Models that also see who knows or trusts whom, one file each.

mod diffnet;
mod social_lightgcn;

pub use diffnet::{DiffNet, DiffNetConfig};
pub use social_lightgcn::{SocialLightGcn, SocialLightGcnConfig};
