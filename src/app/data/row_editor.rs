//! The chosen row in full: query, positives and negatives, each of them editable.

use eframe::egui::{self, Align, Id, Layout, RichText};

use super::draft::Field;
use super::fault_texts;
use super::lines::Chosen;
use super::rows::verdict_sign;
use super::{Action, State, finder, score_bar};
use crate::app::shell::Command;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, small_button, space};
use crate::app::widgets::{Severity, composed, notice};
use crate::dataset::{self, LineId, Problem, Row, Side, Verdict};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, chosen: &Chosen, row: &Row, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.with("row_title", &[("line", &chosen.line)])).text_style(section()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let delete = ui.button(texts.get("row_delete"));
            let tooltip = Command::DeleteRows.with_keys(ui.ctx(), Command::DeleteRows.text(texts));
            if delete.on_hover_text(tooltip).clicked() {
                actions.push(Action::RemoveLines);
            }
            verdicts(ui, state, texts, row, actions);
        });
    });
    egui::ScrollArea::vertical().id_salt(chosen.id).auto_shrink(false).show(ui, |ui| {
        for problem in &chosen.problems {
            let told = fault_texts::problem(texts, problem);
            if problem.fault.kind().severity() == dataset::Severity::Note {
                let note = RichText::new(fault_texts::fault(texts, &problem.fault)).small().color(palette(ui).weak);
                ui.label(note).on_hover_text(told);
            } else {
                notice(ui, Severity::Warning, &told);
            }
            fix_button(ui, state, texts, problem, actions);
        }
        head(ui, texts, "query", chosen.before.as_ref().map(|before| before.query.as_str()), &row.query);
        text_field(ui, state, chosen.id, Field::Query, &row.query, texts.get("query"), actions);
        list(ui, state, texts, chosen, row, Side::Positive, actions);
        list(ui, state, texts, chosen, row, Side::Negative, actions);
        finder::show(ui, state, texts, row, actions);
        ui.add_space(space::MEDIUM);
        let prompt = |row: &Row| row.prompt.clone().unwrap_or_default();
        let before = chosen.before.as_ref().map(prompt);
        head(ui, texts, "prompt", before.as_deref(), &prompt(row));
        text_field(ui, state, chosen.id, Field::Prompt, &prompt(row), texts.get("prompt"), actions);
        let note = state.review(&row.query).map_or("", |review| &review.note);
        head(ui, texts, "note", None, note);
        text_field(ui, state, chosen.id, Field::Note, note, texts.get("note"), actions);
    });
}

/// The name of a field, and what the file has in it where that is something else.
fn head(ui: &mut egui::Ui, texts: Texts, key: &str, before: Option<&str>, now: &str) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.get(key)).small().color(palette(ui).weak));
        if let Some(before) = before.filter(|before| *before != now) {
            changed(ui, texts, before);
        }
    });
}

/// A mark for what differs from the file; what the file has is shown under the pointer.
fn changed(ui: &mut egui::Ui, texts: Texts, before: &str) {
    let mark = ui.label(RichText::new(texts.get("changed")).small().color(palette(ui).accent));
    mark.on_hover_text(texts.with("changed_before", &[("before", &before)]));
}

fn verdicts(ui: &mut egui::Ui, state: &State, texts: Texts, row: &Row, actions: &mut Vec<Action>) {
    let now = state.review(&row.query).and_then(|review| review.verdict);
    for verdict in Verdict::ALL.into_iter().rev() {
        let (sign, key) = verdict_sign(Some(verdict));
        let command = match verdict {
            Verdict::Accepted => Command::Accept,
            Verdict::Rejected => Command::Reject,
            Verdict::Unsure => Command::Unsure,
        };
        let button = ui.selectable_label(now == Some(verdict), sign);
        let button = button.on_hover_text(command.with_keys(ui.ctx(), texts.get(key)));
        if button.accessible_name(texts.get(key)).clicked() {
            actions.push(Action::Judge(verdict));
        }
    }
}

