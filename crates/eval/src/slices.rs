//! Where a model is good: the means over groups of users and of items, from one [`Evaluation`].
//!
//! Nothing is ranked again. A group is anything with an order: the ready-made ones of `groups.rs`, or
//! a `bool` for a mask.

use std::collections::BTreeMap;

use gnnrec_graph::{Holdout, UserId};
use serde::{Deserialize, Serialize};

use crate::measures::{ratio, to_f64};
use crate::{EvalError, Evaluation, Metric};

/// One group and the mean over it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice<G> {
    /// Who or what it is about.
    pub group: G,
    /// Users in the mean, at least 1.
    pub num_users: usize,
    /// Their held-out items, ratings or labelled pairs that count for this slice.
    pub num_relevant: usize,
    /// The mean over these users, taken as the mean over all is: of RMSE and F1, for instance, over all
    /// their ratings and pairs together.
    pub mean: f64,
}

impl Evaluation {
    /// The mean of a metric over each group of users; `groups` has one entry for each user of the
    /// dataset, evaluated or not.
    ///
    /// Ascending by group; a group without evaluated users has no mean and is left out. The means,
    /// weighted by [`Slice::num_users`], give the mean over all. GAUC, MAE, the pair AUC and the pair
    /// accuracy do so weighted by [`Slice::num_relevant`], and so does RMSE squared; F1 does by no count here.
    /// The slices of the pair AUC are mean placements of the group's pairs among *all* pairs.
    ///
    /// ```
    /// use gnnrec_eval::{EmbeddingScorer, Metric, evaluate};
    /// use gnnrec_graph::{Csr, Duplicates, Holdout};
    /// let scorer = EmbeddingScorer::new(vec![1.0, 1.0, -1.0], vec![3.0, 1.0, 2.0], 1)?;
    /// let seen = Csr::from_edges(3, 3, &[(0, 0)], Duplicates::Error)?;
    /// let holdout = Holdout::new(Csr::from_edges(3, 3, &[(0, 2), (1, 2), (2, 1)], Duplicates::Error)?);
    /// let evaluation = evaluate(&scorer, &seen, &holdout, &[Metric::Recall(1)])?;
    /// let is_cold: Vec<bool> = (0..3).map(|user| seen.degree(user) == 0).collect();
    /// let slices = evaluation.by_user_group(Metric::Recall(1), &is_cold)?;
    /// assert_eq!((slices[0].group, slices[0].num_users, slices[0].mean), (false, 1, 1.0));
    /// assert_eq!((slices[1].group, slices[1].num_users, slices[1].mean), (true, 2, 0.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A metric without values per user, or another number of groups than of users.
    pub fn by_user_group<G: Ord + Clone>(&self, metric: Metric, groups: &[G]) -> Result<Vec<Slice<G>>, EvalError> {
        let values = self.per_user(metric).ok_or(EvalError::NoPerUser { metric })?;
        self.check_users("groups of users", groups.len())?;
        let mut members = BTreeMap::<&G, Vec<usize>>::new();
        for (position, user) in self.users().iter().enumerate() {
            members.entry(&groups[user.index()]).or_default().push(position);
        }
        let slice = |(group, positions): (&G, Vec<usize>)| Slice {
            group: group.clone(),
            num_users: positions.len(),
            num_relevant: positions.iter().map(|&position| self.num_relevant()[position]).sum(),
            mean: self.mean_of(metric, values, &positions),
        };
        Ok(members.into_iter().map(slice).collect())
    }

