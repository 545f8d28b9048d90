//! What is known of a run while it goes.

use std::path::PathBuf;

use super::curves::Curves;
use crate::training::{RunPlan, StepReport, TrainingEvent};

/// Steps that the speed is averaged over.
const RECENT: usize = 20;

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    Resumed { step: usize },
    Skipped { step: usize, skipped: usize },
    LearningRate { step: usize, learning_rate: f64 },
    Checkpoint { step: usize },
    StoppedEarly { step: usize, best: usize },
    Best { step: usize, metric: String, value: f64 },
}

#[derive(Clone, Debug, Default)]
pub struct RunReport {
    pub plan: Option<RunPlan>,
    pub curves: Curves,
    pub last: Option<StepReport>,
    pub warnings: Vec<String>,
    /// What happened beside the steps, the last of it last.
    pub notes: Vec<Note>,
    /// The questions of the evaluations.
    pub questions: Vec<String>,
    /// Where the last model was written.
    pub saved: Option<PathBuf>,
    /// Tokens and seconds of the last steps.
    recent: std::collections::VecDeque<(usize, f64)>,
}

impl RunReport {
    pub fn take(&mut self, event: TrainingEvent) {
        match event {
            TrainingEvent::Started(plan) => self.plan = Some(plan),
            TrainingEvent::Warning { text } => {
                if !self.warnings.contains(&text) {
                    self.warnings.push(text);
                }
            }
            TrainingEvent::Saved { folder, .. } => self.saved = Some(folder),
            TrainingEvent::Halted { why, .. } => self.warnings.push(why),
            TrainingEvent::Questions { texts } => self.questions = texts,
            TrainingEvent::Evaluated(evaluation) => self.curves.evaluated(&evaluation),
            TrainingEvent::Resumed { step } => self.notes.push(Note::Resumed { step }),
            TrainingEvent::Skipped { step, skipped, .. } => self.notes.push(Note::Skipped { step, skipped }),
            TrainingEvent::LearningRate { step, learning_rate } => {
                self.notes.push(Note::LearningRate { step, learning_rate });
            }
            TrainingEvent::Checkpoint { step, .. } => self.notes.push(Note::Checkpoint { step }),
            TrainingEvent::StoppedEarly { step, best } => self.notes.push(Note::StoppedEarly { step, best }),
            TrainingEvent::Best { step, metric, value } => self.notes.push(Note::Best { step, metric, value }),
            TrainingEvent::Step(report) => {
                self.curves.push(&report);
                self.recent.push_back((report.tokens, report.seconds));
                if self.recent.len() > RECENT {
                    self.recent.pop_front();
                }
                self.last = Some(report);
            }
        }
    }

    /// The part of all steps that is done, from 0 to 1.
    pub fn fraction(&self) -> f32 {
        self.last.as_ref().map_or(0.0, |last| last.step as f32 / last.steps.max(1) as f32)
    }

    /// Of the last steps; `None` before the first.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (tokens, seconds) =
            self.recent.iter().fold((0, 0.0), |(tokens, seconds), step| (tokens + step.0, seconds + step.1));
        (seconds > 0.0).then(|| tokens as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::LossParts;

    fn step(step: usize, tokens: usize, seconds: f64) -> TrainingEvent {
        let loss = LossParts { total: 1.0, ..LossParts::default() };
        TrainingEvent::Step(StepReport {
            step,
            steps: 50,
            epoch: 0.0,
            loss,
            learning_rate: 1e-5,
            grad_norm: 1.0,
            tokens,
            seconds,
            time: 0.0,
            memory: None,
        })
    }

    #[test]
    fn speed_is_that_of_the_last_steps() {
        let mut report = RunReport::default();
        assert_eq!(report.tokens_per_second(), None);
        report.take(step(1, 100, 50.0));
        assert_eq!(report.tokens_per_second(), Some(2.0));
        for number in 2..=RECENT + 1 {
            report.take(step(number, 100, 1.0));
        }
        assert_eq!(report.tokens_per_second(), Some(100.0));
        assert_eq!(report.last.unwrap().step, RECENT + 1);
    }

    #[test]
    fn a_warning_that_comes_again_is_shown_once() {
        let mut report = RunReport::default();
        for _ in 0..3 {
            report.take(TrainingEvent::Warning { text: "long".into() });
        }
        report.take(TrainingEvent::Saved { step: 9, folder: "model".into() });
        assert_eq!((report.warnings.len(), report.saved), (1, Some("model".into())));
    }
}
