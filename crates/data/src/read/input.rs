//! A file as a stream of decompressed bytes, hashed on the way.
//!
//! Gzip and zstd are known by their first bytes, whatever the file is called; a byte-order mark is
//! skipped. Memory does not grow with the file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::io;
use crate::DataError;

const BUFFER: usize = 256 << 10;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A file that is being read.
pub(crate) struct Input {
    path: PathBuf,
    file: File,
    hash: Arc<Mutex<Sha256>>,
    bytes: Box<dyn BufRead + Send>,
}

/// Hashes what passes through, as it stands on disk.
struct Hashed {
    file: File,
    hash: Arc<Mutex<Sha256>>,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        lock(&self.hash).update(&buffer[..count]);
        Ok(count)
    }
}

impl Input {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(io(path))?;
        let hash = Arc::new(Mutex::new(Sha256::new()));
        let hashed = Hashed { file: file.try_clone().map_err(io(path))?, hash: Arc::clone(&hash) };
        let bytes = decompressed(hashed).map_err(io(path))?;
        Ok(Self { path: path.to_owned(), file, hash, bytes })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next bytes, none at the end.
    pub(crate) fn fill(&mut self) -> Result<&[u8], DataError> {
        self.bytes.fill_buf().map_err(io(&self.path))
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.bytes.consume(count);
    }

    /// SHA-256 of the file as it stands on disk, in lowercase hex, with whatever was not read of it.
    pub(crate) fn finish(self) -> Result<String, DataError> {
        let Self { path, file, hash, bytes } = self;
        drop(bytes);
        // The two handles share one position in the file.
        io::copy(&mut Hashed { file, hash: Arc::clone(&hash) }, &mut io::sink()).map_err(io(&path))?;
        let digest = lock(&hash).finalize_reset();
        Ok(hex(&digest))
    }
}

/// The hash. Whoever panicked over it would have lost the whole file.
fn lock(hash: &Mutex<Sha256>) -> MutexGuard<'_, Sha256> {
    hash.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decompressed(mut raw: Hashed) -> io::Result<Box<dyn BufRead + Send>> {
    let head = first_bytes(&mut raw, ZSTD.len())?;
    let (gzip, zstd) = (head.starts_with(&GZIP), head.starts_with(&ZSTD));
    let raw = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(raw));
    let bytes: Box<dyn BufRead + Send> = if gzip {
        Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(raw)))
    } else if zstd {
        Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(raw)?))
    } else {
        Box::new(raw)
    };
    without_mark(bytes)
}

fn without_mark(mut bytes: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let head = first_bytes(&mut bytes, BYTE_ORDER_MARK.len())?;
    if head == BYTE_ORDER_MARK { Ok(bytes) } else { Ok(Box::new(Cursor::new(head).chain(bytes))) }
}

fn first_bytes(bytes: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(count);
    bytes.take(count as u64).read_to_end(&mut head)?;
    Ok(head)
}
