//! Sparse rows against a map of maps, and each refusal by name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use proptest::prelude::*;

use super::*;

const POLICIES: [Duplicates; 4] = [Duplicates::Sum, Duplicates::Max, Duplicates::First, Duplicates::Error];

type Model = BTreeMap<(u32, u32), f32>;

/// The plainest construction; `None` where a repeated edge is refused.
fn model(edges: &[(u32, u32, f32)], duplicates: Duplicates) -> Option<Model> {
    let mut model = Model::new();
    for &(row, col, weight) in edges {
        match model.entry((row, col)) {
            Entry::Vacant(entry) => {
                entry.insert(weight);
            }
            Entry::Occupied(mut entry) => match duplicates {
                Duplicates::Sum => *entry.get_mut() += weight,
                Duplicates::Max => *entry.get_mut() = entry.get().max(weight),
                Duplicates::First => {}
                Duplicates::Error => return None,
            },
        }
    }
    Some(model)
}

/// Every accessor tells the same story as the map.
fn assert_is(csr: &Csr, num_rows: usize, num_cols: usize, model: &Model, weighted: bool) {
    assert_eq!((csr.num_rows(), csr.num_cols(), csr.num_edges()), (num_rows, num_cols, model.len()));
    assert!(csr.edges().eq(model.keys().copied()));
    assert_eq!(csr.weights().map(<[f32]>::to_vec), weighted.then(|| model.values().copied().collect()));
    assert_eq!((csr.indptr()[0], csr.indptr()[num_rows]), (0, model.len()));
    for row in 0..num_rows {
        let here = || model.iter().filter(|((r, _), _)| *r as usize == row);
        assert!(csr.row(row).iter().eq(here().map(|((_, col), _)| col)));
        assert_eq!(csr.row_weights(row).map(<[f32]>::to_vec), weighted.then(|| here().map(|(_, &w)| w).collect()));
        assert_eq!(csr.degree(row), here().count());
        assert_eq!(csr.row(row), &csr.indices()[csr.indptr()[row]..csr.indptr()[row + 1]]);
        for col in (0..).take(num_cols) {
            assert_eq!(csr.contains(row, col), here().any(|((_, c), _)| *c == col));
        }
    }
}

fn transposed(model: &Model) -> Model {
    model.iter().map(|(&(row, col), &weight)| ((col, row), weight)).collect()
}

proptest! {
    #[test]
    fn any_edges_under_any_policy(
        (num_rows, num_cols) in (1u32..12, 1u32..9),
        edges in prop::collection::vec((0u32..12, 0u32..9, -40i8..40), 0..90),
        policy in prop::sample::select(&POLICIES[..]),
    ) {
        // Small multiples of 1/8 add without rounding, whatever their order.
        let edges: Vec<(u32, u32, f32)> =
            edges.into_iter().map(|(r, c, w)| (r % num_rows, c % num_cols, f32::from(w) / 8.0)).collect();
        let pairs: Vec<(u32, u32)> = edges.iter().map(|&(row, col, _)| (row, col)).collect();
        let (rows, cols) = (num_rows as usize, num_cols as usize);
        let (pattern, weighted) =
            (Csr::from_edges(rows, cols, &pairs, policy), Csr::from_weighted_edges(rows, cols, &edges, policy));
        let Some(model) = model(&edges, policy) else {
            for error in [pattern.unwrap_err(), weighted.unwrap_err()] {
                let GraphError::DuplicateEdge { edge, row, col } = error else { panic!("{error}") };
                prop_assert_eq!(pairs[edge], (row, col));
                prop_assert!(pairs[..edge].contains(&(row, col)));
            }
            return Ok(());
        };
        let (pattern, weighted) = (pattern.unwrap(), weighted.unwrap());
        assert_is(&pattern, rows, cols, &model, false);
        assert_is(&weighted, rows, cols, &model, true);
        prop_assert_eq!(&weighted.to_pattern(), &pattern);
        prop_assert_eq!(&pattern.with_weights(model.values().copied().collect()).unwrap(), &weighted);

        for csr in [&pattern, &weighted] {
            let (transpose, edge_of) = csr.transpose_with_edges();
            assert_is(&transpose, cols, rows, &transposed(&model), csr.weights().is_some());
            prop_assert_eq!(&csr.transpose(), &transpose);
            prop_assert_eq!(&transpose.transpose(), csr);
            let (there, back): (Vec<_>, Vec<_>) = (csr.edges().collect(), transpose.edges().collect());
            prop_assert_eq!(edge_of.len(), back.len());
            prop_assert!(edge_of.iter().zip(back).all(|(&edge, (col, row))| there[edge] == (row, col)));
        }
    }

    #[test]
    fn threads_change_nothing(edges in prop::collection::vec((0u32..700, 0u32..50, 0.0f32..1.0), 0..3_000)) {
        let build = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Csr::from_weighted_edges(700, 50, &edges, Duplicates::Sum)).unwrap()
        };
        let alone = build(1);
        prop_assert!([2, 5].into_iter().all(|threads| build(threads) == alone));
    }
}

