//! Rows in, tuned model out.

mod batches;
mod checkpoints;
mod config;
mod dry_run;
mod error;
mod events;
mod files;
mod forecast;
mod host;
mod losses;
mod optimizer;
mod options;
mod run;
mod schedule;
mod scores;
mod trainer;

pub(crate) use batches::fill;
pub use batches::{Batches, MicroBatch, TokenizedBatch};
pub use checkpoints::{Best, Checkpoints, Standing};
pub use config::{EVALUATION_METRICS, Group, KdLossType, LossType, OptionInfo, Schedule, TrainingConfig};
pub use dry_run::{DryMicroBatch, dry_run};
pub use error::TrainingError;
pub use events::{Evaluation, LossParts, RunPlan, StepReport, TrainingEvent};
pub use files::{TrainingFile, read_files};
pub use forecast::{MemoryForecast, MicroBatchSize};
pub use host::{Command, Host};
pub use losses::Layout;
pub use options::{OPTIONS, OptionError, takes_paths};
pub use run::{Outcome, Places, train};
pub use schedule::{Plan, learning_rate};
pub use trainer::{Counters, ScoreMatrices, StepResult, Trainer, Window};
