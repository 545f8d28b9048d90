//! The train bench: choose model, data, device and options; start; watch.

mod curves;
mod form;
mod option_row;
mod plots;
mod run_report;
mod setup;
mod watch;

use std::path::{Path, PathBuf};

use eframe::egui;

pub use form::{Form, Precision};
pub use run_report::RunReport;

use crate::app::texts::Texts;
use crate::app::theme::{self, size};
use crate::compute::{DeviceChoice, DeviceInfo};
use crate::jobs::Job;
use crate::jobs::training::Steering;
use crate::training::{TrainingConfig, TrainingEvent};

/// What the bench knows.
pub struct State {
    pub form: Form,
    pub data: DataChoice,
    pub run: Option<Run>,
    /// Finished runs, newest first.
    pub earlier: Vec<EarlierRun>,
}

/// Where the rows of the next run come from.
#[derive(Clone, Debug, PartialEq)]
pub enum DataChoice {
    /// The rows of the data bench as they are there, edits included.
    OpenFile,
    Files(Vec<PathBuf>),
}

/// The run that is shown.
pub struct Run {
    pub job: Job<TrainingEvent>,
    pub steering: Steering,
    pub report: RunReport,
    /// The job was over when its events were last taken.
    over: bool,
}

impl Run {
    pub fn new((job, steering): (Job<TrainingEvent>, Steering)) -> Self {
        Self { job, steering, report: RunReport::default(), over: false }
    }
}

/// A run of before.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierRun {
    pub name: String,
    pub model: PathBuf,
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    ChooseModel,
    ChooseData,
    UseOpenFile,
    SetDevice(DeviceChoice),
    SetOption(&'static str, String),
    LeaveOption(&'static str),
    SetPrecision(Precision),
    Start,
    Pause,
    Resume,
    Cancel,
    /// Compare with this tuned model.
    Compare(PathBuf),
}

/// What the bench sees of its surroundings.
pub struct Surroundings<'a> {
    pub texts: Texts,
    pub devices: &'a [DeviceInfo],
    pub device: Option<&'a DeviceInfo>,
    pub open_file: Option<&'a Path>,
    pub open_rows: usize,
}

impl State {
    pub fn new(config: TrainingConfig) -> Self {
        Self { form: Form::new(config), data: DataChoice::OpenFile, run: None, earlier: Vec::new() }
    }

    /// Takes what the run has sent since the last frame. `true` if the run has just ended.
    pub fn drain(&mut self) -> bool {
        let Some(run) = &mut self.run else {
            return false;
        };
        let was_over = run.over;
        // Ask first: events that come between are then taken the next time, not lost.
        let over = run.job.status().is_over();
        run.job.poll().into_iter().for_each(|event| run.report.take(event));
        run.over = over;
        over && !was_over
    }
}

/// Draws the bench.
pub fn show(ui: &mut egui::Ui, state: &State, around: &Surroundings<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    let frame = theme::panel(ui);
    egui::Panel::left("train setup").frame(frame).resizable(false).exact_size(size::FORM).show(ui, |ui| {
        setup::show(ui, state, around, &mut actions);
    });
    egui::CentralPanel::default().frame(theme::panel(ui)).show(ui, |ui| {
        watch::show(ui, state, around.texts, &mut actions);
    });
    actions
}
