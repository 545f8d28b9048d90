//! The keys of the window and of the bench that is shown.

use eframe::egui::{self, Id, RichText};

use super::Bench;
use super::command::Command;
use crate::app::texts::Texts;
use crate::app::theme::{section, size, space};

/// Keys of the data bench that are no commands, since each is for one of many rows or passages.
const MORE: [(&str, &str); 4] = [
    ("↑ ↓", "key_rows"),
    ("Page ↑ ↓, Home, End", "key_pages"),
    ("1 … 9", "key_turn"),
    ("Shift+1 … 9", "key_turn_back"),
];

/// Draws the sheet; true once it is to be put away.
pub fn show(context: &egui::Context, texts: Texts, bench: Bench) -> bool {
    let modal = egui::Modal::new(Id::unique("keys")).show(context, |ui| {
        ui.set_width(size::POPUP);
        ui.label(RichText::new(texts.get("keys")).text_style(section()).strong());
        ui.add_space(space::SMALL);
        let height = (ui.ctx().content_rect().height() - size::BAR * 4.0).max(size::FORM_MIN);
        egui::ScrollArea::vertical().max_height(height).show(ui, |ui| {
            egui::Grid::new("keys").striped(true).min_col_width(size::FIELD).show(ui, |ui| {
                if bench == Bench::Data {
                    MORE.iter().for_each(|(keys, what)| line(ui, keys, texts.get(what)));
                }
                for place in [Some(bench), None] {
                    for command in Command::all().into_iter().filter(|command| command.bench() == place) {
                        let keys: Vec<String> = command.keys().iter().map(|keys| keys.text(ui.ctx())).collect();
                        if !keys.is_empty() {
                            line(ui, &keys.join(", "), command.text(texts));
                        }
                    }
                }
            });
        });
    });
    modal.should_close()
}

fn line(ui: &mut egui::Ui, keys: &str, what: &str) {
    ui.label(RichText::new(keys).monospace());
    ui.label(what);
    ui.end_row();
}
