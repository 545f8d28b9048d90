//! Something that a person should know: a problem, a warning, an empty place.

use eframe::egui::{self, RichText};

use crate::app::theme::{card, palette, size, space};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Information,
    Warning,
    Error,
}

/// A framed message.
pub fn notice(ui: &mut egui::Ui, severity: Severity, text: &str) -> egui::Response {
    let colours = palette(ui);
    let (sign, colour) = match severity {
        Severity::Information => ("i", colours.accent),
        Severity::Warning => ("!", colours.warning),
        Severity::Error => ("×", colours.error),
    };
    let frame = card(ui).stroke(egui::Stroke::new(crate::app::theme::line::HAIR, colour));
    let shown = frame.show(ui, |ui| {
        ui.horizontal_top(|ui| {
            ui.label(RichText::new(sign).color(colour).strong());
            ui.add(egui::Label::new(text).wrap().selectable(true));
        });
    });
    shown.response
}

/// Fills an empty place with what can be done about it.
pub fn empty(ui: &mut egui::Ui, text: &str) {
    let weak = palette(ui).weak;
    ui.vertical_centered(|ui| {
        ui.add_space(space::HUGE);
        ui.set_max_width(size::EDITOR.min(ui.available_width()));
        ui.label(RichText::new(text).color(weak));
    });
}

/// As [`empty`], with a button that does it; true once it is pressed.
pub fn empty_with(ui: &mut egui::Ui, text: &str, button: &str) -> bool {
    empty(ui, text);
    ui.vertical_centered(|ui| ui.button(button).clicked()).inner
}
