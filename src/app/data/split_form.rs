//! Parting the rows into some to train on and some to evaluate with.

use eframe::egui::{self, Id, RichText};

use super::Action;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::dataset::SplitOptions;

/// What was chosen so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SplitForm {
    pub options: SplitOptions,
}

pub fn show(context: &egui::Context, texts: Texts, form: &SplitForm, actions: &mut Vec<Action>) {
    let mut new = form.clone();
    let modal = egui::Modal::new(Id::unique("split")).show(context, |ui| {
        ui.set_width(size::POPUP);
        ui.label(RichText::new(texts.get("split")).text_style(section()).strong());
        ui.label(RichText::new(texts.get("split_help")).color(palette(ui).weak));
        ui.add_space(space::SMALL);
        let options = &mut new.options;
        let mut percent = options.share * 100.0;
        egui::Grid::new("split").show(ui, |ui| {
            let label = ui.label(texts.get("split_share"));
            let share = egui::DragValue::new(&mut percent).range(1.0..=99.0).suffix(" %").max_decimals(1);
            ui.add(share).labelled_by(label.id);
            ui.end_row();
            let label = ui.label(texts.get("split_seed"));
            ui.add(egui::DragValue::new(&mut options.seed)).labelled_by(label.id);
            ui.end_row();
        });
        options.share = percent / 100.0;
        ui.checkbox(&mut options.shared_negatives, texts.get("split_shared_negatives"));
        ui.add_space(space::SMALL);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.add(primary_button(ui, texts.get("split_do"))).clicked() {
                actions.push(Action::Split);
            }
            if ui.button(texts.get("cancel")).clicked() {
                actions.push(Action::EndSplit);
            }
        });
    });
    if new != *form {
        actions.insert(0, Action::ChangeSplit(new));
    }
    if modal.should_close() {
        actions.push(Action::EndSplit);
    }
}
