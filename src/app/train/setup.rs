//! The left side: what the next run is made of.

use std::collections::BTreeMap;

use eframe::egui::{self, RichText};

use super::form::Problem;
use super::option_row::{Row, Rows};
use super::{Action, DataChoice, Precision, State, Surroundings, forecast, form, option_row, sources};
use crate::app::error_texts;
use crate::app::shell::Command;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, space};
use crate::app::widgets::{choose_model, choose_path};
use crate::compute::DeviceKind;
use crate::training::Group;

pub fn show(ui: &mut egui::Ui, state: &State, around: &Surroundings<'_>, actions: &mut Vec<Action>) {
    let problems = problems(state, around);
    let texts = around.texts;
    egui::Panel::bottom("train start").frame(egui::Frame::new()).show(ui, |ui| {
        ui.add_space(space::SMALL);
        forecast::show(ui, state, around, actions);
        ui.add_space(space::TINY);
        start(ui, state, around, &problems, actions);
    });
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        sources::show(ui, texts, actions);
        ui.add_space(space::TINY);
        inputs(ui, state, around, &problems, actions);
        ui.add_space(space::SMALL);
        ui.horizontal(|ui| {
            ui.label(RichText::new(texts.get("train_options")).text_style(section()));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let mut explained = state.explained;
                if ui.checkbox(&mut explained, texts.get("options_explained")).changed() {
                    actions.push(Action::Explain(explained));
                }
            });
        });
        options(ui, state, texts, &problems, actions);
    });
}

/// The form's problems, less those that the window takes care of when it starts a run.
pub fn problems(state: &State, around: &Surroundings<'_>) -> BTreeMap<String, Problem> {
    let mut problems = state.form.problems();
    let has_data = match &state.data {
        DataChoice::OpenFile => around.open_rows > 0,
        DataChoice::Files(files) => !files.is_empty(),
    };
    if has_data {
        problems.remove("train_data");
    } else {
        problems.insert("train_data".into(), Problem::NoData);
    }
    problems
}

fn inputs(
    ui: &mut egui::Ui,
    state: &State,
    around: &Surroundings<'_>,
    problems: &BTreeMap<String, Problem>,
    actions: &mut Vec<Action>,
) {
    let texts = around.texts;
    let model = &state.form.config.model_name_or_path;
    let chosen = Some(model.as_path()).filter(|path| !path.as_os_str().is_empty());
    actions.extend(choose_model(ui, texts, texts.get("train_model"), chosen).map(Action::ChooseModel));
    option_row::show_problem(ui, texts, "model_name_or_path", problems.get("model_name_or_path"));
    ui.add_space(space::TINY);
    match &state.data {
        DataChoice::OpenFile => {
            if choose_path(ui, texts, texts.get("train_data"), around.open_file) {
                actions.push(Action::ChooseData);
            }
            let rows = texts.with("train_open_rows", &[("rows", &around.open_rows)]);
            ui.label(RichText::new(rows).small().color(palette(ui).weak));
        }
        DataChoice::Files(files) => {
            if choose_path(ui, texts, texts.get("train_data"), files.first().map(|path| path.as_path())) {
                actions.push(Action::ChooseData);
            }
            ui.horizontal(|ui| {
                let count = texts.with("train_files", &[("files", &files.len())]);
                ui.label(RichText::new(count).small().color(palette(ui).weak));
                if ui.link(RichText::new(texts.get("train_use_open_file")).small()).clicked() {
                    actions.push(Action::UseOpenFile);
                }
            });
        }
    }
    option_row::show_problem(ui, texts, "train_data", problems.get("train_data"));
    ui.add_space(space::TINY);
    device(ui, around, actions);
}

fn device(ui: &mut egui::Ui, around: &Surroundings<'_>, actions: &mut Vec<Action>) {
    let texts = around.texts;
    let colours = palette(ui);
    ui.label(RichText::new(texts.get("device")).small().color(colours.weak));
    let chosen = around
        .device
        .map_or_else(|| texts.get("device_looking").to_string(), |device| error_texts::device(texts, device));
    let combo = egui::ComboBox::from_id_salt("device")
        .selected_text(chosen)
        .width(ui.available_width())
        .truncate()
        .show_ui(ui, |ui| {
            for device in around.devices {
                let selected = around.device.is_some_and(|chosen| chosen.choice == device.choice);
                if ui.selectable_label(selected, error_texts::device(texts, device)).clicked() {
                    actions.push(Action::SetDevice(device.choice));
                }
            }
        });
    combo.response.accessible_name(texts.get("device"));
    if around.device.is_some_and(|device| device.kind == DeviceKind::SoftwareGpu) {
        ui.label(RichText::new(texts.get("device_software")).small().color(colours.warning));
    }
}

