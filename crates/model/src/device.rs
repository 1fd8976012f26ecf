//! Devices by name: how they are written, what this build can use of them, and how one is opened.
//!
//! A GPU that is not there is an error that says what to do, never a panic. Nothing is computed here but one sum, to
//! see that a device does compute.

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// Where a model computes, as specs and `--device` name it: `cpu`, `wgpu`, `wgpu:1`, `vulkan`, `cuda:0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// An adapter: a GPU, or software that stands in for one.
    Gpu {
        /// How it is reached.
        api: GpuApi,
        /// Its place in [`GpuApi::choices`], from 0; without one the API chooses, the fastest where it knows.
        adapter: Option<usize>,
    },
}

/// How a GPU is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GpuApi {
    /// The graphics API of the system, Vulkan, Metal, DirectX or OpenGL, with shaders from WGSL.
    Wgpu,
    /// Vulkan alone, with shaders as SPIR-V where the adapter takes them.
    Vulkan,
    /// NVIDIA's CUDA.
    Cuda,
}

/// A device that computes.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    /// Where tensors are made, without autodiff.
    pub device: Device,
    /// What was opened; `None` for the CPU.
    pub adapter: Option<Adapter>,
}

/// A GPU, or software that stands in for one, and how much it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// What it calls itself.
    pub name: String,
    /// Its kind, API and driver, as `software, Vulkan, llvmpipe Mesa 22.3.6`; as much of it as is known.
    pub about: String,
    /// The largest buffer, in bytes.
    pub largest_buffer_bytes: u64,
    /// The most bytes of a buffer that one kernel sees; no table can be larger.
    pub largest_binding_bytes: u64,
    /// The most units of a workgroup along x, y and z.
    pub workgroup: [u32; 3],
    /// The most units of a workgroup.
    pub workgroup_units: u32,
    /// Memory that a workgroup shares, in bytes.
    pub shared_bytes: usize,
    /// The least and the most units that run in step.
    pub subgroup: [u32; 2],
    /// All of its memory, in bytes, where it tells.
    pub memory_bytes: Option<u64>,
}

/// A device that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device is written so.
    #[error(
        "no device is called `{found}`; expected cpu, wgpu, vulkan or cuda, or one of several adapters, as `wgpu:1` \
         (`gnnrec doctor` lists them)"
    )]
    Unknown {
        /// What was written.
        found: String,
    },
    /// The build has no code for it.
    #[error(
        "device `{device}`: this build has no `{api}`; run `cargo xtask experiment --device {device}`, which builds it, \
         or build with `--features {api}`"
    )]
    NotBuilt {
        /// The device.
        device: DeviceChoice,
        /// Its API, and the feature.
        api: GpuApi,
    },
    /// The machine has no adapter.
    #[error("device `{device}`: no adapter can be used here; {}, or choose the device `cpu`", api.remedy())]
    NoAdapter {
        /// The device.
        device: DeviceChoice,
        /// Its API.
        api: GpuApi,
    },
    /// The machine has fewer adapters.
    #[error("device `{device}`: there {}; `gnnrec doctor` lists what there is", counted(*api, *count))]
    OutOfRange {
        /// The device.
        device: DeviceChoice,
        /// Its API.
        api: GpuApi,
        /// How many there are.
        count: usize,
    },
    /// The adapter is there and does not work.
    #[error("device `{device}` cannot be used: {reason}; update its driver, or choose the device `cpu`")]
    Refused {
        /// The device.
        device: DeviceChoice,
        /// What it said.
        reason: String,
    },
}

impl DeviceChoice {
    /// Opens the device and has it add two numbers; that may take seconds where kernels are compiled.
    ///
    /// # Errors
    /// A device that this build, or this machine, has not.
    pub fn open(self) -> Result<OpenDevice, DeviceError> {
        match self {
            Self::Cpu => Ok(OpenDevice { device: Device::flex(), adapter: None }),
            Self::Gpu { api, .. } if !api.is_built() => Err(DeviceError::NotBuilt { device: self, api }),
            #[cfg(any(feature = "wgpu", feature = "cuda"))]
            Self::Gpu { api, adapter } => gpu::open(self, api, adapter),
            #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
            Self::Gpu { .. } => unreachable!("no API is built"),
        }
    }
}

impl GpuApi {
    /// Every one, in the order of lists.
    pub const ALL: [Self; 3] = [Self::Wgpu, Self::Vulkan, Self::Cuda];

    /// Its name, which is that of the Cargo feature too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }

    /// Whether this build has it.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// One for each adapter that this machine has, in a fixed order; none in a build without the API. No adapter is
    /// opened.
    #[must_use]
    pub fn choices(self) -> Vec<DeviceChoice> {
        #[cfg(any(feature = "wgpu", feature = "cuda"))]
        let count = gpu::devices(self).len();
        #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
        let count = 0;
        (0..count).map(|adapter| DeviceChoice::Gpu { api: self, adapter: Some(adapter) }).collect()
    }

    /// What to do where there is no adapter.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Wgpu | Self::Vulkan => {
                "install the Vulkan driver of your GPU, or Debian's packages `mesa-vulkan-drivers libvulkan1`, which \
                 compute in software"
            }
            Self::Cuda => "install NVIDIA's driver",
        }
    }
}

