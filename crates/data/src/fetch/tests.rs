//! Fetching from a small local server that can be told to misbehave, and from folders.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::{FetchError, FetchProgress, Fetched, How, fetch, fingerprint};
use crate::{Counts, DataError, Family, Manifest, ManifestFile, Source};

/// What the server serves, and how badly.
#[derive(Clone, Default)]
struct Conduct {
    body: Vec<u8>,
    tag: Option<&'static str>,
    ranges: bool,
    /// Break off after so many bytes of the answer's body.
    cut: Option<usize>,
    /// Name no length: the body ends with the connection.
    unmeasured: bool,
    status: Option<u16>,
    /// Answer ranges from another byte than was asked for.
    shifted: usize,
}

/// Serves one body at every path and keeps the `Range` header of each request.
struct Server {
    url: String,
    conduct: Arc<Mutex<Conduct>>,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    fn new(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/train.txt", listener.local_addr().unwrap());
        let (conduct, ranges) = (Arc::new(Mutex::new(conduct)), Arc::new(Mutex::new(Vec::new())));
        let (shared, seen) = (conduct.clone(), ranges.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut range, mut condition) = (None, None);
                for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
                    match line.split_once(": ") {
                        Some((name, value)) if name.eq_ignore_ascii_case("range") => range = Some(value.to_owned()),
                        Some((name, value)) if name.eq_ignore_ascii_case("if-range") => {
                            condition = Some(value.to_owned());
                        }
                        _ if line.is_empty() => break,
                        _ => {}
                    }
                }
                seen.lock().unwrap().push(range.clone());
                let _ = stream.write_all(&shared.lock().unwrap().answer(range.as_deref(), condition.as_deref()));
            }
        });
        Self { url, conduct, ranges }
    }

    fn change(&self, change: impl FnOnce(&mut Conduct)) {
        change(&mut self.conduct.lock().unwrap());
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().unwrap().clone()
    }
}

