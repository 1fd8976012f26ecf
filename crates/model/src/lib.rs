//! The contract every model meets, and the layers and losses that models share.

mod contract;
mod error;

pub use contract::{ClosedForm, Family, GradientConfig, GradientModel, Step};
pub use error::ModelError;
