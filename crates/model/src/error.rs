//! Why a model cannot be made.

/// A model that cannot be made from its configuration and world.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A configuration value out of range.
    #[error("{model}: {field} is {found}, expected {expected}")]
    Config {
        /// The model's name.
        model: &'static str,
        /// The field, as written in a spec.
        field: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// The world lacks what the model looks at.
    #[error("{model} needs {needs}, which this dataset does not have; choose a dataset with one or another model")]
    Missing {
        /// The model's name.
        model: &'static str,
        /// What it needs, with its article: `a social graph`.
        needs: &'static str,
    },
    /// The problem is too large for the method.
    #[error("{model} would hold {bytes} bytes for {what}, more than the limit of {limit}; {remedy}")]
    TooLarge {
        /// The model's name.
        model: &'static str,
        /// What would be held.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
        /// What to do instead.
        remedy: &'static str,
    },
    /// The numbers broke down.
    #[error("{model}: {what}")]
    Numeric {
        /// The model's name.
        model: &'static str,
        /// What happened, and what to change.
        what: String,
    },
    /// A graph that the model derives cannot be built.
    #[error(transparent)]
    Graph(#[from] gnnrec_graph::GraphError),
    /// What a model draws from its graph cannot be drawn.
    #[error(transparent)]
    Sampling(#[from] gnnrec_sampling::SamplingError),
}

impl ModelError {
    /// Refuses a configuration value unless `holds`.
    ///
    /// # Errors
    /// [`ModelError::Config`] if it does not hold.
    pub fn expect(
        holds: bool,
        model: &'static str,
        field: &'static str,
        found: impl std::fmt::Display,
        expected: &'static str,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::Config { model, field, found: found.to_string(), expected }) }
    }
}
