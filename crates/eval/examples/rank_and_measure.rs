//! Two scorers on one small world: measured, cut into slices, compared, and asked for a list.
//!
//! Items 0 to 39 are of two tastes by turns, and so are users. Everybody has seen some items of their
//! taste, the popular ones more often; one more item of their taste is held out.

use std::error::Error;

use gnnrec_eval::{
    EmbeddingScorer, Metric, Scorer, activity_groups, compare, evaluate, holm, popularity_groups, recommend,
};
use gnnrec_graph::{Csr, Duplicates, Holdout, UserId};

/// Likes what many have seen; a model needs no more than this to be ranked.
struct Popularity {
    num_users: usize,
    counts: Vec<f32>,
}

impl Scorer for Popularity {
    fn num_users(&self) -> usize {
        self.num_users
    }
    fn num_items(&self) -> usize {
        self.counts.len()
    }
    fn score(&self, _: &[UserId], scores: &mut [f32]) {
        scores.chunks_exact_mut(self.counts.len()).for_each(|row| row.copy_from_slice(&self.counts));
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), Box<dyn Error>> {
    let (num_users, num_items) = (200u32, 40u32);
    // User u has seen 1 to 12 items of the own taste; their ids fall towards 0.
    let seen = |u: u32| (0..=u % 12).map(move |n| (u, (u + n * n * (1 + u % 3)) % num_items / 2 * 2 + u % 2));
    let wanted = |u: u32| (u, (7 * u + 4) % num_items / 2 * 2 + u % 2);
    let csr = |edges: &[(u32, u32)]| Csr::from_edges(num_users as usize, num_items as usize, edges, Duplicates::First);
    let seen = csr(&(0..num_users).flat_map(seen).collect::<Vec<_>>())?;
    let unseen = (0..num_users).map(wanted).filter(|&(user, item)| !seen.contains(user as usize, item));
    let holdout = Holdout::new(csr(&unseen.collect::<Vec<_>>())?);

    let items_seen = seen.transpose();
    let counts = (0..num_items as usize).map(|item| to_f32(items_seen.degree(item))).collect();
    let popularity = Popularity { num_users: num_users as usize, counts };
    // What a model would learn: taste in the first two columns, a little popularity in the third.
    let taste = |id: u32| if id.is_multiple_of(2) { [1.0, 0.0] } else { [0.0, 1.0] };
    let users = (0..num_users).flat_map(|u| [taste(u)[0], taste(u)[1], 0.01]).collect();
    let items = (0..num_items).flat_map(|i| [taste(i)[0], taste(i)[1], popularity.counts[i as usize]]).collect();
    let taste = EmbeddingScorer::new(users, items, 3)?;

    let metrics = ["recall@5", "ndcg@5", "auc", "coverage@5"].map(str::parse::<Metric>);
    let metrics = metrics.into_iter().collect::<Result<Vec<_>, _>>()?;
    let baseline = evaluate(&popularity, &seen, &holdout, &metrics)?;
    let candidate = evaluate(&taste, &seen, &holdout, &metrics)?;
    for metric in &metrics {
        let (before, after) = (&baseline.means()[metric], &candidate.means()[metric]);
        println!("{metric:>10}  popularity {before:.3}  taste {after:.3}");
    }
    for slice in candidate.by_user_group(Metric::Recall(5), &activity_groups(&seen))? {
        println!("users {:?}: recall@5 {:.3} of {}", slice.group, slice.mean, slice.num_users);
    }
    for slice in candidate.by_item_group(5, &holdout, &popularity_groups(&seen))? {
        println!("items {:?}: recall@5 {:.3} of {}", slice.group, slice.mean, slice.num_relevant);
    }
    let tested = [Metric::Recall(5), Metric::Ndcg(5)];
    let tested =
        tested.iter().map(|&metric| compare(&candidate, &baseline, metric, 1)).collect::<Result<Vec<_>, _>>()?;
    let corrected = holm(&tested.iter().map(|comparison| comparison.wilcoxon.p_value).collect::<Vec<_>>())?;
    for (comparison, p) in tested.iter().zip(corrected) {
        let difference = comparison.difference;
        println!(
            "{} +{:.3} [{:.3}, {:.3}], p = {p:.1e}",
            comparison.metric, difference.mean, difference.low, difference.high
        );
    }
    for place in &recommend(&taste, &seen, &[UserId(3)], 3)?[0] {
        println!("user 3 may like item {} ({:.2})", place.item, place.score);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn to_f32(count: usize) -> f32 {
    count as f32
}
