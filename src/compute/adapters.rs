//! Graphics adapters through wgpu, numbered as `wgpu:N`.

use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::wgpu::wgpu::{self, DeviceType};
use burn::tensor::{Device, DeviceKind as BurnKind};

use super::{DeviceChoice, DeviceInfo, DeviceKind, Limits};

/// The graphics APIs that compute well, best first; a machine has one or two of them.
const APIS: [(wgpu::Backend, WgpuBackend, &str); 3] = [
    (wgpu::Backend::Metal, WgpuBackend::Metal, "Metal"),
    (wgpu::Backend::Vulkan, WgpuBackend::Vulkan, "Vulkan"),
    (wgpu::Backend::Dx12, WgpuBackend::Dx12, "DX12"),
];

type Adapter = (wgpu::AdapterInfo, Limits);

/// Adapters of the first API that has a real GPU, else of the first that has any.
fn adapters() -> Option<(WgpuBackend, &'static str, Vec<Adapter>)> {
    let mut software_only = None;
    for (backend, pinned, name) in APIS {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: backend.into(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let found = pollster::block_on(instance.enumerate_adapters(backend.into()));
        let found: Vec<_> = found.iter().map(|adapter| (adapter.get_info(), limits(adapter))).collect();
        if found.iter().any(|(adapter, _)| adapter.device_type != DeviceType::Cpu) {
            return Some((pinned, name, found));
        }
        if software_only.is_none() && !found.is_empty() {
            software_only = Some((pinned, name, found));
        }
    }
    software_only
}

fn limits(adapter: &wgpu::Adapter) -> Limits {
    let limits = adapter.limits();
    Limits { memory: None, tensor: Some(limits.max_buffer_size.min(limits.max_storage_buffer_binding_size)) }
}

pub(super) fn list() -> Vec<DeviceInfo> {
    let Some((_, api, adapters)) = adapters() else {
        return Vec::new();
    };
    (adapters.into_iter().enumerate())
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

pub(super) fn open(index: usize) -> Result<Device, String> {
    let (backend, _, adapters) = adapters().ok_or("no graphics adapter was found")?;
    let wanted = adapters.get(index).ok_or("it is no longer there")?.0.device_type;
    // burn numbers the adapters of each kind apart.
    let among_kind = adapters[..index].iter().filter(|(adapter, _)| adapter.device_type == wanted).count();
    let kind = match wanted {
        DeviceType::DiscreteGpu => BurnKind::DiscreteGpu(among_kind),
        DeviceType::IntegratedGpu => BurnKind::IntegratedGpu(among_kind),
        DeviceType::VirtualGpu => BurnKind::VirtualGpu(among_kind),
        DeviceType::Cpu => BurnKind::Cpu,
        DeviceType::Other => BurnKind::DefaultDevice,
    };
    Device::wgpu_options().device_kind(kind).graphics_api(backend).init().map_err(|error| error.to_string())
}
