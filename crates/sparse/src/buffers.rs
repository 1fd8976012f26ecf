//! Scratch tables that outlive a call: a step of training takes the ones its predecessor gave back.
//!
//! Fresh memory of this size costs a page fault for every few rows; large tables also ask for huge
//! pages, since rows are gathered from all over them. It is not an allocator: a buffer comes back when
//! it is dropped, and all are freed with their pool.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::MmapMut;

/// Floats from which a buffer has pages of its own: one huge page.
const MAPPED: usize = (2 << 20) / size_of::<f32>();

/// Buffers kept at most; two are in use at once.
const KEPT: usize = 4;

/// The buffers at rest.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Memory>>);

#[derive(Debug)]
enum Memory {
    Allocated(Vec<f32>),
    Mapped(MmapMut),
}

impl Memory {
    fn new(len: usize) -> Self {
        let mapped = (len >= MAPPED).then(|| MmapMut::map_anon(len * size_of::<f32>()).ok()).flatten();
        let Some(map) = mapped else { return Self::Allocated(vec![0.0; len]) };
        // Advice: where it is not followed, pages are small and everything else is the same.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Self::Mapped(map)
    }

    fn as_slice(&self) -> &[f32] {
        match self {
            Self::Allocated(values) => values,
            Self::Mapped(map) => bytemuck::cast_slice(map),
        }
    }

    fn as_mut_slice(&mut self) -> &mut [f32] {
        match self {
            Self::Allocated(values) => values,
            Self::Mapped(map) => bytemuck::cast_slice_mut(map),
        }
    }
}

impl Buffers {
    /// `len` floats with whatever values were last written there.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> Buffer {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = resting.iter().position(|memory| memory.as_slice().len() >= len);
        let memory = found.map(|index| resting.swap_remove(index));
        drop(resting);
        Buffer { memory: Some(memory.unwrap_or_else(|| Memory::new(len))), len, home: self.clone() }
    }
}

/// A slice that goes back to its pool when it is dropped.
pub(crate) struct Buffer {
    /// There until it is dropped.
    memory: Option<Memory>,
    len: usize,
    home: Arc<Buffers>,
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory.as_ref().expect("not dropped yet").as_slice()[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory.as_mut().expect("not dropped yet").as_mut_slice()[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut resting = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        resting.extend(self.memory.take());
        if resting.len() > KEPT {
            let smallest = resting.iter().enumerate().min_by_key(|(_, memory)| memory.as_slice().len());
            let smallest = smallest.map(|(index, _)| index);
            smallest.map(|index| resting.swap_remove(index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back() {
        let buffers = Arc::new(Buffers::default());
        for len in [3, MAPPED + 5] {
            let mut first = buffers.take(len);
            assert_eq!(first.len(), len);
            first.fill(7.0);
            let (address, other) = (first.as_ptr(), buffers.take(len));
            assert_ne!(address, other.as_ptr());
            drop(other);
            drop(first);
            let again = [buffers.take(len), buffers.take(len)];
            assert!(again.iter().any(|buffer| buffer.as_ptr() == address));
        }
    }

    #[test]
    fn a_pool_keeps_the_largest_few() {
        let buffers = Arc::new(Buffers::default());
        let taken: Vec<Buffer> = [10, 20, 30, 40, 5, 50].map(|len| buffers.take(len)).into();
        drop(taken);
        let mut kept: Vec<usize> = buffers.0.lock().unwrap().iter().map(|memory| memory.as_slice().len()).collect();
        kept.sort_unstable();
        assert_eq!(kept, [20, 30, 40, 50]);
    }
}
