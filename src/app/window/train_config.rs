//! Configurations in files: loaded into the form, and saved from it.

use std::path::PathBuf;

use super::Window;
use crate::app::background::Background;
use crate::app::error_texts;
use crate::app::shell::Bench;
use crate::app::train::{Paste, PasteAction};
use crate::app::widgets::Severity;
use crate::training::{ConfigFileError, TrainingConfig};

/// Work on files of options.
#[derive(Default)]
pub struct TrainConfig {
    loading: Option<(PathBuf, Background<Result<TrainingConfig, ConfigFileError>>)>,
    saving: Option<(PathBuf, Background<Result<(), ConfigFileError>>)>,
}

impl Window {
    /// Reads a file of options into the form; what it does not name has its default, but for the model.
    pub(super) fn load_config(&mut self, path: PathBuf) {
        self.bench = Bench::Train;
        let model_name_or_path = self.train.form.config.model_name_or_path.clone();
        let mut config = TrainingConfig { model_name_or_path, ..TrainingConfig::default() };
        let file = path.clone();
        let read = Background::start(&self.context, move || config.set_from_file(&file).map(|()| config));
        self.train_config.loading = Some((path, read));
    }

    /// Writes the form's options to a file.
    pub(super) fn save_config(&mut self, path: PathBuf) {
        let config = self.train.config(self.data.path());
        let file = path.clone();
        let write = Background::start(&self.context, move || config.save_to_file(&file));
        self.train_config.saving = Some((path, write));
    }

    pub(super) fn drain_train_config(&mut self) {
        if let Some(done) = self.train_config.loading.as_ref().and_then(|(_, loading)| loading.poll())
            && let Some((path, _)) = self.train_config.loading.take()
        {
            match done {
                Ok(Ok(config)) => {
                    self.take_config(config);
                    self.tell_config("config_loaded", path);
                }
                Ok(Err(error)) => self.messages.error(error_texts::config_file(self.texts, &error)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        if let Some(done) = self.train_config.saving.as_ref().and_then(|(_, saving)| saving.poll())
            && let Some((path, _)) = self.train_config.saving.take()
        {
            match done {
                Ok(Ok(())) => self.tell_config("config_saved", path),
                Ok(Err(error)) => self.messages.error(error_texts::config_file(self.texts, &error)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
    }

    fn tell_config(&mut self, key: &str, path: PathBuf) {
        self.messages.say(Severity::Information, self.texts.with(key, &[("file", &path.display())]));
    }

    fn take_config(&mut self, config: TrainingConfig) {
        self.train.take(config);
        self.resolve_model();
        self.remember_training();
    }

    pub(super) fn apply_paste(&mut self, action: PasteAction) {
        match action {
            PasteAction::Open => {
                let base = TrainingConfig::default().with_files_of(&self.train.form.config);
                self.train.paste = Some(Paste::new(base));
            }
            PasteAction::Change(text) => {
                if let Some(paste) = &mut self.train.paste {
                    paste.change(text);
                }
            }
            PasteAction::Use => {
                if let Some(paste) = self.train.paste.take() {
                    self.take_config(paste.command().config.clone());
                }
            }
            PasteAction::Leave => self.train.paste = None,
        }
    }
}
