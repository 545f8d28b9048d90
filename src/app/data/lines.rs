//! The open file as the bench shows it: a picture of the data set, made anew when it changes.
//!
//! The picture stays while the data set itself is away being saved.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::dataset::{Dataset, LineId, Problem, Row};

/// A usable row.
pub struct RowLine {
    pub id: LineId,
    /// From 1.
    pub line: usize,
    pub row: Arc<Row>,
    /// What is odd about it, though it can be used.
    pub warnings: Vec<Problem>,
    /// It differs from the file.
    pub is_edited: bool,
}

/// A line that cannot be used.
pub struct BadLine {
    pub id: LineId,
    /// From 1.
    pub line: usize,
    pub problems: Vec<Problem>,
    /// As it stands in the file.
    pub text: String,
}

#[derive(Default)]
pub struct Lines {
    pub rows: Vec<RowLine>,
    pub bad: Vec<BadLine>,
    pub path: Option<PathBuf>,
    pub is_modified: bool,
    pub can_undo: bool,
    pub can_redo: bool,
}

impl Lines {
    /// `before` holds the texts that touched lines have in the file.
    pub fn of(dataset: &Dataset, before: &HashMap<LineId, Option<String>>) -> Self {
        let (mut rows, mut bad) = (Vec::new(), Vec::new());
        for (line, found) in (1..).zip(dataset.lines()) {
            let (id, text) = (found.id(), || dataset.text(found.id()).unwrap_or_default());
            let problems: Vec<_> = if found.has_problems() { found.problems(line).collect() } else { Vec::new() };
            if let Some(row) = found.row() {
                let is_edited = before.get(&id).is_some_and(|before| before.as_deref() != Some(&*text()));
                rows.push(RowLine { id, line, row: Arc::clone(row), warnings: problems, is_edited });
            } else if found.is_bad() {
                bad.push(BadLine { id, line, problems, text: text().into_owned() });
            }
        }
        Self {
            rows,
            bad,
            path: dataset.path().map(PathBuf::from),
            is_modified: dataset.is_modified(),
            can_undo: dataset.can_undo(),
            can_redo: dataset.can_redo(),
        }
    }
}
