//! Every real dataset loads, with the counts that its documentation states.
//!
//! The data may not be committed: the folder comes from `GNNREC_DATA`, and without it nothing is tested.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failed unwrap is a failed test; skips are printed")]

use std::path::PathBuf;

use gnnrec_data::{Dataset, Reason, Source, Split, load};

/// The folder of the real datasets, or `None` with a line that says so.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("GNNREC_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: set GNNREC_DATA to the folder of the real datasets");
    }
    folder
}

/// What a dataset must hold: users, items and interactions by part, then ties, triples and entities.
struct Expected {
    counts: (usize, usize),
    rows: &'static [u64],
    ties: Option<usize>,
    triples: Option<(usize, usize, usize, usize)>,
}

fn check(name: &str, source: &str, expected: Expected) -> Option<Dataset> {
    let source: Source = toml::from_str(source).unwrap();
    let dataset = load(name, &source, &folder()?.join(name)).unwrap();
    println!("{name}\n{}", dataset.report);
    assert_eq!((dataset.num_users(), dataset.num_items()), expected.counts, "{name}: users and items");
    let kept: Vec<u64> = dataset.report.steps.iter().take(expected.rows.len()).map(|step| step.kept).collect();
    assert_eq!(kept, expected.rows, "{name}: rows");
    assert_eq!(dataset.ties.as_ref().map(|ties| ties.pairs.len()), expected.ties, "{name}: ties");
    let triples = dataset.facts.as_ref().map(|facts| {
        let linked = facts.entity_of_item.iter().flatten().count();
        (facts.triples.len(), facts.relations.len(), facts.entities.len(), linked)
    });
    assert_eq!(triples, expected.triples, "{name}: triples, relations, entities, linked items");
    for step in &dataset.report.steps {
        assert_eq!(step.read, step.kept + step.dropped.values().map(|dropped| dropped.count).sum::<u64>());
    }
    assert_eq!(dataset.digest.len(), 64);
    Some(dataset)
}

const ADJACENCY: &str = "[interactions]\nformat = 'adjacency'\ntrain = 'train.txt'\ntest = 'test.txt'\n";

#[test]
fn gowalla() {
    let rows = &[810_128, 217_242];
    let expected = Expected { counts: (29_858, 40_981), rows, ties: None, triples: None };
    let Some(dataset) = check("gowalla", ADJACENCY, expected) else { return };
    let parts = dataset.split(&Split::Given { validation: 0.0 }, 0).unwrap();
    assert_eq!(parts.world.interactions().num_interactions(), 810_128);
    assert_eq!((parts.test.num_interactions(), parts.test.num_items()), (217_242, 40_981));
    assert!(parts.validation.is_none());
    println!("{}", parts.report);
}

#[test]
fn yelp2018() {
    let rows = &[1_237_259, 324_147];
    check("yelp2018", ADJACENCY, Expected { counts: (31_668, 38_048), rows, ties: None, triples: None });
}

#[test]
fn ml_100k() {
    let titles = "[titles]\nfile = 'u.item'\ndelimiter = '|'\nencoding = 'latin-1'\n";
    let columns = "delimiter = 'tab'\ncolumns = { user = 0, item = 1, rating = 2, time = 3 }\nrating_range = [1, 5]\n";
    let whole = format!("[interactions]\nfile = 'u.data'\n{columns}{titles}");
    let expected = Expected { counts: (943, 1_682), rows: &[100_000], ties: None, triples: None };
    if let Some(dataset) = check("ml-100k", &whole, expected) {
        let item = dataset.item("543").unwrap();
        assert_eq!(dataset.item_title(item), "Misérables, Les (1995)");
        assert!(dataset.log.times.is_some() && dataset.log.ratings.is_some());
        let parts = dataset.split(&Split::default(), 1).unwrap();
        println!("{}", parts.report);
    }
    let u1 = format!("[interactions]\ntrain = 'u1.base'\ntest = 'u1.test'\n{columns}{titles}");
    check("ml-100k", &u1, Expected { counts: (943, 1_682), rows: &[80_000, 20_000], ties: None, triples: None });
    let atomic = "
        [interactions]
        format = 'atomic'
        file = 'ml-100k.inter'
        [knowledge]
        format = 'atomic'
        file = 'ml-100k.kg'
        items = 'linked'
        link = { format = 'atomic', file = 'ml-100k.link' }
        [titles]
        format = 'atomic'
        file = 'ml-100k.item'
        columns = { item = 'item_id', title = 'movie_title' }
    ";
    let triples = Some((91_631, 24, 34_628, 1_598));
    let expected = Expected { counts: (943, 1_682), rows: &[100_000], ties: None, triples };
    if let Some(dataset) = check("ml-100k", atomic, expected) {
        assert_eq!(dataset.item_title(dataset.item("1").unwrap()), "Toy Story");
    }
}

#[test]
fn ml_1m() {
    let titles = "[titles]\nfile = 'movies.dat'\ndelimiter = '::'\nencoding = 'latin-1'\n";
    let rows = &[994_169, 6_040];
    let expected = Expected { counts: (6_040, 3_706), rows, ties: None, triples: None };
    if let Some(dataset) = check("ml-1m", &format!("{ADJACENCY}{titles}"), expected) {
        assert_eq!(dataset.item_title(dataset.item("1").unwrap()), "Toy Story (1995)");
    }
}

