//! The seam between a run and whoever started it.

use std::ops::ControlFlow;

use super::TrainingError;
use super::events::{Evaluation, TrainingEvent};
use crate::model::EmbeddingModel;

/// What a run can be told while it goes; it obeys after the step it is at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// End here and keep the model.
    Stop,
    Evaluate,
    /// Write a checkpoint.
    Save,
    /// The schedule's highest learning rate from here on.
    LearningRate(f64),
}

/// Whoever started a run: hears its events, may steer it, and searches with its model.
pub trait Host {
    fn tell(&mut self, event: TrainingEvent);

    /// Before each micro-batch; it may wait (a pause). `Break` ends the run without a model.
    fn ask(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The run cannot go on by itself: the next [`ask`](Self::ask) should wait for a person.
    fn pause(&mut self) {}

    fn command(&mut self) -> Option<Command> {
        None
    }

    /// Texts of the questions that [`evaluate`](Self::evaluate) asks; `None` if the run is not evaluated.
    fn questions(&self) -> Option<Vec<String>> {
        None
    }

    /// Metrics and ranks of a model; the run fills in step, epoch and time. `None` if it was told to end.
    fn evaluate(&mut self, _model: &EmbeddingModel) -> Result<Option<Evaluation>, TrainingError> {
        Ok(None)
    }
}
