//! `trainer_state.json`: what Hugging Face's Trainer writes down of a run, beside each checkpoint.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::TrainingError;
use super::events::{LossParts, StepReport};

/// A run's history.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerState {
    /// Steps done, and steps that were planned.
    pub step: usize,
    pub steps: usize,
    /// Steps whose numbers were logged, in their order. Loss parts, tokens, seconds and times are unknown.
    pub reports: Vec<StepReport>,
}

#[derive(Deserialize)]
struct File {
    global_step: usize,
    #[serde(default)]
    max_steps: usize,
    #[serde(default)]
    log_history: Vec<Value>,
}

impl TrainerState {
    /// Reads the file. Entries without a loss, such as the summary at the end, are no steps.
    pub fn read(path: &Path) -> Result<Self, TrainingError> {
        let text = std::fs::read(path).map_err(|error| TrainingError::file(path, error))?;
        // Python writes NaN where JSON has no word for it.
        let text = String::from_utf8_lossy(&text)
            .replace(": NaN", ": null")
            .replace(": Infinity", ": null")
            .replace(": -Infinity", ": null");
        let file: File = serde_json::from_str(&text)
            .map_err(|error| TrainingError::file(path, format!("this is no trainer_state.json: {error}")))?;
        let steps = if file.max_steps == 0 { file.global_step } else { file.max_steps };
        let number = |entry: &Value, name: &str| entry[name].as_f64().unwrap_or(f64::NAN);
        let report = |entry: &Value| {
            let total = entry["loss"].as_f64()?;
            Some(StepReport {
                step: usize::try_from(entry["step"].as_u64()?).ok()?,
                steps,
                epoch: entry["epoch"].as_f64().unwrap_or(0.0),
                loss: LossParts { total, dense: f64::NAN, ..LossParts::default() },
                learning_rate: entry["learning_rate"].as_f64().unwrap_or(0.0),
                grad_norm: number(entry, "grad_norm"),
                tokens: 0,
                seconds: 0.0,
                time: 0.0,
                memory: None,
            })
        };
        let mut reports: Vec<StepReport> = file.log_history.iter().filter_map(report).collect();
        // A run that was resumed logs some steps again; the later ones count.
        reports.reverse();
        reports.sort_by_key(|report| report.step);
        reports.dedup_by_key(|report| report.step);
        Ok(Self { step: file.global_step, steps, reports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_and_summaries_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trainer_state.json");
        let text = r#"{"global_step": 3, "max_steps": 4, "log_history": [
            {"epoch": 0.25, "grad_norm": 2.5, "learning_rate": 1e-05, "loss": 3.5, "step": 1},
            {"epoch": 0.5, "loss": 3.0, "learning_rate": 2e-05, "step": 2, "grad_norm": NaN},
            {"epoch": 0.5, "loss": 2.0, "learning_rate": 2e-05, "step": 2},
            {"epoch": 0.75, "step": 3, "train_loss": 3.1, "train_runtime": 9.0}]}"#;
        std::fs::write(&path, text).unwrap();
        let state = TrainerState::read(&path).unwrap();
        assert_eq!((state.step, state.steps, state.reports.len()), (3, 4, 2));
        let first = &state.reports[0];
        assert_eq!((first.step, first.loss.total, first.grad_norm, first.learning_rate), (1, 3.5, 2.5, 1e-5));
        assert!(first.loss.dense.is_nan() && state.reports[1].loss.total == 2.0 && state.reports[1].grad_norm.is_nan());
        // What is unknown stays unknown in a run's folder.
        let line = serde_json::to_string(&state.reports[1]).unwrap();
        let read: StepReport = serde_json::from_str(&line).unwrap();
        assert!(read.grad_norm.is_nan() && read.loss.dense.is_nan() && read.loss.total == 2.0, "{line}");
    }

    #[test]
    fn what_is_no_state_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trainer_state.json");
        for text in ["", "[]", "{\"global_step\": \"x\"}"] {
            std::fs::write(&path, text).unwrap();
            assert!(TrainerState::read(&path).unwrap_err().to_string().contains("trainer_state.json"));
        }
    }
}
