//! The steps made on the open file; a click goes back or forward to one.

use eframe::egui::{self, RichText};

use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, size};
use crate::dataset::{StepInfo, StepName};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let (steps, done) = state.history();
    ui.set_width(size::POPUP);
    egui::ScrollArea::vertical().max_height(size::POPUP).stick_to_bottom(true).show(ui, |ui| {
        if ui.selectable_label(done == 0, texts.get("history_start")).clicked() {
            actions.push(Action::GoTo(0));
        }
        for (at, step) in steps.iter().enumerate() {
            let text = RichText::new(text(texts, step));
            // Steps that were taken back can be made again.
            let text = if at < done { text } else { text.color(palette(ui).weak).strikethrough() };
            if ui.selectable_label(at + 1 == done, text).clicked() {
                actions.push(Action::GoTo(at + 1));
            }
        }
    });
}

fn text(texts: Texts, step: &StepInfo) -> String {
    let name = texts.get(key(step.name));
    if step.lines == 1 {
        texts.with("history_step", &[("step", &name), ("line", &step.line)])
    } else {
        texts.with("history_steps", &[("step", &name), ("number", &step.lines)])
    }
}

fn key(name: StepName) -> &'static str {
    match name {
        StepName::SetQuery => "step_set_query",
        StepName::SetPassage => "step_set_passage",
        StepName::AddPositive => "step_add_positive",
        StepName::AddNegative => "step_add_negative",
        StepName::RemovePassage => "step_remove_passage",
        StepName::ToPositives => "step_to_positives",
        StepName::ToNegatives => "step_to_negatives",
        StepName::Reorder => "step_reorder",
        StepName::SetScores => "step_set_scores",
        StepName::SetPrompt => "step_set_prompt",
        StepName::SetNegatives => "step_set_negatives",
        StepName::InsertRow => "step_insert_row",
        StepName::RemoveLine => "step_remove_line",
        StepName::ReplaceLine => "step_replace_line",
        StepName::Fix => "step_fix",
        StepName::Mine => "step_mine",
        StepName::Score => "step_score",
    }
}
