//! Rows in, tuned model out.

mod config;
mod events;
mod options;

pub use config::{Group, KdLossType, LossType, OptionInfo, Schedule, TrainingConfig};
pub use events::{LossParts, RunPlan, StepReport, TrainingEvent};
pub use options::{OPTIONS, OptionError};
