//! Draws a score map in egui's wgpu pass with `shaders/heat_map.wgsl`.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use eframe::egui;
use eframe::egui_wgpu::wgpu::util::DeviceExt as _;
use eframe::egui_wgpu::{self, RenderState, wgpu};

use super::score_map::{MapView, ScoreMap};

/// The shader's `View`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Uniform {
    origin: [f32; 2],
    extent: [f32; 2],
    cells: [u32; 2],
    hovered: [u32; 2],
    pixels: [f32; 2],
    range: [f32; 2],
    diverging: u32,
    linear_target: u32,
    dark: u32,
    unused: u32,
}

/// The pipeline, and the map that lies on the graphics card.
struct Resources {
    pipeline: wgpu::RenderPipeline,
    linear_target: bool,
    uploaded: Option<Uploaded>,
}

struct Uploaded {
    map: Arc<ScoreMap>,
    uniform: wgpu::Buffer,
    group: wgpu::BindGroup,
}

/// Makes the pipeline ready. Without it [`show`] must not be called.
pub fn install(state: &RenderState) {
    let module = state.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("heat map"),
        source: wgpu::ShaderSource::Wgsl(include_str!("../../../shaders/heat_map.wgsl").into()),
    });
    let pipeline = state.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("heat map"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("area"),
            compilation_options: Default::default(),
            buffers: &[],
        },
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("colour"),
            compilation_options: Default::default(),
            targets: &[Some(state.target_format.into())],
        }),
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        multiview_mask: None,
        cache: None,
    });
    let linear_target = state.target_format.is_srgb();
    state.renderer.write().callback_resources.insert(Resources { pipeline, linear_target, uploaded: None });
}

/// Paints the map into `area`.
pub fn show(
    painter: &egui::Painter,
    area: egui::Rect,
    map: &Arc<ScoreMap>,
    view: &MapView,
    hovered: Option<[usize; 2]>,
    dark: bool,
) {
    let callback = Paint { map: map.clone(), view: *view, hovered, dark, size: area.size() };
    painter.add(egui_wgpu::Callback::new_paint_callback(area, callback));
}

struct Paint {
    map: Arc<ScoreMap>,
    view: MapView,
    hovered: Option<[usize; 2]>,
    dark: bool,
    /// Points.
    size: egui::Vec2,
}

impl egui_wgpu::CallbackTrait for Paint {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &egui_wgpu::ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut egui_wgpu::CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let Some(resources) = resources.get_mut::<Resources>() else {
            return Vec::new();
        };
        if !resources.uploaded.as_ref().is_some_and(|uploaded| Arc::ptr_eq(&uploaded.map, &self.map)) {
            resources.uploaded = Some(upload(device, &resources.pipeline, &self.map));
        }
        if let Some(uploaded) = &resources.uploaded {
            let uniform = self.uniform(screen.pixels_per_point, resources.linear_target);
            queue.write_buffer(&uploaded.uniform, 0, bytemuck::bytes_of(&uniform));
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &egui_wgpu::CallbackResources,
    ) {
        let Some(resources) = resources.get::<Resources>() else {
            return;
        };
        if let Some(uploaded) = &resources.uploaded {
            pass.set_pipeline(&resources.pipeline);
            pass.set_bind_group(0, &uploaded.group, &[]);
            pass.draw(0..3, 0..1);
        }
    }
}

impl Paint {
    fn uniform(&self, pixels_per_point: f32, linear_target: bool) -> Uniform {
        let [questions, passages] = self.map.shape();
        let [question, passage] =
            self.hovered.unwrap_or([usize::MAX; 2]).map(|index| index.min(u32::MAX as usize) as u32);
        let (low, high) = self.map.range();
        Uniform {
            origin: self.view.origin,
            extent: self.view.extent,
            cells: [passages as u32, questions as u32],
            hovered: [passage, question],
            pixels: [self.size.x * pixels_per_point, self.size.y * pixels_per_point],
            range: [low, high],
            diverging: self.map.is_change().into(),
            linear_target: linear_target.into(),
            dark: self.dark.into(),
            unused: 0,
        }
    }
}

fn upload(device: &wgpu::Device, pipeline: &wgpu::RenderPipeline, map: &Arc<ScoreMap>) -> Uploaded {
    let storage = |label, contents: &[u8]| {
        device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: Some(label),
            contents,
            usage: wgpu::BufferUsages::STORAGE,
        })
    };
    let scores = storage("heat map scores", bytemuck::cast_slice(map.scores()));
    let right = storage("heat map right passages", bytemuck::cast_slice(map.right_bits()));
    let uniform = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("heat map view"),
        size: size_of::<Uniform>() as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let entries = [&uniform, &scores, &right]
        .iter()
        .zip(0..)
        .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
        .collect::<Vec<_>>();
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("heat map"),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    Uploaded { map: map.clone(), uniform, group }
}
