//! Draws points in egui's wgpu pass with `shaders/points.wgsl`.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use eframe::egui::{self, Color32};
use eframe::egui_wgpu::{self, RenderState, wgpu};
use wgpu::util::DeviceExt;

use super::cloud::{COLOURS, Cloud, PlaneView};

/// The shader's `View`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Uniform {
    centre: [f32; 2],
    scale: [f32; 2],
    pixels: [f32; 2],
    share: f32,
    radius: f32,
    hovered: u32,
    linear_target: u32,
    unused: [u32; 2],
    rim: [f32; 4],
    colours: [[f32; 4]; COLOURS],
}

/// The pipeline, and the points that lie on the graphics card.
struct Resources {
    pipeline: wgpu::RenderPipeline,
    linear_target: bool,
    uniform: wgpu::Buffer,
    group: wgpu::BindGroup,
    places: Option<(Arc<Cloud>, wgpu::Buffer)>,
    looks: Option<(Arc<Vec<u32>>, wgpu::Buffer)>,
}

/// Makes the pipeline ready.
pub fn install(state: &RenderState) {
    let device = &state.device;
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("points"),
        source: wgpu::ShaderSource::Wgsl(include_str!("../../../shaders/points.wgsl").into()),
    });
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("points"),
        entries: &[wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        }],
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("points"),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let instances = |stride: usize, attributes: &'static [wgpu::VertexAttribute]| {
        Some(wgpu::VertexBufferLayout {
            array_stride: stride as u64,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes,
        })
    };
    let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("points"),
        layout: Some(&pipeline_layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("point"),
            compilation_options: Default::default(),
            buffers: &[
                instances(size_of::<[f32; 4]>(), &wgpu::vertex_attr_array![0 => Float32x4]),
                instances(size_of::<u32>(), &wgpu::vertex_attr_array![1 => Uint32]),
            ],
        },
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("paint"),
            compilation_options: Default::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: state.target_format,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        primitive: wgpu::PrimitiveState { topology: wgpu::PrimitiveTopology::TriangleStrip, ..Default::default() },
        depth_stencil: None,
        multisample: Default::default(),
        multiview_mask: None,
        cache: None,
    });
    let uniform = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("points view"),
        size: size_of::<Uniform>() as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("points"),
        layout: &layout,
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }],
    });
    let linear_target = state.target_format.is_srgb();
    state.renderer.write().callback_resources.insert(Resources {
        pipeline,
        linear_target,
        uniform,
        group,
        places: None,
        looks: None,
    });
}

/// What is painted, and how.
#[derive(Clone)]
pub struct Painting {
    pub cloud: Arc<Cloud>,
    /// One a point.
    pub looks: Arc<Vec<u32>>,
    pub view: PlaneView,
    /// 0 at the first place of each point, 1 at the second.
    pub share: f32,
    /// Points of the screen from a point's middle to its edge.
    pub radius: f32,
    pub hovered: Option<usize>,
    pub rim: Color32,
    pub colours: [Color32; COLOURS],
}

/// Paints the points into `area`.
pub fn show(painter: &egui::Painter, area: egui::Rect, painting: Painting) {
    let callback = Paint { painting, size: area.size() };
    painter.add(egui_wgpu::Callback::new_paint_callback(area, callback));
}

struct Paint {
    painting: Painting,
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
        let buffer = |contents: &[u8]| {
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some("points"),
                contents,
                usage: wgpu::BufferUsages::VERTEX,
            })
        };
        let Painting { cloud, looks, .. } = &self.painting;
        if !resources.places.as_ref().is_some_and(|(there, _)| Arc::ptr_eq(there, cloud)) {
            resources.places = Some((cloud.clone(), buffer(bytemuck::cast_slice(&cloud.places))));
        }
        if !resources.looks.as_ref().is_some_and(|(there, _)| Arc::ptr_eq(there, looks)) {
            resources.looks = Some((looks.clone(), buffer(bytemuck::cast_slice(looks))));
        }
        let uniform = self.uniform(screen.pixels_per_point, resources.linear_target);
        queue.write_buffer(&resources.uniform, 0, bytemuck::bytes_of(&uniform));
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
        let count = self.painting.cloud.places.len().min(self.painting.looks.len());
        if let (Some((_, places)), Some((_, looks)), true) = (&resources.places, &resources.looks, count > 0) {
            pass.set_pipeline(&resources.pipeline);
            pass.set_bind_group(0, &resources.group, &[]);
            pass.set_vertex_buffer(0, places.slice(..));
            pass.set_vertex_buffer(1, looks.slice(..));
            pass.draw(0..4, 0..count as u32);
        }
    }
}

impl Paint {
    fn uniform(&self, pixels_per_point: f32, linear_target: bool) -> Uniform {
        let painting = &self.painting;
        let colour = |colour: Color32| {
            let [red, green, blue, alpha] = colour.to_srgba_unmultiplied();
            [red, green, blue, alpha].map(|part| f32::from(part) / 255.0)
        };
        let scale = |points: f32| 2.0 * painting.view.zoom / points.max(1.0);
        Uniform {
            centre: painting.view.centre,
            scale: [scale(self.size.x), scale(self.size.y)],
            pixels: [self.size.x * pixels_per_point, self.size.y * pixels_per_point],
            share: painting.share,
            radius: painting.radius * pixels_per_point,
            hovered: painting.hovered.map_or(u32::MAX, |point| point as u32),
            linear_target: linear_target.into(),
            unused: [0; 2],
            rim: colour(painting.rim),
            colours: painting.colours.map(colour),
        }
    }
}