/// The options by what they are for: those that most runs set, and the rest folded.
fn options(
    ui: &mut egui::Ui,
    state: &State,
    texts: Texts,
    problems: &BTreeMap<String, Problem>,
    actions: &mut Vec<Action>,
) {
    let rows = Rows { texts, form: &state.form, explained: state.explained };
    for part in form::parts() {
        let key = form::group_key(part.group);
        ui.add_space(space::SMALL);
        ui.label(RichText::new(texts.get(key)).strong().color(palette(ui).accent));
        if part.group == Group::Memory {
            precision(ui, state, texts, problems, actions);
        }
        for option in part.first {
            actions.extend(rows.show(ui, option, problems.get(option.name)));
        }
        if part.folded.is_empty() {
            continue;
        }
        let wrong = part.folded.iter().any(|option| problems.contains_key(option.name));
        let title = texts.with("options_more", &[("number", &part.folded.len())]);
        let title = if wrong {
            RichText::new(format!("× {title}")).color(palette(ui).error)
        } else {
            RichText::new(title).color(palette(ui).weak)
        };
        let fold = egui::CollapsingHeader::new(title).id_salt(key).show_unindented(ui, |ui| {
            for option in part.folded {
                actions.extend(rows.show(ui, option, problems.get(option.name)));
            }
        });
        fold.header_response.accessible_name(texts.with("options_more_of", &[("group", &texts.get(key))]));
    }
}

fn precision(
    ui: &mut egui::Ui,
    state: &State,
    texts: Texts,
    problems: &BTreeMap<String, Problem>,
    actions: &mut Vec<Action>,
) {
    let between = std::mem::replace(&mut ui.spacing_mut().item_spacing.y, 0.0);
    let chosen = Precision::of(&state.form.config);
    let help = texts.get("precision_help");
    Row { label: texts.get("precision"), name: "fp16 bf16", help, enabled: true }.show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = space::TINY;
        ui.spacing_mut().button_padding.x = space::SMALL;
        for precision in Precision::ALL {
            if ui.add(egui::Button::selectable(chosen == precision, precision.name())).clicked() {
                actions.push(Action::SetPrecision(precision));
            }
        }
    });
    if state.explained {
        ui.add(egui::Label::new(RichText::new(help).small().color(palette(ui).weak)).wrap());
    }
    option_row::show_problem(ui, texts, "bf16", problems.get("bf16"));
    ui.spacing_mut().item_spacing.y = between;
    ui.add_space(space::SMALL);
}

fn start(
    ui: &mut egui::Ui,
    state: &State,
    around: &Surroundings<'_>,
    problems: &BTreeMap<String, Problem>,
    actions: &mut Vec<Action>,
) {
    let texts = around.texts;
    let running = state.run.as_ref().is_some_and(|run| !run.job.status().is_over());
    let ready = problems.is_empty() && around.device.is_some() && !running;
    let button = primary_button(ui, texts.get("train_start"));
    let why_not = if running {
        texts.get("train_running_already").to_string()
    } else if around.device.is_none() {
        texts.get("device_looking").to_string()
    } else {
        let told = problems.iter().map(|(name, problem)| {
            let option = texts.find(&format!("option_{name}")).unwrap_or(name);
            let what = option_row::problem_text(texts, name, problem);
            texts.with("option_told", &[("option", &option), ("what", &what)])
        });
        told.collect::<Vec<_>>().join("\n")
    };
    let shown = ui.vertical_centered_justified(|ui| ui.add_enabled(ready, button));
    let button = shown.inner.on_hover_text(Command::Train.with_keys(ui.ctx(), texts.get("train_start")));
    if button.on_disabled_hover_text(why_not).clicked() {
        actions.push(Action::Start);
    }
}
