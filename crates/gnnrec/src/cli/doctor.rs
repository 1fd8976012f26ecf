//! `gnnrec doctor`: what this build can train on, on this machine, and what to do where that is less than hoped for.

use gnnrec::model::{Adapter, DeviceChoice, DeviceError, GpuApi};

use super::failure::Failure;
use super::{environment, output, words};

/// What stands in front of a line, so that names stand apart from what is said of them.
const MARGIN: usize = 12;

pub(crate) fn run() -> Result<(), Failure> {
    let environment = environment::describe();
    let commit = if environment.commit.is_empty() { "unknown" } else { &environment.commit };
    let mut lines = vec![
        line("gnnrec", &format!("{}, commit {commit}", environment.version)),
        line("cpu", &environment::processor()),
    ];
    let (built, missing): (Vec<GpuApi>, Vec<GpuApi>) = GpuApi::ALL.into_iter().partition(|api| api.is_built());
    for api in built {
        lines.push(String::new());
        lines.extend(adapters(api));
    }
    lines.push(String::new());
    lines.extend(missing.into_iter().map(|api| {
        let advice = format!("not in this build; `cargo xtask doctor --device {api}` makes one, or `--features {api}`");
        line(api.name(), &advice)
    }));
    Ok(output::print(&lines.join("\n"))?)
}

/// Every adapter of an API, opened.
fn adapters(api: GpuApi) -> Vec<String> {
    let choices = api.choices();
    let mut lines: Vec<String> = choices.iter().flat_map(|&choice| told(choice, opened(choice))).collect();
    if choices.len() != 1 {
        // Which of several is taken without a number; or that there is none, and the remedy.
        let choice = DeviceChoice::Gpu { api, adapter: None };
        lines.extend(match opened(choice) {
            Ok(adapter) => vec![line(api.name(), &format!("without a number is {}", adapter.name))],
            Err(error) => told(choice, Err(error)),
        });
    }
    lines
}

fn opened(choice: DeviceChoice) -> Result<Adapter, DeviceError> {
    let open = choice.open()?;
    Ok(open.adapter.expect("a GPU has an adapter"))
}

/// What one adapter is and takes, or why it cannot be used.
fn told(choice: DeviceChoice, adapter: Result<Adapter, DeviceError>) -> Vec<String> {
    let adapter = match adapter {
        Ok(adapter) => adapter,
        Err(error) => return vec![line(&choice.to_string(), &error.to_string())],
    };
    let memory = adapter.memory_bytes.map_or_else(|| "not told".to_owned(), words::bytes);
    let [x, y, z] = adapter.workgroup;
    let in_step = match adapter.subgroup {
        [least, most] if least == most => format!("{least}"),
        [least, most] => format!("{least} to {most}"),
    };
    vec![
        line(&choice.to_string(), &adapter.to_string()),
        line(
            "",
            &format!(
                "memory {memory}; largest buffer {}, largest binding {}",
                words::bytes(adapter.largest_buffer_bytes),
                words::bytes(adapter.largest_binding_bytes)
            ),
        ),
        line(
            "",
            &format!(
                "workgroups of {} units (at most {x} x {y} x {z}) with {} KiB, {in_step} units in step",
                adapter.workgroup_units,
                adapter.shared_bytes >> 10
            ),
        ),
    ]
}

fn line(name: &str, text: &str) -> String {
    format!("{name:<MARGIN$}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WGPU: DeviceChoice = DeviceChoice::Gpu { api: GpuApi::Wgpu, adapter: Some(0) };

    #[test]
    fn an_adapter_is_told_with_its_limits() {
        let adapter = Adapter {
            name: "GPU 9000".to_owned(),
            about: "a GPU with its own memory, Vulkan, driver 1.2".to_owned(),
            largest_buffer_bytes: 1 << 31,
            largest_binding_bytes: 128 << 20,
            workgroup: [1024, 512, 64],
            workgroup_units: 256,
            shared_bytes: 48 << 10,
            subgroup: [32, 32],
            memory_bytes: None,
        };
        insta::assert_snapshot!(told(WGPU, Ok(adapter.clone())).join("\n"), @r"
        wgpu:0      GPU 9000, a GPU with its own memory, Vulkan, driver 1.2
                    memory not told; largest buffer 2048 MiB, largest binding 128 MiB
                    workgroups of 256 units (at most 1024 x 512 x 64) with 48 KiB, 32 units in step
        ");
        let adapter = Adapter { memory_bytes: Some(80 << 30), subgroup: [8, 64], ..adapter };
        let lines = told(WGPU, Ok(adapter));
        assert!(lines[1].contains("memory 80 GiB;") && lines[2].ends_with(", 8 to 64 units in step"), "{lines:?}");
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_remedy() {
        let api = GpuApi::Wgpu;
        let device = DeviceChoice::Gpu { api, adapter: None };
        let lines = told(device, Err(DeviceError::NoAdapter { device, api }));
        let start = "wgpu        device `wgpu`: no adapter can be used here; install the Vulkan driver";
        assert!(lines.len() == 1 && lines[0].starts_with(start), "{lines:?}");
    }
}
