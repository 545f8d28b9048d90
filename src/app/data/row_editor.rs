//! The chosen row in full: query, positives and negatives, each of them editable.

use eframe::egui::{self, Align, Id, Layout, RichText};

use super::draft::Field;
use super::fault_texts;
use super::lines::RowLine;
use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, small_button, space};
use crate::app::widgets::{Severity, notice};
use crate::dataset::{LineId, Side};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, row: &RowLine, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.with("row_title", &[("line", &row.line)])).text_style(section()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button(texts.get("row_delete")).clicked() {
                actions.push(Action::RemoveLine);
            }
        });
    });
    egui::ScrollArea::vertical().id_salt(row.id).auto_shrink(false).show(ui, |ui| {
        for warning in &row.warnings {
            notice(ui, Severity::Warning, &fault_texts::problem(texts, warning));
        }
        ui.label(RichText::new(texts.get("query")).small().color(palette(ui).weak));
        text_field(ui, state, row.id, Field::Query, &row.row.query, texts.get("query"), actions);
        list(ui, state, texts, row, Side::Positive, actions);
        list(ui, state, texts, row, Side::Negative, actions);
    });
}

/// What a row needs before it can be put into the data.
pub fn new_row(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let (mut query, mut positive) = state.new_row.clone();
    ui.label(RichText::new(texts.get("row_new")).text_style(section()));
    let mut changed = false;
    for (key, text) in [("query", &mut query), ("first_positive", &mut positive)] {
        ui.label(RichText::new(texts.get(key)).small().color(palette(ui).weak));
        let edit = egui::TextEdit::multiline(text).desired_width(f32::INFINITY).desired_rows(2);
        changed |= ui.add(edit).accessible_name(texts.get(key)).changed();
    }
    ui.add_space(space::SMALL);
    let ready = !query.trim().is_empty() && !positive.trim().is_empty();
    if changed {
        actions.push(Action::TypeNewRow(query, positive));
    }
    let button = primary_button(ui, texts.get("row_put"));
    if ui.add_enabled(ready, button).on_disabled_hover_text(texts.get("row_needs")).clicked() {
        actions.push(Action::PutNewRow);
    }
}

fn list(ui: &mut egui::Ui, state: &State, texts: Texts, row: &RowLine, side: Side, actions: &mut Vec<Action>) {
    let (title, name, add, go) = match side {
        Side::Positive => ("positives", "positive", "positive_add", "move_to_negatives"),
        Side::Negative => ("negatives", "negative", "negative_add", "move_to_positives"),
    };
    let passages = row.row.passages(side);
    ui.add_space(space::MEDIUM);
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.with(title, &[("number", &passages.len())])).text_style(section()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button(texts.get(add)).clicked() {
                actions.push(Action::BeginPassage(side));
            }
        });
    });
    for (index, passage) in passages.iter().enumerate() {
        let name = texts.with(name, &[("number", &(index + 1))]);
        ui.horizontal(|ui| {
            ui.label(RichText::new(&name).small().color(palette(ui).weak));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let delete = small_button(ui, texts.get("delete"));
                if delete.accessible_name(texts.with("delete_what", &[("what", &name)])).clicked() {
                    actions.push(Action::RemovePassage(side, index));
                }
                let moving = small_button(ui, texts.get(go));
                if moving.accessible_name(format!("{}: {name}", texts.get(go))).clicked() {
                    actions.push(Action::MovePassage(side, index));
                }
            });
        });
        text_field(ui, state, row.id, Field::Passage(side, index), passage, &name, actions);
    }
    let new = Field::NewPassage(side);
    if state.draft.as_ref().is_some_and(|draft| draft.field == new) {
        text_field(ui, state, row.id, new, "", texts.get(add), actions);
    }
}

/// A field that shows its draft while there is one.
pub fn text_field(
    ui: &mut egui::Ui,
    state: &State,
    line: LineId,
    field: Field,
    text: &str,
    name: &str,
    actions: &mut Vec<Action>,
) {
    let draft = state.draft.as_ref().filter(|draft| draft.field == field);
    let mut shown = draft.map_or_else(|| text.to_string(), |draft| draft.text.clone());
    let rows = if field == Field::Query { 1 } else { 2 };
    let edit = egui::TextEdit::multiline(&mut shown)
        .id(Id::unique((line, field)))
        .desired_width(f32::INFINITY)
        .desired_rows(rows);
    let response = ui.add(edit).accessible_name(name);
    if state.focus_draft && matches!(field, Field::NewPassage(_)) {
        response.request_focus();
        response.scroll_to_me(None);
        actions.push(Action::Focused);
    }
    if response.changed() {
        actions.push(Action::Type(field, shown));
    } else if response.lost_focus() {
        actions.push(Action::Commit);
    }
}