#[test]
fn a_hub_longer_than_one_sort() {
    let edges: Vec<(u32, u32)> = (0..100_000u32).map(|edge| (1, edge.wrapping_mul(7_919) % 100_003)).collect();
    let csr = Csr::from_edges(3, 100_003, &edges, Duplicates::Error).unwrap();
    let mut expected: Vec<u32> = edges.iter().map(|edge| edge.1).collect();
    expected.sort_unstable();
    assert_eq!(csr.row(1), expected);
}

#[test]
fn the_first_of_many_wrong_edges_is_named() {
    let mut edges = vec![(0, 0, 1.0); 100_000];
    (edges[40_000].0, edges[90_000].0) = (7, 8);
    let error = Csr::from_weighted_edges(2, 2, &edges, Duplicates::First).unwrap_err();
    assert_eq!(error.to_string(), "edge 40000: (7, 0) lies outside a 2 x 2 matrix");
    (edges[40_000].2, edges[99_999].2) = (f32::INFINITY, f32::NAN);
    let error = Csr::from_weighted_edges(2, 2, &edges, Duplicates::First).unwrap_err();
    assert_eq!(error.to_string(), "edge 40000: (7, 0) has weight inf, expected a finite number");
}

#[test]
fn nothing_at_all() {
    for (rows, cols) in [(0, 0), (0, 5), (3, 0)] {
        let csr = Csr::from_edges(rows, cols, &[], Duplicates::Error).unwrap();
        assert_is(&csr, rows, cols, &Model::new(), false);
        assert_is(&csr.transpose(), cols, rows, &Model::new(), false);
    }
    let csr = Csr::from_weighted_edges(2, 2, &[], Duplicates::Sum).unwrap();
    assert_eq!(csr.weights(), Some(&[][..]));
}

#[test]
fn bad_edges_are_named() {
    let refused = |edges: &[(u32, u32, f32)], policy| {
        Csr::from_weighted_edges(2, 3, edges, policy).expect_err("an error").to_string()
    };
    assert_eq!(refused(&[(0, 0, 1.0), (2, 1, 1.0)], Duplicates::Sum), "edge 1: (2, 1) lies outside a 2 x 3 matrix");
    assert_eq!(refused(&[(1, 3, 1.0)], Duplicates::Sum), "edge 0: (1, 3) lies outside a 2 x 3 matrix");
    assert_eq!(
        refused(&[(1, 2, 1.0), (0, 1, f32::NAN)], Duplicates::Sum),
        "edge 1: (0, 1) has weight NaN, expected a finite number"
    );
    assert_eq!(
        refused(&[(1, 2, f32::MAX), (0, 0, 1.0), (1, 2, f32::MAX)], Duplicates::Sum),
        "edge 2: (1, 2) has weight inf, expected a finite number"
    );
    assert_eq!(
        refused(&[(1, 2, 1.0), (0, 0, 1.0), (1, 2, 5.0)], Duplicates::Error),
        "edge 2: (1, 2) was given before; choose how duplicates are merged or remove it"
    );
    let error = Csr::from_edges(0, 1, &[(0, 0)], Duplicates::First).expect_err("no row to stand in");
    assert_eq!(error.to_string(), "edge 0: (0, 0) lies outside a 0 x 1 matrix");
    let error = Csr::from_edges(1 << 32, 1, &[], Duplicates::First).expect_err("too many rows");
    assert_eq!(error.to_string(), "4294967296 rows, expected at most 4294967295");
}

#[test]
fn bad_weights_are_named() {
    let csr = Csr::from_edges(4, 3, &[(0, 1), (3, 0), (3, 2)], Duplicates::Error).unwrap();
    let refused = |weights: &[f32]| csr.with_weights(weights.to_vec()).expect_err("an error").to_string();
    assert_eq!(refused(&[1.0, 2.0]), "2 weights for 3 edges; give one for each");
    assert_eq!(refused(&[1.0, 2.0, f32::NEG_INFINITY]), "edge 2: (3, 2) has weight -inf, expected a finite number");
}

#[test]
fn selected_rows_come_in_the_order_given() {
    let csr = Csr::from_weighted_edges(3, 4, &[(0, 3, 1.0), (0, 1, 2.0), (2, 0, 3.0)], Duplicates::Error).unwrap();
    let expected =
        Csr::from_weighted_edges(4, 4, &[(0, 0, 3.0), (2, 1, 2.0), (2, 3, 1.0), (3, 0, 3.0)], Duplicates::Error);
    assert_eq!(csr.select_rows(&[2, 1, 0, 2]), expected.unwrap());
    assert_eq!(
        csr.to_pattern().select_rows(&[0]),
        Csr::from_edges(1, 4, &[(0, 1), (0, 3)], Duplicates::Error).unwrap()
    );
    assert_eq!(csr.select_rows(&[]).num_rows(), 0);
}

#[test]
fn columns_without_edges_can_be_left_out() {
    let csr = Csr::from_weighted_edges(3, 6, &[(0, 5, 1.0), (2, 1, 2.0), (2, 5, 3.0)], Duplicates::Error).unwrap();
    let (used, columns) = csr.used_columns();
    assert_eq!(columns, [1, 5]);
    let expected = Csr::from_weighted_edges(3, 2, &[(0, 1, 1.0), (2, 0, 2.0), (2, 1, 3.0)], Duplicates::Error);
    assert_eq!(used, expected.unwrap());
    assert_eq!(csr.select_rows(&[1]).used_columns().1, [0u32; 0]);
}
