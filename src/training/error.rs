use std::path::{Path, PathBuf};

use thiserror::Error;

use super::files::RowFault;
use super::options::OptionError;
use crate::compute::ComputeError;
use crate::dataset::DatasetError;
use crate::model::ModelError;
use crate::retrieval::SearchError;

/// A run that cannot start or cannot go on.
#[derive(Debug, Error)]
pub enum TrainingError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Options(Vec<OptionError>),
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: String },
    #[error("{}, line {line}: {fault}", path.display())]
    Row { path: PathBuf, line: usize, fault: RowFault },
    #[error(
        "{rows} row(s) make no batch of {batch_size}; add rows, lower per_device_train_batch_size, or lower small_threshold and drop_threshold"
    )]
    NoBatches { rows: usize, batch_size: usize },
    #[error("no parameter is trained; raise trainable_layers or switch fix_encoder off")]
    NothingToTrain,
    #[error("the checkpoint {} {cause}", path.display())]
    Checkpoint { path: PathBuf, cause: String },
    #[error(
        "{what} is not what the run began with, so it cannot go on as if nothing had happened; put it back, or start a new run"
    )]
    Changed { what: String },
    #[error("the evaluation failed: {0}")]
    Evaluation(#[from] SearchError),
    #[error("{} is not empty; choose another output_dir, or switch overwrite_output_dir on", .0.display())]
    OutputExists(PathBuf),
    #[error(transparent)]
    Data(#[from] DatasetError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Compute(#[from] ComputeError),
}

impl TrainingError {
    /// Whether a device had no memory left, which smaller pieces may help against.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(
            self,
            Self::Compute(ComputeError::OutOfMemory(_))
                | Self::Model(ModelError::Compute(ComputeError::OutOfMemory(_)))
        )
    }

    pub(crate) fn file(path: &Path, cause: impl ToString) -> Self {
        Self::File { path: path.to_path_buf(), cause: cause.to_string() }
    }
}
