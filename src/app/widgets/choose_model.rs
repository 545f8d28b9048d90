//! A model that was chosen, with a button to choose another: a folder, or one of the hub.

use std::path::Path;

use eframe::egui;

use super::choose_path::chosen_path;
use crate::app::texts::Texts;

/// Where a model is to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFrom {
    Folder,
    Hub,
}

/// As [`choose_path`](super::choose_path), with a menu of where a model may come from.
pub fn choose_model(ui: &mut egui::Ui, texts: Texts, label: &str, path: Option<&Path>) -> Option<ModelFrom> {
    let button = chosen_path(ui, texts, label, path);
    model_menu(&button, texts)
}

/// The menu of where a model may come from, below a button.
pub fn model_menu(button: &egui::Response, texts: Texts) -> Option<ModelFrom> {
    let mut from = None;
    egui::Popup::menu(button).show(|ui| {
        for (key, place) in [("model_from_folder", ModelFrom::Folder), ("model_from_hub", ModelFrom::Hub)] {
            if ui.button(texts.get(key)).clicked() {
                from = Some(place);
            }
        }
    });
    from
}
