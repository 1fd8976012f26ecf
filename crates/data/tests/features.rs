//! Features by hand: every kind, what is counted, what is refused, and where they go.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gnnrec_data::{DataError, Dataset, FeatureTable, Filter, Reason, Source, Split, load};
use gnnrec_graph::{Csr, Duplicates, Feature};

const LOG: &str = "a,x\nb,x\nb,y\na,y\nc,z\nc,x\n";

fn read(features: &str, files: &[(&str, &str)]) -> Result<Dataset, DataError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files.iter().chain(&[("log", LOG)]) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let log = "[interactions]\nfile = 'log'\ndelimiter = 'comma'\ncolumns = { user = 0, item = 1 }\n";
    let source: Source = toml::from_str(&format!("{log}{features}")).unwrap();
    load("test", &source, folder.path())
}

/// Features of items in the file `f`, comma-separated with a header.
fn items(columns: &str, text: &str) -> Result<Dataset, DataError> {
    let source = "[[features.items]]\nfile = 'f'\ndelimiter = 'comma'\nheader = true\nid = 'id'\ncolumns = [\n";
    read(&format!("{source}{columns}\n]\n"), &[("f", text)])
}

fn column<'a>(table: Option<&'a FeatureTable>, name: &str) -> &'a Feature {
    table.unwrap().features.column(name).unwrap()
}

fn names(table: Option<&FeatureTable>, at: usize) -> Vec<&str> {
    table.unwrap().values[at].names().collect()
}

fn noted(dataset: &Dataset, step: &str, what: &str) -> u64 {
    dataset.report.step(step).unwrap().noted.iter().find(|noted| noted.what == what).map_or(0, |noted| noted.count)
}

#[test]
fn every_kind_by_hand() {
    let columns = "
        { name = 'maker', kind = 'categorical', missing = ['?', '-'] },
        { name = 'tags', kind = 'multi-valued', separator = '|' },
        { name = 'price', kind = 'numeric' },
        { name = 'made', at = 'date', kind = 'year' },
        { name = 'vector', kind = 'dense', separator = 'whitespace' },
        { name = 'flags', at = ['red', 'blue'], kind = 'multi-valued' },
        { name = 'both', at = ['p', 'q'], kind = 'dense' },
    ";
    let text = "id,maker,tags,price,date,vector,red,blue,p,q
y,Ba,new|old,2.5,01-Jan-1995,1 -2  3,0,1,7,8
q,Zz,none,bad,bad,bad,bad,bad,bad,bad
x,?,old | big|old,,,,1,1,,
z,Aa,,-1e3,2001 (1968),4 5 6,0,0,9,-9
y,Cc,a,1,2000,1 1 1,1,1,1,1
";
    let dataset = items(columns, text).unwrap();
    let table = dataset.item_features.as_ref();
    // Items are numbered x, y, z, values as they first appear.
    assert_eq!(column(table, "maker"), &Feature::Categorical { values: vec![None, Some(0), Some(1)], num_values: 2 });
    assert_eq!(names(table, 0), ["Ba", "Aa"]);
    let tags = Csr::from_edges(3, 3, &[(1, 0), (1, 1), (0, 1), (0, 2)], Duplicates::Error).unwrap();
    assert_eq!((column(table, "tags"), names(table, 1)), (&Feature::MultiValued(tags), vec!["new", "old", "big"]));
    assert_eq!(column(table, "price"), &Feature::Numeric { values: vec![None, Some(2.5), Some(-1_000.0)] });
    assert_eq!(column(table, "made"), &Feature::Numeric { values: vec![None, Some(1995.0), Some(1968.0)] });
    let vectors = vec![0.0, 0.0, 0.0, 1.0, -2.0, 3.0, 4.0, 5.0, 6.0];
    assert_eq!(column(table, "vector"), &Feature::Dense { width: 3, values: vectors });
    let flags = Csr::from_edges(3, 2, &[(1, 1), (0, 0), (0, 1)], Duplicates::Error).unwrap();
    assert_eq!((column(table, "flags"), names(table, 5)), (&Feature::MultiValued(flags), vec!["red", "blue"]));
    assert_eq!(column(table, "both"), &Feature::Dense { width: 2, values: vec![0.0, 0.0, 7.0, 8.0, 9.0, -9.0] });
    assert_eq!((names(table, 2).len(), names(table, 4).len()), (0, 0));
    assert_eq!(dataset.user_features, None);

    let step = dataset.report.step("f").unwrap();
    assert_eq!((step.read, step.kept), (5, 3));
    assert_eq!([Reason::UnknownItem, Reason::SecondForItem].map(|reason| step.num_dropped(reason)), [1, 1]);
    for what in ["maker", "tags", "price", "made", "vector", "flags", "both"] {
        assert_eq!(noted(&dataset, "f", &format!("items without `{what}`")), 1, "{what}");
    }
    assert_eq!(noted(&dataset, "f", "repeated values of `tags`"), 1);
}

