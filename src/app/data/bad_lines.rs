//! Lines that could not be read: where, why, and a way to repair them.

use eframe::egui::{self, Align, Label, Layout, RichText, Sense};
use egui_extras::{Column, TableBuilder};

use super::draft::Field;
use super::row_editor::text_field;
use super::{Action, Selected, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::app::widgets::{Severity, notice};

/// One line that could not be read.
pub struct BadLine<'a> {
    /// From 1.
    pub line: usize,
    pub reason: String,
    pub raw: &'a str,
}

/// The list below the rows.
pub fn list(ui: &mut egui::Ui, state: &State, texts: Texts, lines: &[BadLine<'_>], actions: &mut Vec<Action>) {
    let colours = palette(ui);
    ui.label(RichText::new(texts.with("bad_lines", &[("number", &lines.len())])).text_style(section()).color(colours.error));
    ui.label(RichText::new(texts.get("bad_lines_help")).small().color(colours.weak));
    ui.add_space(space::TINY);
    let table = TableBuilder::new(ui).id_salt("bad lines").striped(true).sense(Sense::click()).cell_layout(Layout::left_to_right(Align::Center));
    table.column(Column::exact(size::FIELD)).column(Column::remainder().clip(true)).body(|body| {
        body.rows(size::ROW, lines.len(), |mut row| {
            let bad = &lines[row.index()];
            row.set_selected(state.selected == Some(Selected::BadLine(bad.line)));
            row.col(|ui| {
                ui.label(texts.with("line", &[("line", &bad.line)]));
            });
            row.col(|ui| {
                ui.add(Label::new(&bad.reason).truncate());
            });
            let response = row.response();
            let name = texts.with("bad_line_name", &[("line", &bad.line), ("reason", &bad.reason)]);
            if response.accessible_name(name).clicked() {
                actions.push(Action::Select(Selected::BadLine(bad.line)));
            }
        });
    });
}

/// The chosen line as it stands in the file, to be repaired.
pub fn editor(ui: &mut egui::Ui, state: &State, texts: Texts, bad: &BadLine<'_>, actions: &mut Vec<Action>) {
    ui.label(RichText::new(texts.with("bad_line_title", &[("line", &bad.line)])).text_style(section()));
    notice(ui, Severity::Error, &bad.reason);
    egui::ScrollArea::vertical().id_salt(("bad line", bad.line)).auto_shrink(false).show(ui, |ui| {
        text_field(ui, state.draft.as_ref(), (bad.line, Field::RawLine), bad.raw, texts.get("raw_line"), actions);
        ui.horizontal(|ui| {
            let changed = state.draft.as_ref().is_some_and(|draft| draft.field == Field::RawLine && draft.text != bad.raw);
            if ui.add_enabled(changed, primary_button(ui, texts.get("raw_line_repair"))).clicked() {
                actions.push(Action::RepairLine);
            }
            if ui.button(texts.get("raw_line_delete")).clicked() {
                actions.push(Action::DeleteLine);
            }
        });
    });
}
