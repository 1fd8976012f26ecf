//! Ids as types, so that a user can never be passed where an item belongs.
//!
//! Every id is a dense index, `0 .. count`, into one dataset's vocabulary. External names live in
//! the data crate; nothing below it ever sees them.
//!
//! ```
//! # use gnnrec_graph::{InteractionGraph, Duplicates, UserId, ItemId};
//! let graph = InteractionGraph::from_pairs(3, 5, &[(UserId(0), ItemId(4))], Duplicates::Error)?;
//! assert_eq!(graph.users_of(ItemId(4)), [UserId(0)]);
//! # Ok::<(), gnnrec_graph::GraphError>(())
//! ```
//!
//! With the two swapped it does not compile:
//!
//! ```compile_fail,E0308
//! # use gnnrec_graph::{InteractionGraph, Duplicates, UserId, ItemId};
//! let graph = InteractionGraph::from_pairs(3, 5, &[(ItemId(4), UserId(0))], Duplicates::Error)?;
//! # Ok::<(), gnnrec_graph::GraphError>(())
//! ```
//!
//! ```compile_fail,E0308
//! # use gnnrec_graph::{InteractionGraph, Duplicates, UserId, ItemId};
//! # let graph = InteractionGraph::from_pairs(3, 5, &[], Duplicates::Error)?;
//! assert_eq!(graph.users_of(UserId(0)), []);
//! # Ok::<(), gnnrec_graph::GraphError>(())
//! ```

use bytemuck::TransparentWrapper;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("Dense index of ", $what, ".")]
        #[derive(
            Clone,
            Copy,
            Debug,
            Default,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            Serialize,
            Deserialize,
            TransparentWrapper,
        )]
        #[repr(transparent)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as a row number.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// Views raw indices as ids, without a copy. The caller vouches for what they count.
            #[must_use]
            pub fn wrap_slice(raw: &[u32]) -> &[Self] {
                <Self as TransparentWrapper<u32>>::wrap_slice(raw)
            }

            /// Views ids as raw indices, without a copy.
            #[must_use]
            pub fn peel_slice(ids: &[Self]) -> &[u32] {
                <Self as TransparentWrapper<u32>>::peel_slice(ids)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(UserId, "a user");
id!(ItemId, "an item");
id!(EntityId, "a node of the knowledge graph");
id!(RelationId, "a relation type of the knowledge graph");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_of_ids_is_the_slice_of_numbers() {
        let raw = [7, 0, u32::MAX];
        let items = ItemId::wrap_slice(&raw);
        assert_eq!(items, [ItemId(7), ItemId(0), ItemId(u32::MAX)]);
        assert_eq!(ItemId::peel_slice(items), raw);
        assert_eq!((items[0].index(), items[0].to_string()), (7, "7".to_owned()));
    }
}
