//! Graphics adapters through wgpu, numbered as `wgpu:N`.

use burn::tensor::wgpu::wgpu::{self, DeviceType};
use burn::tensor::wgpu::{WgpuBackend, WgpuSetup};
use burn::tensor::{Device, DeviceKind as BurnKind};

use super::{DeviceChoice, DeviceInfo, DeviceKind, Limits};

/// The graphics APIs that compute well, best first; a machine has one or two of them.
const APIS: [(wgpu::Backend, WgpuBackend, &str); 3] = [
    (wgpu::Backend::Metal, WgpuBackend::Metal, "Metal"),
    (wgpu::Backend::Vulkan, WgpuBackend::Vulkan, "Vulkan"),
    (wgpu::Backend::Dx12, WgpuBackend::Dx12, "DX12"),
];

/// Adapters of one API.
struct Adapters {
    instance: wgpu::Instance,
    pinned: WgpuBackend,
    name: &'static str,
    found: Vec<wgpu::Adapter>,
}

/// Adapters of the first API that has a real GPU, else of the first that has any.
fn adapters() -> Option<Adapters> {
    let mut software_only = None;
    for (backend, pinned, name) in APIS {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: backend.into(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let found = pollster::block_on(instance.enumerate_adapters(backend.into()));
        let is_real = found.iter().any(|adapter| adapter.get_info().device_type != DeviceType::Cpu);
        let is_empty = found.is_empty();
        let adapters = Adapters { instance, pinned, name, found };
        if is_real {
            return Some(adapters);
        }
        if software_only.is_none() && !is_empty {
            software_only = Some(adapters);
        }
    }
    software_only
}

fn limits(adapter: &wgpu::Adapter) -> Limits {
    let limits = adapter.limits();
    Limits { memory: None, tensor: Some(limits.max_buffer_size.min(limits.max_storage_buffer_binding_size)) }
}

pub(super) fn list() -> Vec<DeviceInfo> {
    let Some(Adapters { name: api, found, .. }) = adapters() else {
        return Vec::new();
    };
    (found.iter().map(|adapter| (adapter.get_info(), limits(adapter))).enumerate())
        .map(|(index, (adapter, limits))| DeviceInfo {
            choice: DeviceChoice::Wgpu(Some(index)),
            name: adapter.name,
            kind: match adapter.device_type {
                DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu,
                DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
                DeviceType::VirtualGpu => DeviceKind::VirtualGpu,
                DeviceType::Cpu => DeviceKind::SoftwareGpu,
                DeviceType::Other => DeviceKind::OtherGpu,
            },
            api: api.into(),
            limits,
        })
        .collect()
}

const NONE: &str = "no graphics adapter was found";
const GONE: &str = "it is no longer there";

/// The device, and wgpu's handles of it.
pub(super) fn open(index: usize) -> Result<(Device, WgpuSetup), String> {
    let Adapters { pinned, found, .. } = adapters().ok_or(NONE)?;
    let kinds: Vec<DeviceType> = found.iter().map(|adapter| adapter.get_info().device_type).collect();
    let wanted = *kinds.get(index).ok_or(GONE)?;
    // burn numbers the adapters of each kind apart.
    let among_kind = kinds[..index].iter().filter(|kind| **kind == wanted).count();
    let kind = match wanted {
        DeviceType::DiscreteGpu => BurnKind::DiscreteGpu(among_kind),
        DeviceType::IntegratedGpu => BurnKind::IntegratedGpu(among_kind),
        DeviceType::VirtualGpu => BurnKind::VirtualGpu(among_kind),
        DeviceType::Cpu => BurnKind::Cpu,
        DeviceType::Other => BurnKind::DefaultDevice,
    };
    let options = Device::wgpu_options().device_kind(kind).graphics_api(pinned);
    options.init_with_setup().map_err(|error| error.to_string())
}

/// A device in place of one that was lost, with the features and limits that burn had asked for. burn keeps the lost one
/// under its old name for good, so the new one is registered beside it.
pub(super) fn open_again(index: usize, lost: &WgpuSetup) -> Result<(Device, WgpuSetup), String> {
    let Adapters { instance, found, .. } = adapters().ok_or(NONE)?;
    let adapter = found.into_iter().nth(index).ok_or(GONE)?;
    let wanted = wgpu::DeviceDescriptor {
        required_features: lost.device.features(),
        required_limits: lost.device.limits(),
        // SAFETY: burn had the same features, which it checks each shader against.
        experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
        ..Default::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&wanted)).map_err(|error| error.to_string())?;
    let setup = WgpuSetup { instance, adapter, device, queue, backend: lost.backend };
    let device = Device::wgpu_options().setup(setup.clone()).init().map_err(|error| error.to_string())?;
    Ok((device, setup))
}
