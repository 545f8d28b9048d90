//! The left side: which models are compared, on what, and how.

use eframe::egui::{self, RichText};

use super::{Action, State, Which};
use crate::app::shell::Command;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::app::widgets::{ModelFrom, choose_model, choose_path, model_menu};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, has_device: bool, actions: &mut Vec<Action>) {
    egui::Panel::bottom("compare start").frame(egui::Frame::new()).show_separator_line(false).show(ui, |ui| {
        ui.add_space(space::SMALL);
        evaluate(ui, state, texts, has_device, actions);
    });
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for which in Which::MODELS {
            choose(ui, state, texts, which, actions);
        }
        more_models(ui, state, texts, actions);
        for which in Which::SET {
            choose(ui, state, texts, which, actions);
        }
        let general = egui::CollapsingHeader::new(RichText::new(texts.get("general_set")).small())
            .default_open(state.general_questions_path.is_some());
        general.show(ui, |ui| {
            ui.label(RichText::new(texts.get("general_set_help")).small().color(palette(ui).weak));
            for which in Which::GENERAL {
                choose(ui, state, texts, which, actions);
            }
            let chosen = Which::GENERAL.into_iter().any(|which| state.path(which).is_some());
            if chosen && ui.link(RichText::new(texts.get("general_none")).small()).clicked() {
                actions.push(Action::WithoutGeneral);
            }
        });
        ui.add_space(space::SMALL);
        ks(ui, state, texts, actions);
        ui.add_space(space::MEDIUM);
        method(ui, state, texts, actions);
    });
}

fn choose(ui: &mut egui::Ui, state: &State, texts: Texts, which: Which, actions: &mut Vec<Action>) {
    if Which::MODELS.contains(&which) {
        let from = choose_model(ui, texts, texts.get(which.key()), state.path(which));
        actions.extend(from.map(|from| match from {
            ModelFrom::Folder => Action::Choose(which),
            ModelFrom::Hub => Action::ChooseOfHub(which),
        }));
    } else if choose_path(ui, texts, texts.get(which.key()), state.path(which)) {
        actions.push(Action::Choose(which));
    }
    if let Some(told) = told(state, texts, which) {
        ui.label(RichText::new(told).small().color(palette(ui).weak));
    }
    if which == Which::Tuned
        && state.tuned.is_some()
        && ui.link(RichText::new(texts.get("tuned_none")).small()).clicked()
    {
        actions.push(Action::WithoutTuned);
    }
    ui.add_space(space::TINY);
}

/// Models beside base and tuned one.
fn more_models(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    for (at, path) in state.more.iter().enumerate() {
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let name = super::folder_name(path);
                let away = ui.small_button("×").on_hover_text(texts.get("model_remove"));
                if away.accessible_name(texts.with("model_remove_named", &[("name", &name)])).clicked() {
                    actions.push(Action::RemoveModel(at));
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.add(egui::Label::new(name).truncate()).on_hover_text(path.display().to_string());
                });
            });
        });
    }
    if state.tuned.is_some() {
        let link = ui.link(RichText::new(texts.get("model_add")).small());
        actions.extend(model_menu(&link, texts).map(Action::AddModel));
    }
    ui.add_space(space::TINY);
}

/// At which ranks the metrics look.
fn ks(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.label(texts.get("ks")).on_hover_text(texts.get("ks_help"));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let mut text = state.ks.clone();
            let field = egui::TextEdit::singleline(&mut text).desired_width(size::SCORE_WIDTH);
            if ui.add(field).accessible_name(texts.get("ks")).changed() {
                actions.push(Action::SetKs(text));
            }
        });
    });
    if state.ks().is_none() {
        ui.label(RichText::new(texts.get("ks_wrong")).small().color(palette(ui).worse));
    }
}

/// How much is in a file that was read.
fn told(state: &State, texts: Texts, which: Which) -> Option<String> {
    match which {
        Which::Corpus => {
            state.corpus.as_ref().map(|corpus| texts.with("corpus_size", &[("passages", &corpus.passages().len())]))
        }
        Which::Questions => {
            state.questions.as_ref().map(|questions| texts.with("questions_size", &[("questions", &questions.len())]))
        }
        Which::GeneralQuestions => {
            let set = state.general.as_ref()?;
            Some(texts.with("questions_size", &[("questions", &set.questions.len())]))
        }
        Which::Base | Which::Tuned | Which::GeneralCorpus => None,
    }
}

fn method(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    ui.label(RichText::new(texts.get("method")).text_style(section()));
    ui.horizontal_wrapped(|ui| {
        for kind in super::MethodKind::ALL {
            if ui.add(egui::Button::selectable(state.method == kind, texts.get(kind.key()))).clicked() {
                actions.push(Action::SetMethod(kind));
            }
        }
    });
    if state.method == super::MethodKind::Hybrid {
        let kinds = ["method_dense", "method_sparse", "method_colbert"];
        for (index, key) in kinds.into_iter().enumerate() {
            ui.horizontal(|ui| {
                ui.label(texts.get(key));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let mut weight = state.weights[index];
                    let slider = egui::Slider::new(&mut weight, 0.0..=1.0).step_by(0.05).fixed_decimals(2);
                    let name = texts.with("weight_of", &[("what", &texts.get(key))]);
                    if ui.add(slider).accessible_name(name).changed() {
                        actions.push(Action::SetWeight(index, weight));
                    }
                });
            });
        }
    }
    ui.label(RichText::new(texts.get(state.method.help_key())).small().color(palette(ui).weak));
}

fn evaluate(ui: &mut egui::Ui, state: &State, texts: Texts, has_device: bool, actions: &mut Vec<Action>) {
    if state.is_evaluating() {
        if ui.vertical_centered_justified(|ui| ui.button(texts.get("cancel"))).inner.clicked() {
            actions.push(Action::Cancel);
        }
        return;
    }
    let missing = state.missing();
    let button = primary_button(ui, texts.get("evaluate"));
    let has_ks = state.ks().is_some();
    let why_not = if has_ks { missing.map_or("device_looking", |which| which.missing_key()) } else { "ks_wrong" };
    let shown = ui.vertical_centered_justified(|ui| ui.add_enabled(missing.is_none() && has_ks && has_device, button));
    let button = shown.inner.on_hover_text(Command::Evaluate.with_keys(ui.ctx(), texts.get("evaluate")));
    if button.on_disabled_hover_text(texts.get(why_not)).clicked() {
        actions.push(Action::Evaluate);
    }
}