    /// Recall@K of the held-out items of each group of items; `groups` has one entry for each item of
    /// the catalogue, `holdout` is the one that was evaluated.
    ///
    /// ```text
    /// recall@K(g) = mean over users u with R(u,g) not empty of |L(u,K) ∩ R(u,g)| / |R(u,g)|
    /// ```
    ///
    /// `R(u,g)` are the held-out items of `u` in group `g`, `L(u,K)` the first `K` places of the list
    /// over the *whole* catalogue: a popular item that pushes a rare one out costs the rare one's group.
    /// One group of all items gives Recall@K itself. Ascending by group; a group without held-out items
    /// is left out, and no user who wants nothing of a group is in its mean.
    ///
    /// # Errors
    /// `Recall(k)` was not evaluated, another number of groups than of items, or another holdout.
    pub fn by_item_group<G: Ord + Clone>(
        &self,
        k: usize,
        holdout: &Holdout,
        groups: &[G],
    ) -> Result<Vec<Slice<G>>, EvalError> {
        let metric = Metric::Recall(k);
        let recalls = self.per_user(metric).ok_or(EvalError::NoPerUser { metric })?;
        self.check_users("users of the holdout", holdout.num_users())?;
        check_length("groups of items", groups.len(), holdout.num_items())?;
        let mut slices = BTreeMap::<&G, Slice<G>>::new();
        for (position, &user) in self.users().iter().enumerate() {
            let list = &self.lists()[position];
            let list = &list[..k.min(list.len())];
            let mut counts = BTreeMap::<&G, (usize, usize)>::new();
            for item in holdout.relevant(user) {
                let (num_hits, num_relevant) = counts.entry(&groups[item.index()]).or_default();
                *num_hits += usize::from(list.contains(item));
                *num_relevant += 1;
            }
            self.check_relevant(position, user, recalls[position], counts.values().copied())?;
            for (group, (num_hits, num_relevant)) in counts {
                let empty = || Slice { group: group.clone(), num_users: 0, num_relevant: 0, mean: 0.0 };
                let slice = slices.entry(group).or_insert_with(empty);
                slice.num_users += 1;
                slice.num_relevant += num_relevant;
                slice.mean += ratio(num_hits, num_relevant);
            }
        }
        let finish = |slice: Slice<G>| Slice { mean: slice.mean / to_f64(slice.num_users), ..slice };
        Ok(slices.into_values().map(finish).collect())
    }

    fn check_users(&self, what: &'static str, found: usize) -> Result<(), EvalError> {
        check_length(what, found, self.users().len() + self.num_users_without_relevant)
    }

    /// Whether hits and relevant items, counted again by group, are those that were evaluated.
    fn check_relevant(
        &self,
        position: usize,
        user: UserId,
        recall: f64,
        counts: impl Iterator<Item = (usize, usize)>,
    ) -> Result<(), EvalError> {
        let (num_hits, num_relevant) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let same =
            num_relevant == self.num_relevant()[position] && ratio(num_hits, num_relevant).total_cmp(&recall).is_eq();
        if same { Ok(()) } else { Err(EvalError::OtherHoldout { user }) }
    }
}

