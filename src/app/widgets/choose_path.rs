//! A file or folder that was chosen, with a button to choose another.

use std::path::Path;

use eframe::egui;

use crate::app::texts::Texts;
use crate::app::theme::palette;

/// Shows a name, the path as its tooltip, and a button. `true` if another is to be chosen.
pub fn choose_path(ui: &mut egui::Ui, texts: Texts, label: &str, path: Option<&Path>) -> bool {
    let mut chosen = false;
    ui.vertical(|ui| {
        let colours = palette(ui);
        ui.label(egui::RichText::new(label).small().color(colours.weak));
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let button = ui.button(texts.get("choose"));
                chosen = button.accessible_name(texts.with("choose_for", &[("what", &label)])).clicked();
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| match path {
                    Some(path) => {
                        let label = egui::Label::new(short_name(path)).truncate().show_tooltip_when_elided(false);
                        ui.add(label).on_hover_text(path.display().to_string());
                    }
                    None => {
                        ui.label(egui::RichText::new(texts.get("none_chosen")).color(colours.weak));
                    }
                });
            });
        });
    });
    chosen
}

/// A path's last two parts: enough to know a run by, short enough for a form.
fn short_name(path: &Path) -> String {
    let parts: Vec<_> = path.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_last_two_parts() {
        assert_eq!(short_name(Path::new("/home/li/runs/run-3/model")), "run-3/model");
        assert_eq!(short_name(Path::new("model")), "model");
    }
}
