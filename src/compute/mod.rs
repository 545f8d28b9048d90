//! Which devices this machine has, and opening one.

mod adapters;
mod choice;
pub mod drawing;
mod fusions;
mod trouble;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use burn::tensor::wgpu::WgpuSetup;
use burn::tensor::{Device, Tensor};
use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System};
use thiserror::Error;

use crate::panics::caught;

pub use choice::DeviceChoice;

/// What kind of part a device is; the order is the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    DiscreteGpu,
    IntegratedGpu,
    VirtualGpu,
    OtherGpu,
    Cpu,
    /// A graphics adapter that is a program on the processor: right, and slow.
    SoftwareGpu,
}

/// A device that burn can compute on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// How to ask for exactly this device; never [`DeviceChoice::Auto`].
    pub choice: DeviceChoice,
    /// The part's own name.
    pub name: String,
    pub kind: DeviceKind,
    /// Vulkan, Metal, DX12, CUDA, or CPU.
    pub api: String,
    pub limits: Limits,
}

/// How much a device takes, in bytes; `None` where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// All of its memory. Graphics APIs do not tell.
    pub memory: Option<u64>,
    /// The largest tensor: a buffer must be allocated, and bound, whole.
    pub tensor: Option<u64>,
}

/// A device that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ComputeError {
    #[error("`{0}` is no device; write auto, cpu, wgpu, wgpu:N, cuda or cuda:N")]
    NotADevice(String),
    #[error("there is no device {wanted} here; there are: {}", choices(present, DeviceInfo::label))]
    Absent { wanted: String, present: Vec<DeviceInfo> },
    #[error(
        "this program was built without CUDA; build it with `--features cuda`, or choose wgpu, which runs on NVIDIA cards too"
    )]
    NoCuda,
    #[error("{device} did not start: {cause}; choose another device, or update its driver")]
    NotStarted { device: String, cause: String },
    #[error(
        "the device has no memory left ({0}); train with a smaller sub_batch_size, with gradient_checkpointing, LoRA or fewer layers, or choose the processor"
    )]
    OutOfMemory(String),
    #[error(
        "the device was lost: its driver broke off, or it was taken away ({0}); start again, which opens it anew, a run from its last checkpoint, or choose another device"
    )]
    Lost(String),
}

/// A device that was opened.
struct Open {
    device: Device,
    limits: Limits,
    /// wgpu's side of a graphics card.
    handles: Option<WgpuSetup>,
    /// It broke off; the next who asks for it gets it anew.
    is_lost: bool,
}

static OPEN: OnceLock<Mutex<HashMap<DeviceChoice, Open>>> = OnceLock::new();

fn opened() -> MutexGuard<'static, HashMap<DeviceChoice, Open>> {
    OPEN.get_or_init(Default::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of the largest tensor that an open device takes.
pub fn largest_tensor(device: &Device) -> u64 {
    let open = opened();
    let limits = open.values().find(|open| open.device == *device).map(|open| open.limits);
    limits.and_then(|limits| limits.tensor).unwrap_or(u64::MAX)
}

impl DeviceInfo {
    /// Name and API for a person, such as `NVIDIA RTX 4060 (Vulkan)`.
    pub fn label(&self) -> String {
        match self.kind {
            DeviceKind::Cpu => self.name.clone(),
            DeviceKind::SoftwareGpu => format!("{} ({}, software: slow)", self.name, self.api),
            _ => format!("{} ({})", self.name, self.api),
        }
    }

    /// The burn device. Opening the same device twice gives the same one.
    ///
    /// CubeCL keys its streams by thread: do all work of a device on one thread.
    pub fn open(&self) -> Result<Device, ComputeError> {
        let mut open = opened();
        let known = open.get(&self.choice);
        if let Some(known) = known.filter(|open| !open.is_lost) {
            return Ok(known.device.clone());
        }
        fusions::leave_out_broken();
        let (device, handles) = match self.choice {
            DeviceChoice::Wgpu(Some(index)) => {
                let opened = match known.and_then(|lost| lost.handles.as_ref()) {
                    Some(lost) => adapters::open_again(index, lost),
                    None => adapters::open(index),
                };
                let (device, handles) =
                    opened.map_err(|cause| ComputeError::NotStarted { device: self.label(), cause })?;
                (device, Some(handles))
            }
            DeviceChoice::Cuda(Some(index)) => (cuda(index)?, None),
            _ => (Device::flex(), None),
        };
        open.insert(self.choice, Open { device: device.clone(), limits: self.limits, handles, is_lost: false });
        Ok(device)
    }

    /// After work on the device failed: whether it still answers. If not, [`open`](Self::open) makes it anew.
    ///
    /// On the device's thread.
    pub fn answers(&self) -> bool {
        let device = opened().get(&self.choice).map(|open| open.device.clone());
        let answers = device.is_none_or(|device| caught(|| computes(&device)).unwrap_or_default());
        if !answers && let Some(open) = opened().get_mut(&self.choice) {
            open.is_lost = true;
        }
        answers
    }

    /// Takes a graphics card away, as a driver does that breaks off.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        if let Some(handles) = opened().get(&self.choice).and_then(|open| open.handles.as_ref()) {
            handles.device.destroy();
        }
    }
}

