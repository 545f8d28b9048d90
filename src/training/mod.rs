//! Rows in, tuned model out.

mod batches;
mod config;
mod dry_run;
mod error;
mod events;
mod files;
mod forecast;
mod losses;
mod optimizer;
mod options;
mod run;
mod schedule;
mod scores;
mod trainer;

pub(crate) use batches::fill;
pub use batches::{Batches, MicroBatch, TokenizedBatch};
pub use config::{EVALUATION_METRICS, Group, KdLossType, LossType, OptionInfo, Schedule, TrainingConfig};
pub use dry_run::{DryMicroBatch, dry_run};
pub use error::TrainingError;
pub use events::{LossParts, RunPlan, StepReport, TrainingEvent};
pub use files::{TrainingFile, read_files};
pub use forecast::{MemoryForecast, MicroBatchSize};
pub use losses::Layout;
pub use options::{OPTIONS, OptionError, takes_paths};
pub use run::{Outcome, train};
pub use schedule::{Plan, learning_rate};
pub use trainer::{ScoreMatrices, StepResult, Trainer, Window};
