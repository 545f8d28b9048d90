//! The lines of the open file as the bench shows them.

use std::sync::Arc;

use crate::dataset::{LineId, Problem, Row};

/// A usable row.
pub struct RowLine {
    pub id: LineId,
    /// From 1.
    pub line: usize,
    pub row: Arc<Row>,
    /// It differs from the file.
    pub is_edited: bool,
    /// There is something wrong with it.
    pub has_faults: bool,
}

/// The chosen line in full.
pub struct Chosen {
    pub id: LineId,
    /// From 1.
    pub line: usize,
    /// None if the line cannot be used.
    pub row: Option<Arc<Row>>,
    pub problems: Vec<Problem>,
    /// As it stands now; of a very long line that cannot be used, the beginning.
    pub text: String,
    /// Whether there is more of it.
    pub is_cut: bool,
    /// The row as the file has it, where that is another.
    pub before: Option<Row>,
    /// The data set's state that this was read from.
    pub revision: u64,
}

/// A line that cannot be used.
pub struct BadLine {
    pub id: LineId,
    /// From 1.
    pub line: usize,
    pub problems: Vec<Problem>,
}
