//! The lines above the rows: file, undo, filter.

use std::path::PathBuf;

use eframe::egui::{self, Align, Layout, RichText};

use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, section};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, recent: &[PathBuf], actions: &mut Vec<Action>) {
    title(ui, state, texts);
    ui.horizontal(|ui| {
        let lines = state.lines();
        let can_edit = state.can_edit();
        let mut button = |ui: &mut egui::Ui, key: &str, enabled: bool, help: &str, action: Action| {
            let response = ui.add_enabled(enabled, egui::Button::new(texts.get(key)));
            if response.on_hover_text(texts.get(help)).clicked() {
                actions.push(action);
            }
        };
        button(ui, "open", !state.is_opening, "open_help", Action::Open);
        button(ui, "save", can_edit && state.is_modified(), "save_help", Action::Save);
        button(ui, "save_as", can_edit, "save_as_help", Action::SaveAs);
        ui.separator();
        button(ui, "undo", can_edit && (lines.can_undo || state.draft.is_some()), "undo_help", Action::Undo);
        button(ui, "redo", can_edit && lines.can_redo, "redo_help", Action::Redo);
        ui.separator();
        button(ui, "row_add", can_edit, "row_add_help", Action::BeginRow);
        recent_files(ui, texts, recent, actions);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut filter = state.filter().to_string();
            let field = egui::TextEdit::singleline(&mut filter)
                .hint_text(texts.get("filter"))
                .align(egui::Align2::LEFT_CENTER)
                .desired_width(f32::INFINITY);
            if ui.add(field).accessible_name(texts.get("filter")).changed() {
                actions.push(Action::Filter(filter));
            }
        });
    });
}

fn title(ui: &mut egui::Ui, state: &State, texts: Texts) {
    let colours = palette(ui);
    ui.horizontal(|ui| {
        let name = state.file_name();
        let name = ui.label(RichText::new(name.as_deref().unwrap_or(texts.get("no_file"))).text_style(section()));
        if let Some(path) = state.path() {
            name.on_hover_text(path.display().to_string());
        }
        if state.is_saving {
            ui.label(RichText::new(texts.get("saving")).small().color(colours.weak));
        } else if state.is_modified() {
            ui.label(RichText::new(format!("● {}", texts.get("unsaved"))).small().color(colours.accent));
        }
        let rows = state.lines().rows.len();
        let shown = texts.with("rows_shown", &[("shown", &state.visible().len()), ("rows", &rows)]);
        ui.label(RichText::new(shown).small().color(colours.weak));
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
