//! The line above the rows: files, undo, filter.

use std::path::PathBuf;

use eframe::egui::{self, Align, Layout, RichText};

use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, section};

pub struct File {
    pub name: Option<String>,
    pub is_modified: bool,
    pub can_undo: bool,
    pub can_redo: bool,
    pub rows: usize,
}

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, file: &File, recent: &[PathBuf], actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        let name = file.name.as_deref().unwrap_or_else(|| texts.get("no_file"));
        ui.label(RichText::new(name).text_style(section()));
        if file.is_modified {
            ui.label(RichText::new(format!("● {}", texts.get("unsaved"))).small().color(palette(ui).accent));
        }
        let shown = texts.with("rows_shown", &[("shown", &state.visible().len()), ("rows", &file.rows)]);
        ui.label(RichText::new(shown).small().color(palette(ui).weak));
    });
    ui.horizontal(|ui| {
        let is_open = file.name.is_some();
        let mut button = |ui: &mut egui::Ui, key: &str, enabled: bool, help: &str, action: Action| {
            let response = ui.add_enabled(enabled, egui::Button::new(texts.get(key)));
            if response.on_hover_text(texts.get(help)).clicked() {
                actions.push(action);
            }
        };
        button(ui, "open", true, "open_help", Action::Open);
        button(ui, "save", is_open && file.is_modified, "save_help", Action::Save);
        button(ui, "save_as", is_open, "save_as_help", Action::SaveAs);
        ui.separator();
        button(ui, "undo", file.can_undo, "undo_help", Action::Undo);
        button(ui, "redo", file.can_redo, "redo_help", Action::Redo);
        ui.separator();
        button(ui, "row_add", is_open, "row_add_help", Action::AddRow);
        recent_files(ui, texts, recent, actions);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut filter = state.filter().to_string();
            let field = egui::TextEdit::singleline(&mut filter).hint_text(texts.get("filter")).desired_width(f32::INFINITY);
            if ui.add(field).accessible_name(texts.get("filter")).changed() {
                actions.push(Action::Filter(filter));
            }
        });
    });
}

fn recent_files(ui: &mut egui::Ui, texts: Texts, recent: &[PathBuf], actions: &mut Vec<Action>) {
    ui.add_enabled_ui(!recent.is_empty(), |ui| {
        ui.menu_button(texts.get("recent"), |ui| {
            for path in recent {
                if ui.button(path.display().to_string()).clicked() {
                    actions.push(Action::OpenPath(path.clone()));
                    ui.close();
                }
            }
        });
    });
}
