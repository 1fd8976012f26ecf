//! Models that also see who knows or trusts whom, one file each.

mod diffnet;
mod graphrec;
mod social_lightgcn;
mod social_mf;
mod trust_svd;

pub use diffnet::{DiffNet, DiffNetConfig};
pub use graphrec::{FriendVectors, GraphRec, GraphRecConfig};
pub use social_lightgcn::{SocialLightGcn, SocialLightGcnConfig};
pub use social_mf::{RatingPrediction, SocialMf, SocialMfConfig};
pub use trust_svd::{TrustSvd, TrustSvdConfig};
