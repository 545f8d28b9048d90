//! The train bench: choose model, data, device and options; start; watch.

mod board;
mod board_view;
mod curves;
mod envelope;
mod export;
mod forecast;
mod form;
mod job_dialog;
mod log_view;
mod look;
mod option_row;
mod paste;
mod plots;
mod run_report;
mod runs_view;
mod setup;
mod sources;
mod steering;
mod watch;
mod watching;

use std::path::{Path, PathBuf};

use eframe::egui;

pub use curves::{Chart, Curves};
pub use export::{Export, Format, Words};
pub use forecast::Forecast;
pub use form::{Form, Precision};
pub use job_dialog::{JobAction, JobDraft};
pub use look::Look;
pub use paste::{Paste, PasteAction};
pub use run_report::RunReport;
pub use sources::name as preset_name;
pub use watching::{Difference, Draft, ListAction, RunItem, Steer, View, WatchAction, Watching};

use crate::app::texts::Texts;
use crate::app::theme::{self, size};
use crate::app::widgets::ModelFrom;
use crate::compute::{DeviceChoice, DeviceInfo};
use crate::jobs::Job;
use crate::jobs::training::Steering;
use crate::training::{Command, Preset, TrainingConfig, TrainingEvent};

/// What the bench knows.
pub struct State {
    pub form: Form,
    pub data: DataChoice,
    /// Whether each option says what it does.
    pub explained: bool,
    pub paste: Option<Paste>,
    /// A job for other machines that is being described.
    pub job: Option<JobDraft>,
    pub forecast: Forecast,
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
    pub base_model: PathBuf,
    pub job: Job<TrainingEvent>,
    pub steering: Steering,
    pub report: RunReport,
    /// Keys of what it was told and has not done yet, and the step it was at.
    asked: Vec<(&'static str, usize)>,
    /// The job was over when its events were last taken.
    over: bool,
    /// Steps whose time is known, and their seconds. The first one also loads and compiles, and is left out.
    timed: (usize, f64),
    begun: bool,
    /// Micro-batches of a step.
    pub window: usize,
}

impl Run {
    /// `report` is what is known of it from before, if it goes on.
    pub fn new(
        folder: PathBuf,
        base_model: PathBuf,
        (job, steering): (Job<TrainingEvent>, Steering),
        report: RunReport,
        window: usize,
    ) -> Self {
        let (asked, timed) = (Vec::new(), (0, 0.0));
        Self { folder, base_model, job, steering, report, asked, over: false, timed, begun: false, window }
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
        if let TrainingEvent::Step(step) = &event {
            // A step's checkpoint is written once; who asks for it again hears no more.
            self.asked.retain(|(_, at)| step.step < at + 2);
            if std::mem::replace(&mut self.begun, true) {
                self.timed.0 += 1;
                self.timed.1 += step.seconds;
            }
        }
        self.report.take(event);
    }

    /// Seconds of a step, on average; `None` before the second.
    pub fn seconds_per_step(&self) -> Option<f64> {
        let (steps, seconds) = self.timed;
        (steps > 0).then(|| seconds / steps as f64)
    }
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    ChooseModel(ModelFrom),
    ChooseData,
    UseOpenFile,
    SetDevice(DeviceChoice),
    SetOption(&'static str, String),
    LeaveOption(&'static str),
    SetPrecision(Precision),
    /// Choose the files or the folder of an option.
    ChoosePaths(&'static str),
    UsePreset(Preset),
    LoadConfig,
    SaveConfig,
    Paste(PasteAction),
    Job(JobAction),
    Explain(bool),
    /// Measure how long a step takes.
    Measure,
    CancelMeasuring,
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
        let mut state = Self {
            form: Form::default(),
            data: DataChoice::OpenFile,
            explained: true,
            paste: None,
            job: None,
            forecast: Forecast::default(),
            run: None,
            watching: Watching::default(),
        };
        state.take(TrainingConfig { train_data: Vec::new(), ..config });
        state
    }

    /// Fills the form. Files to train on, if there are any, take the place of those that were chosen.
    pub fn take(&mut self, mut config: TrainingConfig) {
        let files = std::mem::take(&mut config.train_data);
        if !files.is_empty() {
            self.data = DataChoice::Files(files);
        }
        self.form.take(config);
    }

    /// The form as a configuration that is whole, with the files to train on.
    pub fn config(&self, open_file: Option<&Path>) -> TrainingConfig {
        let train_data = match &self.data {
            DataChoice::OpenFile => open_file.map(Path::to_path_buf).into_iter().collect(),
            DataChoice::Files(files) => files.clone(),
        };
        TrainingConfig { train_data, ..self.form.config.clone() }
    }

    /// Whether the form can be used as it is.
    pub fn is_ready(&self, around: &Surroundings<'_>) -> bool {
        setup::problems(self, around).is_empty() && around.device.is_some()
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
    egui::Panel::left("train setup")
        .frame(frame)
        .default_size(size::FORM)
        .size_range(size::FORM_MIN..=size::FORM_MAX)
        .show(ui, |ui| {
            setup::show(ui, state, around, &mut actions);
        });
    egui::CentralPanel::default().frame(theme::panel(ui)).show(ui, |ui| {
        watch::show(ui, state, around.texts, &mut actions);
    });
    if let Some(paste) = &state.paste {
        paste::show(ui.ctx(), around.texts, paste, &mut actions);
    }
    if let Some(draft) = state.job {
        job_dialog::show(ui.ctx(), around.texts, draft, &mut actions);
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::StepReport;

    #[test]
    fn files_of_a_configuration_become_the_files_to_train_on() {
        let mut state = State::new(TrainingConfig { train_data: vec!["old.jsonl".into()], ..Default::default() });
        assert_eq!(state.data, DataChoice::OpenFile);
        assert_eq!(state.config(Some(Path::new("open.jsonl"))).train_data, [PathBuf::from("open.jsonl")]);
        let config = TrainingConfig { train_data: vec!["new.jsonl".into()], seed: 3, ..Default::default() };
        state.take(config.clone());
        assert_eq!(state.config(Some(Path::new("open.jsonl"))), config);
        state.take(TrainingConfig::default());
        assert_eq!(state.data, DataChoice::Files(vec!["new.jsonl".into()]));
    }

    #[test]
    fn the_first_step_is_not_timed() {
        let jobs = crate::jobs::Jobs::new(|| ());
        let device = crate::compute::choose(DeviceChoice::Cpu).unwrap();
        let job = jobs.start(&device, "Train".into(), |_, _| Ok(()));
        let mut run = Run::new("run".into(), "base".into(), (job, Steering::of_nothing()), RunReport::default(), 1);
        for (step, seconds) in [60.0, 1.0, 3.0].into_iter().enumerate() {
            let text = format!(
                r#"{{"step":{step},"steps":3,"epoch":0.0,"loss":{{"total":1.0,"dense":1.0}},"learning_rate":0.0,"grad_norm":1.0,"tokens":1,"seconds":{seconds},"time":0.0}}"#
            );
            let report: StepReport = serde_json::from_str(&text).unwrap();
            run.take(TrainingEvent::Step(report));
        }
        assert_eq!(run.seconds_per_step(), Some(2.0));
    }
}
