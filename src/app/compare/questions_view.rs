//! Every question with its rank before and after, from the greatest gain to the greatest loss.

use eframe::egui::{self, RichText};

use super::{Action, State, shown};
use crate::app::texts::Texts;
use crate::app::theme::{palette, size, space};
use crate::app::widgets::{self, Direction, empty};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let Some(evaluated) = state.evaluated() else {
        empty(ui, texts.get("evaluate_first"));
        return;
    };
    shown::choose(ui, state, texts, actions);
    let Some(order) = evaluated.by_gain.get(state.shown[1]) else {
        empty(ui, texts.get("questions_need_tuned"));
        return;
    };
    ui.horizontal(|ui| {
        for (losses, key) in [(false, "gains_first"), (true, "losses_first")] {
            if ui.add(egui::Button::selectable(state.losses_first == losses, texts.get(key))).clicked() {
                actions.push(Action::LossesFirst(losses));
            }
        }
        ui.label(RichText::new(texts.get("questions_help")).small().color(palette(ui).weak));
    });
    let (before, after) = (&evaluated.comparison.ranks[0], &evaluated.comparison.ranks[state.shown[1] + 1]);
    let rank = |rank: Option<usize>| rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string());
    let outcomes = evaluated.comparison.outcomes(state.shown[1]);
    egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, size::ROW, order.len(), |ui, range| {
        for place in range {
            let question = if state.losses_first { order[order.len() - 1 - place] } else { order[place] };
            let Some(text) = evaluated.source.set.questions.get(question).map(|question| &question.text) else {
                continue;
            };
            ui.horizontal(|ui| {
                ui.set_min_height(size::ROW - space::SMALL);
                let gain = outcomes[question].gain();
                let colour = Direction::of(gain, 3).colour(palette(ui));
                let told = format!("{:>3} → {:<3}", rank(before[question]), rank(after[question]));
                ui.label(RichText::new(told).monospace().color(colour));
                ui.label(RichText::new(format!("{:<9}", widgets::change_text(gain, 3))).monospace().color(colour));
                if ui.add(egui::Label::new(text).truncate().sense(egui::Sense::click())).clicked() {
                    actions.push(Action::OpenQuestion(text.clone()));
                }
            });
        }
    });
}
