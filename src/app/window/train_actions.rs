//! What the train bench asks for.

use std::path::PathBuf;

use super::Window;
use crate::app::background::Background;
use crate::app::error_texts;
use crate::app::files::Purpose;
use crate::app::train::{Action, DataChoice, News, Run, RunReport, View};
use crate::app::widgets::Severity;
use crate::jobs::Failure;
use crate::jobs::training::{self, TrainRequest};
use crate::training::{TrainingFile, read_files};
use crate::workspace::Runs;

/// A run made ready, what was odd about its data, and what is known of it from before.
pub(super) type Prepared = Result<(TrainRequest, Vec<String>, RunReport), Failure>;

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
        let runs = Runs::new(self.workspace.runs());
        let open_file = self.data.path().map(|path| (path.to_path_buf(), self.data.lines()));
        let choice = self.train.data.clone();
        let unsaved = self.data.is_modified();
        self.preparing = Some(Background::start(&self.context, move || {
            let (files, warnings) = match choice {
                DataChoice::OpenFile => {
                    let open_file = open_file.map(|(path, lines)| {
                        let (lines, rows) = lines.rows().into_iter().unzip();
                        TrainingFile { path, in_folder: false, rows, lines, unsaved }
                    });
                    config.train_data = open_file.iter().map(|file| file.path.clone()).collect();
                    (open_file.into_iter().collect(), Vec::new())
                }
                DataChoice::Files(files) => {
                    config.train_data = files;
                    read_files(&config.train_data)?
                }
            };
            Ok((TrainRequest::new(&runs, config, device, files)?, warnings, RunReport::default()))
        }));
    }

    pub(super) fn drain_preparing(&mut self) {
        let Some(done) = self.preparing.as_ref().and_then(Background::poll) else {
            return;
        };
        self.preparing = None;
        match done {
            Ok(Ok((request, warnings, mut report))) => {
                let folder = request.folder().to_path_buf();
                report.curves.set_smoothing(self.train.watching.look.smoothing);
                self.train.run = Some(Run::new(folder, training::start(&self.jobs, request), report));
                self.train.watching.shown = None;
                if self.train.watching.view == View::Runs {
                    self.train.watching.view = View::Curves;
                }
                self.look_for_runs();
                for warning in warnings {
                    self.messages.say(Severity::Warning, warning);
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
