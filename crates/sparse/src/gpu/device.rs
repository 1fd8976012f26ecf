//! What was uploaded once, and tensors made on a device.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Shape};
use burn_cubecl::CubeDevice;
use burn_cubecl::tensor::CubeTensor;
use burn_std::id::StreamId;

/// A value for each device that asked for it, made at the first call.
pub(crate) struct OnDevices<T>(Mutex<Vec<(CubeDevice, Arc<T>)>>);

impl<T> Default for OnDevices<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> std::fmt::Debug for OnDevices<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnDevices")
    }
}

impl<T> OnDevices<T> {
    /// The device's value; `make` is called once a device.
    pub(crate) fn get(&self, device: &CubeDevice, make: impl FnOnce() -> T) -> Arc<T> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = made.iter().find(|(other, _)| other == device) {
            return Arc::clone(value);
        }
        let value = Arc::new(make());
        made.push((device.clone(), Arc::clone(&value)));
        value
    }
}

/// Where uploads go that are made ahead of their use. A write ends the batch of kernels that its own stream has gathered;
/// here there are none, and the kernels of the step under way stay together.
const ASIDE: StreamId = StreamId { value: u64::MAX };

/// By stream.
static LATE: Mutex<BTreeMap<u64, usize>> = Mutex::new(BTreeMap::new());

/// Uploads whatever `work` uploads in a stream of its own, for kernels of other streams that come later.
pub(crate) fn aside<T>(work: impl FnOnce() -> T) -> T {
    ASIDE.executes(work)
}

/// [`aside`] if the device is one that uploads; whether it is.
pub(crate) fn ahead(device: &Device, upload: impl FnOnce(&CubeDevice)) -> bool {
    match device.clone().without_autodiff().as_dispatch() {
        DispatchDevice::Cube(device) => {
            aside(|| upload(device));
            true
        }
        _ => false,
    }
}

/// How many buffers of lists, graphs and masks the operations of the calling thread have uploaded themselves, for want of
/// being ready. In a training whose batches are prepared ahead the first step uploads what belongs to the model, and no
/// later one adds to it. Tensors of numbers, which Burn uploads, are not counted.
#[must_use]
pub fn late_uploads() -> usize {
    let late = LATE.lock().unwrap_or_else(PoisonError::into_inner);
    late.get(&StreamId::current().value).copied().unwrap_or_default()
}

fn count_late() {
    let stream = StreamId::current();
    if stream != ASIDE {
        *LATE.lock().unwrap_or_else(PoisonError::into_inner).entry(stream.value).or_default() += 1;
    }
}

/// Bytes of the smallest buffer: one vector, since a binding is as large as one value of it.
const LEAST_BYTES: usize = 16;

/// A tensor of any 32-bit numbers from memory here.
pub(super) fn upload<T: bytemuck::NoUninit>(values: &[T], dtype: DType, device: &CubeDevice) -> CubeTensor {
    count_late();
    let client = device.client();
    let bytes: &[u8] = bytemuck::cast_slice(values);
    let mut least = [0; LEAST_BYTES];
    let handle = match least.get_mut(..bytes.len()) {
        Some(part) => {
            part.copy_from_slice(bytes);
            client.create_from_slice(&least)
        }
        None => client.create_from_slice(bytes),
    };
    CubeTensor::new_contiguous(client, device.clone(), Shape::new([values.len()]), handle, dtype)
}

/// Words that go into one buffer together: 16 MiB, far below what any adapter binds.
const TOGETHER: usize = 4 << 20;

/// Several lists in one buffer, each where a binding may begin, since every buffer is a journey; large ones each in its
/// own.
pub(super) fn upload_lists<const K: usize>(lists: [&[u32]; K], device: &CubeDevice) -> [CubeTensor; K] {
    if lists.iter().map(|list| list.len()).sum::<usize>() > TOGETHER {
        return lists.map(|list| upload_u32(list, device));
    }
    count_late();
    let client = device.client();
    let aligned = usize::try_from(client.properties().memory.alignment).unwrap_or(256).max(256) / size_of::<u32>();
    let starts = lists.iter().scan(0, |next, list| {
        let start = *next;
        *next = (start + list.len().max(LEAST_BYTES / size_of::<u32>())).next_multiple_of(aligned);
        Some((start, *next))
    });
    let starts: Vec<(usize, usize)> = starts.collect();
    let len = starts.last().map_or(0, |(_, end)| *end);
    let mut words = vec![0u32; len];
    lists.iter().zip(&starts).for_each(|(list, (start, _))| words[*start..][..list.len()].copy_from_slice(list));
    let whole = client.create_from_slice(bytemuck::cast_slice(&words));
    let mut place = lists.iter().zip(starts);
    [(); K].map(|()| {
        let (list, (start, end)) = place.next().expect("a place for each list");
        let [before, behind] = [start, len - end].map(|words| (words * size_of::<u32>()) as u64);
        let handle = whole.clone().offset_start(before).offset_end(behind);
        CubeTensor::new_contiguous(client.clone(), device.clone(), Shape::new([list.len()]), handle, DType::U32)
    })
}

pub(crate) fn upload_u32(values: &[u32], device: &CubeDevice) -> CubeTensor {
    upload(values, DType::U32, device)
}

pub(super) fn upload_f32(values: &[f32], device: &CubeDevice) -> CubeTensor {
    upload(values, DType::F32, device)
}

/// A contiguous table of floats with whatever was in its memory.
pub(super) fn empty<const D: usize>(shape: [usize; D], device: &CubeDevice) -> CubeTensor {
    let client = device.client();
    let num_bytes = shape.iter().product::<usize>() * size_of::<f32>();
    let handle = client.empty(num_bytes.max(LEAST_BYTES));
    CubeTensor::new_contiguous(client, device.clone(), Shape::new(shape), handle, DType::F32)
}
