//! Takes what other threads have done since the last frame.

use std::path::PathBuf;

use super::Window;
use crate::app::background::Background;
use crate::app::files::{Chosen, Purpose};
use crate::app::train::DataChoice;
use crate::app::widgets::Severity;
use crate::jobs::scoring::Scorer;

impl Window {
    pub(super) fn drain(&mut self) {
        if let Some(wrong) = self.devices.drain(self.texts) {
            self.messages.error(wrong);
        }
        self.drain_dialog();
        self.drain_guide();
        self.drain_opening();
        self.drain_saving();
        self.drain_editing();
        self.drain_data_work();
        self.drain_data_models();
        self.drain_import();
        self.drain_hub();
        self.open_waiting();
        self.drain_preparing();
        self.drain_training();
        self.drain_train_config();
        self.drain_elsewhere();
        self.forecast_run();
        self.drain_listing();
        self.drain_run_work();
        self.drain_reading();
        self.drain_reporting();
        self.compare.drain();
        self.drain_text_map();
        self.search_while_typing();
        self.drain_settings();
    }

    fn drain_dialog(&mut self) {
        let Some(done) = self.dialog.as_ref().and_then(Background::poll) else {
            return;
        };
        self.dialog = None;
        match done {
            Ok(chosen) => self.take_chosen(chosen),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }

    pub(super) fn take_chosen(&mut self, Chosen { purpose, paths, no_dialog }: Chosen) {
        if no_dialog {
            self.messages.say(Severity::Warning, self.texts.get("dialog_none"));
        }
        let Some(path) = paths.first().cloned() else {
            return;
        };
        match purpose {
            Purpose::OpenData => self.waiting.extend(paths),
            Purpose::SaveDataAs => self.save_data(Some(path), false, None),
            Purpose::ExportShown => self.export_shown(path),
            Purpose::ImportCorpus => self.read_corpus(path),
            Purpose::Reranker => self.score_rows(Scorer::RERANKER, Some(path)),
            Purpose::TrainModel => {
                self.train.form.config.model_name_or_path = path.clone();
                self.settings.model = Some(path);
            }
            Purpose::TrainData => self.train.data = DataChoice::Files(paths),
            Purpose::EvalData => self.train.form.config.eval_data = paths,
            Purpose::EvalCorpus => self.train.form.config.eval_corpus = Some(path),
            Purpose::OutputFolder => self.train.form.config.output_dir = Some(path),
            Purpose::LoadConfig => self.load_config(path),
            Purpose::SaveConfig => self.save_config(path),
            Purpose::BaseModel => self.compare.base = Some(path),
            Purpose::TunedModel => self.compare.tuned = Some(path),
            Purpose::AnotherModel => self.compare.more.push(path),
            Purpose::SaveReport(format) => self.save_report(path, format),
            Purpose::GeneralCorpus => {
                self.compare.general_corpus_path = Some(path.clone());
                self.settings.general_corpus = Some(path);
                self.read_material();
            }
            Purpose::GeneralQuestions => {
                self.compare.general_questions_path = Some(path.clone());
                self.settings.general_evaluation = Some(path);
                self.read_material();
            }
            Purpose::Corpus => {
                self.compare.corpus_path = Some(path.clone());
                self.settings.corpus = Some(path);
                self.read_material();
            }
            Purpose::SaveMix => self.save_mix(path),
            Purpose::ExportJob => self.export_job(path),
            Purpose::ImportRun => self.import_run(path),
            Purpose::ExportCurves(format) => self.export_curves(path, format),
            Purpose::Questions => {
                self.compare.questions_path = Some(path.clone());
                self.settings.evaluation = Some(path);
                self.read_material();
            }
        }
        self.settings_changed = true;
    }

    /// Writes changed settings away from the window, one writing at a time.
    fn drain_settings(&mut self) {
        if let Some(done) = self.keeping.as_ref().and_then(Background::poll) {
            self.keeping = None;
            if let Ok(Err(error)) = done {
                tracing::warn!("{error}");
            }
        }
        if self.settings_changed && self.claim.is_some() && self.keeping.is_none() {
            self.settings_changed = false;
            let (settings, file) = (self.settings.clone(), self.workspace.settings_file());
            self.keeping = Some(Background::start(&self.context, move || settings.save(&file)));
        }
    }

    /// The file is the one that was opened last.
    pub(super) fn remember_data(&mut self, path: PathBuf) {
        self.settings.remember_data(&path);
        self.settings_changed = true;
    }

    pub(super) fn remember_training(&mut self) {
        match toml::Table::try_from(&self.train.form.config) {
            Ok(table) => self.settings.training = table,
            Err(error) => tracing::warn!("the options are not kept for the next start: {error}"),
        }
        self.settings_changed = true;
    }

    pub(super) fn open_at_start(&mut self, start: super::setup::Start) {
        self.waiting = start.data;
        self.train.form.config.model_name_or_path = start.model.clone().unwrap_or_default();
        self.compare.base = start.model;
        let mut others = start.others.into_iter();
        (self.compare.tuned, self.compare.more) = (others.next(), others.collect());
        self.compare.corpus_path = start.corpus;
        self.compare.questions_path = start.questions;
        self.compare.general_corpus_path = self.settings.general_corpus.clone().filter(|path| path.exists());
        self.compare.general_questions_path = self.settings.general_evaluation.clone().filter(|path| path.exists());
        self.read_material();
        self.look_for_runs();
    }
}
