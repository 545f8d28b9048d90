//! A training command as text, and what becomes of each of its flags.

use eframe::egui::{self, Id, Label, RichText};
use egui_extras::{Column, TableBuilder};

use super::Action;
use super::option_row::translated;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, section, size, space};
use crate::training::{Fate, Flag, PastedCommand, TrainingConfig, read_command};

/// Text lines that are seen at once.
const LINES: usize = 8;

/// A command that is being pasted.
pub struct Paste {
    /// What the options are where the command is silent.
    base: TrainingConfig,
    pub text: String,
    command: PastedCommand,
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum PasteAction {
    Open,
    Change(String),
    /// Fill the form with what was read.
    Use,
    Leave,
}

impl Paste {
    pub fn new(base: TrainingConfig) -> Self {
        Self { command: read_command("", &base), base, text: String::new() }
    }

    pub fn change(&mut self, text: String) {
        self.command = read_command(&text, &self.base);
        self.text = text;
    }

    pub fn command(&self) -> &PastedCommand {
        &self.command
    }
}

/// Draws the dialog above everything else.
pub fn show(context: &egui::Context, texts: Texts, paste: &Paste, actions: &mut Vec<Action>) {
    let area = context.content_rect();
    let modal = egui::Modal::new(Id::unique("paste")).show(context, |ui| {
        ui.set_width(size::PASTE.min(area.width() - 2.0 * space::HUGE));
        ui.label(RichText::new(texts.get("paste_title")).text_style(section()).strong());
        ui.label(RichText::new(texts.get("paste_help")).color(palette(ui).weak));
        let mut text = paste.text.clone();
        let edit = egui::TextEdit::multiline(&mut text)
            .code_editor()
            .desired_rows(LINES)
            .desired_width(f32::INFINITY)
            .hint_text("torchrun -m FlagEmbedding.finetune.embedder…");
        let scroll = egui::ScrollArea::vertical().id_salt("command").max_height(size::BAD_LINES);
        let changed = scroll.show(ui, |ui| ui.add(edit).accessible_name(texts.get("paste_text")).changed()).inner;
        if changed {
            actions.push(Action::Paste(PasteAction::Change(text)));
        }
        ui.label(summary(texts, &paste.command));
        let left = area.height() - ui.min_rect().height() - 2.0 * space::HUGE - 3.0 * size::ROW;
        fates(ui, texts, &paste.command.flags, left.max(size::BAD_LINES));
        ui.add_space(space::SMALL);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let any = paste.command.flags.iter().any(|flag| flag.fate == Fate::Applied);
            if ui.add_enabled(any, primary_button(ui, texts.get("paste_use"))).clicked() {
                actions.push(Action::Paste(PasteAction::Use));
            }
            if ui.button(texts.get("cancel")).clicked() {
                actions.push(Action::Paste(PasteAction::Leave));
            }
        });
    });
    if modal.should_close() {
        actions.push(Action::Paste(PasteAction::Leave));
    }
}

/// How many flags have each fate.
fn summary(texts: Texts, command: &PastedCommand) -> String {
    let count = |key: &str| command.flags.iter().filter(|flag| fate_key(&flag.fate) == key).count();
    texts.with(
        "paste_summary",
        &[
            ("applied", &count("fate_applied")),
            ("not_needed", &count("fate_not_needed")),
            ("unknown", &count("fate_unknown")),
            ("refused", &count("fate_refused")),
        ],
    )
}

fn fate_key(fate: &Fate) -> &'static str {
    match fate {
        Fate::Applied => "fate_applied",
        Fate::NotNeeded(_) => "fate_not_needed",
        Fate::Unknown => "fate_unknown",
        Fate::Refused(_) => "fate_refused",
    }
}

fn fates(ui: &mut egui::Ui, texts: Texts, flags: &[Flag], height: f32) {
    let table = TableBuilder::new(ui)
        .id_salt("fates")
        .striped(true)
        .max_scroll_height(height)
        .cell_layout(egui::Layout::left_to_right(egui::Align::Center))
        .column(Column::exact(size::FIELD))
        .column(Column::exact(size::FLAG))
        .column(Column::exact(size::PROGRESS))
        .column(Column::remainder().clip(true));
    table.body(|body| {
        body.rows(size::ROW, flags.len(), |mut row| {
            let Flag { name, value, fate } = &flags[row.index()];
            let reason = reason(texts, fate);
            row.col(|ui| {
                let colours = palette(ui);
                let (sign, colour) = match fate {
                    Fate::Applied => ("√", colours.better),
                    Fate::NotNeeded(_) => ("-", colours.weak),
                    Fate::Unknown => ("?", colours.warning),
                    Fate::Refused(_) => ("×", colours.error),
                };
                ui.label(RichText::new(format!("{sign} {}", texts.get(fate_key(fate)))).color(colour));
            });
            row.col(|ui| {
                ui.add(Label::new(RichText::new(name).monospace()).truncate());
            });
            row.col(|ui| {
                ui.add(Label::new(RichText::new(value).monospace()).truncate());
            });
            row.col(|ui| {
                ui.add(Label::new(RichText::new(&reason).small().color(palette(ui).weak)).truncate());
            });
        });
    });
}

fn reason(texts: Texts, fate: &Fate) -> String {
    match fate {
        Fate::Applied => String::new(),
        Fate::NotNeeded(idle) => translated(texts, &format!("idle_{}", idle.name), idle.why).to_owned(),
        Fate::Unknown => texts.get("fate_unknown_why").to_owned(),
        Fate::Refused(error) => crate::app::error_texts::option(texts, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::texts::Language;
    use crate::training::{ASIDE, FOREIGN, UNUSED};

    #[test]
    fn every_reason_is_told_in_chinese() {
        let texts = Texts::new(Language::Chinese);
        for idle in FOREIGN.iter().chain(UNUSED).chain(ASIDE) {
            assert!(texts.find(&format!("idle_{}", idle.name)).is_some(), "idle_{}", idle.name);
        }
    }

    #[test]
    fn the_command_is_read_anew_with_every_change() {
        let base = TrainingConfig { model_name_or_path: "mine".into(), ..TrainingConfig::default() };
        let mut paste = Paste::new(base);
        paste.change("--seed 4 --train_group_size 3".into());
        assert_eq!((paste.command().config.seed, paste.command().flags.len()), (4, 2));
        paste.change("--seed 5".into());
        let config = &paste.command().config;
        assert_eq!((config.seed, config.train_group_size), (5, 8));
        assert_eq!(config.model_name_or_path.to_str(), Some("mine"));
    }
}
