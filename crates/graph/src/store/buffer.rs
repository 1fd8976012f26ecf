//! An immutable array that is either held in memory or lies in a mapped file; readers see a slice.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;

use super::Element;

/// A slice of `T` and what keeps it alive. A clone of a mapped one shares the mapping.
pub struct Buffer<T: Element>(Inner<T>);

#[derive(Clone)]
enum Inner<T> {
    Held(Vec<T>),
    /// Bytes of the mapping, aligned for `T` and a whole number of them.
    Mapped(Arc<Mmap>, Range<usize>),
}

impl<T: Element> Buffer<T> {
    /// Part of a mapping, or `None` where it is not whole, aligned values of `T`.
    pub(super) fn mapped(map: &Arc<Mmap>, bytes: Range<usize>) -> Option<Self> {
        bytemuck::try_cast_slice::<u8, T>(map.get(bytes.clone())?).ok()?;
        Some(Self(Inner::Mapped(Arc::clone(map), bytes)))
    }

    /// Whether it lies in a mapped file.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        matches!(self.0, Inner::Mapped(..))
    }

    /// The values as a vector to be changed; a mapped buffer is copied.
    pub fn to_mut(&mut self) -> &mut Vec<T> {
        if self.is_mapped() {
            self.0 = Inner::Held(self.to_vec());
        }
        let Inner::Held(values) = &mut self.0 else { unreachable!("it was copied just now") };
        values
    }
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.0 {
            Inner::Held(values) => values,
            // Its alignment and size were checked when it was made: the cast cannot fail.
            Inner::Mapped(map, bytes) => bytemuck::cast_slice(&map[bytes.clone()]),
        }
    }
}

impl<T: Element> From<Vec<T>> for Buffer<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Inner::Held(values))
    }
}

impl<T: Element> Default for Buffer<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T: Element> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Element> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Element> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
