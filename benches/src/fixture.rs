//! The folder that both sides of a comparison start from: `rivals/fixture.py` reads what is written here.
//!
//! Edges, the table before the first step, the batches of every step with their negatives, and a table to
//! rank with, as little-endian binary files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use gnnrec_graph::{ItemId, UserId, World};
use gnnrec_interaction::LightGcnConfig;
use gnnrec_model::{GradientConfig, GradientModel};
use gnnrec_sampling::{Sampler, SamplerConfig};
use serde::Serialize;

use crate::Failure;
use crate::training::{LEARNING_RATE, SEED};

/// Length of the lists in a comparison of ranking.
pub const K: usize = 20;

/// A folder that was written, and what it holds that ours needs too.
pub struct Fixture {
    /// Where it is.
    pub folder: PathBuf,
    /// The table before the first step, users and then items.
    pub initial: Vec<f32>,
    /// A table to rank with: the initial one, propagated.
    pub last: Vec<f32>,
}

#[derive(Serialize)]
struct Meta {
    num_users: usize,
    num_items: usize,
    dim: usize,
    num_layers: usize,
    learning_rate: f64,
    l2: f64,
    k: usize,
    threads: usize,
    batch_sizes: Vec<usize>,
}

/// Writes the folder with the batches of the first `num_steps` steps: those that the training loop draws.
///
/// # Errors
/// A configuration out of range, or a file that cannot be written.
pub fn write(
    folder: &Path,
    config: &LightGcnConfig,
    world: &World,
    num_steps: usize,
    threads: usize,
) -> Result<Fixture, Failure> {
    let interactions = world.interactions();
    let model = config.init(world, SEED, &Device::flex())?;
    let initial: Vec<f32> =
        model.nodes.weight().val().into_data().try_to_vec().map_err(|error| format!("{error:?}"))?;
    let scorer = model.scorer();
    let tables = scorer.inner_product().ok_or("LightGCN scores by inner products")?;
    let last = [tables.users, tables.items].concat();

    let mut edges = create(folder, "edges.u32")?;
    for (user, item) in interactions.by_user().edges() {
        put_ids(&mut edges, &[user, item])?;
    }
    edges.flush()?;
    for (name, table) in [("initial.f32", &initial), ("final.f32", &last)] {
        let mut file = create(folder, name)?;
        table.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
        file.flush()?;
    }
    let sampler = Sampler::new(interactions, SamplerConfig::default(), SEED)?;
    let mut file = create(folder, "batches.u32")?;
    let mut batch_sizes = Vec::with_capacity(num_steps);
    for step in 0..num_steps {
        let batch = sampler.batch((step / sampler.num_batches()) as u64, step % sampler.num_batches())?;
        put_ids(&mut file, UserId::peel_slice(&batch.users))?;
        put_ids(&mut file, ItemId::peel_slice(&batch.positives))?;
        put_ids(&mut file, ItemId::peel_slice(&batch.negatives))?;
        batch_sizes.push(batch.len());
    }
    file.flush()?;
    let meta = Meta {
        num_users: interactions.num_users(),
        num_items: interactions.num_items(),
        dim: config.embedding_dim,
        num_layers: config.num_layers,
        learning_rate: LEARNING_RATE,
        l2: config.l2,
        k: K,
        threads,
        batch_sizes,
    };
    std::fs::write(folder.join("meta.json"), serde_json::to_vec(&meta)?)?;
    Ok(Fixture { folder: folder.to_owned(), initial, last })
}

impl Fixture {
    /// A table that a driver left in the folder.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn floats(&self, name: &str) -> Result<Vec<f32>, Failure> {
        Ok(self.words(name)?.map(f32::from_le_bytes).collect())
    }

    /// Ids that a driver left in the folder.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn ids(&self, name: &str) -> Result<Vec<u32>, Failure> {
        Ok(self.words(name)?.map(u32::from_le_bytes).collect())
    }

    fn words(&self, name: &str) -> Result<impl Iterator<Item = [u8; 4]>, Failure> {
        let bytes = std::fs::read(self.folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        Ok(bytes.as_chunks::<4>().0.to_vec().into_iter())
    }
}

fn create(folder: &Path, name: &str) -> Result<BufWriter<File>, Failure> {
    Ok(BufWriter::new(File::create(folder.join(name))?))
}

fn put_ids(file: &mut impl Write, ids: &[u32]) -> std::io::Result<()> {
    ids.iter().try_for_each(|id| file.write_all(&id.to_le_bytes()))
}
