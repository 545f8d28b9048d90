//! The chosen row in full: query, positives and negatives, each of them editable.

use eframe::egui::{self, Align, Id, Layout, RichText};

use super::draft::{Draft, Field, List};
use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, section, space};
use crate::dataset::Row;

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, index: usize, line: usize, row: &Row, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.with("row_title", &[("line", &line)])).text_style(section()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button(texts.get("row_delete")).clicked() {
                actions.push(Action::DeleteRow);
            }
        });
    });
    egui::ScrollArea::vertical().id_salt(("row", index)).auto_shrink(false).show(ui, |ui| {
        ui.label(RichText::new(texts.get("query")).small().color(palette(ui).weak));
        text_field(ui, state.draft.as_ref(), (index, Field::Query), &row.query, texts.get("query"), actions);
        list(ui, state, texts, index, List::Positives, &row.pos, actions);
        list(ui, state, texts, index, List::Negatives, &row.neg, actions);
    });
}

fn list(ui: &mut egui::Ui, state: &State, texts: Texts, index: usize, list: List, passages: &[String], actions: &mut Vec<Action>) {
    let (title, passage_name, add, move_name) = match list {
        List::Positives => ("positives", "positive", "positive_add", "move_to_negatives"),
        List::Negatives => ("negatives", "negative", "negative_add", "move_to_positives"),
    };
    ui.add_space(space::MEDIUM);
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.with(title, &[("number", &passages.len())])).text_style(section()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button(texts.get(add)).clicked() {
                actions.push(Action::AddPassage(list));
            }
        });
    });
    for (number, passage) in passages.iter().enumerate() {
        let name = texts.with(passage_name, &[("number", &(number + 1))]);
        ui.horizontal(|ui| {
            ui.label(RichText::new(&name).small().color(palette(ui).weak));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let delete = ui.small_button(texts.get("delete"));
                if delete.accessible_name(texts.with("delete_what", &[("what", &name)])).clicked() {
                    actions.push(Action::DeletePassage(list, number));
                }
                let go = ui.small_button(texts.get(move_name));
                if go.accessible_name(format!("{}: {name}", texts.get(move_name))).clicked() {
                    actions.push(Action::MovePassage(list, number));
                }
            });
        });
        text_field(ui, state.draft.as_ref(), (index, Field::Passage(list, number)), passage, &name, actions);
    }
}

/// A field that shows its draft while there is one.
pub fn text_field(ui: &mut egui::Ui, draft: Option<&Draft>, place: (usize, Field), text: &str, name: &str, actions: &mut Vec<Action>) {
    let field = place.1;
    let mut shown = draft.filter(|draft| draft.field == field).map_or_else(|| text.to_string(), |draft| draft.text.clone());
    let rows = if matches!(field, Field::Query) { 1 } else { 2 };
    let edit = egui::TextEdit::multiline(&mut shown).id(Id::unique(place)).desired_width(f32::INFINITY).desired_rows(rows);
    let response = ui.add(edit).accessible_name(name);
    if response.changed() {
        actions.push(Action::Type(field, shown));
    } else if response.lost_focus() {
        actions.push(Action::Commit);
    }
}
