//! The data bench: look at questions, positives and hard negatives, and correct them.

mod bad_lines;
mod draft;
mod fault_texts;
#[allow(dead_code, reason = "the window does not open it yet")]
pub mod import_dialog;
mod lines;
mod row_editor;
mod rows;
mod state;
mod tools;

use std::path::PathBuf;
use std::time::Duration;

use eframe::egui;

pub use draft::Field;
pub use state::{Selected, State};

use crate::app::texts::Texts;
use crate::app::theme::{self, size, space};
use crate::app::widgets::empty;
use crate::dataset::Side;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Open,
    OpenPath(PathBuf),
    Save,
    SaveAs,
    Undo,
    Redo,
    Filter(String),
    Select(Selected),
    /// From the keyboard: the row is brought into view.
    SelectAndShow(Selected),
    /// A field reads differently now.
    Type(Field, String),
    /// The typing has paused, or the field was left.
    Commit,
    /// The new passage's field has the keyboard now.
    Focused,
    BeginRow,
    TypeNewRow(String, String),
    PutNewRow,
    RemoveLine,
    BeginPassage(Side),
    RemovePassage(Side, usize),
    /// From this side to the other.
    MovePassage(Side, usize),
    RepairLine,
}

/// Draws the bench.
pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, recent: &[PathBuf]) -> Vec<Action> {
    let mut actions = Vec::new();
    commit_after_a_pause(ui, state, &mut actions);
    let width = size::EDITOR.min(ui.available_width() / 2.0).max(size::EDITOR_MIN);
    egui::Panel::right("chosen row").frame(theme::panel(ui)).default_size(width).min_size(size::EDITOR_MIN).show(
        ui,
        |ui| {
            chosen(ui, state, texts, &mut actions);
        },
    );
    egui::CentralPanel::default().frame(theme::panel(ui)).show(ui, |ui| {
        tools::show(ui, state, texts, recent, &mut actions);
        if !state.lines().bad.is_empty() {
            egui::Panel::bottom("bad lines")
                .frame(egui::Frame::new())
                .resizable(true)
                .default_size(size::BAD_LINES)
                .show(ui, |ui| {
                    ui.add_space(space::SMALL);
                    bad_lines::list(ui, state, texts, &mut actions);
                });
        }
        egui::CentralPanel::no_frame().show(ui, |ui| {
            if state.is_open() {
                rows::show(ui, state, texts, &mut actions);
            } else {
                empty(ui, texts.get(if state.is_opening { "opening" } else { "drop_here" }));
            }
        });
    });
    actions
}

fn chosen(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    match state.selected {
        Some(Selected::NewRow) => row_editor::new_row(ui, state, texts, actions),
        Some(Selected::Line(id)) => {
            if let Some(row) = state.row(id) {
                row_editor::show(ui, state, texts, row, actions);
            } else if let Some(bad) = state.bad_line(id) {
                bad_lines::editor(ui, state, texts, bad, actions);
            }
        }
        None => empty(ui, texts.get("choose_a_row")),
    }
}

fn commit_after_a_pause(ui: &egui::Ui, state: &State, actions: &mut Vec<Action>) {
    let now = ui.input(|input| input.time);
    match state.draft.as_ref().and_then(|draft| draft.wait(now)) {
        Some(wait) if wait > 0.0 => ui.ctx().request_repaint_after(Duration::from_secs_f64(wait)),
        Some(_) => actions.push(Action::Commit),
        None => {}
    }
}
