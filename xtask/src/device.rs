//! The device that a task is for, read from its arguments, and the Cargo feature that a build needs for it. What a
//! device is, and whether there is one, only the built program knows.

use crate::Failure;

/// Devices with a feature of their own name.
const FEATURES: [&str; 3] = ["wgpu", "vulkan", "cuda"];

/// Takes `--device NAME`, or `--device=NAME`, out of arguments; what stands behind `--` is not for the task.
pub(crate) fn taken(arguments: &[String]) -> (Option<String>, Vec<String>) {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let (own, others) = arguments.split_at(end);
    let mut rest = Vec::new();
    let mut device = None;
    let mut words = own.iter().peekable();
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_prefix("--device=") {
            device = Some(name.to_owned());
        } else if let ("--device", Some(name)) = (word.as_str(), words.peek()) {
            device = Some((*name).clone());
            words.next();
        } else {
            rest.push(word.clone());
        }
    }
    rest.extend_from_slice(others);
    (device, rest)
}

/// The feature of a device such as `wgpu:1`; `None` for the CPU and for what is no device.
pub(crate) fn feature(device: &str) -> Option<&'static str> {
    let name = device.split_once(':').map_or(device, |(name, _)| name);
    FEATURES.into_iter().find(|feature| *feature == name)
}

/// The feature that a build needs for a device, if it needs one.
pub(crate) fn needed(device: Option<&str>) -> Result<Option<&'static str>, Failure> {
    match device.map(|device| (device, feature(device))) {
        None | Some(("cpu", _)) => Ok(None),
        Some((_, Some(feature))) => Ok(Some(feature)),
        Some((device, None)) => {
            Err(Failure::Message(format!("no device is called `{device}`; expected cpu, {}", FEATURES.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn takes(arguments: &str, device: Option<&str>, rest: &str) {
        let words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        let (found, left) = taken(&words);
        assert_eq!((found.as_deref(), left.join(" ").as_str()), (device, rest));
    }

    #[test]
    fn the_device_is_taken_out_and_the_rest_stays() {
        takes("", None, "");
        takes("--long -E test(x)", None, "--long -E test(x)");
        takes("--device wgpu", Some("wgpu"), "");
        takes("--long --device=cuda:1 -q", Some("cuda:1"), "--long -q");
        takes("--bench kernels --device vulkan -- --device x", Some("vulkan"), "--bench kernels -- --device x");
        // Somebody else complains.
        takes("--quiet --device", None, "--quiet --device");
    }

    #[test]
    fn a_device_has_the_feature_of_its_name() {
        for (device, expected) in [
            (None, None),
            (Some("cpu"), None),
            (Some("wgpu"), Some("wgpu")),
            (Some("wgpu:1"), Some("wgpu")),
            (Some("vulkan"), Some("vulkan")),
            (Some("cuda:0"), Some("cuda")),
        ] {
            assert_eq!(needed(device).ok(), Some(expected), "{device:?}");
        }
        let Err(Failure::Message(message)) = needed(Some("gpu")) else { panic!("`gpu` is no device") };
        assert_eq!(message, "no device is called `gpu`; expected cpu, wgpu, vulkan, cuda");
    }
}
