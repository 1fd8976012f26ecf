//! Which users and which items belong together: by activity, by popularity, by ties.
//!
//! Groups are made of training data alone, so that every model, and validation and test, are cut in
//! the same way. What the groups are worth is in `slices.rs`.

use std::collections::BTreeMap;

use gnnrec_graph::{Csr, SocialGraph};
use serde::{Deserialize, Serialize};

use crate::measures::ratio;

/// Where an item stands in the training interactions.
///
/// Items are laid out from the most to the least popular, each as wide as its interactions; an item is
/// placed by the middle of all items with its popularity, so that equally popular items are together
/// whatever their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PopularityGroup {
    /// In the first fifth of the interactions: few items, very popular.
    Head,
    /// Between head and tail.
    Mid,
    /// In the last fifth of the interactions: most items of most catalogues.
    Tail,
    /// Without a training interaction.
    Cold,
}

/// Where a user stands among the users with training interactions.
///
/// These users are laid out from the least to the most active, each equally wide, and cut in quarters;
/// a user is placed by the middle of all users with as many interactions, so that equally active users
/// are together whatever their ids. Where many users are equally active the groups are therefore not
/// quarters, and some may be missing. A middle on a bound belongs above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityGroup {
    /// Without a training interaction.
    Cold,
    /// The first quarter of the users with any: the fewest interactions.
    Least,
    /// The second quarter.
    Less,
    /// The third quarter.
    More,
    /// The last quarter: the most interactions.
    Most,
}

/// Whether a user has anybody to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieGroup {
    /// No tie in either direction: a social model sees for this user what any other model sees.
    Isolated,
    /// At least one tie, to or from another user.
    Connected,
}

/// The group of each item, from the training interactions `seen`, `num_users x num_items`.
#[must_use]
pub fn popularity_groups(seen: &Csr) -> Vec<PopularityGroup> {
    by_popularity(&popularity(seen))
}

/// The group of each user, from the training interactions `seen`, `num_users x num_items`.
///
/// ```
/// use gnnrec_eval::{ActivityGroup, activity_groups};
/// use gnnrec_graph::{Csr, Duplicates};
/// let seen = Csr::from_edges(5, 3, &[(0, 0), (1, 0), (1, 1), (2, 2), (3, 0), (3, 1), (3, 2)], Duplicates::Error)?;
/// // One interaction each for users 0 and 2, the lower half: their middle is on the first bound.
/// let expected = [ActivityGroup::Less, ActivityGroup::More, ActivityGroup::Less, ActivityGroup::Most, ActivityGroup::Cold];
/// assert_eq!(activity_groups(&seen), expected);
/// # Ok::<(), gnnrec_graph::GraphError>(())
/// ```
#[must_use]
pub fn activity_groups(seen: &Csr) -> Vec<ActivityGroup> {
    let activity: Vec<usize> = (0..seen.num_rows()).map(|user| seen.degree(user)).collect();
    let place = middles(&activity, |interactions| usize::from(interactions > 0));
    let group = |interactions: &usize| match place[interactions] {
        _ if *interactions == 0 => ActivityGroup::Cold,
        middle if middle < 0.25 => ActivityGroup::Least,
        middle if middle < 0.5 => ActivityGroup::Less,
        middle if middle < 0.75 => ActivityGroup::More,
        _ => ActivityGroup::Most,
    };
    activity.iter().map(group).collect()
}

/// The group of each user of the social graph; a tie in one direction connects both users.
#[must_use]
pub fn tie_groups(social: &SocialGraph) -> Vec<TieGroup> {
    let mut groups = vec![TieGroup::Isolated; social.num_users()];
    for (truster, trustee) in social.ties().edges() {
        groups[truster as usize] = TieGroup::Connected;
        groups[trustee as usize] = TieGroup::Connected;
    }
    groups
}

/// The number of interactions of each item.
pub(crate) fn popularity(seen: &Csr) -> Vec<usize> {
    let mut popularity = vec![0usize; seen.num_cols()];
    for &item in seen.indices() {
        popularity[item as usize] += 1;
    }
    popularity
}

