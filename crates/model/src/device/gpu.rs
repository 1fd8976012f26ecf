//! Adapters of CubeCL's runtimes: counted, opened, tried and described. Only in builds with a GPU.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(feature = "wgpu")]
use burn::backend::wgpu::{RuntimeOptions, WgpuDevice, WgpuInitError, WgpuSetup, graphics, try_init_setup, wgpu};
use burn::backend::{CubeDevice, DispatchDevice};
#[cfg(feature = "wgpu")]
use burn::tensor::DeviceKind;
use burn::tensor::{Device, DeviceType, Tensor};

use super::{Adapter, DeviceChoice, DeviceError, GpuApi, OpenDevice};

/// What an API reaches on this machine, in the order of its numbers. Two adapters that compute in software are one.
pub(super) fn devices(api: GpuApi) -> Vec<Device> {
    match api {
        #[cfg(feature = "wgpu")]
        GpuApi::Wgpu => Device::enumerate(DeviceType::Wgpu).into_vec(),
        #[cfg(not(feature = "wgpu"))]
        GpuApi::Wgpu => Vec::new(),
        #[cfg(feature = "vulkan")]
        GpuApi::Vulkan => Device::enumerate(DeviceType::Vulkan).into_vec(),
        #[cfg(not(feature = "vulkan"))]
        GpuApi::Vulkan => Vec::new(),
        #[cfg(feature = "cuda")]
        GpuApi::Cuda => Device::enumerate(DeviceType::Cuda).into_vec(),
        #[cfg(not(feature = "cuda"))]
        GpuApi::Cuda => Vec::new(),
    }
}

/// What an API takes when it may choose.
fn default_device(api: GpuApi) -> Option<Device> {
    match api {
        #[cfg(feature = "wgpu")]
        GpuApi::Wgpu => Some(Device::wgpu(DeviceKind::DefaultDevice)),
        #[cfg(feature = "vulkan")]
        GpuApi::Vulkan => Some(Device::vulkan(DeviceKind::DefaultDevice)),
        #[cfg(feature = "cuda")]
        GpuApi::Cuda => Some(Device::cuda(0)),
        #[cfg(not(all(feature = "vulkan", feature = "cuda")))]
        _ => None,
    }
}

/// Opens an adapter by its number, or the one that the API chooses.
pub(super) fn open(choice: DeviceChoice, api: GpuApi, adapter: Option<usize>) -> Result<OpenDevice, DeviceError> {
    let found = devices(api);
    let count = found.len();
    if count == 0 {
        return Err(DeviceError::NoAdapter { device: choice, api });
    }
    let device = match adapter {
        None => default_device(api),
        Some(adapter) => found.into_iter().nth(adapter),
    };
    let device = device.ok_or(DeviceError::OutOfRange { device: choice, api, count })?;
    let refused = |reason: String| DeviceError::Refused { device: choice, reason };
    let DispatchDevice::Cube(cube) = device.as_dispatch() else { unreachable!("every GPU is one of CubeCL's") };
    let (limits, about) = match cube {
        #[cfg(feature = "wgpu")]
        CubeDevice::Wgpu(wgpu) => match initialised(wgpu).map_err(|error| refused(error.to_string()))? {
            Some(setup) => {
                let limits = setup.adapter.limits();
                let buffers = [limits.max_buffer_size, limits.max_storage_buffer_binding_size];
                (Some(buffers), about(&setup.adapter.get_info()))
            }
            None => (None, String::new()),
        },
        _ => (None, format!("{api}")),
    };
    // CUDA has no way to open a device but to use it, and what goes wrong inside is a panic.
    let described = catch_unwind(AssertUnwindSafe(|| {
        let sum = Tensor::<1>::ones([2], &device).sum().into_scalar::<f32>();
        (sum, described(cube, limits, about))
    }));
    match described.map_err(|panic| refused(words(&*panic)))? {
        (2.0, adapter) => Ok(OpenDevice { device, adapter: Some(adapter) }),
        (sum, _) => Err(refused(format!("it computes 1 + 1 = {sum}"))),
    }
}

