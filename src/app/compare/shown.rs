//! Of which set and which tuned model the numbers are shown.

use eframe::egui::{self, RichText};

use super::{Action, State, model_name};
use crate::app::texts::Texts;
use crate::app::theme::{palette, space};

/// What was evaluated, with a choice where there are several sets or tuned models.
pub fn choose(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let (Some(result), Some(evaluated)) = (&state.result, state.evaluated()) else {
        return;
    };
    let several = result.sets.len() > 1 || result.models.len() > 2;
    let choices = |ui: &mut egui::Ui| {
        if result.sets.len() > 1 {
            for (at, set) in result.sets.iter().enumerate() {
                if ui.add(egui::Button::selectable(state.shown[0] == at, set.source.name())).clicked() {
                    actions.push(Action::ShowSet(at));
                }
            }
            ui.add_space(space::MEDIUM);
        }
        for at in 0..if result.models.len() > 2 { result.models.len() - 1 } else { 0 } {
            let name = model_name(texts, &result.models, at + 1);
            if ui.add(egui::Button::selectable(state.shown[1] == at, name)).clicked() {
                actions.push(Action::ShowTuned(at));
            }
        }
    };
    if several {
        ui.horizontal_wrapped(choices);
    }
    let set = &evaluated.source.set;
    let (questions, passages) = (set.questions.len(), set.corpus.passages().len());
    let method = texts.get(result.method.key());
    let about = texts.with("metrics_for", &[("method", &method), ("questions", &questions), ("passages", &passages)]);
    ui.label(RichText::new(about).small().color(palette(ui).weak));
}
