//! Opening a store: mapped, then checked against its checksum before anything in it is believed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

use super::{
    ALIGNMENT, BYTE_ORDER, Buffer, CHECKSUM, ENTRY, Element, HEADER, MAGIC, NAME, NATIVE, StoreError, VERSION, kind,
};

/// An open store. Arrays taken out of it keep the mapping alive on their own.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    map: Arc<Mmap>,
    arrays: BTreeMap<String, Array>,
}

#[derive(Debug)]
struct Array {
    code: u32,
    count: usize,
    offset: usize,
}

impl Store {
    /// Maps a file and checks length, kind, version and checksum, at the cost of reading it once.
    ///
    /// The arrays are then read from the mapping as they are used. The file must not be changed meanwhile:
    /// what this crate writes it never writes to again, and marks read-only. Should another program all the
    /// same cut the file short, the system ends this one at its next look at what is gone (`SIGBUS`); should
    /// it overwrite the file in place, what was checked here no longer holds. Removing or replacing it does no harm.
    ///
    /// # Errors
    /// A file that cannot be read, or that is not, byte for byte, what was written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !NATIVE {
            return Err(StoreError::Machine { path: path.to_owned() });
        }
        let map = map(path).map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
        let mut store = Self { path: path.to_owned(), map: Arc::new(map), arrays: BTreeMap::new() };
        let num_arrays = store.check_header()?;
        for at in 0..num_arrays {
            let (name, array) = store.entry(at)?;
            store.arrays.insert(name, array);
        }
        Ok(store)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn num_bytes(&self) -> usize {
        self.map.len()
    }

    /// Whether there is an array of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// An array, read in place.
    ///
    /// # Errors
    /// No array of this name, or one of another type.
    pub fn array<T: Element>(&self, name: &str) -> Result<Buffer<T>, StoreError> {
        let Some(array) = self.arrays.get(name) else {
            let names: Vec<_> = self.arrays.keys().map(String::as_str).collect();
            return Err(self.damaged("the table", names.join(", "), format!("an array `{name}`")));
        };
        let buffer = match self.bytes(array, size_of::<T>()) {
            Some(bytes) if array.code == T::CODE => Buffer::mapped(&self.map, bytes),
            _ => None,
        };
        buffer.ok_or_else(|| {
            let (found, expected) = if array.code == T::CODE {
                let room = self.map.len().saturating_sub(array.offset) / size_of::<T>();
                (format!("{} of {} values", kind(array.code), array.count), format!("at most {room}"))
            } else {
                (kind(array.code), kind(T::CODE))
            };
            self.damaged(&format!("`{name}`"), found, expected)
        })
    }

    /// An error of a value of this file.
    #[must_use]
    pub fn damaged(&self, what: &str, found: impl ToString, expected: impl ToString) -> StoreError {
        let (found, expected) = (found.to_string(), expected.to_string());
        StoreError::Damaged { path: self.path.clone(), what: what.to_owned(), found, expected }
    }

    /// Checks everything outside the table and gives the number of its entries, which the file has room for.
    fn check_header(&self) -> Result<usize, StoreError> {
        let bytes = &self.map[..];
        if bytes.len() < HEADER {
            return Err(self.damaged("the length", bytes.len(), format!("at least {HEADER} bytes")));
        }
        if bytes[..8] != MAGIC {
            return Err(self.damaged("the beginning", bytes[..8].escape_ascii(), MAGIC.escape_ascii()));
        }
        let [order, version] = [8, 12].map(|at| number(bytes, at, 4));
        if order != u64::from(BYTE_ORDER) {
            return Err(self.damaged("the byte order", format!("{order:#010x}"), format!("{BYTE_ORDER:#010x}")));
        }
        if version != u64::from(VERSION) {
            return Err(self.damaged("the version", version, VERSION));
        }
        let [length, num_arrays] = [16, 24].map(|at| number(bytes, at, 8));
        if length != bytes.len() as u64 {
            return Err(self.damaged("the length", bytes.len(), format!("{length} bytes")));
        }
        let room = (bytes.len() - HEADER) / ENTRY;
        let num_arrays = usize::try_from(num_arrays).ok().filter(|&count| count <= room);
        let num_arrays =
            num_arrays.ok_or_else(|| self.damaged("the number of arrays", "more", format!("at most {room}")))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..CHECKSUM.start]).update_rayon(&bytes[CHECKSUM.end..]);
        let found = hasher.finalize();
        let expected = blake3::Hash::from_slice(&bytes[CHECKSUM]).expect("a checksum has 32 bytes");
        if found != expected {
            return Err(self.damaged("the checksum", found.to_hex(), expected.to_hex()));
        }
        Ok(num_arrays)
    }

    /// One entry of the table. Behind the checksum it can only be wrong if a program wrote it wrong.
    fn entry(&self, at: usize) -> Result<(String, Array), StoreError> {
        let entry = &self.map[HEADER + at * ENTRY..][..ENTRY];
        let name = entry[..NAME].split(|&byte| byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let code = u32::try_from(number(entry, NAME, 4)).expect("four bytes");
        let [offset, count] = [NAME + 4, NAME + 12].map(|at| usize::try_from(number(entry, at, 8)).ok());
        match (offset, count) {
            (Some(offset), Some(count)) if offset % ALIGNMENT == 0 => Ok((name, Array { code, count, offset })),
            _ => Err(self.damaged(&format!("`{name}`"), "somewhere else", format!("at a multiple of {ALIGNMENT}"))),
        }
    }

    /// Where the values of an array lie, if the file is that long.
    fn bytes(&self, array: &Array, size: usize) -> Option<Range<usize>> {
        let end = array.count.checked_mul(size)?.checked_add(array.offset)?;
        (end <= self.map.len()).then_some(array.offset..end)
    }
}

/// A little-endian number of up to 8 bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[expect(unsafe_code, reason = "a file can be changed by another program while it is mapped, which Rust cannot see")]
fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the bytes must not change while they are borrowed. The file is opened for reading and mapped
    // privately, so nothing in this process changes them; `StoreWriter::write` puts new files in place by
    // renaming, never writes to one that is there, and marks them read-only, so no other process of ours does.
    // What a foreign program can do is stated at `Store::open`. No content is assumed here: length, checksum
    // and every index are checked after mapping and before use.
    unsafe { MmapOptions::new().map_copy_read_only(&file) }
}
