//! One question, and what each model finds.

use eframe::egui::{self, Id, Key, RichText};

use super::ranked_lists::{self, Passages, Ranking};
use super::{Action, State, model_name, why_view};
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, space};
use crate::app::widgets::{Composing, composed, empty};

pub fn show(ui: &mut egui::Ui, state: &State, texts: Texts, ready: bool, actions: &mut Vec<Action>) {
    if let Some(why) = &state.why {
        why_view::show(ui, state, why, texts, actions);
        return;
    }
    question_box(ui, state, texts, ready, Some(pick), actions);
    ui.add_space(space::SMALL);
    if let Some(passage) = lists(ui, state, texts, None) {
        actions.push(Action::Explain(passage));
    }
}

/// The question and two columns, for an audience.
pub fn show_projected(ui: &mut egui::Ui, state: &State, texts: Texts, ready: bool, actions: &mut Vec<Action>) {
    question_box(ui, state, texts, ready, None, actions);
    ui.add_space(space::SMALL);
    lists(ui, state, texts, Some([0, state.shown[1] + 1]));
}

/// What each of the models found, or these two alone. Returns the passage whose score is to be explained.
fn lists(ui: &mut egui::Ui, state: &State, texts: Texts, only: Option<[usize; 2]>) -> Option<usize> {
    let (Some(found), Some(corpus)) = (&state.found, &state.corpus) else {
        empty(ui, texts.get(if state.is_searching() { "searching" } else { "search_nothing_yet" }));
        return None;
    };
    ui.label(RichText::new(found.question.as_str()).strong());
    let passages = Passages { all: corpus.passages(), right: found.right.as_deref(), can_explain: only.is_none() };
    let rankings: Vec<Ranking> = found
        .lists
        .iter()
        .enumerate()
        .filter(|(at, _)| only.is_none_or(|only| only.contains(at)))
        .map(|(at, list)| {
            let milliseconds = format!("{:.0}", list.seconds * 1e3);
            let model = model_name(texts, &found.models, at);
            let title = texts.with("ranking_title", &[("model", &model), ("milliseconds", &milliseconds)]);
            Ranking { title, hits: &list.hits }
        })
        .collect();
    ranked_lists::show(ui, texts, &rankings, &passages)
}

/// The field of the question.
pub fn question_field() -> Id {
    Id::unique("question")
}

/// What stands beside the question's field.
type Beside = fn(&mut egui::Ui, &State, Texts, &mut Vec<Action>);

fn question_box(
    ui: &mut egui::Ui,
    state: &State,
    texts: Texts,
    ready: bool,
    beside: Option<Beside>,
    actions: &mut Vec<Action>,
) {
    ui.horizontal(|ui| {
        if let Some(beside) = beside {
            beside(ui, state, texts, actions);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let can_search = ready && !state.question.trim().is_empty();
            let button = ui.add_enabled(can_search, primary_button(ui, texts.get("search")));
            let (response, question) = composed(ui, question_field(), &state.question, |ui, question| {
                let field = egui::TextEdit::singleline(question)
                    .id(question_field())
                    .hint_text(texts.get("question_hint"))
                    .align(egui::Align2::LEFT_CENTER)
                    .desired_width(f32::INFINITY);
                ui.add(field).accessible_name(texts.get("question"))
            });
            let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if let Some(question) = question {
                actions.push(Action::SetQuestion(question));
            }
            if can_search && (button.clicked() || (entered && !Composing::is_going_on(ui.ctx()))) {
                actions.push(Action::Search);
            }
        });
    });
    if state.is_searching() && state.found.is_some() {
        ui.label(RichText::new(texts.get("searching")).small().color(palette(ui).weak));
    }
}

/// The evaluation questions, whose right passages are known.
fn pick(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    let combo =
        egui::ComboBox::from_id_salt("pick a question").selected_text(texts.get("question_pick")).show_ui(ui, |ui| {
            let Some(questions) = &state.questions else {
                return;
            };
            ui.set_min_width(crate::app::theme::size::EDITOR);
            let height = ui.text_style_height(&egui::TextStyle::Body) + space::SMALL;
            egui::ScrollArea::vertical().max_height(crate::app::theme::size::POPUP).show_rows(
                ui,
                height,
                questions.len(),
                |ui, range| {
                    for index in range {
                        if ui.selectable_label(false, &questions[index].text).clicked() {
                            actions.push(Action::PickQuestion(index));
                            ui.close();
                        }
                    }
                },
            );
        });
    combo.response.accessible_name(texts.get("question_pick"));
}
