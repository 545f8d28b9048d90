//! Draws a score map in egui's wgpu pass with `shaders/heatmap.wgsl`.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use eframe::egui;
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

/// Wide enough for the shader's view of any number of cells that fit.
const MOST_TEXELS_IN_A_ROW: u32 = 4096;

/// Maps that stay on the graphics card beside those that are drawn.
const MOST_MAPS: usize = 8;

/// The pipeline, and the maps that lie on the graphics card, those drawn last at the end.
struct Resources {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    linear_target: bool,
    uploaded: Vec<Uploaded>,
}

impl Resources {
    fn uploaded(&self, map: &Arc<ScoreMap>) -> Option<&Uploaded> {
        self.uploaded.iter().find(|uploaded| Arc::ptr_eq(&uploaded.map, map))
    }

    /// Lays the map onto the card, and drops the oldest of those that are no longer drawn.
    fn upload(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, map: &Arc<ScoreMap>, frame: u64) {
        let place = self.uploaded.iter().position(|uploaded| Arc::ptr_eq(&uploaded.map, map));
        let mut uploaded = match place {
            Some(place) => self.uploaded.remove(place),
            None => upload(device, queue, &self.layout, map),
        };
        uploaded.frame = frame;
        self.uploaded.push(uploaded);
        let first = &self.uploaded[0];
        if self.uploaded.len() > MOST_MAPS && first.frame + 1 < frame {
            self.uploaded.remove(0);
        }
    }
}

struct Uploaded {
    map: Arc<ScoreMap>,
    /// The last one that drew it.
    frame: u64,
    uniform: wgpu::Buffer,
    group: wgpu::BindGroup,
}

/// Makes the pipeline ready, and says how many cells a map may have.
pub fn install(state: &RenderState) -> usize {
    let device = &state.device;
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("heat map"),
        source: wgpu::ShaderSource::Wgsl(include_str!("../../../shaders/heatmap.wgsl").into()),
    });
    let layout = layout(device);
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("heat map"),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("heat map"),
        layout: Some(&pipeline_layout),
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
    state.renderer.write().callback_resources.insert(Resources {
        pipeline,
        layout,
        linear_target,
        uploaded: Vec::new(),
    });
    (row_width(device) * device.limits().max_texture_dimension_2d) as usize
}

fn layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let texture = |sample_type| wgpu::BindingType::Texture {
        sample_type,
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    };
    let uniform = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    let bindings = [
        uniform,
        texture(wgpu::TextureSampleType::Float { filterable: false }),
        texture(wgpu::TextureSampleType::Uint),
    ];
    let entries = bindings.into_iter().zip(0..).map(|(ty, binding)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty,
        count: None,
    });
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("heat map"),
        entries: &entries.collect::<Vec<_>>(),
    })
}

fn row_width(device: &wgpu::Device) -> u32 {
    device.limits().max_texture_dimension_2d.min(MOST_TEXELS_IN_A_ROW)
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
    let callback = Paint {
        map: map.clone(),
        view: *view,
        hovered,
        dark,
        size: area.size(),
        frame: painter.ctx().cumulative_frame_nr(),
    };
    painter.add(egui_wgpu::Callback::new_paint_callback(area, callback));
}

struct Paint {
    map: Arc<ScoreMap>,
    view: MapView,
    hovered: Option<[usize; 2]>,
    dark: bool,
    /// Points.
    size: egui::Vec2,
    frame: u64,
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
        resources.upload(device, queue, &self.map, self.frame);
        if let Some(uploaded) = resources.uploaded(&self.map) {
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
        if let Some(uploaded) = resources.uploaded(&self.map) {
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

fn upload(device: &wgpu::Device, queue: &wgpu::Queue, layout: &wgpu::BindGroupLayout, map: &Arc<ScoreMap>) -> Uploaded {
    let scores = texture(device, queue, wgpu::TextureFormat::R32Float, map.scores());
    let right = texture(device, queue, wgpu::TextureFormat::R8Uint, map.right());
    let uniform = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("heat map view"),
        size: size_of::<Uniform>() as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let resources = [
        uniform.as_entire_binding(),
        wgpu::BindingResource::TextureView(&scores),
        wgpu::BindingResource::TextureView(&right),
    ];
    let entries = resources.into_iter().zip(0..).map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("heat map"),
        layout,
        entries: &entries.collect::<Vec<_>>(),
    });
    Uploaded { map: map.clone(), frame: 0, uniform, group }
}

/// One texel a cell, folded into rows; the last row is filled up.
fn texture<T: Pod>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    format: wgpu::TextureFormat,
    cells: &[T],
) -> wgpu::TextureView {
    let width = row_width(device);
    let rows = cells.len().div_ceil(width as usize);
    let mut texels = cells.to_vec();
    texels.resize(rows * width as usize, T::zeroed());
    let size = wgpu::Extent3d { width, height: rows as u32, depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("heat map"),
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let rows = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(width * size_of::<T>() as u32),
        rows_per_image: None,
    };
    queue.write_texture(texture.as_image_copy(), bytemuck::cast_slice(&texels), rows, size);
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}
