//! A page as a picture of pixels: drawn by egui, so that lines and letters are those of the window, but without a
//! window or graphics card.

use std::collections::HashMap;
use std::io::Cursor;

use eframe::egui::epaint::{Mesh, Primitive, Vertex};
use eframe::egui::{
    Align2, Color32, ColorImage, Context, ImageData, Pos2, RawInput, Rect, Shape as Drawn, Stroke, TextureId,
    ViewportId, ViewportInfo,
};
use image::{ImageError, ImageFormat, Rgb, RgbImage};

use super::page::{Anchor, Page, Shape};
use crate::app::theme;

/// Pixels a point.
const SCALE: f32 = 2.0;

/// The bytes of a PNG file.
pub fn png(page: &Page) -> Result<Vec<u8>, ImageError> {
    let context = Context::default();
    theme::install(&context);
    let screen = Rect::from_min_size(Pos2::ZERO, page.size.into());
    let viewport = ViewportInfo { native_pixels_per_point: Some(SCALE), ..Default::default() };
    let input = RawInput {
        screen_rect: Some(screen),
        viewports: [(ViewportId::ROOT, viewport)].into_iter().collect(),
        ..Default::default()
    };
    let mut output = context.run_ui(input, |ui| {
        let painter = ui.ctx().layer_painter(eframe::egui::LayerId::background());
        page.shapes.iter().for_each(|shape| draw(&painter, shape));
    });
    let mut textures: HashMap<TextureId, ColorImage> = HashMap::new();
    for (id, deltas) in output.textures_delta.set.drain() {
        for delta in deltas {
            let ImageData::Color(part) = delta.image;
            match (delta.pos, textures.get_mut(&id)) {
                (Some(corner), Some(whole)) => put(whole, &part, corner),
                _ => {
                    textures.insert(id, part.as_ref().clone());
                }
            }
        }
    }
    output.textures_delta.clear();
    let mut canvas = Canvas::new((page.size[0] * SCALE) as usize, (page.size[1] * SCALE) as usize);
    for primitive in context.tessellate(output.shapes, output.pixels_per_point) {
        if let Primitive::Mesh(mesh) = primitive.primitive
            && let Some(texture) = textures.get(&mesh.texture_id)
        {
            canvas.mesh(&mesh, texture);
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    canvas.picture().write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

fn draw(painter: &eframe::egui::Painter, shape: &Shape) {
    match shape {
        Shape::Line { points, ink, width, dash } => {
            let (colour, opacity) = ink.colour();
            let stroke = Stroke::new(*width, theme::faint(colour, opacity));
            let points: Vec<Pos2> = points.iter().map(|[x, y]| Pos2::new(*x, *y)).collect();
            match dash.lengths() {
                None => painter.add(Drawn::line(points, stroke)),
                Some((dash, gap)) => painter.add(Drawn::Vec(Drawn::dashed_line(&points, stroke, dash, gap))),
            };
        }
        Shape::Text { at, anchor, size, ink, text } => {
            let align = match anchor {
                Anchor::Left => Align2::LEFT_CENTER,
                Anchor::Middle => Align2::CENTER_CENTER,
                Anchor::Right => Align2::RIGHT_CENTER,
            };
            painter.text((*at).into(), align, text, theme::paper_font(*size), ink.colour().0);
        }
    }
}

fn put(whole: &mut ColorImage, part: &ColorImage, [left, top]: [usize; 2]) {
    for row in 0..part.height() {
        let from = &part.pixels[row * part.width()..(row + 1) * part.width()];
        let start = (top + row) * whole.width() + left;
        if let Some(to) = whole.pixels.get_mut(start..start + part.width()) {
            to.copy_from_slice(from);
        }
    }
}

/// White paper that triangles are drawn on.
struct Canvas {
    width: usize,
    height: usize,
    /// Red, green, blue from 0 to 1, as they are stored, not as light.
    pixels: Vec<[f32; 3]>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[1.0; 3]; width * height] }
    }

    fn mesh(&mut self, mesh: &Mesh, texture: &ColorImage) {
        for corners in mesh.indices.chunks_exact(3) {
            let corner = |index: usize| mesh.vertices.get(corners[index] as usize);
            if let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) {
                self.triangle([a, b, c], texture);
            }
        }
    }

    /// Every pixel whose middle is within; of two triangles with a common edge one takes it (the top-left rule).
    fn triangle(&mut self, mut corners: [&Vertex; 3], texture: &ColorImage) {
        let at = |vertex: &Vertex| [vertex.pos.x * SCALE, vertex.pos.y * SCALE];
        let area = edge(at(corners[0]), at(corners[1]), at(corners[2]));
        if area == 0.0 || !area.is_finite() {
            return;
        }
        if area < 0.0 {
            corners.swap(1, 2);
        }
        let places = corners.map(at);
        let reach = |axis: usize, most: usize| {
            let (low, high) = places.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), place| {
                (low.min(place[axis]), high.max(place[axis]))
            });
            low.floor().max(0.0) as usize..(high.ceil().max(0.0) as usize).min(most)
        };
        for row in reach(1, self.height) {
            for column in reach(0, self.width) {
                let middle = [column as f32 + 0.5, row as f32 + 0.5];
                let sides = [1, 2, 0].map(|from| {
                    let (start, end) = (places[from], places[(from + 1) % 3]);
                    let side = edge(start, end, middle);
                    let is_top_left = (start[1] == end[1] && end[0] > start[0]) || end[1] < start[1];
                    if side > 0.0 || (side == 0.0 && is_top_left) { side } else { -1.0 }
                });
                if sides.iter().any(|side| *side < 0.0) {
                    continue;
                }
                let weights = sides.map(|side| side / area.abs());
                let mixed =
                    |of: &dyn Fn(&Vertex) -> f32| (0..3).map(|index| weights[index] * of(corners[index])).sum::<f32>();
                let texel = texel(texture, mixed(&|vertex| vertex.uv.x), mixed(&|vertex| vertex.uv.y));
                let channel = |index: usize| {
                    mixed(&|vertex| f32::from(vertex.color.to_array()[index])) * f32::from(texel.to_array()[index])
                        / (255.0 * 255.0)
                };
                let cover = channel(3);
                let pixel = &mut self.pixels[row * self.width + column];
                for (index, value) in pixel.iter_mut().enumerate() {
                    *value = channel(index) + *value * (1.0 - cover);
                }
            }
        }
    }

    fn picture(&self) -> RgbImage {
        let value = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        RgbImage::from_fn(self.width as u32, self.height as u32, |column, row| {
            Rgb(self.pixels[row as usize * self.width + column as usize].map(value))
        })
    }
}

/// Twice the area of a triangle; positive on one side of the edge.
fn edge(start: [f32; 2], end: [f32; 2], place: [f32; 2]) -> f32 {
    (end[0] - start[0]) * (place[1] - start[1]) - (end[1] - start[1]) * (place[0] - start[0])
}

fn texel(texture: &ColorImage, u: f32, v: f32) -> Color32 {
    let place = |share: f32, count: usize| ((share * count as f32) as usize).min(count.saturating_sub(1));
    let index = place(v, texture.height()) * texture.width() + place(u, texture.width());
    texture.pixels.get(index).copied().unwrap_or(Color32::TRANSPARENT)
}
