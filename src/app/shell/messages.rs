//! Messages at the bottom of the window: what went wrong or was done, until it is put away.

use eframe::egui::{self, Align, Layout};

use crate::app::texts::Texts;
use crate::app::theme::{self, space};
use crate::app::widgets::{Severity, notice};

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub severity: Severity,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Messages {
    shown: Vec<Message>,
}

impl Messages {
    /// The last messages stay; more than these would hide the bench.
    const MOST: usize = 4;

    pub fn say(&mut self, severity: Severity, text: impl Into<String>) {
        let message = Message { severity, text: text.into() };
        self.shown.retain(|shown| *shown != message);
        self.shown.push(message);
        let extra = self.shown.len().saturating_sub(Self::MOST);
        self.shown.drain(..extra);
    }

    pub fn error(&mut self, text: impl Into<String>) {
        self.say(Severity::Error, text);
    }

    /// What was done before no longer matters once something new begins.
    pub fn forget_information(&mut self) {
        self.shown.retain(|message| message.severity != Severity::Information);
    }

    pub fn show(&mut self, ui: &mut egui::Ui, texts: Texts) {
        if self.shown.is_empty() {
            return;
        }
        let mut put_away = None;
        let frame = theme::panel(ui).inner_margin(egui::Margin::same(space::SMALL as i8));
        egui::Panel::bottom("messages").frame(frame).show(ui, |ui| {
            for (index, message) in self.shown.iter().enumerate() {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let button = ui.button("×").on_hover_text(texts.get("put_away"));
                    if button.accessible_name(texts.get("put_away")).clicked() {
                        put_away = Some(index);
                    }
                    ui.with_layout(Layout::top_down_justified(Align::Min), |ui| {
                        notice(ui, message.severity, &message.text)
                    });
                });
            }
        });
        if let Some(index) = put_away {
            self.shown.remove(index);
        }
    }
}
