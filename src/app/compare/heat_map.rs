//! The score map as a part of the bench: zoom, hover, and what its colours mean.

use std::sync::Arc;

use eframe::egui::{self, Rect, RichText, Sense};

use super::heat_map_painter;
use super::score_map::{MapView, ScoreMap};
use crate::app::texts::Texts;
use crate::app::theme::{palette, size, space};

/// How fast the wheel zooms: points of scrolling for a factor of e.
const POINTS_PER_E: f32 = 200.0;

/// Draws the map and returns the cell under the pointer, `[question, passage]`.
pub fn show(ui: &mut egui::Ui, texts: Texts, map: &Arc<ScoreMap>, view: &mut MapView) -> Option<[usize; 2]> {
    legend(ui, texts, map);
    ui.add_space(space::TINY);
    let (area, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, texts.get("map")));
    if response.dragged() {
        let moved = response.drag_delta() / area.size();
        view.pan([moved.x, moved.y], map.shape());
    }
    if response.double_clicked() {
        *view = MapView::whole(map.shape());
    }
    let mut hovered = None;
    if let Some(pointer) = response.hover_pos() {
        let place = [(pointer.x - area.left()) / area.width(), (pointer.y - area.top()) / area.height()];
        let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
        let factor = pinch * (wheel / POINTS_PER_E).exp();
        if factor != 1.0 {
            view.zoom(factor, place, map.shape());
        }
        let cell = view.cell_at(place);
        hovered = map.cell(cell[0], cell[1]).map(|_| cell);
    }
    ui.painter().rect_filled(area, 0.0, palette(ui).background);
    heat_map_painter::show(ui.painter(), pixel_aligned(ui, area), map, view, hovered, ui.visuals().dark_mode);
    hovered
}

/// The shader counts whole pixels.
pub fn pixel_aligned(ui: &egui::Ui, area: Rect) -> Rect {
    let scale = ui.pixels_per_point();
    Rect::from_min_max(
        (area.min.to_vec2() * scale).round().to_pos2() / scale,
        (area.max.to_vec2() * scale).round().to_pos2() / scale,
    )
}

/// What the colours mean: a bar with its lowest, middle and highest score.
pub fn scale_bar(ui: &mut egui::Ui, texts: Texts, map: &ScoreMap) {
    let Some(scale) = map.scale() else { return };
    let (low, high) = map.range();
    let weak = palette(ui).weak;
    let value = |value: f32| RichText::new(format!("{value:.3}")).small().monospace().color(weak);
    ui.horizontal(|ui| {
        ui.label(value(low));
        let size = egui::vec2(size::SCORE_WIDTH, size::SCORE_BAR);
        let (area, response) = ui.allocate_exact_size(size, Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, texts.get("scale_bar")));
        let view = MapView::whole(scale.shape());
        heat_map_painter::show(ui.painter(), pixel_aligned(ui, area), scale, &view, None, ui.visuals().dark_mode);
        response.on_hover_text(format!("{:.3}", (low + high) / 2.0));
        ui.label(value(high));
    });
}

fn legend(ui: &mut egui::Ui, texts: Texts, map: &ScoreMap) {
    let weak = palette(ui).weak;
    ui.horizontal_wrapped(|ui| {
        let [questions, passages] = map.shape();
        let size = texts.with("map_size", &[("questions", &questions), ("passages", &passages)]);
        ui.label(RichText::new(size).small().color(weak));
        scale_bar(ui, texts, map);
    });
    let key = if map.is_change() { "map_legend_change" } else { "map_legend" };
    ui.label(RichText::new(texts.get(key)).small().color(weak));
}
