//! The compare bench: the same questions, asked of the base model and of the tuned one.

mod cloud;
mod found;
mod groups_view;
mod heat_map;
mod heat_map_painter;
mod map_view;
mod metrics_view;
mod mix_view;
mod points_painter;
mod questions_view;
mod ranked_lists;
mod score_map;
mod search_view;
mod setup;
mod shown;
mod state;
mod text_map;
mod text_map_view;
mod why;
mod why_view;

use std::path::{Path, PathBuf};

use eframe::egui;
use eframe::egui_wgpu::RenderState;

pub use mix_view::MixAction;
pub use score_map::MapView;
pub use search_view::question_field;
pub use state::{MapKind, MethodKind, SHOWN, State, View, Which};
pub use text_map::PointsAction;
pub use why::Why;

use crate::app::error_texts;
use crate::app::job_texts;
use crate::app::texts::Texts;
use crate::app::theme::{self, size, space};
use crate::app::widgets::{ModelFrom, Severity, empty, notice};
use crate::jobs::Status;
use crate::model;
use crate::report::Format;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Choose(Which),
    /// Of one of the models, from the hub.
    ChooseOfHub(Which),
    WithoutTuned,
    AddModel(ModelFrom),
    RemoveModel(usize),
    WithoutGeneral,
    /// The ranks that metrics look at, as they are typed.
    SetKs(String),
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
    /// Show this one of the evaluated sets.
    ShowSet(usize),
    /// Show this one of the tuned models.
    ShowTuned(usize),
    AllMetrics(bool),
    LossesFirst(bool),
    /// Show an evaluated question side by side.
    OpenQuestion(String),
    SaveReport(Format),
    /// Why this passage scores what it scores for the question that was searched for.
    Explain(usize),
    CloseExplanation,
    ShowMap(MapKind),
    SetMapView(MapView),
    HoverCell(Option<[usize; 2]>),
    Points(PointsAction),
    Mix(MixAction),
}

/// Makes the bench's own pictures ready to be drawn, and says how many cells a score map may have.
pub fn install_painters(state: &RenderState) -> usize {
    points_painter::install(state);
    heat_map_painter::install(state)
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
    egui::Panel::left("compare setup")
        .frame(theme::panel(ui))
        .default_size(size::FORM)
        .size_range(size::FORM_MIN..=size::FORM_MAX)
        .show(ui, |ui| {
            setup::show(ui, state, texts, around.has_device, &mut actions);
        });
    egui::CentralPanel::default().frame(theme::panel(ui)).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            for view in View::ALL {
                if ui.add(egui::Button::selectable(state.view == view, texts.get(view.key()))).clicked() {
                    actions.push(Action::Show(view));
                }
            }
        });
        ui.add_space(space::SMALL);
        failures(ui, state, texts);
        match state.view {
            View::Metrics => metrics(ui, state, texts, &mut actions),
            View::Groups => groups_view::show(ui, state, texts, &mut actions),
            View::Questions => questions_view::show(ui, state, texts, &mut actions),
            View::Search => search_view::show(
                ui,
                state,
                texts,
                around.has_device && state.base.is_some() && state.corpus.is_some(),
                &mut actions,
            ),
            View::Points => {
                let has_painter = around.most_cells > 0;
                let around = text_map_view::Around { has_device: around.has_device, has_painter };
                text_map_view::show(ui, state, texts, &around, &mut actions);
            }
            View::Mix => mix_view::show(ui, state, texts, around.has_device, &mut actions),
            View::Map => map_view::show(ui, state, texts, around.most_cells, &mut actions),
        }
    });
    actions
}

/// Draws the question and what two models find, and nothing else, large enough for an audience.
pub fn show_projected(ui: &mut egui::Ui, state: &State, around: Surroundings) -> Vec<Action> {
    let mut actions = Vec::new();
    let ready = around.has_device && state.base.is_some() && state.corpus.is_some();
    egui::CentralPanel::default().frame(theme::panel(ui)).show(ui, |ui| {
        theme::enlarge(ui);
        failures(ui, state, around.texts);
        search_view::show_projected(ui, state, around.texts, ready, &mut actions);
    });
    actions
}

fn failures(ui: &mut egui::Ui, state: &State, texts: Texts) {
    let why = state.why.as_ref().map(|why| why.job.status());
    let statuses =
        [state.evaluation.as_ref().map(|job| job.status()), state.search.as_ref().map(|job| job.status()), why];
    for status in statuses.into_iter().flatten() {
        if let Status::Failed(failure) = status {
            notice(ui, Severity::Error, &error_texts::failure(texts, &failure));
        }
    }
}

fn metrics(ui: &mut egui::Ui, state: &State, texts: Texts, actions: &mut Vec<Action>) {
    if let Some(job) = state.evaluation.as_ref().filter(|_| state.is_evaluating()) {
        let progress = job.progress();
        ui.label(job_texts::progress(texts, &progress));
        let bar = theme::progress_bar(ui, progress.fraction());
        ui.add(bar).accessible_name(texts.get("evaluate"));
    }
    match &state.result {
        Some(_) => {
            shown::choose(ui, state, texts, actions);
            metrics_view::show(ui, state, texts, actions);
        }
        None if state.is_evaluating() => {}
        None => empty(ui, texts.get("evaluate_nothing_yet")),
    }
}

/// What a model's folder is called; of a run's model, what the run's folder is called, and of one in the hub's cache
/// the model.
fn folder_name(path: &Path) -> String {
    let own = model::folder_name(path);
    let run = path.parent().filter(|folder| own == "model" && folder.join("run.json").is_file());
    run.map(model::folder_name).unwrap_or(own)
}

/// How a model of several is called: base and tuned where there is no third.
fn model_name(texts: Texts, models: &[PathBuf], at: usize) -> String {
    match (at, models.len()) {
        (0, _) => texts.get("base_model").to_owned(),
        (1, 2) => texts.get("tuned_model").to_owned(),
        _ => models.get(at).map(|path| folder_name(path)).unwrap_or_default(),
    }
}
