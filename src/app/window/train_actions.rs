//! What the train bench asks for.

use std::path::PathBuf;

use super::Window;
use crate::app::background::Background;
use crate::app::error_texts;
use crate::app::files::Purpose;
use crate::app::shell::Bench;
use crate::app::train::{Action, DataChoice, EarlierRun, Run};
use crate::app::widgets::Severity;
use crate::dataset::Lines;
use crate::jobs::training::{self, TrainRequest, config_of};
use crate::jobs::{Failure, Status};
use crate::training::{Command, TrainingConfig, TrainingError, TrainingFile, read_files};
use crate::workspace::{RunState, Runs};

/// A run made ready, and what was odd about its data.
pub(super) type Prepared = Result<(TrainRequest, Vec<String>), Failure>;

/// The rows of a run, not read yet.
pub(super) struct Material {
    choice: DataChoice,
    open_file: Option<(PathBuf, Lines)>,
    /// The open file has edits that are not saved.
    unsaved: bool,
}

impl Material {
    /// Reads the rows, and notes in the configuration where they come from. Also gives what is odd about them.
    pub fn read(self, config: &mut TrainingConfig) -> Result<(Vec<TrainingFile>, Vec<String>), TrainingError> {
        match self.choice {
            DataChoice::OpenFile => {
                let open_file = self.open_file.map(|(path, lines)| {
                    let (lines, rows) = lines.rows().into_iter().unzip();
                    TrainingFile { path, in_folder: false, rows, lines, unsaved: self.unsaved }
                });
                config.train_data = open_file.iter().map(|file| file.path.clone()).collect();
                Ok((open_file.into_iter().collect(), Vec::new()))
            }
            DataChoice::Files(files) => {
                config.train_data = files;
                read_files(&config.train_data)
            }
        }
    }
}

impl Window {
    pub(super) fn apply_train(&mut self, action: Action) {
        match action {
            Action::ChooseModel => {
                let near = Some(self.train.form.config.model_name_or_path.clone());
                self.ask_for_files(Purpose::TrainModel, near);
            }
            Action::ChooseData => {
                let near = self.data.path().map(PathBuf::from);
                self.ask_for_files(Purpose::TrainData, near);
            }
            Action::UseOpenFile => self.train.data = DataChoice::OpenFile,
            Action::SetDevice(choice) => {
                self.devices.choose(choice);
                self.settings.device = choice.to_string();
                self.settings_changed = true;
            }
            Action::SetOption(name, text) => self.train.form.set(name, &text),
            Action::LeaveOption(name) => self.train.form.leave(name),
            Action::ChoosePaths(name) => {
                let purpose = match name {
                    "eval_data" => Purpose::EvalData,
                    "eval_corpus" => Purpose::EvalCorpus,
                    _ => Purpose::OutputFolder,
                };
                let first = self.train.form.text(name).lines().next().map(PathBuf::from);
                self.ask_for_files(purpose, first.or_else(|| self.data.path().map(PathBuf::from)));
            }
            Action::UsePreset(preset) => {
                let mut config = self.train.form.config.clone();
                preset.put_into(&mut config);
                self.train.form.take(config);
            }
            Action::LoadConfig => self.ask_for_files(Purpose::LoadConfig, self.data.path().map(PathBuf::from)),
            Action::SaveConfig => {
                let near = self.data.path().map(|data| data.with_extension("toml"));
                self.ask_for_files(Purpose::SaveConfig, near.or_else(|| Some("run.toml".into())));
            }
            Action::Paste(action) => self.apply_paste(action),
            Action::Explain(explained) => self.train.explained = explained,
            Action::Measure => self.measure(),
            Action::CancelMeasuring => {
                self.train.forecast.measuring.iter().for_each(|job| job.cancel());
            }
            Action::SetPrecision(precision) => precision.put_into(&mut self.train.form.config),
            Action::Start => self.start_training(),
            Action::Pause => self.with_run(|run| run.job.pause()),
            Action::Resume => self.with_run(|run| run.job.resume()),
            Action::Cancel => self.with_run(|run| run.job.cancel()),
            Action::Steer(command) => {
                self.with_run(|run| run.steering.tell(command));
                if let Some(run) = self.train.run.as_mut().filter(|_| matches!(command, Command::LearningRate(_))) {
                    run.learning_rate.clear();
                }
            }
            Action::TypeLearningRate(text) => {
                if let Some(run) = &mut self.train.run {
                    run.learning_rate = text;
                }
            }
            Action::GoOn(folder) => self.go_on_with_run(folder),
            Action::Compare(model) => {
                self.compare.tuned = Some(model);
                self.bench = Bench::Compare;
            }
        }
    }

