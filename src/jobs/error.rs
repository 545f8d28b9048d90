//! Why a job cannot do what is asked of it.

use std::io;
use std::path::{Path, PathBuf};

use crate::retrieval::Keep;

/// A request that cannot be met, or work that broke off.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("{} is a reranker, which makes no vectors; choose an embedding model", .0.display())]
    NoVectors(PathBuf),
    #[error("{} has no sparse and ColBERT heads; choose dense search, or a model that was trained with unified_finetuning", .0.display())]
    NoHeads(PathBuf),
    #[error("{} makes vectors that are not numbers; its weights are damaged, choose another model or checkpoint", .0.display())]
    NotFinite(PathBuf),
    #[error("there are no passages to take negatives from; choose rows or a corpus with some")]
    NoPassages,
    #[error("there are no ranks from {start} to {end}; the second number must be above the first")]
    NoRanks { start: usize, end: usize },
    #[error("{0:?} leaves nothing to judge by; a share lies between 0 and 1, and a margin is not below 0")]
    NothingToJudgeBy(Keep),
    #[error(
        "no question of eval_data has a positive in the corpus; give the eval_corpus that holds the positives, by id (`pos_ids`) or by text"
    )]
    NoQuestions,
    #[error("{} is there already and is not empty; choose a new folder", .0.display())]
    NotEmpty(PathBuf),
    #[error("{} cannot be written: {cause}; make room on the disk, or choose a folder that may be written", path.display())]
    Write { path: PathBuf, cause: io::Error },
    #[error(
        "{} holds neither a trainer_state.json, nor TensorBoard's events, nor a model; choose the folder of an exported job, or the output folder of a run",
        .0.display()
    )]
    NoRun(PathBuf),
    #[error("the system gave no thread for this work; close other programs and try again")]
    NoThread,
    #[error(
        "the program made a mistake: {cause}; your data and the other work are untouched; try again, or on another device, and report this if it comes back{}",
        .report.as_ref().map_or_else(String::new, |path| format!(": what is known of it is in {}", path.display()))
    )]
    Mistake { cause: String, report: Option<PathBuf> },
}

impl JobError {
    /// For `map_err`.
    pub(super) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Write { path: path.clone(), cause }
    }
}
