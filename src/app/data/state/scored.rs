//! What models say of the rows.

use std::sync::Arc;

use super::super::scores::{RowScores, ScoredWith, Scores};
use super::State;
use crate::dataset::{LineId, Row};
use crate::jobs::scoring::{self, Measure};

impl State {
    pub fn scores(&self, id: LineId) -> Option<&RowScores> {
        self.scores.of(id)
    }

    /// What all rows were scored by, and which of it they are judged by.
    pub fn all_scores(&self) -> &Scores {
        &self.scores
    }

    pub fn has_scores(&self) -> bool {
        !self.scores.is_empty()
    }

    /// Rows with a negative that scores as high as the best positive.
    pub fn suspected(&self) -> usize {
        self.scores.suspected()
    }

    /// Takes what a model says of rows.
    pub fn take_scores(&mut self, scored: Vec<scoring::RowScores>) {
        let lines = self.lines();
        let known = Arc::make_mut(&mut self.scores);
        for scoring::RowScores { line, row, scores } in scored {
            if let Some(now) = lines.position(line).and_then(|at| lines.read(at).into_row()) {
                known.take(line, &row, &scores, &now);
            }
        }
        self.find_visible();
    }

    /// Judges the rows by another measure.
    pub fn choose_measure(&mut self, by: Measure) {
        Arc::make_mut(&mut self.scores).choose(by);
        self.find_visible();
    }

    /// Rows are about to be scored with a model. What another one of its kind said is forgotten.
    pub fn begin_scores(&mut self, with: ScoredWith) {
        Arc::make_mut(&mut self.scores).begin(with);
    }

    /// Rows that were edited since they were scored, as they are now; they are given once.
    pub fn take_edited_since_scored(&mut self) -> Vec<(LineId, Arc<Row>)> {
        if !self.scores.has_edited() {
            return Vec::new();
        }
        let lines = self.lines();
        let edited = Arc::make_mut(&mut self.scores).take_edited().into_iter();
        edited.filter_map(|line| Some((line, lines.read(lines.position(line)?).into_row()?))).collect()
    }

    /// Scored rows were edited; their scores follow.
    pub(super) fn follow_scores(&mut self, touched: &[LineId]) {
        let lines = self.lines();
        for line in touched {
            if self.scores.of(*line).is_some() {
                let row = lines.position(*line).and_then(|at| lines.read(at).into_row());
                Arc::make_mut(&mut self.scores).follow(*line, row.as_deref());
            }
        }
    }
}
