//! Arrays on disk in the form in which they are used: written once, mapped, checked, read in place.
//!
//! ```text
//! 0    magic "gnnrecST"   byte order u32 = 0x01020304   version u32   length of the file u64   number of arrays u64
//! 32   BLAKE3 over bytes 0 .. 32 and 64 .. end
//! 64   for each array 64 bytes: name (44 bytes, zeros after it)   type u32   offset u64   number of values u64
//! ...  the arrays, little-endian, each at a multiple of 64, zeros between them
//! ```
//!
//! It knows arrays and their names. What they mean, and whether they make sense together, is checked by who
//! reads them, as [`Csr::open`](crate::Csr::open) does. It compresses nothing and changes no file in place.

mod buffer;
mod csr;
mod error;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use buffer::Buffer;
pub use error::StoreError;
pub use read::Store;
pub use write::StoreWriter;

use std::fmt::Debug;

const MAGIC: [u8; 8] = *b"gnnrecST";
const BYTE_ORDER: u32 = 0x0102_0304;
const VERSION: u32 = 1;
const HEADER: usize = 64;
const CHECKSUM: std::ops::Range<usize> = 32..64;
const ENTRY: usize = 64;
const NAME: usize = 44;
const ALIGNMENT: usize = 64;

/// Whether numbers in memory are those of the file.
const NATIVE: bool = cfg!(all(target_endian = "little", target_pointer_width = "64"));

/// A number that arrays are made of.
pub trait Element: bytemuck::Pod + Debug + PartialEq + Send + Sync + sealed::Sealed {
    /// What the file calls it.
    const CODE: u32;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($kind:ty = $code:literal),+) => {
        $(impl sealed::Sealed for $kind {}
        impl Element for $kind {
            const CODE: u32 = $code;
        })+
    };
}

// On the machines that can use a store a `usize` is a `u64`.
elements!(u8 = 1, u32 = 2, u64 = 3, usize = 3, i64 = 4, f32 = 5);

/// The type's name, for errors.
fn kind(code: u32) -> String {
    let names = ["u8", "u32", "u64", "i64", "f32"];
    let name = (code as usize).checked_sub(1).and_then(|at| names.get(at));
    name.map_or_else(|| format!("type {code}"), |name| format!("an array of {name}"))
}
