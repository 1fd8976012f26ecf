//! A kept buffer as the storage of a tensor: it goes back to its pool when the last tensor that holds it is
//! dropped, so that the gradient of a table takes no fresh memory at every step.

use std::mem::MaybeUninit;

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};

use crate::buffers::Buffer;

impl From<Buffer<f32>> for Bytes {
    fn from(buffer: Buffer<f32>) -> Self {
        let num_bytes = size_of_val(&buffer[..]);
        #[expect(unsafe_code, reason = "the length of initialised memory is the caller's to know")]
        // SAFETY: a buffer is a slice of floats, all of them initialised, of exactly this size in bytes.
        unsafe {
            Bytes::from_controller(Box::new(Pooled(buffer)), num_bytes)
        }
    }
}

struct Pooled(Buffer<f32>);

impl AllocationController for Pooled {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    #[expect(unsafe_code, reason = "the trait's method is unsafe")]
    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.0);
        // SAFETY: `MaybeUninit<u8>` has the layout of `u8`, the slice stays borrowed from `self`, and the trait
        // obliges its callers to write initialised bytes only, of which every pattern is a float.
        Ok(unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) })
    }

    #[expect(unsafe_code, reason = "there is no safe cast to bytes that may be uninitialised")]
    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.0);
        // SAFETY: `MaybeUninit<u8>` has the layout of `u8`, and the slice stays borrowed from `self`.
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::buffers::Buffers;

    fn floats(bytes: &Bytes) -> &[f32] {
        bytemuck::cast_slice(bytes)
    }

    #[test]
    fn written_copied_and_given_back() {
        let buffers = Arc::new(Buffers::default());
        let mut buffer = buffers.take(3);
        buffer.copy_from_slice(&[1.0, 2.0, 3.0]);
        let address = buffer.as_ptr();
        let mut bytes = Bytes::from(buffer);
        assert_eq!((floats(&bytes), bytes.len()), (&[1.0, 2.0, 3.0][..], 12));
        let copy = bytes.clone();
        bytemuck::cast_slice_mut::<u8, f32>(&mut bytes)[1] = 7.0;
        assert_eq!((floats(&bytes), floats(&copy)), (&[1.0, 7.0, 3.0][..], &[1.0, 2.0, 3.0][..]));
        drop(bytes);
        assert_eq!(buffers.take::<f32>(3).as_ptr(), address);
    }
}