/// The group of each item, from its number of interactions.
pub(crate) fn by_popularity(popularity: &[usize]) -> Vec<PopularityGroup> {
    let place = middles(popularity, |interactions| interactions);
    let group = |interactions: &usize| match place[interactions] {
        _ if *interactions == 0 => PopularityGroup::Cold,
        middle if middle < 0.2 => PopularityGroup::Tail,
        middle if middle <= 0.8 => PopularityGroup::Mid,
        _ => PopularityGroup::Head,
    };
    popularity.iter().map(group).collect()
}

/// Lays all values side by side in ascending order, each as wide as `width` says, and tells for each
/// level where the middle of its members stands, as a share of the whole width.
fn middles(values: &[usize], width: fn(usize) -> usize) -> BTreeMap<usize, f64> {
    let mut levels = BTreeMap::<usize, usize>::new();
    for &value in values {
        *levels.entry(value).or_default() += width(value);
    }
    let total: usize = levels.values().sum();
    let mut before = 0;
    for width in levels.values_mut() {
        (before, *width) = (before + *width, 2 * before + *width);
    }
    levels.into_iter().map(|(value, twice_middle)| (value, ratio(twice_middle, 2 * total))).collect()
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Duplicates, TieDirection, UserId};

    use super::*;

    #[test]
    fn popularity_groups_by_hand() {
        use PopularityGroup::{Cold, Head, Mid, Tail};
        // From the top: 3 of 10 with its middle at 1.5, two twos at 5, three ones at 8.5.
        assert_eq!(by_popularity(&[3, 1, 2, 0, 2, 1, 1]), [Head, Tail, Mid, Cold, Mid, Tail, Tail]);
        // Middles on the bounds, 2 of 10 and 8 of 10, are between head and tail.
        assert_eq!(by_popularity(&[2, 4, 2, 2]), [Mid; 4]);
        assert_eq!(by_popularity(&[1, 6, 1, 1, 1]), [Mid; 5]);
        assert_eq!(by_popularity(&[4; 6]), [Mid; 6]);
        assert_eq!(by_popularity(&[0, 0]), [Cold, Cold]);
        assert_eq!(by_popularity(&[]), []);
    }

    #[test]
    fn activity_groups_by_hand() {
        use ActivityGroup::{Cold, Least, Less, More, Most};
        let groups = |degrees: &[u32]| {
            let edges: Vec<(u32, u32)> =
                (0..).zip(degrees).flat_map(|(user, &degree)| (0..degree).map(move |item| (user, item))).collect();
            activity_groups(&Csr::from_edges(degrees.len(), 9, &edges, Duplicates::Error).unwrap())
        };
        // Eight users with interactions: middles at 1/16, 3/16, ...; users without do not move them.
        assert_eq!(
            groups(&[8, 0, 7, 6, 5, 4, 3, 0, 2, 1]),
            [Most, Cold, Most, More, More, Less, Less, Cold, Least, Least]
        );
        // All alike: the middle is one half, which belongs above the bound.
        assert_eq!(groups(&[3, 3, 3]), [More, More, More]);
        // Three of four with one interaction: their middle is 3/8.
        assert_eq!(groups(&[1, 1, 9, 1]), [Less, Less, Most, Less]);
        assert_eq!(groups(&[0]), [Cold]);
    }

    #[test]
    fn one_tie_connects_both_ends() {
        use TieGroup::{Connected, Isolated};
        let social =
            SocialGraph::from_ties(4, &[(UserId(1), UserId(3)), (UserId(2), UserId(2))], TieDirection::Directed);
        assert_eq!(tie_groups(&social.unwrap()), [Isolated, Connected, Isolated, Connected]);
    }

    #[test]
    fn groups_are_words_in_files() {
        assert_eq!(serde_json::to_string(&ActivityGroup::Least).unwrap(), r#""least""#);
        assert_eq!(serde_json::from_str::<TieGroup>(r#""isolated""#).unwrap(), TieGroup::Isolated);
    }
}