impl fmt::Display for GpuApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu { api, adapter: None } => write!(f, "{api}"),
            Self::Gpu { api, adapter: Some(adapter) } => write!(f, "{api}:{adapter}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { found: text.to_owned() };
        if text == "cpu" {
            return Ok(Self::Cpu);
        }
        let (name, adapter) = match text.split_once(':') {
            Some((name, adapter)) => (name, Some(adapter)),
            None => (text, None),
        };
        let api = GpuApi::ALL.into_iter().find(|api| api.name() == name).ok_or_else(unknown)?;
        // A number as it is written back: no sign, no zeros in front.
        let number = |digits: &str| digits.parse::<usize>().ok().filter(|number| number.to_string() == digits);
        let adapter = adapter.map(|digits| number(digits).ok_or_else(unknown)).transpose()?;
        Ok(Self::Gpu { api, adapter })
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = DeviceError;

    fn try_from(text: String) -> Result<Self, DeviceError> {
        text.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(device: DeviceChoice) -> Self {
        device.to_string()
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.about.is_empty() { Ok(()) } else { write!(f, ", {}", self.about) }
    }
}

/// How many adapters there are, by name.
fn counted(api: GpuApi, count: usize) -> String {
    match count {
        1 => format!("is one adapter, `{api}:0`"),
        _ => format!("are {count} adapters, `{api}:0` to `{api}:{}`", count.saturating_sub(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(api: GpuApi, adapter: Option<usize>) -> DeviceChoice {
        DeviceChoice::Gpu { api, adapter }
    }

    #[test]
    fn names_are_read_back() {
        for (text, device) in [
            ("cpu", DeviceChoice::Cpu),
            ("wgpu", gpu(GpuApi::Wgpu, None)),
            ("wgpu:0", gpu(GpuApi::Wgpu, Some(0))),
            ("vulkan:12", gpu(GpuApi::Vulkan, Some(12))),
            ("cuda", gpu(GpuApi::Cuda, None)),
        ] {
            assert_eq!(text.parse(), Ok(device));
            assert_eq!(device.to_string(), text);
            let json = serde_json::to_string(&device).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<DeviceChoice>(&json).unwrap(), device);
        }
        assert_eq!(DeviceChoice::default(), DeviceChoice::Cpu);
    }

    #[test]
    fn what_is_no_name_is_told() {
        for text in
            ["", "gpu", "CPU", "cpu:0", "wgpu:", "wgpu:+1", "wgpu:01", "wgpu:-1", "wgpu:1:2", "wgpu: 1", " wgpu"]
        {
            let error = text.parse::<DeviceChoice>().unwrap_err();
            assert_eq!(error, DeviceError::Unknown { found: text.to_owned() });
            let message = error.to_string();
            assert!(message.starts_with(&format!("no device is called `{text}`; expected cpu, wgpu")), "{message}");
        }
        let huge = format!("wgpu:{}", "9".repeat(40));
        assert!(huge.parse::<DeviceChoice>().is_err());
        let error = serde_json::from_str::<DeviceChoice>("\"gpu\"").unwrap_err().to_string();
        assert!(error.contains("no device is called `gpu`"), "{error}");
    }

    #[test]
    fn each_error_names_the_device_and_the_remedy() {
        let device = gpu(GpuApi::Wgpu, Some(3));
        let not_built = DeviceError::NotBuilt { device, api: GpuApi::Wgpu };
        let no_adapter = |api| DeviceError::NoAdapter { device: gpu(api, None), api };
        let out_of_range = |count| DeviceError::OutOfRange { device, api: GpuApi::Wgpu, count };
        let refused = DeviceError::Refused { device, reason: "it is lost".to_owned() };
        for (error, expected) in [
            (
                not_built,
                "device `wgpu:3`: this build has no `wgpu`; run `cargo xtask experiment --device wgpu:3`, which builds it, \
                 or build with `--features wgpu`",
            ),
            (
                no_adapter(GpuApi::Wgpu),
                "device `wgpu`: no adapter can be used here; install the Vulkan driver of your GPU, or Debian's packages \
                 `mesa-vulkan-drivers libvulkan1`, which compute in software, or choose the device `cpu`",
            ),
            (
                no_adapter(GpuApi::Cuda),
                "device `cuda`: no adapter can be used here; install NVIDIA's driver, or choose the device `cpu`",
            ),
            (out_of_range(1), "device `wgpu:3`: there is one adapter, `wgpu:0`; `gnnrec doctor` lists what there is"),
            (
                out_of_range(3),
                "device `wgpu:3`: there are 3 adapters, `wgpu:0` to `wgpu:2`; `gnnrec doctor` lists what there is",
            ),
            (refused, "device `wgpu:3` cannot be used: it is lost; update its driver, or choose the device `cpu`"),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn the_cpu_is_always_there_and_needs_no_adapter() {
        let open = DeviceChoice::Cpu.open().unwrap();
        assert_eq!((open.device, open.adapter), (Device::flex(), None));
    }

    #[test]
    fn what_is_not_built_is_refused() {
        for api in GpuApi::ALL.into_iter().filter(|api| !api.is_built()) {
            let device = gpu(api, None);
            assert_eq!(device.open().unwrap_err(), DeviceError::NotBuilt { device, api });
            assert!(api.choices().is_empty());
        }
    }

    /// Whatever this machine has: an adapter past the last is an error, and so is the first where there is none.
    #[test]
    fn what_is_built_is_counted() {
        for api in GpuApi::ALL.into_iter().filter(|api| api.is_built()) {
            let count = api.choices().len();
            for adapter in [None, Some(count), Some(usize::MAX)] {
                let device = gpu(api, adapter);
                match (count, adapter) {
                    (0, _) => assert_eq!(device.open().unwrap_err(), DeviceError::NoAdapter { device, api }),
                    (_, None) => {}
                    _ => assert_eq!(device.open().unwrap_err(), DeviceError::OutOfRange { device, api, count }),
                }
            }
        }
    }
}