    fn with_run(&self, act: impl FnOnce(&Run)) {
        if let Some(run) = &self.train.run {
            act(run);
        }
    }

    /// Reads the data and makes the run's folder away from the window; [`Self::drain_preparing`] goes on.
    fn start_training(&mut self) {
        let (Some(device), None) = (self.devices.chosen().cloned(), &self.preparing) else {
            return;
        };
        let mut config = self.train.form.config.clone();
        self.remember_training();
        self.expect_pace(&device);
        let runs = Runs::new(self.workspace.runs());
        let material = self.material();
        self.preparing = Some(Background::start(&self.context, move || {
            let (files, warnings) = material.read(&mut config)?;
            Ok((TrainRequest::new(&runs, config, device, files)?, warnings))
        }));
    }

    /// Where the rows of the next run are.
    pub(super) fn material(&self) -> Material {
        let open_file = self.data.path().map(|path| (path.to_path_buf(), self.data.lines()));
        Material { choice: self.train.data.clone(), open_file, unsaved: self.data.is_modified() }
    }

    /// Goes on with a run that was cancelled or broke off.
    fn go_on_with_run(&mut self, folder: PathBuf) {
        let (Some(device), None) = (self.devices.chosen().cloned(), &self.preparing) else {
            return;
        };
        self.preparing =
            Some(Background::start(&self.context, move || TrainRequest::resume(&folder, config_of(&folder)?, device)));
    }

    pub(super) fn drain_preparing(&mut self) {
        let Some(done) = self.preparing.as_ref().and_then(Background::poll) else {
            return;
        };
        self.preparing = None;
        match done {
            Ok(Ok((request, warnings))) => {
                let window = request.config().gradient_accumulation_steps;
                self.train.run = Some(Run::new(training::start(&self.jobs, request), window));
                for warning in warnings {
                    self.messages.say(Severity::Warning, warning);
                }
            }
            Ok(Err(failure)) => self.messages.error(error_texts::failure(self.texts, &failure)),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }

    /// A run that ends well is what one wants to compare next.
    pub(super) fn drain_training(&mut self) {
        if !self.train.drain() {
            return;
        }
        self.take_pace_of_run();
        if let Some(run) = self.train.run.as_ref().filter(|run| run.job.status() == Status::Done)
            && let Some(model) = run.report.saved.clone()
        {
            self.compare.tuned = Some(model);
            self.compare.base = Some(self.train.form.config.model_name_or_path.clone());
        }
        self.look_for_runs();
    }

    pub(super) fn look_for_runs(&mut self) {
        let runs = Runs::new(self.workspace.runs());
        self.listing = Some(Background::start(&self.context, move || {
            let (runs, problems) = runs.list().unwrap_or_else(|problem| (Vec::new(), vec![problem]));
            problems.iter().for_each(|problem| log::warn!("{problem}"));
            let named = runs.into_iter().filter_map(|run| {
                let record = run.record();
                let model = Some(run.model_folder()).filter(|model| record.state == RunState::Done && model.is_dir());
                let unfinished = (record.state.is_over() && record.state != RunState::Done)
                    .then(|| run.folder().to_path_buf())
                    .filter(|_| run.has_begun());
                (model.is_some() || unfinished.is_some()).then(|| EarlierRun {
                    name: run.folder().file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    model,
                    unfinished,
                    best: record.best.as_ref().map(|best| (best.metric.clone(), best.value)),
                })
            });
            named.collect()
        }));
    }

    pub(super) fn drain_listing(&mut self) {
        if let Some(Ok(runs)) = self.listing.as_ref().and_then(Background::poll) {
            self.listing = None;
            self.train.earlier = runs;
            if self.compare.tuned.is_none() && !self.knows_runs {
                self.compare.tuned = self.train.earlier.iter().find_map(|run| run.model.clone());
            }
            self.knows_runs = true;
        }
    }
}
