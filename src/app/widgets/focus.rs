//! A ring around what has the keyboard, the same for every kind of control.

use eframe::egui::{self, StrokeKind};

use crate::app::theme::{focus_stroke, line, size};

/// Draws the ring. Called at the end of a frame, when everything has found its place.
pub fn focus_ring(context: &egui::Context) {
    let Some(response) = context.memory(|memory| memory.focused()).and_then(|id| context.read_response(id)) else {
        return;
    };
    let (rect, seen) = (response.rect, response.interact_rect);
    if !seen.is_positive() || rect.width() > size::RING || rect.height() > size::RING {
        return;
    }
    let painter = context.layer_painter(response.layer_id).with_clip_rect(seen.expand(line::FOCUS));
    painter.rect_stroke(rect, size::CORNER, focus_stroke(context), StrokeKind::Outside);
}
