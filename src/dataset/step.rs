//! What the steps of the history are called.

use super::edit::Edit;
use super::row::Side;
use serde::{Deserialize, Serialize};

/// What was done in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    SetQuery,
    SetPassage,
    AddPositive,
    AddNegative,
    RemovePassage,
    ToPositives,
    ToNegatives,
    Reorder,
    SetScores,
    SetPrompt,
    SetNegatives,
    InsertRow,
    RemoveLine,
    ReplaceLine,
    /// Faults put right, all of one kind or one of them.
    Fix,
    /// Mined negatives accepted.
    Mine,
    /// Passages scored by a model.
    Score,
}

impl StepName {
    pub(super) fn of(edit: &Edit) -> Self {
        match edit {
            Edit::SetQuery { .. } => Self::SetQuery,
            Edit::SetPassage { .. } => Self::SetPassage,
            Edit::AddPassage { side: Side::Positive, .. } => Self::AddPositive,
            Edit::AddPassage { side: Side::Negative, .. } => Self::AddNegative,
            Edit::RemovePassage { .. } => Self::RemovePassage,
            Edit::MovePassage { from: Side::Negative, .. } => Self::ToPositives,
            Edit::MovePassage { from: Side::Positive, .. } => Self::ToNegatives,
            Edit::Reorder { .. } => Self::Reorder,
            Edit::SetScores { .. } => Self::SetScores,
            Edit::SetPrompt { .. } => Self::SetPrompt,
            Edit::SetNegatives { .. } => Self::SetNegatives,
            Edit::InsertRow { .. } => Self::InsertRow,
            Edit::RemoveLine { .. } => Self::RemoveLine,
            Edit::ReplaceLine { .. } => Self::ReplaceLine,
        }
    }
}

/// One step of the history, for a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepInfo {
    pub name: StepName,
    /// Lines that it changed.
    pub lines: usize,
    /// The first of them: where it stood, 1-based.
    pub line: usize,
}