/// One that is going takes work and says that it is done; only a result shows that it was.
fn computes(device: &Device) -> bool {
    let sum = Tensor::<1>::ones([2], device) + 1.0;
    device.sync().is_ok() && sum.try_into_vec_as::<f32>().is_ok_and(|sum| sum == [2.0; 2])
}

/// All devices, in the order of `wgpu:N` and `cuda:N`; the CPU is the last.
pub fn devices() -> Vec<DeviceInfo> {
    let mut all = cuda_devices();
    all.extend(adapters::list());
    all.push(cpu());
    all
}

fn cpu() -> DeviceInfo {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    DeviceInfo {
        choice: DeviceChoice::Cpu,
        name: format!("CPU, {threads} threads"),
        kind: DeviceKind::Cpu,
        api: "CPU".into(),
        limits: Limits { memory: memory(), tensor: None },
    }
}

/// This machine's memory.
fn memory() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    Some(system.total_memory()).filter(|bytes| *bytes > 0)
}

/// Bytes in use on an open device, which finishes its work to answer; of the CPU those that the program takes.
pub fn memory_in_use(device: &Device) -> Option<u64> {
    if *device != Device::flex() {
        return device.memory_pool_usage().map(|usage| usage.bytes_in_use);
    }
    let this = sysinfo::get_current_pid().ok()?;
    let mut system = System::new();
    let only = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), true, only);
    Some(system.process(this)?.memory())
}

/// The device that a choice means on this machine. `Auto` takes a real GPU before the CPU, and never
/// a software adapter.
pub fn choose(choice: DeviceChoice) -> Result<DeviceInfo, ComputeError> {
    if choice == DeviceChoice::Cpu {
        return Ok(cpu());
    }
    let all = devices();
    let fits = |device: &&DeviceInfo| match choice {
        DeviceChoice::Auto => true,
        DeviceChoice::Wgpu(None) => matches!(device.choice, DeviceChoice::Wgpu(_)),
        DeviceChoice::Cuda(None) => matches!(device.choice, DeviceChoice::Cuda(_)),
        exact => device.choice == exact,
    };
    if let Some(best) = all.iter().filter(fits).min_by_key(|device| device.kind) {
        return Ok(best.clone());
    }
    if matches!(choice, DeviceChoice::Cuda(_)) && !cfg!(feature = "cuda") {
        return Err(ComputeError::NoCuda);
    }
    Err(ComputeError::Absent { wanted: choice.to_string(), present: all })
}

/// Devices with the words that ask for them: `wgpu:0 = NVIDIA RTX 4060 (Vulkan); cpu = CPU, 16 threads`.
pub fn choices(devices: &[DeviceInfo], label: impl Fn(&DeviceInfo) -> String) -> String {
    let told = devices.iter().map(|device| format!("{} = {}", device.choice, label(device)));
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Device, ComputeError> {
    Ok(Device::cuda(index))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Result<Device, ComputeError> {
    Err(ComputeError::NoCuda)
}

#[cfg(feature = "cuda")]
fn cuda_devices() -> Vec<DeviceInfo> {
    let found = std::panic::catch_unwind(|| Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec());
    let found = found.unwrap_or_default();
    (found.iter().enumerate())
        .map(|(index, device)| DeviceInfo {
            choice: DeviceChoice::Cuda(Some(index)),
            name: device.identity().map_or_else(|| "NVIDIA GPU".into(), |identity| identity.name),
            kind: DeviceKind::DiscreteGpu,
            api: "CUDA".into(),
            limits: Limits::default(),
        })
        .collect()
}

#[cfg(not(feature = "cuda"))]
fn cuda_devices() -> Vec<DeviceInfo> {
    Vec::new()
}

/// Runs an ignored test of this program in a process of its own, which tunes no kernels: on software Vulkan that takes
/// minutes.
#[cfg(test)]
pub(crate) fn run_apart(test: &str) {
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", test])
        .env("CUBECL_AUTOTUNE_LEVEL", "minimal")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&run.stderr));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        let cpu = choose(DeviceChoice::Cpu).unwrap();
        assert_eq!(cpu.kind, DeviceKind::Cpu);
        assert!(cpu.open().is_ok());
    }

    #[test]
    fn auto_never_takes_a_software_adapter() {
        assert_ne!(choose(DeviceChoice::Auto).unwrap().kind, DeviceKind::SoftwareGpu);
    }

    #[test]
    fn an_absent_device_is_refused_with_those_that_are_there() {
        let error = choose(DeviceChoice::Wgpu(Some(99))).unwrap_err();
        assert!(error.to_string().contains("wgpu:99") && error.to_string().contains("cpu = CPU"), "{error}");
    }
}
