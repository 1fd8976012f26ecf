//! What is known of every user or item beside the graphs: columns by name, of mixed kinds.
//!
//! Values are as they were read: nothing here is scaled, hashed or filled in. What to do about a missing value is
//! the model's business, and so is standardisation.

use crate::{Csr, GraphError};

/// One column: a value, or the absence of one, for each node.
#[derive(Clone, Debug, PartialEq)]
pub enum Feature {
    /// One of a few values, such as an occupation.
    Categorical {
        /// By node, each below `num_values`.
        values: Vec<Option<u32>>,
        /// How many different values there are.
        num_values: usize,
    },
    /// Any number of values out of some, such as genres: a pattern of `num_nodes x num_values`. A node whose values
    /// are missing and a node that has none are both an empty row.
    MultiValued(Csr),
    /// A number, such as an age, in the unit of the files.
    Numeric {
        /// By node, all finite.
        values: Vec<Option<f32>>,
    },
    /// A vector, such as a text's embedding. A node without one has zeros.
    Dense {
        /// Numbers of one node, at least 1.
        width: usize,
        /// `num_nodes x width`, row after row, all finite.
        values: Vec<f32>,
    },
}

impl Feature {
    /// How many numbers one node takes where a model spells the column out: the values of a categorical or
    /// multi-valued column, 1 for a number, the width of a vector.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Categorical { num_values, .. } => *num_values,
            Self::MultiValued(values) => values.num_cols(),
            Self::Numeric { .. } => 1,
            Self::Dense { width, .. } => *width,
        }
    }

    /// Checks the column for some nodes.
    fn check(&self, name: &str, num_nodes: usize) -> Result<(), GraphError> {
        let wrong =
            |found: String, expected: String| Err(GraphError::Feature { column: name.to_owned(), found, expected });
        let rows = match self {
            Self::Categorical { values, .. } => values.len(),
            Self::MultiValued(values) => values.num_rows(),
            Self::Numeric { values } => values.len(),
            Self::Dense { width: 0, .. } => return wrong("vectors of no numbers".into(), "at least one".into()),
            Self::Dense { width, values } if !values.len().is_multiple_of(*width) => {
                return wrong(format!("{} numbers", values.len()), format!("a multiple of the width {width}"));
            }
            Self::Dense { width, values } => values.len() / width,
        };
        if rows != num_nodes {
            return wrong(format!("values for {rows} nodes"), format!("one for each of {num_nodes}"));
        }
        match self {
            Self::Categorical { values, num_values } => {
                let outside = |value: &Option<u32>| value.is_some_and(|value| value as usize >= *num_values);
                match values.iter().position(outside) {
                    Some(node) => wrong(
                        format!("value {} at node {node}", values[node].unwrap_or_default()),
                        format!("one below {num_values}"),
                    ),
                    None => Ok(()),
                }
            }
            Self::MultiValued(values) if values.weights().is_some() => {
                wrong("values with weights".into(), "a pattern".into())
            }
            Self::MultiValued(_) => Ok(()),
            Self::Numeric { values } => {
                match values.iter().position(|value| value.is_some_and(|value| !value.is_finite())) {
                    Some(node) => {
                        wrong(format!("{} at node {node}", values[node].unwrap_or_default()), "a finite number".into())
                    }
                    None => Ok(()),
                }
            }
            Self::Dense { width, values } => match values.iter().position(|value| !value.is_finite()) {
                Some(at) => wrong(format!("{} at node {}", values[at], at / width), "a finite number".into()),
                None => Ok(()),
            },
        }
    }

    /// The rows of some nodes, in their order.
    fn select(&self, nodes: &[u32]) -> Self {
        let at = |node: &u32| *node as usize;
        match self {
            Self::Categorical { values, num_values } => {
                let values = nodes.iter().map(|node| values[at(node)]).collect();
                Self::Categorical { values, num_values: *num_values }
            }
            Self::MultiValued(values) => Self::MultiValued(values.select_rows(nodes)),
            Self::Numeric { values } => Self::Numeric { values: nodes.iter().map(|node| values[at(node)]).collect() },
            Self::Dense { width, values } => {
                let row = |node: &u32| &values[at(node) * width..(at(node) + 1) * width];
                Self::Dense { width: *width, values: nodes.iter().flat_map(row).copied().collect() }
            }
        }
    }
}

/// The features of all users or of all items: checked columns in the order in which they were added.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    num_nodes: usize,
    columns: Vec<(String, Feature)>,
}

impl Features {
    /// No column yet, for this many users or items.
    #[must_use]
    pub fn new(num_nodes: usize) -> Self {
        Self { num_nodes, columns: Vec::new() }
    }

