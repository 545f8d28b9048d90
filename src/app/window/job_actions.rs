//! Runs that go to other machines as jobs, and come back.

use std::path::PathBuf;

use super::Window;
use crate::app::background::Background;
use crate::app::error_texts;
use crate::app::files::Purpose;
use crate::app::train::{JobAction, JobDraft};
use crate::app::widgets::Severity;
use crate::jobs::export_job::{self, ExportRequest, Exported};
use crate::jobs::import_run::{self, ImportRequest, Imported};
use crate::jobs::{Failure, Job, Status};
use crate::training::TrainingError;
use crate::workspace::Runs;

/// Jobs on their way out, and runs on their way in.
#[derive(Default)]
pub struct Elsewhere {
    /// The rows of a job are being read.
    preparing: Option<Background<Result<ExportRequest, Failure>>>,
    exporting: Option<Job<Exported>>,
    importing: Option<Job<Imported>>,
}

impl Window {
    pub(super) fn apply_job(&mut self, action: JobAction) {
        match action {
            JobAction::Open => self.train.job = Some(JobDraft::default()),
            JobAction::Change(draft) => self.train.job = Some(draft),
            JobAction::Choose => {
                // Beside the data, under a name of its own.
                let near = self.data.path().map(|data| data.with_file_name("training-job"));
                self.ask_for_files(Purpose::ExportJob, near.or_else(|| Some("training-job".into())));
            }
            JobAction::Leave => self.train.job = None,
        }
    }

    /// Writes the form's run as a job into a folder; the rows are read away from the window.
    pub(super) fn export_job(&mut self, folder: PathBuf) {
        let Some(draft) = self.train.job.take() else { return };
        let (material, mut config) = (self.material(), self.train.form.config.clone());
        self.elsewhere.preparing = Some(Background::start(&self.context, move || {
            let (files, _) = material.read(&mut config)?;
            let problems = config.problems();
            if !problems.is_empty() {
                return Err(TrainingError::Options(problems).into());
            }
            Ok(ExportRequest { config, files, launch: draft.launch, folder, include_model: draft.include_model })
        }));
    }

    pub(super) fn import_run(&mut self, folder: PathBuf) {
        let request = ImportRequest { folder, runs: Runs::new(self.workspace.runs()), name: None, config: None };
        self.elsewhere.importing = Some(import_run::start(&self.jobs, request));
    }

    pub(super) fn drain_elsewhere(&mut self) {
        if let Some(done) = self.elsewhere.preparing.as_ref().and_then(Background::poll) {
            self.elsewhere.preparing = None;
            match done {
                Ok(Ok(request)) => self.elsewhere.exporting = Some(export_job::start(&self.jobs, request)),
                Ok(Err(failure)) => self.messages.error(error_texts::failure(self.texts, &failure)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        if let Some(exported) = ended(&mut self.elsewhere.exporting) {
            match exported {
                Ok(Exported { folder, notes }) => {
                    let key = if notes.is_empty() { "job_exported" } else { "job_exported_with_notes" };
                    let severity = if notes.is_empty() { Severity::Information } else { Severity::Warning };
                    let names: Vec<&str> = notes.iter().map(|note| note.option).collect();
                    let values: [(&str, &dyn std::fmt::Display); 2] =
                        [("folder", &folder.display()), ("options", &names.join(", "))];
                    self.messages.say(severity, self.texts.with(key, &values));
                }
                Err(failure) => self.messages.error(error_texts::failure(self.texts, &failure)),
            }
        }
        if let Some(imported) = ended(&mut self.elsewhere.importing) {
            match imported {
                Ok(Imported { folder, steps, .. }) => {
                    self.messages.say(Severity::Information, self.texts.with("run_imported", &[("steps", &steps)]));
                    self.look_for_runs();
                    self.open_run(folder);
                }
                Err(failure) => self.messages.error(error_texts::failure(self.texts, &failure)),
            }
        }
    }
}

/// What a job has made, once it is over; nothing of one that was cancelled.
fn ended<E>(job: &mut Option<Job<E>>) -> Option<Result<E, Failure>> {
    // The status first: an event that comes in between is taken then, too.
    let status = job.as_ref()?.status();
    if !status.is_over() {
        return None;
    }
    let made = job.take()?.poll().pop();
    match status {
        Status::Failed(failure) => Some(Err(failure)),
        Status::Done => made.map(Ok),
        _ => None,
    }
}
