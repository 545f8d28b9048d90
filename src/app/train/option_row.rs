//! One option of the form: its name, its field and unit, what it does, and what is wrong with it.

use std::path::Path;

use eframe::egui::{self, Align, Label, Layout, RichText, vec2};

use super::Action;
use super::form::{Form, Problem, Unneeded};
use crate::app::texts::{Language, Texts};
use crate::app::theme::{palette, size, small_button, space};
use crate::training::{Condition, OptionInfo, Wanted, takes_paths};

/// What all rows are shown with.
pub struct Rows<'a> {
    pub texts: Texts,
    pub form: &'a Form,
    /// Whether each option says what it does.
    pub explained: bool,
}

impl Rows<'_> {
    /// Shows an option and returns what was done to it.
    pub fn show(&self, ui: &mut egui::Ui, option: &'static OptionInfo, problem: Option<&Problem>) -> Option<Action> {
        let Self { texts, form, explained } = *self;
        let name = option.name;
        let label = texts.get(&format!("option_{name}"));
        let help = help(texts, option);
        let unneeded = form.idle(name);
        // What is wrong can always be put right.
        let enabled = unneeded.is_none() || problem.is_some();
        let row = Row { label, name, help, enabled };
        let between = std::mem::replace(&mut ui.spacing_mut().item_spacing.y, 0.0);
        let action = if is_path(name) {
            row.show(ui, |ui| paths(ui, texts, form, name, label))
        } else {
            row.show(ui, |ui| field(ui, texts, form, option, label))
        };
        if let Some(unneeded) = unneeded {
            small(ui, &format!("- {}", unneeded_text(texts, unneeded)));
        } else if explained {
            small(ui, help);
        }
        show_problem(ui, texts, name, problem);
        ui.spacing_mut().item_spacing.y = between;
        ui.add_space(space::SMALL);
        action
    }
}

/// A name on the left and a field on the right.
pub struct Row<'a> {
    pub label: &'a str,
    /// FlagEmbedding's.
    pub name: &'a str,
    pub help: &'a str,
    pub enabled: bool,
}

impl Row<'_> {
    pub fn show<R>(&self, ui: &mut egui::Ui, field: impl FnOnce(&mut egui::Ui) -> R) -> R {
        let weak = palette(ui).weak;
        let width = ui.available_width() - size::FIELD - size::UNIT - space::SMALL;
        let layout = Layout::left_to_right(Align::Center);
        let shown = ui.allocate_ui_with_layout(vec2(ui.available_width(), size::OPTION), layout, |ui| {
            ui.allocate_ui_with_layout(vec2(width, size::OPTION), Layout::top_down(Align::LEFT), |ui| {
                ui.set_min_size(vec2(width, size::OPTION));
                ui.spacing_mut().item_spacing.y = 0.0;
                let text = RichText::new(self.label);
                let text = if self.enabled { text } else { text.color(weak) };
                ui.add(Label::new(text).truncate().show_tooltip_when_elided(false)).on_hover_text(self.help);
                let name = RichText::new(self.name).small().color(weak);
                ui.add(Label::new(name).truncate()).on_hover_text(self.help);
            });
            ui.add_enabled_ui(self.enabled, field).inner
        });
        shown.inner
    }
}

fn field(ui: &mut egui::Ui, texts: Texts, form: &Form, option: &'static OptionInfo, label: &str) -> Option<Action> {
    let name = option.name;
    let text = form.text(name);
    if form.config.is_switch(name) {
        let mut on = text == "true";
        let changed = ui.checkbox(&mut on, "").accessible_name(label).changed();
        return changed.then(|| Action::SetOption(name, on.to_string()));
    }
    if !option.choices.is_empty() {
        return choice(ui, texts, option, label, &text).map(|chosen| Action::SetOption(name, chosen));
    }
    let unit = texts.find(&format!("unit_{}", option.unit.replace('-', "_"))).unwrap_or(option.unit);
    let width = if unit.is_empty() { size::FIELD + size::UNIT } else { size::FIELD };
    let mut typed = text;
    let edit = egui::TextEdit::singleline(&mut typed)
        .align(egui::Align2::LEFT_CENTER)
        .desired_width(width)
        .hint_text(hint(texts, form, name));
    let response = ui.add(edit).accessible_name(label);
    if !unit.is_empty() {
        ui.label(RichText::new(unit).small().color(palette(ui).weak));
    }
    if response.changed() {
        Some(Action::SetOption(name, typed))
    } else if response.lost_focus() {
        Some(Action::LeaveOption(name))
    } else {
        None
    }
}

