//! The rows that a job works on.

use std::sync::Arc;

use crate::dataset::{LineId, Lines, Row};

/// Rows that are read already, or lines that the job is to read: of a million that takes seconds.
#[derive(Clone)]
pub enum RowSource {
    Rows(Vec<(LineId, Arc<Row>)>),
    /// Lines and the places of those that are meant; what is no row there is left out.
    Lines(Lines, Vec<usize>),
}

impl RowSource {
    /// All rows among the lines.
    pub fn all(lines: Lines) -> Self {
        let places = (0..lines.len()).collect();
        Self::Lines(lines, places)
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Rows(rows) => rows.is_empty(),
            Self::Lines(_, places) => places.is_empty(),
        }
    }

    pub fn read(&self) -> Vec<(LineId, Arc<Row>)> {
        match self {
            Self::Rows(rows) => rows.clone(),
            Self::Lines(lines, places) => lines.rows_at(places),
        }
    }
}

impl From<Vec<(LineId, Arc<Row>)>> for RowSource {
    fn from(rows: Vec<(LineId, Arc<Row>)>) -> Self {
        Self::Rows(rows)
    }
}
