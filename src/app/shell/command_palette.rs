//! The palette of commands: type a few letters of what you want, in either language, and press Enter.

use eframe::egui::{self, Align2, Area, Id, Key, Modifiers, Order, RichText, ScrollArea, vec2};

use super::command::Command;
use crate::app::texts::{Language, Texts};
use crate::app::theme::{palette, size, space};
use crate::app::widgets::{Composing, empty};

/// What is typed, and which of the commands found is chosen.
#[derive(Clone, Debug, Default)]
pub struct CommandPalette {
    typed: String,
    chosen: usize,
    begun: bool,
}

/// How the palette is left.
pub enum Left {
    /// Nothing is asked for.
    Alone,
    With(Command),
}

/// How well a text fits a word: the lower, the better.
fn fit(text: &str, word: &str) -> Option<u8> {
    let text = text.to_lowercase();
    if text.starts_with(word) {
        Some(0)
    } else if text.split(|character: char| !character.is_alphanumeric()).any(|part| part.starts_with(word)) {
        Some(1)
    } else if text.contains(word) {
        Some(2)
    } else {
        None
    }
}

/// The commands in whose text, in either language, every word is found; the best first.
fn find(typed: &str) -> Vec<Command> {
    let typed = typed.to_lowercase();
    let words: Vec<&str> = typed.split_whitespace().collect();
    let mut found: Vec<(u32, Command)> = Command::all()
        .into_iter()
        .filter(|command| *command != Command::ShowCommands)
        .filter_map(|command| {
            let languages = Language::ALL.map(Texts::new);
            let mut score = 0;
            for word in &words {
                let own = languages.iter().filter_map(|texts| fit(command.text(*texts), word)).min();
                let more = languages.iter().filter_map(|texts| {
                    let group = command.group(*texts).and_then(|group| fit(group, word));
                    group.or_else(|| fit(command.help(*texts)?, word))
                });
                score += u32::from(own.or_else(|| more.min().map(|fit| fit + 3))?);
            }
            Some((score, command))
        })
        .collect();
    found.sort_by_key(|(score, _)| *score);
    found.into_iter().map(|(_, command)| command).collect()
}

impl CommandPalette {
    /// Draws the palette; `is_ready` says which commands can be given now.
    pub fn show(&mut self, context: &egui::Context, texts: Texts, is_ready: impl Fn(Command) -> bool) -> Option<Left> {
        let id = Id::unique("commands");
        let area = Area::new(id)
            .kind(egui::UiKind::Modal)
            .sense(egui::Sense::hover())
            .order(Order::Foreground)
            .interactable(true)
            .anchor(Align2::CENTER_TOP, vec2(0.0, size::BAR + space::LARGE));
        let mut left = None;
        let modal = egui::Modal::new(id).area(area).show(context, |ui| {
            ui.set_width(size::PALETTE);
            // The list's keys, before the field sees them.
            let (up, down, enter) = match Composing::is_going_on(ui.ctx()) {
                true => (false, false, false),
                false => ui.input_mut(|input| {
                    let mut pressed = |key| input.consume_key(Modifiers::NONE, key);
                    (pressed(Key::ArrowUp), pressed(Key::ArrowDown), pressed(Key::Enter))
                }),
            };
            let field = egui::TextEdit::singleline(&mut self.typed)
                .hint_text(texts.get("commands_hint"))
                .desired_width(f32::INFINITY);
            let field = ui.add(field).accessible_name(texts.get("commands_hint"));
            if !self.begun {
                field.request_focus();
                self.begun = true;
            }
            if field.changed() {
                self.chosen = 0;
            }
            let found = find(&self.typed);
            if up {
                self.chosen = self.chosen.saturating_sub(1);
            }
            if down {
                self.chosen = (self.chosen + 1).min(found.len().saturating_sub(1));
            }
            self.chosen = self.chosen.min(found.len().saturating_sub(1));
            ui.add_space(space::TINY);
            if found.is_empty() {
                empty(ui, texts.get("commands_none"));
            }
            ScrollArea::vertical().max_height(size::POPUP).auto_shrink([false, true]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for (at, command) in found.iter().enumerate() {
                    let ready = is_ready(*command);
                    let line = line(ui, texts, *command, at == self.chosen, ready);
                    if at == self.chosen && (up || down) {
                        line.scroll_to_me(None);
                    }
                    if line.clicked() || (enter && ready && at == self.chosen) {
                        left = Some(Left::With(*command));
                    }
                }
            });
        });
        let closed = modal.should_close();
        left.or_else(|| closed.then_some(Left::Alone))
    }
}

fn line(ui: &mut egui::Ui, texts: Texts, command: Command, chosen: bool, ready: bool) -> egui::Response {
    let weak = palette(ui).weak;
    let keys = command.keys().first().map(|keys| keys.text(ui.ctx())).unwrap_or_default();
    let name = match command.group(texts) {
        Some(group) => texts.with("command_of_group", &[("group", &group), ("command", &command.text(texts))]),
        None => command.text(texts).to_owned(),
    };
    let button = egui::Button::selectable(chosen, name.as_str())
        .right_text(RichText::new(keys).color(weak))
        .min_size(vec2(ui.available_width(), 0.0));
    let line = ui.add_enabled(ready, button).accessible_name(name);
    match command.help(texts) {
        Some(help) => line.on_hover_text(help),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::shell::Bench;

    #[test]
    fn commands_are_found_in_both_languages() {
        for (typed, command) in [
            ("undo", Command::Undo),
            ("撤销", Command::Undo),
            ("SAVE AS", Command::SaveAs),
            ("start tr", Command::Train),
            ("开始训练", Command::Train),
            ("深色", Command::SetTheme(egui::ThemePreference::Dark)),
            ("dark", Command::SetTheme(egui::ThemePreference::Dark)),
            ("english", Command::SetLanguage(Language::English)),
            ("中文", Command::SetLanguage(Language::Chinese)),
            ("compare", Command::Go(Bench::Compare)),
        ] {
            let found = find(typed);
            assert_eq!(found.first(), Some(&command), "{typed}: {found:?}");
        }
        assert!(find("no such thing at all").is_empty());
        assert_eq!(find("").len(), Command::all().len() - 1);
    }
}
