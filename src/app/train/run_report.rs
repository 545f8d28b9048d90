//! What is known of a run, told by its events: while it goes, or read from its folder.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::board::Board;
use super::curves::Curves;
use crate::training::{RunPlan, StepReport, TrainingEvent, Warning};

/// Steps that the speed is averaged over.
const RECENT: usize = 20;

#[derive(Clone, Debug, Default)]
pub struct RunReport {
    pub plan: Option<RunPlan>,
    pub curves: Curves,
    pub board: Board,
    pub last: Option<StepReport>,
    pub warnings: Vec<(String, Option<Warning>)>,
    /// All that a log for people has: no steps, and no questions.
    pub log: Vec<TrainingEvent>,
    /// Where the last model was written.
    pub saved: Option<PathBuf>,
    /// Steps that were skipped.
    pub skipped: usize,
    /// It has paused by itself after this step.
    pub halted: Option<usize>,
    /// Why a checkpoint or the model could not be written, as long as the run waits for it.
    pub cannot_save: Option<String>,
    /// The step at which it stopped early, and the best one.
    pub stopped_early: Option<(usize, usize)>,
    /// The schedule's highest learning rate, if it was changed.
    pub learning_rate: Option<f64>,
    /// Tokens and seconds of the last steps.
    recent: VecDeque<(usize, f64)>,
}

impl RunReport {
    pub fn of(events: impl IntoIterator<Item = TrainingEvent>) -> Self {
        let mut report = Self::default();
        events.into_iter().for_each(|event| report.take(event));
        report
    }

    pub fn take(&mut self, event: TrainingEvent) {
        if !matches!(event, TrainingEvent::Step(_) | TrainingEvent::Questions { .. }) {
            self.log.push(event.clone());
        }
        match event {
            TrainingEvent::Started(plan) => self.plan = Some(plan),
            TrainingEvent::Resumed { step } => self.resume_after(step),
            TrainingEvent::Questions { texts } => self.board.set_questions(texts),
            TrainingEvent::Skipped { skipped, .. } => self.skipped = skipped,
            TrainingEvent::Evaluated(evaluation) => {
                self.curves.push_evaluation(&evaluation);
                self.board.push(evaluation);
            }
            TrainingEvent::LearningRate { learning_rate, .. } => self.learning_rate = Some(learning_rate),
            TrainingEvent::Halted { step, .. } => self.halted = Some(step),
            TrainingEvent::CannotSave { why, .. } => self.cannot_save = Some(why),
            TrainingEvent::StoppedEarly { step, best } => self.stopped_early = Some((step, best)),
            TrainingEvent::Warning { text, what } => {
                if !self.warnings.iter().any(|(known, _)| *known == text) {
                    self.warnings.push((text, what));
                }
            }
            TrainingEvent::Saved { folder, .. } => (self.saved, self.cannot_save) = (Some(folder), None),
            TrainingEvent::Checkpoint { .. } => self.cannot_save = None,
            TrainingEvent::Best { .. } => {}
            TrainingEvent::Step(report) => {
                self.curves.push(&report);
                self.recent.push_back((report.tokens, report.seconds));
                if self.recent.len() > RECENT {
                    self.recent.pop_front();
                }
                self.halted = None;
                self.last = Some(report);
            }
        }
    }

    /// What came after the step is not true any more.
    fn resume_after(&mut self, step: usize) {
        self.curves.cut_after(step);
        self.board.cut_after(step);
        self.recent.clear();
        self.last = self.last.take().filter(|last| last.step <= step);
        (self.halted, self.stopped_early, self.saved) = (None, None, None);
        self.cannot_save = None;
    }

    /// The part of all steps that is done, from 0 to 1.
    pub fn fraction(&self) -> f32 {
        self.last.as_ref().map_or(0.0, |last| last.step as f32 / last.steps.max(1) as f32)
    }

