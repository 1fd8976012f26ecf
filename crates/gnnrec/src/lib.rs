//! Graph neural recommendation: from interactions (and, where there are any, social ties and a knowledge
//! graph) to trained models, honest comparisons and recommendations.
//!
//! This crate is the door to the others and adds no code of its own but the `gnnrec` command line. Whoever
//! wants one part only may depend on that crate alone: `gnnrec-graph`, `gnnrec-data`, `gnnrec-sampling` and
//! `gnnrec-eval` link no tensor library.
//!
//! | module | holds |
//! | --- | --- |
//! | [`graph`] | typed ids, sparse rows, the interaction, social and knowledge graphs |
//! | [`data`] | readers, filters, splits, dataset manifests, the generated demo world |
//! | [`sampling`] | negatives and batches; randomness is always an argument |
//! | [`sparse`] | sparse operations with gradients for Burn tensors |
//! | [`eval`] | ranking of the whole catalogue, metrics, slices, significance |
//! | [`model`] | the contract that every model meets, shared layers and losses |
//! | [`interaction`], [`social`], [`knowledge`] | the models, a file each |
//! | [`train`] | the loop: optimiser, early stop, checkpoints, record |
//! | [`experiment`] | a spec becomes runs, a table and a report |
//!
//! ```no_run
//! use std::path::Path;
//! use gnnrec::experiment::{self, Environment, Overrides, Place, Spec};
//!
//! let chosen = Overrides { models: Some(vec!["popularity".into(), "lightgcn".into()]), ..Default::default() };
//! let spec = Spec::demo().with(&chosen)?;
//! let place = Place::new(Path::new("datasets/cache"), Path::new("runs/two"));
//! let results = experiment::run(spec, &place, Environment::default(), &mut ())?;
//! for model in &results.models {
//!     println!("{}: {:?}", model.label, model.metrics);
//! }
//! # Ok::<(), experiment::ExperimentError>(())
//! ```

pub use gnnrec_data as data;
pub use gnnrec_eval as eval;
pub use gnnrec_experiment as experiment;
pub use gnnrec_graph as graph;
pub use gnnrec_interaction as interaction;
pub use gnnrec_knowledge as knowledge;
pub use gnnrec_model as model;
pub use gnnrec_sampling as sampling;
pub use gnnrec_social as social;
pub use gnnrec_sparse as sparse;
pub use gnnrec_train as train;
