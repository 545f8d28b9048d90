//! The bar at the top: benches on the left; jobs, device, language and theme on the right.

use eframe::egui::{self, Align, Layout, RichText, ThemePreference};

use super::{Action, Bench, Command, queue};
use crate::app::texts::{Language, Texts};
use crate::app::theme::{self, palette, size, space};
use crate::jobs::JobHandle;

pub struct Surroundings<'a> {
    pub texts: Texts,
    pub bench: Bench,
    /// Label of the device; `None` while it is looked for.
    pub device: Option<&'a str>,
    pub theme: ThemePreference,
    pub jobs: &'a [JobHandle],
    /// Messages that nobody has read in the list.
    pub unread: usize,
}

pub fn show(ui: &mut egui::Ui, around: &Surroundings<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    let frame = theme::panel(ui).inner_margin(egui::Margin::symmetric(space::LARGE as i8, 0));
    egui::Panel::top("bar").frame(frame).exact_size(size::BAR).show(ui, |ui| {
        ui.horizontal_centered(|ui| {
            benches(ui, around, &mut actions);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                commands(ui, around, &mut actions);
                theme_menu(ui, around, &mut actions);
                language_menu(ui, around.texts, &mut actions);
                ui.separator();
                device(ui, around);
                queue::show(ui, around.texts, around.jobs, &mut actions);
            });
        });
    });
    actions
}

fn benches(ui: &mut egui::Ui, around: &Surroundings<'_>, actions: &mut Vec<Action>) {
    ui.label(RichText::new(around.texts.get("program")).text_style(theme::section()).strong());
    ui.add_space(space::LARGE);
    for bench in Bench::ALL {
        let button = egui::Button::selectable(around.bench == bench, around.texts.get(bench.key()));
        let button = ui.add(button);
        let button = match Command::Go(bench).tooltip(ui.ctx(), around.texts) {
            Some(tooltip) => button.on_hover_text(tooltip),
            None => button,
        };
        if button.clicked() {
            actions.push(Action::Go(bench));
        }
    }
}

/// The list of messages, with how many are new, and all commands.
fn commands(ui: &mut egui::Ui, around: &Surroundings<'_>, actions: &mut Vec<Action>) {
    let texts = around.texts;
    if Command::ShowCommands.button(ui, texts, true).clicked() {
        actions.push(Action::Run(Command::ShowCommands));
    }
    let name = texts.get("messages");
    let text = if around.unread > 0 { format!("{name} ({})", around.unread) } else { name.to_owned() };
    let button = ui.button(text).on_hover_text(texts.get("messages_help"));
    if button.accessible_name(name).clicked() {
        actions.push(Action::Run(Command::ShowMessages));
    }
}

fn device(ui: &mut egui::Ui, around: &Surroundings<'_>) {
    let text = around.device.unwrap_or_else(|| around.texts.get("device_looking"));
    let label = egui::Label::new(RichText::new(text).small().color(palette(ui).weak)).truncate();
    ui.add(label).on_hover_text(around.texts.get("device"));
}

fn language_menu(ui: &mut egui::Ui, texts: Texts, actions: &mut Vec<Action>) {
    let menu = ui.menu_button(texts.language().name(), |ui| {
        for language in Language::ALL {
            if ui.selectable_label(language == texts.language(), language.name()).clicked() {
                actions.push(Action::SetLanguage(language));
                ui.close();
            }
        }
    });
    // Whoever cannot read the window's language must find this.
    menu.response.accessible_name(texts.get("language"));
}

fn theme_menu(ui: &mut egui::Ui, around: &Surroundings<'_>, actions: &mut Vec<Action>) {
    let texts = around.texts;
    let choices = [
        (ThemePreference::System, "theme_system"),
        (ThemePreference::Light, "theme_light"),
        (ThemePreference::Dark, "theme_dark"),
    ];
    let menu = ui.menu_button(texts.get("theme"), |ui| {
        for (theme, key) in choices {
            if ui.selectable_label(around.theme == theme, texts.get(key)).clicked() {
                actions.push(Action::SetTheme(theme));
                ui.close();
            }
        }
    });
    menu.response.accessible_name(texts.get("theme"));
}
