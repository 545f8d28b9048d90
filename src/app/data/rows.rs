//! The table of rows. Only the rows that are seen are drawn.

use eframe::egui::{self, Align, Key, Label, Layout, RichText, Role, Sense, WidgetInfo};
use egui_extras::{Column, TableBuilder};

use super::fault_texts;
use super::lines::RowLine;
use super::{Action, Selected, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, size};

const HEADER: [&str; 5] = ["column_line", "column_mark", "column_question", "column_positives", "column_negatives"];

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let rows = &state.lines().rows;
    let visible = state.visible();
    let chosen = visible.iter().position(|place| state.selected == Some(Selected::Line(rows[*place].id)));
    let mut table = TableBuilder::new(ui)
        .id_salt("rows")
        .striped(true)
        .auto_shrink(false)
        .sense(Sense::click())
        .cell_layout(Layout::left_to_right(Align::Center))
        .column(Column::exact(size::RANK))
        .column(Column::exact(size::ROW))
        .column(Column::remainder().clip(true))
        .columns(Column::exact(size::RANK), 2);
    if let (Some(place), true) = (chosen, state.scroll_to_selected) {
        table = table.scroll_to_row(place, None);
    }
    let table = table.header(size::ROW, |mut header| {
        for key in HEADER {
            header.col(|ui| {
                ui.label(RichText::new(texts.get(key)).small().color(palette(ui).weak));
            });
        }
    });
    table.body(|body| {
        body.rows(size::ROW, visible.len(), |mut table_row| {
            let row = &rows[visible[table_row.index()]];
            let selected = state.selected == Some(Selected::Line(row.id));
            table_row.set_selected(selected);
            table_row.col(|ui| {
                ui.label(RichText::new(row.line.to_string()).monospace().color(palette(ui).weak));
            });
            table_row.col(|ui| mark(ui, texts, row));
            table_row.col(|ui| {
                ui.add(Label::new(&row.row.query).truncate());
            });
            table_row.col(|ui| count(ui, row.row.pos.len()));
            table_row.col(|ui| count(ui, row.row.neg.len()));
            let response = table_row.response();
            let name = texts.with("row_name", &[("line", &row.line), ("query", &row.row.query)]);
            response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, &name));
            if response.clicked() {
                actions.push(Action::Select(Selected::Line(row.id)));
            }
        });
    });
    if let Some(place) = arrow_keys(ui, visible.len(), chosen) {
        actions.push(Action::SelectAndShow(Selected::Line(rows[visible[place]].id)));
    }
}

/// Warnings and edits, each with a sign of its own.
fn mark(ui: &mut egui::Ui, texts: Texts, row: &RowLine) {
    let colours = palette(ui);
    if let Some(warning) = row.warnings.first() {
        ui.label(RichText::new("!").strong().color(colours.warning))
            .on_hover_text(fault_texts::problem(texts, warning));
    }
    if row.is_edited {
        ui.label(RichText::new("●").small().color(colours.accent)).on_hover_text(texts.get("edited"));
    }
}

fn count(ui: &mut egui::Ui, number: usize) {
    let colours = palette(ui);
    let colour = if number == 0 { colours.warning } else { colours.text };
    ui.label(RichText::new(number.to_string()).monospace().color(colour));
}

/// Up and down move the choice where no field has the keyboard; the place they move it to.
fn arrow_keys(ui: &egui::Ui, rows: usize, chosen: Option<usize>) -> Option<usize> {
    if rows == 0 || ui.ctx().egui_wants_keyboard_input() {
        return None;
    }
    let (up, down) = ui.input(|input| (input.key_pressed(Key::ArrowUp), input.key_pressed(Key::ArrowDown)));
    match (chosen, up, down) {
        (Some(place), true, _) => Some(place.saturating_sub(1)),
        (Some(place), _, true) => Some((place + 1).min(rows - 1)),
        (None, _, true) => Some(0),
        _ => None,
    }
}
