//! The compare bench: the same questions, asked of the base model and of the tuned one.

mod heat_map;
mod heat_map_painter;
mod map_view;
mod metrics_view;
mod mix_view;
mod ranked_lists;
mod score_map;
mod search_view;
mod setup;
mod state;

use eframe::egui;

pub use heat_map_painter::install as install_painter;
pub use mix_view::MixAction;
pub use score_map::MapView;
pub use state::{KS, MapKind, MethodKind, SHOWN, State, View, Which};

use crate::app::error_texts;
use crate::app::job_texts;
use crate::app::texts::Texts;
use crate::app::theme::{self, size, space};
use crate::app::widgets::{Severity, empty, notice};
use crate::jobs::Status;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Choose(Which),
    WithoutTuned,
    SetMethod(MethodKind),
    /// Of dense, sparse and ColBERT scores in a hybrid.
    SetWeight(usize, f32),
    Evaluate,
    Cancel,
    Show(View),
    SetQuestion(String),
    /// Take this evaluation question, and search.
    PickQuestion(usize),
    Search,
    ShowMap(MapKind),
    SetMapView(MapView),
    HoverCell(Option<[usize; 2]>),
    Mix(MixAction),
}

/// What the bench sees of its surroundings.
#[derive(Clone, Copy)]
pub struct Surroundings {
    pub texts: Texts,
    pub has_device: bool,
    /// Cells that a score map may have; 0 where the window is not drawn by wgpu.
    pub most_cells: usize,
}

/// Draws the bench.
pub fn show(ui: &mut egui::Ui, state: &State, around: Surroundings) -> Vec<Action> {
    let texts = around.texts;
    let mut actions = Vec::new();
    egui::Panel::left("compare setup").frame(theme::panel(ui)).resizable(false).exact_size(size::FORM).show(ui, |ui| {
        setup::show(ui, state, texts, around.has_device, &mut actions);
    });
    egui::CentralPanel::default().frame(theme::panel(ui)).show(ui, |ui| {
        ui.horizontal(|ui| {
            for view in View::ALL {
                if ui.add(egui::Button::selectable(state.view == view, texts.get(view.key()))).clicked() {
                    actions.push(Action::Show(view));
                }
            }
        });
        ui.add_space(space::SMALL);
        failures(ui, state, texts);
        match state.view {
            View::Metrics => metrics(ui, state, texts),
            View::Search => search_view::show(
                ui,
                state,
                texts,
                around.has_device && state.base.is_some() && state.corpus.is_some(),
                &mut actions,
            ),
            View::Mix => mix_view::show(ui, state, texts, around.has_device, &mut actions),
            View::Map => map_view::show(ui, state, texts, around.most_cells, &mut actions),
        }
    });
    actions
}

fn failures(ui: &mut egui::Ui, state: &State, texts: Texts) {
    let statuses = [state.evaluation.as_ref().map(|job| job.status()), state.search.as_ref().map(|job| job.status())];
    for status in statuses.into_iter().flatten() {
        if let Status::Failed(failure) = status {
            notice(ui, Severity::Error, &error_texts::failure(texts, &failure));
        }
    }
}

fn metrics(ui: &mut egui::Ui, state: &State, texts: Texts) {
    if let Some(job) = state.evaluation.as_ref().filter(|_| state.is_evaluating()) {
        let progress = job.progress();
        ui.label(job_texts::progress(texts, &progress));
        let bar = theme::progress_bar(ui, progress.fraction());
        ui.add(bar).accessible_name(texts.get("evaluate"));
    }
    match &state.result {
        Some(result) => {
            let (questions, passages) = (result.questions.len(), result.corpus.passages().len());
            let about = texts.with(
                "metrics_for",
                &[("method", &texts.get(result.method.key())), ("questions", &questions), ("passages", &passages)],
            );
            ui.label(egui::RichText::new(about).small().color(theme::palette(ui).weak));
            metrics_view::show(ui, texts, &result.measured);
        }
        None if state.is_evaluating() => {}
        None => empty(ui, texts.get("evaluate_nothing_yet")),
    }
}
