//! A report's content from what was compared: names, fingerprints, and the runs that the models come from.

use std::fs::File;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Curve, FileEntry, ModelEntry, Report, RunEntry, SetEntry};
use crate::model::{ModelError, ModelFolder};
use crate::retrieval::Comparison;
use crate::training::TrainingEvent;
use crate::workspace::{Run, Utc};

/// What was compared.
pub struct Compared {
    pub title: String,
    /// How passages were scored, such as `dense`.
    pub method: String,
    /// Folders, the base model's first.
    pub models: Vec<PathBuf>,
    pub sets: Vec<ComparedSet>,
}

/// Questions and what came of them.
pub struct ComparedSet {
    pub questions: PathBuf,
    pub corpus: PathBuf,
    pub passages: usize,
    pub texts: Vec<String>,
    pub comparison: Comparison,
}

/// Why a report cannot be made.
#[derive(Debug, Error)]
pub enum ReportError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("{}: cannot be read: {source}; the report names each file with its fingerprint", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: cannot be written: {source}; choose another place", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("the report has no JSON form: {0}; choose another format")]
    Json(#[from] serde_json::Error),
}

impl Report {
    /// Reads every file once for its fingerprint, which takes a while where models are large.
    ///
    /// # Errors
    /// Where a model or a file is not there any more.
    pub fn gather(compared: Compared) -> Result<Self, ReportError> {
        let mut models: Vec<ModelEntry> = Vec::new();
        let mut runs = Vec::new();
        for folder in &compared.models {
            let run = run_of(folder);
            let name = match &run {
                Some(run) => run.record().name.clone(),
                None => ModelFolder::open(folder)?.name().to_owned(),
            };
            let fingerprint = ModelFolder::open(folder)?.fingerprint()?;
            let name = unused(name, |name| models.iter().any(|model| model.name == name));
            models.push(ModelEntry { name, folder: folder.display().to_string(), fingerprint });
            runs.extend(run.map(|run| of_run(&run)));
        }
        let mut sets: Vec<SetEntry> = Vec::new();
        for set in compared.sets {
            let name = set.questions.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let name = unused(name, |name| sets.iter().any(|set| set.name == name));
            let ComparedSet { passages, texts, comparison, .. } = set;
            let (questions, corpus) = (file(&set.questions)?, file(&set.corpus)?);
            sets.push(SetEntry { name, questions, corpus, passages, texts, comparison });
        }
        let Compared { title, method, .. } = compared;
        let version = env!("CARGO_PKG_VERSION").into();
        Ok(Self { title, made: Utc::now().rfc3339(), version, method, models, sets, runs })
    }
}

/// The name, or the name with the first number that makes it another.
fn unused(name: String, is_used: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name} ({number})"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !is_used(name)).unwrap_or(name)
}

/// The run whose folder holds the model.
fn run_of(model: &Path) -> Option<Run> {
    let model = model.canonicalize().ok()?;
    model.ancestors().skip(1).take(2).find_map(|folder| Run::open(folder).ok())
}

fn of_run(run: &Run) -> RunEntry {
    let mut loss = Curve { name: "loss".into(), points: Vec::new() };
    let mut evaluations: Vec<Curve> = Vec::new();
    for event in run.events::<TrainingEvent>().map(|read| read.events).unwrap_or_default() {
        match event {
            TrainingEvent::Resumed { step } => {
                let step = step as f64;
                for curve in evaluations.iter_mut().chain([&mut loss]) {
                    curve.points.retain(|point| point[0] <= step);
                }
            }
            TrainingEvent::Step(report) => loss.points.push([report.step as f64, report.loss.total]),
            TrainingEvent::Evaluated(evaluation) => {
                for (name, value) in evaluation.metrics {
                    let point = [evaluation.step as f64, value];
                    match evaluations.iter_mut().find(|curve| curve.name == name) {
                        Some(curve) => curve.points.push(point),
                        None => evaluations.push(Curve { name, points: vec![point] }),
                    }
                }
            }
            _ => {}
        }
    }
    let curves = std::iter::once(loss).chain(evaluations).collect();
    RunEntry { name: run.record().name.clone(), configuration: run.config().unwrap_or_default(), curves }
}

fn file(path: &Path) -> Result<FileEntry, ReportError> {
    let broken = |source| ReportError::File { path: path.to_path_buf(), source };
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path).map_err(broken)?).map_err(broken)?;
    Ok(FileEntry { path: path.display().to_string(), fingerprint: hasher.finalize().to_hex().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        assert_eq!(unused("model".into(), |_| false), "model");
        assert_eq!(unused("model".into(), |name| name == "model" || name == "model (2)"), "model (3)");
    }
}
