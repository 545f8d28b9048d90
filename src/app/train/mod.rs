//! The train bench: choose model, data, device and options; start; watch.

mod board;
mod board_view;
mod curves;
mod envelope;
mod export;
mod form;
mod log_view;
mod look;
mod option_row;
mod plots;
mod run_report;
mod runs_view;
mod setup;
mod steering;
mod ticks;
mod watch;
mod watching;

use std::path::{Path, PathBuf};

use eframe::egui;

pub use curves::{Chart, Curves};
pub use export::{Export, Format, Words};
pub use form::{Form, Precision};
pub use look::Look;
pub use run_report::RunReport;
pub use watching::{Difference, Draft, ListAction, RunItem, Steer, View, WatchAction, Watching};

use crate::app::texts::Texts;
use crate::app::theme::{self, size};
use crate::compute::{DeviceChoice, DeviceInfo};
use crate::jobs::Job;
use crate::jobs::training::Steering;
use crate::training::{Command, TrainingConfig, TrainingEvent};

/// What the bench knows.
pub struct State {
    pub form: Form,
    pub data: DataChoice,
    /// The run that was started last.
    pub run: Option<Run>,
    pub watching: Watching,
}

/// Where the rows of the next run come from.
#[derive(Clone, Debug, PartialEq)]
pub enum DataChoice {
    /// The rows of the data bench as they are there, edits included.
    OpenFile,
    Files(Vec<PathBuf>),
}

/// A run of this window.
pub struct Run {
    pub folder: PathBuf,
    pub job: Job<TrainingEvent>,
    pub steering: Steering,
    pub report: RunReport,
    /// Keys of what it was told and has not done yet, and the step it was at.
    asked: Vec<(&'static str, usize)>,
    /// The job was over when its events were last taken.
    over: bool,
}

impl Run {
    /// `report` is what is known of it from before, if it goes on.
    pub fn new(folder: PathBuf, (job, steering): (Job<TrainingEvent>, Steering), report: RunReport) -> Self {
        Self { folder, job, steering, report, asked: Vec::new(), over: false }
    }

    pub fn is_over(&self) -> bool {
        self.job.status().is_over()
    }

    /// Tells the run something that it does after the step it is at.
    pub fn ask(&mut self, key: &'static str, command: Command) {
        self.steering.tell(command);
        self.asked.retain(|(asked, _)| *asked != key);
        self.asked.push((key, self.report.last.as_ref().map_or(0, |last| last.step)));
    }

    /// Keys of what it was told and has not done yet.
    pub fn asked(&self) -> impl Iterator<Item = &'static str> {
        self.asked.iter().map(|(key, _)| *key)
    }

    fn take(&mut self, event: TrainingEvent) {
        let done = match &event {
            TrainingEvent::Evaluated(_) => Some("steer_evaluate"),
            TrainingEvent::Checkpoint { .. } => Some("steer_save"),
            TrainingEvent::LearningRate { .. } => Some("steer_set_rate"),
            _ => None,
        };
        self.asked.retain(|(key, _)| Some(*key) != done);
        // A step's checkpoint is written once; who asks for it again hears no more.
        if let TrainingEvent::Step(step) = &event {
            self.asked.retain(|(_, at)| step.step < at + 2);
        }
        self.report.take(event);
    }
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
    Watch(WatchAction),
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
        Self { form: Form::new(config), data: DataChoice::OpenFile, run: None, watching: Watching::default() }
    }

    /// Takes what the run has sent since the last frame.
    pub fn drain(&mut self) -> News {
        let Some(run) = &mut self.run else {
            return News::Nothing;
        };
        let was_over = run.over;
        // Ask first: events that come between are then taken the next time, not lost.
        let over = run.is_over();
        let events = run.job.poll();
        let noted = events.iter().any(|event| matches!(event, TrainingEvent::Best { .. } | TrainingEvent::Started(_)));
        events.into_iter().for_each(|event| run.take(event));
        run.over = over;
        match (over && !was_over, noted) {
            (true, _) => News::Ended,
            (false, true) => News::Noted,
            (false, false) => News::Nothing,
        }
    }

    /// The run that is shown, if any: its folder and what is known of it.
    pub fn shown(&self) -> Option<(&Path, &RunReport)> {
        match (&self.watching.shown, &self.run) {
            (Some(folder), _) => self.report(folder).map(|report| (folder.as_path(), report)),
            (None, Some(run)) => Some((&run.folder, &run.report)),
            (None, None) => None,
        }
    }

    /// What is known of the run in a folder, if it was started here or is read.
    pub fn report(&self, folder: &Path) -> Option<&RunReport> {
        let live = self.run.as_ref().filter(|run| run.folder == folder).map(|run| &run.report);
        live.or_else(|| self.watching.reports.get(folder))
    }

    /// The run of this window in a folder.
    pub fn live(&self, folder: &Path) -> Option<&Run> {
        self.run.as_ref().filter(|run| run.folder == folder)
    }

    pub fn set_look(&mut self, look: Look) {
        self.watching.look = look;
        let smoothing = self.watching.look.smoothing;
        let live = self.run.as_mut().map(|run| &mut run.report);
        live.into_iter()
            .chain(self.watching.reports.values_mut())
            .for_each(|report| report.curves.set_smoothing(smoothing));
    }
}

/// What a run has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Nothing,
    /// Its record has changed.
    Noted,
    /// It has just ended.
    Ended,
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
