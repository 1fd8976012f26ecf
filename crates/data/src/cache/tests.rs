//! The cache gives what the text gives, or says why it did not and mends itself.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::Split;

/// Files with everything that a dataset can have, and a cache beside them.
struct Place {
    data: TempDir,
    cache: TempDir,
    source: Source,
}

impl Place {
    fn new() -> Self {
        let source = "
            [interactions]
            format = 'atomic'
            train = 'train.inter'
            test = 'test.inter'
            columns = { user = 'user_id', item = 'item_id', rating = 'rating', time = 'timestamp', label = 'label' }
            rating_range = [1, 5]
            [social]
            format = 'atomic'
            file = 'x.net'
            direction = 'symmetric'
            [knowledge]
            format = 'atomic'
            file = 'x.kg'
            items = 'linked'
            link = { format = 'atomic', file = 'x.link' }
            [titles]
            format = 'atomic'
            file = 'x.item'
            columns = { item = 'item_id', title = 'name' }
            [[features.items]]
            format = 'atomic'
            file = 'x.about'
            id = 'item_id'
            columns = [
                { name = 'year', kind = 'numeric' },
                { name = 'tags', kind = 'multi-valued', separator = '|' },
                { name = 'vector', kind = 'dense', separator = 'whitespace' },
            ]
            [[features.users]]
            format = 'atomic'
            file = 'x.user'
            id = 'user_id'
            columns = [{ name = 'job', kind = 'categorical' }]
        ";
        let place = Self {
            data: tempfile::tempdir().unwrap(),
            cache: tempfile::tempdir().unwrap(),
            source: toml::from_str(source).unwrap(),
        };
        let header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\tlabel:float\n";
        let train = "a\tx\t4\t1\t1\nb\tx\t2\t2\t1\nb\tÿ\t5\t-3\t1\na\tw\t1\t0\t0\n\nc\tz\t3.5\t4\t1\n";
        place.write("train.inter", &format!("{header}{train}"));
        place.write("test.inter", &format!("{header}a\tz\t1\t5\t1\nb\tz\t1\t0\t0\nc\tw\t2\t6\t1\n"));
        place.write(
            "x.about",
            "item_id:token\tyear:float\ttags:token\tvector:float_seq\nz\t1\to|u\t1 2\nx\t\tü\t\nÿ\t-0.5\t\t3 4\n",
        );
        place.write("x.user", "user_id:token\tjob:token\nb\tcook\nc\t\nx\tnone\na\tłódź\n");
        place.write("x.net", "source_id:token\ttarget_id:token\na\tb\nb\ta\nc\tq\nc\tb\n");
        place.write("x.kg", "head_id:token\trelation_id:token\ttail_id:token\ne1\tby\te2\ne3\tin\te2\n");
        place.write("x.link", "item_id:token\tentity_id:token\nx\te1\nÿ\te3\n");
        place.write("x.item", "item_id:token\tname:token_seq\nx\tThe X\nz\tŻółw\n");
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.data.path().join(name), text).unwrap();
    }

    fn load(&self) -> Cached {
        let cached = load_cached("test", &self.source, self.data.path(), self.cache.path()).unwrap();
        assert_eq!(cached.dataset, load("test", &self.source, self.data.path()).unwrap());
        cached
    }

    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(self.cache.path()).unwrap().map(|entry| entry.unwrap().path());
        let file = files.next().unwrap();
        assert_eq!(files.next(), None);
        file
    }

    fn replace(&self, bytes: &[u8]) {
        let file = self.file();
        fs::remove_file(&file).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

#[test]
fn the_second_time_comes_from_the_cache() {
    let place = Place::new();
    assert!(matches!(place.load().served, Served::FromText));
    let Cached { dataset, served } = place.load();
    assert!(matches!(served, Served::FromCache), "{served:?}");
    // It has everything that a dataset can have.
    assert!(dataset.item_features.is_some() && dataset.user_features.is_some() && dataset.rating_range.is_some());
    assert_eq!(dataset.negatives.as_ref().map(|negatives| negatives.parts.as_ref().map(Vec::len)), Some(Some(2)));
    // It works as any other: names are found, the split is the same.
    assert_eq!(dataset.item("ÿ").map(|item| dataset.item_name(item)), Some("ÿ"));
    assert_eq!((dataset.item("q"), dataset.item_title(dataset.item("z").unwrap())), (None, "Żółw"));
    let text = load("test", &place.source, place.data.path()).unwrap();
    let split = Split::Given { validation: 0.0 };
    assert_eq!(dataset.split(&split, 7).unwrap(), text.split(&split, 7).unwrap());
    let Cached { mut dataset, .. } = place.load();
    assert_eq!((dataset.users.intern("b").unwrap(), dataset.users.intern("new").unwrap()), (1, 3));
    assert_eq!(dataset.users.names().collect::<Vec<_>>(), ["a", "b", "c", "new"]);
}

#[test]
fn changed_files_and_sources_are_read_again() {
    let mut place = Place::new();
    for name in ["train.inter", "test.inter", "x.net", "x.kg", "x.link", "x.item", "x.about", "x.user"] {
        place.load();
        assert!(matches!(place.load().served, Served::FromCache));
        // Of one length, and as likely as not in the same tick of the clock.
        let text = fs::read_to_string(place.data.path().join(name)).unwrap();
        place
            .write(name, &text.replace("x\t", "y\t").replace("b\ta", "a\tc").replace("by", "at").replace("w\t", "v\t"));
        assert!(matches!(place.load().served, Served::FromText), "{name}");
        place.file();
    }
    place.load();
    place.source.interactions.not_rated = Some(2.0);
    place.source.interactions.columns =
        toml::from_str("user = 'user_id'\nitem = 'item_id'\nrating = 'rating'\n").unwrap();
    assert!(matches!(place.load().served, Served::FromText));
    assert!(matches!(place.load().served, Served::FromCache));
}

#[test]
fn a_cache_that_cannot_be_written_is_no_error() {
    let place = Place::new();
    fs::write(place.cache.path().join("file"), "").unwrap();
    let nowhere = place.cache.path().join("file/folder");
    let Cached { served, .. } = load_cached("test", &place.source, place.data.path(), &nowhere).unwrap();
    assert!(matches!(served, Served::NotKept(_)), "{served:?}");
    fs::remove_file(place.data.path().join("x.kg")).unwrap();
    let error = load_cached("test", &place.source, place.data.path(), place.cache.path()).unwrap_err();
    assert!(error.to_string().contains("x.kg: No such file"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_damaged_cache_is_reported_and_mended(at in any::<prop::sample::Index>(), change in 1u8.., cut: bool) {
        let place = Place::new();
        place.load();
        let whole = fs::read(place.file()).unwrap();
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        place.replace(if cut { &bytes[..at] } else { &bytes });
        let served = place.load().served;
        let Served::Mended(error) = served else { panic!("{served:?}") };
        prop_assert!(error.to_string().ends_with("delete the file and have it written again"), "{error}");
        prop_assert_eq!(fs::read(place.file()).unwrap(), whole);
        prop_assert!(matches!(place.load().served, Served::FromCache));
    }

    #[test]
    fn wrong_numbers_behind_a_right_checksum_are_no_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let place = Place::new();
        place.load();
        let mut bytes = fs::read(place.file()).unwrap();
        for (at, byte) in changes {
            // Past the header and the checksum.
            let at = 64 + at.index(bytes.len() - 64);
            bytes[at] = byte;
        }
        let hash = blake3::Hasher::new().update(&bytes[..32]).update(&bytes[64..]).finalize();
        bytes[32..64].copy_from_slice(hash.as_bytes());
        place.replace(&bytes);
        let store = Store::open(&place.file());
        if let Ok(dataset) = store.and_then(|store| Dataset::from_store("test", &store)) {
            let _ = dataset.split(&Split::Given { validation: 0.0 }, 1);
            let _ = dataset.filtered(&crate::Filter { user_core: 2, ..crate::Filter::default() });
        }
    }
}