#[test]
fn lastfm() {
    let hetrec = "
        [interactions]
        file = 'user_artists.dat'
        header = true
        columns = { user = 'userID', item = 'artistID', rating = 'weight' }
        [social]
        file = 'user_friends.dat'
        header = true
        columns = { truster = 'userID', trustee = 'friendID' }
        direction = 'symmetric'
        [knowledge]
        file = 'kg/kg.txt'
        items = 'linked'
        link = { file = 'kg/item_index2entity_id.txt' }
        [titles]
        file = 'artists.dat'
        header = true
        columns = { item = 'id', title = 'name' }
    ";
    let triples = Some((15_518, 60, 9_366, 3_846));
    let expected = Expected { counts: (1_892, 17_632), rows: &[92_834], ties: Some(12_717), triples };
    if let Some(dataset) = check("lastfm", hetrec, expected) {
        assert_eq!(dataset.item_title(dataset.item("1").unwrap()), "MALICE MIZER");
    }
    let lightgcn = "
        [interactions]
        train = 'data1.txt'
        test = 'test1.txt'
        columns = { user = 0, item = 1, rating = 2 }
        [social]
        file = 'trustnetwork.txt'
        direction = 'symmetric'
    ";
    let expected = Expected { counts: (1_880, 4_489), rows: &[42_135, 10_533], ties: Some(12_613), triples: None };
    check("lastfm/lightgcn", lightgcn, expected);
    let kgcn = "
        [interactions]
        file = 'ratings_final.txt'
        columns = { user = 0, item = 1, label = 2 }
        [knowledge]
        file = 'kg_final.txt'
    ";
    let triples = Some((15_518, 60, 9_366, 3_846));
    let expected = Expected { counts: (1_872, 3_846), rows: &[21_173], ties: None, triples };
    if let Some(dataset) = check("lastfm/kgcn", kgcn, expected) {
        assert_eq!(dataset.report.steps[0].num_dropped(Reason::Negative), 21_173);
    }
    let lightkg = "
        [interactions]
        format = 'atomic'
        train = 'lastfm.train.inter'
        validation = 'lastfm.valid.inter'
        test = 'lastfm.test.inter'
        [knowledge]
        format = 'atomic'
        file = 'lastfm.kg'
        items = 'linked'
        link = { format = 'atomic', file = 'lastfm.link' }
    ";
    let expected = Expected { counts: (1_872, 3_846), rows: &[17_350, 1_907, 1_916], ties: None, triples };
    check("lastfm/lightkg", lightkg, expected);
}

#[test]
fn rating_and_trust() {
    let ciao = "
        [interactions]
        file = 'ratings.txt'
        delimiter = 'whitespace'
        columns = { user = 0, item = 1, rating = 3 }
        rating_range = [1, 5]
        not_rated = 0
        [social]
        file = 'trust.txt'
        delimiter = 'whitespace'
    ";
    let expected = Expected { counts: (7_375, 105_096), rows: &[284_052], ties: Some(111_781), triples: None };
    if let Some(dataset) = check("ciao", ciao, expected) {
        assert_eq!(dataset.report.steps[0].num_dropped(Reason::NotRated), 34);
        let filtered = dataset.filtered(&gnnrec_data::Filter::default()).unwrap();
        // As `awk '$4!=0{print $1,$2}' ratings.txt | sort -u | wc -l` counts them.
        assert_eq!(filtered.log.len(), 282_619);
    }
    let epinions = ciao.replace("        not_rated = 0\n", "");
    let expected = Expected { counts: (22_164, 296_277), rows: &[922_267], ties: Some(355_407), triples: None };
    if let Some(dataset) = check("epinions", &epinions, expected) {
        let filtered = dataset.filtered(&gnnrec_data::Filter::default()).unwrap();
        assert_eq!(filtered.log.len(), 912_441);
        println!("{}", filtered.split(&Split::default(), 3).unwrap().report);
    }
    let filmtrust = "
        [interactions]
        file = 'ratings.txt'
        delimiter = 'whitespace'
        columns = { user = 0, item = 1, rating = 2 }
        [social]
        file = 'trust.txt'
        delimiter = 'whitespace'
    ";
    // 1,853 ties, of which 221 are of users without ratings.
    let expected = Expected { counts: (1_508, 2_071), rows: &[35_497], ties: Some(1_632), triples: None };
    check("filmtrust", filmtrust, expected);
}

#[test]
fn published_social_and_knowledge_splits() {
    let douban = format!(
        "{ADJACENCY}
        [social]
        file = 'social.txt'
        delimiter = 'whitespace'
        direction = 'symmetric'
        [knowledge]
        file = 'kg.txt'
        delimiter = 'whitespace'
    "
    );
    // 84,571 friendships, of which 1,325 are of users without interactions; 34,730 entities have facts,
    // and every item is an entity.
    let triples = Some((64_872, 3, 35_030, 22_294));
    let rows = &[478_730, 119_690];
    check("douban-book", &douban, Expected { counts: (12_859, 22_294), rows, ties: Some(83_246), triples });
    let diffnet = "
        [interactions]
        train = 'yelp.train.rating'
        validation = 'yelp.val.rating'
        test = 'yelp.test.rating'
        columns = { user = 0, item = 1, label = 2 }
        [social]
        file = 'yelp.links'
    ";
    // 143,765 ties, of which 13 are of users without interactions.
    let rows = &[185_869, 3_497, 18_579];
    let expected = Expected { counts: (17_235, 37_378), rows, ties: Some(143_752), triples: None };
    check("yelp-diffnet", diffnet, expected);
    let ifashion = format!("{ADJACENCY}[knowledge]\nfile = 'kg_final.txt'\ndelimiter = 'whitespace'\n");
    let rows = &[1_380_510, 400_583];
    let triples = Some((279_155, 51, 89_196, 30_040));
    check("alibaba-ifashion", &ifashion, Expected { counts: (114_737, 30_040), rows, ties: None, triples });
}
