//! The table of rows. Only the rows that are seen are drawn.

use eframe::egui::{self, Align, Label, Layout, RichText, Role, Sense, WidgetInfo};
use egui_extras::{Column as Width, TableBuilder};

use super::fault_texts;
use super::lines::RowLine;
use super::view::{Column, Sort};
use super::{Action, Selected, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, size, space};
use crate::dataset::{Lines, Verdict};

/// The columns, with what they are called; Type and Margin can be hidden.
const COLUMNS: [(Column, &str); 7] = [
    (Column::Line, "column_line"),
    (Column::Review, "column_review"),
    (Column::Question, "column_question"),
    (Column::Positives, "column_positives"),
    (Column::Negatives, "column_negatives"),
    (Column::Type, "column_type"),
    (Column::Margin, "column_margin"),
];

/// Whether a column is shown: those that are always there, those with something in them, and those asked for.
fn is_shown(state: &State, column: Column) -> bool {
    match column {
        Column::Type => {
            state.survey().is_some_and(|survey| !survey.types().is_empty()) && !state.hidden.contains(&column)
        }
        Column::Margin => state.has_scores() && !state.hidden.contains(&column),
        Column::Line | Column::Question => true,
        Column::Review | Column::Positives | Column::Negatives => !state.hidden.contains(&column),
    }
}

/// Columns that a user may hide or show again.
pub fn optional_columns() -> impl Iterator<Item = (Column, &'static str)> {
    COLUMNS.into_iter().filter(|(column, _)| !matches!(column, Column::Line | Column::Question))
}

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let lines = state.lines();
    let visible = state.visible();
    let chosen = state.place_of_chosen();
    let columns: Vec<_> = COLUMNS.into_iter().filter(|(column, _)| is_shown(state, *column)).collect();
    let mut table = TableBuilder::new(ui)
        .id_salt("rows")
        .striped(true)
        .auto_shrink(false)
        .sense(Sense::click())
        .cell_layout(Layout::left_to_right(Align::Center));
    for (column, _) in &columns {
        table = table.column(match column {
            Column::Question => Width::remainder().clip(true),
            Column::Review => Width::exact(size::MARKS),
            Column::Type | Column::Margin => Width::exact(size::FIELD).clip(true),
            Column::Line | Column::Positives | Column::Negatives => Width::exact(size::RANK),
        });
    }
    if let (Some(place), true) = (chosen, state.scroll_to_selected) {
        table = table.scroll_to_row(place, None);
    }
    let table = table.header(size::ROW, |mut header| {
        for (column, key) in &columns {
            header.col(|ui| column_head(ui, state, texts, *column, key, actions));
        }
    });
    table.body(|body| {
        body.rows(size::ROW, visible.len(), |mut table_row| {
            let at = visible[table_row.index()];
            let Some(row) = state.row_at(&lines, at) else {
                // A line that has not been looked at yet, and is no row.
                columns.iter().for_each(|_| {
                    table_row.col(|_| {});
                });
                return;
            };
            let selected = state.selected == Some(Selected::Line(row.id));
            table_row.set_selected(selected || state.marked.contains(&row.id));
            for (column, _) in &columns {
                table_row.col(|ui| cell(ui, state, texts, &lines, at, &row, *column));
            }
            let response = table_row.response();
            let name = texts.with("row_name", &[("line", &row.line), ("query", &row.row.query)]);
            response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, &name));
            if response.clicked() {
                let modifiers = response.ctx.input(|input| input.modifiers);
                actions.push(match (modifiers.command, modifiers.shift) {
                    (true, _) => Action::Mark(row.id),
                    (_, true) => Action::MarkTo(row.id),
                    _ => Action::Select(Selected::Line(row.id)),
                });
            }
        });
    });
}

/// The name of a column; a click sorts by it, one more the other way round.
fn column_head(ui: &mut egui::Ui, state: &State, texts: Texts, column: Column, key: &str, actions: &mut Vec<Action>) {
    let sort = state.sort();
    let arrow = match (sort.by == column, sort.descending) {
        (true, false) => " ▲",
        (true, true) => " ▼",
        _ => "",
    };
    // In the order of the file there is nothing to show.
    let arrow = if sort == Sort::default() { "" } else { arrow };
    let name = texts.get(key);
    let text = RichText::new(format!("{name}{arrow}")).small().color(palette(ui).weak);
    let head = ui.add(Label::new(text).sense(Sense::click()).selectable(false));
    let head = head.on_hover_text(texts.with("sort_by", &[("column", &name)]));
    if head.clicked() {
        let descending = if sort.by == column { !sort.descending } else { column == Column::Margin };
        actions.push(Action::Sort(Sort { by: column, descending }));
    }
}

fn cell(ui: &mut egui::Ui, state: &State, texts: Texts, lines: &Lines, at: usize, row: &RowLine, column: Column) {
    let colours = palette(ui);
    match column {
        Column::Line => {
            ui.label(RichText::new(row.line.to_string()).monospace().color(colours.weak));
        }
        Column::Review => marks(ui, state, texts, lines, at, row),
        Column::Question => {
            ui.add(Label::new(&row.row.query).truncate());
        }
        Column::Positives => count(ui, row.row.pos.len()),
        Column::Negatives => count(ui, row.row.neg.len()),
        Column::Type => {
            ui.add(Label::new(row.row.kind.as_deref().unwrap_or_default()).truncate());
        }
        Column::Margin => {
            if let Some(margin) = state.all_scores().margin(row.id) {
                let colour = if margin >= 0.0 { colours.warning } else { colours.text };
                let text = format!("{}{margin:+.3}", if margin >= 0.0 { "! " } else { "" });
                ui.label(RichText::new(text).monospace().color(colour));
            }
        }
    }
}

/// Verdict, faults and edits, each with a sign of its own.
fn marks(ui: &mut egui::Ui, state: &State, texts: Texts, lines: &Lines, at: usize, row: &RowLine) {
    let colours = palette(ui);
    ui.spacing_mut().item_spacing.x = space::TINY / 2.0;
    if let Some(review) = state.review(&row.row.query) {
        let (sign, key) = verdict_sign(review.verdict);
        let note = if review.note.is_empty() { String::new() } else { format!(": {}", review.note) };
        ui.label(RichText::new(sign).strong()).on_hover_text(format!("{}{note}", texts.get(key)));
    }
    if row.has_faults {
        ui.label(RichText::new("!").strong().color(colours.warning)).on_hover_ui(|ui| {
            for problem in state.problems_at(lines, at) {
                ui.label(fault_texts::problem(texts, &problem));
            }
        });
    }
    if row.is_edited {
        ui.label(RichText::new("●").small().color(colours.accent)).on_hover_text(texts.get("edited"));
    }
}

/// A sign for a verdict, and the key of its name.
pub fn verdict_sign(verdict: Option<Verdict>) -> (&'static str, &'static str) {
    match verdict {
        Some(Verdict::Accepted) => ("√", "verdict_accepted"),
        Some(Verdict::Rejected) => ("×", "verdict_rejected"),
        Some(Verdict::Unsure) => ("?", "verdict_unsure"),
        None => ("※", "verdict_note"),
    }
}

fn count(ui: &mut egui::Ui, number: usize) {
    let colours = palette(ui);
    let colour = if number == 0 { colours.warning } else { colours.text };
    ui.label(RichText::new(number.to_string()).monospace().color(colour));
}