pub(crate) fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), EvalError> {
    if found == expected { Ok(()) } else { Err(EvalError::Length { what, found, expected }) }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Csr, Duplicates};
    use proptest::prelude::*;

    use super::*;
    use crate::{EmbeddingScorer, PopularityGroup, evaluate, popularity_groups};

    fn csr(rows: usize, cols: usize, edges: &[(u32, u32)]) -> Csr {
        Csr::from_edges(rows, cols, edges, Duplicates::First).unwrap()
    }

    /// Three users, five items; everybody's list is items 4, 3, 2, 1, 0 less the seen; user 1 wants nothing.
    fn world() -> (Evaluation, Csr, Holdout) {
        let seen = csr(3, 5, &[(0, 4), (1, 4), (2, 4), (0, 3), (1, 3), (0, 1), (2, 2)]);
        let holdout = Holdout::new(csr(3, 5, &[(0, 0), (0, 2), (2, 0), (2, 1), (2, 3)]));
        let scorer = EmbeddingScorer::new(vec![1.0; 3], vec![0.0, 1.0, 2.0, 3.0, 4.0], 1).unwrap();
        let metrics = [Metric::Recall(1), Metric::Recall(2), Metric::Ndcg(2), Metric::Gini(2), Metric::Gauc];
        (evaluate(&scorer, &seen, &holdout, &metrics).unwrap(), seen, holdout)
    }

    #[test]
    fn groups_of_items_by_hand() {
        let (evaluation, seen, holdout) = world();
        // Interactions 0 1 1 2 3: from the top 4, at the middle 3, at the end 1 and 2.
        let groups = popularity_groups(&seen);
        let slices = evaluation.by_item_group(1, &holdout, &groups).unwrap();
        let slice = |group, num_users, num_relevant, mean| Slice { group, num_users, num_relevant, mean };
        // User 0 gets 2 and wanted 0, 2; user 2 gets 3 and wanted 0, 1, 3.
        let expected = [
            slice(PopularityGroup::Mid, 1, 1, 1.0),
            slice(PopularityGroup::Tail, 2, 2, 0.5),
            slice(PopularityGroup::Cold, 2, 2, 0.0),
        ];
        assert_eq!(slices, expected);
        let json = serde_json::to_string(&slices).unwrap();
        assert!(json.starts_with(r#"[{"group":"mid","num_users":1,"num_relevant":1,"mean":1.0}"#), "{json}");
        assert_eq!(serde_json::from_str::<Vec<Slice<PopularityGroup>>>(&json).unwrap(), expected);
    }

    #[test]
    fn what_does_not_belong_together_is_named() {
        let (evaluation, _, holdout) = world();
        let metric = Metric::Gini(2);
        assert_eq!(evaluation.by_user_group(metric, &[0; 3]), Err(EvalError::NoPerUser { metric }));
        let length = |what, found, expected| Err(EvalError::Length { what, found, expected });
        assert_eq!(evaluation.by_user_group(Metric::Ndcg(2), &[0; 2]), length("groups of users", 2, 3));
        assert_eq!(evaluation.by_item_group(2, &holdout, &[0; 3]), length("groups of items", 3, 5));
        let metric = Metric::Recall(7);
        assert_eq!(evaluation.by_item_group(7, &holdout, &[0; 5]), Err(EvalError::NoPerUser { metric }));
        let larger = Holdout::new(csr(4, 5, &[(0, 0)]));
        assert_eq!(evaluation.by_item_group(2, &larger, &[0; 5]), length("users of the holdout", 4, 3));
        for other in [&[(0, 0), (0, 2), (2, 0), (2, 1)][..], &[(0, 0), (0, 2), (2, 0), (2, 1), (2, 4)]] {
            let other = Holdout::new(csr(3, 5, other));
            let expected = Err(EvalError::OtherHoldout { user: UserId(2) });
            assert_eq!(evaluation.by_item_group(2, &other, &[0; 5]), expected);
        }
    }

    proptest! {
        #[test]
        fn slices_are_plain_loops_and_add_up(
            (seen, relevant) in (prop::collection::vec((0u32..12, 0u32..20), 0..80), prop::collection::vec((0u32..12, 0u32..20), 1..60)),
            table in prop::collection::vec(-2i8..3, 32),
            (user_groups, item_groups) in (prop::collection::vec(0u8..4, 12), prop::collection::vec(0u8..4, 20)),
        ) {
            let (users, items) = table.split_at(12);
            let floats = |table: &[i8]| table.iter().map(|&x| f32::from(x)).collect::<Vec<_>>();
            let scorer = EmbeddingScorer::new(floats(users), floats(items), 1).unwrap();
            let holdout = Holdout::new(csr(12, 20, &relevant));
            let metrics = [Metric::Recall(4), Metric::Ndcg(9), Metric::Gauc];
            let evaluation = evaluate(&scorer, &csr(12, 20, &seen), &holdout, &metrics).unwrap();
            for metric in metrics {
                let slices = evaluation.by_user_group(metric, &user_groups).unwrap();
                prop_assert!(slices.is_sorted_by(|a, b| a.group < b.group));
                let weight = |slice: &Slice<u8>| to_f64(if metric == Metric::Gauc { slice.num_relevant } else { slice.num_users });
                let all = slices.iter().map(|slice| slice.mean * weight(slice)).sum::<f64>() / slices.iter().map(weight).sum::<f64>();
                prop_assert!((all - evaluation.mean(metric).unwrap()).abs() < 1e-12);
                prop_assert_eq!(slices.iter().map(|slice| slice.num_users).sum::<usize>(), evaluation.users().len());
            }
            for slice in evaluation.by_item_group(4, &holdout, &item_groups).unwrap() {
                let mut recalls = vec![];
                let mut num_relevant = 0;
                for (list, &user) in evaluation.lists().iter().zip(evaluation.users()) {
                    let wanted: Vec<_> = holdout.relevant(user).iter().filter(|item| item_groups[item.index()] == slice.group).collect();
                    if !wanted.is_empty() {
                        num_relevant += wanted.len();
                        let hits = list[..4.min(list.len())].iter().filter(|item| wanted.contains(item)).count();
                        recalls.push(hits as f64 / wanted.len() as f64);
                    }
                }
                prop_assert_eq!((slice.num_users, slice.num_relevant), (recalls.len(), num_relevant));
                prop_assert!((slice.mean - recalls.iter().sum::<f64>() / recalls.len() as f64).abs() < 1e-12);
            }
            let whole = evaluation.by_item_group(4, &holdout, &[(); 20]).unwrap();
            prop_assert!((whole[0].mean - evaluation.mean(Metric::Recall(4)).unwrap()).abs() < 1e-12);
        }
    }
}
