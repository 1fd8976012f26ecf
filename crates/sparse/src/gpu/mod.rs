//! The operations on GPUs: kernels in CubeCL for Burn's `CubeBackend`, whatever runs beneath it.
//!
//! As on the CPU, every output row has one owner that adds in a fixed order: no atomics, and the same bits at every run
//! on one device. Tables are contiguous rows of `f32`; a kernel takes a row's columns in vectors of as many floats as
//! divide its width. What belongs to a graph is uploaded once for each device.
//!
//! Kernels are launched unchecked: an index of a graph was checked when the graph was built, sizes by whoever called
//! the operation, and every kernel leaves when its unit lies past the end.

#![expect(clippy::cast_possible_truncation, reason = "on a device rows and edges are counted by 32 bits")]

mod dense;
mod device;
mod edges;
mod geometry;
mod graph;
mod listed;
mod losses;
mod propagation;
mod rank;
mod rows;
mod rowwise;
mod sums;
mod tables;
mod tensors;

pub use device::late_uploads;
pub(crate) use device::{OnDevices, ahead, aside, upload_u32 as list};
pub(crate) use edges::{DeviceEdges, DeviceMask};
pub(crate) use listed::DeviceGroups;
pub(crate) use propagation::DeviceMatrix;
pub(crate) use rank::DeviceSeen;
