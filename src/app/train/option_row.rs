//! One option of the form: its name, its field, and what is wrong with it.

use eframe::egui::{self, Align, Layout, RichText};

use super::Action;
use super::form::{Form, Problem};
use crate::app::texts::{Language, Texts};
use crate::app::theme::{palette, size};
use crate::training::OptionInfo;

/// Shows an option and returns what was done to it.
pub fn show(
    ui: &mut egui::Ui,
    texts: Texts,
    form: &Form,
    option: &'static OptionInfo,
    problem: Option<&Problem>,
) -> Option<Action> {
    let name = option.name;
    let label = texts.get(&format!("option_{name}"));
    let help = format!("{}\n{name}", help(texts, option));
    let text = form.text(name);
    let mut action = None;
    row(ui, label, &help, |ui| {
        if form.config.is_switch(name) {
            let mut on = text == "true";
            if ui.checkbox(&mut on, "").accessible_name(label).on_hover_text(&help).changed() {
                action = Some(Action::SetOption(name, on.to_string()));
            }
        } else if !option.choices.is_empty() {
            action = choice(ui, texts, option, label, &text).map(|chosen| Action::SetOption(name, chosen));
        } else {
            let mut typed = text;
            let field = egui::TextEdit::singleline(&mut typed)
                .align(egui::Align2::LEFT_CENTER)
                .desired_width(size::FIELD)
                .hint_text(hint(texts, form, name));
            let response = ui.add(field).accessible_name(label).on_hover_text(&help);
            if response.changed() {
                action = Some(Action::SetOption(name, typed));
            } else if response.lost_focus() {
                action = Some(Action::LeaveOption(name));
            }
        }
    });
    show_problem(ui, texts, name, problem);
    action
}

/// A label on the left and a field on the right.
pub fn row(ui: &mut egui::Ui, label: &str, help: &str, field: impl FnOnce(&mut egui::Ui)) {
    ui.horizontal(|ui| {
        ui.label(label).on_hover_text(help);
        ui.with_layout(Layout::right_to_left(Align::Center), field);
    });
}

/// What is wrong with an option, below its field.
pub fn show_problem(ui: &mut egui::Ui, texts: Texts, name: &str, problem: Option<&Problem>) {
    if let Some(problem) = problem {
        let colour = palette(ui).error;
        let text = format!("× {}", problem_text(texts, name, problem));
        ui.add(egui::Label::new(RichText::new(text).small().color(colour)).wrap());
    }
}

pub fn problem_text(texts: Texts, name: &str, problem: &Problem) -> String {
    match problem {
        Problem::Unreadable => texts.get("option_unreadable").into(),
        Problem::NoData => texts.get("train_no_data").into(),
        Problem::CannotWork(why) => translated(texts, &format!("problem_{name}"), why).into(),
    }
}

fn choice(ui: &mut egui::Ui, texts: Texts, option: &OptionInfo, label: &str, chosen: &str) -> Option<String> {
    let mut picked = None;
    let name =
        |value: &str| if value.is_empty() { texts.get("option_of_the_model").to_string() } else { value.to_string() };
    // Only the pooling may be left to the model.
    let empty: &[&str] = if option.name == "sentence_pooling_method" { &[""] } else { &[] };
    let combo = egui::ComboBox::from_id_salt(option.name).selected_text(name(chosen)).show_ui(ui, |ui| {
        for value in empty.iter().chain(option.choices) {
            if ui.selectable_label(*value == chosen, name(value)).clicked() {
                picked = Some((*value).to_string());
            }
        }
    });
    combo.response.accessible_name(label);
    picked
}

fn hint(texts: Texts, form: &Form, name: &str) -> &'static str {
    let optional = crate::training::TrainingConfig::default().get(name).is_some_and(|text| text.is_empty());
    if optional || form.text(name).is_empty() { texts.get("option_empty") } else { "" }
}

fn help(texts: Texts, option: &OptionInfo) -> &'static str {
    translated(texts, &format!("help_{}", option.name), option.help)
}

/// What the library says of its options is English; other languages have it among their texts.
fn translated<'a>(texts: Texts, key: &str, english: &'a str) -> &'a str {
    match texts.language() {
        Language::English => english,
        Language::Chinese => texts.find(key).unwrap_or(english),
    }
}