const USERS: &str =
    "[[features.users]]\nfile = 'u'\ndelimiter = '|'\ncolumns = [{ name = 'age', at = 1, kind = 'numeric' }]\n";

#[test]
fn features_of_users_from_several_files_and_without_a_header() {
    let more = "[[features.users]]\nfile = 'v'\nid = 1\ncolumns = [{ name = 'job', at = 0, kind = 'categorical' }]\n";
    let files = [("u", "c|30\nd|1\na|24\nc|31\n"), ("v", "cook\tb\ncook\ta\n")];
    let dataset = read(&format!("{USERS}{more}"), &files).unwrap();
    let table = dataset.user_features.as_ref();
    assert_eq!(column(table, "age"), &Feature::Numeric { values: vec![Some(24.0), None, Some(30.0)] });
    assert_eq!(column(table, "job"), &Feature::Categorical { values: vec![Some(0), Some(0), None], num_values: 1 });
    assert_eq!(table.unwrap().features.columns().map(|(name, _)| name).collect::<Vec<_>>(), ["age", "job"]);
    let step = dataset.report.step("u").unwrap();
    assert_eq!([Reason::UnknownUser, Reason::SecondForUser].map(|reason| step.num_dropped(reason)), [1, 1]);
    assert_eq!((noted(&dataset, "u", "users without `age`"), noted(&dataset, "v", "users without `job`")), (1, 1));
}

#[test]
fn features_follow_the_filter_into_the_world() {
    let text = "id,price,tags\ny,2,new\nx,1,old\nz,3,big\n";
    let source = "[[features.items]]\nfile = 'f'\ndelimiter = 'comma'\nheader = true\nid = 'id'\n\
        columns = [{ name = 'price', kind = 'numeric' }, { name = 'tags', kind = 'multi-valued', separator = '|' }]\n";
    let dataset = read(&format!("{source}{USERS}"), &[("f", text), ("u", "a|24\nb|53\nc|30\n")]).unwrap();
    let parts = dataset.split(&Split::LeaveOneOut { validation: false, by: Default::default() }, 0).unwrap();
    assert_eq!(parts.world.item_features(), dataset.item_features.as_ref().map(|table| &table.features));
    assert_eq!(parts.world.user_features(), dataset.user_features.as_ref().map(|table| &table.features));
    // Item z has one interaction: it goes, and with it user c, who has one left.
    let filtered = dataset.filtered(&Filter { user_core: 2, item_core: 2, ..Filter::default() }).unwrap();
    assert_eq!((filtered.num_users(), filtered.num_items()), (2, 2));
    let table = filtered.item_features.as_ref();
    assert_eq!(column(table, "price"), &Feature::Numeric { values: vec![Some(1.0), Some(2.0)] });
    let tags = Csr::from_edges(2, 3, &[(0, 1), (1, 0)], Duplicates::Error).unwrap();
    assert_eq!((column(table, "tags"), names(table, 1)), (&Feature::MultiValued(tags), vec!["new", "old", "big"]));
    let ages = Feature::Numeric { values: vec![Some(24.0), Some(53.0)] };
    assert_eq!(column(filtered.user_features.as_ref(), "age"), &ages);
    let world = filtered.split(&Split::LeaveOneOut { validation: false, by: Default::default() }, 0).unwrap().world;
    assert_eq!(world.item_features().unwrap().num_nodes(), 2);
}

#[test]
fn malformed_values_are_placed_and_say_what_to_do() {
    let missing = "list in `missing` what stands for no value";
    let vector = "leave every field of a missing vector empty";
    for (kind, text, expected) in [
        ("'numeric'", "x,two", format!("2, column 2 (v): found `two`, expected a finite number; {missing}")),
        ("'numeric'", "x,1\ny,inf", format!("3, column 2 (v): found `inf`, expected a finite number; {missing}")),
        ("'numeric'", "x,NaN", format!("2, column 2 (v): found `NaN`, expected a finite number; {missing}")),
        (
            "'year'",
            "x,Jan 95",
            format!("2, column 2 (v): found `Jan 95`, expected a date with a year of four digits; {missing}"),
        ),
        (
            "'year'",
            "x,19951",
            format!("2, column 2 (v): found `19951`, expected a date with a year of four digits; {missing}"),
        ),
        (
            "'multi-valued', separator = '|'",
            "x,a||b",
            "2, column 2 (v): found `a||b`, expected a value on both sides of every separator".to_owned(),
        ),
        ("'multi-valued', at = ['v']", "x,2", "2, column 2 (v): found `2`, expected 0 or 1".to_owned()),
        ("'multi-valued', at = ['v']", "x,", "2, column 2 (v): found ``, expected a finite number".to_owned()),
        (
            "'dense', separator = 'whitespace'",
            "x,1 2\ny,1 two",
            format!("3, column 2 (v): found `1 two`, expected finite numbers; {vector}"),
        ),
        (
            "'dense', separator = 'whitespace'",
            "x,1 2\ny,1 2 3",
            "3, column 2 (v): found `1 2 3`, expected 2 numbers as in the rows before, not 3".to_owned(),
        ),
        ("'dense', at = ['v', 'id']", "x,1", format!("2, column 1 (id): found `x`, expected finite numbers; {vector}")),
    ] {
        let error = items(&format!("{{ name = 'v', kind = {kind} }}"), &format!("id,v\n{text}\n")).unwrap_err();
        assert!(error.to_string().ends_with(&format!("f, line {expected}")), "{error}");
    }
    let ids = items("{ name = 'v', kind = 'numeric' }", "id,v\n,1\n").unwrap_err().to_string();
    assert!(ids.ends_with("f, line 2, column 1 (id): found ``, expected an id"), "{ids}");
    let ragged = items("{ name = 'v', kind = 'numeric' }", "id,v\nx,1\ny\n").unwrap_err().to_string();
    assert!(ragged.contains("f, line 3: 1 fields, expected 2"), "{ragged}");
    let column = items("{ name = 'vv', kind = 'numeric' }", "id,v\nx,1\n").unwrap_err().to_string();
    assert!(column.ends_with("no column `vv`; did you mean `v`? the file has: id, v"), "{column}");
    let nobody = items("{ name = 'v', kind = 'numeric' }", "id,v\nq,1\n").unwrap_err().to_string();
    assert!(nobody.ends_with("no row to use, expected at least one (1 were left out)"), "{nobody}");
    let empty = items("{ name = 'v', kind = 'dense', separator = 'whitespace' }", "id,v\nx,\n").unwrap_err();
    assert!(empty.to_string().starts_with("reading the features leaves no vector;"), "{empty}");
}

