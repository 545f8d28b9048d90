use std::path::{Path, PathBuf};

use thiserror::Error;

use super::hub::HubError;
use crate::compute::ComputeError;

/// A model folder that cannot be used, or work with a model that was stopped.
#[derive(Debug, Error)]
pub enum ModelError {
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: String },
    #[error("{}: the tensor `{tensor}` is missing; the file is not a model of the shape that config.json describes", path.display())]
    MissingTensor { path: PathBuf, tensor: String },
    #[error("{}: the tensor `{tensor}` has the shape {found:?}, but config.json asks for {wanted:?}", path.display())]
    Shape { path: PathBuf, tensor: String, found: Vec<usize>, wanted: Vec<usize> },
    #[error(
        "{}: the tensor `{tensor}` holds {value} at place {at}, which is no finite number; the model is broken, as after a training that diverged: take another one, or fetch it again",
        path.display()
    )]
    NotFinite { path: PathBuf, tensor: String, at: usize, value: f32 },
    #[error("{} and {} cannot be mixed: {difference}; choose a model and one that was tuned from it", base.display(), tuned.display())]
    Mix { base: PathBuf, tuned: PathBuf, difference: String },
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error("a text could not be cut into tokens: {0}")]
    Tokenizer(String),
    #[error("the device failed: {0}; choose another device, or a smaller batch")]
    Device(String),
    #[error(transparent)]
    Compute(#[from] ComputeError),
    #[error("the work was stopped")]
    Stopped,
}

impl ModelError {
    /// What a failed read from a device comes of.
    pub(crate) fn device(error: impl std::fmt::Debug) -> Self {
        let text = format!("{error:?}");
        ComputeError::in_words(&text).map_or(Self::Device(text), Self::Compute)
    }

    pub(crate) fn file(path: impl AsRef<Path>, cause: impl ToString) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), cause: cause.to_string() }
    }
}
