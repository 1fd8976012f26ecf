//! What comes back is what was written; what is not is refused, whatever is wrong with it.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{Csr, Duplicates};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/graph.gnnrec");
    (folder, path)
}

/// Three rows, the second empty.
fn sample() -> Csr {
    Csr::from_weighted_edges(3, 5, &[(0, 1, 0.5), (0, 4, 2.0), (2, 3, -1.0)], Duplicates::Error).unwrap()
}

/// Puts other bytes in the place of a file, which is read-only.
fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The checksum that makes any bytes look as if they had been written like this.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len() as u64;
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    let hash = blake3::Hasher::new().update(&bytes[..32]).update(&bytes[64..]).finalize();
    bytes[CHECKSUM].copy_from_slice(hash.as_bytes());
    bytes
}

/// The error of a file of these bytes, without the path; it always says what to do.
fn refused(path: &Path, bytes: &[u8]) -> String {
    replace(path, bytes);
    let error = Csr::open(path).expect_err("an error").to_string();
    let error = error.strip_prefix(&format!("{}: ", path.display())).expect("the path comes first");
    error.strip_suffix("; delete the file and have it written again").expect("the remedy comes last").to_owned()
}

proptest! {
    #[test]
    fn any_matrix_comes_back(
        edges in prop::collection::vec((0u32..9, 0u32..7, -4.0f32..4.0), 0..60),
        (num_rows, num_cols) in (9usize..12, 7usize..200),
        weighted: bool,
    ) {
        let csr = Csr::from_weighted_edges(num_rows, num_cols, &edges, Duplicates::Sum).unwrap();
        let csr = if weighted { csr } else { csr.to_pattern() };
        let (_folder, path) = folder();
        csr.save(&path).unwrap();
        let opened = Csr::open(&path).unwrap();
        prop_assert_eq!(&opened, &csr);
        prop_assert!(opened.indptr.is_mapped() && opened.indices.is_mapped());
        prop_assert_eq!(opened.transpose(), csr.transpose());
        // Over a file that is there, while it is mapped; what was opened stays as it was.
        sample().save(&path).unwrap();
        prop_assert_eq!(&opened, &csr);
        prop_assert_eq!(Csr::open(&path).unwrap(), sample());
    }

    #[test]
    fn any_wrong_byte_is_refused(at in any::<prop::sample::Index>(), change in 1u8..) {
        let (_folder, path) = folder();
        sample().save(&path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        refused(&path, &bytes);
    }

    #[test]
    fn any_bytes_behind_a_right_checksum_are_no_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (_folder, path) = folder();
        sample().save(&path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        replace(&path, &signed(bytes));
        if let Ok(csr) = Csr::open(&path) {
            // Whatever it is, it is a matrix.
            let edges: Vec<_> = csr.edges().zip(csr.weights().map_or(vec![0.0; csr.num_edges()], <[f32]>::to_vec)).collect();
            let edges: Vec<_> = edges.into_iter().map(|((row, col), weight)| (row, col, weight)).collect();
            let again = Csr::from_weighted_edges(csr.num_rows(), csr.num_cols(), &edges, Duplicates::Error).unwrap();
            prop_assert_eq!(again.to_pattern(), csr.to_pattern());
        }
    }
}

#[test]
fn every_other_length_is_refused() {
    let (_folder, path) = folder();
    sample().save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        let error = refused(&path, &bytes[..length]);
        let expected = if length < HEADER { "at least 64 bytes".to_owned() } else { format!("{} bytes", bytes.len()) };
        assert_eq!(error, format!("the length is {length}, expected {expected}"));
    }
    let longer = [&bytes[..], b"\n"].concat();
    assert_eq!(refused(&path, &longer), format!("the length is {}, expected {} bytes", longer.len(), bytes.len()));
}

