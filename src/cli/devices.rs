use clap::Args;
use serde_json::{Value, json};

use super::table::table;
use super::{Ending, out};
use crate::compute::{DeviceChoice, DeviceInfo, DeviceKind, choose, devices};

/// List the devices that can compute, and which one `auto` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench devices
  weldbench devices --json | jq -r 'select(.auto).device'
  weldbench train --device wgpu:1 --model_name_or_path MODEL --train_data rows.jsonl")]
pub struct Devices {
    /// Write each device to standard output as a line of JSON.
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub(super) fn run(self) -> Result<(), Ending> {
        let all = devices();
        let auto = choose(DeviceChoice::Auto)?;
        if self.json {
            all.iter().for_each(|device| out::line(as_json(device, &auto)));
            return Ok(());
        }
        out::line(list(&all, &auto).trim_end());
        if !all.iter().any(|device| matches!(device.choice, DeviceChoice::Wgpu(_))) {
            out::line(format_args!("\nNo graphics adapter was found. {}", remedy()));
        }
        Ok(())
    }
}

fn list(all: &[DeviceInfo], auto: &DeviceInfo) -> String {
    let mut rows = vec![["--device", "name", "kind", "API", ""].map(String::from).to_vec()];
    for device in all {
        let mark = if device == auto { "<- auto" } else { "" };
        rows.push(vec![
            device.choice.to_string(),
            device.name.clone(),
            kind(device.kind).into(),
            device.api.clone(),
            mark.into(),
        ]);
    }
    table(&rows, 5)
}

fn as_json(device: &DeviceInfo, auto: &DeviceInfo) -> Value {
    json!({
        "device": device.choice.to_string(),
        "name": device.name,
        "kind": kind(device.kind),
        "api": device.api,
        "auto": device == auto,
    })
}

fn kind(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::DiscreteGpu => "graphics card",
        DeviceKind::IntegratedGpu => "graphics in the processor",
        DeviceKind::VirtualGpu => "virtual graphics card",
        DeviceKind::OtherGpu => "graphics, kind unknown",
        DeviceKind::Cpu => "processor",
        DeviceKind::SoftwareGpu => "graphics in software: slow",
    }
}

/// What to install where there is no graphics adapter.
pub fn remedy() -> &'static str {
    if cfg!(target_os = "linux") {
        "Install a Vulkan driver: on Debian and Ubuntu `sudo apt install mesa-vulkan-drivers libvulkan1`, for NVIDIA cards the `nvidia-driver` package. Training on the processor works without one."
    } else if cfg!(target_os = "windows") {
        "Install the driver of the graphics card from its maker (NVIDIA, AMD or Intel). Training on the processor works without one."
    } else {
        "Metal comes with macOS; update the system. Training on the processor works without it."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_how_to_ask_for_each_and_marks_what_auto_takes() {
        let device = |choice: &str, name: &str, kind, api: &str| DeviceInfo {
            choice: choice.parse().unwrap(),
            name: name.into(),
            kind,
            api: api.into(),
            limits: Default::default(),
        };
        let all = [
            device("wgpu:0", "RTX 4060", DeviceKind::DiscreteGpu, "Vulkan"),
            device("wgpu:1", "llvmpipe", DeviceKind::SoftwareGpu, "Vulkan"),
            device("cpu", "CPU, 8 threads", DeviceKind::Cpu, "CPU"),
        ];
        let text = list(&all, &all[0]);
        let marked: Vec<_> = text.lines().filter(|line| line.ends_with("<- auto")).collect();
        assert!(marked.len() == 1 && marked[0].starts_with("wgpu:0 "), "{text}");
        assert!(text.contains("software: slow") && text.contains("cpu "), "{text}");
    }
}