    /// The present epoch from 1, all epochs of the run, and the part of the present one that is done.
    pub fn epoch(&self) -> Option<(usize, usize, f32)> {
        let last = self.last.as_ref()?;
        let all = (last.epoch / (last.step as f64 / last.steps.max(1) as f64) - 1e-6).ceil().max(1.0);
        // At the end of an epoch it is the whole of it, not nothing of the next.
        let present = (last.epoch - 1e-9).floor().max(0.0);
        Some((present as usize + 1, all as usize, (last.epoch - present) as f32))
    }

    /// Of the last steps; `None` before the first.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (tokens, seconds) = self.recent();
        (tokens > 0 && seconds > 0.0).then(|| tokens as f64 / seconds)
    }

    /// Mean of the last steps.
    pub fn seconds_per_step(&self) -> Option<f64> {
        (!self.recent.is_empty()).then(|| self.recent().1 / self.recent.len() as f64)
    }

    fn recent(&self) -> (usize, f64) {
        self.recent.iter().fold((0, 0.0), |(tokens, seconds), step| (tokens + step.0, seconds + step.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::{Evaluation, LossParts};

    fn step(step: usize, tokens: usize, seconds: f64) -> TrainingEvent {
        let loss = LossParts { total: 1.0, ..LossParts::default() };
        TrainingEvent::Step(StepReport {
            step,
            steps: 50,
            epoch: step as f64 / 25.0,
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
        assert_eq!((report.tokens_per_second(), report.seconds_per_step()), (None, None));
        report.take(step(1, 100, 50.0));
        assert_eq!((report.tokens_per_second(), report.seconds_per_step()), (Some(2.0), Some(50.0)));
        for number in 2..=RECENT + 1 {
            report.take(step(number, 100, 1.0));
        }
        assert_eq!((report.tokens_per_second(), report.seconds_per_step()), (Some(100.0), Some(1.0)));
        assert_eq!(report.last.unwrap().step, RECENT + 1);
    }

    #[test]
    fn epochs_are_counted_from_one_and_end_whole() {
        for (number, expected) in [(1, (1, 2, 0.04)), (25, (1, 2, 1.0)), (26, (2, 2, 0.04)), (50, (2, 2, 1.0))] {
            let (present, all, part) = RunReport::of([step(number, 1, 1.0)]).epoch().unwrap();
            assert_eq!((present, all), (expected.0, expected.1), "at step {number}");
            assert!((part - expected.2).abs() < 1e-5, "{part} at step {number}");
        }
    }

    #[test]
    fn a_warning_that_comes_again_is_shown_once() {
        let mut report = RunReport::default();
        for _ in 0..3 {
            report.take(TrainingEvent::Warning { text: "long".into(), what: None });
        }
        report.take(TrainingEvent::Saved { step: 9, folder: "model".into() });
        assert_eq!((report.warnings.len(), report.saved), (1, Some("model".into())));
    }

    #[test]
    fn a_run_that_goes_on_forgets_what_came_after_its_step() {
        let evaluated =
            |step| TrainingEvent::Evaluated(Evaluation { step, ranks: vec![Some(1)], ..Default::default() });
        let mut report = RunReport::of([
            TrainingEvent::Questions { texts: vec!["q".into()] },
            evaluated(0),
            step(1, 1, 1.0),
            step(2, 1, 1.0),
            evaluated(2),
            step(3, 1, 1.0),
            TrainingEvent::Halted { step: 3, why: "no number".into() },
        ]);
        assert_eq!((report.halted, report.board.evaluations.len()), (Some(3), 2));
        report.take(TrainingEvent::Resumed { step: 1 });
        assert_eq!((report.halted, report.board.evaluations.len()), (None, 1));
        assert_eq!(report.curves.steps.marks.len(), 1);
        report.take(step(2, 1, 1.0));
        assert_eq!(report.curves.steps.marks.iter().map(|mark| mark.step).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(report.log.len(), 4, "{:?}", report.log);
    }
}
