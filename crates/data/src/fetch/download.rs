//! Downloads that can be cut off at any byte and go on later.
//!
//! Beside a partial file, `NAME.part.tag` keeps the server's word (an entity tag or a date) for which
//! file it is; with it a server sends the rest only if the file is still the same. Whatever it sends,
//! the SHA-256 decides.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body};

use super::copy::{Pour, pour};
use super::{FetchError, FetchProgress, open_part, part_of, settle};
use crate::ManifestFile;

/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// Downloads one file into its place.
pub(super) fn file(
    file: &ManifestFile,
    url: &str,
    page: &str,
    folder: &Path,
    progress: &mut dyn FetchProgress,
) -> Result<(), FetchError> {
    let part = part_of(&folder.join(&file.path))?;
    let _lock = Download { url, page, name: &file.path, part: &part, total: Some(file.bytes) }.run(progress)?;
    settle(file, &part, folder, url)
}

/// One transfer into a partial file.
pub(super) struct Download<'a> {
    pub(super) url: &'a str,
    pub(super) page: &'a str,
    pub(super) name: &'a str,
    pub(super) part: &'a Path,
    /// The length where the manifest knows it.
    pub(super) total: Option<u64>,
}

impl Download<'_> {
    /// Completes the partial file and returns it, locked, for the caller to verify.
    pub(super) fn run(&self, progress: &mut dyn FetchProgress) -> Result<File, FetchError> {
        let mut file = open_part(self.part)?;
        let mut have = file.metadata().map_err(FetchError::io(self.part, "read"))?.len();
        if have > 0 && self.total == Some(have) {
            progress.begin(self.name, self.total, have);
            return self.done(file);
        }
        if self.total.is_some_and(|total| have > total) {
            have = self.empty(&file)?;
        }
        let mut response = self.request(have)?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && have > 0 {
            // What is here is no beginning of what is there.
            have = self.empty(&file)?;
            response = self.request(have)?;
        }
        match response.status() {
            StatusCode::PARTIAL_CONTENT if have > 0 => self.check_range(&response, &file, have)?,
            StatusCode::OK => have = self.empty(&file)?,
            status => {
                let (url, status, page) = (self.url.to_owned(), status.as_u16(), self.page.to_owned());
                return Err(FetchError::Status { url, status, page });
            }
        }
        self.remember(response.headers())?;
        let rest = response.body().content_length();
        let total = self.total.or(rest.map(|rest| have + rest));
        progress.begin(self.name, total, have);
        // One byte beyond the expected length is enough to know that it is another file.
        let limit = self.total.map_or(u64::MAX, |total| total - have + 1);
        let moved = match pour(&mut response.body_mut().as_reader(), &mut file, limit, progress) {
            Ok(moved) => moved,
            Err(Pour::Write(source)) => return Err(FetchError::io(self.part, "write")(source)),
            Err(Pour::Read(error)) => return Err(self.interrupted(&error.to_string(), &file)),
        };
        if total.is_some_and(|total| have + moved < total) {
            return Err(self.interrupted("the answer ended early", &file));
        }
        self.done(file)
    }

    fn request(&self, have: u64) -> Result<Response<Body>, FetchError> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("gnnrec/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .build()
            .into();
        let mut request = agent.get(self.url);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
            if let Ok(tag) = fs::read_to_string(self.tag()) {
                request = request.header(header::IF_RANGE, tag);
            }
        }
        request.call().map_err(|error| FetchError::Interrupted {
            url: self.url.to_owned(),
            reason: error.to_string(),
            have,
        })
    }

    /// The part sent must begin where the part at hand ends.
    fn check_range(&self, response: &Response<Body>, file: &File, have: u64) -> Result<(), FetchError> {
        let found = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or("");
        if found.starts_with(&format!("bytes {have}-")) {
            return Ok(());
        }
        self.empty(file)?;
        Err(FetchError::WrongRange { url: self.url.to_owned(), found: found.to_owned(), expected: have })
    }

    /// Keeps which file the server is sending: a strong entity tag, else its date, else nothing.
    fn remember(&self, headers: &HeaderMap) -> Result<(), FetchError> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let strong = text(header::ETAG).filter(|tag| tag.starts_with('"'));
        match strong.or(text(header::LAST_MODIFIED)) {
            Some(tag) => fs::write(self.tag(), tag).map_err(FetchError::io(&self.tag(), "write")),
            None => self.forget(),
        }
    }

    fn forget(&self) -> Result<(), FetchError> {
        match fs::remove_file(self.tag()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FetchError::io(&self.tag(), "remove")(error))
            }
            _ => Ok(()),
        }
    }

    fn tag(&self) -> std::path::PathBuf {
        self.part.with_added_extension("tag")
    }

    fn empty(&self, file: &File) -> Result<u64, FetchError> {
        self.forget()?;
        file.set_len(0).map_err(FetchError::io(self.part, "empty"))?;
        Ok(0)
    }

    fn done(&self, file: File) -> Result<File, FetchError> {
        self.forget()?;
        Ok(file)
    }

    fn interrupted(&self, reason: &str, file: &File) -> FetchError {
        let have = file.metadata().map_or(0, |data| data.len());
        FetchError::Interrupted { url: self.url.to_owned(), reason: reason.to_owned(), have }
    }
}