#[test]
fn half_a_vector_is_an_error() {
    let columns = "{ name = 'v', at = ['p', 'q'], kind = 'dense', missing = ['-'] }";
    let error = items(columns, "id,p,q\nx,1,2\ny,-,\nz,3,-\n").unwrap_err().to_string();
    assert!(error.contains("f, line 4, column 3 (q): found `-`, expected a finite number; leave every"), "{error}");
}

#[test]
fn vectors_that_would_not_fit_are_refused() {
    let users: String = (0..1 << 16).map(|user| format!("u{user},x\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), users).unwrap();
    std::fs::write(folder.path().join("f"), format!("u0\t{}\n", "1 ".repeat(4_097))).unwrap();
    let source = "[interactions]\nfile = 'log'\ndelimiter = 'comma'\ncolumns = { user = 0, item = 1 }\n\
        [[features.users]]\nfile = 'f'\ncolumns = [{ name = 'v', at = 1, kind = 'dense', separator = 'whitespace' }]\n";
    let error = load("test", &toml::from_str(source).unwrap(), folder.path()).unwrap_err().to_string();
    assert!(error.contains("line 1, column 2 (v)"), "{error}");
    assert!(error.ends_with("expected at most 4096 numbers, so that all vectors fit into memory, not 4097"), "{error}");
}

#[test]
fn sources_that_contradict_themselves_are_refused() {
    let one = "it has one value; several, or a `separator`, need `multi-valued` or `dense`";
    let several = "give a `separator`, or several columns, as in `at = [5, 6, 7]`";
    for (columns, expected) in [
        ("", "no `columns`; name what to read".to_owned()),
        ("{ name = 'v', kind = 'numeric', separator = '|' }", format!("feature `v`: {one}")),
        ("{ name = 'v', kind = 'categorical', at = ['v', 'w'] }", format!("feature `v`: {one}")),
        ("{ name = 'v', kind = 'multi-valued' }", format!("feature `v`: {several}")),
        ("{ name = 'v', kind = 'dense', at = [] }", format!("feature `v`: {several}")),
        ("{ name = 'v', kind = 'dense', at = [1, 2], separator = '|' }", format!("feature `v`: {several}")),
        ("{ name = 'v', kind = 'dense', at = [1, 1] }", "feature `v`: a column of `at` is named twice".to_owned()),
        (
            "{ name = 'v', kind = 'numeric' }, { name = 'v', kind = 'year' }",
            "feature `v`: every feature needs a name of its own".to_owned(),
        ),
        ("{ name = '', kind = 'numeric' }", "feature ``: every feature needs a name of its own".to_owned()),
    ] {
        let error = items(columns, "id,v\nx,1\n").unwrap_err().to_string();
        assert_eq!(error, format!("[[features.items]]: {expected}"));
    }
    let error = read(&USERS.replace("at = 1, ", ""), &[]).unwrap_err().to_string();
    assert!(error.starts_with("[[features.users]]: columns are named, but the table has no header"), "{error}");
    let error = read(&USERS.replace("'u'", "''"), &[]).unwrap_err().to_string();
    assert_eq!(error, "[[features.users]]: no file; name `file`");
    let kinds = toml::from_str::<Source>(&format!("[interactions]\n{}", USERS.replace("numeric", "number")));
    let kinds = kinds.unwrap_err().to_string();
    assert!(kinds.contains("unknown variant `number`, expected one of `categorical`, `multi-valued`"), "{kinds}");
}
