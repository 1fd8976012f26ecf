//! Writing a store: beside its place, hashed on the way, then moved there whole.

use std::borrow::Cow;
use std::fs;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::{ALIGNMENT, BYTE_ORDER, CHECKSUM, ENTRY, Element, HEADER, MAGIC, NAME, NATIVE, StoreError, VERSION};

/// Arrays to be written into one file, each under a name.
#[derive(Debug, Default)]
pub struct StoreWriter<'a> {
    arrays: Vec<Array<'a>>,
}

#[derive(Debug)]
struct Array<'a> {
    name: String,
    code: u32,
    count: usize,
    bytes: Cow<'a, [u8]>,
}

impl<'a> StoreWriter<'a> {
    /// No arrays yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an array; it is written by [`StoreWriter::write`], without a copy.
    ///
    /// # Panics
    /// If the name is empty, longer than 44 bytes or taken.
    pub fn add<T: Element>(&mut self, name: &str, values: &'a [T]) {
        self.push::<T>(name, values.len(), Cow::Borrowed(bytemuck::cast_slice(values)));
    }

    /// Adds a copy of an array.
    ///
    /// # Panics
    /// As [`StoreWriter::add`].
    pub fn add_copy<T: Element>(&mut self, name: &str, values: &[T]) {
        self.push::<T>(name, values.len(), Cow::Owned(bytemuck::cast_slice(values).to_vec()));
    }

    fn push<T: Element>(&mut self, name: &str, count: usize, bytes: Cow<'a, [u8]>) {
        let taken = self.arrays.iter().any(|array| array.name == name);
        assert!((1..=NAME).contains(&name.len()) && !taken, "`{name}` cannot name an array");
        self.arrays.push(Array { name: name.to_owned(), code: T::CODE, count, bytes });
    }

    /// Writes the arrays to a new file and moves it to `path`, over whatever is there: at no time is there
    /// half a file. On Unix it is marked read-only, since whoever has mapped it relies on its content.
    ///
    /// # Errors
    /// A folder or file that cannot be written, or a machine whose numbers are not those of the file.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        if !NATIVE {
            return Err(StoreError::Machine { path: path.to_owned() });
        }
        self.write_file(path).map_err(|source| StoreError::Io { path: path.to_owned(), source })
    }

    fn write_file(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let (head, length) = self.head();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head[..CHECKSUM.start]);
        hasher.update(&head[HEADER..]);
        let mut out = BufWriter::new(&mut file);
        out.write_all(&head)?;
        let mut written = head.len();
        for array in &self.arrays {
            let padding = [0; ALIGNMENT];
            for bytes in [&padding[..written.next_multiple_of(ALIGNMENT) - written], &*array.bytes] {
                hasher.update_rayon(bytes);
                out.write_all(bytes)?;
                written += bytes.len();
            }
        }
        debug_assert_eq!(written, length);
        out.seek(SeekFrom::Start(CHECKSUM.start as u64))?;
        out.write_all(hasher.finalize().as_bytes())?;
        out.flush()?;
        drop(out);
        file.as_file().sync_all()?;
        #[cfg(unix)]
        {
            let mut permissions = file.as_file().metadata()?.permissions();
            permissions.set_readonly(true);
            file.as_file().set_permissions(permissions)?;
        }
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Header, with zeros for a checksum, and table; and the length of the whole file.
    fn head(&self) -> (Vec<u8>, usize) {
        let mut table = Vec::with_capacity(self.arrays.len() * ENTRY);
        let mut length = HEADER + self.arrays.len() * ENTRY;
        for array in &self.arrays {
            let offset = length.next_multiple_of(ALIGNMENT);
            let mut name = [0; NAME];
            name[..array.name.len()].copy_from_slice(array.name.as_bytes());
            table.extend(name);
            table.extend(array.code.to_le_bytes());
            table.extend((offset as u64).to_le_bytes());
            table.extend((array.count as u64).to_le_bytes());
            length = offset + array.bytes.len();
        }
        let mut head = MAGIC.to_vec();
        head.extend(BYTE_ORDER.to_le_bytes());
        head.extend(VERSION.to_le_bytes());
        head.extend((length as u64).to_le_bytes());
        head.extend((self.arrays.len() as u64).to_le_bytes());
        head.resize(HEADER, 0);
        head.extend(table);
        (head, length)
    }
}
