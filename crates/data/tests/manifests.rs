//! The manifests against one another and, where `GNNREC_DATA` says where they lie, against the real files.

use std::collections::BTreeSet;
use std::path::Path;

use gnnrec_data::{DataError, Manifest, check, describe, list};

#[test]
fn manifests_are_whole_and_consistent() {
    let all = Manifest::all();
    let names: BTreeSet<&str> = all.iter().map(|manifest| manifest.name.as_str()).collect();
    assert_eq!(names.len(), 16);
    for manifest in &all {
        let name = &manifest.name;
        assert_eq!(&Manifest::find(name).unwrap(), manifest, "the file has the dataset's name");
        let source = &manifest.source;
        let listed: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(source.files().collect::<BTreeSet<_>>(), listed, "{name}: what is read is what is listed");
        let has_addresses = manifest.files.iter().all(|file| file.url.is_some());
        assert_eq!(has_addresses, manifest.how.is_empty(), "{name}: `how` tells what no address does");
        assert!(manifest.page.starts_with("https://") && !manifest.licence.is_empty());
        assert_eq!(manifest.expected.ties.is_some(), source.social.is_some(), "{name}");
        assert_eq!(manifest.expected.triples.is_some(), source.knowledge.is_some(), "{name}");
        let description = describe(manifest).to_string();
        for part in [&manifest.title, &manifest.licence, &manifest.files[0].sha256, &manifest.page] {
            assert!(description.contains(part.as_str()), "{description}");
        }
    }
}

#[test]
fn an_unknown_dataset_names_the_nearest() {
    for (asked, nearest) in [("LastFM", "lastfm"), ("zzz", ""), ("douban", "douban-book"), ("yelp", "yelp2018")] {
        match Manifest::find(asked).unwrap_err() {
            DataError::UnknownDataset { nearest: found, .. } => {
                assert_eq!(found.unwrap_or_default(), nearest, "{asked}")
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn an_empty_folder_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(list(folder.path()).iter().all(|listing| !listing.present));
    let manifest = Manifest::find("ml-100k").unwrap();
    let report = check(&manifest, folder.path());
    assert!(!report.is_ok());
    assert!(report.to_string().contains("ml-100k/u.data: missing"), "{report}");
    std::fs::create_dir(folder.path().join("ml-100k")).unwrap();
    std::fs::write(folder.path().join("ml-100k/u.data"), "1\t2\t3\t4\n").unwrap();
    let report = check(&manifest, folder.path());
    assert!(report.to_string().contains("ml-100k/u.data: 8 bytes, expected 1979173"), "{report}");
    std::fs::write(folder.path().join("ml-100k/u.data"), vec![b'1'; 1_979_173]).unwrap();
    let report = check(&manifest, folder.path());
    assert!(report.to_string().contains("ml-100k/u.data: SHA-256 "), "{report}");
}

#[test]
fn the_real_files_are_as_their_manifests_say() {
    let Some(folder) = std::env::var_os("GNNREC_DATA") else {
        eprintln!("skipped: set GNNREC_DATA to the folder of the real datasets");
        return;
    };
    let folder = Path::new(&folder);
    let reports: Vec<_> = Manifest::all().iter().map(|manifest| check(manifest, folder)).collect();
    let wrong: Vec<String> = reports.iter().filter(|report| !report.is_ok()).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(list(folder).iter().all(|listing| listing.present));
}