impl Conduct {
    fn answer(&self, range: Option<&str>, condition: Option<&str>) -> Vec<u8> {
        let same = condition.is_none_or(|condition| self.tag == Some(condition));
        let start = range.filter(|_| self.ranges && same).map(|range| {
            range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().unwrap() + self.shifted
        });
        let len = self.body.len();
        let (status, body) = match (self.status, start) {
            (Some(status), _) => (status, &b"no"[..]),
            (None, Some(start)) if start >= len => (416, &b""[..]),
            (None, Some(start)) => (206, &self.body[start..]),
            (None, None) => (200, &self.body[..]),
        };
        let mut head = format!("HTTP/1.1 {status} Some\r\nConnection: close\r\n");
        if !self.unmeasured {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        if let Some(tag) = self.tag {
            head += &format!("ETag: {tag}\r\n");
        }
        if let (206, Some(start)) = (status, start) {
            head += &format!("Content-Range: bytes {start}-{}/{len}\r\n", len - 1);
        }
        let body = &body[..self.cut.unwrap_or(body.len()).min(body.len())];
        [head.as_bytes(), b"\r\n", body].concat()
    }
}

/// 300 kB that differ everywhere, so that a byte in the wrong place shows.
fn content() -> Vec<u8> {
    (0u32..75_000).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn entry(path: &str, body: &[u8], url: Option<&str>, member: Option<&str>) -> ManifestFile {
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy");
    fs::write(&copy, body).unwrap();
    let found = fingerprint(&copy).unwrap();
    let (url, member) = (url.map(str::to_owned), member.map(str::to_owned));
    ManifestFile { path: path.to_owned(), bytes: found.bytes, sha256: found.sha256, url, member }
}

fn manifest(files: Vec<ManifestFile>) -> Manifest {
    Manifest {
        name: "toy".to_owned(),
        title: "A toy".to_owned(),
        families: vec![Family::Interaction],
        page: "https://example.org/toy".to_owned(),
        licence: "None".to_owned(),
        how: "Ask its owner.".to_owned(),
        files,
        source: toml::from_str::<Source>("[interactions]\nfile = \"toy/train.txt\"").unwrap(),
        expected: Counts { users: 0, items: 0, interactions: 0, ties: None, triples: None },
    }
}

fn toy(server: &Server) -> Manifest {
    manifest(vec![entry("toy/train.txt", &content(), Some(&server.url), None)])
}

fn how(fetched: Result<Vec<Fetched>, FetchError>) -> Vec<How> {
    fetched.unwrap().iter().map(|file| file.how).collect()
}

/// Everything in the dataset's folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("toy")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[derive(Default)]
struct Heard {
    begun: Vec<(Option<u64>, u64)>,
    bytes: u64,
    ended: usize,
}

impl FetchProgress for Heard {
    fn begin(&mut self, _name: &str, total: Option<u64>, have: u64) {
        self.begun.push((total, have));
    }
    fn advance(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
    fn end(&mut self, _file: &Fetched) {
        self.ended += 1;
    }
}

#[test]
fn a_whole_file_arrives_and_is_left_alone_afterwards() {
    let server = Server::new(Conduct { body: content(), ..Conduct::default() });
    let (folder, mut heard) = (TempDir::new().unwrap(), Heard::default());
    assert_eq!(how(fetch(&toy(&server), folder.path(), None, &mut heard)), [How::Downloaded]);
    assert_eq!(fs::read(folder.path().join("toy/train.txt")).unwrap(), content());
    assert_eq!(names(folder.path()), ["train.txt"]);
    assert_eq!((heard.begun, heard.bytes, heard.ended), (vec![(Some(300_000), 0)], 300_000, 1));
    assert_eq!(how(fetch(&toy(&server), folder.path(), None, &mut ())), [How::Present]);
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    for tag in [Some("\"v1\""), Some("W/\"weak\""), None] {
        let server =
            Server::new(Conduct { body: content(), ranges: true, cut: Some(100_000), tag, ..Conduct::default() });
        let folder = TempDir::new().unwrap();
        let error = fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
        assert!(matches!(error, FetchError::Interrupted { have: 100_000, .. }), "{error}");
        assert!(!folder.path().join("toy/train.txt").exists());
        server.change(|conduct| conduct.cut = None);
        let mut heard = Heard::default();
        assert_eq!(how(fetch(&toy(&server), folder.path(), None, &mut heard)), [How::Downloaded]);
        assert_eq!(fs::read(folder.path().join("toy/train.txt")).unwrap(), content());
        assert_eq!((heard.begun, heard.bytes), (vec![(Some(300_000), 100_000)], 200_000));
        assert_eq!(server.ranges(), [None, Some("bytes=100000-".to_owned())]);
        assert_eq!(names(folder.path()), ["train.txt"]);
    }
}

#[test]
fn a_body_without_length_that_ends_early_is_no_whole_file() {
    let server = Server::new(Conduct { body: content(), unmeasured: true, cut: Some(7), ..Conduct::default() });
    let folder = TempDir::new().unwrap();
    let error = fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { have: 7, .. }), "{error}");
    server.change(|conduct| conduct.cut = None);
    // This server knows no ranges: it sends everything again.
    assert_eq!(how(fetch(&toy(&server), folder.path(), None, &mut ())), [How::Downloaded]);
    assert_eq!(fs::read(folder.path().join("toy/train.txt")).unwrap(), content());
}

#[test]
fn a_file_that_changed_meanwhile_is_begun_anew() {
    let stale = vec![9u8; 300_000];
    let conduct = Conduct { body: stale, ranges: true, cut: Some(50_000), tag: Some("\"v1\""), ..Conduct::default() };
    let server = Server::new(conduct);
    let folder = TempDir::new().unwrap();
    fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
    server.change(|conduct| {
        *conduct = Conduct { body: content(), ranges: true, tag: Some("\"v2\""), ..Conduct::default() }
    });
    let mut heard = Heard::default();
    assert_eq!(how(fetch(&toy(&server), folder.path(), None, &mut heard)), [How::Downloaded]);
    assert_eq!(heard.begun, [(Some(300_000), 0)]);
    assert_eq!(fs::read(folder.path().join("toy/train.txt")).unwrap(), content());
}

#[test]
fn a_partial_file_that_fits_nothing_is_begun_anew() {
    let server = Server::new(Conduct { body: content(), ranges: true, ..Conduct::default() });
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("toy")).unwrap();
    for left in [vec![1; 300_001], content()] {
        fs::write(folder.path().join("toy/train.txt.part"), left).unwrap();
        assert_eq!(how(fetch(&toy(&server), folder.path(), None, &mut ())), [How::Downloaded]);
        fs::remove_file(folder.path().join("toy/train.txt")).unwrap();
    }
    // The second was whole already and only had to be renamed.
    assert_eq!(server.ranges(), [None]);
    // A server whose file is now shorter answers 416.
    fs::write(folder.path().join("toy/train.txt.part"), vec![1; 200_000]).unwrap();
    server.change(|conduct| conduct.body.truncate(150_000));
    let error = fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { have: 150_000, .. }), "{error}");
    assert_eq!(server.ranges()[1..], [Some("bytes=200000-".to_owned()), None]);
}