/// A button below a problem that can be put right.
pub fn fix_button(ui: &mut egui::Ui, state: &State, texts: Texts, problem: &Problem, actions: &mut Vec<Action>) {
    if state.can_edit() && state.can_fix(problem) {
        let button = small_button(ui, texts.get("fix"));
        if button.on_hover_text(Command::Fix.with_keys(ui.ctx(), texts.get("fix_help"))).clicked() {
            actions.push(Action::Fix(problem.clone()));
        }
    }
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

fn list(
    ui: &mut egui::Ui,
    state: &State,
    texts: Texts,
    chosen: &Chosen,
    row: &Row,
    side: Side,
    actions: &mut Vec<Action>,
) {
    let (title, name, add) = match side {
        Side::Positive => ("positives", "positive", "positive_add"),
        Side::Negative => ("negatives", "negative", "negative_add"),
    };
    let (go, go_what) = match side {
        Side::Positive => ("move_to_negatives", "move_to_negatives_what"),
        Side::Negative => ("move_to_positives", "move_to_positives_what"),
    };
    let passages = row.passages(side);
    ui.add_space(space::MEDIUM);
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.with(title, &[("number", &passages.len())])).text_style(section()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button(texts.get(add)).clicked() {
                actions.push(Action::BeginPassage(side));
            }
        });
    });
    let taught = match side {
        Side::Positive => row.pos_scores.as_deref(),
        Side::Negative => row.neg_scores.as_deref(),
    };
    for (index, passage) in passages.iter().enumerate() {
        let name = texts.with(name, &[("number", &(index + 1))]);
        ui.horizontal(|ui| {
            ui.label(RichText::new(&name).small().color(palette(ui).weak));
            if chosen.before.as_ref().is_some_and(|before| !before.passages(side).contains(passage)) {
                let before = chosen.before.as_ref().and_then(|before| before.passages(side).get(index));
                changed(ui, texts, before.map_or(texts.get("changed_nothing"), String::as_str));
            }
            if let Some(score) = taught.and_then(|scores| scores.get(index)) {
                let text = texts.with("teacher_score", &[("score", &format!("{score:.3}"))]);
                ui.label(RichText::new(text).small().color(palette(ui).weak));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let mut button = |key: &str, named: &str, action: Action| {
                    let button = small_button(ui, texts.get(key));
                    if button.accessible_name(texts.with(named, &[("what", &name)])).clicked() {
                        actions.push(action);
                    }
                };
                button("delete", "delete_what", Action::RemovePassage(side, index));
                button(go, go_what, Action::MovePassage(side, index));
                if index + 1 < passages.len() {
                    button("down", "down_what", Action::Reorder(side, index, index + 1));
                }
                if index > 0 {
                    button("up", "up_what", Action::Reorder(side, index, index - 1));
                }
            });
        });
        text_field(ui, state, chosen.id, Field::Passage(side, index), passage, &name, actions);
        if let Some(scores) = state.scores(chosen.id) {
            score_bar::show(ui, state, texts, scores, side, index);
        }
    }
    let new = Field::NewPassage(side);
    if state.draft.as_ref().is_some_and(|draft| draft.field == new) {
        text_field(ui, state, chosen.id, new, "", texts.get(add), actions);
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
    let shown = draft.map_or(text, |draft| &draft.text);
    let id = Id::unique((line, field));
    let rows = if matches!(field, Field::Query | Field::Prompt | Field::Note) { 1 } else { 2 };
    let (response, typed) = composed(ui, id, shown, |ui, shown| {
        let edit = egui::TextEdit::multiline(shown).id(id).desired_width(f32::INFINITY).desired_rows(rows);
        ui.add(edit).accessible_name(name)
    });
    if state.focus_draft && matches!(field, Field::NewPassage(_)) {
        response.request_focus();
        response.scroll_to_me(None);
        actions.push(Action::Focused);
    }
    if let Some(typed) = typed {
        actions.push(Action::Type(field, typed));
    } else if response.lost_focus() {
        actions.push(Action::Commit);
    }
}
