//! Search-to-add: passages of the corpus for the chosen question, to be taken as positives or negatives.

use eframe::egui::{self, Align, Label, Layout, RichText};

use super::{Action, State};
use crate::app::texts::Texts;
use crate::app::theme::{palette, section, small_button, space};
use crate::dataset::{Row, Side};

/// Passages that are shown.
pub const SHOWN: usize = 10;

/// What was searched for, and what came of it.
#[derive(Default)]
pub struct Finder {
    /// Empty for the row's own question.
    pub text: String,
    /// Best first, with scores.
    pub hits: Vec<(String, f32)>,
    pub is_searching: bool,
}

/// How passages are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindBy {
    /// By the words that they share (BM25).
    Words,
    Model,
}

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, row: &Row, actions: &mut Vec<Action>) {
    let finder = &state.finder;
    ui.add_space(space::MEDIUM);
    ui.label(RichText::new(texts.get("find")).text_style(section()));
    let mut text = finder.text.clone();
    let field = egui::TextEdit::singleline(&mut text).hint_text(&*row.query).desired_width(f32::INFINITY);
    if ui.add(field).accessible_name(texts.get("find_text")).changed() {
        actions.push(Action::FindText(text));
    }
    ui.horizontal(|ui| {
        for (by, key) in [(FindBy::Words, "find_by_words"), (FindBy::Model, "find_by_model")] {
            if ui.add_enabled(!finder.is_searching, egui::Button::new(texts.get(key))).clicked() {
                actions.push(Action::Find(by));
            }
        }
        if finder.is_searching {
            ui.spinner();
        }
    });
    for (number, (passage, score)) in finder.hits.iter().enumerate() {
        let side = [Side::Positive, Side::Negative].into_iter().find(|side| row.passages(*side).contains(passage));
        ui.horizontal(|ui| {
            let place = format!("{}  {score:.3}", number + 1);
            ui.label(RichText::new(place).small().monospace().color(palette(ui).weak));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| match side {
                Some(side) => {
                    let key = if side == Side::Positive { "find_is_positive" } else { "find_is_negative" };
                    ui.label(RichText::new(texts.get(key)).small().color(palette(ui).weak));
                }
                None => {
                    for (side, key) in [(Side::Negative, "find_add_negative"), (Side::Positive, "find_add_positive")] {
                        let named = texts.with("find_add_what", &[("add", &texts.get(key)), ("number", &(number + 1))]);
                        if small_button(ui, texts.get(key)).accessible_name(named).clicked() {
                            actions.push(Action::AddFound(side, number));
                        }
                    }
                }
            });
        });
        ui.add(Label::new(passage).wrap());
    }
}