#[test]
fn nothing_is_replaced_by_wrong_content() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("toy")).unwrap();
    let place = folder.path().join("toy/train.txt");
    fs::write(&place, "old").unwrap();
    let mut wrong = content();
    wrong[123_456] ^= 1;
    let longer = [content(), vec![0; 200_000]].concat();
    for body in [wrong, longer] {
        let server = Server::new(Conduct { body, ..Conduct::default() });
        let error = fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
        assert!(matches!(error, FetchError::WrongContent { .. } | FetchError::Interrupted { .. }), "{error}");
        assert_eq!(fs::read(&place).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["train.txt"]);
    }
}

#[test]
fn a_wrong_range_and_a_refusal_are_named() {
    let server = Server::new(Conduct { body: content(), ranges: true, cut: Some(1000), ..Conduct::default() });
    let folder = TempDir::new().unwrap();
    fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
    server.change(|conduct| (conduct.cut, conduct.shifted) = (None, 5));
    let error = fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
    assert!(error.to_string().contains("sent `Content-Range: bytes 1005-299999/300000`, expected one from byte 1000"));
    server.change(|conduct| conduct.status = Some(404));
    let error = fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
    assert!(error.to_string().contains("answered with status 404"), "{error}");
    assert!(error.to_string().contains("https://example.org/toy"), "{error}");
    assert!(!folder.path().join("toy/train.txt").exists());
}

#[test]
fn nobody_listening_keeps_what_is_there() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("toy")).unwrap();
    fs::write(folder.path().join("toy/train.txt.part"), &content()[..10]).unwrap();
    let file = entry("toy/train.txt", &content(), Some("http://127.0.0.1:1/train.txt"), None);
    let error = fetch(&manifest(vec![file]), folder.path(), None, &mut ()).unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { have: 10, .. }), "{error}");
    assert_eq!(names(folder.path()), ["train.txt.part"]);
}

#[test]
fn two_fetches_do_not_share_a_partial_file() {
    let server = Server::new(Conduct { body: content(), ..Conduct::default() });
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("toy")).unwrap();
    let other = super::open_part(&folder.path().join("toy/train.txt.part")).unwrap();
    let error = fetch(&toy(&server), folder.path(), None, &mut ()).unwrap_err();
    assert!(matches!(error, FetchError::Busy { .. }), "{error}");
    drop(other);
    assert_eq!(how(fetch(&toy(&server), folder.path(), None, &mut ())), [How::Downloaded]);
}

#[test]
fn copies_come_from_either_layout_and_are_verified() {
    let other = TempDir::new().unwrap();
    let file = entry("toy/train.txt", b"0 1 2\n", None, None);
    for origin in ["train.txt", "toy/train.txt"] {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(other.path().join("toy")).unwrap();
        let missing = fetch(&manifest(vec![file.clone()]), folder.path(), Some(other.path()), &mut ()).unwrap_err();
        assert!(matches!(missing, FetchError::NotInFolder { .. }), "{missing}");
        fs::write(other.path().join(origin), "0 1 3\n").unwrap();
        let wrong = fetch(&manifest(vec![file.clone()]), folder.path(), Some(other.path()), &mut ()).unwrap_err();
        assert!(matches!(wrong, FetchError::WrongContent { .. }), "{wrong}");
        assert!(names(folder.path()).is_empty());
        fs::write(other.path().join(origin), "0 1 2\n").unwrap();
        let copied = fetch(&manifest(vec![file.clone()]), folder.path(), Some(other.path()), &mut ());
        assert_eq!(how(copied), [How::Copied]);
        assert_eq!(names(folder.path()), ["train.txt"]);
        fs::remove_file(other.path().join(origin)).unwrap();
    }
}

