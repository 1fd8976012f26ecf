//! Tables that outlive a call: a step of training takes the ones its predecessor gave back.
//!
//! Fresh memory of this size costs a page fault for every few rows; large tables also ask for huge
//! pages, since rows are gathered from all over them. It is not an allocator: a buffer comes back when
//! it is dropped, and all are freed with their pool.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use bytemuck::Pod;
use memmap2::MmapMut;

/// Floats from which a buffer has pages of its own: one huge page.
const MAPPED: usize = (2 << 20) / size_of::<f32>();

/// Buffers kept at most: a step of training uses two for its hops, one for the rows of a batch and one for
/// the gradient.
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

    fn num_bytes(&self) -> usize {
        match self {
            Self::Allocated(values) => size_of_val(values.as_slice()),
            Self::Mapped(map) => map.len(),
        }
    }

    fn as_slice<T: Pod>(&self) -> &[T] {
        match self {
            Self::Allocated(values) => bytemuck::cast_slice(values),
            Self::Mapped(map) => bytemuck::cast_slice(map),
        }
    }

    fn as_mut_slice<T: Pod>(&mut self) -> &mut [T] {
        match self {
            Self::Allocated(values) => bytemuck::cast_slice_mut(values),
            Self::Mapped(map) => bytemuck::cast_slice_mut(map),
        }
    }
}

impl Buffers {
    /// `len` numbers with whatever values were last written there.
    pub(crate) fn take<T: Pod>(self: &Arc<Self>, len: usize) -> Buffer<T> {
        let num_bytes = len * size_of::<T>();
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let large_enough = resting.iter().enumerate().filter(|(_, memory)| memory.num_bytes() >= num_bytes);
        let smallest = large_enough.min_by_key(|(_, memory)| memory.num_bytes()).map(|(index, _)| index);
        let memory = smallest.map(|index| resting.swap_remove(index));
        drop(resting);
        let memory = memory.unwrap_or_else(|| Memory::new(num_bytes.div_ceil(size_of::<f32>())));
        Buffer { memory: Some(memory), len, home: self.clone(), of: PhantomData }
    }
}

/// A slice that goes back to its pool when it is dropped.
pub(crate) struct Buffer<T: Pod> {
    /// There until it is dropped.
    memory: Option<Memory>,
    len: usize,
    home: Arc<Buffers>,
    of: PhantomData<T>,
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory.as_ref().expect("not dropped yet").as_slice()[..self.len]
    }
}

impl<T: Pod> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory.as_mut().expect("not dropped yet").as_mut_slice()[..self.len]
    }
}

impl<T: Pod> Drop for Buffer<T> {
    fn drop(&mut self) {
        let mut resting = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        resting.extend(self.memory.take());
        if resting.len() > KEPT {
            let smallest = resting.iter().enumerate().min_by_key(|(_, memory)| memory.num_bytes());
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
            let mut first = buffers.take::<f32>(len);
            assert_eq!(first.len(), len);
            first.fill(7.0);
            let (address, other) = (first.as_ptr(), buffers.take::<f32>(len));
            assert_ne!(address, other.as_ptr());
            drop(other);
            drop(first);
            let again = [buffers.take::<f32>(len), buffers.take(len)];
            assert!(again.iter().any(|buffer| buffer.as_ptr() == address));
        }
    }

    #[test]
    fn a_pool_keeps_the_largest_few() {
        let buffers = Arc::new(Buffers::default());
        let taken: Vec<Buffer<f32>> = [10, 20, 30, 40, 5, 50].map(|len| buffers.take(len)).into();
        drop(taken);
        let mut kept: Vec<usize> = buffers.0.lock().unwrap().iter().map(Memory::num_bytes).collect();
        kept.sort_unstable();
        assert_eq!(kept, [80, 120, 160, 200]);
    }
}
