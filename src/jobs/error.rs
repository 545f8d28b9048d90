//! Why a job cannot do what is asked of it.

use std::path::PathBuf;

use crate::retrieval::Keep;

/// A request that cannot be met.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
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
}
