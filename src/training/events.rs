//! What a run tells while it goes. The window, the command line and the run's log read the same events.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::forecast::MemoryForecast;

/// One message of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrainingEvent {
    /// The run is set up; nothing has been computed yet.
    Started(RunPlan),
    /// One optimiser step is done.
    Step(StepReport),
    /// Something can be survived but should be known.
    Warning { text: String },
    /// A folder with a model was written.
    Saved { step: usize, folder: PathBuf },
}

/// What a run is going to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    pub device: String,
    pub rows: usize,
    /// Optimiser steps in the whole run.
    pub steps: usize,
    pub micro_batches_per_epoch: usize,
    pub parameters: usize,
    /// Parameters that the run changes.
    pub trainable_parameters: usize,
    /// What the largest micro-batch takes.
    #[serde(default)]
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
    /// Global L2 norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Tokens read in this step, padding not counted.
    pub tokens: usize,
    /// Seconds this step took.
    pub seconds: f64,
}

/// A loss and the parts it is made of, before their weights. Parts that a run does not have are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossParts {
    pub total: f64,
    pub dense: f64,
    pub sparse: Option<f64>,
    pub colbert: Option<f64>,
    pub ensemble: Option<f64>,
    pub self_distill_dense: Option<f64>,
    pub self_distill_sparse: Option<f64>,
    pub self_distill_colbert: Option<f64>,
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
        }
    }
}
