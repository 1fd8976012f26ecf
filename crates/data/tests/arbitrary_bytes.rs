//! Whatever the bytes are, every reader answers with rows that add up or with an error: no panic.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gnnrec_data::{Filter, Source, Split, load};
use proptest::prelude::*;

/// A source for each reader, all of the file `f`.
fn sources() -> Vec<Source> {
    let mut texts = vec![
        "format = 'adjacency'\nfile = 'f'".to_owned(),
        "format = 'adjacency'\ntrain = 'f'\ntest = 'f'\nencoding = 'latin-1'".to_owned(),
        "format = 'atomic'\nfile = 'f'".to_owned(),
    ];
    for delimiter in ["tab", "comma", "whitespace", "::"] {
        for quotes in [false, true].into_iter().filter(|quotes| !quotes || matches!(delimiter, "tab" | "comma")) {
            let columns = "columns = { user = 0, item = 1, rating = 2, label = 3 }";
            texts.push(format!("file = 'f'\ndelimiter = '{delimiter}'\nquotes = {quotes}\n{columns}"));
            let columns = "columns = { user = 'u', item = 'i' }\nheader = true";
            texts.push(format!("file = 'f'\ndelimiter = '{delimiter}'\nquotes = {quotes}\n{columns}"));
        }
    }
    if cfg!(feature = "parquet") {
        texts.push("format = 'parquet'\nfile = 'f'\ncolumns = { user = 'u', item = 'i' }".to_owned());
    }
    let features = "columns = [{ name = 'a', at = 1, kind = 'categorical' }, { name = 'b', at = 1, kind = 'numeric', \
        missing = ['a'] }, { name = 'c', at = 1, kind = 'multi-valued', separator = ',' }, { name = 'd', at = [1], kind = \
        'dense' }, { name = 'e', at = 1, kind = 'dense', separator = 'whitespace' }, { name = 'f', at = 1, kind = 'year' }]";
    let around = format!(
        "[social]\nfile = 'f'\n[knowledge]\nfile = 'f'\n[titles]\nfile = 'f'\n[[features.users]]\nfile = 'f'\n{features}\n\
         [[features.items]]\nfile = 'f'\nid = 1\ncolumns = [{{ name = 'a', at = [0, 2], kind = 'multi-valued' }}]\n"
    );
    let categories = "[[features.users]]\nfile = 'f'\ncolumns = [{ name = 'a', at = 1, kind = 'categorical' }]\n";
    let with = |text: &String| format!("[interactions]\n{text}\n{around}");
    let alone = |text: &String| format!("[interactions]\n{text}\n");
    let some = |text: &String| format!("[interactions]\n{text}\n{categories}");
    texts
        .iter()
        .flat_map(|text| [alone(text), with(text), some(text)])
        .map(|text| toml::from_str(&text).unwrap())
        .collect()
}

fn check(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), bytes).unwrap();
    for source in sources() {
        let Ok(dataset) = load("arbitrary", &source, folder.path()) else { continue };
        for step in &dataset.report.steps {
            assert_eq!(step.read, step.kept + step.dropped.values().map(|dropped| dropped.count).sum::<u64>());
        }
        assert_eq!(
            dataset.log.len() as u64,
            dataset
                .report
                .steps
                .iter()
                .take_while(|step| step.name == "f")
                .take(if dataset.log.parts.is_some() { 2 } else { 1 },)
                .map(|step| step.kept)
                .sum::<u64>()
        );
        if let Ok(parts) = dataset.split(&Split::default(), 1) {
            let _ = dataset.labelled(&parts);
        }
        let _ = dataset.filtered(&Filter { user_core: 2, item_core: 2, ..Filter::default() });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    #[test]
    fn bytes_that_look_like_data(
        header in prop::sample::select(vec!["", "u,i\n", "u\ti\n", "u::i\r\n", "user_id:token\titem_id:token\n", "\u{feff}u i\n"]),
        body in prop::collection::vec(prop::sample::select(vec![
            "0", "1", "a", "b", "7", " ", "\t", ",", "::", "\n", "\n", "\r\n", "\r", "\"", "\"\"", "NaN", "é", "-1", "1e9",
        ]), 0..80),
    ) {
        check(format!("{header}{}", body.concat()).as_bytes());
    }

    #[test]
    fn bytes_that_claim_to_be_compressed(gzip: bool, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let head: &[u8] = if gzip { &[0x1f, 0x8b, 8] } else { &[0x28, 0xb5, 0x2f, 0xfd] };
        check(&[head, &bytes].concat());
    }
}
