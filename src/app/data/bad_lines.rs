//! Lines that could not be read: where, why, and a way to repair them.

use eframe::egui::{self, Align, Label, Layout, RichText, Role, Sense, WidgetInfo};
use egui_extras::{Column, TableBuilder};

use super::draft::Field;
use super::fault_texts;
use super::lines::{BadLine, Chosen};
use super::row_editor::{fix_button, text_field};
use super::{Action, Selected, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::app::widgets::{Severity, notice};

/// The list below the rows.
pub fn list(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let colours = palette(ui);
    let (lines, bad) = (state.lines(), state.bad());
    ui.label(
        RichText::new(texts.with("bad_lines", &[("number", &bad.len())])).text_style(section()).color(colours.error),
    );
    ui.label(RichText::new(texts.get("bad_lines_help")).small().color(colours.weak));
    ui.add_space(space::TINY);
    let table = TableBuilder::new(ui)
        .id_salt("bad lines")
        .striped(true)
        .auto_shrink(false)
        .sense(Sense::click())
        .cell_layout(Layout::left_to_right(Align::Center));
    table.column(Column::exact(size::FIELD)).column(Column::remainder().clip(true)).body(|body| {
        body.rows(size::ROW, bad.len(), |mut row| {
            let Some(bad) = state.bad_line_at(&lines, bad[row.index()]) else {
                return;
            };
            let selected = state.selected == Some(Selected::Line(bad.id));
            row.set_selected(selected);
            row.col(|ui| {
                ui.label(texts.with("line", &[("line", &bad.line)]));
            });
            let reason = reason(texts, &bad);
            row.col(|ui| {
                ui.add(Label::new(&reason).truncate());
            });
            let response = row.response();
            let name = texts.with("bad_line_name", &[("line", &bad.line), ("reason", &reason)]);
            response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, &name));
            if response.clicked() {
                actions.push(Action::Select(Selected::Line(bad.id)));
            }
        });
    });
}

fn reason(texts: Texts, bad: &BadLine) -> String {
    bad.problems
        .iter()
        .map(|problem| fault_texts::fault(texts, &problem.fault))
        .collect::<Vec<_>>()
        .join(texts.get("and"))
}

/// The chosen line as it stands in the file, to be repaired.
pub fn editor(ui: &mut egui::Ui, state: &State, texts: Texts, bad: &Chosen, actions: &mut Vec<Action>) {
    ui.label(RichText::new(texts.with("bad_line_title", &[("line", &bad.line)])).text_style(section()));
    for problem in &bad.problems {
        notice(ui, Severity::Error, &fault_texts::problem(texts, problem));
        fix_button(ui, state, texts, problem, actions);
    }
    egui::ScrollArea::vertical().id_salt(bad.id).auto_shrink(false).show(ui, |ui| {
        if bad.is_cut {
            ui.label(RichText::new(texts.get("raw_line_cut")).small().color(palette(ui).weak));
            ui.label(format!("{}…", bad.text));
            if ui.button(texts.get("raw_line_delete")).clicked() {
                actions.push(Action::RemoveLines);
            }
            return;
        }
        text_field(ui, state, bad.id, Field::RawLine, &bad.text, texts.get("raw_line"), actions);
        ui.horizontal(|ui| {
            let changed =
                state.draft.as_ref().is_some_and(|draft| draft.field == Field::RawLine && draft.text != bad.text);
            let button = primary_button(ui, texts.get("raw_line_repair"));
            if ui.add_enabled(changed, button).clicked() {
                actions.push(Action::RepairLine);
            }
            if ui.button(texts.get("raw_line_delete")).clicked() {
                actions.push(Action::RemoveLines);
            }
        });
    });
}