    /// Adds a column.
    ///
    /// ```
    /// use gnnrec_graph::{Feature, Features};
    /// let age = Feature::Numeric { values: vec![Some(24.0), None, Some(53.0)] };
    /// let features = Features::new(3).with_column("age", age)?;
    /// assert!(features.column("age").is_some() && features.column("gender").is_none());
    /// # Ok::<(), gnnrec_graph::GraphError>(())
    /// ```
    ///
    /// # Errors
    /// A name that is taken, values for another number of nodes, a category outside its count, a number that is not
    /// finite, a vector of no numbers or a pattern with weights.
    pub fn with_column(mut self, name: &str, column: Feature) -> Result<Self, GraphError> {
        if self.column(name).is_some() {
            let (found, expected) = ("a second column of this name".to_owned(), "another name".to_owned());
            return Err(GraphError::Feature { column: name.to_owned(), found, expected });
        }
        column.check(name, self.num_nodes)?;
        self.columns.push((name.to_owned(), column));
        Ok(self)
    }

    /// Number of users or items.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.num_nodes
    }

    /// Names and columns, in the order in which they were added.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &Feature)> + '_ {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Feature> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, column)| column)
    }

    /// The features of some nodes, which are numbered anew in the order given. Values keep their numbers.
    ///
    /// # Panics
    /// If a node does not exist.
    #[must_use]
    pub fn select(&self, nodes: &[u32]) -> Self {
        let columns = self.columns.iter().map(|(name, column)| (name.clone(), column.select(nodes)));
        Self { num_nodes: nodes.len(), columns: columns.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duplicates;

    fn genres() -> Csr {
        Csr::from_edges(3, 4, &[(0, 3), (0, 1), (2, 0)], Duplicates::Error).unwrap()
    }

    fn all() -> Features {
        Features::new(3)
            .with_column("job", Feature::Categorical { values: vec![Some(1), None, Some(0)], num_values: 2 })
            .and_then(|features| features.with_column("genres", Feature::MultiValued(genres())))
            .and_then(|features| {
                features.with_column("age", Feature::Numeric { values: vec![None, Some(-2.5), Some(7.0)] })
            })
            .and_then(|features| {
                features.with_column("text", Feature::Dense { width: 2, values: vec![1.0, 2.0, 0.0, 0.0, 5.0, 6.0] })
            })
            .unwrap()
    }

    #[test]
    fn columns_are_found_by_name_and_keep_their_order() {
        let features = all();
        let found: Vec<_> = features.columns().map(|(name, column)| (name, column.width())).collect();
        assert_eq!(found, [("job", 2), ("genres", 4), ("age", 1), ("text", 2)]);
        assert_eq!((features.num_nodes(), features.column("nothing")), (3, None));
        assert_eq!(features.column("genres"), Some(&Feature::MultiValued(genres())));
    }

    #[test]
    fn a_selection_takes_every_kind_along() {
        let found = all().select(&[2, 0]);
        assert_eq!(found.num_nodes(), 2);
        let expected = Features::new(2)
            .with_column("job", Feature::Categorical { values: vec![Some(0), Some(1)], num_values: 2 })
            .unwrap()
            .with_column(
                "genres",
                Feature::MultiValued(Csr::from_edges(2, 4, &[(1, 3), (1, 1), (0, 0)], Duplicates::Error).unwrap()),
            )
            .unwrap()
            .with_column("age", Feature::Numeric { values: vec![Some(7.0), None] })
            .unwrap()
            .with_column("text", Feature::Dense { width: 2, values: vec![5.0, 6.0, 1.0, 2.0] })
            .unwrap();
        assert_eq!(found, expected);
    }

    #[test]
    fn wrong_columns_are_named() {
        let weighted = Csr::from_weighted_edges(3, 4, &[(0, 3, 2.0)], Duplicates::Error).unwrap();
        let numeric = |values: &[Option<f32>]| Feature::Numeric { values: values.to_vec() };
        let dense = |width, values: &[f32]| Feature::Dense { width, values: values.to_vec() };
        let one = Some(1.0);
        for (column, expected) in [
            (numeric(&[one, one]), "values for 2 nodes, expected one for each of 3"),
            (numeric(&[one, Some(f32::NAN), one]), "NaN at node 1, expected a finite number"),
            (
                Feature::Categorical { values: vec![None, None, Some(2)], num_values: 2 },
                "value 2 at node 2, expected one below 2",
            ),
            (Feature::Categorical { values: vec![None], num_values: 2 }, "values for 1 nodes"),
            (Feature::MultiValued(weighted), "values with weights, expected a pattern"),
            (Feature::MultiValued(genres().transpose()), "values for 4 nodes"),
            (dense(0, &[]), "vectors of no numbers, expected at least one"),
            (dense(2, &[0.0; 5]), "5 numbers, expected a multiple of the width 2"),
            (dense(2, &[0.0; 4]), "values for 2 nodes"),
            (dense(1, &[0.0, 1.0, f32::INFINITY]), "inf at node 2, expected a finite number"),
        ] {
            let error = Features::new(3).with_column("x", column).unwrap_err().to_string();
            assert!(error.starts_with(&format!("feature `x`: {expected}")), "{error}");
        }
        let error = all().with_column("age", numeric(&[one; 3])).unwrap_err().to_string();
        assert_eq!(error, "feature `age`: a second column of this name, expected another name");
    }
}
