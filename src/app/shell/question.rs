//! A question that must be answered before anything else.

use eframe::egui::{self, Id, RichText};

use crate::app::texts::Texts;
use crate::app::theme::{primary_button, section, size, space};

/// A question with up to three answers; leaving it is the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub title: String,
    pub text: String,
    /// Keys of the answers, the best first. Escape gives [`Answer::Cancel`].
    pub answers: Vec<(&'static str, Answer)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Save,
    Discard,
    Recover,
    Overwrite,
    Trash,
    Cancel,
}

impl Question {
    /// Draws the question; the answer once there is one.
    pub fn show(&self, context: &egui::Context, texts: Texts) -> Option<Answer> {
        let modal = egui::Modal::new(Id::unique("question")).show(context, |ui| {
            ui.set_width(size::POPUP);
            ui.label(RichText::new(&self.title).text_style(section()).strong());
            ui.add(egui::Label::new(&self.text).wrap());
            ui.add_space(space::SMALL);
            let mut given = None;
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                for (index, (key, answer)) in self.answers.iter().enumerate() {
                    let text = texts.get(key);
                    let button = if index == 0 { primary_button(ui, text) } else { egui::Button::new(text) };
                    if ui.add(button).clicked() {
                        given = Some(*answer);
                    }
                }
            });
            given
        });
        modal.inner.or_else(|| modal.should_close().then_some(Answer::Cancel))
    }
}
