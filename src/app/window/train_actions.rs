//! What the train bench asks for.

use std::path::PathBuf;

use super::{Window, looking};
use crate::app::background::Background;
use crate::app::error_texts;
use crate::app::files::Purpose;
use crate::app::train::{Action, DataChoice, News, Run, RunReport, View};
use crate::app::widgets::{ModelFrom, Severity};
use crate::dataset::Lines;
use crate::jobs::Failure;
use crate::jobs::training::{self, TrainRequest};
use crate::training::{TrainingConfig, TrainingError, TrainingFile, Warning, read_files};
use crate::workspace::Runs;

/// A run made ready, what was odd about its data, and what is known of it from before.
pub(super) type Prepared = Result<(TrainRequest, Vec<Warning>, RunReport), Failure>;

/// The rows of a run, not read yet.
pub(super) struct Material {
    choice: DataChoice,
    open_file: Option<(PathBuf, Lines)>,
    /// The open file has edits that are not saved.
    unsaved: bool,
}

impl Material {
    /// Reads the rows, and notes in the configuration where they come from. Also gives what is odd about them.
    pub fn read(self, config: &mut TrainingConfig) -> Result<(Vec<TrainingFile>, Vec<Warning>), TrainingError> {
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
        if self.claim.is_none() && looking::writes(&action) {
            return self.only_looks();
        }
        match action {
            Action::ChooseModel(ModelFrom::Hub) => self.ask_for_model_of_hub(Purpose::TrainModel),
            Action::ChooseModel(ModelFrom::Folder) => {
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
            Action::Job(action) => self.apply_job(action),
            Action::Explain(explained) => self.train.explained = explained,
            Action::Measure => self.measure(),
            Action::CancelMeasuring => {
                self.train.forecast.measuring.iter().for_each(|job| job.cancel());
            }
            Action::SetPrecision(precision) => precision.put_into(&mut self.train.form.config),
            Action::Start => self.start_training(),
            Action::Watch(action) => self.apply_watch(action),
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
            Ok((TrainRequest::new(&runs, config, device, files)?, warnings, RunReport::default()))
        }));
    }

    /// Where the rows of the next run are.
    pub(super) fn material(&self) -> Material {
        let open_file = self.data.path().map(|path| (path.to_path_buf(), self.data.lines()));
        Material { choice: self.train.data.clone(), open_file, unsaved: self.data.is_modified() }
    }

    pub(super) fn drain_preparing(&mut self) {
        let Some(done) = self.preparing.as_ref().and_then(Background::poll) else {
            return;
        };
        self.preparing = None;
        match done {
            Ok(Ok((request, warnings, mut report))) => {
                let folder = request.folder().to_path_buf();
                let (base, window) =
                    (request.config().model_name_or_path.clone(), request.config().gradient_accumulation_steps);
                report.curves.set_smoothing(self.train.watching.look.smoothing);
                self.train.run = Some(Run::new(folder, base, training::start(&self.jobs, request), report, window));
                self.train.watching.shown = None;
                if self.train.watching.view == View::Runs {
                    self.train.watching.view = View::Curves;
                }
                self.look_for_runs();
                for warning in warnings {
                    self.messages.say(Severity::Warning, error_texts::warning(self.texts, &warning));
                }
            }
            Ok(Err(failure)) => self.messages.error(error_texts::failure(self.texts, &failure)),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }

    pub(super) fn drain_training(&mut self) {
        match self.train.drain() {
            News::Nothing => {}
            News::Noted => self.look_for_runs(),
            News::Ended => self.training_ended(),
        }
    }
}
