//! What a run tells while it goes. The window, the command line and the run's log read the same events.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::forecast::MemoryForecast;
use super::warning::Warning;

/// One message of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrainingEvent {
    /// The run is set up; nothing has been computed yet.
    Started(RunPlan),
    /// The run goes on after this step; what was told of later ones before does not count.
    Resumed {
        step: usize,
    },
    /// The questions of all evaluations, in their order.
    Questions {
        texts: Vec<String>,
    },
    /// One optimiser step is done.
    Step(StepReport),
    /// The step's loss or gradient was not finite: the weights stay as they were before it.
    Skipped {
        step: usize,
        /// Steps of the whole run that were skipped so far.
        skipped: usize,
        /// 16-bit floats overflowed; the loss scale is halved, which happens now and then.
        overflow: bool,
    },
    Evaluated(Evaluation),
    /// The last evaluation was the best of the run so far.
    Best {
        step: usize,
        metric: String,
        value: f64,
    },
    /// From the next step on, the schedule's highest learning rate is this.
    LearningRate {
        step: usize,
        learning_rate: f64,
    },
    /// A checkpoint was written.
    Checkpoint {
        step: usize,
        folder: PathBuf,
    },
    /// The run cannot go on by itself and has paused: why, and what to try.
    Halted {
        step: usize,
        why: String,
    },
    /// A checkpoint or the model could not be written: the run has paused, and tries again when it goes on.
    CannotSave {
        step: usize,
        why: String,
    },
    /// The metric has not become better for as long as was allowed; `best` is the step when it was.
    StoppedEarly {
        step: usize,
        best: usize,
    },
    /// Something can be survived but should be known; its text in English, and what it is, which runs of earlier versions
    /// do not say.
    Warning {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        what: Option<Warning>,
    },
    /// A folder with a model was written; `step` is the step that the model is of.
    Saved {
        step: usize,
        folder: PathBuf,
    },
}

impl TrainingEvent {
    pub fn warning(what: Warning) -> Self {
        Self::Warning { text: what.to_string(), what: Some(what) }
    }
}

/// What a run is going to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    pub device: String,
    pub rows: usize,
    /// A hash of the rows.
    pub data: String,
    /// Optimiser steps in the whole run.
    pub steps: usize,
    pub micro_batches_per_epoch: usize,
    pub parameters: usize,
    /// Parameters that the run changes.
    pub trainable_parameters: usize,
    /// What the largest micro-batch takes.
    pub memory: MemoryForecast,
}

/// The numbers of one optimiser step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// 1 for the first step.
    pub step: usize,
    pub steps: usize,
    /// Epochs done, with the fraction of the present one.
    pub epoch: f64,
    /// Means over the micro-batches of the step.
    pub loss: LossParts,
    /// The rate that this step used.
    pub learning_rate: f64,
    /// Global L2 norm of the gradient before clipping; no number where another engine did not say.
    #[serde(with = "or_unknown")]
    pub grad_norm: f64,
    /// Tokens read in this step, padding not counted; 0 where another engine did not say.
    pub tokens: usize,
    /// Seconds this step took; 0 where another engine did not say.
    pub seconds: f64,
    /// When it was done, in seconds since 1970.
    pub time: f64,
    /// Bytes of the device's memory in use; `None` where nobody says.
    pub memory: Option<u64>,
}

/// What the model finds at one point of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done; 0 is the base model.
    pub step: usize,
    pub epoch: f64,
    /// When it was done, in seconds since 1970.
    pub time: f64,
    /// From 0 to 1, by the names of [`EVALUATION_METRICS`](super::EVALUATION_METRICS).
    pub metrics: BTreeMap<String, f64>,
    /// Rank from 1 of each question's first right passage, in the order of [`TrainingEvent::Questions`].
    pub ranks: Vec<Option<usize>>,
}

/// A loss and the parts it is made of, before their weights. Parts that a run does not have are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossParts {
    pub total: f64,
    /// No number where another engine did not say.
    #[serde(with = "or_unknown")]
    pub dense: f64,
    pub sparse: Option<f64>,
    pub colbert: Option<f64>,
    pub ensemble: Option<f64>,
    pub self_distill_dense: Option<f64>,
    pub self_distill_sparse: Option<f64>,
    pub self_distill_colbert: Option<f64>,
    /// The teacher's part within the total, weighted as there.
    pub knowledge_distill: Option<f64>,
}

impl LossParts {
    /// The mean of several; a part counts where it is there.
    pub fn mean(all: &[Self]) -> Self {
        let mean = |part: &dyn Fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = all.iter().filter_map(part).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        Self {
            total: mean(&|loss| Some(loss.total)).unwrap_or(f64::NAN),
            dense: mean(&|loss| Some(loss.dense)).unwrap_or(f64::NAN),
            sparse: mean(&|loss| loss.sparse),
            colbert: mean(&|loss| loss.colbert),
            ensemble: mean(&|loss| loss.ensemble),
            self_distill_dense: mean(&|loss| loss.self_distill_dense),
            self_distill_sparse: mean(&|loss| loss.self_distill_sparse),
            self_distill_colbert: mean(&|loss| loss.self_distill_colbert),
            knowledge_distill: mean(&|loss| loss.knowledge_distill),
        }
    }
}

/// Numbers that may be unknown: JSON has no NaN, so `null` stands for it.
mod or_unknown {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        number.is_finite().then_some(*number).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

/// Now, in seconds since 1970.
pub(super) fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}
