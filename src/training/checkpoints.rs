//! A run's checkpoints: folders `step-00000120`, each all that a run needs to go on from there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::TrainingError;
use super::trainer::{Counters, Trainer};
use crate::files;

const STATE: &str = "state.json";
const TENSORS: &str = "trainer.safetensors";
/// Before the name of a checkpoint that is being written.
const UNFINISHED: &str = ".unfinished-";

/// Where a run stands, beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Optimiser steps done.
    pub step: usize,
    pub counters: Counters,
    /// The schedule's highest learning rate.
    pub learning_rate: f64,
    /// Sum of the losses of all steps that changed the weights, and their number.
    pub loss_sum: f64,
    pub losses: usize,
    /// Steps that were skipped because of numbers that are not finite.
    pub skipped: usize,
    pub best: Option<Best>,
    /// Evaluations since the best.
    pub worse: usize,
    /// Fingerprints of the base model and of the rows.
    pub base_model: String,
    pub data: String,
}

/// The best evaluation of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    pub step: usize,
    pub value: f64,
}

/// The folder of a run's checkpoints.
pub struct Checkpoints {
    folder: PathBuf,
    /// How many of the last are kept; `None` for all.
    limit: Option<usize>,
}

impl Checkpoints {
    pub fn new(folder: &Path, limit: Option<usize>) -> Self {
        Self { folder: folder.to_path_buf(), limit }
    }

    /// Steps of all checkpoints that are whole, from the first to the last.
    pub fn steps(folder: &Path) -> Vec<usize> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut steps: Vec<usize> = names.filter_map(|name| name.strip_prefix("step-")?.parse().ok()).collect();
        steps.sort_unstable();
        steps
    }

    /// The folder of a step's checkpoint.
    pub fn at(folder: &Path, step: usize) -> PathBuf {
        folder.join(format!("step-{step:08}"))
    }

    /// Writes a checkpoint under its name once it is whole, and removes those that need not be kept.
    pub fn save(&self, trainer: &Trainer, standing: &Standing) -> Result<PathBuf, TrainingError> {
        let folder = Self::at(&self.folder, standing.step);
        let failed = |error: io::Error| TrainingError::Checkpoint {
            path: folder.clone(),
            cause: format!("cannot be written: {error}; is there room on the disk?"),
        };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        self.clear_unfinished();
        let new = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&self.folder).map_err(failed)?;
        let state = serde_json::to_string_pretty(standing).map_err(|error| failed(error.into()))?;
        fs::write(new.path().join(STATE), state).map_err(failed)?;
        trainer.save_tensors(&new.path().join(TENSORS))?;
        for name in [STATE, TENSORS] {
            File::open(new.path().join(name)).and_then(|file| file.sync_all()).map_err(failed)?;
        }
        if folder.exists() {
            // Of the same step of the same run, so equal.
            return Ok(folder);
        }
        let new = new.keep();
        if let Err(error) = fs::rename(&new, &folder) {
            let _ = fs::remove_dir_all(&new);
            return Err(failed(error));
        }
        // The name lasts through a power cut when the folder that holds it has been written.
        #[cfg(unix)]
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        self.remove_old(standing.best.map(|best| best.step));
        Ok(folder)
    }

    /// Reads a checkpoint's state; [`Trainer::restore`] takes its tensors.
    pub fn read(folder: &Path) -> Result<Standing, TrainingError> {
        let failed = |cause: String| TrainingError::Checkpoint {
            path: folder.to_path_buf(),
            cause: format!("cannot be read: {cause}; take an earlier one"),
        };
        let text = files::read_text(&folder.join(STATE), files::WORDS).map_err(|error| failed(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
    }

    /// Puts a trainer where a checkpoint's was.
    pub fn restore(folder: &Path, trainer: &mut Trainer) -> Result<Standing, TrainingError> {
        let standing = Self::read(folder)?;
        trainer.restore(&folder.join(TENSORS), standing.counters)?;
        Ok(standing)
    }

    /// Removes checkpoints of later steps: the run takes another way from here.
    pub fn forget_after(&self, step: usize) {
        for later in Self::steps(&self.folder).into_iter().filter(|known| *known > step) {
            remove(&Self::at(&self.folder, later));
        }
    }

    fn remove_old(&self, best: Option<usize>) {
        let Some(limit) = self.limit else { return };
        let steps = Self::steps(&self.folder);
        let old = &steps[..steps.len().saturating_sub(limit)];
        for step in old.iter().filter(|step| Some(**step) != best) {
            remove(&Self::at(&self.folder, *step));
        }
    }

    /// What a run that broke off while it wrote has left.
    fn clear_unfinished(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
            remove(&entry.path());
        }
    }
}

/// Removes a checkpoint; under another name first, so that half of one never looks whole.
fn remove(folder: &Path) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.with_file_name(format!("{UNFINISHED}{}", name.trim_start_matches(UNFINISHED)));
    let removed = fs::rename(folder, &aside).and_then(|()| fs::remove_dir_all(&aside));
    if let Err(error) = removed {
        tracing::warn!("{} cannot be removed: {error}", folder.display());
    }
}
