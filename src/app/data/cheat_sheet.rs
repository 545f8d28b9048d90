//! The keys of the data bench, on `?`.

use eframe::egui::{self, Id, RichText};

use crate::app::texts::Texts;
use crate::app::theme::{section, size, space};

const KEYS: [(&str, &str); 18] = [
    ("↑ ↓", "key_rows"),
    ("Page ↑ ↓, Home, End", "key_pages"),
    ("1 … 9", "key_turn"),
    ("Shift+1 … 9", "key_turn_back"),
    ("A", "key_accept"),
    ("R", "key_reject"),
    ("U", "key_unsure"),
    ("M", "key_mark"),
    ("Delete", "key_delete"),
    ("N", "key_new_row"),
    ("F", "key_fix"),
    ("/", "key_filter"),
    ("Esc", "key_escape"),
    ("Ctrl+Z", "key_undo"),
    ("Ctrl+Shift+Z", "key_redo"),
    ("Ctrl+S", "key_save"),
    ("Ctrl+O", "key_open"),
    ("?", "key_sheet"),
];

/// Draws the sheet; true once it is to be put away.
pub fn show(context: &egui::Context, texts: Texts) -> bool {
    let modal = egui::Modal::new(Id::unique("keys")).show(context, |ui| {
        ui.set_width(size::POPUP);
        ui.label(RichText::new(texts.get("keys")).text_style(section()).strong());
        ui.add_space(space::SMALL);
        egui::Grid::new("keys").striped(true).show(ui, |ui| {
            for (keys, what) in KEYS {
                ui.label(RichText::new(keys).monospace());
                ui.label(texts.get(what));
                ui.end_row();
            }
        });
    });
    modal.should_close()
}