#[test]
fn what_is_wrong_is_named() {
    let (_folder, path) = folder();
    sample().save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let with = |changes: &[(usize, &[u8])]| {
        let mut bytes = bytes.clone();
        changes.iter().for_each(|(at, change)| bytes[*at..at + change.len()].copy_from_slice(change));
        signed(bytes)
    };
    let at = |name: &str| {
        let entry = (HEADER..).step_by(ENTRY).find(|&at| bytes[at..].starts_with(name.as_bytes())).unwrap();
        (entry, usize::try_from(u64::from_le_bytes(bytes[entry + 48..entry + 56].try_into().unwrap())).unwrap())
    };
    let (shape, indptr, indices, weights) = (at("csr.shape"), at("csr.indptr"), at("csr.indices"), at("csr.weights"));
    assert!([shape, indptr, indices, weights].iter().all(|place| place.1 % ALIGNMENT == 0));
    let huge = u64::MAX.to_le_bytes();
    for (changes, expected) in [
        (&[(0, &b"PK"[..])][..], r"the beginning is PKnrecST, expected gnnrecST"),
        (&[(8, &[1, 2, 3, 4])], "the byte order is 0x04030201, expected 0x01020304"),
        (&[(12, &[2])], "the version is 2, expected 1"),
        (&[(24, &huge)], "the number of arrays is more, expected at most"),
        (
            &[(shape.0, b"x")],
            "the table is csr.indices, csr.indptr, csr.weights, xsr.shape, expected an array `csr.shape`",
        ),
        (&[(indices.0 + 44, &[5])], "`csr.indices` is an array of f32, expected an array of u32"),
        (&[(indices.0 + 48, &[1])], "`csr.indices` is somewhere else, expected at a multiple of 64"),
        (&[(indices.0 + 56, &huge)], "`csr.indices` is an array of u32 of 18446744073709551615 values"),
        (&[(shape.1, &huge)], "the number of rows of `csr` is 18446744073709551615, expected at most 4294967295"),
        (&[(shape.1, &[4])], "the length of `csr.indptr` is 4, expected 5"),
        (&[(indptr.1, &[1])], "`csr.indptr`, first and last, is (1, 3), expected (0, 3)"),
        (&[(indptr.1 + 8, &[3])], "`csr.indptr`, place 2, is 2, expected at least 3"),
        (&[(indptr.1 + 8, &huge)], "`csr.indptr`, place 2, is 2, expected at least 18446744073709551615"),
        (
            &[(indices.1 + 4, &[1])],
            "row 0 of `csr` is out of order or range, expected strictly ascending columns below 5",
        ),
        (
            &[(indices.1 + 8, &[5])],
            "row 2 of `csr` is out of order or range, expected strictly ascending columns below 5",
        ),
        (&[(weights.1 + 4, &f32::NAN.to_le_bytes())], "`csr.weights`, place 1, is NaN, expected a finite number"),
    ] {
        let error = refused(&path, &with(changes));
        assert!(error.starts_with(expected), "{error}\nexpected\n{expected}");
    }
    // A matrix under another name, and no file at all.
    replace(&path, &bytes);
    assert!(Csr::from_store(&Store::open(&path).unwrap(), "other").is_err());
    fs::remove_file(&path).unwrap();
    assert!(matches!(Csr::open(&path), Err(StoreError::Io { .. })));
}

#[test]
fn arrays_of_every_type_lie_side_by_side() {
    let (_folder, path) = folder();
    let (bytes, numbers, times) = (b"text".to_vec(), vec![1u32, 2, 3], vec![-5i64, i64::MAX]);
    let mut writer = StoreWriter::new();
    writer.add("bytes", &bytes);
    writer.add("numbers", &numbers);
    writer.add::<f32>("none", &[]);
    writer.add_copy("times", &times);
    writer.write(&path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.num_bytes() % ALIGNMENT, 16);
    let mut back = store.array::<u32>("numbers").unwrap();
    assert_eq!((&*store.array::<u8>("bytes").unwrap(), &*back), (&bytes[..], &numbers[..]));
    assert_eq!((&*store.array::<i64>("times").unwrap(), &*store.array::<f32>("none").unwrap()), (&times[..], &[][..]));
    drop(store);
    back.to_mut().push(4);
    assert!(!back.is_mapped());
    assert_eq!(*back, [1, 2, 3, 4]);
}

#[cfg(unix)]
#[test]
fn a_written_file_is_read_only_and_alone() {
    let (_folder, path) = folder();
    sample().save(&path).unwrap();
    sample().save(&path).unwrap();
    assert!(fs::metadata(&path).unwrap().permissions().readonly());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}
