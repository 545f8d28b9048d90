//! The table of rows. Only the rows that are seen are drawn.

use eframe::egui::{self, Align, Key, Label, Layout, RichText, Sense};
use egui_extras::{Column, TableBuilder};

use super::{Action, Selected, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, size};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let visible = state.visible();
    let chosen = visible.iter().position(|index| state.selected == Some(Selected::Row(*index)));
    let mut table = TableBuilder::new(ui)
        .id_salt("rows")
        .striped(true)
        .auto_shrink(false)
        .sense(Sense::click())
        .cell_layout(Layout::left_to_right(Align::Center))
        .column(Column::exact(size::RANK))
        .column(Column::exact(size::ROW))
        .column(Column::remainder().clip(true))
        .column(Column::exact(size::RANK))
        .column(Column::exact(size::RANK));
    if let (Some(place), true) = (chosen, state.scroll_to_selected) {
        table = table.scroll_to_row(place, None);
    }
    let header = ["column_line", "column_mark", "column_question", "column_positives", "column_negatives"];
    let table = table.header(size::ROW, |mut row| {
        for key in header {
            row.col(|ui| {
                ui.label(RichText::new(texts.get(key)).small().color(palette(ui).weak));
            });
        }
    });
    table.body(|body| {
        body.rows(size::ROW, visible.len(), |mut table_row| {
            let index = visible[table_row.index()];
            let Some((line, row)) = state.row(index) else {
                return;
            };
            table_row.set_selected(state.selected == Some(Selected::Row(index)));
            table_row.col(|ui| {
                ui.label(RichText::new(line.to_string()).monospace().color(palette(ui).weak));
            });
            table_row.col(|ui| mark(ui, texts, state, index));
            table_row.col(|ui| {
                ui.add(Label::new(&row.query).truncate());
            });
            table_row.col(|ui| count(ui, row.pos.len()));
            table_row.col(|ui| count(ui, row.neg.len()));
            let response = table_row.response();
            if response.accessible_name(texts.with("row_name", &[("line", &line), ("query", &row.query)])).clicked() {
                actions.push(Action::Select(Selected::Row(index)));
            }
        });
    });
    arrow_keys(ui, visible, chosen, actions);
}

/// Problems and edits, each with a sign of its own.
fn mark(ui: &mut egui::Ui, texts: Texts, state: &State, index: usize) {
    let colours = palette(ui);
    if let Some(problem) = state.row_problem(index) {
        ui.label(RichText::new("!").strong().color(colours.warning)).on_hover_text(problem);
    } else if state.is_edited(index) {
        ui.label(RichText::new("●").small().color(colours.accent)).on_hover_text(texts.get("edited"));
    }
}

fn count(ui: &mut egui::Ui, number: usize) {
    let colours = palette(ui);
    let colour = if number == 0 { colours.warning } else { colours.text };
    ui.label(RichText::new(number.to_string()).monospace().color(colour));
}

/// Up and down move the choice, where no field has the keyboard.
fn arrow_keys(ui: &egui::Ui, visible: &[usize], chosen: Option<usize>, actions: &mut Vec<Action>) {
    if visible.is_empty() || ui.ctx().egui_wants_keyboard_input() {
        return;
    }
    let (up, down) = ui.input(|input| (input.key_pressed(Key::ArrowUp), input.key_pressed(Key::ArrowDown)));
    let next = match (chosen, up, down) {
        (Some(place), true, _) => place.saturating_sub(1),
        (Some(place), _, true) => (place + 1).min(visible.len() - 1),
        (None, false, true) => 0,
        _ => return,
    };
    actions.push(Action::SelectAndShow(Selected::Row(visible[next])));
}