/// Whether an option is files or a folder, which are chosen rather than typed.
fn is_path(name: &str) -> bool {
    takes_paths(name) || matches!(name, "eval_corpus" | "output_dir")
}

fn paths(ui: &mut egui::Ui, texts: Texts, form: &Form, name: &'static str, label: &str) -> Option<Action> {
    let text = form.text(name);
    let mut action = None;
    ui.horizontal(|ui| {
        let choose = small_button(ui, texts.get("choose"));
        if choose.accessible_name(texts.with("choose_for", &[("what", &label)])).clicked() {
            action = Some(Action::ChoosePaths(name));
        }
        let files: Vec<&str> = text.lines().collect();
        let [first, others @ ..] = &files[..] else {
            ui.label(RichText::new(texts.get("none_chosen")).small().color(palette(ui).weak));
            return;
        };
        let clear = small_button(ui, "×").on_hover_text(texts.get("option_clear"));
        if clear.accessible_name(texts.with("option_clear_what", &[("what", &label)])).clicked() {
            action = Some(Action::SetOption(name, String::new()));
        }
        let shown = Path::new(first).file_name().unwrap_or_default().to_string_lossy();
        let more = if others.is_empty() { String::new() } else { format!(" +{}", others.len()) };
        let shown = Label::new(RichText::new(format!("{shown}{more}")).small()).truncate();
        ui.add(shown.show_tooltip_when_elided(false)).on_hover_text(&text);
    });
    action
}

fn small(ui: &mut egui::Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).small().color(palette(ui).weak)).wrap());
}

/// What is wrong with an option, below its field.
pub fn show_problem(ui: &mut egui::Ui, texts: Texts, name: &str, problem: Option<&Problem>) {
    if let Some(problem) = problem {
        let colour = palette(ui).error;
        let text = format!("× {}", problem_text(texts, name, problem));
        ui.add(Label::new(RichText::new(text).small().color(colour)).wrap());
    }
}

pub fn problem_text(texts: Texts, name: &str, problem: &Problem) -> String {
    match problem {
        Problem::Unreadable => texts.get("option_unreadable").into(),
        Problem::NoData => texts.get("train_no_data").into(),
        Problem::CannotWork(why) => translated(texts, &format!("problem_{name}"), why).into(),
    }
}

fn unneeded_text(texts: Texts, unneeded: Unneeded) -> String {
    match unneeded {
        Unneeded::Never(idle) => {
            let why = translated(texts, &format!("idle_{}", idle.name), idle.why);
            texts.with("option_idle", &[("why", &why)])
        }
        Unneeded::Without(Condition { option, wanted }) => {
            let other = texts.get(&format!("option_{option}"));
            match wanted {
                Wanted::Set => texts.with("option_only_with", &[("option", &other)]),
                Wanted::Unset => texts.with("option_only_without", &[("option", &other)]),
                Wanted::Is(value) => texts.with("option_only_if", &[("option", &other), ("value", &value)]),
            }
        }
    }
}

fn choice(ui: &mut egui::Ui, texts: Texts, option: &OptionInfo, label: &str, chosen: &str) -> Option<String> {
    let mut picked = None;
    let name =
        |value: &str| if value.is_empty() { texts.get("option_of_the_model").to_string() } else { value.to_string() };
    // Only the pooling may be left to the model.
    let empty: &[&str] = if option.name == "sentence_pooling_method" { &[""] } else { &[] };
    let combo = egui::ComboBox::from_id_salt(option.name)
        .width(size::FIELD + size::UNIT)
        .truncate()
        .selected_text(name(chosen))
        .show_ui(ui, |ui| {
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

/// What the library says in English; other languages have it among their texts.
pub fn translated<'a>(texts: Texts, key: &str, english: &'a str) -> &'a str {
    match texts.language() {
        Language::English => english,
        Language::Chinese => texts.find(key).unwrap_or(english),
    }
}
