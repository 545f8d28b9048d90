//! A file or folder that was chosen, with a button to choose another.

use std::path::Path;

use eframe::egui;

use crate::app::texts::Texts;
use crate::app::theme::palette;
use crate::model::hub::id_of_snapshot;

/// Shows a name, the path as its tooltip, and a button. `true` if another is to be chosen.
pub fn choose_path(ui: &mut egui::Ui, texts: Texts, label: &str, path: Option<&Path>) -> bool {
    chosen_path(ui, texts, label, path).clicked()
}

/// The same; what became of the button.
pub(super) fn chosen_path(ui: &mut egui::Ui, texts: Texts, label: &str, path: Option<&Path>) -> egui::Response {
    let shown = ui.vertical(|ui| {
        let colours = palette(ui);
        ui.label(egui::RichText::new(label).small().color(colours.weak));
        let row = ui.horizontal(|ui| {
            let right = ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let button = ui.button(texts.get("choose"));
                let button = button.accessible_name(texts.with("choose_for", &[("what", &label)]));
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| match path {
                    Some(path) => {
                        let label = egui::Label::new(short_name(path)).truncate().show_tooltip_when_elided(false);
                        ui.add(label).on_hover_text(path.display().to_string());
                    }
                    None => {
                        ui.label(egui::RichText::new(texts.get("none_chosen")).color(colours.weak));
                    }
                });
                button
            });
            right.inner
        });
        row.inner
    });
    shown.inner
}

/// A path's last two parts: enough to know a run by, short enough for a form. Of a model in the hub's cache its name
/// there.
fn short_name(path: &Path) -> String {
    if let Some(id) = id_of_snapshot(path) {
        return id.to_string();
    }
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
        let of_hub =
            "/home/li/.cache/huggingface/hub/models--BAAI--bge-m3/snapshots/5617a9f61b028005a4858fdac845db406aefb181";
        assert_eq!(short_name(Path::new(of_hub)), "BAAI/bge-m3");
    }
}
