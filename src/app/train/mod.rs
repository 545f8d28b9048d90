//! The train bench: choose model, data, device and options; start; watch.

mod curves;
mod forecast;
mod form;
mod option_row;
mod paste;
mod plots;
mod run_report;
mod setup;
mod sources;
mod watch;

use std::path::{Path, PathBuf};

use eframe::egui;

pub use forecast::Forecast;
pub use form::{Form, Precision};
pub use paste::{Paste, PasteAction};
pub use run_report::RunReport;

use crate::app::texts::Texts;
use crate::app::theme::{self, size};
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
    pub forecast: Forecast,
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
    /// The learning rate that is being typed.
    pub learning_rate: String,
    pub report: RunReport,
    /// The job was over when its events were last taken.
    over: bool,
    /// Steps whose time is known, and their seconds. The first one also loads and compiles, and is left out.
    timed: (usize, f64),
    begun: bool,
    /// Micro-batches of a step.
    pub window: usize,
}

impl Run {
    pub fn new((job, steering): (Job<TrainingEvent>, Steering), window: usize) -> Self {
        Self {
            job,
            steering,
            learning_rate: String::new(),
            report: RunReport::default(),
            over: false,
            timed: (0, 0.0),
            begun: false,
            window,
        }
    }

    fn take(&mut self, event: TrainingEvent) {
        if let TrainingEvent::Step(step) = &event
            && std::mem::replace(&mut self.begun, true)
        {
            self.timed.0 += 1;
            self.timed.1 += step.seconds;
        }
        self.report.take(event);
    }

    /// Seconds of a step, on average; `None` before the second.
    pub fn seconds_per_step(&self) -> Option<f64> {
        let (steps, seconds) = self.timed;
        (steps > 0).then(|| seconds / steps as f64)
    }
}

/// A run of before.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierRun {
    pub name: String,
    /// The tuned model, if there is one.
    pub model: Option<PathBuf>,
    /// The folder of a run that can go on.
    pub unfinished: Option<PathBuf>,
    /// The best evaluation: metric and value.
    pub best: Option<(String, f64)>,
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
    /// Choose the files or the folder of an option.
    ChoosePaths(&'static str),
    UsePreset(Preset),
    LoadConfig,
    SaveConfig,
    Paste(PasteAction),
    Explain(bool),
    /// Measure how long a step takes.
    Measure,
    CancelMeasuring,
    Start,
    Pause,
    Resume,
    Cancel,
    /// The run is told this while it goes.
    Steer(Command),
    TypeLearningRate(String),
    /// Goes on with the run in this folder.
    GoOn(PathBuf),
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
        let mut state = Self {
            form: Form::default(),
            data: DataChoice::OpenFile,
            explained: true,
            paste: None,
            forecast: Forecast::default(),
            run: None,
            earlier: Vec::new(),
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

    /// Takes what the run has sent since the last frame. `true` if the run has just ended.
    pub fn drain(&mut self) -> bool {
        let Some(run) = &mut self.run else {
            return false;
        };
        let was_over = run.over;
        // Ask first: events that come between are then taken the next time, not lost.
        let over = run.job.status().is_over();
        run.job.poll().into_iter().for_each(|event| run.take(event));
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
    if let Some(paste) = &state.paste {
        paste::show(ui.ctx(), around.texts, paste, &mut actions);
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
        let mut run = Run::new((jobs.start(&device, "Train".into(), |_, _| Ok(())), Steering::of_nothing()), 1);
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
