//! The guide of a first start: three steps with the sample project, below the benches, until it is put away for good.

use eframe::egui::{self, Align, Layout, RichText};

use super::Bench;
use crate::app::texts::Texts;
use crate::app::theme::{self, palette, primary_button, size, small_button, space};

/// A step of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look at a bad negative and judge it.
    Look,
    Train,
    Compare,
}

impl Step {
    pub const ALL: [Self; 3] = [Self::Look, Self::Train, Self::Compare];

    fn keys(self) -> [&'static str; 3] {
        match self {
            Self::Look => ["guide_look", "guide_look_help", "guide_look_do"],
            Self::Train => ["guide_train", "guide_train_help", "guide_train_do"],
            Self::Compare => ["guide_compare", "guide_compare_help", "guide_compare_do"],
        }
    }

    pub fn bench(self) -> Bench {
        match self {
            Self::Look => Bench::Data,
            Self::Train => Bench::Train,
            Self::Compare => Bench::Compare,
        }
    }
}

/// Which steps are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guide {
    pub done: [bool; 3],
}

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuideAction {
    /// Go to where the step is done, and make it ready.
    Begin(Step),
    /// Never show the guide again, unless it is asked for.
    PutAway,
}

impl Guide {
    /// The first step that is not done.
    fn next(&self) -> Option<Step> {
        Step::ALL.into_iter().find(|step| !self.done[*step as usize])
    }

    /// What was asked for, and how much of the window's lower edge it takes.
    pub fn show(&self, ui: &mut egui::Ui, texts: Texts) -> (Option<GuideAction>, f32) {
        let mut action = None;
        let is_low = ui.available_height() < size::GUIDE_WINDOW;
        let frame = theme::panel(ui).inner_margin(egui::Margin::symmetric(space::LARGE as i8, space::SMALL as i8));
        let panel = egui::Panel::bottom("guide").frame(frame).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(RichText::new(texts.get("guide")).text_style(theme::section()).strong());
                if self.next().is_none() {
                    ui.label(RichText::new(texts.get("guide_done")).color(palette(ui).weak));
                }
                for step in Step::ALL.into_iter().filter(|_| is_low) {
                    let [_, help, _] = step.keys();
                    let title = self.title(texts, step);
                    let button = self.button(ui, step, &title);
                    if ui.add(button).on_hover_text(texts.get(help)).clicked() {
                        action = Some(GuideAction::Begin(step));
                    }
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if small_button(ui, texts.get("guide_away")).on_hover_text(texts.get("guide_away_help")).clicked() {
                        action = Some(GuideAction::PutAway);
                    }
                });
            });
            if is_low {
                return;
            }
            ui.columns(Step::ALL.len(), |columns| {
                for (step, ui) in Step::ALL.into_iter().zip(columns) {
                    if self.step(ui, texts, step) {
                        action = Some(GuideAction::Begin(step));
                    }
                }
            });
        });
        (action, panel.response.rect.height())
    }

    /// A step's name behind its number, or a sign that it is done.
    fn title(&self, texts: Texts, step: Step) -> String {
        let sign = if self.done[step as usize] { "√".to_owned() } else { (step as usize + 1).to_string() };
        let [title, ..] = step.keys();
        format!("{sign}  {}", texts.get(title))
    }

    fn button<'a>(&self, ui: &egui::Ui, step: Step, text: &'a str) -> egui::Button<'a> {
        if self.next() == Some(step) { primary_button(ui, text) } else { egui::Button::new(text) }
    }

    fn step(&self, ui: &mut egui::Ui, texts: Texts, step: Step) -> bool {
        let [_, help, button] = step.keys().map(|key| texts.get(key));
        let colours = palette(ui);
        theme::card(ui)
            .show(ui, |ui| {
                ui.set_min_height(size::GUIDE);
                // Columns stretch what stands in them.
                ui.with_layout(Layout::top_down(Align::LEFT), |ui| {
                    ui.set_width(ui.available_width());
                    ui.label(RichText::new(self.title(texts, step)).strong());
                    ui.add(egui::Label::new(RichText::new(help).small().color(colours.weak)).wrap());
                    let button = self.button(ui, step, button);
                    ui.add(button).clicked()
                })
                .inner
            })
            .inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_that_is_not_done_comes_next() {
        assert_eq!(Guide::default().next(), Some(Step::Look));
        assert_eq!(Guide { done: [true, false, true] }.next(), Some(Step::Train));
        assert_eq!(Guide { done: [true; 3] }.next(), None);
    }
}