/// Opens an adapter where nobody did before; `None` where somebody did, and its properties alone are left to ask.
#[cfg(feature = "wgpu")]
fn initialised(device: &WgpuDevice) -> Result<Option<WgpuSetup>, WgpuInitError> {
    match try_init_setup::<graphics::AutoGraphicsApi>(device, RuntimeOptions::try_default()?) {
        Ok(setup) => Ok(Some(setup)),
        Err(WgpuInitError::Registration { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What CubeCL knows of a device, with what the API said of its buffers.
fn described(device: &CubeDevice, buffers: Option<[u64; 2]>, about: String) -> Adapter {
    let client = device.client();
    let properties = client.properties();
    let (hardware, page) = (&properties.hardware, properties.memory.max_page_size);
    let [largest_buffer_bytes, largest_binding_bytes] = buffers.unwrap_or([page; 2]);
    let (x, y, z) = hardware.max_cube_dim;
    Adapter {
        name: properties.identity.name.clone(),
        about,
        largest_buffer_bytes,
        largest_binding_bytes,
        workgroup: [x, y, z],
        workgroup_units: hardware.max_units_per_cube,
        shared_bytes: hardware.max_shared_memory_size,
        subgroup: [hardware.plane_size_min, hardware.plane_size_max],
        memory_bytes: properties.memory.max_memory(),
    }
}

/// Kind, API and driver.
#[cfg(feature = "wgpu")]
fn about(info: &wgpu::AdapterInfo) -> String {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "a GPU with its own memory",
        wgpu::DeviceType::IntegratedGpu => "a GPU in the processor",
        wgpu::DeviceType::VirtualGpu => "a virtual GPU",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "of unknown kind",
    };
    let api = match info.backend {
        wgpu::Backend::Vulkan => "Vulkan",
        wgpu::Backend::Metal => "Metal",
        wgpu::Backend::Dx12 => "DirectX 12",
        wgpu::Backend::Gl => "OpenGL",
        wgpu::Backend::BrowserWebGpu => "WebGPU",
        wgpu::Backend::Noop => "nothing",
    };
    let driver = format!("{} {}", info.driver, info.driver_info);
    let words = [kind, api, driver.trim()];
    words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it failed without a word".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_its_words() {
        let of = |fails: fn()| words(&*catch_unwind(fails).unwrap_err());
        assert_eq!(of(|| panic!("no driver")), "no driver");
        assert_eq!(of(|| panic!("error {}", 3)), "error 3");
        assert_eq!(of(|| std::panic::panic_any(3)), "it failed without a word");
    }

    /// Of every adapter that the tests may use: it opens, says what it is, and opens again.
    #[test]
    fn adapters_open_and_describe_themselves() {
        if std::env::var("GNNREC_TEST_DEVICE").is_ok_and(|device| device != "cpu") {
            for api in GpuApi::ALL {
                for choice in api.choices() {
                    let open = choice.open().unwrap();
                    let adapter = open.adapter.unwrap();
                    assert!(!adapter.name.is_empty() && !adapter.about.is_empty(), "{adapter:?}");
                    assert!(adapter.to_string().starts_with(&format!("{}, ", adapter.name)), "{adapter}");
                    // What WebGPU guarantees.
                    assert!(adapter.largest_buffer_bytes >= 256 << 20, "{adapter:?}");
                    assert!(adapter.largest_binding_bytes >= 128 << 20, "{adapter:?}");
                    assert!(adapter.workgroup_units >= 256 && adapter.shared_bytes >= 16 << 10, "{adapter:?}");
                    let again = choice.open().unwrap();
                    assert_eq!((again.device, again.adapter.unwrap().name), (open.device, adapter.name));
                }
            }
        }
    }
}