#[test]
fn what_has_an_address_comes_before_the_rest_is_asked_for() {
    let server = Server::new(Conduct { body: content(), ..Conduct::default() });
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let files = vec![entry("toy/kg.txt", b"0 0 1\n", None, None), toy(&server).files.remove(0)];
    let manifest = manifest(files);
    let error = fetch(&manifest, folder.path(), None, &mut ()).unwrap_err().to_string();
    assert!(
        error.contains("no address serves toy/kg.txt as read here. Ask its owner. See https://example.org"),
        "{error}"
    );
    assert_eq!(names(folder.path()), ["train.txt"]);
    fs::write(other.path().join("kg.txt"), "0 0 1\n").unwrap();
    let fetched = fetch(&manifest, folder.path(), Some(other.path()), &mut ());
    assert_eq!(how(fetched), [How::Copied, How::Present]);
}

#[test]
fn members_are_taken_out_of_one_archive() {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, body) in [("ml/u.data", &content()[..]), ("../u.item", b"1|Toy\n"), ("ml/bomb", &[0; 100_000])] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(body).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    let server = Server::new(Conduct { body: archive.clone(), ranges: true, cut: Some(1000), ..Conduct::default() });
    let file = |path: &str, body: &[u8], member| entry(path, body, Some(&server.url), Some(member));
    let wanted = [file("toy/u.data", &content(), "ml/u.data"), file("toy/u.item", b"1|Toy\n", "../u.item")];
    let folder = TempDir::new().unwrap();
    let error = fetch(&manifest(wanted.to_vec()), folder.path(), None, &mut ()).unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { have: 1000, .. }), "{error}");
    server.change(|conduct| conduct.cut = None);
    let unpacked = fetch(&manifest(wanted.to_vec()), folder.path(), None, &mut ());
    assert_eq!(how(unpacked), [How::Unpacked; 2]);
    assert_eq!(server.ranges(), [None, Some("bytes=1000-".to_owned())]);
    assert_eq!(fs::read(folder.path().join("toy/u.data")).unwrap(), content());
    assert_eq!(names(folder.path()), ["u.data", "u.item"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the archive is gone");

    let lacking = manifest(vec![file("toy/x", b"x", "ml/none")]);
    let error = fetch(&lacking, folder.path(), None, &mut ()).unwrap_err();
    assert!(error.to_string().contains("expected a zip archive with `ml/none`"), "{error}");
    let swollen = manifest(vec![file("toy/x", &[0; 10], "ml/bomb")]);
    let error = fetch(&swollen, folder.path(), None, &mut ()).unwrap_err();
    assert!(matches!(&error, FetchError::WrongContent { found, .. } if found.bytes == 11), "{error}");
    server.change(|conduct| conduct.body = content());
    let error = fetch(&swollen, folder.path(), None, &mut ()).unwrap_err();
    assert!(matches!(error, FetchError::Archive { .. }), "{error}");
    assert_eq!(names(folder.path()), ["u.data", "u.item"]);
}

#[test]
fn no_manifest_names_a_file_outside_the_folder() {
    let valid = toml::to_string(&manifest(vec![entry("toy/train.txt", b"", None, None)])).unwrap();
    Manifest::parse("toy", &valid).unwrap();
    for path in ["../train.txt", "/etc/passwd", "toy/../../x", "", "c:x", "toy\\\\..\\\\x", "."] {
        let text = valid.replace("path = \"toy/train.txt\"", &format!("path = \"{path}\""));
        let error = Manifest::parse("toy", &text).unwrap_err();
        assert!(error.to_string().contains("outside the data folder"), "{path}: {error}");
    }
    let short = valid.replace("sha256 = \"e3b0", "sha256 = \"");
    assert!(Manifest::parse("toy", &short).unwrap_err().to_string().contains("64 lower-case"));
    let unknown = format!("licens = \"x\"\n{valid}");
    assert!(matches!(Manifest::parse("toy", &unknown), Err(DataError::Manifest { .. })));
}
