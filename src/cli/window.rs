use std::path::PathBuf;

use clap::Args;

use super::Ending;
use crate::app::{self, StartOptions};
use crate::compute::DeviceChoice;

/// What the window opens with.
#[derive(Debug, Args)]
pub struct Window {
    /// JSONL files with questions, positives and negatives, and model folders, to open in the window.
    #[arg(value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    pub device: DeviceChoice,
}

impl Window {
    pub(super) fn run(self) -> Result<(), Ending> {
        if let Some(path) = self.paths.iter().find(|path| !path.exists()) {
            return Err(Ending::Usage(format!(
                "`{}` is neither a file nor a command; `weldbench --help` lists the commands",
                path.display()
            )));
        }
        if cfg!(target_os = "linux")
            && ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|name| std::env::var_os(name).is_none())
        {
            return Err(Ending::Usage(
                "there is no display to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set\n  what to do: `weldbench demo` walks the whole way without one; `weldbench --help` lists the commands".into(),
            ));
        }
        Ok(app::run(StartOptions { paths: self.paths, device: self.device })?)
    }
}
